"""Cancels, time limits and the sweep end a job with all its processes; what nobody asked to end is left alone."""

import os
import signal
import time

import psutil
import pytest

from remora.remote.operations import Cancel, Forget, Order, Phase, Place, Probe
from tests.remora.remote.far import Far, new_place, within
from tests.support import processes
from tests.support.waiting import eventually

TREE = "sleep 300 & setsid sleep 301 & (setsid sh -c 'sleep 302 & wait' &) ; sleep 304"
"""Five processes beside the shell, three of them in sessions of their own, two of them nobody's children."""
STUBBORN = "trap '' TERM HUP INT; while :; do sleep 1; done"
DAEMON = "(setsid sleep 305 </dev/null >/dev/null 2>&1 &); echo started"


def _cancel(far: Far, place: Place, grace: float = 5.0) -> None:
    far.ask(Cancel(place, grace))


def test_a_cancel_ends_the_whole_tree(far: Far) -> None:
    place = far.start(Order(command=TREE))
    far.sleeping(place, 6)
    _cancel(far, place)
    report = far.until_phase(place, Phase.ENDED)
    assert far.members(place) == []
    assert report.exit
    assert (report.exit.cancelled, report.exit.killed, report.exit.left) == (True, 6, 0)
    assert report.cancel == "done"


def test_a_job_that_ignores_term_is_killed_after_the_grace(far: Far) -> None:
    """What the operator cannot do in probe 18: a job that traps TERM ends."""
    place = far.start(Order(command=STUBBORN))
    far.sleeping(place, 2)
    asked = time.monotonic()
    _cancel(far, place, 0.5)
    report = far.until_phase(place, Phase.ENDED)
    assert time.monotonic() - asked >= 0.5
    assert far.members(place) == []
    assert report.exit
    assert (report.exit.code, report.exit.signal, report.exit.cancelled) == (137, 9, True)


def test_a_job_may_end_well_within_the_grace(far: Far) -> None:
    place = far.start(Order(command="trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.05; done"))
    far.until(place, lambda report: report.out_size > 0)
    _cancel(far, place)
    report = far.until_phase(place, Phase.ENDED)
    assert report.exit
    assert (report.exit.code, report.exit.cancelled, report.out) == (5, True, b"up\nbye\n")


def test_a_cancel_before_the_start_keeps_the_job_from_ever_starting(far: Far) -> None:
    place = new_place()
    _cancel(far, place)
    assert far.report(place).phase is Phase.KEPT_FROM_STARTING
    far.start(Order(command="echo ran"), place)
    assert far.report(place).phase is Phase.KEPT_FROM_STARTING
    assert not (far.directory(place) / "out").exists()


def test_a_cancel_at_the_moment_of_the_start_leaves_nothing_alive(far: Far) -> None:
    places = [new_place() for _ in range(20)]
    for number, place in enumerate(places):
        far.start(Order(command="sleep 306"), place)
        time.sleep(number * 0.001)
        _cancel(far, place)
    for place in places:
        report = far.until_phase(place, Phase.ENDED, Phase.KEPT_FROM_STARTING)
        assert report.exit is None or report.exit.cancelled
    assert [place for place in places if far.members(place)] == []


def test_an_exit_recorded_before_the_cancel_wins(far: Far) -> None:
    place = far.start(Order(command="exit 3"))
    far.until_phase(place, Phase.ENDED)
    _cancel(far, place)
    report = far.report(place)
    assert report.exit
    assert (report.exit.code, report.exit.cancelled, report.cancel) == (3, False, None)


def test_a_cancel_is_carried_out_with_nobody_connected(far: Far) -> None:
    session = far.new_session()
    place = far.start(Order(command=STUBBORN))
    far.sleeping(place, 2)
    session.exchange([Cancel(place, 0.3)], within())
    session.close()
    eventually(lambda: not far.members(place))
    assert far.until_phase(place, Phase.ENDED).exit


@pytest.mark.parametrize(
    ("order", "limit"),
    [
        (Order(command=TREE, timeout=0.5, grace=0.5), "wall"),
        (Order(command="echo once; " + TREE, idle_timeout=0.5, grace=0.5), "idle"),
        (Order(command=STUBBORN, timeout=0.3, grace=0.3), "wall"),
    ],
)
def test_a_time_limit_ends_the_whole_tree(far: Far, order: Order, limit: str) -> None:
    place = far.start(order)
    report = far.until_phase(place, Phase.ENDED)
    assert far.members(place) == []
    assert report.exit
    assert (report.exit.timed_out, report.exit.left) == (limit, 0)
    assert report.exit.killed >= 2


def test_output_keeps_an_idle_limit_from_firing(far: Far) -> None:
    report = far.run(Order(command="for i in 1 2 3 4 5 6; do echo $i; sleep 0.3; done", idle_timeout=1.2))
    assert report.exit
    assert (report.exit.code, report.exit.timed_out) == (0, None)


def test_a_time_limit_is_carried_out_though_the_supervisor_is_dead(far: Far) -> None:
    place = far.start(Order(command="sleep 307", timeout=1.0, grace=0.2))
    far.sleeping(place)
    far.supervisor(place).kill()
    eventually(lambda: not far.members(place))
    assert far.until_phase(place, Phase.DIED).exit is None


def test_a_limit_that_is_not_reached_leaves_no_guard_behind(far: Far) -> None:
    place = far.start(Order(command="true", timeout=500.0))
    far.until_phase(place, Phase.ENDED)
    eventually(lambda: not processes.those(lambda process: "500.00" in process.cmdline()))


def test_children_in_the_background_are_left_alone_and_counted(far: Far) -> None:
    place = far.start(Order(command="sleep 308 & setsid sleep 309 & sleep 0.3"))
    report = far.until_phase(place, Phase.ENDED)
    assert report.exit
    assert (report.exit.code, report.exit.left, report.exit.killed) == (0, 2, 0)
    assert len(far.members(place)) == 2
    processes.kill(far.members(place))


def test_a_command_that_daemonises_ends_and_its_daemon_lives_on(far: Far) -> None:
    place = far.start(Order(command=DAEMON))
    report = far.until_phase(place, Phase.ENDED)
    assert (report.exit and report.exit.code, report.out) == (0, b"started\n")
    eventually(lambda: len(far.members(place)) == 1)
    processes.kill(far.members(place))


def test_the_sweep_ends_what_was_left_in_the_background(far: Far) -> None:
    place = far.start(Order(command="sleep 310 & setsid sleep 311 & sleep 0.3; exit 2", sweep=True))
    report = far.until_phase(place, Phase.ENDED)
    assert report.exit
    assert (report.exit.code, report.exit.left, report.exit.killed) == (2, 0, 2)
    assert far.members(place) == []


def test_one_job_is_ended_and_the_next_one_is_not(far: Far) -> None:
    """An attempt's mark ends in a delimiter: attempt 1 is no prefix of attempt 10."""
    first = new_place()
    tenth = Place(first.job, 10)
    for place in (first, tenth):
        far.start(Order(command="setsid sleep 312 & sleep 313"), place)
        far.sleeping(place, 3)
    _cancel(far, first)
    far.until_phase(first, Phase.ENDED)
    assert far.members(first) == []
    assert len(far.members(tenth)) == 3
    _cancel(far, tenth)
    far.until_phase(tenth, Phase.ENDED)


def test_a_process_group_that_somebody_kills_is_a_signal(far: Far) -> None:
    """Probe 8: the operator polls for ever."""
    place = far.start(Order(command="sleep 318 & sleep 319"))
    far.sleeping(place, 3)
    pid = far.report(place).pid
    assert pid
    os.killpg(pid, signal.SIGKILL)
    report = far.until_phase(place, Phase.ENDED)
    assert report.exit
    assert (report.exit.code, report.exit.signal, report.exit.cancelled) == (137, 9, False)


def test_a_killed_supervisor_is_seen_and_its_job_can_still_be_cancelled(far: Far) -> None:
    place = far.start(Order(command=TREE))
    far.sleeping(place, 6)
    far.supervisor(place).kill()
    assert far.until_phase(place, Phase.ORPHANED).exit is None
    _cancel(far, place)
    report = far.until(place, lambda report: report.cancel == "done")
    assert (report.phase, far.members(place)) == (Phase.DIED, [])


def test_a_number_that_now_belongs_to_another_process_is_not_touched(near: Far) -> None:
    """A process's number is no identity: its start time must fit too."""
    bystander = psutil.Popen(["sleep", "314"], start_new_session=True)
    try:
        place = new_place()
        directory = near.directory(place)
        directory.mkdir()
        boot = near.session.exchange([], within()).ground.boot_id
        (directory / "start").write_text(f"{bystander.pid} 1 {boot} 1.00 1000 -\n")
        (directory / "job").write_text(f"{bystander.pid} 1\n")
        assert near.report(place).phase is Phase.DIED
        _cancel(near, place, 0.2)
        near.until(place, lambda report: report.cancel == "done")
        assert bystander.is_running()
        assert bystander.status() != psutil.STATUS_ZOMBIE
    finally:
        bystander.kill()
        bystander.wait()


def test_a_forgotten_job_leaves_only_its_claim_and_cannot_start_again(far: Far) -> None:
    place = far.start(Order(command='touch "${LOG_FILE%/*}/a b"; echo hi', environment={"SECRET": "s3cret"}))
    far.until_phase(place, Phase.ENDED)
    assert far.ask(Forget(place), Probe(place))[0].phase is Phase.FORGOTTEN
    assert [path.name for path in far.directory(place).iterdir()] == ["start"]
    far.start(Order(command="echo again"), place)
    assert far.report(place).phase is Phase.FORGOTTEN
