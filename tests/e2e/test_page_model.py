"""The view of a model in a real browser: its formula, its curves, and predictions that follow the inputs."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.support.browser import PHONE, is_too_wide, severe_violations, show_model, visiting
from tests.support.servers import wait_until
from tests.support.told_texts import list_warnings
from tests.support.trained import JOB_TIMEOUT_S, SMALL, trained

LAW = "exp(sin(pi*x1) + x2**2)"
MOST_KB = 250  # packed


@pytest.fixture
def page(browser: Browser, url: str, law: str) -> Iterator[Page]:
    with visiting(browser, url) as page:
        show_model(page, law)
        yield page


def test_the_formula_is_typeset_and_told_as_text_and_in_words(page: Page) -> None:
    formula = page.get_by_role("region", name="Formula for y", exact=True)
    math = formula.locator("math").first
    assert math.evaluate("math => math.namespaceURI") == "http://www.w3.org/1998/Math/MathML"
    assert math.text_content() == "y=esin(πx1)+x22"
    expect(page.get_by_role("region", name="Formula for y as text")).to_have_text(LAW)
    expect(page.locator("#section-formula .verdict")).to_contain_text("Exact")
    assert page.get_by_role("button", name="Copy the formula as Excel").is_visible()


def test_a_density_shows_its_law_its_likelihood_and_its_picture(
    browser: Browser, url: str, heights: str
) -> None:
    with visiting(browser, url) as page:
        show_model(page, heights)
        expect(page.get_by_text("Estimates the density p(height)")).to_be_visible()
        law = page.get_by_role("table", name="Parameters of the law")
        expect(law.get_by_role("row", name=re.compile("mean 17"))).to_be_visible()
        expect(page.get_by_role("row", name=re.compile("Log-likelihood")).first).to_be_visible()
        expect(page.get_by_role("columnheader", name="Kernel estimate")).to_be_visible()
        expect(page.get_by_role("img", name="Density of height")).to_be_visible()
        assert severe_violations(page) == []


def test_an_imported_model_is_asked_only_for_what_it_has(
    browser: Browser, url: str, api: httpx.Client, law: str
) -> None:
    exported = api.get(f"/models/{law}/export").content
    copy = api.post("/models/import", files={"file": ("law.safetensors", exported)}, data={"name": "copy"})
    with visiting(browser, url) as page, refusing_nothing(page):
        show_model(page, copy.json()["id"])
        expect(page.get_by_text("There are no charts of this model: it was imported")).to_be_visible()
        expect(page.get_by_text("an imported model does not have")).to_be_visible()


def test_a_model_without_a_formula_is_not_asked_for_one(
    browser: Browser, url: str, api: httpx.Client
) -> None:
    x = np.random.default_rng(3).uniform(-1, 1, 100)
    bare = trained(api, {"x": x, "y": x**2}, target="y", name="bare", symbolic=False, **SMALL)
    with visiting(browser, url) as page, refusing_nothing(page):
        show_model(page, bare)
        expect(page.get_by_text("This model has no formula")).to_be_visible()


@contextlib.contextmanager
def refusing_nothing(page: Page) -> Iterator[None]:
    """No request of the page is answered with an error, which the console of the browser would list."""
    refused: list[str] = []
    page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
    yield
    page.wait_for_load_state("networkidle")
    assert refused == []


@pytest.mark.parametrize("locale", ["en-US", "ru-RU"])
@pytest.mark.parametrize("name", ["law", "classes"])
def test_a_model_that_is_scrolled_to_its_end_loads_little(
    name: str, locale: str, browser: Browser, url: str, request: pytest.FixtureRequest
) -> None:
    with visiting(browser, url, locale=locale) as page:
        loaded: list[Request] = []
        page.on(
            "requestfinished", lambda request: loaded.append(request) if "/assets/" in request.url else None
        )
        page.goto(f"/#/models/{request.getfixturevalue(name)}")
        page.locator(".prediction data").wait_for()
        for section in page.locator(".sections > section").all():
            section.scroll_into_view_if_needed()
        page.locator("#section-effects svg.plot").first.wait_for()
        page.wait_for_load_state("networkidle")
        assert any("plot.js" in request.url for request in loaded)
        assert sum(request.sizes()["responseBodySize"] for request in loaded) <= 1000 * MOST_KB


def test_decisions_of_a_training_are_notes_beside_its_warnings(
    browser: Browser, url: str, api: httpx.Client, law: str
) -> None:
    texts, _ = list_warnings(["kan_engine", "worker"])
    told = api.get(f"/models/{law}").json() | {"warnings": sorted(texts)}
    with visiting(browser, url) as page:
        page.route(f"**/models/{law}", lambda route: route.fulfill(json=told))
        show_model(page, law)
        notes = page.locator(".note", has_text="What the training decided").get_by_role("listitem")
        warnings = page.locator(".warning", has_text="Warnings").get_by_role("listitem")
        expect(warnings.or_(notes)).to_have_count(len(texts))
        assert [note[:40] for note in notes.all_inner_texts()] == [
            "bounds: the answers of the networks are ",
            "column 'x1' is left out: it has no value",
            "column 'x1' is left out: it identifies t",
            "column 'x1' is left out: it is constant",
            "column 'x1' is left out: it is the same ",
            "column 'x1' is left out: it is the same ",
            "monotone (7): the networks are sums of c",
            "the errors of the target grow with it: f",
            "the formula is better than the network b",
        ]


def test_a_curve_of_the_drawing_opens_in_large(page: Page) -> None:
    curve = page.get_by_role("button", name="x1 to y: sine, score")
    curve.first.click()
    dialog = page.get_by_role("dialog", name="From x1 to y")
    expect(dialog.get_by_role("img", name="Curve over x1")).to_be_visible()
    expect(dialog.locator(".edge-chart svg")).to_contain_text("x1 →")
    expect(dialog.get_by_role("heading", name="contribution to log(y [kJ])")).to_be_visible()
    expect(dialog.get_by_role("row", name="sine sin 1.000000 3")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(curve.first).to_be_focused()


def test_a_view_is_left_in_silence_while_it_waits_for_an_answer(page: Page) -> None:
    page.route("**/datasets/*", lambda route: None)  # never answered
    with page.expect_request("**/datasets/*"):
        page.get_by_role("button", name="x1 to y: sine, score").first.click()
    page.evaluate("location.hash = '#/jobs'")
    expect(page.get_by_role("heading", name="Jobs", level=1)).to_be_visible()  # and no error, see `visiting`


def test_a_category_opens_as_bars_with_its_levels(browser: Browser, url: str, classes: str) -> None:
    with visiting(browser, url) as page:
        show_model(page, classes)
        page.get_by_role("button", name="kind to is it: score").first.click()
        dialog = page.get_by_role("dialog", name="From kind to is it")
        expect(dialog.get_by_role("img", name="Bars: what every level of kind contributes")).to_be_visible()
        levels = dialog.get_by_role("table", name="Levels")
        expect(levels.get_by_role("rowheader")).to_have_text(["a", "b"])
        expect(dialog.get_by_text("contribution to log-odds of is it being yes").first).to_be_visible()
        expect(dialog.get_by_role("button", name="Fix and train on")).to_have_count(0)
        assert severe_violations(page) == []


def test_a_curve_is_fixed_with_the_keyboard_alone(page: Page, api: httpx.Client, law: str) -> None:
    page.get_by_role("button", name="x1 to y: sine, score").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_label("Fix this curve to").select_option("cosh")
    page.get_by_role("button", name="Fix and train on").press("Enter")
    page.wait_for_url("**/#/jobs/*")
    job = api.get(f"/jobs/{page.url.rpartition('/')[2]}", params={"wait": JOB_TIMEOUT_S}).json()
    changed = api.get(f"/models/{job['model_id']}").json()
    assert changed["lineage"]["revises"]["model_id"] == law
    assert changed["lineage"]["revises"]["fix"] == [{"layer": 0, "in": 1, "out": 0, "function": "cosh"}]


def test_the_prediction_follows_the_inputs(page: Page, api: httpx.Client, law: str) -> None:
    slider = page.locator(".inputs").get_by_role("slider", name="x1")
    before = float(slider.input_value())
    with page.expect_response("**/predict"):
        slider.press("ArrowRight")
    assert float(slider.input_value()) > before
    wait_until(lambda: shown(page) == predicted(page, api, law), timeout_s=15)
    box = slider.bounding_box()
    assert box is not None
    with page.expect_response("**/predict"):
        page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + box["height"] / 2)
    assert float(slider.input_value()) < -0.4
    wait_until(lambda: shown(page) == predicted(page, api, law), timeout_s=15)
    with page.expect_response("**/predict"):
        page.get_by_role("spinbutton", name="x2, as a number").fill("2")
    expect(page.locator(".prediction")).to_contain_text("x2 is outside the training range")
    wait_until(lambda: shown(page) == predicted(page, api, law), timeout_s=15)
    assert '"x2": 2' in page.get_by_role("region", name="The request with Python").inner_text()


def test_a_date_is_typed_as_a_date(browser: Browser, url: str, api: httpx.Client) -> None:
    days = np.arange("2026-01-01", "2026-08-29", dtype="datetime64[D]")
    columns = {"day": days.astype(str), "y": np.arange(days.size, dtype=float)}
    model = trained(api, columns, target="y", name="days", symbolic=False, **SMALL)
    with visiting(browser, url) as page:
        show_model(page, model)
        field = page.get_by_role("textbox", name="day", exact=True)
        expect(field).to_have_value("2026-01-01")
        expect(field).to_have_accessible_description("training range: Jan 1, 2026 to Aug 28, 2026")
        row = page.get_by_role("region", name="The request with Python").inner_text()
        assert '"day": "2026-01-01"' in row
        assert severe_violations(page) == []


def test_the_form_says_who_answers_and_lets_people_choose(page: Page, api: httpx.Client, law: str) -> None:
    answer = page.locator(".prediction")
    expect(answer).to_contain_text("Predicted by the formula.")
    with page.expect_response("**/predict"):
        page.get_by_role("spinbutton", name="x1, as a number").fill("3")
    expect(answer).to_contain_text("There is no interval here")
    expect(answer).to_contain_text("x1 is outside the training range: the formula was not checked there.")
    by_formula = shown(page)
    with page.expect_request(lambda request: "by" in (request.post_data or "")) as sent:
        page.locator(".inputs").get_by_role("combobox", name="Predicted by").select_option("accurate")
    assert sent.value.post_data_json["by"] == "accurate"
    expect(answer).to_contain_text("Predicted by the network.")
    assert shown(page) != by_formula
    assert 'by="accurate"' in page.get_by_role("region", name="The request with Python").inner_text()
    assert '"by":"accurate"' in page.get_by_role("region", name="The request with curl").inner_text()


def test_a_russian_page_shows_russian_pictures(browser: Browser, url: str, law: str) -> None:
    with visiting(browser, url, locale="ru-RU") as page:
        show_model(page, law)
        names = [title.text_content() or "" for title in page.locator("svg[role] > title").all()]
        page.locator(".importance").scroll_into_view_if_needed()
        expect(page.locator(":is(.row-chart, .panel, .importance) svg[role=img]")).to_have_count(5)
        charts = page.locator(".chart-area svg[role=img]")
        names += [chart.get_attribute("aria-label") or "" for chart in charts.all()]
        assert len(names) >= 5
        assert [name for name in names if not re.search("[а-я]{4}", name)] == []


def test_a_classifier_is_told_and_tried_in_its_own_way(
    browser: Browser, url: str, api: httpx.Client, classes: str
) -> None:
    with visiting(browser, url) as page:
        show_model(page, classes)
        with page.expect_response("**/predict"):
            page.get_by_role("button", name="Centre all inputs").click()
        with page.expect_response("**/predict"):
            page.get_by_role("checkbox", name="missing (z)").check()
        expect(page.locator(".inputs").get_by_role("slider", name="z")).to_be_disabled()
        with page.expect_response("**/predict"):
            page.locator(".inputs").get_by_role("combobox", name="kind").select_option("b")
        row = page.get_by_role("region", name="The request with Python").inner_text()
        assert '"z": None' in row
        assert '"kind": "b"' in row
        answer = page.get_by_role("list", name="Probabilities")
        expect(answer.get_by_role("listitem")).to_have_count(2)
        expect(page.get_by_role("table", name="Metrics by class")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.thorough)])
def test_nothing_keeps_people_out_of_a_model(
    theme: Any, browser: Browser, url: str, law: str, classes: str
) -> None:
    with visiting(browser, url, color_scheme=theme) as page:
        for model in (law, classes):
            show_model(page, model)
            page.evaluate("document.querySelectorAll('details').forEach(details => (details.open = true))")
            page.locator(".edges table").wait_for()
            assert severe_violations(page) == []
        page.locator("g.edge").first.press("Enter")
        expect(page.get_by_role("dialog")).to_be_visible()
        assert severe_violations(page) == []


def test_a_phone_shows_a_model_without_scrolling_sideways(
    browser: Browser, url: str, law: str, classes: str
) -> None:
    with visiting(browser, url, size=PHONE, locale="ru-RU") as page:
        for model in (law, classes):
            show_model(page, model)
            assert not is_too_wide(page)


def shown(page: Page) -> float:
    """The number behind the prediction that the page shows, which shows it with six digits."""
    # In one look: the page may show the next prediction between two
    told, text = page.locator(".prediction data").evaluate("data => [data.value, data.innerText]")
    value = float(told or "nan")
    assert float(text.removesuffix("\u00a0kJ").replace(",", "")) == pytest.approx(value, rel=1e-5)
    return value


def predicted(page: Page, api: httpx.Client, model: str) -> float:
    """What the API says of the inputs as they are set."""
    row = {
        name: float(page.get_by_role("spinbutton", name=f"{name}, as a number").input_value())
        for name in ("x1", "x2")
    }
    return float(api.post(f"/models/{model}/predict", json={"rows": [row]}).json()["predictions"][0])
