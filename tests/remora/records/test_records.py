"""The records over a real Redis: what each change does, and what it refuses."""

import threading
from uuid import UUID, uuid4

import pytest
from redis import Redis

from config.hosts import Host
from remora.cause import Cause, Kind
from remora.errors import Conflict, Fenced, NotFound, RecordsUnavailable
from remora.hosts import Condition
from remora.job import JobRequest
from remora.records.mapping import new_job_fields
from remora.records.plan import Change, Grant, Plan
from remora.records.records import CHANGES, Key, NewJob, Records, Terms
from remora.state import State
from tests.conftest import RedisFactory
from tests.support.redis import RedisServer
from tests.support.waiting import eventually

CANCELLED = Cause(Kind.CANCELLED, evidence={"by": "anna"})


@pytest.fixture
def records(redis_server: RedisServer) -> Records:
    """Empty records with one host that is ready."""
    records = open_records(redis_server)
    records.write_host(Host(name="web", address="127.0.0.1", user="u", max_jobs=2), create=True)
    records.change_host("web", {"condition": Condition.READY.value}, unset=("examine",))
    return records


def open_records(server: RedisServer, *, retention: float = 60.0, lease: float = 5.0) -> Records:
    redis = Redis.from_url(server.url, decode_responses=True)
    return Records(redis, Terms(retention=retention, probe=15.0, lease=lease))


def new_job(host: str = "web", id: UUID | None = None) -> NewJob:
    request = JobRequest(host=host, command="true")
    return NewJob(id or uuid4(), host, new_job_fields(request, "anna") | {"payload": "p"})


def accept(records: Records, count: int = 1) -> list[UUID]:
    jobs = [new_job() for _ in range(count)]
    records.create(jobs)
    return [job.id for job in jobs]


def speak(records: Records, process: str = "one") -> Grant:
    records.renew(process)
    grant = records.speak("web", process)
    assert grant is not None
    return grant


def plan(records: Records, grant: Grant) -> Plan:
    return records.plan(grant, boot_id="boot", base="/base", starts=64, look_at=None)


def test_an_accepted_job_is_read_back_as_it_was_given(records: Records) -> None:
    (id,) = accept(records)
    job = records.job(id)
    assert (job.state, job.host, job.name, job.attempt, job.identity) == (State.ACCEPTED, "web", "true", 1, "anna")
    assert job.created == pytest.approx(records.now() / 1000, abs=5)


def test_a_job_for_an_unknown_host_is_refused_and_nothing_is_recorded(records: Records) -> None:
    good = new_job()
    with pytest.raises(NotFound, match="no host 'nowhere'"):
        records.create([good, new_job("nowhere")])
    assert records.read([good.id]) == []


def test_the_same_key_gives_the_same_jobs_and_another_request_under_it_conflicts(records: Records) -> None:
    job = new_job()
    assert records.create([job], Key("anna:k", "f"))
    assert not records.create([job], Key("anna:k", "f"))
    with pytest.raises(Conflict, match="another request"):
        records.create([new_job()], Key("anna:k", "g"))


def test_fifty_creates_under_one_key_at_once_make_one_job(records: Records) -> None:
    job, made = new_job(), []
    threads = [
        threading.Thread(target=lambda: made.append(records.create([job], Key("anna:k", "f")))) for _ in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made.count(True) == 1
    assert len(records.ids(before=None, limit=10)) == 1


def test_jobs_to_start_are_starting_before_anything_is_sent_and_only_as_many_as_the_host_may_run(
    records: Records,
) -> None:
    ids = accept(records, 3)
    due = plan(records, speak(records))
    assert [start.id for start in due.starts] == ids[:2]
    assert [records.job(id).state for id in ids] == [State.STARTING, State.STARTING, State.ACCEPTED]
    assert records.job(ids[2]).held == "concurrency"
    assert due.starts[0].boot_id == "boot"
    assert due.starts[0].base == "/base"


def test_a_drained_host_starts_nothing_and_the_job_says_why(records: Records) -> None:
    (id,) = accept(records)
    records.change_host("web", {"drained": "1"})
    assert plan(records, speak(records)).starts == ()
    assert records.job(id).held == "drained"


def test_an_end_is_written_once_and_a_later_one_changes_nothing(records: Records) -> None:
    (id,) = accept(records)
    grant = speak(records)
    plan(records, grant)
    assert records.settle(grant, [Change(id, 1, State.SUCCEEDED, {"exit_code": "0"})]).applied == {id}
    assert records.settle(grant, [Change(id, 1, State.LOST, {"exit_code": "9"})]).applied == frozenset()
    assert (records.job(id).state, records.job(id).exit_code) == (State.SUCCEEDED, 0)


def test_several_transitions_of_a_job_are_applied_in_order_in_one_write(records: Records) -> None:
    (id,) = accept(records)
    grant = speak(records)
    plan(records, grant)
    changes = [
        Change(id, 1, State.RUNNING, stamps=("started",)),
        Change(id, 1, State.COLLECTING, {"exit_code": "3"}, stamps=("ended",)),
        Change(id, 1, State.FAILED),
    ]
    records.settle(grant, changes)
    job = records.job(id)
    assert (job.state, job.exit_code) == (State.FAILED, 3)
    assert job.started is not None
    assert job.ended is not None
    assert job.finished is not None


def test_a_write_by_a_speaker_that_was_replaced_is_fenced(records: Records) -> None:
    (id,) = accept(records)
    old = speak(records, "one")
    plan(records, old)
    records.release("one")
    new = speak(records, "two")
    assert int(new.epoch) > int(old.epoch)
    with pytest.raises(Fenced):
        records.settle(old, [Change(id, 1, State.SUCCEEDED)])
    with pytest.raises(Fenced):
        plan(records, old)
    assert records.job(id).state is State.STARTING


def test_the_epoch_grows_even_after_redis_was_wiped(records: Records, redis_server: RedisServer) -> None:
    before = speak(records)
    redis_server.flush()
    records.write_host(Host(name="web", address="127.0.0.1", user="u"), create=True)
    assert int(speak(records).epoch) > int(before.epoch)


def test_a_living_speaker_keeps_its_host(records: Records) -> None:
    first = speak(records, "one")
    assert speak(records, "two") == first


def test_a_result_of_an_earlier_attempt_is_not_written_to_the_present_one(records: Records) -> None:
    (id,) = accept(records)
    grant = speak(records)
    plan(records, grant)
    records.settle(grant, [Change(id, 1, State.ACCEPTED, {"attempt": "2"}, leaves=True)])
    plan(records, grant)
    assert records.settle(grant, [Change(id, 1, State.SUCCEEDED)]).applied == frozenset()
    assert records.job(id).state is State.STARTING


def test_a_new_attempt_waits_for_its_delay(records: Records) -> None:
    (id,) = accept(records)
    grant = speak(records)
    plan(records, grant)
    records.settle(grant, [Change(id, 1, State.ACCEPTED, {"attempt": "2"}, delay=0.3)])
    assert plan(records, grant).starts == ()
    assert eventually(lambda: plan(records, grant).starts)[0].attempt == 2


def test_cancelling_what_was_never_sent_is_final_at_once(records: Records) -> None:
    (id,) = accept(records)
    assert records.cancel(id, by="anna", cause=CANCELLED) == (False, False)
    job = records.job(id)
    assert (job.state, job.cause, job.cancel_by) == (State.CANCELLED, CANCELLED, "anna")
    assert plan(records, speak(records)).starts == ()


def test_cancelling_what_was_sent_stays_a_wish_until_its_end_is_recorded(records: Records) -> None:
    (id,) = accept(records)
    grant = speak(records)
    plan(records, grant)
    assert records.cancel(id, by="anna", cause=CANCELLED) == (True, False)
    assert [due.id for due in plan(records, grant).cancels] == [id]
    records.settle(grant, [Change(id, 1, State.CANCELLED)])
    assert plan(records, grant).cancels == ()


def test_an_end_that_was_recorded_before_the_cancel_stands(records: Records) -> None:
    (id,) = accept(records)
    grant = speak(records)
    plan(records, grant)
    records.settle(grant, [Change(id, 1, State.COLLECTING, {"exit_code": "0"})])
    assert records.cancel(id, by="anna", cause=CANCELLED) == (False, False)
    assert records.job(id).state is State.COLLECTING
    assert records.job(id).cancel_by == "anna"


def test_what_waits_is_due_until_it_is_done(records: Records) -> None:
    (id,) = accept(records)
    assert records.tick()[0] == ["submit:web"]
    grant = speak(records)
    plan(records, grant)
    assert records.tick()[0] == []
    records.cancel(id, by="anna", cause=CANCELLED)
    assert records.tick()[0] == ["cancel:web"]
    records.settle(grant, [Change(id, 1, State.COLLECTING)])
    assert records.tick()[0] == ["collect:web"]
    records.settle(grant, [Change(id, 1, State.CANCELLED)])
    assert records.tick()[0] == []


def test_a_host_that_was_left_alone_is_due_again_later(records: Records) -> None:
    accept(records)
    records.settle(speak(records), contact=False, retry_in=0.3)
    assert records.tick()[0] == []
    assert records.host("web").out_of_contact_since is not None
    assert eventually(lambda: records.tick()[0]) == ["submit:web"]


def test_a_bell_is_rung_once_until_it_is_answered(records: Records) -> None:
    accept(records)
    assert records.claim_bell("submit:web") == ""
    assert records.claim_bell("submit:web") is None
    assert records.tick()[0] == []
    records.answer_bell("submit:web")
    speak(records, "one")
    assert records.claim_bell("submit:web") == "one"


def test_a_bell_whose_message_was_lost_may_be_rung_again(redis_server: RedisServer) -> None:
    records = open_records(redis_server, lease=0.2)
    assert records.claim_bell("submit:web") == ""
    assert eventually(lambda: records.claim_bell("submit:web") is not None)


def test_the_end_of_a_job_releases_its_parked_run(records: Records) -> None:
    (id,) = accept(records)
    grant = speak(records)
    plan(records, grant)
    assert records.park(id, "message")
    assert records.settle(grant, [Change(id, 1, State.SUCCEEDED)]).released == (id,)
    assert records.tick()[0] == [f"run:{id}"]
    assert records.parked(id) == "message"
    records.unpark(id)
    assert records.tick()[0] == []


def test_nothing_is_parked_for_a_job_that_has_ended(records: Records) -> None:
    (id,) = accept(records)
    records.cancel(id, by="anna", cause=CANCELLED)
    assert not records.park(id, "message")
    assert records.parked(id) is None


def test_a_final_job_goes_when_its_retention_is_over(redis_server: RedisServer) -> None:
    records = open_records(redis_server, retention=0.2)
    records.write_host(Host(name="web", address="127.0.0.1", user="u"), create=True)
    (id,) = accept(records)
    records.cancel(id, by="anna", cause=CANCELLED)
    assert eventually(lambda: records.tick()[1]) == [id]
    records.purge([id])
    assert records.read([id]) == []
    assert records.ids(before=None, limit=10) == []


def test_a_host_with_jobs_under_way_is_not_removed(records: Records) -> None:
    (id,) = accept(records)
    with pytest.raises(Conflict, match="1 jobs"):
        records.remove_host("web")
    records.cancel(id, by="anna", cause=CANCELLED)
    records.remove_host("web")
    with pytest.raises(NotFound):
        records.host("web")


def test_every_change_is_told_on_the_channel(records: Records, redis_server: RedisServer) -> None:
    listener = Redis.from_url(redis_server.url, decode_responses=True).pubsub()  # type: ignore[no-untyped-call] # redis-py types it so
    listener.subscribe(CHANGES)
    assert eventually(lambda: listener.get_message(timeout=1)) is not None
    (id,) = accept(records)
    message = eventually(lambda: listener.get_message(timeout=1))
    assert str(id) in message["data"]
    assert '"accepted"' in message["data"]


def test_sizes_of_output_only_grow(records: Records) -> None:
    (id,) = accept(records)
    records.grow([(id, 1, 10, 5)])
    records.grow([(id, 1, 4, 7)])
    records.grow([(id, 2, 99, 99)])
    assert (records.job(id).out_size, records.job(id).err_size) == (10, 7)


def test_a_redis_that_is_away_is_said_to_be_away(make_redis: RedisFactory) -> None:
    server = make_redis()
    records = open_records(server)
    server.kill()
    with pytest.raises(RecordsUnavailable):
        records.job(uuid4())
    with pytest.raises(RecordsUnavailable):
        records.create([new_job()])
