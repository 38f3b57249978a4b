"""What a host is like, for whoever adds it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Examination:
    """Facts that decide how well jobs live there."""

    kernel: str = ""
    """System name and release."""
    shell: str = "unknown"
    """Program behind ``/bin/sh``: dash, bash, busybox, …"""
    free: int = 0
    """Bytes free at the base directory."""
    default_signals: bool = False
    """Jobs can be interrupted by SIGINT; without it background jobs ignore INT and QUIT, as POSIX shells do."""
    runs_files: bool = False
    """Files under the base directory may be executed; not needed by jobs, whose scripts are read by interpreters."""
    sudo: bool = False
    """The account may run commands as root without a password."""
    fifo: bool = False
    """Ends are told at once; without it they are found by asking."""
    ends_at_logout: bool = False
    """logind kills what a session leaves behind: jobs would die with the connection. Switch lingering on."""


def read_examination(content: bytes) -> Examination:
    """Read the host's lines, each a word and its value."""
    said = dict(line.partition(" ")[::2] for line in content.decode("utf-8", "replace").splitlines())
    return Examination(
        kernel=said.get("kernel", ""),
        shell=said.get("shell", "unknown"),
        free=1024 * int(said["free_kib"]) if said.get("free_kib", "").isdigit() else 0,
        default_signals=said.get("default_signals") == "yes",
        runs_files=said.get("exec") == "yes",
        sudo=said.get("sudo") == "yes",
        fifo=said.get("fifo") == "yes",
        ends_at_logout=said.get("ends_at_logout") == "yes",
    )
