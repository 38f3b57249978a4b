"""Drive Airflow's ``SSHRemoteJobOperator``; runs in the peer's own environment, told what to do by JSON lines.

A job goes the way it goes in Airflow, in one process: ``execute`` of one operator up to ``TaskDeferred``, the
trigger rebuilt from what it serialises to, its first event, ``execute_complete`` of a second operator.
"""

import asyncio
import json
import os
import sys
import threading
from typing import Any

import structlog  # type: ignore[import-not-found]  # it stands in the peer's environment only
from airflow.providers.ssh.operators.ssh_remote_job import SSHRemoteJobOperator
from airflow.providers.ssh.triggers.ssh_remote_job import SSHRemoteJobTrigger
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import TaskDeferred

POLL_INTERVAL = 1
"""Seconds between the trigger's polls; the operator's default is 5, a second makes the probes quicker and kinder."""


class Instance:
    """What the operator reads of its task instance."""

    dag_id = "probes"
    run_id = "manual"

    def __init__(self, task_id: str, try_number: int) -> None:
        self.task_id = task_id
        self.try_number = try_number

    def xcom_push(self, **_: Any) -> None:
        """Take what the operator hands on; no probe reads it."""


class Attempt(threading.Thread):
    """One try of one task, from ``execute`` to its end."""

    def __init__(self, request: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self.request = request
        self.operator = self.build()
        self.state = "waiting"
        self.code: int | None = None
        self.reason = ""
        self.log: list[str] = []
        self.output: list[str] = []
        self.watching: asyncio.Task[Any] | None = None

    def build(self) -> SSHRemoteJobOperator:
        """Build the operator as each of Airflow's processes does."""
        return SSHRemoteJobOperator(
            task_id=self.request["task"],
            ssh_conn_id=self.request["account"],
            command=self.request["command"],
            environment=self.request["environment"] or None,
            poll_interval=POLL_INTERVAL,
        )

    def run(self) -> None:
        """Go the way of a deferred task and keep how it ended."""
        context = {"ti": Instance(self.request["task"], self.request["try"])}
        try:
            try:
                self.operator.execute(context)
            except TaskDeferred as deferred:
                event = self.watch(deferred.trigger)
                self.code = event["exit_code"]
                self.build().execute_complete(context, event)
            self.state = "succeeded"
        except asyncio.CancelledError:
            self.reason = "let go"
        except Exception as error:  # noqa: BLE001 - whatever ends the task is what a user would see
            self.reason, self.state = str(error), "failed"

    def watch(self, trigger: SSHRemoteJobTrigger) -> dict[str, Any]:
        """Run the trigger to its first event, unless ``leave`` ends it."""
        with asyncio.Runner() as runner:
            self.loop = runner.get_loop()
            return runner.run(self.first_event(trigger))

    async def first_event(self, trigger: SSHRemoteJobTrigger) -> dict[str, Any]:
        """Rebuild the trigger from its serialised form, as the triggerer does, and give what its first event says."""
        self.watching = asyncio.current_task()
        _, arguments = trigger.serialize()
        async for event in SSHRemoteJobTrigger(**arguments).run():
            return dict(event.payload)
        raise RuntimeError("the trigger ended without an event")

    def leave(self) -> None:
        """Let the trigger go, if it still waits."""
        if self.is_alive() and self.watching is not None:
            self.loop.call_soon_threadsafe(self.watching.cancel)
            self.join(10)

    def kill(self, fresh: bool) -> None:
        """Call ``on_kill`` of the operator that submitted, or of a fresh one, as all are after a deferral."""
        (self.build() if fresh else self.operator).on_kill()

    def tell(self) -> dict[str, Any]:
        """Give all that is known."""
        names = ("state", "code", "reason", "log", "output")
        return {name: getattr(self, name) for name in names}


class Recorder:
    """The logger handed to operator and trigger: what they log belongs to the attempt whose thread logs it."""

    def __init__(self, name: str = "") -> None:
        self.of_trigger = ".triggers." in name

    def msg(self, level: str, event: str) -> None:
        """Keep one entry; the trigger's infos and the operator's ``[remote]`` lines are the job's output."""
        attempt = threading.current_thread()
        if not isinstance(attempt, Attempt):
            return
        attempt.log.append(event)
        if self.of_trigger and level == "info":
            attempt.output.append(event)
        elif event.startswith("[remote] "):
            attempt.output.append(event.removeprefix("[remote] "))


def deliver(logger: Recorder, level: str, event: dict[str, Any]) -> Any:
    """Hand an entry to its recorder: the last of structlog's processors."""
    logger.msg(level, str(event["event"]))
    raise structlog.DropEvent


def answer(attempts: dict[str, Attempt], request: dict[str, Any]) -> dict[str, Any]:
    """Carry out one request."""
    job = request["job"]
    if request["do"] == "order":
        os.environ[f"AIRFLOW_CONN_{request['account'].upper()}"] = json.dumps(request["connection"])
        attempts[job] = Attempt(request)
        attempts[job].start()
    elif request["do"] == "kill":
        attempts[job].kill(request["fresh"])
    elif request["do"] == "leave":
        attempts[job].leave()
    return attempts[job].tell()


def main() -> None:
    """Answer each line of standard input by one line, until it ends."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    ExecutorSafeguard.test_mode = True
    every_level = structlog.make_filtering_bound_logger(0)
    structlog.configure(processors=[deliver], logger_factory=Recorder, wrapper_class=every_level)
    attempts: dict[str, Attempt] = {}
    for line in sys.stdin:
        print(json.dumps(answer(attempts, json.loads(line))), file=replies, flush=True)
    os._exit(0)  # attempts that wait for ever would hold the interpreter


if __name__ == "__main__":
    main()
