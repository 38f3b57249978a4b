"""A supervisor over small programs, in a process of its own: it takes over the signals.

Usage: supervised.py DIRECTORY NAME=SCRIPT… — each SCRIPT is a program for sh, with its pid in DIRECTORY/NAME.pid.
A NAME with a colon before it says what comes with it: ``told:NAME`` is ready when it says so, others at once.
"""

import os
import sys
from pathlib import Path

import click

from workers.up.child import Part
from workers.up.notify import Ear
from workers.up.supervisor import PartFailed, Stopped, Supervisor


def main(directory: Path, scripts: list[str]) -> int:
    ear = Ear()
    supervisor = Supervisor(ear, tell=click.echo)
    parts = [part(directory, ear, script) for script in scripts]
    try:
        supervisor.bring_up(parts)
        click.echo("up")
        supervisor.keep(lambda: None)
    except PartFailed as error:
        click.echo(error)
        return 1
    except Stopped:
        return 2
    finally:
        supervisor.end_all([[one.name] for one in parts])
    return 0


def part(directory: Path, ear: Ear, script: str) -> Part:
    name, _, program = script.partition("=")
    told, name = name.startswith("told:"), name.removeprefix("told:")
    environment = {**os.environ, "NOTIFY_SOCKET": ear.address, "NAME": name}
    words = ("sh", "-c", f"echo $$ > {directory}/{name}.pid; {program}")
    log = directory / f"{name}.log"
    return Part(name, words, environment, log, answers=None if told else lambda: True, patience=2.0, grace=0.5)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
