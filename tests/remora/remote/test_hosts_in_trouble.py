"""Hosts that are full, closed, noisy or strange: jobs run where they can, and where not the reason is told."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from remora.errors import ConnectionLost, HostUnfit
from remora.remote.operations import Cancel, Order, Phase, StartOutcome
from remora.remote.port import Link
from remora.remote.session import Session
from tests.conftest import SshdFactory, UserFactory
from tests.remora.remote.conftest import FarFactory
from tests.remora.remote.far import HOST, Far, new_place, within
from tests.support.local_link import LocalChannel, LocalLink
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

Mount = Callable[[str], Path]

NOISE = """
echo "Welcome, this is a busy host"
printf '\\n0000 end\\n==> /etc/passwd <==\\n\\377\\376\\000'
echo "complaint" >&2
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Mount]:
    """Mount a small file system: ``small_disk("size=1m,noexec")``; it goes with the test."""
    with ExitStack() as stack:

        def mount(options: str) -> Path:
            directory = tmp_path / "disk"
            directory.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)], check=True)
            stack.callback(subprocess.run, ["umount", "--lazy", str(directory)], check=True)
            return directory

        yield mount


@pytest.mark.root
def test_on_a_full_disk_a_start_is_refused_and_succeeds_once_there_is_room(
    far_at: FarFactory, sshd: Sshd, small_disk: Mount
) -> None:
    disk = small_disk("size=1m")
    far = far_at(sshd, base=str(disk))
    filler = disk / "filler"
    with filler.open("wb") as file, pytest.raises(OSError, match="No space"):
        file.write(b"x" * 2_000_000)
    place = new_place()
    refused = far.started(Order(command="echo ran"), place)
    assert refused.outcome is StartOutcome.REFUSED
    assert refused.reason
    assert not refused.permanent
    assert far.started(Order(command=":" + " " * 200_000), place).outcome is StartOutcome.REFUSED
    filler.unlink()
    assert far.started(Order(command="echo ran"), place).outcome is StartOutcome.NEW
    assert far.until_phase(place, Phase.ENDED).out == b"ran\n"


@pytest.mark.root
@pytest.mark.parametrize(("end", "code", "signal"), [("exit 4", 4, None), ("kill -9 $$", 137, 9)])
def test_a_job_that_fills_the_disk_keeps_its_verdict(
    far_at: FarFactory, sshd: Sshd, small_disk: Mount, end: str, code: int, signal: int | None
) -> None:
    far = far_at(sshd, base=str(small_disk("size=1m")))
    report = far.run(Order(command=f"head -c 5000000 /dev/zero; {end}"))
    assert report.exit
    assert (report.exit.code, report.exit.signal) == (code, signal)


@pytest.mark.root
def test_scripts_run_where_files_may_not_be_executed(far_at: FarFactory, sshd: Sshd, small_disk: Mount) -> None:
    far = far_at(sshd, base=str(small_disk("size=4m,noexec")))
    assert not far.session.examine(within()).runs_files
    assert far.run(Order(script=b"#!/usr/bin/env sh\necho script $1\n", arguments=("a",))).out == b"script a\n"
    assert far.run(Order(command="echo command")).out == b"command\n"


@pytest.mark.root
@pytest.mark.parametrize("shell", ["/bin/dash", "/bin/bash", "/usr/bin/csh", "/usr/bin/fish", "/usr/bin/zsh"])
def test_any_login_shell_will_do(far_at: FarFactory, make_user: UserFactory, sshd: Sshd, shell: str) -> None:
    if not Path(shell).exists():
        pytest.skip(f"{shell} is not installed")
    user = make_user(shell)
    far = far_at(sshd, user=user.name)
    report = far.run(Order(command='id -un; pwd; printf "%s\\n" "$1"', arguments=("it's $HOME\n!",)))
    assert (report.out or b"").decode() == f"{user.name}\n{user.home}\nit's $HOME\n!\n"
    assert far.base == user.home / ".remora/tests/box"
    assert [oct(path.stat().st_mode & 0o777) for path in (far.base, far.base.parent)] == ["0o700", "0o700"]


@pytest.mark.root
def test_a_banner_and_noise_in_profiles_do_not_disturb(
    far_at: FarFactory, make_user: UserFactory, make_sshd: SshdFactory, tmp_path: Path
) -> None:
    banner = tmp_path / "banner"
    banner.write_text("You are being watched.\n")
    tmp_path.chmod(0o755)
    user = make_user("/bin/bash")
    for name in (".bashrc", ".profile", ".bash_profile"):
        (user.home / name).write_text(NOISE)
    far = far_at(make_sshd({"Banner": str(banner)}), user=user.name)
    report = far.run(Order(command="echo clean"))
    assert (report.out, report.err) == (b"clean\n", b"")
    watch = far.session.watch(within())
    assert watch.names() == set()
    assert far.session.read(report.place, "out", 0, 100, within()) == b"clean\n"
    watch.close()


@pytest.mark.root
def test_an_account_without_a_shell_is_told_in_its_own_words(
    far_at: FarFactory, make_user: UserFactory, sshd: Sshd
) -> None:
    user = make_user("/usr/sbin/nologin")
    with pytest.raises(HostUnfit, match="not available"):
        far_at(sshd, user=user.name)


@pytest.mark.root
def test_an_account_that_is_ended_at_once_is_unfit(far_at: FarFactory, make_user: UserFactory, sshd: Sshd) -> None:
    user = make_user("/bin/false")
    with pytest.raises(HostUnfit, match="without a word"):
        far_at(sshd, user=user.name)


@pytest.mark.root
def test_an_account_without_home_in_its_environment_finds_its_home(
    far_at: FarFactory, make_user: UserFactory, sshd: Sshd
) -> None:
    homeless = sshd.directory / "homeless"
    homeless.write_text('#!/bin/sh\nunset HOME\nexec /bin/sh "$@"\n')
    homeless.chmod(0o755)
    user = make_user(str(homeless))
    far = far_at(sshd, user=user.name)
    assert far.base == user.home / ".remora/tests/box"
    assert far.run(Order(command='echo "${HOME-none}"; pwd')).out == f"none\n{user.home}\n".encode()


@pytest.mark.root
def test_a_home_that_cannot_be_written_is_told(far_at: FarFactory, make_user: UserFactory, sshd: Sshd) -> None:
    user = make_user()
    user.home.chmod(0o500)
    with pytest.raises(HostUnfit, match="Permission denied"):
        far_at(sshd, user=user.name)


@pytest.mark.root
def test_a_base_of_another_user_is_refused(far_at: FarFactory, make_user: UserFactory, sshd: Sshd) -> None:
    """Nobody can lay a directory in our way where all may write."""
    user = make_user()
    squatted = user.home / "tests/box"
    squatted.mkdir(parents=True)
    for path in (user.home, squatted.parent, squatted):
        os.chown(path, user.uid, user.uid)
        path.chmod(0o777)
    with pytest.raises(HostUnfit, match="another user"):
        far_at(sshd, base=str(user.home))


@pytest.mark.root
def test_two_users_of_one_host_do_not_meet(far_at: FarFactory, make_user: UserFactory, sshd: Sshd) -> None:
    """Probe 15: a second account runs jobs too, and neither can read the other's."""
    one, two = (far_at(sshd, user=make_user().name) for _ in range(2))
    place = one.start(Order(command="echo private"))
    one.until_phase(place, Phase.ENDED)
    report = two.run(Order(argv=("cat", str(one.directory(place) / "out"))))
    assert (report.out, report.exit and report.exit.code) == (b"", 1)


@pytest.mark.root
def test_a_job_runs_as_another_user_and_is_ended_as_that_user(
    far_at: FarFactory, make_user: UserFactory, sshd: Sshd
) -> None:
    user = make_user()
    far = far_at(sshd)
    order = Order(
        command='id -un; cat; echo "$SECRET"; exit 5', user=user.name, stdin=b"in\n", environment={"SECRET": "a'b"}
    )
    report = far.run(order)
    assert (report.exit and report.exit.code, report.out) == (5, f"{user.name}\nin\na'b\n".encode())
    place = far.start(
        Order(command="setsid sleep 320 & trap '' TERM; echo up; while :; do sleep 1; done", user=user.name)
    )
    far.until(place, lambda report: report.out_size > 0)
    far.ask(Cancel(place, 0.3))
    assert far.until_phase(place, Phase.ENDED).exit
    eventually(lambda: not user.processes())


@pytest.mark.root
def test_a_user_that_does_not_exist_keeps_the_job_from_running(far_at: FarFactory, sshd: Sshd) -> None:
    report = far_at(sshd).run(Order(command="echo ran", user="no-such-user"))
    assert report.exit
    assert (report.exit.never_started, report.out) == ("user", b"")


@pytest.mark.parametrize(("offset", "day"), [("-1 day", -86_400), ("+1 day", 86_400)])
def test_a_clock_that_is_wrong_by_a_day_changes_nothing_but_itself(tmp_path: Path, offset: str, day: int) -> None:
    liar = tmp_path / "bin" / "date"
    liar.parent.mkdir()
    liar.write_text(f'#!/bin/sh\nexec /bin/date -d "{offset}" "$@"\n')
    liar.chmod(0o755)
    link = LocalLink("/bin/sh", tmp_path, {"PATH": f"{liar.parent}:/usr/bin:/bin"})
    far = Far("wrong clock", lambda: link)
    clock = far.session.exchange([], within()).ground.clock
    assert clock == pytest.approx(time.time() + day, abs=5.0)
    report = far.run(Order(command="sleep 30", timeout=0.3, grace=0.1))
    assert report.exit
    assert report.exit.timed_out == "wall"
    link.close()


def test_a_connection_that_dies_at_once_is_no_fault_of_the_host(tmp_path: Path) -> None:
    class DyingLink(LocalLink):
        def open(self, command: str, deadline: float) -> LocalChannel:
            channel = super().open(command, deadline)
            channel.kill()
            self.alive = False
            return channel

    link: Link = DyingLink("/bin/sh", tmp_path)
    with pytest.raises(ConnectionLost):
        Session(link, HOST, "tests").open(within(5))
    link.close()
