"""What can be asked of a host in one exchange, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


@dataclass(frozen=True)
class Order:
    """What a job runs, as the host must know it. Exactly one of ``argv``, ``command``, ``script`` is given."""

    argv: tuple[str, ...] | None = None
    """A program and its arguments, run without a shell."""
    command: str | None = None
    """Text for ``shell``."""
    script: bytes | None = None
    """A script; it runs under its ``#!`` line, else under ``shell``."""
    arguments: tuple[str, ...] = ()
    """Arguments of ``script`` (or ``$1``… of ``command``)."""
    shell: str = "/bin/sh"
    environment: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    """Working directory; None means the account's home."""
    stdin: bytes | None = None
    """Standard input; None means empty."""
    user: str | None = None
    """Run as this user by ``sudo -n -u``; None means the account itself."""
    timeout: float | None = None
    """Seconds until TERM, then ``grace``, then KILL; carried out on the host."""
    idle_timeout: float | None = None
    """Seconds without output until the same."""
    grace: float = 5.0
    """Seconds between TERM and KILL."""
    sweep: bool = False
    """End what the main process left in the background."""
    output_cap: int = 1 << 30
    """Most bytes kept of each stream; past it the job goes on with ``truncated``."""
    manifest: Mapping[str, object] = field(default_factory=dict)
    """Owner, policy, labels: enough to adopt the job after a wiped Redis; no secrets. Written as JSON."""


@dataclass(frozen=True)
class Place:
    """One attempt of one job; its directory on the host is ``<base>/<job>.<attempt>``."""

    job: str
    """UUID in its canonical form."""
    attempt: int


@dataclass(frozen=True)
class Start:
    """Start this attempt unless it was started already. Sending it again is always right."""

    place: Place
    order: Order = field(repr=False)


@dataclass(frozen=True)
class Probe:
    """Report this attempt, with its output from these offsets while it fits."""

    place: Place
    out: int = 0
    """Bytes of standard output that we have."""
    err: int = 0
    """Bytes of standard error that we have."""
    inline: int = 0
    """Most bytes of each stream to send along if the attempt has ended; 0 sends none."""


@dataclass(frozen=True)
class Cancel:
    """End this attempt and all its processes; before its start, keep it from starting."""

    place: Place
    grace: float = 5.0


@dataclass(frozen=True)
class Forget:
    """Empty the attempt's directory; the claim stays for a day so that it cannot start again."""

    place: Place


Operation = Start | Probe | Cancel | Forget


class Phase(Enum):
    """What the files on the host say of an attempt."""

    ABSENT = "absent"
    """No directory: it was never here, or it was removed."""
    PLACED = "placed"
    """The directory is there and nobody has claimed the start."""
    CLAIMED = "claimed"
    """The claim is empty: a supervisor is about to run it, or died at that moment."""
    RUNNING = "running"
    """Its supervisor lives."""
    ORPHANED = "orphaned"
    """Its supervisor is dead, its main process lives."""
    ENDED = "ended"
    """The verdict is written; ``exit`` tells it."""
    KEPT_FROM_STARTING = "kept_from_starting"
    """A cancel took the claim first: it never ran and never will."""
    DIED = "died"
    """Supervisor and main process are dead and there is no verdict."""
    REBOOTED = "rebooted"
    """It was claimed under another boot id and there is no verdict."""
    FORGOTTEN = "forgotten"
    """Only the claim is left."""


@dataclass(frozen=True)
class Exit:
    """The verdict that the supervisor wrote."""

    code: int
    """As the shell's ``wait`` told it: 0-255, a signal as 128+n."""
    signal: int | None = None
    """The signal's number where the host can tell a signal from a plain 128+n; else None."""
    ambiguous: bool = False
    """``code`` is above 128 and the host cannot tell a signal from a plain exit."""
    timed_out: str | None = None
    """``wall`` or ``idle`` if a time limit ended it."""
    cancelled: bool = False
    """A cancel was under way before it ended."""
    killed: int = 0
    """Processes ended by a cancel, a time limit or the sweep."""
    left: int = 0
    """Processes of the job still alive after it ended."""
    never_started: str | None = None
    """Why its program was never run: ``cwd`` (no such directory), ``user`` (not allowed) or ``space`` (disk full)."""


@dataclass(frozen=True)
class Report:
    """One attempt as its host sees it."""

    place: Place
    phase: Phase
    exit: Exit | None = None
    out_size: int = 0
    """Bytes in its ``out`` file."""
    err_size: int = 0
    truncated: bool = False
    progress: str | None = None
    """First line of its STATUS_FILE, at most 300 bytes, as written."""
    started: float | None = None
    """Host uptime at its start, seconds (monotonic)."""
    ended: float | None = None
    """Host uptime at its end, seconds."""
    pid: int | None = None
    """Its main process."""
    boot_id: str | None = None
    """Boot id under which it was claimed."""
    out: bytes | None = field(default=None, repr=False)
    """Inline output from the asked offset to the end of the file; None if not sent."""
    err: bytes | None = field(default=None, repr=False)
    cancel: str | None = None
    """Where its cancel stands: None, ``requested``, ``done``, or ``left N`` processes that could not be ended."""
    stale: bool = False
    """Its claim has been empty for over a minute. Cancel it: then it is certain that it never starts."""


class StartOutcome(Enum):
    """What became of a ``Start``."""

    NEW = "new"
    DUPLICATE = "dup"
    REFUSED = "error"
    """Nothing was started; ``reason`` says why (no space, not writable)."""


@dataclass(frozen=True)
class Started:
    """Answer to a ``Start``."""

    place: Place
    outcome: StartOutcome
    reason: str | None = None
    permanent: bool = False
    """It was refused for a fault of the order: no host could start it."""


@dataclass(frozen=True)
class Ground:
    """The host at the moment of an exchange."""

    boot_id: str
    base: str
    """Absolute path of the directory that holds the attempts."""
    uptime: float
    """Seconds, monotonic."""
    clock: float
    """The host's wall clock, seconds since the epoch; may be wrong by days. Read when the session was opened, and
    carried on from there by ``uptime``."""


@dataclass(frozen=True)
class Answer:
    """All that one exchange told."""

    ground: Ground
    started: tuple[Started, ...] = ()
    reports: tuple[Report, ...] = ()
    """One for each ``Probe``, in no particular order; a ``Start`` or ``Cancel`` is reported only if also probed."""
