"""What others on a host can learn of a job, and what a job is not spared or given."""

import stat
import subprocess
from pathlib import Path

import pytest

from remora.remote.operations import Order, Phase
from tests.conftest import UserFactory
from tests.remora.remote.conftest import FarFactory
from tests.remora.remote.far import Far, new_place
from tests.support.sshd import Sshd

SUDOERS = Path(__file__).parents[3] / "deploy" / "sudoers.example"


def test_what_a_job_is_given_is_readable_by_its_owner_alone_and_gone_after_its_end(near: Far) -> None:
    """Row A10: another user of the host cannot read a secret; the same user can, while the job runs."""
    place = near.start(Order(command="sleep 30", environment={"SECRET": "canary-7f3a"}, timeout=1, grace=0))
    near.until_phase(place, Phase.RUNNING)
    directory = near.directory(place)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    holders = [file for file in directory.iterdir() if b"canary-7f3a" in file.read_bytes()]
    assert holders
    assert {stat.S_IMODE(file.stat().st_mode) for file in holders} == {0o600}
    near.until_phase(place, Phase.ENDED)
    assert not [file for file in directory.iterdir() if b"canary-7f3a" in file.read_bytes()]


@pytest.mark.root
def test_another_user_cannot_read_what_a_job_is_given(far_at: FarFactory, make_user: UserFactory, sshd: Sshd) -> None:
    """Row A10: seen with the other user's eyes."""
    far, other = far_at(sshd), make_user()
    place = far.start(Order(command="sleep 30", environment={"SECRET": "canary-7f3a"}, timeout=5, grace=0))
    report = far.until_phase(place, Phase.RUNNING)
    words = ["sudo", "-n", "-u", other.name, "sh", "-c"]
    look = f"cat {far.directory(place)}/* /proc/{report.pid}/environ; ps axeww"
    seen = subprocess.run([*words, look], capture_output=True)
    assert b"sleep 30" in seen.stdout
    assert b"canary-7f3a" not in seen.stdout


@pytest.mark.parametrize("text", ["{{ 7*7 }}", "{% for x in y %}", "${7*7}", "<%= 7*7 %>", "#{7*7}", "%s {0}"])
def test_nothing_in_a_command_is_a_template(near: Far, text: str) -> None:
    """Row A16: what a user writes is data; no template language looks at it."""
    report = near.run(Order(argv=("printf", "%s", text), environment={"TEXT": text}))
    assert report.out == text.encode()


@pytest.mark.parametrize("user", ["root -s", "-u", "a;b", "a b", "", "../x"])
def test_a_user_to_run_as_is_a_plain_name(near: Far, user: str) -> None:
    """Row A25: nothing a caller writes becomes a flag of sudo."""
    started = near.started(Order(command="true", user=user), new_place())
    assert started.permanent
    assert "user name" in (started.reason or "")


@pytest.mark.root
def test_the_sudoers_file_that_we_offer_is_valid() -> None:
    """Row A25: which pairs of users are allowed is the host's to say; our example of it parses."""
    subprocess.run(["visudo", "-c", "-q", "-f", SUDOERS], check=True)
