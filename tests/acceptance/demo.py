"""``make demo``: a whole system and a throw-away sshd on this machine, four stories, and nothing left behind.

``KEEP=1 make demo`` leaves it running for a look until Ctrl-C.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from airflow_bridge.client import RemoraClient
from config.home import Home
from tests.acceptance.stories import HOST, Stage, Telling, told
from tests.support.sshd import Sshd, new_directory
from tests.support.system import System
from workers.up.run_file import read_running

PACE = {"REMORA_LEASE": "4", "REMORA_STEP": "3", "REMORA_TICK": "1", "REMORA_PROBE": "1"}
"""Shorter than the defaults (a lease of 25 s, a probe each 15 s), so that nobody has to watch a clock."""


def main() -> int:
    """Tell the stories and give 0 if all ended as they must."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    print("Remora in four stories, on this machine, for real.")
    try:
        with stage() as here:
            addresses(here.system)
            fine = all([*told(here)])
            print(
                f"\nAll of it took {time.monotonic() - began:.0f} s." if fine else "\nSomething went wrong.", flush=True
            )
            if os.environ.get("KEEP"):
                keep(here)
    except KeyboardInterrupt:
        print("\nInterrupted; everything was cleaned up.")
        return 130
    print("Everything was cleaned up." if fine else "Everything was cleaned up; please report what is marked with ✘.")
    return 0 if fine else 1


@contextmanager
def stage() -> Iterator[Stage]:
    """Set up sshd and system, and clean up whatever happens, a second Ctrl-C included."""
    sshd, system = Sshd(new_directory()), System(PACE)
    try:
        sshd.start()
        system.up()
        system.add_host(sshd.host(HOST))
        with looker_on(system) as client:
            yield Stage(system, sshd, client, Telling(say))
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        system.close()
        sshd.close()


def looker_on(system: System) -> RemoraClient:
    """Make a client that uses the HTTP door as any program does."""
    home = Home(system.home)
    running = read_running(home)
    assert running
    return RemoraClient(running.url, home.operator_token())


def say(line: str) -> None:
    """Print at once, into a pipe too."""
    print(line, flush=True)


def addresses(system: System) -> None:
    """Tell where to look."""
    running = read_running(Home(system.home))
    assert running
    say(f"""
   API     {running.url}   (token in {system.home / "token"})
   Flower  {running.flower_url}   (user operator, password {Home(system.home).flower_password()})
   state   {system.home}
   pace    {" ".join(f"{name}={value}" for name, value in PACE.items())}""")


def keep(here: Stage) -> None:
    """Leave all running until Ctrl-C."""
    say(f"\nIt stays up. Try:\n   export REMORA_HOME={here.system.home}\n   .venv/bin/remora run {HOST} -- uptime")
    say("Ctrl-C ends it.")
    try:
        signal.pause()
    except KeyboardInterrupt:
        say("")


if __name__ == "__main__":
    sys.exit(main())
