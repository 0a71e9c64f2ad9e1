"""A service of this machine in whose folder keys exist: commands and the page get in without one."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from typer.testing import CliRunner

from service.cli import app
from service.db.migrate import upgrade
from service.db.repositories.api_keys import ApiKeys
from service.db.session import make_engine, make_sessions
from service.settings import Settings
from tests.support.browser import running_browser, visiting
from tests.support.servers import Serving, whole_service

ASKED = "This service requires an API key"


def folder_with_key(folder: Path) -> str:
    """Make a database with a key in a folder; return the key."""
    settings = Settings(data_dir=folder)
    upgrade(settings)
    engine = make_engine(settings)
    with make_sessions(engine).begin() as session:
        key = ApiKeys(session).add("lab", tenant="lab")[1]
    engine.dispose()
    return key


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def key(folder: Path) -> str:
    return folder_with_key(folder)


@pytest.fixture(scope="module")
def service(folder: Path, key: str) -> Iterator[Serving]:
    with whole_service(folder) as serving:
        yield serving


@pytest.fixture
def kan(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command over a folder, with variables."""

    def run(folder: Path, *arguments: str, **variables: str) -> Any:
        monkeypatch.setenv("KAN_DATA_DIR", str(folder))
        return CliRunner().invoke(app, list(arguments), env=variables)

    return run


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, service: Serving) -> Iterator[Page]:
    with visiting(browser, service.url) as page:
        yield page


def test_a_command_over_the_folder_needs_no_key(service: Serving, kan: Any) -> None:
    assert httpx.get(f"{service.url}/datasets").status_code == 401
    assert kan(service.folder, "datasets").exit_code == 0
    assert kan(service.folder, "datasets", "--server", service.url).exit_code == 0


def test_a_command_with_a_key_is_judged_by_it(service: Serving, key: str, kan: Any) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    columns = {"name": "of the lab", "columns": {"x": [1, 2]}}
    assert httpx.post(f"{service.url}/datasets", json=columns, headers=headers).status_code == 201
    assert "of the lab" not in kan(service.folder, "datasets").output
    assert "of the lab" in kan(service.folder, "datasets", KAN_API_KEY=key).output
    assert "of the lab" in kan(service.folder, "datasets", KANSERVICE_KEY=key).output
    refused = kan(service.folder, "datasets", KANSERVICE_KEY="bad")
    assert (refused.exit_code, "unknown, expired or revoked" in refused.output) == (1, True)


def test_a_command_from_another_folder_is_asked_for_a_key(service: Serving, kan: Any, tmp_path: Path) -> None:
    refused = kan(tmp_path, "datasets", "--server", service.url)
    assert (refused.exit_code, "--key" in refused.output) == (1, True)


def test_a_command_that_starts_its_own_service_needs_no_key(kan: Any, tmp_path: Path) -> None:
    folder_with_key(tmp_path)
    assert kan(tmp_path, "datasets", KAN_SHORT_JOBS="off").exit_code == 0


def test_probes_and_health_checks_need_no_key(service: Serving) -> None:
    check = [sys.executable, "-m", "service.healthcheck"]
    environment = os.environ | {
        "KAN_DATA_DIR": str(service.folder),
        "KAN_PORT": service.url.rpartition(":")[2],
        "PYTHONPATH": str(Path.cwd()),
    }
    for name in ("api", "worker"):
        subprocess.run([*check, name], env=environment, check=True)
    assert httpx.get(f"{service.url}/health/ready").status_code == 200


def test_the_link_that_serve_prints_opens_the_page_once(
    page: Page, browser: Browser, service: Serving
) -> None:
    link = printed_link((service.folder / "output").read_text())
    page.goto(link)
    expect_to_be_in(page)
    assert link.partition("=")[2] not in page.url
    page.reload()
    expect_to_be_in(page)
    with visiting(browser, service.url) as another:
        another.goto(link)
        expect(another.get_by_role("dialog")).to_contain_text(ASKED)


def test_the_command_opens_the_page_and_shows_no_secret_to_other_users(
    page: Page, service: Serving, tmp_path: Path
) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/opened\n')
    browser.chmod(0o700)
    environment = os.environ | {
        "KAN_DATA_DIR": str(service.folder),
        "PYTHONPATH": str(Path.cwd()),
        "DISPLAY": ":0",
        "BROWSER": f"{browser} %s",
    }
    command = [sys.executable, "-m", "service.cli", "open"]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    opened = (tmp_path / "opened").read_text()
    assert opened.startswith("file://")
    assert printed_link(told).partition("=")[2] not in opened
    page.goto(opened)
    page.wait_for_url(f"{service.url}/**")
    expect_to_be_in(page)


def test_without_the_link_the_page_asks_for_the_key(page: Page, key: str) -> None:
    page.goto("/")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(ASKED)
    expect(dialog).to_contain_text("kan-service open")
    dialog.get_by_label("Key").fill(key)
    dialog.get_by_role("button").click()
    expect_to_be_in(page)
    expect(page.locator("main")).not_to_contain_text("went wrong")


def printed_link(text: str) -> str:
    found = re.search(r"http://\S+/#ticket=\S+", text)
    assert found is not None, text
    return found[0]


def expect_to_be_in(page: Page) -> None:
    expect(page.locator("main .view-start .steps")).to_be_visible()
    expect(page.get_by_role("button", name="Try it with an example")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
