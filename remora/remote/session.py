"""A talk with one host over one link: a shell that is asked, one that watches, one that carries large things."""

import dataclasses
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from config.hosts import Host
from remora.errors import BadRequest, ChannelRefused, ConnectionLost, HostUnfit
from remora.remote import protocol
from remora.remote.examination import Examination, read_examination
from remora.remote.operations import Answer, Ground, Operation, Place, Probe, Start, Started, StartOutcome
from remora.remote.orders import pack
from remora.remote.port import Link
from remora.remote.protocol import Item, Launch, Slice
from remora.remote.replies import Evidence, capped_size, evidence, reports, sections
from remora.remote.shell import HeldShell, new_nonce
from remora.remote.watch import Watch

COMMAND = "exec /bin/sh -s"
"""Means the same in every login shell."""


class Session:
    """One host's far side. ``exchange`` is called by one thread at a time; reads may run beside it.

    After any error but ``BadRequest`` and ``ChannelRefused`` it is of no more use: open another one. Nothing
    depends on its memory.
    """

    def __init__(self, link: Link, host: Host, installation: str, *, base: str | None = None) -> None:
        """Prepare; ``open`` talks first.

        Args:
            link: The connection; it is not closed with the session.
            host: Whom it leads to.
            installation: Name of this Remora, so that two never meet in one home.
            base: The host's base directory where it is known already.
        """
        self._link = link
        self._host = host
        self._installation = installation
        self._base = base
        self._home = "/"
        self._ground: Ground | None = None
        self._control: HeldShell | None = None
        self._bulk: HeldShell | None = None
        self._bulk_lock = threading.Lock()

    def open(self, deadline: float) -> Ground:
        """Find or make the base directory, put the program there, and tell where we are.

        Raises:
            HostUnfit: it gives no shell, or no directory that can be written; the message says what it said.
        """
        shell = self._control = self._new_shell(deadline)
        nonce = new_nonce()
        below = f"{self._installation}/{self._host.name}"
        request = protocol.ground(pinned=self._base, given=self._host.base, below=below, nonce=nonce)
        facts = self._read_ground(self._first_reply(shell, request, nonce, deadline), nonce)
        if "program" not in facts:
            self._install(shell, facts["base"], deadline)
        self._base, self._home = facts["base"], facts.get("home", "/")
        self._enter(shell, deadline, restore_signals=True)
        boot_id, uptime, clock = facts["moment"].split()
        self._ground = Ground(boot_id, self._base, float(uptime), float(clock))
        return self._ground

    def exchange(self, operations: Sequence[Operation], deadline: float) -> Answer:
        """Do all of this on the host and tell what became of it.

        Sending the same operations again is always right. An order that no host could carry out is refused here,
        and the rest is done.
        """
        shell, ground = self._opened()
        items, refused = self._prepared(operations, deadline)
        answer = Answer(ground, started=tuple(refused))
        for batch in list(protocol.batches(items)) or [[]]:
            nonce = new_nonce()
            found = evidence(
                shell.ask(protocol.exchange(batch, nonce=nonce), nonce=nonce, deadline=deadline), nonce=nonce
            )
            if found.gone:
                raise ConnectionLost(f"{self._base} was removed; it is made anew when the host is next connected")
            answer = self._joined(answer, batch, found)
        return answer

    def watch(self, deadline: float) -> Watch:
        """Be told when attempts start and end; an older watch of this base ends.

        Raises:
            ChannelRefused: no further session now, or no FIFOs in its file system: ask now and then instead.
        """
        shell, nonce = self._new_shell(deadline), new_nonce()
        try:
            self._enter(shell, deadline)
            request = protocol.group([f"watch {nonce}"], nonce=nonce)
            shell.ask(request, nonce=nonce, deadline=deadline, until="watching")
        except Exception as error:
            shell.close()
            if b"unwatchable" in shell.said:
                raise ChannelRefused(f"{self._host.name} has no FIFOs in {self._base}") from error
            raise
        return Watch(shell)

    def read(self, place: Place, stream: str, offset: int, limit: int, deadline: float) -> bytes:
        """Give up to ``limit`` bytes of ``out`` or ``err`` from ``offset`` on; none at its end or if it is gone."""
        with self._bulk_turn(deadline):
            return self._read_slices([Slice(place, stream, offset, max(1, limit))], deadline)[0]

    def read_many(self, wanted: Iterable[tuple[Place, str, int, int]], deadline: float) -> list[bytes]:
        """Do the same for many of ``(place, stream, offset, limit)``; those that have not grown cost nothing."""
        pieces = [Slice(*one) for one in wanted]
        with self._bulk_turn(deadline):
            found = self._ask_sizes(list(dict.fromkeys(piece.place for piece in pieces)), deadline)
            cut = [_cut_to(piece, capped_size(found, protocol.name_of(piece.place), piece.stream)) for piece in pieces]
            read = iter(self._read_slices([piece for piece in cut if piece.limit > 0], deadline))
            return [next(read) if piece.limit > 0 else b"" for piece in cut]

    def examine(self, deadline: float) -> Examination:
        """Look at the host; it takes some forks, so ask when it is added or checked."""
        shell, _ = self._opened()
        nonce = new_nonce()
        reply = shell.ask(protocol.group([f"examine {nonce}"], nonce=nonce), nonce=nonce, deadline=deadline)
        return read_examination(sections(reply, nonce=nonce)[0].content)

    def close(self) -> None:
        """Let go of its shells; may be called twice. Jobs and their supervisors are not touched."""
        for shell in (self._control, self._bulk):
            if shell is not None:
                shell.close()

    def _opened(self) -> tuple[HeldShell, Ground]:
        if self._control is None or self._ground is None:
            raise ConnectionLost("the session is not open")
        return self._control, self._ground

    def _new_shell(self, deadline: float) -> HeldShell:
        return HeldShell(self._link.open(COMMAND, deadline))

    def _first_reply(self, shell: HeldShell, request: bytes, nonce: str, deadline: float) -> bytes:
        """Tell a host that gives us no shell from a connection that breaks."""
        try:
            return shell.ask(request, nonce=nonce, deadline=deadline)
        except ConnectionLost as error:
            said = shell.said.decode("utf-8", "replace").strip()
            time.sleep(0.05)  # a dying link may be a moment late in knowing it
            if not self._link.alive:
                raise
            raise HostUnfit(
                f"{self._host.name} gives no shell: {said or 'it ended at once, without a word'}", host=self._host.name
            ) from error

    def _read_ground(self, reply: bytes, nonce: str) -> dict[str, str]:
        content = sections(reply, nonce=nonce)[0].content.decode("utf-8", "surrogateescape")
        facts = dict(line.partition(" ")[::2] for line in content.splitlines())
        if "base" not in facts or len(facts.get("moment", "").split()) != 3:
            fault = facts.get("unfit", "its answer makes no sense")
            raise HostUnfit(f"{self._host.name} cannot run jobs: {fault}", host=self._host.name)
        return facts

    def _install(self, shell: HeldShell, base: str, deadline: float) -> None:
        nonce = new_nonce()
        reply = shell.ask(protocol.installation(base=base, nonce=nonce), nonce=nonce, deadline=deadline)
        if sections(reply, nonce=nonce)[0].words[0] != "installed":
            raise HostUnfit(f"{self._host.name} cannot run jobs: {base} has no space left", host=self._host.name)

    def _enter(self, shell: HeldShell, deadline: float, *, restore_signals: bool = False) -> None:
        nonce = new_nonce()
        request = protocol.enter(base=self._base or "", nonce=nonce, restore_signals=restore_signals)
        reply = shell.ask(request, nonce=nonce, deadline=deadline)
        if sections(reply, nonce=nonce)[0].words[0] != "entered":
            raise ConnectionLost(f"{self._base} was removed; it is made anew when the host is next connected")

    def _prepared(self, operations: Iterable[Operation], deadline: float) -> tuple[list[Item], list[Started]]:
        items: list[Item] = []
        refused: list[Started] = []
        for operation in operations:
            try:
                items.append(self._launch(operation, deadline) if isinstance(operation, Start) else operation)
            except BadRequest as error:
                refused.append(Started(operation.place, StartOutcome.REFUSED, str(error), permanent=True))
            except _NoRoomError as error:
                refused.append(Started(operation.place, StartOutcome.REFUSED, str(error)))
        return items, refused

    def _launch(self, start: Start, deadline: float) -> Launch:
        """Write an order down, and bring what is too large for an exchange to the host beforehand."""
        tag = new_nonce()[:8]
        payloads, uploads = protocol.payloads(pack(start.order, tag=tag, home=self._home), tag=tag)
        for name, data in uploads.items():
            self._upload(name, data, deadline)
        return Launch(start.place, tag, start.order, payloads)

    def _upload(self, name: str, data: bytes, deadline: float) -> None:
        with self._bulk_turn(deadline):
            nonce = new_nonce()
            request = protocol.group([f"upload {nonce} {name} {len(data)}"], nonce=nonce)
            reply = self._bulk_shell(deadline).ask(request, nonce=nonce, deadline=deadline, payload=data)
        if ("stored", str(len(data))) not in [section.words for section in sections(reply, nonce=nonce)]:
            raise _NoRoomError(f"{len(data)} bytes could not be stored in {self._base}: is the disk full?")

    def _joined(self, answer: Answer, batch: Sequence[Item], found: Evidence) -> Answer:
        probes = [item for item in batch if isinstance(item, Probe)]
        _, ground = self._opened()
        moment = dataclasses.replace(ground, uptime=found.uptime, clock=ground.clock + found.uptime - ground.uptime)
        return Answer(
            ground=moment,
            started=answer.started + tuple(found.started),
            reports=answer.reports + tuple(reports(probes, found, boot_id=ground.boot_id)),
        )

    @contextmanager
    def _bulk_turn(self, deadline: float) -> Iterator[None]:
        """Wait for the bulk shell without touching it: when it is busy for too long, the session is still good."""
        if not self._bulk_lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise ChannelRefused(f"the bulk channel to {self._host.name} is busy", host=self._host.name)
        try:
            yield
        finally:
            self._bulk_lock.release()

    def _bulk_shell(self, deadline: float) -> HeldShell:
        if self._bulk is None:
            shell = self._new_shell(deadline)
            self._bulk = shell
            self._enter(shell, deadline)
        return self._bulk

    def _ask_sizes(self, places: Sequence[Place], deadline: float) -> Evidence:
        nonce = new_nonce()
        request = protocol.sizes(places, nonce=nonce)
        return evidence(self._bulk_shell(deadline).ask(request, nonce=nonce, deadline=deadline), nonce=nonce)

    def _read_slices(self, pieces: Sequence[Slice], deadline: float) -> list[bytes]:
        if not pieces:
            return []
        nonce = new_nonce()
        reply = self._bulk_shell(deadline).ask(protocol.slices(pieces, nonce=nonce), nonce=nonce, deadline=deadline)
        found = [section for section in sections(reply, nonce=nonce) if section.words[0] == "data"]
        return [
            _inside(piece, int(section.words[3]), section.content) for piece, section in zip(pieces, found, strict=True)
        ]


class _NoRoomError(Exception):
    """An upload did not arrive whole."""


def _cut_to(piece: Slice, end: int) -> Slice:
    return dataclasses.replace(piece, limit=max(0, min(piece.limit, end - piece.offset)))


def _inside(piece: Slice, first: int, data: bytes) -> bytes:
    return data[piece.offset - first : piece.offset - first + piece.limit]
