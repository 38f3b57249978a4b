"""Jobs whose right outcome is known beforehand: exit code and output follow from a number, starts are written down."""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from shlex import quote


@dataclass(frozen=True)
class Trial:
    """One job and what must come of it."""

    number: int
    lines: int
    """Lines of output, one every half second."""
    code: int
    """Exit code, 0-255."""
    journal: Path
    """File on the host to which the job appends when it starts and ends."""

    @property
    def output(self) -> bytes:
        """Every byte that it writes."""
        return b"".join(b"trial %d line %d \xe2\x96\x88\n" % (self.number, line) for line in range(self.lines))

    @property
    def command(self) -> str:
        """What runs on the host; each record of the journal is one appending write."""
        journal = quote(str(self.journal))
        return (
            f'printf "start $REMORA_JOB_ID $REMORA_ATTEMPT\\n" >> {journal}; line=0; '
            f"while [ $line -lt {self.lines} ]; do "
            f'printf "trial {self.number} line $line \\342\\226\\210\\n"; line=$((line + 1)); sleep 0.5; done; '
            f'printf "end $REMORA_JOB_ID $REMORA_ATTEMPT\\n" >> {journal}; exit {self.code}'
        )


def make_trials(count: int, *, seed: int, journal: Path, longest: int = 16) -> list[Trial]:
    """Draw trials that run up to ``longest`` half seconds."""
    random = Random(seed)
    return [Trial(n, random.randint(2, longest), random.randint(0, 255), journal) for n in range(count)]
