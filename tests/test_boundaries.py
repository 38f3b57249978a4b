"""Imports run one way: workers → gateway, tasks → remora → config."""

import ast
from pathlib import Path

import pytest

from tests.support.imports import ARROWS, faults

ROOT = Path(__file__).parent.parent


def plant(root: Path, **modules: str) -> list[str]:
    for name, source in modules.items():
        path = root / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return faults(root)


def test_our_imports_run_one_way_and_without_circles() -> None:
    assert faults(ROOT) == []


def captions() -> list[Path]:
    return [path for folder in ARROWS if folder != "airflow_bridge" for path in (ROOT / folder).rglob("__init__.py")]


@pytest.mark.parametrize("path", captions(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_package_opens_with_its_caption_and_nothing_else(path: Path) -> None:
    body = ast.parse(path.read_text()).body
    assert len(body) == 1
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_what_is_allowed_is_not_complained_of(tmp_path: Path) -> None:
    assert (
        plant(
            tmp_path,
            config__hosts="import re\n",
            remora__job="from config.hosts import Host\nimport redis\n",
            tasks__poll="import celery\nfrom remora.job import Job\n",
            gateway__app="import fastapi\nfrom remora import job\n",
            workers__app="import celery, tasks.poll\nfrom airflow_bridge.client import Client\n",
            workers__commands__run="def run():\n    from gateway.app import app\n",
            airflow_bridge__client="import httpx\n",
        )
        == []
    )


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        ("config__a", "import remora.job", "config may not import remora"),
        ("remora__a", "from tasks.poll import poll", "remora may not import tasks"),
        ("remora__a", "from workers import app", "remora may not import workers"),
        ("tasks__a", "import gateway", "tasks may not import gateway"),
        ("gateway__a", "from tasks import poll", "gateway may not import tasks"),
        ("gateway__a", "from airflow_bridge.client import Client", "gateway may not import airflow_bridge"),
        ("airflow_bridge__a", "from config.hosts import Host", "airflow_bridge may not import config"),
        ("workers__a", "from tests.support import ports", "workers may not import tests"),
        ("remora__a", "from celery import shared_task", "remora does without celery"),
        ("remora__steps__a", "import httpx", "remora does without httpx"),
        ("airflow_bridge__a", "def f():\n    import pydantic", "airflow_bridge does without pydantic"),
        ("remora__a", "from . import b", "write the whole name"),
        ("remora__a", "from .b import c", "write the whole name"),
        ("remora__a", "def f():\n    from config import hosts", "imported at the top"),
        ("remora__a", "if TYPE_CHECKING:\n    from config import hosts", "imported at the top"),
        ("workers__app", "def f():\n    import tasks.poll", "imported at the top"),
        ("workers__commands__run", "def f():\n    import tests.support", "workers may not import tests"),
    ],
    ids=lambda value: value.replace("\n    ", " "),
)
def test_a_planted_fault_is_found(tmp_path: Path, module: str, source: str, fault: str) -> None:
    (said,) = plant(tmp_path, **{module: source + "\n"})
    assert fault in said
    assert module.replace("__", ".") in said


def test_a_planted_circle_is_found(tmp_path: Path) -> None:
    (said,) = plant(
        tmp_path,
        remora__job="from remora.state import State\n",
        remora__state="import remora.cause\n",
        remora__cause="from remora import job\n",
    )
    assert said.startswith("circle: ")
    assert {"remora.job", "remora.state", "remora.cause"} <= set(said.removeprefix("circle: ").split(" → "))
