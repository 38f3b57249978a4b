"""One connection a host, however many ask, and no hammering (A11)."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.hosts import Host
from remora.errors import (
    AuthenticationRefused,
    DeadlineExceeded,
    HostKeyRefused,
    HostUnreachable,
    RemoraError,
    Transient,
)
from remora.remote.port import Channel
from remora.ssh.dialer import SshDialer
from remora.ssh.keys import Keyring
from remora.ssh.pool import FIRST_PAUSE, HANDSHAKES, LONGEST_PAUSE, Pool, pause
from tests.conftest import SshdFactory
from tests.remora.ssh.deadlines import within
from tests.support.keys import make_key
from tests.support.waiting import eventually


class FakeLink:
    """A link that only knows whether it is closed."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.alive = True

    def open(self, command: str, deadline: float) -> Channel:
        raise NotImplementedError

    def close(self) -> None:
        self.alive = False


class FakeDialer:
    """Counts calls, and answers as the test says."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.failure: RemoraError | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.busy = 0
        self.busiest = 0
        self._lock = threading.Lock()

    def dial(self, host: Host, deadline: float) -> FakeLink:
        with self._lock:
            self.calls.append(host.name)
            self.busy += 1
            self.busiest = max(self.busiest, self.busy)
        self.gate.wait(max(0.0, deadline - time.monotonic()))
        with self._lock:
            self.busy -= 1
        if self.failure is not None:
            raise self.failure
        return FakeLink(host)


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def __call__(self) -> float:
        return self.now


def host(name: str = "box", **fields: object) -> Host:
    return Host.model_validate({"name": name, "address": "192.0.2.1", "user": "somebody", **fields})


@pytest.fixture
def dialer() -> FakeDialer:
    return FakeDialer()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pool(dialer: FakeDialer, clock: Clock) -> Pool:
    return Pool(dialer, clock=clock, chance=lambda: 1.0)


@given(failures=st.integers(1, 10_000), chance=st.floats(0, 1))
def test_pauses_double_up_to_a_limit_and_are_spread_all_over(failures: int, chance: float) -> None:
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures - 1, 100))
    assert pause(failures, chance) == pytest.approx(chance * longest)


def test_pauses_in_numbers() -> None:
    assert [pause(failures, 1.0) for failures in (1, 2, 3, 8, 9, 1000)] == [0.5, 1, 2, 20, 20, 20]


def test_all_callers_share_one_connection(pool: Pool, dialer: FakeDialer) -> None:
    """A11."""
    dialer.gate.clear()
    with ThreadPoolExecutor(50) as threads:
        links = [threads.submit(pool.link, host(), within(20)) for _ in range(50)]
        eventually(lambda: dialer.calls)
        dialer.gate.set()
        assert len({id(link.result(20)) for link in links}) == 1
    assert dialer.calls == ["box"]


def test_a_caller_waits_for_anothers_dial_only_until_its_own_deadline(pool: Pool, dialer: FakeDialer) -> None:
    dialer.gate.clear()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(pool.link, host(), within(20))
        eventually(lambda: dialer.calls)
        with pytest.raises(DeadlineExceeded, match="still connecting"):
            pool.link(host(), within(0.2))
        dialer.gate.set()
        assert first.result(20).alive


def test_a_dead_connection_is_replaced(pool: Pool, dialer: FakeDialer) -> None:
    first = pool.link(host(), within(5))
    first.close()
    second = pool.link(host(), within(5))
    assert second is not first
    assert second.alive
    assert dialer.calls == ["box", "box"]


def test_a_host_that_does_not_answer_is_left_alone_for_a_while(pool: Pool, dialer: FakeDialer, clock: Clock) -> None:
    """A11: nobody waits out the pause, and nobody dials during it; each failure doubles it."""
    dialer.failure = HostUnreachable("box does not answer", host="box")
    for attempt, longest in enumerate((0.5, 1.0, 2.0), 1):
        with pytest.raises(HostUnreachable):
            pool.link(host(), within(5))
        with pytest.raises(HostUnreachable, match="box does not answer") as refused:
            pool.link(host(), within(5))
        assert refused.value.facts["retry_at"] == pytest.approx(clock.now + longest)
        assert len(dialer.calls) == attempt
        clock.now += longest
    dialer.failure = None
    assert pool.link(host(), clock.now + 5).alive
    dialer.failure = HostUnreachable("again")
    pool.link(host(), clock.now + 5).close()
    with pytest.raises(HostUnreachable) as anew:
        pool.link(host(), clock.now + 5)
    assert anew.value.facts["retry_at"] == pytest.approx(clock.now + 0.5), "a success begins the count anew"


def test_other_hosts_are_not_held_up_by_one_that_is_silent(pool: Pool, dialer: FakeDialer) -> None:
    """A11."""
    dialer.failure = HostUnreachable("box does not answer")
    with pytest.raises(HostUnreachable):
        pool.link(host(), within(5))
    dialer.failure = None
    assert pool.link(host("other", address="192.0.2.2"), within(5)).alive


@pytest.mark.parametrize("kind", [AuthenticationRefused, HostKeyRefused])
def test_a_refusal_is_remembered_until_somebody_has_acted(
    pool: Pool, dialer: FakeDialer, clock: Clock, kind: type[RemoraError]
) -> None:
    """A2, A11: repeating it would lock us out, or show a password-less login to a stranger again and again."""
    dialer.failure = kind("refused", host="box", fingerprint="SHA256:x")
    for _ in range(3):
        with pytest.raises(kind, match="refused") as refused:
            pool.link(host(), clock.now + 5)
        assert refused.value.facts["fingerprint"] == "SHA256:x"
        clock.now += 10_000
    assert len(dialer.calls) == 1
    dialer.failure = None
    pool.reset("box")
    assert pool.link(host(), clock.now + 5).alive


def test_a_host_that_is_configured_anew_is_dialled_anew(pool: Pool, dialer: FakeDialer) -> None:
    first = pool.link(host(), within(5))
    second = pool.link(host(port=2222), within(5))
    assert not first.alive
    assert second.alive
    dialer.failure = AuthenticationRefused("refused")
    with pytest.raises(AuthenticationRefused):
        pool.link(host(key="wrong"), within(5))
    dialer.failure = None
    assert pool.link(host(key="right"), within(5)).alive


def test_few_handshakes_are_under_way_at_one_address(pool: Pool, dialer: FakeDialer) -> None:
    dialer.gate.clear()
    with ThreadPoolExecutor(11) as threads:
        links = [threads.submit(pool.link, host(f"box{number}"), within(20)) for number in range(10)]
        elsewhere = threads.submit(pool.link, host("elsewhere", address="192.0.2.9"), within(20))
        eventually(lambda: "elsewhere" in dialer.calls)
        dialer.gate.set()
        assert all(link.result(20).alive for link in [*links, elsewhere])
    assert dialer.busiest <= HANDSHAKES + 1


def test_idle_connections_are_closed_and_used_ones_stay(pool: Pool, clock: Clock) -> None:
    used, idle = pool.link(host(), clock.now + 5), pool.link(host("idle"), clock.now + 5)
    clock.now += 200
    assert pool.link(host(), clock.now + 5) is used
    clock.now += 200
    assert pool.close_idle(clock.now, after=300) == 1
    assert (used.alive, idle.alive) == (True, False)
    assert pool.link(host("idle"), clock.now + 5).alive


def test_a_forgotten_host_is_closed_and_begins_anew(pool: Pool, dialer: FakeDialer) -> None:
    link = pool.link(host(), within(5))
    pool.forget("box")
    pool.forget("box")
    assert not link.alive
    dialer.failure = HostUnreachable("no")
    with pytest.raises(HostUnreachable):
        pool.link(host(), within(5))
    pool.forget("box")
    dialer.failure = None
    assert pool.link(host(), within(5)).alive


@pytest.mark.parametrize("undo", [lambda pool: pool.forget("box"), lambda pool: pool.close()], ids=["forget", "close"])
def test_a_connection_that_comes_too_late_is_closed(
    pool: Pool, dialer: FakeDialer, undo: Callable[[Pool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[FakeLink] = []
    dial = dialer.dial

    def remember(host: Host, deadline: float) -> FakeLink:
        made.append(dial(host, deadline))
        return made[-1]

    monkeypatch.setattr(dialer, "dial", remember)
    dialer.gate.clear()
    with ThreadPoolExecutor(1) as threads:
        late = threads.submit(pool.link, host(), within(20))
        eventually(lambda: dialer.calls)
        undo(pool)
        dialer.gate.set()
        with pytest.raises(HostUnreachable, match="meanwhile"):
            late.result(20)
    assert not made[0].alive


def test_a_closed_pool_gives_nothing(pool: Pool) -> None:
    link = pool.link(host(), within(5))
    pool.close()
    pool.close()
    assert not link.alive
    with pytest.raises(HostUnreachable, match="being closed"):
        pool.link(host(), within(5))


def test_an_unforeseen_error_does_not_leave_others_waiting(
    pool: Pool, dialer: FakeDialer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(host: Host, deadline: float) -> FakeLink:
        raise ZeroDivisionError(host.name, deadline)

    with monkeypatch.context() as patch:
        patch.setattr(dialer, "dial", broken)
        with pytest.raises(ZeroDivisionError):
            pool.link(host(), within(5))
    assert pool.link(host(), within(5)).alive


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_after_a_fork_the_child_begins_with_nothing_and_the_parent_keeps_its_links(pool: Pool) -> None:
    link = pool.link(host(), within(5))
    child = os.fork()
    if child == 0:
        fresh = pool.link(host(), within(5)) is not link
        os._exit(0 if fresh else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert pool.link(host(), within(5)) is link
    assert link.alive


def test_fifty_threads_cost_a_real_server_one_login(make_sshd: SshdFactory) -> None:
    """A11."""
    server = make_sshd()
    pool = Pool(SshDialer([], Keyring()))
    target = server.host()
    with ThreadPoolExecutor(50) as threads:
        links = list(threads.map(lambda _: pool.link(target, within(20)), range(50)))
    assert len({id(link) for link in links}) == 1
    assert server.connections() == 1
    pool.close()
    eventually(lambda: server.live_connections() == 0)


def test_a_server_that_lets_in_two_at_a_time_serves_many_accounts(make_sshd: SshdFactory) -> None:
    """A11: what MaxStartups drops is tried again later."""
    server = make_sshd({"MaxStartups": 2})
    pool = Pool(SshDialer([], Keyring()))
    deadline = within(40)

    def reach(number: int) -> bool:
        while time.monotonic() < deadline:
            try:
                return pool.link(server.host(f"box{number}"), deadline).alive
            except Transient:
                threading.Event().wait(0.05)
        return False

    with ThreadPoolExecutor(12) as threads:
        assert all(threads.map(reach, range(12)))
    assert server.connections() == 12
    pool.close()


def test_a_changed_host_key_is_looked_at_once(make_sshd: SshdFactory) -> None:
    """A2: the host is left alone until an operator acts."""
    server = make_sshd()
    pool = Pool(SshDialer([], Keyring()))
    stranger = make_key(server.directory / "stranger")
    target = server.host(host_keys=(stranger.fingerprint,))
    with pytest.raises(HostKeyRefused) as first:
        pool.link(target, within(20))
    before = server.log.read_text().count("Connection from")
    with pytest.raises(HostKeyRefused) as second:
        pool.link(target, within(20))
    assert str(second.value) == str(first.value)
    assert server.log.read_text().count("Connection from") == before
    assert server.connections() == 0
    pool.close()
