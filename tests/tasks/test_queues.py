"""What a worker process leaves behind on the broker."""

from remora.hosts import Condition
from tests.support.waiting import eventually
from tests.tasks.conftest import Send
from tests.tasks.works import HOST, PATIENCE, Works


def test_a_killed_process_leaves_nothing_that_stays(works: Works, send: Send) -> None:
    """Its own queue has no binding, and what was sent to it and never fetched expires."""
    send("true").get(timeout=PATIENCE)
    (process,) = works.desk.workers()
    works.worker.kill()
    works.desk.examine(HOST)  # rings the speaker, whose lease has not lapsed
    client = works.redis.client
    own = f"remora.{process}"
    left = [key.decode() for key in client.scan_iter(f"*{process}*")]
    assert own in left
    assert {key: client.ttl(key) > 0 for key in left} == dict.fromkeys(left, True)
    assert not any(own.encode() in message for message in client.hvals("unacked"))
    works.mend()
    eventually(lambda: works.desk.host(HOST).condition is Condition.READY, timeout=PATIENCE)
