"""Probes of what a shell makes of a command: its true exit code, every byte of its output."""

from tests.peers.contender import Contender, Ending, Order
from tests.peers.ground import Ground
from tests.peers.probe import Check, Verdict, judged


def ends(command: str, code: int) -> Check:
    """Say that a command must fail with its own exit code."""

    def check(ground: Ground, contender: Contender) -> Verdict:
        ending = run(ground, contender, command)
        return judged(ending, (ending.state, ending.code) == ("failed", code))

    return check


def delivers(command: str, output: bytes) -> Check:
    """Say that a command must succeed and its output arrive whole."""

    def check(ground: Ground, contender: Contender) -> Verdict:
        ending = run(ground, contender, command)
        whole = ending.delivers(output)
        remark = "" if whole or not ending.over else difference(ending, output)
        return judged(ending, ending.state == "succeeded" and whole, remark)

    return check


def dash_login(ground: Ground, contender: Contender) -> Verdict:
    """Run a job under an account whose login shell is dash."""
    account = ground.new_user(contender, shell="/bin/dash")
    ending = contender.wait(contender.order(Order(account, "echo hi")), ground.pace.patience)
    return judged(ending, ending.state == "succeeded" and ending.delivers(b"hi\n"))


def run(ground: Ground, contender: Contender, command: str) -> Ending:
    """Run a command to its end under the ordinary account."""
    return contender.wait(contender.order(Order(ground.account(contender), command)), ground.pace.patience)


def difference(ending: Ending, expected: bytes) -> str:
    """Tell what arrived instead: the text where it is short, else its share."""
    if len(expected) < 100:
        return f"output {ending.output.decode(errors='backslashreplace')!r}"
    return f"{len(ending.output):,} of {len(expected):,} bytes"
