"""The far side on every kind of shell, and behind a real sshd."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from config.hosts import Host
from remora.remote.port import Link
from remora.ssh.dialer import SshDialer
from remora.ssh.keys import Keyring
from tests.remora.remote.far import Far, within
from tests.support import processes
from tests.support.local_link import LocalLink
from tests.support.shells import as_sh, is_own
from tests.support.sshd import Sshd, new_directory

SHELLS = ("dash", "bash", "busybox")
FarFactory = Callable[..., Far]


def _why_not(shell: str) -> str | None:
    """Say why this shell cannot take the place of /bin/sh, or nothing."""
    path = shutil.which(shell)
    if path is None:
        return f"{shell} is not installed"
    if is_own(path) or os.geteuid() == 0:
        return None
    allowed = subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "true"], capture_output=True)
    return f"{shell} cannot be put in the place of /bin/sh without root" if allowed.returncode else None


def _far(shell: str) -> Iterator[Far]:
    """Serve this shell by a real sshd: every session sees it at /bin/sh."""
    why_not = _why_not(shell)
    if why_not:
        pytest.skip(why_not)
    path = shutil.which(shell) or shell
    options = {} if is_own(path) else {"ForceCommand": f'{as_sh(path)} -c "$SSH_ORIGINAL_COMMAND"'}
    server = Sshd(new_directory(), options)
    server.start()
    host, links = server.host("box"), list[Link]()

    def connect() -> Link:
        links.append(SshDialer([], Keyring()).dial(host, within()))
        return links[-1]

    yield Far(shell, connect, host)
    for link in links:
        link.close()
    server.close()


@pytest.fixture(scope="session", params=SHELLS)
def far(request: pytest.FixtureRequest) -> Iterator[Far]:
    """A far side on each shell in turn, through a real sshd; tests leave it usable."""
    yield from _far(request.param)


@pytest.fixture(scope="session", params=[*SHELLS, "mksh"])
def any_shell(request: pytest.FixtureRequest) -> Iterator[Far]:
    """The same, and on a shell that few hosts have."""
    yield from _far(request.param)


@pytest.fixture(scope="session")
def near(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    """A far side that is no further than this machine's own /bin/sh, for what does not depend on shell and way."""
    home = tmp_path_factory.mktemp("home")
    links: list[LocalLink] = []

    def connect() -> LocalLink:
        links.append(LocalLink("/bin/sh", home))
        return links[-1]

    yield Far("near", connect)
    for link in links:
        link.close()
    processes.kill(processes.those(lambda process: str(home) in process.environ().get("HOME", "")))


@pytest.fixture
def far_at() -> Iterator[FarFactory]:
    """Open a session of one's own on a server: ``far_at(sshd, user="you", base="/mnt/jobs")``."""
    with ExitStack() as stack:

        def make(server: Sshd, **fields: object) -> Far:
            host: Host = server.host("box", **fields)  # type: ignore[arg-type]  # checked by the host itself
            link = SshDialer([], Keyring()).dial(host, within())
            stack.callback(link.close)
            far = Far("sshd", lambda: link, host)
            stack.callback(far.close)
            return far

        yield make
