"""Processes that a test starts and that never outlive it."""

import atexit
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import psutil

_started: list[subprocess.Popen[bytes]] = []


def spawn(
    argv: Sequence[str | os.PathLike[str]],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own; it ends with the test run, even if that is killed.

    Args:
        argv: The program and its arguments.
        log: File that its output is appended to.
        environment: Its whole environment; that of the tests unless given.
        cwd: Its working directory.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*_dies_with_us(), *argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=cwd,
            start_new_session=True,
        )
    _started.append(process)
    return process


def _dies_with_us() -> list[str]:
    """Give the words that make the kernel end a program when the thread that started it ends."""
    if threading.current_thread() is not threading.main_thread() or not shutil.which("setpriv"):
        return []
    return ["setpriv", "--pdeathsig", "KILL", "--"]


def end(process: subprocess.Popen[bytes], *, gently: bool = True, timeout: float = 10.0) -> int:
    """End a process and all that descend from it, and give its exit code as ``Popen`` tells it.

    Args:
        process: One of ``spawn``; it may have ended already.
        gently: Send TERM first, and KILL only to what is left after ``timeout`` seconds.
        timeout: Seconds.
    """
    family = descendants(process.pid)
    if gently and process.poll() is None:
        process.terminate()
        _wait(process, timeout)
    if process.poll() is None:
        process.kill()
    kill(family)
    return process.wait(timeout)


def _wait(process: subprocess.Popen[bytes], timeout: float) -> None:
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        return


def descendants(pid: int) -> list[psutil.Process]:
    """Give the children of a process, theirs, and so on; none if it is gone."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def kill(processes: Iterable[psutil.Process], signal_number: int = signal.SIGKILL) -> None:
    """Send a signal to each that is still the process it was."""
    for process in processes:
        try:
            process.send_signal(signal_number)
        except psutil.NoSuchProcess:
            continue


def lives(process: psutil.Process) -> bool:
    """Tell whether a process has not ended; a zombie has, and only nobody has asked for its exit code yet."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def those(condition: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    """Give the processes of this machine that meet a condition; what may not be looked at does not."""
    found = []
    for process in psutil.process_iter():
        try:
            if condition(process):
                found.append(process)
        except psutil.Error:
            continue
    return found


@atexit.register
def _end_all() -> None:
    for process in _started:
        if process.poll() is None:
            end(process, gently=False)
