"""Put the probes to Airflow's ``SSHRemoteJobOperator`` and to Remora and print what each did: ``make peers``."""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.peers import peer_environment
from tests.peers.contender import Contender
from tests.peers.ground import Ground, Pace
from tests.peers.ourselves import Remora
from tests.peers.peer import Peer
from tests.peers.probe import Probe, Verdict
from tests.peers.probes import PROBES
from tests.peers.table import Row, count, show
from tests.support.sshd import Sshd, new_directory
from tests.support.system import System

CONTENDERS = ("peer", "remora")


def main() -> int:
    """Run the chosen probes; exit 0 when Remora passed all of them."""
    arguments = parse()
    probes = [probe for probe in PROBES if not arguments.only or probe.number in arguments.only]
    with ExitStack() as stack:
        sshd = stack.enter_context(served())
        contenders = [stack.enter_context(introduced(kind)) for kind in arguments.contenders]
        rows = [row(probe, sshd, contenders) for probe in probes if may_run(probe)]
    show([contender.name for contender in contenders], rows)
    last = [row.verdicts[-1] for row in rows]
    sys.stdout.write(count(last) + "\n")
    return 0 if all(verdict.right for verdict in last) else 1


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", type=int, nargs="+", metavar="N", help="numbers of the probes to run; all unless given"
    )
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=CONTENDERS, help="both unless given")
    return parser.parse_args()


@contextmanager
def served() -> Iterator[Sshd]:
    """Start a throw-away sshd."""
    sshd = Sshd(new_directory())
    sshd.start()
    try:
        yield sshd
    finally:
        sshd.close()


@contextmanager
def introduced(kind: str) -> Iterator[Contender]:
    """Start a contender and end it."""
    if kind == "remora":
        with System() as system:
            yield Remora(system)
        return
    with tempfile.TemporaryDirectory(prefix="remora-peer-") as home:
        peer = Peer(peer_environment.interpreter(), Path(home))
        try:
            yield peer
        finally:
            peer.close()


def may_run(probe: Probe) -> bool:
    """Say whether a probe can run here; name it where it cannot."""
    if probe.needs_root and os.geteuid() != 0:
        sys.stderr.write(f"left out, as it needs root: {probe.label}\n")
        return False
    return True


def row(probe: Probe, sshd: Sshd, contenders: Sequence[Contender]) -> Row:
    """Put one probe to each contender."""
    sys.stderr.write(f"{probe.number:2} {probe.title}\n")
    return Row(probe, [put(probe, sshd, contender) for contender in contenders])


def put(probe: Probe, sshd: Sshd, contender: Contender) -> Verdict:
    """Put one probe to one contender, on a ground of its own."""
    with Ground(sshd, Pace()) as ground:
        try:
            return probe.check(ground, contender)
        except AssertionError as error:  # a wait has ended: the job did not even come as far as the probe needs
            return Verdict(False, f"never came so far: {error}")
        finally:
            contender.leave()


if __name__ == "__main__":
    sys.exit(main())
