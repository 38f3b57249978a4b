"""Host aliases of ``~/.ssh/config``, as far as they can be honoured (ssh_config(5)).

HostName, User, Port, IdentityFile, ProxyJump and Include are. A keyword that would make ``ssh`` connect in another
way is refused by name, rather than left out silently.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from config.patterns import any_matches

HONOURED = frozenset({"hostname", "user", "port", "identityfile", "proxyjump"})
IGNORED = frozenset(
    {
        # How a person's terminal behaves, or what else ssh does beside connecting.
        "batchmode", "enableescapecommandline", "escapechar", "forkafterauthentication", "fingerprinthash", "loglevel",
        "logverbose", "numberofpasswordprompts", "obscurekeystroketiming", "requesttty", "sendenv", "visualhostkey",
        # What is never done here: forwarding, passwords, several terminals over one connection of ssh's own.
        "addkeystoagent", "clearallforwardings", "controlmaster", "controlpath", "controlpersist", "dynamicforward",
        "exitonforwardfailure", "forwardagent", "forwardx11", "forwardx11timeout", "forwardx11trusted", "gatewayports",
        "gssapiauthentication", "gssapidelegatecredentials", "kbdinteractiveauthentication", "localforward",
        "passwordauthentication", "permitlocalcommand", "preferredauthentications", "remoteforward",
        "streamlocalbindmask", "streamlocalbindunlink", "usekeychain", "xauthlocation",
        # What is always so here, or has a setting of its own.
        "checkhostip", "compression", "connectionattempts", "connecttimeout", "hashknownhosts", "identitiesonly",
        "ignoreunknown", "rekeylimit", "serveralivecountmax", "serveraliveinterval", "tcpkeepalive", "updatehostkeys",
        "verifyhostkeydns",
    }
)  # fmt: skip
"""Keywords, in lower case, that make no difference to whom we reach, by which way and as whom."""
ADVICE = {
    "certificatefile": "lay the certificate beside the key as KEY-cert.pub",
    "globalknownhostsfile": "name the file under known_hosts in remora.toml",
    "identityagent": "give the host a key",
    "match": "write the lines that matter under a Host line",
    "proxycommand": "use ProxyJump, or reach the host another way",
    "setenv": "give the variables with the job",
    "stricthostkeychecking": "host keys are always checked; remove the line for this host",
    "userknownhostsfile": "name the file under known_hosts in remora.toml",
}
"""What to do instead, where more can be said than to remove the line."""
DEEPEST_INCLUDE = 16


class BadSshConfig(ValueError):
    """The file cannot be honoured; the message names the file, the line and what to do."""


@dataclass(frozen=True)
class Alias:
    """What the file says of one name."""

    name: str
    address: str
    """Its HostName, else the name itself."""
    port: int = 22
    user: str | None = None
    """None where the file does not say."""
    key: str | None = None
    """The first IdentityFile, which is the one ssh tries first."""
    jump: str | None = None
    """The alias of the host to go through."""


@dataclass(frozen=True)
class _Line:
    """One keyword with its arguments, and where it stands."""

    keyword: str
    """In lower case."""
    spelled: str
    """As written, for messages."""
    arguments: tuple[str, ...]
    place: str
    """File and line number."""

    @property
    def value(self) -> str:
        if not self.arguments:
            raise BadSshConfig(f"{self.place}: {self.spelled} needs a value")
        return self.arguments[0]

    def refused(self) -> BadSshConfig:
        advice = ADVICE.get(self.keyword, "remove the line for this host, or add the host by its address")
        return BadSshConfig(f"{self.place}: {self.spelled} is not honoured here; {advice}")


def resolve(name: str, file: Path, *, home: Path) -> Alias:
    """Say what an alias stands for; a name that the file does not know stands for itself.

    Args:
        name: The alias.
        file: Usually ``~/.ssh/config``; one that does not exist says nothing.
        home: What ``~`` means in it.

    Raises:
        BadSshConfig: a line for this alias cannot be honoured.
    """
    found: dict[str, str] = {}
    for line in _applying(name, file, home=home, depth=0):
        if line.keyword in HONOURED:
            found.setdefault(line.keyword, line.value)  # the first value counts
        elif line.keyword not in IGNORED and not _is_default(line):
            raise line.refused()
    address = _expand(found.get("hostname", name), {"h": name})
    return Alias(
        name=name,
        address=address,
        port=_port(found.get("port", "22"), name),
        user=found.get("user"),
        key=_key(found.get("identityfile"), address, found.get("user"), home=home),
        jump=_jump(found.get("proxyjump"), name),
    )


def _is_default(line: _Line) -> bool:
    """Tell whether a line says only what is so anyway."""
    defaults = {"proxycommand": {"none"}, "stricthostkeychecking": {"yes", "ask"}, "pubkeyauthentication": {"yes"}}
    return line.value.lower() in defaults.get(line.keyword, set())


def _applying(name: str, file: Path, *, home: Path, depth: int) -> Iterator[_Line]:
    """Give the lines of a file, and of those it includes, that apply to an alias."""
    if depth > DEEPEST_INCLUDE:
        raise BadSshConfig(f"{file}: included too deeply; does it include itself?")
    applies = True
    for line in _lines(file):
        if line.keyword in ("host", "match"):
            applies = _opens_for(name, line)
        elif applies and line.keyword == "include":
            for included in _included(line, home):
                yield from _applying(name, included, home=home, depth=depth + 1)
        elif applies:
            yield line


def _opens_for(name: str, line: _Line) -> bool:
    """Tell whether the lines after a Host or Match line apply to an alias."""
    if line.keyword == "host":
        return any_matches(line.arguments, name)
    if line.arguments != ("all",):
        raise line.refused()
    return True


def _lines(file: Path) -> Iterator[_Line]:
    try:
        text = file.expanduser().read_text("utf-8")
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise BadSshConfig(f"{file}: {error}") from error
    for number, content in enumerate(text.split("\n"), 1):
        place = f"{file}:{number}"
        if words := _words(content, place):
            yield _Line(words[0].lower(), words[0], tuple(words[1:]), place)


def _words(content: str, place: str) -> list[str]:
    """Split a line: ``Keyword value``, ``Keyword=value`` or ``Keyword = "a value"``; ``#`` begins a comment."""
    keyword, equals, rest = content.strip().partition("=")
    if equals and not any(char.isspace() for char in keyword.strip()):
        content = f"{keyword} {rest}"
    try:
        return shlex.split(content, comments=True)
    except ValueError as error:
        raise BadSshConfig(f"{place}: {error}") from error


def _included(line: _Line, home: Path) -> Iterator[Path]:
    for argument in line.arguments:
        pattern = Path(_at_home(argument, home))
        anchor = Path(pattern.anchor) if pattern.is_absolute() else home / ".ssh"
        yield from sorted(anchor.glob(str(pattern.relative_to(pattern.anchor) if pattern.anchor else pattern)))


def _at_home(path: str, home: Path) -> str:
    return str(home) + path[1:] if path.startswith("~/") else path


def _expand(text: str, tokens: dict[str, str]) -> str:
    """Replace ``%h`` and its kind."""
    parts = text.split("%%")
    for letter, value in tokens.items():
        parts = [part.replace("%" + letter, value) for part in parts]
    if left := next((part for part in parts if "%" in part), None):
        raise BadSshConfig(f"{left}: this % is not known here; write the value out")
    return "%".join(parts)


def _port(text: str, name: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 65535:
        return int(text)
    raise BadSshConfig(f"{name}: {text} is not a port")


def _key(path: str | None, address: str, user: str | None, *, home: Path) -> str | None:
    if path is None or path.lower() == "none":
        return None
    tokens = {"d": str(home), "h": address} | ({"r": user} if user else {})
    return _at_home(_expand(path, tokens), home)


def _jump(value: str | None, name: str) -> str | None:
    if value is None or value.lower() == "none":
        return None
    if any(char in value for char in ",@:/[]"):
        raise BadSshConfig(
            f"{name}: ProxyJump {value}: give each jump host a Host entry of its own and name that; "
            "several in a row follow from their own ProxyJump lines"
        )
    return value
