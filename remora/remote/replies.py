"""What a host answered, read without any I/O. The host only prints what its files say; here it gets its meaning."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from remora.remote.operations import Exit, Phase, Probe, Report, Started, StartOutcome
from remora.remote.protocol import name_of, place_of

_HEADER = re.compile(rb"(?:\A|\n)==> (/dev/null|/proc/[0-9]+/stat|[0-9a-f-]{36}\.[0-9]+/[a-z.]+) <==\n")
_VERDICT = re.compile(
    rb"verdict ([0-9]{1,3}) (exit|signal|either) (-|wall|idle) ([01]) "
    rb"([0-9]{1,9}) ([0-9]{1,9}) ([0-9]+\.[0-9]+) (\S+)\s*\Z"
)
_CLAIM = re.compile(rb"([0-9]+) ([0-9]+) (\S+) ([0-9]+\.[0-9]+) ([0-9]+) (\S+)\s*\Z")
_UNLIMITED = 1 << 62


@dataclass(frozen=True)
class Section:
    """One section of a reply."""

    words: tuple[str, ...]
    """Its kind, then what its first line says besides."""
    content: bytes = field(repr=False)


@dataclass
class Evidence:
    """All that one reply says of attempts, by directory name."""

    uptime: float = 0.0
    absent: set[str] = field(default_factory=set)
    stale: set[str] = field(default_factory=set)
    """Attempts whose empty claim is older than a minute."""
    files: dict[str, bytes] = field(default_factory=dict)
    """Beginnings of files, by ``NAME/FILE``."""
    again: dict[str, bytes] = field(default_factory=dict)
    """The same, read after the processes were looked at."""
    processes: dict[str, str] = field(default_factory=dict)
    """Start time of each living process that was asked for, by its number."""
    sizes: dict[str, int] = field(default_factory=dict)
    """Sizes of outputs in bytes, by ``NAME/STREAM``."""
    data: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """Offset and bytes of outputs, by ``NAME/STREAM``."""
    started: list[Started] = field(default_factory=list)
    gone: bool = False
    """The program, and so the base directory, was removed."""


@dataclass(frozen=True)
class Claim:
    """The record in the file ``start``."""

    supervisor: str
    born: str
    boot_id: str
    uptime: float
    cap: int


def sections(reply: bytes, *, nonce: str) -> list[Section]:
    """Split a reply at its nonce; what stands before the first section is not ours."""
    parts = reply.split(f"\n{nonce} ".encode())[1:]
    found = []
    for part in parts:
        head, _, content = part.partition(b"\n")
        found.append(Section(tuple(head.decode("utf-8", "replace").split()), content))
    return found


def evidence(reply: bytes, *, nonce: str) -> Evidence:
    """Sort a reply."""
    found = Evidence()
    for section in sections(reply, nonce=nonce):
        _READERS.get(section.words[0], _ignore)(found, section)
    return found


def reports(probes: Sequence[Probe], found: Evidence, *, boot_id: str) -> Iterator[Report]:
    """Draw the conclusion for each probe."""
    for probe in probes:
        yield _report(probe, found, boot_id)


def capped_size(found: Evidence, name: str, stream: str) -> int:
    """Give how many bytes of an output count: what is above its cap will be cut off."""
    claim = _claim(found, name)
    return min(found.sizes.get(f"{name}/{stream}", 0), claim.cap if claim else _UNLIMITED)


def _report(probe: Probe, found: Evidence, boot_id: str) -> Report:
    name = name_of(probe.place)
    claim, verdict = _claim(found, name), _verdict(found, name)
    phase = _phase(found, name, boot_id)
    ended = verdict is not None and phase is Phase.ENDED
    return Report(
        place=probe.place,
        phase=phase,
        exit=_exit(verdict) if ended and verdict else _unstarted(found, name),
        out_size=capped_size(found, name, "out"),
        err_size=capped_size(found, name, "err"),
        truncated=_is_truncated(found, name),
        progress=_progress(found.files.get(f"{name}/status")),
        started=claim.uptime if claim else None,
        ended=float(verdict[7]) if ended and verdict else None,
        pid=_pid(found, name),
        boot_id=claim.boot_id if claim else None,
        out=_inline(found, name, "out", probe.out) if ended and probe.inline > 0 else None,
        err=_inline(found, name, "err", probe.err) if ended and probe.inline > 0 else None,
        cancel=_cancel(found.files.get(f"{name}/cancel")),
        stale=name in found.stale,
    )


def _phase(found: Evidence, name: str, boot_id: str) -> Phase:
    if name in found.absent:
        return Phase.ABSENT
    start = found.files.get(f"{name}/start")
    word = b"".join((start or b"").split()[:1])
    if start is None:
        return Phase.PLACED
    if word in _WORDS:
        return _WORDS[word]
    claim = _claim(found, name)
    if _verdict(found, name):
        return Phase.ENDED
    if claim is None:
        return Phase.CLAIMED
    if claim.boot_id != boot_id:
        return Phase.REBOOTED
    if found.processes.get(claim.supervisor) == claim.born:
        return Phase.RUNNING
    return Phase.ORPHANED if _job_lives(found, name) else Phase.DIED


_WORDS = {
    b"cancelled": Phase.KEPT_FROM_STARTING,
    b"forgotten": Phase.FORGOTTEN,
    b"unstarted": Phase.ENDED,
}


def _verdict(found: Evidence, name: str) -> re.Match[bytes] | None:
    """Find the verdict; with its supervisor dead it may stand in the file that was still to be renamed."""
    seen = [found.files.get(f"{name}/exit"), found.again.get(f"{name}/exit")]
    claim = _claim(found, name)
    if claim and found.processes.get(claim.supervisor) != claim.born:
        seen.append(found.again.get(f"{name}/exit.tmp"))
    for content in seen:
        match = _VERDICT.match((content or b"").partition(b"\n")[0])
        if match and int(match[1]) <= 255:
            return match
    return None


def _exit(verdict: re.Match[bytes]) -> Exit:
    code, how = int(verdict[1]), verdict[2]
    unstarted = verdict[8].decode("ascii", "replace")
    return Exit(
        code=code,
        signal=code - 128 if how == b"signal" else None,
        ambiguous=how == b"either",
        timed_out=None if verdict[3] == b"-" else verdict[3].decode(),
        cancelled=verdict[4] == b"1",
        killed=int(verdict[5]),
        left=int(verdict[6]),
        never_started=None if unstarted == "-" else unstarted,
    )


def _unstarted(found: Evidence, name: str) -> Exit | None:
    start = found.files.get(f"{name}/start", b"")
    return Exit(code=126, never_started="space") if start.startswith(b"unstarted") else None


def _claim(found: Evidence, name: str) -> Claim | None:
    match = _CLAIM.match(found.files.get(f"{name}/start", b"").partition(b"\n")[0])
    if not match:
        return None
    return Claim(match[1].decode(), match[2].decode(), match[3].decode(), float(match[4]), int(match[5]))


def _pid(found: Evidence, name: str) -> int | None:
    pid = found.files.get(f"{name}/job", b"").partition(b" ")[0]
    return int(pid) if re.fullmatch(rb"[0-9]{1,9}", pid) else None


def _job_lives(found: Evidence, name: str) -> bool:
    pid, _, born = found.files.get(f"{name}/job", b"").strip().partition(b" ")
    return bool(born) and found.processes.get(pid.decode("ascii", "replace")) == born.decode("ascii", "replace")


def _is_truncated(found: Evidence, name: str) -> bool:
    over = any(found.sizes.get(f"{name}/{stream}", 0) > capped_size(found, name, stream) for stream in ("out", "err"))
    return over or f"{name}/truncated" in found.files


def _progress(status: bytes | None) -> str | None:
    line = (status or b"").partition(b"\n")[0]
    return line.decode("utf-8", "replace") or None


def _cancel(content: bytes | None) -> str | None:
    if content is None:
        return None
    words = content.split()
    if len(words) != 5 or words[1] != b"done":
        return "requested"
    return "done" if words[3] == b"0" else f"left {words[3].decode('ascii', 'replace')}"


def _inline(found: Evidence, name: str, stream: str, offset: int) -> bytes | None:
    end = capped_size(found, name, stream)
    if end <= offset:
        return b""
    first, data = found.data.get(f"{name}/{stream}", (0, b""))
    return data[offset - first : end - first] if first <= offset and first + len(data) >= end else None


# ---- one reader for each kind of section ----


def _ignore(found: Evidence, section: Section) -> None:
    """Pass over what needs no reading."""


def _read_answers(found: Evidence, section: Section) -> None:
    found.uptime = float(section.words[1])
    for line in section.content.decode("utf-8", "replace").splitlines():
        word, _, rest = line.partition(" ")
        name, _, outcome = rest.partition(" ")
        place = place_of(name)
        if word == "start" and place is not None:
            kind, _, reason = outcome.partition(" ")
            found.gone = found.gone or kind == "gone"
            found.started.append(Started(place, _OUTCOMES.get(kind, StartOutcome.REFUSED), reason or None))


_OUTCOMES = {"new": StartOutcome.NEW, "dup": StartOutcome.DUPLICATE}


def _read_absent(found: Evidence, section: Section) -> None:
    found.absent.update(section.content.decode("ascii", "replace").split())


def _read_stale(found: Evidence, section: Section) -> None:
    found.stale.update(path.rpartition("/")[0] for path in section.content.decode("ascii", "replace").split())


def _read_files(found: Evidence, section: Section) -> None:
    found.files.update(_heads(section.content))


def _read_again(found: Evidence, section: Section) -> None:
    found.again.update(_heads(section.content))


def _read_processes(found: Evidence, section: Section) -> None:
    for path, stat in _heads(section.content).items():
        # The name in parentheses may hold anything, a parenthesis and a newline too.
        fields = stat.rpartition(b") ")[2].split()
        if len(fields) >= 20 and fields[0] not in (b"Z", b"X"):
            found.processes[path.split("/")[2]] = fields[19].decode("ascii", "replace")


def _read_sizes(found: Evidence, section: Section) -> None:
    for line in section.content.decode("utf-8", "replace").splitlines():
        fields = line.split()
        if len(fields) >= 9 and fields[4].isdigit():
            found.sizes[fields[-1]] = int(fields[4])


def _read_data(found: Evidence, section: Section) -> None:
    _, name, stream, offset = section.words
    found.data[f"{name}/{stream}"] = (int(offset), section.content)


def _heads(content: bytes) -> Mapping[str, bytes]:
    """Read what ``head -c`` printed of several files.

    A job writes its ``status`` itself and might put headers into it: those come last, and speak for nothing else.
    """
    found: dict[str, bytes] = {}
    matches = list(_HEADER.finditer(content))
    ends = [*(match.start() for match in matches), len(content)][1:]
    among_statuses = False
    for match, end in zip(matches, ends, strict=True):
        path = match[1].decode("ascii")
        among_statuses = among_statuses or path.endswith("/status")
        if path.endswith("/status") or not among_statuses:
            found.setdefault(path, content[match.end() : end])
    return found


_READERS = {
    "answers": _read_answers,
    "absent": _read_absent,
    "stale": _read_stale,
    "files": _read_files,
    "again": _read_again,
    "processes": _read_processes,
    "sizes": _read_sizes,
    "data": _read_data,
}
