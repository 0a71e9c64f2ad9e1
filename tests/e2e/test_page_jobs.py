"""Lists, languages and running jobs on the page, in a real browser."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import PHONE, is_too_wide, severe_violations, show, visiting

TABLES = {"bridge load": ["x", "y"], "bread dough": ["flour", "rise"], "tide": ["hour", "level"]}


@pytest.fixture
def page(browser: Browser, url: str, tables: dict[str, str]) -> Iterator[Page]:
    with visiting(browser, url) as page:
        page.goto("/")
        yield page


@pytest.fixture(scope="module")
def tables(api: httpx.Client) -> dict[str, str]:
    """Ids of three datasets by name, of which one has a tag; of one a job has failed."""
    ids = {}
    for name, columns in TABLES.items():
        body: dict[str, Any] = {"name": name, "columns": {column: list(range(30)) for column in columns}}
        ids[name] = api.post("/datasets", json=body).json()["id"]
    api.patch(f"/datasets/{ids['tide']}", json={"tags": {"place": "Brest"}})
    body = {"dataset_id": ids["tide"], "target": "level", "max_seconds": 1}
    for job in [api.post("/jobs", json=body).json() for _ in range(2)]:
        api.get(f"/jobs/{job['id']}", params={"wait": 30})
    return ids


def names(page: Page) -> list[str]:
    page.wait_for_selector(".list-count")
    return page.locator("tbody th a:first-child").all_inner_texts()


def test_a_search_leaves_what_matches_and_the_address_keeps_it(page: Page) -> None:
    show(page, "/datasets")
    page.get_by_role("searchbox", name="Search").press_sequentially("br")
    expect(page.get_by_role("row")).to_have_count(4)  # with the header
    assert sorted(names(page)) == ["bread dough", "bridge load", "tide"]  # the tide has the tag Brest
    expect(page.get_by_role("searchbox")).to_be_focused()
    expect(page.locator("#status")).to_have_text("3 entries")
    page.get_by_label("Order").select_option("by name")
    expect(page).to_have_url(re.compile(r"#/datasets\?search=br&sort=name$"))
    page.reload()
    assert names(page) == ["bread dough", "bridge load", "tide"]
    page.get_by_role("link", name="bridge load").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("bridge load")
    page.go_back()
    expect(page.get_by_role("searchbox")).to_have_value("br")


def test_a_search_without_results_says_so_and_is_cleared(page: Page) -> None:
    show(page, "/datasets?search=nothing%20like%20it")
    expect(page.get_by_text("Nothing matches the search and the filters.")).to_be_visible()
    page.get_by_role("button", name="Clear search and filters").press("Enter")
    expect(page.get_by_role("searchbox")).to_be_focused()
    expect(page.get_by_role("searchbox")).to_have_value("")
    expect(page.get_by_role("link", name="tide")).to_be_visible()
    assert page.url.endswith("#/datasets")


def test_a_tag_leads_to_what_has_it(page: Page) -> None:
    show(page, "/datasets")
    page.get_by_role("link", name="place=Brest").click()
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_role("button", name="No longer filter by the tag place=Brest").click()
    expect(page.get_by_role("link", name="bread dough")).to_be_visible()


def test_jobs_are_filtered_by_status_and_kind(page: Page) -> None:
    show(page, "/jobs?status=no+such+status")
    before = len(names(page))
    page.get_by_label("Status").select_option("failed")
    expect(page).to_have_url(re.compile(r"\?status=failed$"))
    page.get_by_label("Status").select_option("all")
    page.get_by_label("Kind").select_option("Study")
    expect(page).to_have_url(re.compile(r"\?kind=study$"))
    page.get_by_label("Kind").select_option("Training")
    expect(page.get_by_role("link", name="Training: tide")).to_have_count(2)
    assert before >= 2


def test_first_models_of_trainings_are_hidden_until_they_are_wanted(page: Page) -> None:
    show(page, "/models")
    with page.expect_request("**/models?**") as asked:
        page.get_by_label("Task").select_option("density")
    assert "previews" not in asked.value.url
    assert "task=density" in asked.value.url
    with page.expect_request("**/models?**") as asked:
        page.get_by_label("with models of running jobs").check()
    assert "previews=true" in asked.value.url


@pytest.mark.parametrize("address", ["/datasets?tag=place", "/jobs", "/models?task=regression"])
def test_lists_are_for_everyone(address: str, browser: Browser, url: str, page: Page) -> None:
    show(page, address)
    assert severe_violations(page) == []
    with visiting(browser, url, size=PHONE, locale="ru-RU") as phone:
        show(phone, address)
        assert not is_too_wide(phone)


def test_the_language_is_changed_in_the_same_view_and_kept(page: Page, tables: dict[str, str]) -> None:
    show(page, f"/datasets/{tables['tide']}")
    page.get_by_role("link", name="Русский").click()
    expect(page.locator("html")).to_have_attribute("lang", "ru")
    expect(page.get_by_role("heading", level=1)).to_have_text("tide")
    expect(page).to_have_url(re.compile(rf"/#/datasets/{tables['tide']}$"))
    page.goto("/")
    expect(page.get_by_role("link", name="Задачи", exact=True)).to_be_visible()
    assert page.get_by_role("link", name="Руководство").get_attribute("href") == "guide?lang=ru"
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("link", name="Jobs", exact=True)).to_be_visible()


def test_the_language_can_be_changed_without_scripts(browser: Browser, url: str) -> None:
    with visiting(browser, url, java_script_enabled=False) as page:
        page.goto("/")
        page.get_by_role("link", name="Русский").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("На входе таблица, на выходе формула")
        page.goto("/")
        expect(page.locator("html")).to_have_attribute("lang", "ru")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("reading the table", "reads the table"),
        (
            "KAN [8, 192, 96, 1], step 12: loss 0.013",
            "tries a network with 8 inputs, hidden layers of 192 and 96 nodes, step 12",
        ),
        ("KAN [2, 1], step 1: loss 0.5", "tries a network with 2 inputs, no hidden layer, step 1"),
        ("shape 3 with 2 hidden nodes: error 1.1e-08", "tries small network no. 3 (2 hidden nodes)"),
        ("shape 1 with 0 hidden nodes: error 0.5", "tries small network no. 1 (no hidden layer)"),
        ("shape 8: does not fit", "tries small network no. 8"),
        (
            "training a network of shape [1, 5, 1]: on 10 intervals, error 1.0e-3",
            "trains a network with 1 input, a hidden layer of 5 nodes, 10 grid intervals",
        ),
        ("12 x 8 intervals: violation 1.0e-3", "solves on a grid of 12 × 8 intervals"),
        ("improving 1 formulas", "improves 1 formula"),
        ("1,024 of 20,480 rows", "1,024 of 20,480 rows"),
        ("6 trainings", "starts 6 trainings"),
        ("3 of 9 trainings have ended", "3 of 9 trainings have ended"),
        ("something new", None),
    ],
)
def test_what_a_job_does_is_told_in_plain_words(message: str, words: str | None, scripts: Page) -> None:
    told = "async (told) => (await import('/assets/js/job/progress_words.js')).progressWords(told)"
    assert scripts.evaluate(told, message) == words


@pytest.mark.parametrize(
    ("trial", "words"),
    [
        (
            {"kind": "structure", "width": [2, 1, 1], "grid": 5},
            "small network: 2 inputs, 1 hidden node, 5 grid intervals",
        ),
        (
            {
                "kind": "network",
                "width": [8, 64, 32, 1],
                "grid": 3,
                "optimizer": "adam",
                "steps": 40,
                "weight_decay": 0.01,
                "quantile": True,
            },
            "network: 8 inputs, hidden layers of 64 and 32 nodes, 3 grid intervals, 40 passes over the rows, "
            "weight decay 0.01, inputs scaled by quantiles",
        ),
        (
            {
                "kind": "network",
                "width": [2, 1],
                "grid": 3,
                "optimizer": "lbfgs",
                "steps": 1,
                "weight_decay": 0,
            },
            "network: 2 inputs, no hidden layer, 3 grid intervals, 1 step of training",
        ),
        (
            {"kind": "network", "width": [1, 1], "grid": 3, "optimizer": "least_squares"},
            "network: 1 input, no hidden layer, 3 grid intervals",
        ),
    ],
)
def test_what_was_tried_is_told_in_plain_words(trial: dict[str, Any], words: str, scripts: Page) -> None:
    told = "async (told) => (await import('/assets/js/job/progress_words.js')).trialWords(told)"
    assert scripts.evaluate(told, trial) == words


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (
            "column 'a $1 b' is left out: it is text with 90 distinct values; give it another type to use it",
            "Столбец «a $1 b» не используется: различных значений в нём 90.",
        ),
        (
            "equations or conditions are violated by 2.5e-03 relative to their terms: they contradict each "
            "other, or the solution is not smooth; see residuals",
            "Уравнения или условия нарушены на 2,5·10⁻³ относительно своих слагаемых",
        ),
        (
            "the RMSE on the hold-out rows, 12345.5, is far above that on validation, 0.50: row 7 of the "
            "dataset, counted from 1, may be an outlier; on the other rows it is 0.25",
            "Ошибка (RMSE) на отложенных строках, 12\u00a0345,5, намного больше, чем на проверочных, 0,50: "
            "строка 7 таблицы (счёт с 1) может быть выбросом; на остальных строках она 0,25.",
        ),
        ("'x' occurs in no equation (character 3)", "«x» нет ни в одном уравнении (символ 3)."),
        (
            "commas were read as decimal signs, as in '8,65'",
            "Запятые прочитаны как десятичные, например «8,65».",
        ),
        ("something new happened (character 3)", ""),
        ("something new", ""),
    ],
)
def test_a_russian_page_translates_texts_of_the_service(told: str, words: str, russian: Page) -> None:
    translate = """async (told) => {
        const { loadCodes, translate } = await import('/assets/js/i18n.js');
        await loadCodes();
        return translate(told);
    }"""
    translated = russian.evaluate(translate, told)
    assert translated.startswith(words)
    assert bool(translated) == bool(words)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("prune", "true", "да"),
        ("training.optimizer", "levenberg_marquardt", "Левенберг — Марквардт"),
        ("network.hidden", "[5]", "[5]"),
    ],
)
def test_a_study_names_the_values_of_settings(path: str, value: str, words: str, russian: Page) -> None:
    named = "async (of) => (await import('/assets/js/settings/fields.js')).settingValue(...of)"
    assert russian.evaluate(named, [path, value]) == words


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        ({"eta_range": [12, 22], "eta_seconds": 15}, "10 to 20 seconds"),
        ({"eta_range": [2.2, 2.4], "eta_seconds": 15}, "a few seconds"),
        ({"eta_range": [1, 6.8], "eta_seconds": 3}, "a few seconds"),
        ({"eta_range": [62, 182], "eta_seconds": None}, "1 to 3 minutes"),
        ({"eta_range": [1202, 1502], "eta_seconds": None}, "20 to 25 minutes"),
        ({"eta_range": [122, 123], "eta_seconds": None}, "about 2 minutes"),
        ({"eta_range": None, "eta_seconds": 40}, "not known yet"),
    ],
)
def test_the_time_left_is_a_range_two_seconds_after_its_estimate(
    progress: dict[str, Any], words: str, scripts: Page
) -> None:
    told = "async (told) => (await import('/assets/js/job/time_left.js')).timeLeft(told, 2)"
    assert scripts.evaluate(told, progress) == words


def test_errors_of_a_running_job_are_a_chart_with_the_shapes(page: Page, api: httpx.Client) -> None:
    job = api.post("/jobs", json=long_training(api)).json()
    show(page, f"/jobs/{job['id']}")
    chart = page.get_by_role("img", name=re.compile("The lowest error so far is .*, of [0-9]+ measured"))
    expect(chart).to_be_visible(timeout=60_000)
    expect(page.locator(".job-doing")).to_have_text(
        re.compile("tries a network with 2 inputs, a hidden layer of 3 nodes, step [0-9,]+: error")
    )
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("The job was cancelled and has no result.")).to_be_visible()
    assert severe_violations(page) == []
    dot = chart.locator("[data-mark=dot] circle").last.bounding_box()
    assert dot
    page.mouse.move(dot["x"] + 3, dot["y"] + 3)
    expect(chart).to_contain_text("layer of 3 nodes")


@pytest.fixture(scope="module")
def ended(api: httpx.Client) -> str:
    """The id of a job that has found the law 2*x1 + sin(x2)."""
    x1, x2 = np.random.default_rng(0).uniform(-1, 1, (2, 200))
    columns = {"x1": x1.tolist(), "x2": x2.tolist(), "y": (2 * x1 + np.sin(x2)).tolist()}
    dataset = api.post("/datasets", json={"name": "quick", "columns": columns}).json()
    job = api.post("/jobs", json={"dataset_id": dataset["id"], "target": "y"}).json()
    api.get(f"/jobs/{job['id']}", params={"wait": 60})
    return str(job["id"])


def test_an_ended_job_shows_every_network_that_it_tried(page: Page, api: httpx.Client, ended: str) -> None:
    found = api.get(f"/jobs/{ended}/events", params={"limit": 200}).json()["items"]
    tried = [trial for event in found for trial in event["data"].get("trials", ())]
    show(page, f"/jobs/{ended}")
    chart = page.get_by_role("img", name=re.compile("The lowest error so far is"))
    large = chart.locator("[data-mark=dot] circle[r='3.5']")
    expect(large).to_have_count(len(tried))
    assert tried
    large.last.hover()
    expect(chart.locator("[data-mark=tip]")).to_contain_text("small network: 2 inputs")
    expect(chart.locator("[aria-label]")).to_have_count(0)
    assert severe_violations(page) == []


SHIFTS = """() => {
    window.shifts = 0;
    const add = (entry) => { if (!entry.hadRecentInput) window.shifts += entry.value; };
    const observer = new PerformanceObserver((list) => list.getEntries().forEach(add));
    observer.observe({ type: "layout-shift" });
}"""


def test_an_ended_job_tells_the_steps_of_its_search(page: Page, ended: str) -> None:
    show(page, f"/jobs/{ended}")
    steps = page.get_by_role("table", name="Steps of the search")
    expect(steps).to_be_hidden()
    summary = page.get_by_text(re.compile(r"Search \(\d+ steps\)"))
    expect(summary).to_be_visible()
    page.wait_for_load_state("networkidle")  # what loading moves is not the table's doing
    page.evaluate(SHIFTS)
    summary.click()
    expect(page.get_by_text("Why the search ended: a law exact to rounding error.")).to_be_visible()
    count = int("".join(filter(str.isdigit, summary.inner_text())))
    expect(steps.get_by_role("row")).to_have_count(count + 1)  # with the header
    curves = page.get_by_role("rowheader", name="Sum of curves", exact=True)
    law = steps.get_by_role("row").filter(has=curves)
    expect(law).to_contain_text("2*x1 + sin(x2)")
    expect(steps).to_contain_text("left out: a law exact to rounding error")
    expect(page.locator(".trace [lang=en]")).to_have_count(0)
    assert severe_violations(page) == []
    page.wait_for_timeout(1_500)  # the view of a job is drawn every second
    expect(steps).to_be_visible()
    assert page.evaluate("window.shifts") == 0


def test_the_steps_of_a_search_are_told_in_russian_on_a_phone(browser: Browser, url: str, ended: str) -> None:
    with visiting(browser, url, size=PHONE, locale="ru-RU") as phone:
        show(phone, f"/jobs/{ended}")
        phone.get_by_text(re.compile(r"Поиск \(\d+ шаг")).click()
        expect(
            phone.get_by_text("Почему поиск закончился: закон точен до ошибки округления.")
        ).to_be_visible()
        expect(phone.get_by_role("rowheader", name="Сети из немногих кривых")).to_be_attached()
        expect(phone.locator(".trace [lang=en]")).to_have_count(0)
        assert not is_too_wide(phone)


def long_training(api: httpx.Client) -> dict[str, Any]:
    """Of many seconds on any machine."""
    x1, x2 = np.random.default_rng(0).uniform(-1, 1, (2, 200))
    columns = {"x1": x1.tolist(), "x2": x2.tolist(), "y": (2 * x1 + np.sin(x2)).tolist()}
    dataset = api.post("/datasets", json={"name": "long", "columns": columns}).json()
    training, network = {"optimizer": "adam", "steps": 20_000}, {"hidden": [3], "grid": 5}
    body = {"dataset_id": dataset["id"], "target": "y", "network": network, "training": training}
    return body | {"symbolic": False, "prune": False, "baselines": False}


@pytest.fixture(scope="module")
def scripts(browser: Browser, url: str) -> Iterator[Page]:
    """A page whose scripts are asked what they would say."""
    with visiting(browser, url) as page:
        page.goto("/")
        page.wait_for_selector("main .view h1")
        yield page


@pytest.fixture(scope="module")
def russian(browser: Browser, url: str) -> Iterator[Page]:
    with visiting(browser, url, locale="ru-RU") as page:
        page.goto("/")
        page.wait_for_selector("main .view h1")
        yield page
