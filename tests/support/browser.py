"""A real browser for tests of the page: Chromium of the system, driven by Playwright.

``KAN_TEST_CHROMIUM`` names another one. A test that can have none fails.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
TIMEOUT_MS = 15_000
DESK, PHONE = {"width": 1200, "height": 900}, {"width": 360, "height": 740}
SEVERE = ("serious", "critical")
MOST_TABS = 60
# Every window loads the lists below its address bar, two pages that take as long as a view of ours. The last
# argument of this name is the one that counts, so what Playwright leaves out stands here as well.
LEFT_OUT = (
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "TcpPortRandomizationWin",
    "ThirdPartyStoragePartitioning",
)


def chromium() -> str:
    """Where the browser is."""
    path = os.environ.get("KAN_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.fail("no Chromium was found; install one with: make browser")
    return path


@contextlib.contextmanager
def running_browser() -> Iterator[Browser]:
    """A browser without a window. While it runs, its thread has an event loop: let it end with a module."""
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", f"--disable-features={','.join(LEFT_OUT)}"]
        browser = playwright.chromium.launch(executable_path=chromium(), args=flags)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def visiting(browser: Browser, url: str, *, size: dict[str, Any] = DESK, **options: Any) -> Iterator[Page]:
    """A page of this service, which must not throw errors.

    Args:
        options: What else the browser is like: ``color_scheme``, ``locale``.
    """
    mistakes: list[str] = []
    with contextlib.closing(browser.new_context(base_url=url, viewport=size, **options)) as context:  # type: ignore[arg-type]
        context.set_default_timeout(TIMEOUT_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: mistakes.append(error.stack or str(error)))
        yield page
    assert not mistakes, f"the page threw {mistakes}"


def show(page: Page, address: str) -> None:
    """Open a view by its address behind `#`, and wait for it."""
    is_new = page.url == "about:blank"
    page.goto(f"/#{address}")
    if not is_new:
        page.reload()  # an address that differs behind `#` alone is no new page
    page.wait_for_selector("main .view h1")


def show_model(page: Page, model: str) -> None:
    """Open the view of a model, and wait for its first prediction."""
    show(page, f"/models/{model}")
    page.locator(".prediction data").wait_for()


def change_answers(page: Page, address: str | re.Pattern[str], change: Callable[[Any], Any]) -> None:
    """Let the page read other answers than the service gives at an address."""
    page.route(address, lambda route: route.fulfill(json=change(route.fetch().json())))


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until something has the focus."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"{selector} cannot be reached with Tab")


def severe_violations(page: Page, *rules: str) -> list[str]:
    """What axe-core finds that would keep people out, by all its rules or by these."""
    options = {"runOnly": list(rules)} if rules else {}
    violations = Axe().run(page, options={"resultTypes": ["violations"], **options}).response["violations"]
    return [
        f"{rule['id']}: {rule['help']}: {[node['html'] for node in rule['nodes']][:3]}"
        for rule in violations
        if rule["impact"] in SEVERE
    ]


def is_too_wide(page: Page) -> bool:
    """Whether one has to scroll sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))
