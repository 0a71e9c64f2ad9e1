"""The page of a dataset in a real browser: its columns are edited, and what is odd about them is mended."""

import math
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.browser import PHONE, is_too_wide, severe_violations, show, visiting

DAYS = [f"{day:02}.01.2024" for day in range(1, 29)]
X = [day / 4 for day in range(28)]
COLUMNS = {
    "day": DAYS,
    "mass (kg)": [(day * 7) % 10 + 1.5 for day in range(28)],
    "note": [f"seen by chance on {day}" for day in DAYS],
    "batch": [1, 2, 3, 4] * 7,
    "p": [-999.0 if day % 9 == 0 else 1 + day % 5 / 7 for day in range(28)],
    "y": [2 * x + (-1) ** day for day, x in enumerate(X)],
    "x": X,
    "doubled": [2 * x + 1 for x in X],
}


@pytest.fixture
def dataset(api: httpx.Client) -> str:
    return str(api.post("/datasets", json={"name": "odd", "columns": COLUMNS}).json()["id"])


@pytest.fixture
def page(browser: Browser, url: str, dataset: str) -> Iterator[Page]:
    with visiting(browser, url) as page:
        show(page, f"/datasets/{dataset}")
        yield page


def test_a_unit_is_saved_when_it_is_changed_and_can_be_undone(
    page: Page, api: httpx.Client, dataset: str
) -> None:
    unit = page.get_by_label("Unit: x")
    unit.fill("m/s")
    unit.press("Tab")
    expect(page.locator("#status")).to_have_text("Saved. Unit of x: m/s")
    assert api.get(f"/datasets/{dataset}").json()["units"] == {"mass (kg)": "kg", "x": "m/s"}
    page.get_by_role("button", name=re.compile("Undo ?: x")).click()
    expect(unit).to_have_value("")
    assert api.get(f"/datasets/{dataset}").json()["units"]["x"] == ""


def test_what_is_wrong_with_a_unit_is_told_under_its_field(page: Page, api: httpx.Client) -> None:
    unit = page.get_by_label("Unit: x")
    unit.fill("wibble")
    unit.press("Tab")
    expect(unit).to_have_accessible_description(re.compile("Unknown unit: it is printed"))
    page.route("**/datasets/*", lambda route: route.fulfill(status=409, json={"detail": "a job uses it"}))
    unit.fill("m")
    unit.press("Tab")
    expect(unit).to_have_attribute("aria-invalid", "true")
    expect(unit).to_have_accessible_description("a job uses it")
    expect(page.locator("#status")).to_have_text("a job uses it")


def test_a_type_is_saved_with_the_dataset_and_used_by_the_training(
    page: Page, api: httpx.Client, dataset: str
) -> None:
    page.locator(".column").get_by_label("Read as: batch").select_option("category")
    expect(page.locator("#status")).to_have_text("Saved. batch is read as: category")
    assert api.get(f"/datasets/{dataset}").json()["types"] == {"batch": "category"}
    page.get_by_text("Settings", exact=True).click()
    expect(page.get_by_label("Read batch as")).to_have_value("category")
    assert "types" not in sent_job(page)  # the service knows
    page.get_by_label("Read batch as").select_option("integer")
    assert sent_job(page)["types"] == {"batch": "integer"}
    expect(page.get_by_label("Read as: batch")).to_have_value("category")


def test_a_column_leads_to_its_density(page: Page, dataset: str) -> None:
    page.get_by_role("button", name=re.compile("Distribution .*: p")).click()
    expect(page.locator("#set-density-first")).to_be_focused()
    assert sent_job(page) == {"dataset_id": dataset, "task": "density", "features": ["p"]}


def test_a_time_tells_which_parts_of_it_a_training_takes(page: Page) -> None:
    expect(page.locator(".column", has_text="date or time")).to_contain_text("year, month, day")


@pytest.mark.parametrize("locale", ["en-US", "ru-RU"])
def test_nobody_is_kept_out_of_the_dataset(browser: Browser, url: str, dataset: str, locale: str) -> None:
    with visiting(browser, url, size=PHONE, locale=locale, color_scheme="dark") as page:
        show(page, f"/datasets/{dataset}")
        assert severe_violations(page) == []
        assert not is_too_wide(page)


def sent_job(page: Page) -> Any:
    """What the button sends."""
    page.route("**/jobs", lambda route: route.fulfill(status=503, json={"detail": "not now"}))
    with page.expect_request("**/jobs") as sent:
        page.locator(".train .primary").click()
    return sent.value.post_data_json


def test_a_visitor_of_an_empty_service_sees_a_result_and_opens_it_without_training(
    browser: Browser, url: str, api: httpx.Client
) -> None:
    with visiting(browser, url) as page:
        page.route("**/models?limit=4", lambda route: route.fulfill(json={"items": [], "next_cursor": None}))
        show(page, "/")
        result = page.get_by_role("region", name="What you get: an example")
        expect(result.locator("math")).to_contain_text("rate=2500000")
        picture = result.get_by_role("img")
        assert picture.evaluate("image => image.complete && image.naturalWidth") == 480
        assert severe_violations(page) == []
        result.get_by_role("button", name="Show the example").click()
        page.wait_for_url("**/#/models/*", timeout=60_000)  # the first import loads torch
        model = api.get(f"/models/{page.url.rpartition('/')[2]}").json()
    formula = api.get(f"/models/{model['id']}/symbolic").json()
    assert (model["name"], formula["exact"]) == ("reaction-rate", True)
    row = {"concentration": 2, "temperature": 300}
    (answer,) = api.post(f"/models/{model['id']}/predict", json={"rows": [row]}).json()["predictions"]
    assert answer == pytest.approx(2.5e6 * 2**2 * math.exp(-50_000 / (8.314462618 * 300)), rel=1e-6)
    assert api.get("/datasets?name=reaction-rates").json()["items"]


def test_a_service_with_models_shows_them_and_no_example(browser: Browser, url: str) -> None:
    line = {"id": "1", "name": "fall", "version": 1, "task": "regression", "target": "y", "metrics": {}}
    model = line | {"created_at": "2026-01-01T00:00:00Z", "members": {}, "tags": {}, "aliases": []}
    with visiting(browser, url) as page:
        page.route("**/models?limit=4", lambda route: route.fulfill(json={"items": [model]}))
        show(page, "/")
        expect(page.get_by_role("link", name="fall")).to_be_visible()
        expect(page.get_by_role("button", name="Show the example")).to_have_count(0)


def test_a_number_that_means_missing_is_read_so_by_one_click(
    page: Page, api: httpx.Client, dataset: str
) -> None:
    page.get_by_role("button", name=re.compile("Read -999 as missing")).click()
    page.wait_for_url(re.compile(rf"/datasets/(?!{dataset})"))
    copy = api.get(f"/datasets/{page.url.rpartition('/')[2]}").json()
    known = api.get(f"/datasets/{dataset}").json()
    missing = {column["name"]: column["missing"] for column in copy["columns"]}
    assert (missing["p"], missing["x"]) == (4, 0)
    assert (copy["name"], copy["rows"], copy["units"]) == (known["name"], known["rows"], known["units"])


def test_a_number_that_means_missing_in_several_columns_is_read_so_in_all_of_them(
    browser: Browser, url: str, api: httpx.Client
) -> None:
    gaps = {
        name: [-200.0 if day % every == 0 else 1 + day % 5 / 7 for day in range(28)]
        for name, every in (("a", 9), ("b", 7))
    }
    dataset = api.post("/datasets", json={"name": "gaps", "columns": gaps | {"y": X}}).json()["id"]
    with visiting(browser, url) as page:
        show(page, f"/datasets/{dataset}")
        finding = page.locator(".findings li", has_text="-200 in a (4 rows), b (4 rows)")
        finding.get_by_role("button", name="Read -200 as missing").click()
        page.wait_for_url(re.compile(rf"/datasets/(?!{dataset})"))
        columns = api.get(f"/datasets/{page.url.rpartition('/')[2]}").json()["columns"]
    assert {column["name"]: column["missing"] for column in columns} == {"a": 4, "b": 4, "y": 0}


def test_day_and_month_are_exchanged_in_a_copy_by_one_click(
    browser: Browser, url: str, api: httpx.Client
) -> None:
    table = "day,y\n" + "".join(f"0{month}/0{month + 1}/2026,{month}\n" for month in range(1, 7))
    dataset = api.post("/datasets", files={"file": ("days.csv", table)}).json()["id"]
    with visiting(browser, url) as page:
        show(page, f"/datasets/{dataset}")
        before = page.locator(".preview tbody td").first.text_content()
        finding = page.locator(".warning li", has_text="In day, day and month could be the other way round")
        finding.get_by_role("button", name="Exchange day and month").click()
        page.wait_for_url(re.compile(rf"/datasets/(?!{dataset})"))
        expect(page.locator("#status")).to_contain_text("day and month of day exchanged")
        (other,) = {"2026-01-02", "2026-02-01"} - {before}
        expect(page.locator(".preview tbody td").first).to_have_text(other)
        copy = page.url.rpartition("/")[2]
    forms = {api.get(f"/datasets/{one}").json()["columns"][0]["form"] for one in (dataset, copy)}
    assert forms == {"%d/%m/%Y", "%m/%d/%Y"}  # predictions take dates as the table had them


@pytest.mark.parametrize("outlier", [1234.5, -70.25])
def test_a_value_far_from_all_others_is_read_as_missing_by_one_click(
    browser: Browser, url: str, api: httpx.Client, outlier: float
) -> None:
    columns = {"a": [*X[:-1], outlier], "y": [x**2 for x in X]}
    dataset = api.post("/datasets", json={"name": "outlier", "columns": columns}).json()["id"]
    with visiting(browser, url) as page:
        show(page, f"/datasets/{dataset}")
        findings = page.locator(".findings li")
        expect(findings).to_contain_text(["in a is far from all other values. If it is an error"])
        findings.get_by_role("button", name=f"Read {outlier} as missing").click()
        page.wait_for_url(re.compile(rf"/datasets/(?!{dataset})"))
        copy = api.get(f"/datasets/{page.url.rpartition('/')[2]}").json()["columns"][0]
    assert (copy["missing"], copy["min"], copy["max"]) == (1, 0, X[-2])


def test_dates_and_times_of_day_are_shown_without_what_they_do_not_have(
    browser: Browser, url: str, api: httpx.Client
) -> None:
    table = "day,at,y\n" + "".join(f"{day}.03.2024,{day}.30.00,{day}\n" for day in range(13, 24))
    dataset = api.post("/datasets", files={"file": ("times.csv", table)}).json()["id"]
    with visiting(browser, url) as page:
        show(page, f"/datasets/{dataset}")
        cells = page.locator(".preview tbody tr").first.locator("td")
        expect(cells).to_have_text(["2024-03-13", "13:30:00", "13"])
        ranges = page.locator(".column dd", has_text=" to ")
        expect(ranges).to_have_text(["Mar 13, 2024 to Mar 23, 2024", "1:30 PM to 11:30 PM", "13 to 23"])


def test_a_column_that_repeats_the_target_is_left_out_by_one_click(page: Page) -> None:
    page.get_by_label("What do you want to understand?").select_option("doubled")
    finding = page.locator(".findings li", has_text="x repeats doubled up to scale and shift")
    finding.get_by_role("button", name="Leave out of the training").click()
    expect(page.locator(".left-out")).to_have_text("Left out of this training: x")
    assert "x" not in sent_job(page)["features"]
    finding.get_by_role("button", name="Use in the training again").click()
    expect(page.locator(".left-out")).to_have_count(0)
    assert "features" not in sent_job(page)


def test_free_text_is_read_as_categories_by_one_click(page: Page, api: httpx.Client, dataset: str) -> None:
    finding = page.locator(".findings li", has_text="note is free text")
    finding.get_by_role("button", name="Read as: category").click()
    expect(finding.get_by_role("button", name="Read as: text")).to_be_focused()
    assert api.get(f"/datasets/{dataset}").json()["types"] == {"note": "category"}


def test_a_unit_read_from_a_name_is_removed_by_one_click(page: Page, api: httpx.Client, dataset: str) -> None:
    page.get_by_role("button", name=re.compile("No unit")).click()
    expect(page.get_by_label("Unit: mass (kg)")).to_have_value("")
    expect(page.get_by_role("button", name=re.compile("No unit"))).to_have_count(0)
    assert api.get(f"/datasets/{dataset}").json()["units"] == {"mass (kg)": ""}


def test_a_file_is_read_again_in_the_encoding_that_is_chosen(browser: Browser, url: str) -> None:
    rows = "\n".join(f"{place},{place**2}" for place in range(1, 20))
    file = {"name": "mass.csv", "mimeType": "text/csv", "buffer": f"кг,y\n{rows}".encode("cp866")}
    with visiting(browser, url) as page:
        page.goto("/")
        page.locator("#drop-file").set_input_files(file)
        expect(page.get_by_role("heading", name="кг", exact=True)).to_be_visible()
        assert severe_violations(page) == []
        encoding = page.get_by_label("Read the file as")
        encoding.select_option(label="cp1251 (Cyrillic)")
        expect(page.get_by_role("heading", name="ЄЈ", exact=True)).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_have_text("mass")
        expect(encoding).to_have_count(0)


def test_repeated_rows_are_removed_in_a_copy_by_one_click(
    browser: Browser, url: str, api: httpx.Client
) -> None:
    columns = {"x (m)": [*X, 1.0, 1.0], "y": [*(x**2 for x in X), 1.0, 1.0]}
    body = {"name": "twice", "columns": columns, "units": {"y": "kg"}}
    dataset = api.post("/datasets", json=body).json()["id"]
    with visiting(browser, url) as page:
        show(page, f"/datasets/{dataset}")
        finding = page.locator(".warning li", has_text="2 rows repeat earlier rows")
        finding.get_by_role("button", name="Remove repeated rows").click()
        page.wait_for_url(re.compile(rf"/datasets/(?!{dataset})"))
        expect(page.locator("#status")).to_have_text("The table has been copied without its repeated rows")
        expect(page.locator(".note li")).to_have_text("2 rows that repeated earlier rows were left out.")
        expect(page.locator(".warning")).to_have_count(0)
        copy = api.get(f"/datasets/{page.url.rpartition('/')[2]}").json()
    assert (copy["name"], copy["rows"], copy["units"]) == ("twice", 28, {"x (m)": "m", "y": "kg"})


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en-US", "The unit kg was read from the heading mass (kg)."),
        ("ru-RU", "Единица kg прочитана из заголовка mass (kg)."),
    ],
)
def test_a_unit_read_from_a_heading_is_a_note_and_no_warning(
    browser: Browser, url: str, dataset: str, locale: str, words: str
) -> None:
    with visiting(browser, url, locale=locale) as page:
        show(page, f"/datasets/{dataset}")
        expect(page.locator(".note.findings li")).to_contain_text([words])
        expect(page.locator(".warning.findings", has_text="kg")).to_have_count(0)


@pytest.fixture(scope="module")
def long(api: httpx.Client) -> str:
    """A table whose columns show what they are only behind its first rows."""
    count = 3_000
    y = [math.sin(place) for place in range(count)]
    columns = {
        "late": [None if place < 300 else 3 * value for place, value in enumerate(y)],
        "step": [float(place // 500) for place in range(count)],
        "y": y,
    }
    return str(api.post("/datasets", json={"name": "long", "columns": columns}).json()["id"])


def test_charts_and_findings_see_rows_of_the_whole_table(browser: Browser, url: str, long: str) -> None:
    with visiting(browser, url) as page:
        show(page, f"/datasets/{long}")
        expect(page.locator(".findings")).to_contain_text("In 1,000 of 3,000 rows, late repeats y")
        page.get_by_text("Scatter plots of pairs of columns").click()
        page.get_by_label("Horizontal").select_option("step")
        expect(page.locator(".matrix figcaption").last).to_contain_text("; 1,000 of 3,000 rows")
        steps = page.locator(".matrix svg[role=img]").last.locator("[data-mark=dot] circle")
        assert len({dot.get_attribute("cx") for dot in steps.all()}) == 6


def test_a_matrix_that_is_opened_early_is_drawn_anew_with_the_sample(
    browser: Browser, url: str, long: str
) -> None:
    with visiting(browser, url) as page:
        waiting: list[Route] = []

        def hold(route: Route) -> None:
            waiting.append(route)

        page.route("**/sample?*", hold)
        show(page, f"/datasets/{long}")
        page.get_by_text("Scatter plots of pairs of columns").click()
        expect(page.locator(".matrix figcaption").first).to_contain_text("200 of 3,000 rows.")
        waiting[0].continue_()
        expect(page.locator(".matrix figcaption").first).to_contain_text("1,000 of 3,000 rows.")


def test_the_page_works_with_the_first_rows_where_no_sample_comes(
    browser: Browser, url: str, long: str
) -> None:
    with visiting(browser, url) as page:
        page.route("**/sample?*", lambda route: route.fulfill(status=503, json={"detail": "not now"}))
        show(page, f"/datasets/{long}")
        page.get_by_text("Scatter plots of pairs of columns").click()
        expect(page.locator(".matrix figcaption").first).to_contain_text("200 of 3,000 rows.")


def test_columns_are_drawn_over_each_other_and_a_pair_is_enlarged(page: Page) -> None:
    page.get_by_text("Scatter plots of pairs of columns").click()
    matrix = page.locator(".matrix svg[role=img]").first
    expect(matrix).to_have_attribute("aria-label", re.compile("Strongest .*: x and doubled: correlation 1;"))
    assert matrix.locator("[data-mark=dot] circle").count() == 6 * 5 * 28
    expect(page.get_by_role("heading", name="doubled over x")).to_be_visible()  # the strongest correlation
    page.get_by_label("Horizontal").select_option("mass (kg)")
    page.get_by_label("Vertical").select_option("p")
    expect(page.get_by_role("heading", name="p over mass (kg)")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile(r"mass \(kg\) and p: correlation 0$"))).to_be_visible()
    box = matrix.bounding_box()
    assert box is not None
    side = box["width"] / 6
    page.mouse.move(box["x"] + 1.5 * side, box["y"] + 2.5 * side)
    page.mouse.click(box["x"] + 1.5 * side, box["y"] + 2.5 * side)
    expect(page.get_by_role("heading", name="batch over mass (kg)")).to_be_visible()
    assert severe_violations(page) == []
