"""Lists, languages and running jobs on the page, in a real browser."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
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
    expect(page.get_by_role("row")).to_have_count(3)  # with the header
    assert names(page) == ["bread dough", "bridge load"]
    expect(page.get_by_role("searchbox")).to_be_focused()
    expect(page.locator("#status")).to_have_text("2 entries")
    page.get_by_label("Order").select_option("by name")
    expect(page).to_have_url(re.compile(r"#/datasets\?search=br&sort=name$"))
    page.reload()
    assert names(page) == ["bread dough", "bridge load"]
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
    assert "previews=false" in asked.value.url
    assert "task=density" in asked.value.url
    with page.expect_request("**/models?**") as asked:
        page.get_by_label("with first models of running jobs").check()
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
    expect(page.get_by_role("link", name="Задачи")).to_be_visible()
    assert page.get_by_role("link", name="Руководство").get_attribute("href") == "guide?lang=ru"
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("link", name="Jobs")).to_be_visible()


def test_the_language_can_be_changed_without_scripts(browser: Browser, url: str) -> None:
    with visiting(browser, url, java_script_enabled=False) as page:
        page.goto("/")
        page.get_by_role("link", name="Русский").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("На входе таблица, на выходе формула")
        page.goto("/")
        expect(page.locator("html")).to_have_attribute("lang", "ru")
