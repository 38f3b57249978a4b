"""Who may look into Flower, and with whose rights its Revoke button acts."""

from collections.abc import Mapping

from config.settings import Settings

USER = "operator"
"""Flower's one user."""


class NoPassword(Exception):
    """Flower would be open to everybody."""


def credentials(settings: Settings) -> str:
    """Give ``user:password`` for Flower's basic authentication.

    Raises:
        NoPassword: the password's file is empty.
    """
    if not (password := settings.state.flower_password()):
        raise NoPassword(f"{settings.home / 'flower.password'} is empty; write a password into it, or remove it")
    return f"{USER}:{password}"


def gateway_url(settings: Settings, environ: Mapping[str, str]) -> str:
    """Tell where jobs are cancelled: ``REMORA_URL``, else the gateway on this machine."""
    return (environ.get("REMORA_URL") or f"http://127.0.0.1:{settings.port}").rstrip("/")


def operator_token(settings: Settings, environ: Mapping[str, str]) -> str:
    """Give the token that the Revoke button acts with: ``REMORA_TOKEN``, else the operator's."""
    return environ.get("REMORA_TOKEN") or settings.state.operator_token()
