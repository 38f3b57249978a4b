"""Makes connections: reach the host, judge its key, prove who we are. Nothing of it takes longer than its deadline."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import paramiko

from config.hosts import Host
from remora.errors import (
    AlgorithmsRefused,
    AuthenticationRefused,
    BadRequest,
    ChannelRefused,
    HostKeyRefused,
    HostUnreachable,
)
from remora.ssh import known_hosts
from remora.ssh.bastions import Bastions
from remora.ssh.connection import Connection
from remora.ssh.faults import DIALLING, about, explain
from remora.ssh.heartbeat import Heartbeat
from remora.ssh.keys import Keyring, fingerprints
from remora.ssh.known_hosts import Judgement, KnownHosts, Place
from remora.ssh.tcp import QuickSocket
from remora.ssh.transport import SafeTransport

PING = 5.0
"""Seconds of silence after which a host is asked for a sign of life."""
SILENCE = 15.0
"""Seconds of silence after which a connection counts as dead."""


@dataclass(frozen=True)
class _Call:
    """One call of ``dial``."""

    host: Host
    keys: Sequence[paramiko.PKey]
    """To offer, in order."""
    known: KnownHosts
    deadline: float
    """``time.monotonic()`` in seconds."""

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return max(0.0, self.deadline - time.monotonic())

    def judge(self, blob: bytes) -> None:
        """Raise unless the key that the host shows may be believed."""
        host = self.host
        place = Place(host.address, host.port)
        verdict = known_hosts.judge(blob, place, known=self.known, pins=host.host_keys, now=time.time())
        if verdict.judgement is Judgement.ACCEPTED:
            return
        raise HostKeyRefused(
            f"{about(host)}: {verdict.message}",
            host=host.name,
            judgement=verdict.judgement.value,
            fingerprint=verdict.key.fingerprint if verdict.key else None,
            key_type=verdict.key.kind if verdict.key else None,
        )


def _no_jumps(name: str) -> Host:
    raise BadRequest(f"there is no host {name} to go through", field="jump")


class SshDialer:
    """Dials over paramiko. It never tries keys that were not named, forwards an agent or accepts an unknown host."""

    def __init__(
        self,
        known_hosts_files: Sequence[Path],
        keyring: Keyring,
        *,
        find_host: Callable[[str], Host] = _no_jumps,
        ping: float = PING,
        silence: float = SILENCE,
    ) -> None:
        """Remember where to look; nothing is read before the first call.

        Args:
            known_hosts_files: Files of host keys; read at each call, so that a change needs no restart.
            keyring: Where the private keys are.
            find_host: Gives the host that another one's ``jump`` names.
            ping: Seconds of silence after which a host is asked for a sign of life.
            silence: Seconds of silence after which a connection counts as dead.
        """
        self._files = tuple(known_hosts_files)
        self._keyring = keyring
        self._find_host = find_host
        self._ping = ping
        self._silence = silence
        self._heartbeat = Heartbeat()
        self._bastions = Bastions(self.dial)

    def dial(self, host: Host, deadline: float) -> Connection:
        deadline = min(deadline, time.monotonic() + host.connect_timeout)
        keys = list(self._keyring.keys(host))
        known = known_hosts.read(self._files)
        offers = known_hosts.algorithms(known, Place(host.address, host.port))
        return self._dial_until_known(_Call(host, keys, known, deadline), offers)

    def _dial_until_known(self, call: _Call, offers: Sequence[str]) -> Connection:
        """Dial; where fingerprints are pinned, ask for each type of key, as a host shows one of its keys at a time."""
        try:
            return self._dial(call, offers)
        except HostKeyRefused as refusal:
            rest = known_hosts.others_than(refusal.facts["key_type"], offers)
            if not (call.host.host_keys and rest and refusal.facts["judgement"] == Judgement.CHANGED.value):
                raise
            try:
                return self._dial_until_known(call, rest)
            except (HostKeyRefused, AlgorithmsRefused):
                raise refusal from None  # the key that it prefers to show says most

    def _dial(self, call: _Call, offers: Sequence[str]) -> Connection:
        wire, hang_up = self._reach(call.host, call.deadline)
        transport = SafeTransport(wire, host_key_algorithms=offers, judge=call.judge)
        try:
            _exchange_keys(transport, call)
            _authenticate(transport, call)
        except BaseException:
            transport.close()
            hang_up()
            raise
        transport.settle(ping=self._ping, silence=self._silence)
        self._heartbeat.watch(transport)
        return Connection(call.host, transport, on_close=hang_up)

    def _reach(self, host: Host, deadline: float) -> tuple[QuickSocket | paramiko.Channel, Callable[[], None]]:
        """Give a byte stream to the host's port, and what to call when it is no longer needed."""
        if host.jump is None:
            try:
                return QuickSocket.connect_to(host.address, host.port, deadline=deadline), lambda: None
            except OSError as error:
                raise explain(error, host, DIALLING) from error
        bastion = self._bastions.borrow(self._jump_host(host), deadline)
        try:
            stream = bastion.tunnel(host.address, host.port, deadline)
        except BaseException as error:
            self._bastions.give_back(bastion)
            if isinstance(error, ChannelRefused):
                raise HostUnreachable(f"{about(host)}: its jump host does not reach it", host=host.name) from error
            raise
        return stream, lambda: self._bastions.give_back(bastion)

    def _jump_host(self, host: Host) -> Host:
        """Find the host to go through first; raises if following the names never ends."""
        passed = [host.name]
        step: Host | None = host
        while step is not None and step.jump is not None:
            if step.jump in passed:
                circle = " → ".join([*passed, step.jump])
                raise BadRequest(f"{host.name}: the jump hosts form a circle: {circle}", field="jump")
            passed.append(step.jump)
            step = self._find_host(step.jump)
        return self._find_host(passed[1])


def _exchange_keys(transport: SafeTransport, call: _Call) -> None:
    """Agree on keys; when it returns the host's key has been believed."""
    done = threading.Event()
    # Our own deadline ends it; paramiko's per-line and per-stage limits must not come before.
    transport.banner_timeout = transport.handshake_timeout = call.left
    transport.start_client(event=done)
    if not done.wait(call.left):
        raise HostUnreachable(f"{about(call.host)}: it did not finish the key exchange in time", host=call.host.name)
    if not transport.is_active():
        raise explain(transport.get_exception(), call.host, DIALLING)


def _authenticate(transport: SafeTransport, call: _Call) -> None:
    """Offer the keys one after the other until one is accepted."""
    host = call.host
    for tried, key in enumerate(call.keys):
        if _offer(transport, call, key, refused_before=tried > 0):
            return
    raise AuthenticationRefused(
        f"{about(host)} does not accept {fingerprints(call.keys)} for {host.user}; append the public key to "
        "~/.ssh/authorized_keys of that account",
        host=host.name,
    )


def _offer(transport: SafeTransport, call: _Call, key: paramiko.PKey, *, refused_before: bool) -> bool:
    """Offer one key; False if the host refuses it and may be offered another."""
    answered = threading.Event()
    try:
        transport.auth_publickey(call.host.user, key, event=answered)
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise explain(error, call.host, DIALLING) from error
    if not answered.wait(call.left):
        raise HostUnreachable(f"{about(call.host)}: it did not answer our key in time", host=call.host.name)
    if transport.is_authenticated():
        return True
    fault = transport.get_exception()
    wants_another = transport.is_active() and fault is None
    hung_up_after_too_many = refused_before and not transport.is_active()
    if wants_another or hung_up_after_too_many:
        return False
    raise explain(fault, call.host, DIALLING)
