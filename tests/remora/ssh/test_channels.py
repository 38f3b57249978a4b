"""Programs on the far side over a real sshd: deadlines, ends, noise, limits."""

import os
import select
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from remora.errors import ChannelRefused, ConnectionLost, DeadlineExceeded
from remora.ssh.connection import MOST_CHANNELS, Connection
from tests.conftest import SshdFactory
from tests.remora.ssh.conftest import Connect
from tests.remora.ssh.deadlines import read_all, read_exactly, within
from tests.support.sshd import Sshd
from tests.support.waiting import eventually


@pytest.fixture
def connection(sshd: Sshd, connect: Connect) -> Connection:
    return connect(sshd)


def test_what_is_sent_comes_back_byte_for_byte(connection: Connection) -> None:
    data = os.urandom(3_000_000)
    channel = connection.open("cat", within(20))
    writer = threading.Thread(target=channel.send, args=(data, within(60)))
    writer.start()
    assert read_exactly(channel, len(data), 60) == data
    writer.join(20)
    channel.close()


def test_the_end_of_the_program_is_the_end_of_the_stream(connection: Connection) -> None:
    channel = connection.open("printf done", within(20))
    assert read_all(channel) == b"done"
    assert channel.receive(10, within(1)) == b""
    assert connection.alive
    eventually(lambda: channel._raw.closed)
    with pytest.raises(ConnectionLost, match="the program has ended"):
        channel.send(b"hello", within(5))
    channel.close()


def test_a_silent_program_is_waited_for_until_the_deadline(connection: Connection) -> None:
    channel = connection.open("cat", within(20))
    start = time.monotonic()
    with pytest.raises(DeadlineExceeded, match="did not send anything"):
        channel.receive(10, within(0.3))
    assert 0.25 < time.monotonic() - start < 2
    channel.send(b"still there", within(10))
    assert read_exactly(channel, 11) == b"still there"
    channel.close()


def test_a_program_that_does_not_read_stops_the_sender_at_the_deadline(connection: Connection) -> None:
    """The window is full, the connection is well: others go on using it."""
    channel = connection.open("sleep 60", within(20))
    with pytest.raises(DeadlineExceeded, match="did not take our data"):
        channel.send(bytes(8_000_000), within(0.5))
    other = connection.open("echo well", within(20))
    assert read_all(other) == b"well\n"
    other.close()
    channel.close()


def test_standard_error_neither_blocks_nor_mixes_in(connection: Connection) -> None:
    """More than the window that both streams share, and nobody reads it."""
    channel = connection.open("head -c 5000000 /dev/zero | tr '\\0' e >&2; echo last words >&2; echo out", within(20))
    assert read_all(channel, 60) == b"out\n"
    assert channel.errors.endswith(b"last words\n")
    channel.close()


def test_much_output_that_nobody_reads_costs_bounded_memory(connection: Connection) -> None:
    """A8: the far side is stopped by the window."""
    channel = connection.open("cat /dev/zero", within(20))
    buffer = channel._raw.in_buffer
    eventually(lambda: len(buffer) >= 1 << 20)
    first = len(buffer)
    assert not select.select([], [], [], 0.3)[0]
    assert len(buffer) <= max(first, 2_200_000)
    channel.close()
    assert read_all(connection.open("echo well", within(20))) == b"well\n"


def test_select_finds_data_and_the_end(connection: Connection) -> None:
    channel = connection.open("read line; echo $line; read line", within(20))
    descriptor = channel.fileno()
    assert select.select([descriptor], [], [], 0.1)[0] == []
    channel.send(b"hello\n", within(10))
    assert select.select([descriptor], [], [], 10)[0] == [descriptor]
    assert channel.receive(100, within(10)) == b"hello\n"
    assert select.select([descriptor], [], [], 0.1)[0] == []
    channel.send(b"\n", within(10))
    assert select.select([descriptor], [], [], 10)[0] == [descriptor]
    assert channel.receive(100, within(10)) == b""
    assert select.select([descriptor], [], [], 0)[0] == [descriptor]
    channel.close()


def test_select_knows_what_came_before_it_was_asked(connection: Connection) -> None:
    channel = connection.open("echo early", within(20))
    eventually(lambda: len(channel._raw.in_buffer))
    assert select.select([channel.fileno()], [], [], 0)[0]
    channel.close()
    with pytest.raises(ConnectionLost):
        channel.fileno()


def test_closing_ends_the_programs_input_and_may_be_done_twice(connection: Connection, sshd: Sshd) -> None:
    marker = sshd.directory / "input-ended"
    marker.unlink(missing_ok=True)
    channel = connection.open(f"cat >/dev/null; touch {marker}", within(20))
    channel.close()
    channel.close()
    eventually(marker.exists)


def test_at_most_four_channels_are_in_use(connection: Connection) -> None:
    channels = [connection.open("cat", within(20)) for _ in range(MOST_CHANNELS)]
    with pytest.raises(ChannelRefused, match="all 4 channels"):
        connection.open("cat", within(20))
    channels.pop().close()
    channels.append(connection.open("cat", within(20)))
    for channel in channels:
        channel.close()


def test_a_forgotten_channel_gives_its_place_back(connection: Connection) -> None:
    for _ in range(MOST_CHANNELS + 2):
        connection.open("cat", within(20))


def test_a_host_that_opens_no_further_session_refuses_only_that(make_sshd: SshdFactory, connect: Connect) -> None:
    server = make_sshd({"MaxSessions": 2})
    connection = connect(server)
    channels = [connection.open("cat", within(20)) for _ in range(2)]
    for _ in range(3):
        with pytest.raises(ChannelRefused):
            connection.open("cat", within(20))
    assert connection.alive
    channels[0].send(b"well", within(10))
    assert read_exactly(channels[0], 4) == b"well"
    channels[0].close()
    # The place is free once the far side has reaped the program.
    eventually(lambda: _opens(connection))


def _opens(connection: Connection) -> bool:
    try:
        connection.open("true", within(20)).close()
    except ChannelRefused:
        return False
    return True


def test_a_cut_connection_ends_reading_and_writing(make_sshd: SshdFactory, connect: Connect) -> None:
    server = make_sshd()
    connection = connect(server)
    channel = connection.open("cat", within(20))
    descriptor = channel.fileno()
    server.kill_sessions()
    assert select.select([descriptor], [], [], 10)[0]
    assert channel.receive(10, within(10)) == b""
    eventually(lambda: not connection.alive)
    with pytest.raises(ConnectionLost):
        channel.send(b"hello", within(10))
    with pytest.raises(ConnectionLost):
        connection.open("true", within(10))
    channel.close()


def test_waiting_threads_wake_when_the_connection_is_closed(connection: Connection) -> None:
    channels = [connection.open("cat", within(20)) for _ in range(3)]
    with ThreadPoolExecutor() as threads:
        waiting = [threads.submit(channel.receive, 10, within(60)) for channel in channels]
        assert not select.select([], [], [], 0.2)[0]
        start = time.monotonic()
        connection.close()
        assert [wait.result(10) for wait in waiting] == [b""] * 3
    assert time.monotonic() - start < 5
    connection.close()


@pytest.mark.parametrize("command", ["true", "exec 0<&-; sleep 0.01"], ids=["unread input", "closed input"])
def test_thousands_of_short_programs_on_four_threads_do_not_kill_the_connection(
    sshd: Sshd, connect: Connect, command: str
) -> None:
    """Data for a program that has just ended must not leave after its channel's CLOSE: sshd would hang up on all."""
    connection = connect(sshd)
    end = within(8)

    def work(_: int) -> int:
        done = 0
        while time.monotonic() < end and done < 700:
            try:
                channel = connection.open(command, within(20))
            except ChannelRefused:  # the far side has not reaped the ones before
                continue
            _push(channel)
            channel.close()
            done += 1
        return done

    with ThreadPoolExecutor(4) as threads:
        done = sum(threads.map(work, range(4)))
    assert connection.alive
    assert done > 200, "the machine was too busy to show anything"


def _push(channel: object) -> None:
    try:
        for _ in range(3):
            channel.send(b"x" * 1000, within(20))  # type: ignore[attr-defined]
    except ConnectionLost:
        pass  # the program has ended, the connection has not


def test_key_exchanges_that_the_server_begins_are_no_trouble_on_a_busy_connection(
    make_sshd: SshdFactory, connect: Connect
) -> None:
    connection = connect(make_sshd({"RekeyLimit": "1M"}))
    data = os.urandom(6_000_000)

    def echo(_: int) -> bool:
        channel = connection.open("cat", within(60))
        writer = threading.Thread(target=channel.send, args=(data, within(60)))
        writer.start()
        same = read_exactly(channel, len(data), 60) == data
        writer.join(20)
        channel.close()
        return same

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(echo, range(3))) == [True] * 3
    assert connection.alive


def test_nothing_waits_to_fill_a_packet(connection: Connection) -> None:
    """Nagle's algorithm and delayed acknowledgements together would cost 40 ms for each of these."""
    channel = connection.open("cat", within(20))
    start = time.monotonic()
    for _ in range(100):
        channel.send(b"x", within(20))
        channel.receive(1, within(20))
    assert time.monotonic() - start < 100 * 0.02
    channel.close()


def test_an_idle_connection_sleeps(connection: Connection) -> None:
    """paramiko by itself wakes ten times a second for each connection."""
    channel = connection.open("cat", within(20))
    read_none = channel.receive
    with pytest.raises(DeadlineExceeded):
        read_none(1, within(0.2))
    thread = connection._transport.native_id
    before = _switches(thread)
    assert not select.select([], [], [], 2.0)[0]
    assert _switches(thread) - before <= 4
    channel.close()


def _switches(thread: int | None) -> int:
    with open(f"/proc/self/task/{thread}/status") as status:  # noqa: PTH123  # a file of the kernel
        return next(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt_switches"))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_connection_stays_with_the_process_that_made_it(sshd: Sshd, connect: Connect) -> None:
    """The child of a fork finds it dead and does not disturb its parent."""
    connection = connect(sshd)
    channel = connection.open("cat", within(20))
    child = os.fork()
    if child == 0:
        usable = connection.alive
        channel.close()
        connection.close()
        os._exit(1 if usable else 0)
    assert os.waitpid(child, 0)[1] == 0
    channel.send(b"well", within(10))
    assert read_exactly(channel, 4) == b"well"
    channel.close()
