import re
from hashlib import sha256
from pathlib import Path

import pytest

from deploy.compose import first_start

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
BLOCK = re.compile(r"^  ([a-z-]+):\n((?:    .*\n|\n)+)", re.MULTILINE)


def services() -> dict[str, str]:
    """Give each service's own lines, with those it shares with others where it says so."""
    shared = COMPOSE.split("x-process:")[1].split("\nservices:")[0]
    own = dict(BLOCK.findall(COMPOSE.split("\nservices:\n")[1].split("\nnetworks:\n")[0]))
    return {name: lines + (shared if "<<: *process" in lines else "") for name, lines in own.items()}


def those_that_stay() -> dict[str, str]:
    return {name: lines for name, lines in services().items() if name != "first-start"}


each = pytest.mark.parametrize("name", services())


def test_the_file_names_all_processes() -> None:
    assert set(services()) == {"first-start", "redis", "worker", "beat", "gateway", "flower"}


@each
def test_a_service_is_not_root_and_can_gain_and_write_nothing_a65(name: str) -> None:
    """A65: non-root, read-only root file system, no-new-privileges, no capabilities, tmpfs /tmp."""
    lines = services()[name]
    (user,) = re.findall(r"user: \"?(?:\$\{RUN_AS:-)?(\d+):(\d+)", lines)
    assert all(int(number) > 0 for number in user)
    assert "read_only: true" in lines
    assert "cap_drop: [ALL]" in lines
    assert 'security_opt: ["no-new-privileges:true"]' in lines
    assert "tmpfs: [/tmp]" in lines


@each
def test_a_service_reaches_nothing_of_the_machine_a65(name: str) -> None:
    """A65: no engine's socket, and none of the doors to the machine."""
    for word in ("docker.sock", "podman.sock", "privileged", "cap_add", "network_mode", "pid:", "ipc:", "devices"):
        assert word not in services()[name]


@pytest.mark.parametrize("name", those_that_stay())
def test_a_service_that_stays_is_restarted_and_has_a_health_check_without_a_shell_a65(name: str) -> None:
    """A65: health check."""
    lines = services()[name]
    assert "restart: unless-stopped" in lines
    assert re.search(r"healthcheck:\n(?: +#.*\n)? +test: \[CMD, (?:remora, health|redis-cli)", lines)


def test_redis_keeps_its_word_and_is_not_published() -> None:
    lines = services()["redis"]
    for option in ("--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction", "--aclfile"):
        assert option in lines
    assert "ports:" not in lines
    assert "networks: [records]\n" in lines
    assert re.search(r"  records:\n    internal: true\n", COMPOSE)


def test_what_is_published_is_published_on_loopback_unless_somebody_says_otherwise() -> None:
    published = re.findall(r"^      - \"(.*):\d+\"$", COMPOSE, re.MULTILINE)
    assert published == ["${GATEWAY_AT:-127.0.0.1:8740}", "${FLOWER_AT:-127.0.0.1:5555}"]


def test_keys_are_shown_to_workers_alone_and_cannot_be_changed_there() -> None:
    shown = {name for name, lines in services().items() if "SSH_FILES:-" in lines}
    assert shown == {"worker"}
    assert "/etc/remora/ssh:ro" in services()["worker"]


def test_no_password_stands_in_compose_file_or_dockerfile() -> None:
    for text in (COMPOSE, DOCKERFILE):
        assert not re.search(r"redis://[^/\s]*:[^/\s]*@", text)
        assert not re.search(r"^\s*(?:ARG|ENV)?\s*\w*(?:PASSWORD|TOKEN|SECRET)\w*[=:] *[^\s/]", text, re.MULTILINE)


def test_the_image_runs_as_a_user_and_is_made_of_what_the_lock_names() -> None:
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE)[-1] == "1000:1000"
    assert "--require-hashes --only-binary :all: -r deploy/requirements.lock" in DOCKERFILE
    assert not re.search(r"^(?:ADD|RUN .*(?:curl|wget))", DOCKERFILE, re.MULTILINE)


def test_everything_that_the_image_copies_is_in_the_clone_and_let_through() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [
        source for line in re.findall(r"^COPY (?!--)(.*) \S+$", DOCKERFILE, re.MULTILINE) for source in line.split()
    ]
    assert copied
    for source in copied:
        assert (ROOT / source).exists()
        assert source.split("/")[0] in allowed


def test_the_first_start_tells_redis_the_digest_of_a_password_that_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMORA_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(first_start, "USERS", tmp_path / "users.acl")
    first_start.main()
    told = (tmp_path / "users.acl").read_text()
    password = (tmp_path / "state" / "redis.password").read_text().strip()
    assert f"user default on #{sha256(password.encode()).hexdigest()} " in told
    assert password not in told
    first_start.main()
    assert (tmp_path / "users.acl").read_text() == told
