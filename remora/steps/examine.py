"""Look at a host: what it is, and whether jobs can run there."""

import json
from dataclasses import asdict

from remora.hosts import Condition
from remora.remote.examination import Examination
from remora.remote.operations import Ground


def facts_of(ground: Ground, examination: Examination) -> dict[str, str]:
    """Give the fields of a host's record that say it is ready."""
    return {
        "condition": Condition.READY.value,
        "boot_id": ground.boot_id,
        "base": ground.base,
        "examined": json.dumps(asdict(examination)),
    }
