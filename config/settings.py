"""The settings: one frozen object, built once from ``remora.toml`` and ``REMORA_*``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings.sources.utils import parse_env_vars

from config.home import Home, find_home
from config.hosts import Host

Seconds = Annotated[float, Field(gt=0)]


class BadSettings(Exception):
    """The settings cannot be used; each line names the place, the key and what to write instead."""


class Settings(BaseSettings):
    """Everything that can be configured. Durations are seconds, sizes bytes."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="REMORA_", env_nested_delimiter="__", env_ignore_empty=True
    )

    home: Path
    """State directory."""
    redis_url: str | None = None
    """Redis that holds the records; None means the embedded one that ``remora up`` starts."""
    redis_password_file: Path | None = None
    """File with the password for ``redis_url``, so that the password stands in no environment."""
    broker_url: str | None = None
    """Redis that carries the Celery messages; None means the same."""
    durability: Literal["always", "everysec"] = "always"
    """The AOF setting that Redis must have; with ``everysec`` a power cut may lose about a second of accepted jobs."""
    listen: str = "127.0.0.1"
    """Address of the HTTP door."""
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    """Port of the HTTP door; 0 means that ``remora up`` chooses a free one and keeps it."""
    flower_port: Annotated[int, Field(ge=0, le=65535)] = 0
    threads: Annotated[int, Field(ge=2, le=256)] = 16
    """Threads of a worker process."""
    installation: str | None = None
    """Names our directories on hosts; None means the one kept in ``home``."""

    lease: Seconds = 25.0
    """How long a silent worker process keeps its hosts."""
    tick: Seconds = 5.0
    """How often beat looks for work that nobody does."""
    exchange: Seconds = 10.0
    """Limit of one exchange with a host."""
    step: Seconds = 20.0
    """Limit of one step; shorter than ``lease``."""
    visibility: Annotated[int, Field(gt=0)] = 120
    """After this many seconds the broker hands out an unacknowledged message again."""
    probe: Seconds = 15.0
    """How often a host with live jobs is asked about all of them, beside what it tells by itself."""
    idle: Seconds = 300.0
    """A connection without live jobs is closed after this."""
    retention: Seconds = 7 * 86400.0
    """How long final jobs, their output and their directories on hosts are kept."""
    output_cap: Annotated[int, Field(gt=0)] = 1 << 30
    """Most bytes of each output stream that are kept."""

    known_hosts: tuple[Path, ...] = (Path("~/.ssh/known_hosts"), Path("/etc/ssh/ssh_known_hosts"))
    ssh_config: Path = Path("~/.ssh/config")
    keys: dict[str, Path] = {}
    """Private keys of this installation by name."""
    identities: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = {}
    """Callers beside the operator, by name: SHA-256 of each one's token in hex (``printf %s TOKEN | sha256sum``)."""
    hosts: dict[str, Host] = {}
    """Hosts given by the file; they win over those added at run time."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("hosts", mode="before")
    @classmethod
    def _name_hosts(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {name: {"name": name, **host} if isinstance(host, dict) else host for name, host in value.items()}

    @field_validator("step")
    @classmethod
    def _step_within_lease(cls, value: float, info: Any) -> float:
        if value >= info.data.get("lease", value + 1):
            raise ValueError(f"must be shorter than lease ({info.data['lease']:g} s)")
        return value

    @property
    def state(self) -> Home:
        """The state directory and what is kept there."""
        return Home(self.home)

    @property
    def installation_id(self) -> str:
        """The configured installation, else the one kept in the state directory."""
        return self.installation or self.state.installation()

    @classmethod
    def settings_customise_sources(cls, *_: Any, init_settings: Any, **_others: Any) -> tuple[Any, ...]:  # type: ignore[override] # it takes just one
        """Take only what ``load`` hands in, so that nothing else reads the environment."""
        return (init_settings,)


def settings_file(environ: Mapping[str, str]) -> Path:
    """Tell which file is read: ``REMORA_CONFIG``, else ``remora.toml`` in the state directory."""
    named = environ.get("REMORA_CONFIG")
    return Path(named).expanduser() if named else find_home(environ).path / "remora.toml"


def load(environ: Mapping[str, str]) -> Settings:
    """Build the settings: environment over file over defaults.

    Raises:
        BadSettings: with one line for each fault.
    """
    file = settings_file(environ)
    if "REMORA_CONFIG" in environ and not file.is_file():
        raise BadSettings(f"REMORA_CONFIG: there is no file {file}; create it or unset the variable")
    try:
        written = TomlConfigSettingsSource(Settings, file)()
    except ValueError as error:
        raise BadSettings(f"{file}: not TOML: {error}") from error
    given = _from_environment(environ)
    try:
        settings = Settings(**{"home": find_home(environ).path, **written, **given})
    except ValidationError as error:
        raise BadSettings("\n".join(_faults(error, file, given))) from error
    return settings.model_copy(update={"redis_url": _with_password(settings)})


def _with_password(settings: Settings) -> str | None:
    """Give the URL of Redis with the password from its file; one that stands in the URL already is kept."""
    file, url = settings.redis_password_file, settings.redis_url
    if file is None or url is None or urlsplit(url).password is not None:
        return url
    try:
        password = quote(file.expanduser().read_text().strip(), safe="")
    except OSError as error:
        raise BadSettings(f"redis_password_file: {file} cannot be read: {error.strerror}") from error
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.username or ''}:{password}@{parts.netloc.rpartition('@')[2]}").geturl()


OUTSIDE = frozenset({"REMORA_CONFIG", "REMORA_HOME", "REMORA_URL", "REMORA_TOKEN"})
"""Variables of the command line that are not settings."""


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    source = EnvSettingsSource(Settings)
    source.env_vars = parse_env_vars(environ, False, True)
    known = {f"REMORA_{name.upper()}" for name in Settings.model_fields} | OUTSIDE
    if stray := [name for name in environ if name.startswith("REMORA_") and name.split("__")[0] not in known]:
        raise BadSettings("\n".join(f"{name}: no such setting; see `remora config show`" for name in sorted(stray)))
    return source()


def _faults(error: ValidationError, file: Path, given: Mapping[str, Any]) -> list[str]:
    lines = []
    for fault in error.errors(include_url=False):
        place, *_ = fault["loc"] or ("",)
        origin = f"REMORA_{str(place).upper()}" if place in given else str(file)
        key = ".".join(str(part) for part in fault["loc"])
        lines.append(f"{origin}: {key}: {fault['msg']} (got {fault['input']!r:.80})")
    return lines
