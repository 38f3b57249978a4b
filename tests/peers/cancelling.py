"""Probes of cancelling, and of asking twice."""

from tests.peers.contender import Contender, Order
from tests.peers.ground import Ground
from tests.peers.probe import Verdict, judged


def second_try(ground: Ground, contender: Contender) -> Verdict:
    """Ask again for a job that still runs, as a retry after a lost worker does."""
    witness = ground.witness
    order = Order(ground.account(contender), f"{witness.signs}; sleep 300", key=ground.scratch.name)
    contender.order(order)
    witness.pid(ground.pace.patience)
    contender.order(order)
    again = witness.starts_again(ground.pace.settle)
    return Verdict(not again and len(witness.alive()) == 1, f"{len(witness.alive())} alive")


def cancel_from_elsewhere(ground: Ground, contender: Contender) -> Verdict:
    """Cancel a running job from a process that did not ask for it."""
    witness = ground.witness
    job = contender.order(Order(ground.account(contender), f"{witness.signs}; sleep 300"))
    witness.pid(ground.pace.patience)
    contender.cancel_from_elsewhere(job)
    return gone(ground, contender, job)


def cancel_of_a_job_that_ignores_term(ground: Ground, contender: Contender) -> Verdict:
    """Cancel a job that traps TERM, by the process that asked for it."""
    witness = ground.witness
    stubborn = f"trap '' TERM; {witness.signs}; while :; do sleep 1; done"
    job = contender.order(Order(ground.account(contender), stubborn))
    witness.pid(ground.pace.patience)
    contender.cancel(job)
    return gone(ground, contender, job)


def gone(ground: Ground, contender: Contender, job: str) -> Verdict:
    """Judge a cancelled job: its end is told and nothing of it is alive."""
    ending = contender.wait(job, ground.pace.patience)
    alive = ground.witness.outlives(ground.pace.grace)
    return judged(ending, ending.state == "cancelled" and not alive, "job still alive" if alive else "nothing alive")
