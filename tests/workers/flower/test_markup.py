"""Script in what Flower shows is text, in a real browser too (A60)."""

import uuid
from pathlib import Path

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By

from tests.support.browser import browser, with_login
from tests.support.waiting import eventually
from tests.workers.flower.conftest import FlowerServer

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAYLOADS = (
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "<svg/onload=window.pwned=1>",
    '"><script>window.pwned=1</script>',
    "' onmouseover='window.pwned=1' x='",
    "javascript:window.pwned=1",
    "</td></tr></table><iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "{{ handler.application.options.basic_auth }}",
    "{% raw 7*7 %}",
    "&lt;script&gt;window.pwned=1&lt;/script&gt;",
    "<a href='javascript:window.pwned=1' autofocus onfocus=window.pwned=1>x</a>",
    "\u2028<script>window.pwned=1</script>\u2029",
)


def test_a60_markup_in_names_hosts_and_progress_is_text(flower: FlowerServer, tmp_path: Path) -> None:
    jobs = {str(uuid.uuid4()): payload for payload in PAYLOADS}
    for job, payload in jobs.items():
        facts = {"name": payload, "title": payload, "host": payload, "progress": payload, "exit_code": payload}
        flower.tell_until_seen(
            "task-started", node=f"{payload}@here", uuid=job, attempt=1, job_state="running", **facts
        )
    with browser(tmp_path) as chromium:
        chromium.get(with_login(flower.url, "operator", flower.password) + "/tasks")
        eventually(lambda: set(jobs) <= listed(chromium))
        shown = chromium.find_element(By.ID, "tasks-table").text
        assert "<script>window.pwned=1</script>" in shown
        assert flower.password not in chromium.page_source
        unharmed(chromium)
        for job, payload in jobs.items():
            chromium.get(f"{flower.url}/task/{job}")
            assert payload.strip() in str(chromium.find_element(By.TAG_NAME, "main").get_attribute("textContent"))
            unharmed(chromium)
        for page in ("/workers", "/broker"):
            chromium.get(flower.url + page)
            unharmed(chromium)


def test_no_page_needs_what_the_policy_forbids(flower: FlowerServer, tmp_path: Path) -> None:
    with browser(tmp_path) as chromium:
        chromium.get(with_login(flower.url, "operator", flower.password))
        for page in ("/workers", "/tasks", "/broker"):
            chromium.get(flower.url + page)
            said = [entry["message"] for entry in chromium.get_log("browser")]  # type: ignore[no-untyped-call]
            assert not [words for words in said if "Content Security Policy" in words]


def listed(chromium: WebDriver) -> set[str]:
    """Give the ids of the jobs that have rows."""
    links = chromium.find_elements(By.CSS_SELECTOR, "#tasks-table tbody a[href^='/task/']")
    return {str(link.get_attribute("href")).rpartition("/")[2] for link in links}


def unharmed(chromium: WebDriver) -> None:
    assert chromium.execute_script("return window.pwned") is None
    assert chromium.find_elements(By.CSS_SELECTOR, "main iframe, main img[src='x'], main svg[onload]") == []
