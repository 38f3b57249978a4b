"""A way to a server on which answers get lost."""

import socket
import threading


class LosesAnswers:
    """Forwards whole requests to a port, and hangs up in place of the first answers."""

    def __init__(self, port: int, *, lost: int) -> None:
        """Listen; of each connection's answers so many are lost, over all connections."""
        self._port = port
        self._lost = lost
        self.requests = 0
        """Requests that were forwarded."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, socket.create_connection(("127.0.0.1", self._port)) as server:
                server.sendall(_request(client))
                with server.makefile("rb") as whole:
                    answer = whole.read()
                self.requests += 1
                if self.requests > self._lost:
                    client.sendall(answer)

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()


def _request(client: socket.socket) -> bytes:
    """Read one request with its body; both are small."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += client.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(lines.get(b"content-length", 0)):
        body += client.recv(65536)
    head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection"))
    return head + b"\r\nConnection: close\r\n\r\n" + body
