"""The one talk between a worker process and a host: everything that is due goes in one exchange."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from uuid import UUID

from remora.agenda import Agenda
from remora.cause import Cause, Kind
from remora.contact import Contact
from remora.errors import (
    AuthenticationRefused,
    ConnectionLost,
    DeadlineExceeded,
    Fenced,
    HostKeyRefused,
    HostUnfit,
    Permanent,
    RecordsUnavailable,
    RemoraError,
    Transient,
)
from remora.follower import Follower
from remora.hosts import Condition
from remora.job import JobRequest
from remora.kit import Kit
from remora.logs.segments import Stream
from remora.records.plan import Change, Due, Grant, Plan
from remora.remote.operations import Answer, Forget, Ground, Operation, Order, StartOutcome
from remora.remote.session import Session
from remora.steps import cancel, collect, poll, submit
from remora.steps.examine import facts_of
from remora.steps.verdict import conclusion
from remora.telling import facts_told
from remora.turns import Turns

log = logging.getLogger(__name__)

STARTS = 64
"""Most starts in one exchange."""
AT_ONCE = 64
"""Most ended jobs in one plan."""
PATIENCE = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)
"""Seconds before the next try after the first, second, … broken exchange in a row; the last one repeats."""
UNPLACED = "jobs cannot be placed on the host, whose disk may be full: {}"
"""Why starts are tried again, in words."""
CONDITIONS: dict[type[Permanent], Condition] = {
    HostKeyRefused: Condition.HOST_KEY,
    AuthenticationRefused: Condition.REFUSED,
    HostUnfit: Condition.UNFIT,
}


class Conversation:
    """Talks with one host for this process, as long as the process is the host's speaker."""

    def __init__(self, host: str, kit: Kit) -> None:
        self._host = host
        self._kit = kit
        self._contact = Contact(host, kit, self._told)
        self._agenda = Agenda(kit.limits.probe)
        self._follower = Follower(
            host,
            kit.records,
            kit.segments,
            session=lambda: self._contact.session,
            broken=self._lose,
            told=self._told,
        )
        self._broken = 0
        self._to_be_examined = False
        self.talk = Turns(self._speak)
        """Do all that is due there: start, cancel, probe, forget."""
        self.collect = Turns(self._collect)
        """Fetch the output of ended jobs."""

    def examine(self) -> None:
        """Look at the host afresh: its key, its account, its tools."""
        # One turn with talking: both use the one control shell.
        self._to_be_examined = True
        self.talk()

    def tidy(self) -> None:
        """Close the connection if nothing has used it for long; have the host asked if a bell for that was lost."""
        if self._agenda.waiting:
            self._kit.records.hasten(self._host)
        if self._contact.session and time.monotonic() - self._contact.used > self._kit.limits.idle:
            self.close()
            self._kit.pool.forget(self._host)

    def close(self) -> None:
        """Close the connection; the next step opens it again."""
        self._contact.drop()

    # Talking

    def _speak(self) -> None:
        if not self._to_be_examined or self._examine():
            self._do("poll", self._exchange)

    def _exchange(self, grant: Grant, deadline: float) -> None:
        with self._contact.open(deadline) as (session, ground), self._agenda.taken(session) as look_at:
            plan = self._kit.records.plan(
                grant, boot_id=ground.boot_id, base=ground.base, starts=STARTS, look_at=look_at
            )
            if plan.followed:
                self._follower.wake()
            operations, unstartable = self._operations(plan, ground)
            answer = self._ask(session, operations, deadline) if operations else None
            self._settle(grant, plan, answer, unstartable)
        self._broken = 0

    def _operations(self, plan: Plan, ground: Ground) -> tuple[list[Operation], list[Change]]:
        """Give what to ask, and the end of those jobs whose payload cannot be had."""
        unstartable: list[Change] = []

        def order(due: Due) -> Order | None:
            try:
                request = JobRequest.model_validate_json(self._kit.blobs.get(due.id, due.payload))
            except (Permanent, ValueError) as error:
                unstartable.extend(submit.never_started([(due.id, due.attempt)], str(error)))
                return None
            return submit.make_order(request, due, identity=due.identity, output_cap=self._kit.limits.output_cap)

        operations = [
            *submit.operations(plan, ground, order),
            *cancel.operations(plan),
            *poll.operations(plan),
            *(Forget(place) for place in plan.forgets),
        ]
        return operations, unstartable

    def _ask(self, session: Session, operations: Sequence[Operation], deadline: float) -> Answer:
        if not self._kit.lease.fresh:
            raise Fenced(f"the lease of this process may lapse before {self._host} answers")
        return session.exchange(operations, min(deadline, time.monotonic() + self._kit.limits.exchange))

    def _settle(self, grant: Grant, plan: Plan, answer: Answer | None, unstartable: Sequence[Change]) -> None:
        outcome = poll.outcome(plan, answer, self._kit.segments) if answer else poll.Outcome((), uncollected=False)
        refused = [started for started in answer.started if started.outcome is StartOutcome.REFUSED] if answer else []
        impossible = [
            change
            for started in refused
            if started.permanent
            for change in submit.never_started([(UUID(started.place.job), started.place.attempt)], started.reason or "")
        ]
        changes = [*unstartable, *impossible, *outcome.changes]
        full = next((UNPLACED.format(started.reason) for started in refused if not started.permanent), None)
        self._write(
            grant,
            plan,
            changes,
            forgotten=plan.forgets,
            cancelled=cancel.done(plan, answer),
            contact=True,
            **({"facts": {"reason": full}, "retry_in": PATIENCE[3]} if full else {}),
        )
        for due in outcome.stale:
            self._kit.records.cancel(due.id, by="remora", cause=Cause(Kind.SUPERVISOR_KILLED))
        if outcome.uncollected:
            self._kit.bell.ring("collect", self._host)

    def _write(self, grant: Grant, plan: Plan, changes: Sequence[Change], **further: object) -> None:
        settled = self._kit.records.settle(grant, changes, **further)  # type: ignore[arg-type] # checked by settle itself
        dues = {due.id: due for due in (*plan.starts, *plan.live, *plan.cancels, *plan.ended)}
        for change in changes:
            if change.id in settled.applied and change.id in dues:
                self._kit.post.tell(change.id, *facts_told(self._host, dues[change.id], change))
        for id in settled.released:
            self._kit.bell.ring("run", str(id))
        if settled.startable:
            self._kit.bell.ring("submit", self._host)

    def _told(self, names: set[str]) -> None:
        """Hear that some attempts have news or, without any, that the watch is over and the host must be asked."""
        self._agenda.add(names)
        self._kit.bell.ring("poll", self._host)

    def _lose(self, session: Session) -> None:
        """Let go of a session that broke, and with it of the watch: what that would have told must be asked."""
        self._contact.drop(session)
        self._told(set())

    # Fetching output

    def _collect(self) -> None:
        self._do("collect", self._fetch_all)

    def _fetch_all(self, grant: Grant, deadline: float) -> None:
        plan = self._kit.records.plan(grant, boot_id="", base="", starts=0, look_at=())
        late = [due for due in plan.ended if collect.overdue(due, self._kit.records.now() / 1000)]
        self._write(grant, plan, [conclusion(due, collect.cause_of(due), incomplete=True) for due in late])
        rest = [due for due in plan.ended if due not in late]
        if not all(self._fetch(grant, plan, due, deadline) for due in rest) or len(plan.ended) == AT_ONCE:
            self._kit.bell.ring("collect", self._host)

    def _fetch(self, grant: Grant, plan: Plan, due: Due, deadline: float) -> bool:
        """Fetch all output of a job and make it final; false if the time is up before."""
        with self._contact.open(deadline) as (session, _):
            incomplete = False
            try:
                while sizes := collect.fetch_piece(due, self._kit.segments, partial(_read, session, deadline)):
                    due = replace(due, out_size=sizes[0], err_size=sizes[1])
                    self._kit.records.grow([(due.id, due.attempt, *sizes)])
                    if time.monotonic() > deadline - 1.0:
                        return False
            except collect.Missing as error:
                log.warning("%s", error, extra={"action": "collect", "host": self._host})
                incomplete = True
            self._write(grant, plan, [conclusion(due, collect.cause_of(due), incomplete=incomplete)])
            return True

    # Examining

    def _examine(self) -> bool:
        self._to_be_examined = False
        self._contact.drop()
        self._kit.pool.forget(self._host)
        return self._do("examine", self._look)

    def _look(self, grant: Grant, deadline: float) -> None:
        with self._contact.open(deadline) as (session, ground):
            facts = facts_of(ground, session.examine(deadline))
        self._kit.records.settle(grant, facts=facts, unset=("examine", "reason", "offered_key"), contact=True)

    # Trouble

    def _do(self, step: str, work: Callable[[Grant, float], None]) -> bool:
        """Do a piece of work as the host's speaker, and decide what follows if it fails; tell whether it was done.

        Raises:
            RecordsUnavailable: it was Redis; all that was due stays due.
        """
        grant = self._grant(step)
        if grant is None:
            return False
        try:
            work(grant, time.monotonic() + self._kit.limits.step)
        except RecordsUnavailable:
            raise
        except Fenced as error:
            log.info("%s; this process steps back.", error, extra={"action": "fenced", "host": self._host})
            self._step_back()
            # Whoever speaks next, which may be this process again, must not wait for the next regular question.
            self._kit.records.hasten(self._host)
        except (ConnectionLost, DeadlineExceeded) as error:
            self._be_patient(grant, error, step)
        except Transient as error:
            self._out_of_contact(grant, error, _delay(error))
        except Permanent as error:
            self._refused(grant, error)
        else:
            return True
        return False

    def _grant(self, step: str) -> Grant | None:
        """Become or stay the speaker; None if another process is, which then gets the bell."""
        grant = self._kit.records.speak(self._host, self._kit.lease.process)
        if grant is None:
            self._step_back()
            self._kit.pool.forget(self._host)
            return None
        if grant.process == self._kit.lease.process:
            return grant
        self._step_back()
        self._kit.bell.ring(step, self._host)
        return None

    def _step_back(self) -> None:
        """Leave the host to the process that speaks for it."""
        self._contact.drop()
        self._agenda.clear()

    def _be_patient(self, grant: Grant, error: RemoraError, step: str) -> None:
        """A line that breaks is opened again at once, and then ever more slowly."""
        delay = PATIENCE[min(self._broken, len(PATIENCE) - 1)]
        self._broken += 1
        if delay:
            self._out_of_contact(grant, error, delay)
            return
        for again in {step, "poll"}:
            self._kit.bell.ring(again, self._host)

    def _out_of_contact(self, grant: Grant, error: RemoraError, delay: float) -> None:
        log.info("%s is out of contact: %s", self._host, error, extra={"action": "contact", "host": self._host})
        self._kit.records.settle(grant, facts={"reason": str(error)}, contact=False, retry_in=delay)

    def _refused(self, grant: Grant, error: Permanent) -> None:
        """Note what an operator must change; jobs that can never start there end, unless it is about the host's key."""
        condition = next((c for kind, c in CONDITIONS.items() if isinstance(error, kind)), Condition.UNFIT)
        log.warning("%s cannot be used: %s", self._host, error, extra={"action": "refused", "host": self._host})
        facts = {"condition": condition.value, "reason": str(error)}
        if offered := error.facts.get("fingerprint"):
            facts["offered_key"] = str(offered)
        if condition is Condition.HOST_KEY:
            self._kit.records.settle(grant, facts=facts, unset=("examine",), contact=False)
            return
        plan = self._kit.records.plan(grant, boot_id="", base="", starts=STARTS, look_at=())
        endings = submit.never_started([(due.id, due.attempt) for due in plan.starts], str(error))
        self._write(grant, plan, endings, facts=facts, unset=("examine",), contact=False, retry_in=PATIENCE[-2])


def _read(session: Session, deadline: float, due: Due, stream: Stream, offset: int, most: int) -> bytes:
    return session.read(due.place, stream, offset, most, deadline)


def _delay(error: RemoraError) -> float:
    """Give the seconds until a host may be tried again, where the error says when."""
    retry_at = error.facts.get("retry_at")
    return max(0.1, retry_at - time.monotonic()) if isinstance(retry_at, float) else PATIENCE[2]
