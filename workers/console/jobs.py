"""Naming jobs: a whole id, or as much of its beginning as is enough."""

from uuid import UUID

from airflow_bridge.client import RemoraClient
from workers.console import exits
from workers.console.failures import Failure

LOOKED_THROUGH = 2000
"""The newest jobs among which a beginning is looked for."""


def full_id(client: RemoraClient, word: str) -> str:
    """Give the id that ``word`` stands for.

    Raises:
        Failure: no job, or several, begin like that.
    """
    try:
        return str(UUID(word))
    except ValueError:
        return _found(client, word.lower())


def _found(client: RemoraClient, beginning: str) -> str:
    found = [identity for identity in _newest(client) if identity.startswith(beginning)]
    if len(found) == 1:
        return found[0]
    what = "no job" if not found else f"{len(found)} jobs"
    raise Failure(
        f"{what} of the newest {LOOKED_THROUGH} begin with {beginning!r}",
        code=exits.USAGE,
        advice="`remora ls` lists them." if not found else f"Give more of it: {', '.join(found[:4])}",
    )


def _newest(client: RemoraClient) -> list[str]:
    ids: list[str] = []
    after = None
    while len(ids) < LOOKED_THROUGH:
        page = client.jobs(limit=200, after=after)
        ids += [job["id"] for job in page["jobs"]]
        after = page["next"]
        if after is None:
            break
    return ids
