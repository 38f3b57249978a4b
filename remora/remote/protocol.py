"""The talk with a held shell: how operations are written down, and how many go into one exchange.

An exchange is one brace group, of which a shell runs nothing before its end has arrived. Its reply is a row of
sections, each begun by a line with the exchange's random nonce; whatever else a host prints is passed over.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib import resources

from remora.errors import BadRequest
from remora.remote.operations import Cancel, Forget, Order, Place, Probe
from remora.remote.orders import Parcel, as_printf_format, quote

EXCHANGE_BYTES = 256 * 1024
"""Most bytes of one exchange: bash reads its standard input one byte at a time."""
EXCHANGE_STARTS = 64
"""Most starts in one exchange."""
PAYLOAD_BYTES = 32 * 1024
"""Most bytes of one payload as written in an exchange; larger ones are uploaded first."""
INLINE_BYTES = 512 * 1024
"""Most bytes of inline output in one reply, shared by its probes."""
BLOCK = 4096
"""Bytes; outputs are read from a multiple of it."""

_JOB = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Launch:
    """A start whose payloads are written down or uploaded."""

    place: Place
    tag: str
    """Suffix of this submission's files, so that two submissions at once do not meet."""
    order: Order = field(repr=False)
    payloads: tuple[str, str, str, str] = field(repr=False)
    """Manifest, order, command, stdin: each a quoted format, ``@NAME`` of an upload, or ``-``."""


Item = Launch | Probe | Cancel | Forget


@dataclass(frozen=True)
class Slice:
    """A piece of an attempt's output."""

    place: Place
    stream: str
    """``out`` or ``err``."""
    offset: int
    limit: int
    """Most bytes."""


@cache
def program() -> bytes:
    """Give the program that runs on hosts."""
    return _text("host.sh")


@cache
def program_name() -> str:
    """Give its file name on hosts: another text has another name."""
    return f"rt-{sha256(program()).hexdigest()[:16]}.sh"


def name_of(place: Place) -> str:
    """Give the attempt's directory name.

    Raises:
        BadRequest: the id is no canonical UUID, or the attempt no number from 1; nothing else becomes a path.
    """
    if not _JOB.fullmatch(place.job) or place.attempt < 1:
        raise BadRequest(f"{place.job}.{place.attempt} names no attempt", field="job")
    return f"{place.job}.{place.attempt}"


def place_of(name: str) -> Place | None:
    """Read a directory name back; None if it is none."""
    job, _, attempt = name.rpartition(".")
    if not _JOB.fullmatch(job) or not re.fullmatch(r"[1-9][0-9]{0,8}", attempt):
        return None
    return Place(job, int(attempt))


def payloads(parcel: Parcel, *, tag: str) -> tuple[tuple[str, str, str, str], dict[str, bytes]]:
    """Write a parcel's files down; give also those that are too large and must be uploaded, by name."""
    written: list[str] = []
    uploads: dict[str, bytes] = {}
    for part in ("manifest", "order", "command", "stdin"):
        data: bytes | None = getattr(parcel, part)
        text = "-" if data is None else as_printf_format(data[: PAYLOAD_BYTES + 1])
        if data is not None and len(text) > PAYLOAD_BYTES:
            uploads[f"{tag}.{part}"] = data
            text = f"@{tag}.{part}"
        written.append(text)
    return (written[0], written[1], written[2], written[3]), uploads


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Split what is asked into exchanges that keep to the limits, in the same order."""
    batch: list[Item] = []
    size = starts = 0
    for item in items:
        cost = _cost(item)
        starting = isinstance(item, Launch)
        if batch and (size + cost > EXCHANGE_BYTES - 1024 or starts + starting > EXCHANGE_STARTS):
            yield batch
            batch, size, starts = [], 0, 0
        batch.append(item)
        size += cost
        starts += starting
    if batch:
        yield batch


def exchange(items: Sequence[Item], *, nonce: str) -> bytes:
    """Write one exchange down: starts, cancels and forgets first, so that the probes see what became of them."""
    lines = [f"exchange {nonce}"]
    lines += [_launch(item) for item in items if isinstance(item, Launch)]
    lines += [f"cancel {name_of(item.place)} {_hundredths(item.grace)}" for item in items if isinstance(item, Cancel)]
    forgotten = [name_of(item.place) for item in items if isinstance(item, Forget)]
    if forgotten:
        lines.append("forget " + " ".join(forgotten))
    lines += _probes([item for item in items if isinstance(item, Probe)], nonce)
    return group(lines, nonce=nonce)


def slices(pieces: Iterable[Slice], *, nonce: str) -> bytes:
    """Ask for pieces of outputs."""
    lines = []
    for piece in pieces:
        block = 16 * BLOCK if piece.limit >= 64 * BLOCK else BLOCK
        first, last = piece.offset // block, (piece.offset + piece.limit - 1) // block
        lines.append(f"slice {nonce} {name_of(piece.place)} {piece.stream} {block} {first} {last - first + 1}")
    return group(lines, nonce=nonce)


def sizes(places: Iterable[Place], *, nonce: str) -> bytes:
    """Ask how far outputs have grown."""
    return group([f"sizes {nonce} " + " ".join(map(name_of, places))], nonce=nonce)


def ground(*, pinned: str | None, given: str | None, below: str, nonce: str) -> bytes:
    """Ask where the base directory is, and make it.

    Args:
        pinned: the base as learnt before; it is taken as it is.
        given: the configured directory; None means ``~/.remora``.
        below: the path from there to the base.
    """
    facts = {"nonce": nonce, "pinned": pinned or "", "given": given or "", "below": below, "name": program_name()}
    lines = [f"{name}={quote(value).decode()}" for name, value in facts.items()]
    return group([*lines, _text("ground.sh").decode()], nonce=nonce)


def installation(*, base: str, nonce: str) -> bytes:
    """Put the program on the host; whoever reads it there finds all of it or nothing."""
    lines = [
        f"cd {quote(base).decode()} && cat > uploads/{nonce} << '{nonce}'",
        program().decode() + nonce,
        f'[ "$(wc -c < uploads/{nonce})" -eq {len(program())} ] && mv -f uploads/{nonce} {program_name()} &&',
        f"printf '\\n{nonce} installed\\n'",
        f"rm -f uploads/{nonce}",
    ]
    return group(lines, nonce=nonce)


def enter(*, base: str, nonce: str, restore_signals: bool = False) -> bytes:
    """Let a held shell learn the program.

    Args:
        restore_signals: also learn how jobs can get INT and QUIT back, which shells make background commands ignore.
    """
    restore = "/usr/bin/env --default-signal=INT,QUIT"
    lines = [
        "exec 2> /dev/null",
        f"base={quote(base).decode()} program={quote(f'{base}/{program_name()}').decode()} restore=",
        'cd "$base" && . "$program" &&',
        f"printf '\\n{nonce} entered\\n'",
    ]
    if restore_signals:
        lines += [f"! {restore} true || restore='{restore}'", "detach tidy"]
    return group(lines, nonce=nonce)


def group(lines: Iterable[str], *, nonce: str) -> bytes:
    """Bind lines to one brace group whose reply ends in a section of its own."""
    text = "\n".join(["{", *lines, f"printf '\\n{nonce} end\\n'", "}", ""])
    return text.encode("utf-8", "surrogateescape")


def _launch(launch: Launch) -> str:
    order = launch.order
    limits = [_hundredths(order.timeout), _hundredths(order.idle_timeout), _hundredths(order.grace)]
    rest = [*limits, order.output_cap, int(order.sweep), order.user or "-"]
    return " ".join(["start", name_of(launch.place), launch.tag, *launch.payloads, *map(str, rest)])


def _probes(probes: Sequence[Probe], nonce: str) -> list[str]:
    if not probes:
        return []
    lines = [f"probe {nonce} " + " ".join(name_of(probe.place) for probe in probes)]
    asked = [probe for probe in probes if probe.inline > 0]
    share = INLINE_BYTES // max(1, 2 * len(asked))
    for probe in asked:
        for stream, offset in (("out", probe.out), ("err", probe.err)):
            lines.append(f"inline {nonce} {name_of(probe.place)} {stream} {offset} {min(probe.inline, share)}")
    return lines


def _hundredths(seconds: float | None) -> int:
    return 0 if seconds is None else max(1, round(seconds * 100))


def _cost(item: Item) -> int:
    if isinstance(item, Launch):
        return 200 + sum(map(len, item.payloads))
    return 300 if isinstance(item, Probe) and item.inline > 0 else 60


def _text(name: str) -> bytes:
    return resources.files("remora.remote").joinpath(name).read_bytes()
