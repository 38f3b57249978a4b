"""Bring docker-compose.yml up for real, run a job through it, kill its worker in the middle, take it down.

Docker is used where an engine runs; else podman, installed when missing (Debian, root), with images made on the spot.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

from tests.compose.engine import ROOT, Docker, Engine, Failed, attempt, run
from tests.compose.podman import Podman
from tests.support.ports import free_port
from tests.support.sshd import Sshd, new_directory
from tests.support.waiting import eventually

SERVICES = ("redis", "worker", "beat", "gateway", "flower")
LINES = 24
SCRIPT = f"""\
echo started >> "$HOME/started"
n=0
while [ $n -lt {LINES} ]; do
    n=$((n + 1))
    echo "line $n"
    echo "murmur $n" >&2
    sleep 0.5
done
exit 42
"""
"""Runs for 12 seconds."""
OUT = "".join(f"line {number}\n" for number in range(1, LINES + 1))
ERR = "".join(f"murmur {number}\n" for number in range(1, LINES + 1))
OWNER = os.geteuid() or 1000
"""The user of the containers, who must own the key and may not be root."""


class Check:
    """One walk through the compose file."""

    def __init__(self, engine: Engine, project: str, directory: Path) -> None:
        """Take an engine and an empty directory for keys and output."""
        self._engine = engine
        self._project = project
        self._directory = directory
        self._door = f"127.0.0.1:{free_port()}"
        self._flower = f"127.0.0.1:{free_port()}"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Bring the file up, and down again with everything it made."""
        named = self._engine.prepare()
        say("the image is built")
        files = self._directory / "ssh"
        files.mkdir()
        places = {"SSH_FILES": str(files), "GATEWAY_AT": self._door, "FLOWER_AT": self._flower}
        os.environ.update({**named, **places, "RUN_AS": f"{OWNER}:{OWNER}"})
        try:
            self._engine.compose("up", "--detach")
            say("docker-compose.yml is up")
            yield
        except (Failed, AssertionError):
            self._tell_logs()
            raise
        finally:
            self._engine.compose("down", "--volumes")
        insist(not self._engine.left(), f"down has left {self._engine.left()}")
        say("docker-compose.yml is down; no container, network or volume is left")

    def _tell_logs(self) -> None:
        for service in SERVICES:
            for container in self._engine.containers(service):
                print(f"--- {service}\n{self._engine.logs(container)}", file=sys.stderr)

    def healthy(self) -> None:
        """Wait until the health check of every service passes."""
        for service in SERVICES:
            seen = eventually(partial(self._health, service), 120.0, interval=1.0)
            say(f"{service} is healthy: {seen}")

    def _health(self, service: str) -> str:
        container = self._container(service)
        kind, *words = self._engine.inspect(container)["Config"]["Healthcheck"]["Test"]
        insist(kind == "CMD", f"{service}: its health check is a shell line")
        answer = self._engine.inside(container, *words)
        return answer.stdout.strip() if answer.returncode == 0 else ""

    def _container(self, service: str) -> str:
        (container,) = self._engine.containers(service)
        return container

    def confined(self) -> None:
        """Show that no service is root, can gain anything, or can write outside its volumes (A65)."""
        for service in SERVICES:
            container = self._container(service)
            status = self._status(container)
            insist("0" not in status["Uid"].split(), f"{service} runs as root")
            insist(int(status["CapBnd"], 16) == int(status["CapEff"], 16) == 0, f"{service} has capabilities")
            insist(status["NoNewPrivs"] == "1", f"{service} may gain privileges")
            for place in ("/probe", "/usr/bin/probe", "/etc/probe"):
                wrote = self._engine.inside(container, "touch", place)
                insist("Read-only file system" in wrote.stderr, f"{service} can write {place}: {wrote.stderr}")
            sources = [mount["Source"] for mount in self._engine.inspect(container)["Mounts"]]
            insist(not any("docker.sock" in source for source in sources), f"{service} holds the engine's socket")
        say("no service is root, has a capability, can gain one, or can write its root file system")

    def _status(self, container: str) -> Mapping[str, str]:
        answer = self._engine.inside(container, "cat", "/proc/1/status")
        return {name: value.strip() for name, _, value in (line.partition(":") for line in answer.stdout.splitlines())}

    def guarded(self) -> None:
        """Show that Redis answers nobody without the password, and that its one open user can do nothing."""
        redis = self._container("redis")
        for words in (["info"], ["--user", "health", "--pass", "any", "--no-auth-warning", "get", "remora:beat"]):
            answer = self._engine.inside(redis, "redis-cli", "-e", *words)
            insist(answer.returncode != 0, f"Redis answers {words}: {answer.stdout}")
        insist(
            not self._engine.inspect(redis)["NetworkSettings"].get("Ports", {}).get("6379/tcp"), "Redis is published"
        )
        say("Redis is not published and answers nobody without the password")

    def job_survives_its_worker(self, server: Sshd) -> None:
        """Run a job, kill -9 its worker's container in the middle, and compare exit code and output."""
        out, err = self._directory / "out", self._directory / "err"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            words = [*self._remora(), "run", "box", "--", SCRIPT]
            job = subprocess.Popen(words, env=self._caller(), stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
        try:
            eventually(lambda: out.read_bytes().count(b"\n") >= 6 or job.poll() is not None, 90.0)
            insist(job.poll() is None, f"the job has ended: {err.read_text()}")
            say("the job runs and its output arrives")
            self._kill_worker()
            code = job.wait(180.0)
        finally:
            job.kill()
        insist(code == 42, f"the exit code is {code}, not 42: {err.read_text()[-2000:]}")
        insist(out.read_text() == OUT, f"the output is not right: {out.read_text()!r}")
        insist(err.read_text() == ERR, f"the error output is not right: {err.read_text()!r}")
        insist((server.home / "started").read_text() == "started\n", "the job was not started just once")
        say(f"the job ended with 42; all {LINES} lines of both streams arrived once; it was started once")

    def revoked_in_flower(self) -> None:
        """Cancel a job by the call that Flower's Revoke button makes."""
        id = run([*self._remora(), "submit", "box", "--", "sleep 600"], self._caller()).split()[-1]
        password = self._secret("flower.password")
        credentials = b64encode(f"operator:{password}".encode()).decode()
        asked = Request(f"http://{self._flower}/api/task/revoke/{id}", method="POST")
        asked.add_header("Authorization", f"Basic {credentials}")
        build_opener(ProxyHandler({})).open(asked, timeout=30.0).close()
        ended = attempt([*self._remora(), "wait", id], self._caller())
        insist(ended.returncode == 130, f"the revoked job ended with {ended.returncode}: {ended.stderr}")
        say("a job was cancelled through Flower")

    def _secret(self, name: str) -> str:
        return self._engine.inside(self._container("gateway"), "cat", f"/var/lib/remora/{name}").stdout.strip()

    def _kill_worker(self) -> None:
        worker = self._container("worker")
        before = self._pid(worker)
        self._engine.kill(worker)
        eventually(lambda: self._pid(worker) != before, 30.0)
        say("the worker's container was killed with -9 in the middle of the job")
        # Engines restart what crashes, not what was killed through them.
        if not self._pid(worker):
            self._engine.start(worker)
        eventually(lambda: self._pid(worker), 30.0)
        say("the worker's container is started again")

    def _pid(self, container: str) -> int:
        return int(self._engine.inspect(container)["State"]["Pid"])

    @contextmanager
    def host(self) -> Iterator[Sshd]:
        """Start an sshd that the worker can reach, and add it as the host ``box``."""
        server = Sshd(new_directory())
        # The worker's way out of its network is an address of this machine.
        server.options["ListenAddress"] = f"{self._way_out()}:{server.port}"
        server.start()
        try:
            self._hand_in(server)
            target = f"{server.user}@{self._way_out()}:{server.port}"
            fingerprint = server.host_key.fingerprint
            add = ["hosts", "add", "box", target, "--key", "default", "--fingerprint", fingerprint]
            run([*self._remora(), *add], self._caller())
            say(f"the host {target} is added and examined")
            yield server
        finally:
            server.close()

    def _way_out(self) -> str:
        networks = self._engine.inspect(self._container("worker"))["NetworkSettings"]["Networks"]
        return str(networks[f"{self._project}_outside"]["Gateway"])

    def _hand_in(self, server: Sshd) -> None:
        key = self._directory / "ssh" / "id_ed25519"
        shutil.copy(server.client_key.path, key)
        key.chmod(0o600)
        shutil.chown(key, OWNER)

    def _remora(self) -> list[str]:
        return [str(ROOT / ".venv" / "bin" / "remora")]

    def _caller(self) -> dict[str, str]:
        """Give the environment of a caller on this machine, who has copied the token."""
        own = {"REMORA_HOME": str(self._directory / "caller"), "REMORA_URL": f"http://{self._door}"}
        return {**os.environ, **own, "REMORA_TOKEN": self._secret("token")}


def insist(good: object, words: str) -> None:
    """Fail with these words unless it is good."""
    if not good:
        raise Failed(words)


_STARTED = time.monotonic()


def say(sentence: str) -> None:
    """Tell a step that is done, with the seconds since the start."""
    print(f"{time.monotonic() - _STARTED:5.0f} s  {sentence}", flush=True)


def main(arguments: Sequence[str]) -> int:
    """Walk and give an exit code."""
    options = _parser().parse_args(arguments)
    for name in [name for name in os.environ if name.startswith("REMORA_")]:
        del os.environ[name]
    project = f"remora-check-{os.getpid()}"
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="remora-check-")))
        directory.chmod(0o755)
        engine = _engine(project, options.store)
        stack.callback(engine.clean)
        try:
            _walk(Check(engine, project, directory))
        except (Failed, AssertionError) as trouble:
            print(f"compose-check: {trouble}", file=sys.stderr)
            return 1
    say("all is as it should be")
    return 0


def _walk(check: Check) -> None:
    with check.running():
        check.healthy()
        check.confined()
        check.guarded()
        with check.host() as server:
            check.job_survives_its_worker(server)
            check.revoked_in_flower()
            check.healthy()


def _engine(project: str, store: Path | None) -> Engine:
    if Docker.answers():
        say("Docker builds and runs")
        return Docker(project)
    say("there is no Docker engine: podman builds and runs, with images made on this machine")
    place = store or Path(tempfile.mkdtemp(prefix="remora-check-store-", dir="/var/tmp"))
    place.mkdir(parents=True, exist_ok=True)
    return Podman(project, place.absolute(), keep=store is not None)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deploy/compose-check", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--store", type=Path, help="keep podman's images in this directory, so that the next is quicker"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
