"""Settings: what is read, what wins, what is said when it is wrong."""

from pathlib import Path

import pytest

from config.settings import BadSettings, load


def environ(tmp_path: Path, toml: str = "", **variables: str) -> dict[str, str]:
    file = tmp_path / "remora.toml"
    file.write_text(toml)
    return {"HOME": str(tmp_path), "REMORA_CONFIG": str(file), **variables}


def test_without_any_configuration_the_state_lies_in_the_users_state_directory(tmp_path: Path) -> None:
    settings = load({"HOME": str(tmp_path)})
    assert settings.home == tmp_path / ".local/state/remora"
    assert settings.durability == "always"
    assert settings.redis_url is None


def test_the_environment_goes_over_the_file(tmp_path: Path) -> None:
    settings = load(environ(tmp_path, "lease = 30\ntick = 3", REMORA_LEASE="40"))
    assert (settings.lease, settings.tick) == (40.0, 3.0)


def test_a_host_of_the_file_bears_the_name_of_its_table(tmp_path: Path) -> None:
    settings = load(environ(tmp_path, '[hosts.web]\naddress = "10.0.0.1"\nuser = "deploy"\nlabels = {tier = "a"}'))
    assert settings.hosts["web"].name == "web"
    assert settings.hosts["web"].labels == {"tier": "a"}


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("lease = -1", ["remora.toml", "lease", "greater than 0"]),
        ("leese = 1", ["remora.toml", "leese"]),
        ('[identities]\nanna = "rmr_token-itself"', ["identities.anna", "pattern"]),
        ("lease = [", ["remora.toml", "not TOML"]),
        ("lease = 5\nstep = 6", ["step", "shorter than lease (5 s)"]),
        ('[hosts.web]\naddress = "a"\nuser = "u"\nport = 99999', ["hosts.web.port", "65535"]),
        ('[hosts.web]\naddress = "a"\nuser = "u"\nbase = "jobs"', ["hosts.web", "absolute"]),
        ('[hosts."a b"]\naddress = "a"\nuser = "u"', ["hosts.a b.name"]),
    ],
)
def test_a_fault_in_the_file_is_told_with_its_file_and_key(tmp_path: Path, toml: str, words: list[str]) -> None:
    with pytest.raises(BadSettings) as caught:
        load(environ(tmp_path, toml))
    for word in words:
        assert word in str(caught.value)


def test_a_fault_in_the_environment_is_told_with_its_variable(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"^REMORA_TICK: tick: .*number"):
        load(environ(tmp_path, REMORA_TICK="often"))
    with pytest.raises(BadSettings, match="REMORA_LEESE: no such setting"):
        load(environ(tmp_path, REMORA_LEESE="1"))


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadSettings) as caught:
        load(environ(tmp_path, "lease = -1\ntick = -1"))
    assert len(str(caught.value).splitlines()) == 2


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="there is no file"):
        load({"HOME": str(tmp_path), "REMORA_CONFIG": str(tmp_path / "nowhere.toml")})


def test_the_password_of_redis_comes_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("a/b@c\n")
    given = environ(tmp_path, REMORA_REDIS_PASSWORD_FILE=str(tmp_path / "password"))
    assert load(given | {"REMORA_REDIS_URL": "redis://redis:6379/1"}).redis_url == "redis://:a%2Fb%40c@redis:6379/1"
    assert load(given | {"REMORA_REDIS_URL": "rediss://me@redis/0"}).redis_url == "rediss://me:a%2Fb%40c@redis/0"
    assert load(given | {"REMORA_REDIS_URL": "redis://:own@redis/0"}).redis_url == "redis://:own@redis/0"
    assert load(given).redis_url is None


def test_a_password_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    given = environ(tmp_path, REMORA_REDIS_URL="redis://redis", REMORA_REDIS_PASSWORD_FILE=str(tmp_path / "absent"))
    with pytest.raises(BadSettings, match=r"redis_password_file: .*/absent cannot be read"):
        load(given)
