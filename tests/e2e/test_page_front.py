"""The front of formulas on the view of a model: a chart with selection, and what is served beside it."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import (
    PHONE,
    change_answers,
    is_too_wide,
    severe_violations,
    show,
    show_model,
    visiting,
)
from tests.support.trained import trained


@pytest.fixture(scope="module")
def model(api: httpx.Client) -> str:
    """A model with a front of several formulas, by its id."""
    random = np.random.default_rng(3)
    x1, x2 = random.uniform(-2, 2, (2, 200))
    columns = {"x1": x1, "x2": x2, "y": 2 * x1 + np.sin(x2) + 0.05 * random.normal(size=200)}
    small: dict[str, Any] = {"network": {"hidden": [2], "grid": 3}, "training": {"steps": 20}}
    return trained(api, columns, target="y", name="front", units={"y": "kJ"}, **small)


@pytest.fixture
def page(browser: Browser, url: str, model: str) -> Iterator[Page]:
    with visiting(browser, url) as page:
        show_model(page, model)
        page.locator(".front-chart svg[role=img]").wait_for()
        yield page


def test_the_chart_tells_the_errors_of_formulas_networks_and_baselines(
    page: Page, api: httpx.Client, model: str
) -> None:
    told = page.locator(".front-chart svg[role=img]").get_attribute("aria-label") or ""
    front = api.get(f"/models/{model}/symbolic").json()["outputs"][0]["pareto"]
    assert told.startswith(f"{len(front)} formulas: from size {front[0]['size']} with the error")
    linear = api.get(f"/models/{model}").json()["baselines"]["linear"]["metrics"]["rmse"]
    assert f"Linear model: {linear:.4g}\u00a0kJ" in told
    assert "The compact network, 1 curve: " in told


def test_the_error_of_a_small_network_follows_from_its_r2(page: Page, api: httpx.Client, model: str) -> None:
    members = api.get(f"/models/{model}").json()["members"]
    served = members["accurate"]["metrics"]
    last = members["compact"]["path"][-1]
    rmse = served["rmse"] * ((1 - last["r2"]) / (1 - served["r2"])) ** 0.5
    told = page.locator(".front-chart svg[role=img]").get_attribute("aria-label") or ""
    assert f"{last['edges']} curves: {rmse:.4g}\u00a0kJ" in told


def test_a_row_of_the_table_shows_its_formula_typeset_by_keyboard(page: Page) -> None:
    detail = page.locator(".front-detail")
    expect(detail).to_contain_text("in use")
    button = page.locator(".front-table").get_by_role("button", name="Formula 2", exact=True)
    button.press("Enter")
    expect(detail.get_by_role("heading")).to_have_text("Formula 2")
    expect(detail.locator(".visually-hidden math")).to_have_text(re.compile(r"=(2x1|sin\(x2\))$"))
    expect(detail.get_by_role("button", name="Use this one")).to_be_visible()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(button).to_be_focused()


def test_a_point_of_the_chart_shows_its_formula(page: Page) -> None:
    dots = page.locator(".front-chart svg[role=img] g[data-mark=dot]").nth(1).locator("circle")
    dots.first.hover(force=True)
    expect(page.locator(".front-chart g[data-mark=tip]")).to_contain_text("Formula 1")
    dots.first.click(force=True)
    expect(page.locator(".front-detail").get_by_role("heading")).to_have_text("Formula 1")


def test_a_formula_of_the_front_becomes_that_of_the_model(page: Page, api: httpx.Client, model: str) -> None:
    page.locator(".front-table").get_by_role("button", name="Formula 2", exact=True).click()
    page.locator(".front-detail").get_by_role("button", name="Use this one").click()
    page.wait_for_url("**/#/jobs/*")
    job = api.get(f"/jobs/{page.url.rpartition('/')[2]}", params={"wait": 60}).json()
    outputs = api.get(f"/models/{job['model_id']}/symbolic").json()["outputs"]
    front = api.get(f"/models/{model}/symbolic").json()["outputs"][0]["pareto"]
    assert outputs[0]["expression"] == front[1]["expression"]


def test_the_log_losses_of_a_classifier_stand_beside_those_of_its_networks_and_baselines(
    browser: Browser, url: str, api: httpx.Client, kinds: str
) -> None:
    model = api.get(f"/models/{kinds}").json()
    formulas = api.get(f"/models/{kinds}/symbolic").json()["outputs"]
    assert formulas[0]["log_loss"] == pytest.approx(model["members"]["formula"]["metrics"]["log_loss"])
    with visiting(browser, url) as page:
        show_model(page, kinds)
        chart = page.locator(".front-chart svg[role=img]").first
        told = chart.get_attribute("aria-label") or ""
        assert f"with the error {formulas[0]['log_loss']:.4g}" in told
        assert f"Linear model: {model['baselines']['linear']['metrics']['log_loss']:.4g}" in told
        step = model["members"]["compact"]["path"][0]
        assert f"{step['edges']} curves: {step['log_loss']:.4g}" in told
        expect(page.locator(".front-table th").filter(has_text="Log loss")).to_have_count(3)
        expect(page.locator(".front-table th").filter(has_text="R²")).to_have_count(0)
        assert page.locator(".front-chart").first.locator("[data-mark='y-axis tick label'] text").count() >= 3
        expect(page.locator(".front-chart figcaption").first).to_contain_text("in use for the other classes")


def test_formulas_of_older_classifiers_have_the_errors_that_are_known(
    browser: Browser, url: str, kinds: str
) -> None:
    with visiting(browser, url) as page:
        change_answers(page, "**/symbolic", without_losses)
        show_model(page, kinds)
        told = page.locator(".front-chart svg[role=img]").first.get_attribute("aria-label") or ""
        assert "Linear model" not in told
        expect(page.locator(".front-table th").filter(has_text="Typical error")).to_have_count(3)


def without_losses(formulas: dict[str, Any]) -> dict[str, Any]:
    """Formulas as earlier versions stored them."""
    for output in formulas["outputs"]:
        for entry in (output, *output["pareto"]):
            del entry["log_loss"]
    return formulas


@pytest.mark.parametrize("locale", ["en-US", "ru-RU"])
def test_nothing_of_the_front_keeps_people_out(browser: Browser, url: str, model: str, locale: str) -> None:
    with visiting(browser, url, size=PHONE, locale=locale) as page:
        show_model(page, model)
        page.locator(".front-chart svg[role=img]").wait_for()
        assert not is_too_wide(page)
        assert severe_violations(page) == []
        words = page.locator(".front-chart svg[role=img]").get_attribute("aria-label") or ""
        assert bool(re.search("[а-я]{4}", words)) == (locale == "ru-RU")


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("constant", "No column helps to predict y"),
        ("linear", "A straight line is enough to predict y"),
        ("log_linear", "The exponential of a straight line is enough"),
        ("logistic", "Logistic regression is enough"),
    ],
)
def test_a_model_whose_line_answers_says_so_calmly(
    browser: Browser, url: str, api: httpx.Client, model: str, kind: str, title: str
) -> None:
    members = api.get(f"/models/{model}").json()["members"]
    members["linear"] |= {"kind": kind, "serves": True}
    members["formula"]["serves"] = False
    with visiting(browser, url) as page:
        change_answers(page, re.compile(rf"/{model}/symbolic$"), lambda told: told | {"verdict": "weak"})
        change_model(page, model, members=members)
        show_model(page, model)
        note = page.locator(".view > .note[data-plain]")
        expect(note.locator("strong")).to_contain_text(title)
        expect(note).to_contain_text("Typical error on 40 held-out rows")
        assert severe_violations(page) == []


def test_a_network_that_was_asked_for_beside_a_better_line_says_so(
    browser: Browser, url: str, model: str
) -> None:
    told = "a straight line is better by cross-validation (RMSE 1) than the requested network (2)"
    with visiting(browser, url) as page:
        change_model(page, model, warnings=[told])
        show_model(page, model)
        expect(page.locator("[data-plain=requested]")).to_contain_text("The requested network answers")


def test_few_rows_are_said_to_be_few(browser: Browser, url: str, api: httpx.Client, model: str) -> None:
    split = api.get(f"/models/{model}").json()["split"] | {"training_rows": 4, "validation_rows": 1}
    with visiting(browser, url) as page:
        change_model(page, model, split=split, warnings=["5 rows are too few to check a model"])
        show_model(page, model)
        expect(page.locator("[data-plain=few]")).to_contain_text("Too few rows to check")


def test_a_model_better_than_a_line_has_no_such_banner(page: Page) -> None:
    expect(page.locator("#section-formula")).to_be_visible()
    expect(page.locator("[data-plain]")).to_have_count(0)


def test_a_linear_model_that_is_as_good_on_the_hold_out_rows_is_told(
    browser: Browser, url: str, api: httpx.Client, model: str
) -> None:
    members = api.get(f"/models/{model}").json()["members"]
    members["linear"]["metrics"]["rmse"] = 0.001
    with visiting(browser, url) as page:
        change_model(page, model, members=members)
        show_model(page, model)
        expect(page.locator("[data-plain=hold-out]")).to_contain_text("of the line: 0.001\u00a0kJ")


def change_model(page: Page, model: str, **changes: Any) -> None:
    """Let the page read another document of a model."""
    change_answers(page, re.compile(rf"/models/{model}$"), lambda told: told | changes)


def test_the_rows_with_the_largest_errors_are_listed_and_lead_to_the_form(
    page: Page, api: httpx.Client, model: str
) -> None:
    parity = api.get(f"/models/{model}/figures").json()["parity"]
    errors = {
        number: abs(guess - true)
        for true, guess, number in zip(parity["true"], parity["predicted"], parity["numbers"], strict=True)
    }
    worst = max(errors, key=lambda number: errors[number])
    table = page.get_by_role("table", name="Rows with the largest errors")
    expect(table.get_by_role("rowheader").first).to_have_text(str(worst + 1))
    with page.expect_response("**/predict"):
        table.get_by_role("button", name=f"Predict row {worst + 1}").press("Enter")
    dataset = api.get(f"/models/{model}").json()["dataset_id"]
    preview = api.get(f"/datasets/{dataset}/preview", params={"limit": 1, "offset": worst}).json()
    for name in ("x1", "x2"):
        value = page.get_by_role("spinbutton", name=f"{name}, as a number").input_value()
        assert float(value) == pytest.approx(preview["rows"][0][name], rel=1e-5)
    expect(page.locator("#heading-try")).to_be_focused()


def test_a_point_of_the_errors_tells_its_row(page: Page, api: httpx.Client, model: str) -> None:
    chart = page.locator(".row-chart").first
    expect(chart.locator("svg[role=img]")).to_have_attribute("aria-label", re.compile("of 40 rows between"))
    chart.locator("g[data-mark=dot] circle").first.hover(force=True)
    expect(chart.locator("g[data-mark=tip]")).to_have_text(re.compile(r"Row \d+.*True: .*kJ.*Error: .*kJ"))


def test_rows_of_older_models_have_errors_without_numbers(browser: Browser, url: str, model: str) -> None:
    with visiting(browser, url) as page:
        change_answers(page, "**/figures", without_numbers)
        show_model(page, model)
        table = page.get_by_role("table", name="Rows with the largest errors")
        expect(table.get_by_role("columnheader")).to_have_text(["True", "Predicted", "Error"])
        expect(table.get_by_role("button")).to_have_count(0)


def without_numbers(figures: dict[str, Any]) -> dict[str, Any]:
    """Figures as earlier versions stored them."""
    del figures["parity"]["numbers"]
    return figures


def test_the_view_goes_from_the_formula_to_what_is_looked_up_rarely(page: Page) -> None:
    names = page.locator(".sections > section").evaluate_all("sections => sections.map(one => one.id)")
    order = ["formula", "simpler", "network", "effects", "quality", "try", "more"]
    assert [name for name in names if name.removeprefix("section-") in order] == [
        f"section-{name}" for name in order
    ]


def test_tabs_are_changed_by_arrow_keys(page: Page) -> None:
    tabs = page.get_by_role("tablist", name="Use, versions and lineage")
    expect(page.get_by_role("tabpanel")).to_have_accessible_name("Use and export")
    tabs.get_by_role("tab", selected=True).press("ArrowRight")
    chosen = tabs.get_by_role("tab", name="Versions and names")
    expect(chosen).to_be_focused()
    expect(chosen).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("tabpanel")).to_have_accessible_name("Versions and names")
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_be_visible()
    page.keyboard.press("End")
    expect(page.get_by_role("tabpanel")).to_have_accessible_name("Training")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tabpanel")).to_have_accessible_name("Use and export")
    expect(page.get_by_role("region", name="The request with Python")).to_be_visible()


def test_an_address_leads_to_a_tab(browser: Browser, url: str, model: str) -> None:
    with visiting(browser, url) as page:
        show(page, f"/models/{model}?section=origin")
        expect(page.get_by_role("tabpanel")).to_have_accessible_name("Lineage")
        expect(page.locator("#heading-more")).to_be_focused()
