"""The drawing of a network in a real browser: legible at every width, zoomable, with curves that open."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from kan_engine.expressions.library import LIBRARY
from tests.support.browser import is_too_wide, severe_violations, show, visiting
from tests.support.trained import trained

DESK: Any = {"width": 1280, "height": 900}
PHONE: Any = {"width": 390, "height": 844}
MIN_LABEL = 11  # pixels
WIDE = Path(__file__).with_name("models") / "wide.safetensors"
SIZES = """drawing => [...drawing.querySelectorAll("text")].map(text => {
    const { a, b } = text.getScreenCTM();
    return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(a, b);
})"""


@pytest.fixture(scope="module")
def wide(api: httpx.Client) -> str:
    """A stored model of eight inputs by its id: a network of 45 curves and a compact one of 19.

    Whether a training finds both depends on the last digits that a processor computes.
    """
    headers = {"Content-Type": "application/octet-stream"}
    answer = api.post("/models/import", params={"name": "wide"}, content=WIDE.read_bytes(), headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.fixture(scope="module")
def additive(api: httpx.Client) -> str:
    """A model of two curves, with suggestions for both; by its id."""
    x = np.random.default_rng(1).uniform(-1, 1, (2, 200))
    columns = {"measured quantity 0": x[0], "measured quantity 1": x[1], "y": np.tanh(3 * x[0]) + x[1] ** 3}
    body = {"network": {"hidden": [], "grid": 5}, "training": {"steps": 20}}
    return trained(api, columns, target="y", symbolic=False, **body)


@pytest.fixture
def page(browser: Browser, url: str, wide: str) -> Iterator[Page]:
    with visiting(browser, url, size=DESK) as page:
        yield shown(page, wide)


def shown(page: Page, model: str) -> Page:
    show(page, f"/models/{model}")
    page.locator(".drawing svg").wait_for()
    return page


def drawing(page: Page) -> Locator:
    return page.get_by_role("region", name=re.compile("Diagram of the network|Схема сети"))


def drawn_width(page: Page) -> float:
    return float(page.locator(".drawing svg").evaluate("svg => svg.getBoundingClientRect().width"))


def smallest_label(page: Page) -> float:
    return float(min(page.locator(".drawing").evaluate(SIZES)))


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("language", ["en-US", "ru-RU"])
def test_no_label_of_a_wide_network_is_smaller_than_eleven_pixels(
    browser: Browser, url: str, wide: str, size: dict[str, int], language: str
) -> None:
    with visiting(browser, url, size=size, locale=language) as page:
        shown(page, wide)
        assert smallest_label(page) >= MIN_LABEL
        box = page.locator(".drawing")
        assert box.evaluate("box => box.scrollWidth <= box.clientWidth")  # all of it is in sight
        assert not is_too_wide(page)
        page.get_by_role("button", name=re.compile("Most accurate|Самая точная")).click()
        page.get_by_role("button", name=re.compile("all curves|все кривые")).click()
        expect(page.locator("g.edge").nth(20)).to_be_attached()
        assert smallest_label(page) >= MIN_LABEL
        assert not is_too_wide(page)


def test_the_compact_network_is_shown_first_and_at_most_twenty_curves_of_the_other(page: Page) -> None:
    compact = page.get_by_role("button", name="Compact")
    expect(compact).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Most accurate").click()
    expect(compact).to_have_attribute("aria-pressed", "false")
    assert 5 < page.locator("g.edge").count() <= 20
    expect(page.get_by_text("weaker edges are not drawn")).to_be_visible()
    everything = page.get_by_role("button", name="Show all curves")
    told = int(re.search(r"\d+", everything.inner_text())[0])  # type: ignore[index]
    everything.click()
    expect(page.locator("g.edge")).to_have_count(told)
    everything.click()
    expect(page.get_by_text("weaker edges are not drawn")).to_be_visible()


def test_the_drawing_is_zoomed_by_buttons_keys_and_the_wheel_with_ctrl(page: Page) -> None:
    natural = drawn_width(page)
    page.get_by_role("button", name="Zoom in: The network").click()
    page.wait_for_timeout(500)
    assert drawn_width(page) > 1.4 * natural
    drawing(page).focus()
    page.keyboard.press("0")
    page.wait_for_timeout(500)
    assert drawn_width(page) == pytest.approx(natural, abs=2)
    drawing(page).scroll_into_view_if_needed()
    drawing(page).hover(position={"x": 200, "y": 200})
    page.mouse.wheel(0, 200)
    page.wait_for_timeout(300)
    assert drawn_width(page) == pytest.approx(natural, abs=2)
    page.keyboard.down("Control")
    drawing(page).hover(position={"x": 200, "y": 200})
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    page.wait_for_timeout(300)
    assert drawn_width(page) > 1.1 * natural


def test_the_drawing_is_fetched_once_for_the_width_that_it_has(page: Page) -> None:
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/plot.svg" in request.url else None)
    page.reload()
    expect(page.locator("g.edge").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert len(asked) == 1


def test_a_narrower_window_gets_a_narrower_drawing(page: Page) -> None:
    page.set_viewport_size(PHONE)
    expect(page.locator(".drawing svg")).to_have_attribute("width", re.compile(r"^3\d\d"))
    assert smallest_label(page) >= MIN_LABEL


def test_a_candidate_is_drawn_over_its_curve_and_chosen_for_the_fix(page: Page, additive: str) -> None:
    shown(page, additive)
    page.locator("g.edge[data-layer='0']").first.press("Enter")
    dialog = page.get_by_role("dialog")
    chart = dialog.get_by_role("img", name=re.compile("Curve over measured quantity"))
    expect(chart).to_be_visible()
    expect(dialog.get_by_text("how many rows have such a value")).to_be_visible()
    line = chart.locator("[data-mark='line'] path").last
    candidates = dialog.get_by_role("table", name="Matching functions").get_by_role("button")
    before = line.get_attribute("d")
    other = dialog.locator("table button[aria-pressed='false']").last
    name = other.locator("xpath=following-sibling::code").inner_text()
    other.click()
    expect(candidates.and_(dialog.locator("[aria-pressed='true']"))).to_have_count(1)
    expect(line).not_to_have_attribute("d", before or "")
    expect(dialog.get_by_label("Fix this curve to")).to_have_value(name)
    assert severe_violations(page) == []


def test_the_page_evaluates_every_suggested_function_as_the_service_does(page: Page) -> None:
    names = [name for name, function in LIBRARY.items() if function.searched]
    ask = """async ([names, at]) => {
        const { libraryFunction } = await import("/assets/js/model/curves/library.js");
        return names.map(name => at.map(u => libraryFunction(name)(u)));
    }"""
    at = [0.3, 0.9, 1.7]
    for name, values in zip(names, page.evaluate(ask, [names, at]), strict=True):
        for u, value in zip(at, values, strict=True):
            expected = float(LIBRARY[name].value(u))
            assert value == pytest.approx(expected) or (math.isnan(expected) and math.isnan(value)), name
