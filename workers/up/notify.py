"""How a process tells whoever started it that it is ready: the datagrams of sd_notify(3).

systemd (``Type=notify``) and our own supervisor both listen on ``NOTIFY_SOCKET``.
"""

import os
import secrets
import socket
import struct
from collections.abc import Iterator, Mapping

READY = "READY=1"
_CREDENTIALS = struct.Struct("3i")
"""pid, uid and gid of the sender, as the kernel saw them (unix(7), SCM_CREDENTIALS)."""


def tell(environ: Mapping[str, str], message: str = READY) -> None:
    """Send ``message`` to ``NOTIFY_SOCKET``; nothing happens where nobody listens."""
    if not (address := environ.get("NOTIFY_SOCKET")):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            sender.sendto(message.encode(), "\0" + address[1:] if address.startswith("@") else address)
        except OSError:
            return


class Ear:
    """The listening end. Its address is abstract, so it has no length limit worth the name and leaves no file."""

    def __init__(self) -> None:
        self.address = f"@remora-{secrets.token_hex(8)}"
        """What children find in ``NOTIFY_SOCKET``."""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.setblocking(False)
        self.socket.bind("\0" + self.address[1:])

    def heard(self) -> Iterator[tuple[int, str]]:
        """Give what came since the last call: pid and message; only our own user is believed."""
        while True:
            try:
                data, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(_CREDENTIALS.size))
            except BlockingIOError:
                return
            for level, kind, credentials in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                    pid, uid, _ = _CREDENTIALS.unpack(credentials[: _CREDENTIALS.size])
                    if uid == os.geteuid():
                        yield pid, data.decode(errors="replace")
