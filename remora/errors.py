"""What can go wrong.

RemoraError
├── Transient: try again, nothing is decided
│   ├── HostUnreachable      no connection: refused, no route, name unknown, handshake failed
│   ├── ConnectionLost       a connection that was there is dead; what was sent may have arrived
│   ├── DeadlineExceeded     our own deadline passed while waiting
│   ├── ChannelRefused       the host opens no further session now (MaxSessions)
│   ├── RecordsUnavailable   Redis does not answer or refuses writes
│   └── Fenced               another process speaks for the host now
└── Permanent: do not try again, somebody must change something
    ├── HostKeyRefused       the host's key is unknown, changed or revoked
    ├── AuthenticationRefused  the host does not accept our key for that user
    ├── HostUnfit            the host cannot run jobs: no shell, no writable directory
    │   └── AlgorithmsRefused  no cryptography that both sides accept
    ├── NotFound             no job or host of that name
    ├── BadRequest           the request cannot be honoured as it is
    └── Conflict             the request contradicts what is recorded
"""


class RemoraError(Exception):
    """The root; ``str()`` of any of these is fit for an end user."""

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.facts = facts
        """Data beside the message: host, job, field, …; never a secret."""


class Transient(RemoraError):
    """Try again: nothing is decided."""


class HostUnreachable(Transient):
    """No connection could be made."""


class ConnectionLost(Transient):
    """A connection died; what was sent may or may not have arrived."""


class DeadlineExceeded(Transient):
    """Our own deadline passed; what was sent may or may not have arrived."""


class ChannelRefused(Transient):
    """The host opens no further session on this connection now."""


class RecordsUnavailable(Transient):
    """Redis does not answer, or refuses to write."""


class Fenced(Transient):
    """Another process speaks for the host now; nothing was written."""


class Permanent(RemoraError):
    """Do not try again: somebody must change something first."""


class HostKeyRefused(Permanent):
    """The host's key is unknown, changed or revoked; nothing was authenticated."""


class AuthenticationRefused(Permanent):
    """The host does not accept our key for that user."""


class HostUnfit(Permanent):
    """The host was reached but cannot run jobs."""


class AlgorithmsRefused(HostUnfit):
    """The host offers no key exchange, cipher or key type that is still safe; nothing was authenticated."""


class NotFound(Permanent):
    """There is no such job or host."""


class BadRequest(Permanent):
    """The request cannot be honoured; ``facts["field"]`` says which part."""


class Conflict(Permanent):
    """The request contradicts what is already recorded."""
