"""A throw-away OpenSSH server on a free loopback port, run as whoever runs the tests."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from config.hosts import Host
from tests.support import processes
from tests.support.keys import Key, make_key
from tests.support.ports import answers, free_port
from tests.support.waiting import eventually

MARK = "REMORA_TEST_SSHD"
"""Variable in the environment of every session, by which what it left behind is found."""


class Sshd:
    """One server with its own keys, log and home directory; nothing of this machine's own sshd is used."""

    def __init__(self, directory: Path, options: Mapping[str, object] | None = None) -> None:
        """Lay out the files; ``start`` starts it.

        Args:
            directory: An empty directory that other accounts may enter.
            options: Lines of sshd_config that come before ours; a list gives several of one keyword.
        """
        self.directory = directory
        self.options: dict[str, object] = dict(options or {})
        self.port = free_port()
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        self.host_key = make_key(directory / "host_key")
        self.client_key = make_key(directory / "client_key")
        self.home = directory / "home"
        """Home directory of the tests' own user in its sessions; other users have their own."""
        self.log = directory / "sshd.log"
        self.known_hosts = directory / "known_hosts"
        """Names exactly this host, its port and its key."""
        self.home.mkdir(mode=0o700)
        self.log.touch()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {self.host_key.public}\n")
        self.authorize(self.client_key)

    def authorize(self, key: Key) -> None:
        """Let this key in, for every account that the server can serve."""
        with self._authorized_keys.open("a") as file:
            file.write(key.public + "\n")

    @property
    def _authorized_keys(self) -> Path:
        return self.directory / "authorized_keys"

    def host(self, name: str = "box", *, user: str | None = None, **fields: object) -> Host:
        """Give the host as it would be configured: this port, our client key, its key's fingerprint."""
        given = {
            "address": "127.0.0.1",
            "port": self.port,
            "user": user or self.user,
            "key": str(self.client_key.path),
            "host_keys": (self.host_key.fingerprint,),
        }
        return Host.model_validate({"name": name, **given, **fields})

    def start(self) -> None:
        """Listen, on the same port and with the same keys as before; raises if it does not within 10 seconds."""
        self._configure()
        argv: list[str | Path] = [_program(), "-D", "-f", self._config, "-E", self.log]
        self.process = processes.spawn(argv, log=self.directory / "sshd.err")
        eventually(self._listening)

    def _listening(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"sshd ended at once: {self.log.read_text()}")
        return answers(self.port)

    def stop(self) -> None:
        """Refuse new connections; those that exist live on, as with a real sshd."""
        self.process.terminate()
        self.process.wait(10)

    def restart(self) -> None:
        """Stop and start with the options as they are now; connections that exist live on."""
        self.stop()
        self.start()

    def kill_sessions(self) -> int:
        """Kill -9 the server's side of every connection and tell how many processes that were; jobs live on."""
        killed = self._session_processes()
        processes.kill(killed)
        psutil.wait_procs(killed, timeout=10)
        return len(killed)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Have the server and its connections answer nothing for a while, as if the host hung."""
        stopped = [psutil.Process(self.process.pid), *self._session_processes()]
        processes.kill(stopped, signal.SIGSTOP)
        try:
            yield
        finally:
            processes.kill(stopped, signal.SIGCONT)

    def vanish(self) -> None:
        """Stop, and kill -9 the connections too, before they can be made anew; jobs live on."""
        connections = self._session_processes()
        self.stop()
        processes.kill(connections)
        psutil.wait_procs(connections, timeout=10)

    def live_connections(self) -> int:
        """Count the connections that are open now."""
        return len(psutil.Process(self.process.pid).children()) if self.process.poll() is None else 0

    def _session_processes(self) -> list[psutil.Process]:
        return [process for process in processes.descendants(self.process.pid) if _is_sshd(process)]

    def connections(self) -> int:
        """Count the connections that were authenticated since the first start."""
        return self.log.read_text(errors="replace").count("Accepted publickey for ")

    def sessions(self) -> int:
        """Count the sessions (exec, shell, subsystem) that were opened since the first start."""
        return self.log.read_text(errors="replace").count("Starting session: ")

    def left_behind(self) -> list[psutil.Process]:
        """Give the processes that descend from any of its sessions, detached ones too."""
        return processes.those(lambda process: process.environ().get(MARK) == str(self.directory))

    def close(self) -> None:
        """End the server, its connections and whatever its sessions left behind, and remove its files."""
        processes.end(self.process, gently=False)
        processes.kill(self.left_behind())
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def _config(self) -> Path:
        return self.directory / "sshd_config"

    def _configure(self) -> None:
        given = [line for keyword, value in self.options.items() for line in _lines(keyword, value)]
        self._config.write_text("\n".join([*given, *self._own_lines()]) + "\n")
        _make_room_for_privilege_separation()

    def _own_lines(self) -> list[str]:
        return [
            "ListenAddress 127.0.0.1",
            f"Port {self.port}",
            f"HostKey {self.host_key.path}",
            "PidFile none",
            f"AuthorizedKeysFile {self._authorized_keys}",
            "UsePAM no",
            "StrictModes no",
            "PermitRootLogin yes",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "LogLevel VERBOSE",
            "Subsystem sftp internal-sftp",
            *_no_penalties(),
            f"Match User {self.user}",
            f"SetEnv {MARK}={self.directory} HOME={self.home}",
            "Match all",
            f"SetEnv {MARK}={self.directory}",
        ]


def new_directory() -> Path:
    """Make a directory for a server that other accounts may enter, as a key file must be readable for them."""
    directory = Path(tempfile.mkdtemp(prefix="remora-test-sshd-"))
    directory.chmod(0o755)
    return directory


def _lines(keyword: str, value: object) -> list[str]:
    values = value if isinstance(value, (list, tuple)) else [value]
    return [f"{keyword} {one}" for one in values]


def _is_sshd(process: psutil.Process) -> bool:
    try:
        return process.name().startswith("sshd")
    except psutil.NoSuchProcess:
        return False


def _program() -> str:
    """Find sshd: it wants to be called by its absolute path, and /usr/sbin is not on everybody's PATH."""
    found = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin")
    if found is None:
        raise AssertionError("no sshd on this machine; run `deploy/setup --for test`, or install openssh-server")
    return found


def _no_penalties() -> list[str]:
    """Switch off the penalties of OpenSSH 9.8 and later: they would lock loopback out after a few planned failures."""
    line = "PerSourcePenalties no"
    known = subprocess.run([_program(), "-G", "-f", "/dev/stdin"], input=line, text=True, capture_output=True)
    return [line] if known.returncode == 0 else []


def _make_room_for_privilege_separation() -> None:
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
