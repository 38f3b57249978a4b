"""``remora gateway``: the HTTP door."""

import ipaddress
import os
import socket
from pathlib import Path

import click

from workers.process import log_to_stderr, settings_with_redis
from workers.up.notify import tell
from workers.up.ports import choose_ports

_File = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--certificate", type=_File, help="Serve TLS with this certificate chain (PEM).")
@click.option("--private-key", type=_File, help="Its private key (PEM).")
@click.option("--behind-proxy", is_flag=True, help="Somebody else does TLS: plain HTTP may leave this machine.")
def gateway(*, certificate: Path | None, private_key: Path | None, behind_proxy: bool) -> None:
    """Run the HTTP door, at the address and port of the settings."""
    settings = settings_with_redis()
    if (certificate is None) != (private_key is None):
        raise click.UsageError("--certificate and --private-key belong together")
    if not (certificate or behind_proxy or is_loopback(settings.listen)):
        raise click.ClickException(
            f"listen = {settings.listen} would send tokens in the clear; give --certificate and --private-key, "
            "or --behind-proxy where a proxy does TLS"
        )
    log_to_stderr(settings)
    import uvicorn

    from gateway.app import create_app
    from gateway.identities import Identities
    from workers.assembly import desk

    class Server(uvicorn.Server):
        """Tells whoever started us when it listens."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                tell(os.environ)

    identities = Identities.of({"operator": settings.state.operator_token()}).and_digests(settings.identities)
    door = create_app(desk(settings), identities=identities, changes_url=settings.redis_url or "")
    Server(
        uvicorn.Config(
            door,
            host=settings.listen,
            port=settings.port or choose_ports(settings.state, {"gateway": 0}, address=settings.listen)["gateway"],
            log_config=None,
            access_log=False,
            ssl_certfile=certificate,
            ssl_keyfile=private_key,
            proxy_headers=behind_proxy,
            # Followers and waiters come again with their position, so an end need not wait for them.
            timeout_graceful_shutdown=1,
        )
    ).run()


def is_loopback(address: str) -> bool:
    """Tell whether what is sent there stays on this machine."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
