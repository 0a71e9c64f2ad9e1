"""The rows with the formula through them in a real browser: slices, hover, and the row that is selected."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browser import PHONE, is_too_wide, severe_violations, visiting
from tests.support.servers import wait_until
from tests.support.trained import trained

ROWS = 200
CURVE = "g[data-mark='line'] g[stroke-width='3'] path"  # of the member that predicts


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    x1, x2 = np.random.default_rng(0).uniform(-2, 2, (2, ROWS))
    return {"x1": x1, "x2": x2, "y": 3 * x1 + np.sin(2 * x2)}


@pytest.fixture(scope="module")
def additive(api: httpx.Client, table: dict[str, Any]) -> str:
    return trained(api, table, target="y")


@pytest.fixture(scope="module")
def curve(api: httpx.Client) -> str:
    """A model of one input, with noise."""
    random = np.random.default_rng(1)
    x = random.uniform(0, 4, ROWS)
    columns = {"x": x, "y": x**2 + 0.3 * random.normal(size=ROWS)}
    return trained(api, columns, target="y", network={"hidden": [], "grid": 3}, symbolic=False)


@pytest.fixture
def page(browser: Browser, url: str, additive: str) -> Iterator[Page]:
    with visiting(browser, url) as page:
        show_fit(page, additive)
        yield page


def show_fit(page: Page, model_id: str) -> None:
    """Open a model, and wait for the curves through its rows."""
    page.goto(f"/#/models/{model_id}")
    page.locator(f"#section-fit {CURVE}").first.wait_for(state="attached")


def section(page: Page) -> Locator:
    return page.get_by_role("region", name="Data and model")


def chart(page: Page, axis: str, target: str = "y") -> Locator:
    return section(page).get_by_role("figure").filter(has_text=f"{target} over {axis}")


def rows(of: Locator) -> Locator:
    return of.locator("g[data-mark='dot'] circle")


def line(of: Locator) -> str | None:
    return of.locator(CURVE).get_attribute("d")


def test_all_rows_are_drawn_and_those_held_out_look_different(
    page: Page, api: httpx.Client, additive: str
) -> None:
    held = api.get(f"/models/{additive}").json()["split"]["test_rows"]
    for axis in ("x1", "x2"):
        assert rows(chart(page, axis)).count() == ROWS
        assert rows(chart(page, axis)).and_(page.locator("[stroke='var(--warn)']")).count() == held
        words = chart(page, axis).get_by_role("img").get_attribute("aria-label") or ""
        assert f"y over {axis}: {ROWS} rows, {held} of them held out. The formula goes from" in words
    expect(section(page).get_by_role("listitem")).to_have_text(
        ["training rows", "held-out rows", "formula", "network", "90 % prediction interval"]
    )


def test_a_slider_moves_the_slice_of_the_other_input(page: Page) -> None:
    over_x1, over_x2 = line(chart(page, "x1")), line(chart(page, "x2"))
    slider = section(page).get_by_role("slider", name="x1 in the charts")
    with page.expect_request("**/predict") as sent:
        slider.press("End")
    body = sent.value.post_data_json
    assert body is not None
    columns = body["columns"]
    assert len(set(columns["x1"][101:])) == len(set(columns["x2"][:101])) == 1
    assert columns["x1"][101] == pytest.approx(2, abs=0.1)
    wait_until(lambda: line(chart(page, "x2")) != over_x2, timeout_s=15)
    assert abs(ordinates(line(chart(page, "x1"))) - ordinates(over_x1)).max() < 1


def ordinates(path: str | None) -> np.ndarray:
    return np.array([float(y) for y in re.findall(r",(-?[\d.]+)", path or "")])


def test_rows_are_fainter_the_farther_they_are_from_the_slice(page: Page, table: dict[str, Any]) -> None:
    hints = rows(chart(page, "x1")).evaluate_all("all => all.map(one => Number(one.getAttribute('opacity')))")
    distance = np.sort(abs(table["x2"] - np.sort(table["x2"])[ROWS // 2]))[::-1]
    assert hints == sorted(hints)  # the strongest are drawn last
    assert hints[0] < 0.1
    assert hints[-1] > 0.7
    assert sum(opacity > 0.4 for opacity in hints) == pytest.approx((distance < 0.59).sum(), abs=10)


def test_a_row_of_a_near_time_is_stronger_than_one_of_another_season(page: Page) -> None:
    near = """async () => {
      const { rowsNear, typicalValues } = await import("/assets/js/model/fit/rows.js");
      const day = { name: "day", type: "datetime", min: "2026-01-01T00:00:00", max: "2026-12-31T00:00:00" };
      const x = { name: "x", type: "number", min: 0, max: 1 };
      const dates = ["2026-01-01", "2026-06-10", "2026-06-15", "2026-06-15T18:00:00", "2026-12-31"];
      const rows = dates.map((day, number) => ({ number, inputs: { x: 0.5, day } }));
      const table = { inputs: [x, day], rows };
      const at = typicalValues(table);
      const drawn = rowsNear(table, "x", at).sort((one, other) => one.number - other.number);
      return [at.day, ...drawn.map(({ opacity }) => opacity)];
    }"""
    typical, *opacities = page.evaluate(near)
    assert typical == "2026-06-15"
    assert [opacity > 0.7 for opacity in opacities] == [False, True, True, True, False]


def test_a_row_under_the_pointer_tells_its_values_and_a_click_predicts_it(
    page: Page, table: dict[str, Any]
) -> None:
    chart(page, "x1").scroll_into_view_if_needed()
    place = rows(chart(page, "x1")).last.bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    tip = chart(page, "x1").locator("g[data-mark='tip']")
    expect(tip).to_contain_text(re.compile(r"Row \d+ \((training|held out)\)"))
    number = int(re.findall(r"Row (\d+)", tip.text_content() or "")[0])
    x1, y = float(table["x1"][number - 1]), float(table["y"][number - 1])
    with page.expect_response("**/predict"):
        page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    expect(section(page)).to_contain_text(f"Row {number} (")
    field = page.get_by_role("spinbutton", name="x1, as a number")
    assert float(field.input_value()) == pytest.approx(x1, rel=1e-5)
    truth = page.locator(".prediction .truth")
    expect(truth).to_contain_text("In the data:")
    assert float(truth.inner_text().split()[-1].replace("−", "-")) == pytest.approx(y, rel=1e-4)


def test_rows_are_selected_with_the_keyboard_alone(page: Page, table: dict[str, Any]) -> None:
    section(page).get_by_role("button", name="Next row").press("Enter")
    expect(section(page)).to_contain_text("Row 1 (")
    with page.expect_response("**/predict"):
        section(page).get_by_role("button", name="Move the charts to this row").press("Enter")
    value = float(section(page).get_by_role("slider", name="x1 in the charts").input_value())
    assert value == pytest.approx(table["x1"][0], abs=0.03)
    section(page).get_by_role("button", name="Predict this row").press("Enter")
    expect(page.get_by_role("heading", name="Try it")).to_be_focused()


def test_contributions_of_the_inputs_add_up_to_the_prediction_and_follow_it(page: Page) -> None:
    why = page.get_by_role("list", name="Why this prediction?")
    for key in ("Home", "End"):
        page.locator(".inputs").get_by_role("slider", name="x1").press(key)
        with page.expect_response(lambda response: '"explain":true' in (response.request.post_data or "")):
            page.get_by_role("spinbutton", name="x2, as a number").fill("1")
        wait_until(lambda: total(page) == pytest.approx(predicted(page), abs=0.05), timeout_s=15)
        expect(why.get_by_role("listitem").first).to_contain_text(
            re.compile(r"x1\s*" + ("−" if key == "Home" else r"\+"))
        )
        page.get_by_role("spinbutton", name="x2, as a number").fill("0.5")


def predicted(page: Page) -> float:
    return float(page.locator(".prediction data").get_attribute("value") or "nan")


def total(page: Page) -> float:
    """The mean prediction and all contributions."""
    base = re.findall(r"prediction is (-?[\d.]+\d)", page.locator(".contributions .hint").inner_text())
    shares = page.locator(".contributions .share").all_inner_texts()
    return sum(float(number.replace("−", "-")) for number in [*base, *shares])


def test_one_input_needs_one_chart_and_no_slider(browser: Browser, url: str, curve: str) -> None:
    with visiting(browser, url) as page:
        show_fit(page, curve)
        assert section(page).get_by_role("figure").count() == 1
        assert section(page).get_by_role("slider").count() == 0
        band = section(page).locator("g[data-mark='area'] path")
        assert ordinates(band.get_attribute("d")).std() > 10
        assert severe_violations(page) == []


def test_a_classifier_shows_a_probability_between_the_rows_of_both_classes(
    browser: Browser, url: str, classes: str
) -> None:
    with visiting(browser, url) as page:
        show_fit(page, classes)
        one = chart(page, "z", "is it")
        expect(one).to_contain_text("probability that is it is yes")
        heights = rows(one).evaluate_all("all => all.map(one => Number(one.getAttribute('cy')))")
        curve = ordinates(line(one))
        assert len(heights) == ROWS - ROWS // 10  # z is missing in the others
        assert all(height < curve.min() + 3 or height > curve.max() - 3 for height in heights)
        kind, before = section(page).get_by_role("combobox", name="kind in the charts"), line(one)
        kind.select_option("a" if kind.input_value() == "b" else "b")
        wait_until(lambda: line(one) != before, timeout_s=15)
        assert severe_violations(page) == []


def test_a_phone_shows_the_charts_below_each_other(browser: Browser, url: str, additive: str) -> None:
    with visiting(browser, url, size=PHONE) as page:
        show_fit(page, additive)
        assert not is_too_wide(page)
        tops = [chart(page, axis).evaluate("one => one.getBoundingClientRect().top") for axis in ("x1", "x2")]
        assert tops[1] > tops[0] + 200


def test_a_model_without_its_dataset_says_that_its_rows_are_gone(
    browser: Browser, url: str, api: httpx.Client
) -> None:
    x = np.linspace(0, 1, 40)
    model_id = trained(api, {"x": x, "y": 2 * x + 1}, target="y")
    deleted = api.delete(f"/datasets/{api.get(f'/models/{model_id}').json()['dataset_id']}")
    assert deleted.status_code == 204, deleted.text
    with visiting(browser, url) as page:
        page.goto(f"/#/models/{model_id}")
        expect(section(page)).to_contain_text("The dataset of this model was deleted")


@pytest.mark.parametrize(("locale", "decimal"), [("en-US", "."), ("ru-RU", ",")])
def test_numbers_of_charts_and_formulas_are_written_as_in_the_language(
    locale: str, decimal: str, browser: Browser, url: str, additive: str
) -> None:
    with visiting(browser, url, locale=locale) as page:
        show_fit(page, additive)
        ticks = "async (name) => (await import('/assets/js/charts/chart.js')).showChart(document.body, {"
        ticks += " title: name, words: name, filename: name, options: ({ Plot }) => ({ marks: ["
        ticks += " Plot.dot([[0, 1000.1], [1, 1000.2]], { x: '0', y: '1' })] }) })"
        page.evaluate(ticks, "ticks")
        labels = page.locator("svg[aria-label=ticks] [data-mark$='tick label'] text").all_text_contents()
        assert {f"0{decimal}2", "1"} <= {*labels}
        assert any(label.endswith(f"000{decimal}12") for label in labels)
        page.evaluate(
            "async () => { const { parseMath } = await import('/assets/js/parts/inline.js');"
            " const namespace = 'http://www.w3.org/1998/Math/MathML';"
            " document.body.append(parseMath(`<math xmlns='${namespace}'><mn>1.5</mn></math>`)) }"
        )
        number = page.locator("body > math mn")
        expect(number).to_have_text(f"1{decimal}5")
        expect(number).to_have_attribute("data-value", "1.5")


@pytest.mark.parametrize(("locale", "decimal"), [("en-US", "."), ("ru-RU", ",")])
def test_the_first_rows_of_a_table_have_the_decimal_sign_of_the_language(
    locale: str, decimal: str, browser: Browser, url: str, api: httpx.Client, additive: str
) -> None:
    dataset = api.get(f"/models/{additive}").json()["dataset_id"]
    (row,) = api.get(f"/datasets/{dataset}/preview", params={"limit": 1}).json()["rows"]
    with visiting(browser, url, locale=locale) as page:
        page.goto(f"/#/datasets/{dataset}")
        expect(page.locator(".preview tbody td").first).to_have_text(str(row["x1"]).replace(".", decimal))


def test_the_formula_of_a_first_model_is_typeset(page: Page, law: str) -> None:
    page.evaluate(
        "async (id) => { const { previewPanel } = await import('/assets/js/job/preview.js');"
        " const { render } = await import('/assets/vendor/lit-html.js');"
        " const preview = { model_id: id, formula: 'text', metrics: {}, formula_metrics: { r2: 1 } };"
        " render(previewPanel({ preview }), document.body.appendChild(document.createElement('div'))) }",
        law,
    )
    formula = page.get_by_role("region", name="Formula of the best model so far")
    expect(formula.locator(".terms math").first).to_be_visible()
    expect(formula.locator(".terms")).to_contain_text("sin")
