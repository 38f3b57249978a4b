import subprocess

import psutil
import pytest

from tests.conftest import SshdFactory, UserFactory
from tests.support.sshd import Sshd
from tests.support.users import User
from tests.support.waiting import eventually


def ssh_words(server: Sshd, command: str, *, user: str | None = None) -> list[str]:
    options = [f"UserKnownHostsFile={server.known_hosts}", "StrictHostKeyChecking=yes", "BatchMode=yes"]
    words = ["ssh", "-F", "/dev/null", "-i", str(server.client_key.path), "-p", str(server.port)]
    words += [word for option in options for word in ("-o", option)]
    return [*words, f"{user or server.user}@127.0.0.1", command]


def ssh(server: Sshd, command: str, *, user: str | None = None) -> str:
    finished = subprocess.run(ssh_words(server, command, user=user), capture_output=True, text=True, timeout=20)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_a_session_runs_a_command_in_a_private_home(sshd: Sshd) -> None:
    assert ssh(sshd, "echo $HOME") == f"{sshd.home}\n"


def test_connections_and_sessions_are_counted(make_sshd: SshdFactory) -> None:
    server = make_sshd()
    ssh(server, "true")
    ssh(server, "true")
    assert (server.connections(), server.sessions()) == (2, 2)


def test_the_host_bears_the_fingerprint_of_its_key(sshd: Sshd) -> None:
    host = sshd.host("box", max_jobs=3)
    assert host.host_keys == (sshd.host_key.fingerprint,)
    assert (host.address, host.port, host.max_jobs) == ("127.0.0.1", sshd.port, 3)


def test_it_comes_back_on_its_port_with_new_options(make_sshd: SshdFactory) -> None:
    server = make_sshd()
    server.stop()
    with pytest.raises(AssertionError, match="Connection refused"):
        ssh(server, "true")
    server.options["ForceCommand"] = "echo forced"
    server.start()
    assert ssh(server, "true") == "forced\n"


def test_killing_sessions_leaves_detached_processes_alive_until_it_closes(make_sshd: SshdFactory) -> None:
    server = make_sshd()
    ssh(server, "setsid sleep 60 </dev/null >/dev/null 2>&1 &")
    (detached,) = server.left_behind()
    with subprocess.Popen(ssh_words(server, "sleep 60"), stderr=subprocess.DEVNULL) as held:
        eventually(lambda: server.sessions() == 2)
        assert server.kill_sessions() >= 1
        assert held.wait(10) == 255
    assert detached.is_running()
    server.close()
    assert not psutil.wait_procs([detached], timeout=10)[1]


@pytest.mark.root
def test_other_accounts_log_in_with_their_own_home_and_shell(make_sshd: SshdFactory, make_user: UserFactory) -> None:
    server = make_sshd()
    user: User = make_user("/bin/dash")
    assert ssh(server, "echo $HOME $0", user=user.name) == f"{user.home} dash\n"
