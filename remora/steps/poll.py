"""Ask a host about its live jobs and write down what it tells."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from remora.logs.segments import Segments, Stream
from remora.records.plan import Change, Due, Plan
from remora.remote.operations import Answer, Operation, Place, Probe, Report
from remora.steps import cancel
from remora.steps.submit import INLINE
from remora.steps.verdict import cause_of, conclusion, ending, under_way


@dataclass(frozen=True)
class Outcome:
    """What the reports mean: two changes for a job whose output came along, since it passes ``collecting`` at once."""

    changes: tuple[Change, ...]
    uncollected: bool
    """Some ended job has output that is still to be fetched."""
    stale: tuple[Due, ...] = ()
    """Jobs whose claim was never signed: they are to be kept from ever starting."""


def operations(plan: Plan) -> list[Operation]:
    """Probe the live ones, with the output of those that have ended where it is small."""
    return [Probe(due.place, due.out_size, due.err_size, INLINE) for due in _asked(plan).values()]


def outcome(plan: Plan, answer: Answer, segments: Segments) -> Outcome:
    """Judge every report; store the output that came along first."""
    dues = {due.place: due for due in plan.starts} | _asked(plan)
    changes: list[Change] = []
    stale: list[Due] = []
    uncollected = False
    for due, report in _matched(dues, answer.reports):
        cause = cause_of(due, report, answer.ground)
        if report.stale and report.cancel is None:
            stale.append(due)
        if cause is None:
            changes += filter(None, [under_way(due, report)])
            continue
        sizes = store_inline(due, report, segments)
        ended = ending(due, cause, report)
        changes.append(Change(ended.id, ended.attempt, ended.to, {**ended.fields, **sizes}, ended.stamps))
        if sizes or not (report.out_size or report.err_size):
            changes.append(conclusion(due, cause))
        else:
            uncollected = True
    return Outcome(tuple(changes), uncollected, tuple(stale))


def store_inline(due: Due, report: Report, segments: Segments) -> dict[str, str]:
    """Store output that came with the report; the new sizes if all of it is here now, else nothing."""
    streams: list[tuple[Stream, int, bytes | None, int]] = [
        ("out", due.out_size, report.out, report.out_size),
        ("err", due.err_size, report.err, report.err_size),
    ]
    if any(have + len(data or b"") < total for _, have, data, total in streams):
        return {}
    return {
        f"{stream}_size": str(segments.write(due.id, due.attempt, stream, have, data or b"", sync=True))
        for stream, have, data, _ in streams
    }


def _asked(plan: Plan) -> dict[Place, Due]:
    return {due.place: due for due in (*plan.live, *cancel.under_way(plan))}


def _matched(dues: dict[Place, Due], reports: Iterable[Report]) -> Iterator[tuple[Due, Report]]:
    for report in reports:
        if due := dues.get(report.place):
            yield due, report
