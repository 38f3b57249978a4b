"""Flower as an operator has it: a real browser, a real job on a real sshd."""

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By

from config.home import Home
from tests.acceptance.conftest import HOST
from tests.support import processes
from tests.support.browser import browser, with_login
from tests.support.sshd import MARK, Sshd
from tests.support.system import System
from tests.support.waiting import eventually
from workers.up.run_file import read_running

pytestmark = [pytest.mark.browser, pytest.mark.slow]
LONG = 'echo "40%" >"$STATUS_FILE"; trap "" TERM; (setsid sleep 300) & sleep 300'
ROW = """
const [job, answer] = arguments;
const texts = cells => [...cells].map(cell => cell.textContent.trim());
$("#tasks-table").DataTable().ajax.reload(() => {
    const headings = texts(document.querySelectorAll("#tasks-table thead th"));
    const links = [...document.querySelectorAll("#tasks-table tbody a")];
    const link = links.find(one => one.getAttribute("href") === `/task/${job}`);
    answer(link && Object.fromEntries(texts(link.closest("tr").cells).map((text, column) => [headings[column], text])));
});
"""
"""Has the table ask the server again and gives the job's row."""
SHORT = 'echo "almost" >"$STATUS_FILE"; exit 3'


@pytest.fixture(scope="module")
def probing(own_sshd: Sshd) -> Iterator[System]:
    """A system that asks after progress each second."""
    with System({"REMORA_PROBE": "1", "REMORA_TICK": "1"}) as system:
        system.add_host(own_sshd.host(HOST))
        yield system


@pytest.fixture
def chromium(probing: System, tmp_path: Path) -> Iterator[WebDriver]:
    """A browser that is logged in and looks at the list of jobs."""
    running = read_running(Home(probing.home))
    assert running
    with browser(tmp_path) as driver:
        driver.get(with_login(running.flower_url, "operator", Home(probing.home).flower_password()) + "/tasks")
        driver.get(running.flower_url + "/tasks")
        yield driver


def submit(system: System, name: str, script: str) -> str:
    return system.succeed(["submit", HOST, "--name", name, "--", script]).splitlines()[-1]


def row(chromium: WebDriver, job: str) -> dict[str, str]:
    """Give the row of a job by the headings of its columns; empty while there is none."""
    found: dict[str, str] | None = chromium.execute_async_script(ROW, job)
    return found or {}


def shows(chromium: WebDriver, job: str, **cells: str) -> dict[str, str]:
    """Wait until the row of a job shows these cells."""
    wanted = {name.replace("_", " "): text for name, text in cells.items()}
    seen: dict[str, str] = {}

    def shown() -> bool:
        seen.update(row(chromium, job))
        return wanted.items() <= seen.items()

    try:
        eventually(shown, timeout=30, interval=0.3)
    except AssertionError as error:
        raise AssertionError(f"wanted {wanted}, saw {seen}") from error
    return seen


def sleepers(sshd: Sshd) -> list[psutil.Process]:
    mark = str(sshd.directory)
    return processes.those(
        lambda process: process.cmdline() == ["sleep", "300"] and process.environ().get(MARK) == mark
    )


def test_a_running_job_is_one_row_and_its_button_ends_it_on_the_host(
    probing: System, own_sshd: Sshd, chromium: WebDriver
) -> None:
    job = submit(probing, "nightly", LONG)
    shown = shows(chromium, job, Name="nightly", Host=HOST, State="STARTED", Progress="40%")
    assert shown["Job id"].startswith(job[:8])
    eventually(lambda: len(sleepers(own_sshd)) == 2)
    tree = sleepers(own_sshd)
    chromium.get(chromium.current_url.replace("/tasks", f"/task/{job}"))
    chromium.find_element(By.CSS_SELECTOR, "#task-terminate, #task-revoke").click()
    eventually(lambda: f"Cancelling job {job}" in chromium.find_element(By.ID, "toast-container").text)
    assert probing.run(["wait", job]).returncode == 130
    assert not [process for process in tree if processes.lives(process)]
    assert json.loads(probing.succeed(["status", "--json", job]))["cancel_by"] == "operator"
    chromium.get(chromium.current_url.partition("/task/")[0] + "/tasks")
    shows(chromium, job, State="REVOKED")


def test_an_ended_job_shows_its_true_exit_code(probing: System, chromium: WebDriver) -> None:
    job = submit(probing, "short", SHORT)
    assert probing.run(["wait", job]).returncode == 3
    shown = shows(chromium, job, Name="short", State="FAILURE", Exit_code="3")
    assert shown["Host"] == HOST


def test_a_flower_that_was_killed_knows_the_jobs_again(probing: System, chromium: WebDriver) -> None:
    job = submit(probing, "remembered", "exit 5")
    assert probing.run(["wait", job]).returncode == 5
    (before,) = probing.processes("flower")
    before.kill()

    def back() -> bool:
        chromium.refresh()
        return bool(chromium.find_elements(By.ID, "tasks-table"))

    eventually(lambda: not processes.lives(before))
    eventually(back, timeout=40, interval=0.5)
    shows(chromium, job, Name="remembered", State="FAILURE", Exit_code="5")


def test_only_jobs_have_rows_and_no_command_is_shown(probing: System, chromium: WebDriver) -> None:
    job = submit(probing, "plain", "echo s3cret-word")
    probing.run(["wait", job])
    shows(chromium, job, State="SUCCESS", Exit_code="0")
    names = {one.text for one in chromium.find_elements(By.CSS_SELECTOR, "#tasks-table tbody td:first-child")}
    assert not [name for name in names if name.startswith("remora.")]
    chromium.get(chromium.current_url.replace("/tasks", f"/task/{job}"))
    assert "plain" in chromium.page_source
    assert "s3cret-word" not in chromium.page_source
