import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
import redis

from config.home import Home
from tests.conftest import RedisFactory
from tests.support import processes
from tests.support.ports import free_port
from tests.support.sshd import Sshd
from tests.support.system import PROGRAM, System
from tests.support.waiting import eventually
from workers.process import embedded_url

pytestmark = pytest.mark.slow
PARTS = ("redis", "worker", "beat", "gateway", "flower")
QUICK = {"REMORA_LEASE": "2", "REMORA_STEP": "1.5", "REMORA_TICK": "1"}
MakeSystem = Callable[..., System]


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    """One system that its tests may hurt, as it heals."""
    with System(QUICK) as one:
        yield one


@pytest.fixture
def make_system() -> Iterator[MakeSystem]:
    """Describe systems that are not up yet; they are taken down with the test."""
    with ExitStack() as stack:

        def make(**settings: str) -> System:
            one = System(QUICK | settings)
            stack.callback(one.close)
            return one

        yield make


def running(system: System) -> dict[str, object]:
    told: dict[str, object] = json.loads((system.home / "run.json").read_text())
    return told


def pids(system: System) -> dict[str, int]:
    found = running(system)["pids"]
    assert isinstance(found, dict)
    return found


def status(url: object) -> int:
    try:
        with urllib.request.urlopen(str(url), timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def ready(system: System) -> bool:
    told = running(system)
    return status(f"{told['url']}/readyz") == 200 and status(f"{told['flower_url']}/tasks") == 401


def records(system: System) -> "redis.Redis":
    url = embedded_url(Home(system.home))
    assert url
    return redis.Redis.from_url(url)


def last_line(done: subprocess.CompletedProcess[bytes]) -> str:
    return done.stderr.decode().splitlines()[-1]


def all_gone(those: list[psutil.Process]) -> bool:
    return not any(processes.lives(process) for process in those)


def test_every_part_answers_when_it_returns(system: System) -> None:
    assert set(pids(system)) == set(PARTS)
    assert ready(system)
    assert records(system).ping()


def test_a_second_up_tells_what_runs_and_starts_nothing(system: System) -> None:
    before = running(system)
    done = system.run(["up", "--detach", "--json"])
    assert done.returncode == 0
    assert json.loads(done.stdout) == before
    assert b"runs here already" in done.stderr


def test_no_secret_stands_in_an_argument_or_in_the_run_file(system: System) -> None:
    home = Home(system.home)
    secrets = [home.operator_token(), home.redis_password(), home.flower_password(), home.seal_key().decode()]
    told = [(system.home / "run.json").read_text()]
    told += [word for process in system.processes() for word in process.cmdline()]
    assert len(told) > len(PARTS)
    assert not [word for word in told for secret in secrets if secret in word]


def test_nothing_in_the_state_directory_is_for_others_to_read(system: System) -> None:
    assert system.home.stat().st_mode & 0o077 == 0
    for name in ("token", "redis.password", "flower.password", "seal.key", "run.json", "redis/redis.conf"):
        assert (system.home / name).stat().st_mode & 0o077 == 0, name


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_killed_comes_back_by_itself(system: System, part: str) -> None:
    before = pids(system)
    os.kill(before[part], signal.SIGKILL)
    eventually(lambda: pids(system)[part] not in (0, before[part]), timeout=3)
    eventually(lambda: ready(system), timeout=30)
    assert {name: pid for name, pid in pids(system).items() if name != part} == {
        name: pid for name, pid in before.items() if name != part
    }


def test_what_was_accepted_before_redis_was_killed_is_still_there(system: System) -> None:
    records(system).set("told", "before")
    before = pids(system)["redis"]
    os.kill(before, signal.SIGKILL)
    eventually(lambda: pids(system)["redis"] not in (0, before), timeout=3)
    eventually(lambda: ready(system), timeout=30)
    assert records(system).get("told") == b"before"


def test_beat_ticks_and_a_worker_answers(system: System) -> None:
    def ticked() -> int:
        return int(records(system).get("remora:beat") or 0)

    before = ticked()
    eventually(lambda: ticked() > before, timeout=10)


def test_a_killed_supervisor_leaves_nothing_and_the_next_up_finds_all(make_system: MakeSystem) -> None:
    system = make_system()
    system.up()
    before = running(system)
    records(system).set("told", "before")
    alive = system.processes()
    os.kill(int(str(before["supervisor"])), signal.SIGKILL)
    eventually(lambda: all_gone(alive), timeout=3)
    system.up()
    after = running(system)
    assert (after["url"], after["flower_url"], after["redis_url"]) == (
        *(before[name] for name in ("url", "flower_url", "redis_url")),
    )
    assert records(system).get("told") == b"before"


def test_down_ends_everything_in_ten_seconds_and_may_be_called_twice(make_system: MakeSystem) -> None:
    system = make_system()
    system.up()
    alive = system.processes()
    asked = time.monotonic()
    assert system.run(["down"]).returncode == 0
    assert time.monotonic() - asked < 10
    assert all_gone(alive)
    assert not (system.home / "run.json").exists()
    assert system.run(["down"]).returncode == 0


def test_down_in_the_middle_of_a_job_takes_nothing_from_it(make_system: MakeSystem, sshd: Sshd) -> None:
    system = make_system()
    system.up()
    system.add_host(sshd.host("box"))
    gate = sshd.home / f"gate-{os.getpid()}"
    waits = f"echo before; until [ -e {gate} ]; do sleep 0.1; done; echo after; exit 5"
    job = system.succeed(["submit", "box", "--", waits]).splitlines()[-1]
    eventually(lambda: json.loads(system.succeed(["status", "--json", job]))["state"] == "running", timeout=30)
    asked = time.monotonic()
    system.succeed(["down"])
    assert time.monotonic() - asked < 10
    gate.touch()
    system.up()
    assert system.run(["wait", job]).returncode == 5
    assert system.run(["logs", job]).stdout == b"before\nafter\n"


def test_down_where_nothing_ever_ran_is_done_at_once(make_system: MakeSystem) -> None:
    system = make_system()
    assert system.run(["down"]).returncode == 0
    assert not system.home.exists()


def test_down_waits_for_the_parts_of_a_killed_supervisor(make_system: MakeSystem) -> None:
    system = make_system()
    system.up()
    alive = system.processes()
    os.kill(int(str(running(system)["supervisor"])), signal.SIGKILL)
    assert system.run(["down"]).returncode == 0
    assert all_gone(alive)


def test_ctrl_c_in_the_foreground_ends_everything(make_system: MakeSystem) -> None:
    system = make_system()
    with subprocess.Popen([PROGRAM, "up"], env=system.environment, stdout=-1, stderr=-1, start_new_session=True) as one:
        eventually((system.home / "run.json").exists, timeout=60)
        alive = system.processes()
        os.killpg(one.pid, signal.SIGINT)
        assert one.wait(10) == 0
    assert all_gone(alive)


def test_two_ups_at_once_start_one_system(make_system: MakeSystem) -> None:
    system = make_system()
    several = [system.start(["up", "--detach", "--json"]) for _ in range(2)]
    told = [json.loads(one.communicate(timeout=90)[0]) for one in several]
    assert [one.returncode for one in several] == [0, 0]
    assert told[0] == told[1]
    assert len(system.processes("worker")) == 1


def test_a_redis_elsewhere_is_used_where_one_is_named(make_system: MakeSystem, make_redis: RedisFactory) -> None:
    system = make_system(REMORA_REDIS_URL=make_redis().url)
    system.up()
    assert set(pids(system)) == set(PARTS) - {"redis"}
    assert ready(system)


def test_a_redis_that_could_lose_jobs_is_the_last_line(make_system: MakeSystem, make_redis: RedisFactory) -> None:
    server = make_redis({"appendonly": "no"})
    done = make_system(REMORA_REDIS_URL=server.url).run(["up", "--detach"])
    assert done.returncode == 1
    assert "append-only file is off" in last_line(done)
    assert "appendonly yes" in last_line(done)


def test_a_redis_that_is_not_there_is_the_last_line_without_its_password(make_system: MakeSystem) -> None:
    port = free_port()
    done = make_system(REMORA_REDIS_URL=f"redis://:s3cret@127.0.0.1:{port}/0").run(["up", "--detach"])
    assert done.returncode == 1
    assert f"redis://127.0.0.1:{port}/0 does not answer" in last_line(done)
    assert b"s3cret" not in done.stderr + done.stdout


def test_a_port_that_is_taken_is_the_last_line_and_all_is_ended(
    make_system: MakeSystem, make_redis: RedisFactory
) -> None:
    port = make_redis().port
    system = make_system(REMORA_PORT=str(port))
    done = system.run(["up", "--detach"])
    assert done.returncode == 1
    assert last_line(done).startswith(f"Error: port {port} of 127.0.0.1 is taken")
    assert system.processes() == []


def test_a_state_directory_of_a_later_version_is_refused(make_system: MakeSystem) -> None:
    system = make_system()
    system.home.mkdir(mode=0o700)
    (system.home / "format").write_text("99\n")
    done = system.run(["up", "--detach"])
    assert done.returncode == 1
    assert "later version" in last_line(done)


def test_bad_settings_are_told_by_name(make_system: MakeSystem) -> None:
    done = make_system(REMORA_THREADS="many").run(["up", "--detach"])
    assert done.returncode == 1
    assert "REMORA_THREADS" in last_line(done)


def test_logs_of_the_last_runs_are_kept(make_system: MakeSystem) -> None:
    system = make_system()
    logs = system.home / "logs"
    logs.mkdir(parents=True, mode=0o700)
    (logs / "worker.log").write_text("of the last run")
    system.up()
    assert (logs / "worker.log.1").read_text() == "of the last run"
    assert "ready" in (logs / "worker.log").read_text()


def test_processes_by_themselves_find_the_redis_that_runs_here(system: System, tmp_path: Path) -> None:
    log = tmp_path / "log"
    worker = processes.spawn([PROGRAM, "worker", "--threads", "2"], log=log, environment=system.environment)
    eventually(lambda: " ready." in log.read_text(), timeout=30)
    assert len(records(system).keys("remora:lease:*")) == 2
    processes.end(worker)
    assert len(records(system).keys("remora:lease:*")) == 1


def test_a_process_without_any_redis_says_what_to_do(make_system: MakeSystem, tmp_path: Path) -> None:
    done = make_system().run(["worker"])
    assert done.returncode == 1
    assert "REMORA_REDIS_URL" in last_line(done)
    assert not (tmp_path / "celerybeat-schedule").exists()


def test_the_gateway_does_not_send_tokens_over_the_network_in_the_clear(
    make_system: MakeSystem, make_redis: RedisFactory
) -> None:
    done = make_system(REMORA_REDIS_URL=make_redis().url, REMORA_LISTEN="0.0.0.0").run(["gateway"])
    assert done.returncode == 1
    assert "--behind-proxy" in last_line(done)
