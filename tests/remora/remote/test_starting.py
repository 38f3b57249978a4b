"""A job is started once, whatever happens to those who ask for it."""

import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from remora.errors import ConnectionLost
from remora.remote import protocol
from remora.remote.operations import Cancel, Operation, Order, Phase, Place, Probe, Start, StartOutcome
from remora.remote.orders import pack
from remora.remote.protocol import Launch
from remora.remote.session import COMMAND, Session
from tests.remora.remote.far import Far, new_place, within
from tests.support.waiting import eventually


def _counting(counter: Path) -> Order:
    return Order(argv=("/bin/sh", "-c", 'echo ran >> "$1"', "count", str(counter)))


def _runs(counter: Path) -> int:
    return len(counter.read_text().splitlines()) if counter.exists() else 0


def _submission(place: Place, order: Order, nonce: str) -> bytes:
    payloads, _ = protocol.payloads(pack(order, tag=nonce, home="/"), tag=nonce)
    return protocol.exchange([Launch(place, nonce, order, payloads)], nonce=nonce)


def _send_some(far: Far, text: bytes, delay: float = 0.0) -> None:
    """Give a held shell this much of an exchange, then cut its line."""
    channel = far.connect().open(COMMAND, within())
    channel.send(protocol.enter(base=str(far.base), nonce="cut") + text, within())
    time.sleep(delay)
    channel.close()


def _settle_all(far: Far, counters: dict[Place, Path]) -> None:
    starts: list[Operation] = [Start(place, _counting(counter)) for place, counter in counters.items()]
    far.session.exchange(starts, within())
    probes: list[Operation] = [Probe(place) for place in counters]
    eventually(lambda: all(report.phase is Phase.ENDED for report in far.ask(*probes)), 60.0, interval=0.2)


@pytest.mark.slow
def test_a_submission_cut_after_any_byte_and_sent_again_runs_once(near: Far, tmp_path: Path) -> None:
    counters: dict[Place, Path] = {}
    length = len(_submission(new_place(), _counting(tmp_path / "000"), "0" * 8))
    for cut in range(length + 1):
        place = new_place()
        counters[place] = tmp_path / str(cut)
        _send_some(near, _submission(place, _counting(counters[place]), f"{cut:08x}")[:cut])
    _settle_all(near, counters)
    assert [(path.name, _runs(path)) for path in counters.values() if _runs(path) != 1] == []


def test_a_truncated_submission_does_nothing(far: Far, tmp_path: Path) -> None:
    place = new_place()
    text = _submission(place, _counting(tmp_path / "runs"), "cafe0001")
    _send_some(far, text[: text.rindex(b"}")])
    assert far.report(place).phase is Phase.ABSENT


def test_a_shell_killed_at_any_moment_of_a_submission_that_is_sent_again_runs_it_once(far: Far, tmp_path: Path) -> None:
    counters: dict[Place, Path] = {}
    for moment in range(25):
        place = new_place()
        counters[place] = tmp_path / str(moment)
        text = _submission(place, _counting(counters[place]), f"{moment:08x}")
        channel = far.connect().open(COMMAND, within())
        channel.send(protocol.enter(base=str(far.base), nonce="cut") + text, within())
        time.sleep(moment * 0.001)
        channel.close()
    _settle_all(far, counters)
    assert {_runs(path) for path in counters.values()} == {1}


def test_twenty_four_submissions_of_one_job_at_once_run_it_once(far: Far, tmp_path: Path) -> None:
    place, counter = new_place(), tmp_path / "runs"
    sessions = [far.new_session() for _ in range(4)]
    ready = threading.Barrier(len(sessions))

    def submit(session: Session) -> None:
        ready.wait()
        session.exchange([Start(place, _counting(counter))] * 6, within())

    threads = [threading.Thread(target=submit, args=(session,)) for session in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    far.until_phase(place, Phase.ENDED)
    eventually(lambda: len(list(far.directory(place).glob("order.*"))) == 1)
    assert _runs(counter) == 1
    for session in sessions:
        session.close()


def test_a_start_sent_again_is_told_to_be_a_duplicate(far: Far) -> None:
    place = new_place()
    assert far.started(Order(command="sleep 0.2"), place).outcome is StartOutcome.NEW
    far.until(place, lambda report: report.phase in (Phase.RUNNING, Phase.ENDED))
    assert far.started(Order(command="sleep 0.2"), place).outcome is StartOutcome.DUPLICATE


def test_a_large_job_sent_again_leaves_no_upload_behind(near: Far) -> None:
    place = near.start(Order(command="sleep 0.3", stdin=b"x" * 500_000))
    near.until(place, lambda report: report.phase is not Phase.PLACED)
    again = near.started(Order(command="sleep 0.3", stdin=b"x" * 500_000), place)
    assert again.outcome is StartOutcome.DUPLICATE
    assert list((near.base / "uploads").glob("*.stdin*")) == []


def test_a_claim_that_stays_empty_is_called_stale_and_never_starts(near: Far) -> None:
    place = new_place()
    directory = near.directory(place)
    directory.mkdir()
    (directory / "start").touch()
    assert (near.report(place).phase, near.report(place).stale) == (Phase.CLAIMED, False)
    os.utime(directory / "start", (time.time() - 300, time.time() - 300))
    assert (near.report(place).phase, near.report(place).stale) == (Phase.CLAIMED, True)
    assert near.started(Order(command="true"), place).outcome is StartOutcome.DUPLICATE
    near.ask(Cancel(place))
    assert near.until(place, lambda report: report.cancel == "done").phase is Phase.CLAIMED


@pytest.mark.parametrize(
    ("reserved", "phase"),
    [("x", Phase.REBOOTED), ("", Phase.REBOOTED), ("verdict 3 exit - 0 0 0 9.00 -", Phase.ENDED)],
)
def test_a_job_of_another_boot_is_over_unless_its_verdict_was_written(near: Far, reserved: str, phase: Phase) -> None:
    place = new_place()
    directory = near.directory(place)
    directory.mkdir()
    (directory / "start").write_text(f"{os.getpid()} 1 00000000-dead-beef-0000-000000000000 8.00 1000 -\n")
    (directory / "exit.tmp").write_text(f"{reserved:<99}\n")
    report = near.report(place)
    assert report.phase is phase
    assert report.boot_id == "00000000-dead-beef-0000-000000000000"


def test_a_job_whose_directory_is_removed_is_absent(far: Far) -> None:
    place = far.start(Order(command="sleep 315"))
    far.sleeping(place)
    supervisor = far.supervisor(place)
    shutil.rmtree(far.directory(place))
    assert far.report(place).phase is Phase.ABSENT
    for process in (supervisor, *far.members(place)):
        process.kill()


def test_a_base_that_is_removed_is_noticed_and_made_anew(near: Far) -> None:
    session = near.new_session()
    shutil.rmtree(near.base)
    with pytest.raises(ConnectionLost, match="removed"):
        session.exchange([Start(new_place(), Order(command="true"))], within())
    session.close()
    near.session.close()
    near.session = near.new_session()
    assert near.run(Order(command="echo back")).out == b"back\n"


def test_sixty_five_jobs_are_two_exchanges_and_all_run(near: Far) -> None:
    reports = near.run_all([Order(command=f"exit {code}") for code in range(65)])
    assert [report.exit.code for report in reports if report.exit] == list(range(65))


def test_an_order_that_no_host_could_carry_out_is_refused_and_the_rest_is_done(near: Far) -> None:
    good, bad = new_place(), new_place()
    answer = near.session.exchange(
        [Start(bad, Order(argv=("echo", "a\0b"))), Start(good, Order(command="true"))], within()
    )
    assert {started.place: (started.outcome, started.permanent) for started in answer.started} == {
        bad: (StartOutcome.REFUSED, True),
        good: (StartOutcome.NEW, False),
    }


def test_times_are_uptime_so_that_a_wrong_clock_does_not_matter(far: Far) -> None:
    before = float(Path("/proc/uptime").read_text().split()[0])
    report = far.run(Order(command="sleep 0.2"))
    after = float(Path("/proc/uptime").read_text().split()[0])
    assert report.started is not None
    assert report.ended is not None
    assert before - 0.02 <= report.started <= report.ended <= after + 0.02
    assert report.ended - report.started >= 0.19
