"""Charts of a model in a real browser: what they say on hover and in words."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browser import PHONE, is_too_wide, severe_violations, show, show_model, visiting
from tests.support.trained import SMALL, done, trained

ROWS = 200


@pytest.fixture(scope="module")
def sums(api: httpx.Client) -> str:
    """A model of eight inputs, x1 with the largest effect and x8 with the least."""
    random = np.random.default_rng(4)
    columns = {f"x{place}": random.uniform(-1, 1, ROWS) for place in range(1, 9)}
    columns["y"] = sum((9 - place) * columns[f"x{place}"] for place in range(1, 9))
    return trained(api, columns, target="y", name="sums", units={"y": "kJ", "x1": "m"}, **SMALL)


@pytest.fixture(scope="module")
def refined(api: httpx.Client) -> str:
    """A model whose grid was refined once in its training."""
    x = np.random.default_rng(8).uniform(-2, 2, ROWS)
    columns = {"x": x, "y": np.sin(3 * x) + 0.1 * np.random.default_rng(9).normal(size=ROWS)}
    body: dict[str, Any] = {"network": {"hidden": [], "grid": 3}, "training": {"grid_schedule": [3, 6]}}
    return trained(api, columns, target="y", name="refined", symbolic=False, **body)


@pytest.fixture(scope="module")
def study(api: httpx.Client) -> str:
    """A study of two grids and two seeds, by the id of its job."""
    x = np.random.default_rng(10).uniform(-2, 2, ROWS)
    columns = {"x": x.tolist(), "y": np.sin(4 * x).tolist()}
    dataset = api.post("/datasets", json={"name": "wave", "columns": columns}).json()
    settings = {
        "network": {"hidden": []},
        "training": {"restarts": 1},
        "symbolic": False,
        "baselines": [{"kind": "mlp", "hidden": [4]}],
    }
    vary = {"network.grid": [3, 12], "seed": [0, 1]}
    body = {"kind": "study", "dataset_id": dataset["id"], "target": "y", "vary": vary} | settings
    return str(done(api, **body)["id"])


@pytest.fixture(scope="module")
def people(api: httpx.Client) -> str:
    """A density of two columns."""
    height = np.random.default_rng(6).normal(172, 7, 300)
    columns = {"height": height, "weight": 0.8 * height - 68 + np.random.default_rng(7).normal(0, 5, 300)}
    return trained(api, columns, task="density", features=["height", "weight"], name="people")


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    with visiting(browser, url) as page:
        yield page


def test_effects_are_drawn_with_one_scale_and_the_most_important_first(
    page: Page, api: httpx.Client, sums: str
) -> None:
    show_effects(page, sums)
    panels = page.locator(".panel")
    expect(panels.locator("svg[role=img]")).to_have_count(6)
    effects = api.get(f"/models/{sums}/figures").json()["effects"]
    assert panels.locator("h4").all_text_contents() == [effect["name"] for effect in effects[:6]]
    scales = [
        panel.locator("g[data-mark='y-axis tick label'] text").all_text_contents() for panel in panels.all()
    ]
    assert scales[0]
    assert scales == [scales[0]] * 6


def test_the_effects_of_less_important_inputs_are_behind_a_button(page: Page, sums: str) -> None:
    show_effects(page, sums)
    page.get_by_role("button", name="Show 2 more inputs").press("Enter")
    expect(page.locator(".panel svg[role=img]")).to_have_count(8)
    expect(page.locator(".panel").nth(6).locator(".chart-area")).to_be_focused()


def test_charts_are_printed_that_nobody_has_scrolled_to(page: Page, sums: str) -> None:
    page.goto(f"/#/models/{sums}")
    page.locator(".prediction data").wait_for()
    expect(page.locator(".panel svg[role=img]")).to_have_count(6)
    expect(page.locator(".importance svg[role=img]")).to_have_count(1)
    assert page.evaluate("scrollY") == 0
    page.emulate_media(media="print")
    expect(page.locator(".importance svg[role=img]")).to_be_visible()
    expect(page.locator(".chart-tools:visible, button:visible")).to_have_count(0)


def test_pointing_at_an_effect_tells_its_value_its_mean_and_its_band(page: Page, sums: str) -> None:
    show_effects(page, sums)
    panel = page.locator(".panel").first
    point_at(page, panel)
    expect(tip(panel)).to_have_text(re.compile(r"[\d.]+.m.*mean: −?[\d.]+.kJ.*90 %: .*kJ.*10 %: .*kJ"))


def test_an_effect_is_heard_in_numbers(page: Page, api: httpx.Client, sums: str) -> None:
    show_effects(page, sums)
    curve = api.get(f"/models/{sums}/figures").json()["effects"][0]["curves"][0]["mean"]
    chart = page.locator(".panel").first.get_by_role("img")
    expect(chart).to_have_attribute("aria-label", re.compile(r"^y \[kJ\]: from "))
    told = [
        as_number(value) for value in re.findall(r"−?\d+(?:\.\d+)?", chart.get_attribute("aria-label") or "")
    ]
    assert told[0] == pytest.approx(curve[0], rel=1e-3)
    assert told[2] == pytest.approx(curve[-1], rel=1e-3)


def test_effects_on_several_classes_are_lines_with_a_legend_and_dots_by_category(
    page: Page, kinds: str
) -> None:
    show_effects(page, kinds)
    expect(page.locator(".effects .legend li")).to_have_text(["ash", "beech", "oak"])
    number = page.locator(".panel", has=page.get_by_role("heading", name="z", exact=True))
    expect(number.locator("g[data-mark=line] path")).to_have_count(3)
    category = page.locator(".panel", has=page.get_by_role("heading", name="place"))
    expect(category.get_by_role("img")).to_have_attribute(
        "aria-label", re.compile(r"oak: north 0\.\d+; south")
    )
    point_at(page, category)
    expect(tip(category)).to_have_text(re.compile(r"(north|south).*(ash|beech|oak): 0\.\d+.*% of the rows"))


def test_importance_has_a_bar_with_its_deviation_for_every_input(
    page: Page, api: httpx.Client, sums: str
) -> None:
    show_effects(page, sums)
    chart = page.locator(".importance")
    expect(chart.locator("g[data-mark=bar] rect")).to_have_count(8)
    first = api.get(f"/models/{sums}/figures").json()["importance"]["features"][0]
    words = chart.get_by_role("img").get_attribute("aria-label") or ""
    value, deviation = re.findall(r"x1: ([\d.]+) ± ([\d.]+)", words)[0]
    assert float(value) == pytest.approx(first["mean"], rel=1e-2)
    assert float(deviation) == pytest.approx(first["std"], rel=0.1)
    point_at(page, chart)
    expect(tip(chart)).to_have_text(re.compile(r"x\d.*± [\d.]+.kJ"))


def test_a_density_is_a_curve_with_its_law_over_the_histogram_of_the_rows(
    page: Page, api: httpx.Client, heights: str
) -> None:
    show_model(page, heights)
    density = api.get(f"/models/{heights}/figures").json()["density"]
    section = page.locator("#section-fit")
    expect(section.locator(".legend li")).to_have_text(["histogram of the rows", "network", "law: normal"])
    expect(section.locator("g[data-mark=rect] rect")).to_have_count(len(density["bars"]))
    words = section.get_by_role("img").get_attribute("aria-label") or ""
    peak, place = re.findall(r"is highest, (0\.\d+), at ([\d.]+).cm", words)[0]
    assert float(peak) == pytest.approx(max(density["density"]), rel=1e-2)
    assert density["axes"][0][0] < float(place) < density["axes"][0][-1]
    point_at(page, section)
    expect(tip(section)).to_have_text(
        re.compile(r"height: 1[\d.]+.cm.*network: 0.*law: normal: 0.*histogram")
    )


def test_a_density_of_two_columns_is_a_map_with_the_rows_beside_the_map_of_its_law(
    page: Page, api: httpx.Client, people: str
) -> None:
    show_model(page, people)
    maps = page.locator("#section-fit .density-map")
    density = api.get(f"/models/{people}/figures").json()["density"]
    (left, *_, right), (low, *_, high) = density["axes"]
    shown = sum(left <= x <= right and low <= y <= high for x, y in density["dots"])
    assert shown > 50
    expect(maps.locator("h4")).to_have_text(
        ["Density by the network", re.compile("Density by the law: .*normal")]
    )
    for place in range(2):
        expect(maps.nth(place).locator("g[data-mark=raster] image")).to_have_count(1)
        expect(maps.nth(place).locator("g[data-mark=dot] circle")).to_have_count(shown)
    point_at(page, maps.first)
    expect(tip(maps.first)).to_have_text(re.compile(r"height: 1\d\d.*weight: \d\d.*network: "))
    assert severe_violations(page, "svg-img-alt", "color-contrast", "scrollable-region-focusable") == []


def test_the_confusion_matrix_has_a_cell_for_every_pair_of_classes(
    page: Page, api: httpx.Client, kinds: str
) -> None:
    show_model(page, kinds)
    counts = api.get(f"/models/{kinds}/figures").json()["confusion"]["counts"]
    chart = page.locator(".confusion")
    expect(chart.locator("g[data-mark=cell] rect")).to_have_count(9)
    expect(chart.locator("g[data-mark=text] text")).to_have_text([str(n) for row in counts for n in row if n])
    right, rows = sum(counts[place][place] for place in range(3)), sum(map(sum, counts))
    words = re.compile(rf"^Of {rows} rows, {right} are predicted correctly")
    expect(chart.get_by_role("img")).to_have_attribute("aria-label", words)
    chart.locator("g[data-mark=cell] rect").first.hover(position={"x": 5, "y": 5})
    share = 100 * counts[0][0] / sum(counts[0])
    expect(tip(chart)).to_have_text(
        re.compile(rf"{counts[0][0]} rows? of ash predicted as ash, {share:.3g} % of")
    )


def test_probabilities_have_their_reliability_with_counts_and_a_roc_curve_for_every_class(
    page: Page, api: httpx.Client, kinds: str
) -> None:
    show_model(page, kinds)
    figures = api.get(f"/models/{kinds}/figures").json()
    reliability, roc = page.locator(".class-charts .row-chart").all()
    counts = [str(n) for n in figures["reliability"]["count"] if n]
    expect(reliability.locator("g[data-mark=text] text")).to_have_text(counts)
    expect(reliability.get_by_role("img")).to_have_attribute(
        "aria-label", re.compile(rf"observed .*{counts[0]} rows?")
    )
    areas = {f"{curve['class']}: AUC {curve['auc']:.3g}" for curve in figures["roc"]}
    assert set(roc.locator(".legend li").all_text_contents()) == areas
    assert severe_violations(page) == []


def test_the_training_is_a_chart_of_its_losses_with_the_refinements_of_the_grid(
    page: Page, api: httpx.Client, refined: str
) -> None:
    show_model(page, refined)
    history = api.get(f"/models/{refined}").json()["history"]
    page.get_by_role("tab", name="Training").click()
    chart = page.locator("#panel-history")
    expect(chart.locator(".legend li")).to_have_text(["training loss", "validation loss"])
    expect(chart.locator("g[data-mark=text] text")).to_have_text(["G = 6"])
    first = float(history[0]["loss"])
    words = chart.get_by_role("img").get_attribute("aria-label") or ""
    assert as_number(re.findall(r"training loss: from (\S+) to", words)[0]) == pytest.approx(first, rel=0.05)
    assert words.endswith("G = 3, 6.")
    point_at(page, chart)
    expect(tip(chart)).to_have_text(re.compile(r"step \d+, G = [36].training loss: .*.validation loss: "))


def test_a_model_asks_the_service_for_no_picture_but_its_diagram(page: Page, sums: str, kinds: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for model in (sums, kinds):
        show_effects(page, model)
        expect(page.locator(".importance svg[role=img]")).to_have_count(1)
    assert [url for url in asked if "/plots/" in url] == []
    assert any("/figures" in url for url in asked)


def test_a_study_of_grids_is_charts_of_error_and_time_by_grid(page: Page, study: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    show(page, f"/jobs/{study}")
    charts = page.locator(".study-chart")
    expect(charts.locator("svg[role=img]")).to_have_count(3)
    expect(charts.locator("h4")).to_have_text(["Error by grid", "Error by parameters", "Time by grid"])
    words = charts.first.get_by_role("img").get_attribute("aria-label") or ""
    errors = [as_number(value) for value in re.findall(r"\b(?:3|12): (\S+)[;.]", words)]
    assert len(errors) == 2
    assert errors[1] < errors[0] / 10  # a finer grid follows the wave
    expect(charts.first.locator("g[data-mark=text] text")).to_have_text(["∝ G⁻⁴"])
    expect(charts.nth(1).locator(".legend li")).to_have_text(["KAN", "MLP"])
    dot = charts.first.locator("g[data-mark=dot] circle").last
    dot.scroll_into_view_if_needed()
    dot.hover(force=True)
    expect(tip(charts.first)).to_have_text(re.compile(r"G = 12.RMSE: "))
    assert [url for url in asked if "/plots/" in url] == []


def test_a_phone_shows_the_charts_of_a_classifier_without_scrolling_sideways(
    browser: Browser, url: str, kinds: str
) -> None:
    with visiting(browser, url, size=PHONE, locale="ru-RU") as page:
        show_effects(page, kinds)
        expect(page.locator(":is(.panel, .importance, .confusion, .row-chart) svg[role=img]")).to_have_count(
            6
        )
        assert not is_too_wide(page)


def as_number(text: str) -> float:
    """A number as the page writes it, such as 1.5·10⁻⁷."""
    mantissa, _, power = text.replace("−", "-").partition("·10")
    return float(mantissa) * 10.0 ** int(power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or 0)


def show_effects(page: Page, model: str) -> None:
    """Open the view of a model, and go to its effects, whose charts come when they are near."""
    show_model(page, model)
    page.locator(".importance").scroll_into_view_if_needed()


def point_at(page: Page, chart: Locator) -> None:
    """Move the mouse to the middle of a chart, once it is drawn."""
    drawing = chart.locator("svg[role=img]")
    drawing.scroll_into_view_if_needed()
    box = drawing.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.45 * box["width"], box["y"] + 0.5 * box["height"])


def tip(chart: Locator) -> Locator:
    return chart.locator("g[data-mark=tip]")
