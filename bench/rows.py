"""The rows of ``make bench``."""

import subprocess
import time

from bench.row import Measured, Row
from bench.stage import HOST, Stage, seconds


def one_job(stage: Stage) -> Measured:
    """Create to result of `true`, and the same by a held OpenSSH connection."""
    times, peers = [], []
    for _ in range(20):
        times.append(seconds(lambda: stage.wait_all(stage.submit("true", 1))))
        peers.append(seconds(lambda: subprocess.run([*stage.ssh, "true"], check=True)))
    times.sort()
    peers.sort()
    note = f"p95 {times[18] * 1000:.0f} ms"
    return Measured(times[10] * 1000, peers[10] * 1000, note)


def many_jobs(count: int, stage: Stage) -> Measured:
    """Jobs a second, from the first create to the last result."""
    ours = stage.cpu_seconds("worker", "gateway", "beat")
    connections = stage.sshd.connections()
    taken = seconds(lambda: stage.wait_all(stage.submit("true", count)))
    spent = (stage.cpu_seconds("worker", "gateway", "beat") - ours) * 1000 / count
    made = stage.sshd.connections() - connections
    return Measured(count / taken, None, f"{spent:.1f} CPU-ms a job on our side, {made} new connections")


def end_to_known(stage: Stage) -> Measured:
    """From the end of `sleep 2` on the host to the caller's answer, ms, 20 jobs at once."""
    command = "sleep 2; date +%s.%N"
    ids = stage.submit(command, 20)
    delays = []
    for id in ids:
        job = stage.client.wait(id)
        ended = float(b"".join(stage.client.output(id)))
        delays.append(((job["ended"] or 0) - ended) * 1000)
    delays.sort()
    return Measured(delays[10], None, f"p95 {delays[18]:.0f} ms, until the record says so")


def idle_jobs(stage: Stage) -> Measured:
    """CPU of the worker while 100 jobs run and none ends, per cent of a core."""
    ids = stage.submit("sleep 45", 100)
    while any(stage.client.job(id)["state"] != "running" for id in ids):
        time.sleep(0.2)
    before = stage.cpu_seconds("worker")
    time.sleep(30)
    spent = stage.cpu_seconds("worker") - before
    stage.wait_all(ids)
    return Measured(spent / 30 * 100, None, f"{stage.sshd.live_connections()} connection")


def large_output(stage: Stage) -> Measured:
    """Megabytes a second of 50 MB of output, end to end, and by a held OpenSSH connection."""
    size = 50_000_000
    command = f"head -c {size} /dev/zero"

    def ours() -> None:
        (id,) = stage.submit(command, 1)
        stage.wait_all([id])
        assert sum(len(piece) for piece in stage.client.output(id)) == size

    def theirs() -> None:
        done = subprocess.run([*stage.ssh, command], stdout=subprocess.PIPE, check=True)
        assert len(done.stdout) == size

    return Measured(size / 1e6 / seconds(ours), size / 1e6 / seconds(theirs))


def command_line(stage: Stage) -> Measured:
    """`remora run` of `true`, from the shell's point of view, ms."""
    return Measured(seconds(lambda: stage.system.succeed(["run", HOST, "--", "true"])) * 1000)


def memory(stage: Stage) -> Measured:
    """Proportional set size of worker, beat, gateway and Redis, idle, MB."""
    sizes = stage.pss()
    note = ", ".join(f"{word} {size / 1e6:.0f}" for word, size in sizes.items())
    return Measured(sum(sizes.values()) / 1e6, None, note)


ROWS = (
    Row("memory, idle", "MB", "≤ 250", lambda m: m.remora <= 250, memory, runs=1),
    Row(
        "one job over HTTP, create to result",
        "ms",
        "≤ ssh with ControlMaster + 25 ms",
        lambda m: m.remora <= (m.peer or 0) + 25,
        one_job,
        peer_name="ssh, ControlMaster",
    ),
    Row("100 × true on one host", "jobs/s", "≥ 100", lambda m: m.remora >= 100, lambda s: many_jobs(100, s)),
    Row("1,000 × true on one host", "jobs/s", "≥ 100", lambda m: m.remora >= 100, lambda s: many_jobs(1000, s), runs=1),
    Row("end of a job to its record", "ms", "≤ 50", lambda m: m.remora <= 50, end_to_known, runs=3),
    Row("100 running jobs, worker", "% of a core", "≤ 2", lambda m: m.remora <= 2, idle_jobs, runs=1),
    Row(
        "50 MB of output, end to end",
        "MB/s",
        "≥ 0.7 × ssh",
        lambda m: m.remora >= 0.7 * (m.peer or 0),
        large_output,
        peer_name="ssh, ControlMaster",
        runs=3,
    ),
    Row("remora run of true", "ms", "≤ 400", lambda m: m.remora <= 400, command_line),
)
