"""Formulas of the page: their font, their lines, their constants and their verdict."""

from itertools import pairwise

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from kan_engine.expressions.printing.mathml import to_mathml
from tests.support.browser import PHONE, is_too_wide, severe_violations, show, visiting

JOB_TIMEOUT_S = 60
FONT = "/assets/fonts/STIXTwoMath.woff2"


@pytest.fixture(scope="module")
def law(api: httpx.Client) -> str:
    """A model of a law with units, by its id."""
    x1, x2 = np.random.default_rng(0).uniform(-1, 1, (2, 200))
    columns = {"x1": x1.tolist(), "x2": x2.tolist(), "y": (2 * x1 + np.sin(x2)).tolist()}
    dataset = api.post("/datasets", json={"name": "law", "columns": columns, "units": {"y": "m"}}).json()
    job = api.post("/jobs", json={"dataset_id": dataset["id"], "target": "y", "name": "law"}).json()
    done = api.get(f"/jobs/{job['id']}", params={"wait": JOB_TIMEOUT_S}).json()
    assert done["status"] == "succeeded", done
    return str(done["model_id"])


def test_formulas_are_set_in_the_font_of_the_page_which_no_other_view_loads(
    browser: Browser, url: str, law: str
) -> None:
    with visiting(browser, url) as page:
        loaded: list[str] = []
        page.on("requestfinished", lambda request: loaded.append(request.url.removeprefix(url)))
        show(page, "/models")
        assert FONT not in loaded
        show(page, f"/models/{law}")
        assert FONT in loaded
        assert page.evaluate("""[...document.fonts].some(({status}) => status === "loaded")""")
        family = page.locator("math").first.evaluate("math => getComputedStyle(math).fontFamily")
        assert family.startswith('"STIX Two Math"')


def test_a_long_formula_wraps_before_its_signs_with_a_hanging_indent(
    browser: Browser, url: str, law: str
) -> None:
    long = " + ".join(rf"{number}.25 \sin\left({number} x_{{1}}\right)" for number in range(2, 9))
    with visiting(browser, url, size=PHONE) as page:
        show_formula(page, law, f"- x_{{2}} - {long}")
        places = page.locator(".formula .terms math").evaluate_all(
            "terms => terms.map(term => [term.textContent[0], term.getBoundingClientRect()])"
            ".map(([sign, { left, bottom }]) => [sign, left, bottom])"
        )
        starts = [now for before, now in pairwise(places) if now[1] < before[1]]
        assert len(starts) >= 2
        assert {sign for sign, *_ in starts} == {"+"}
        assert len({left for _, left, _ in starts}) == 1
        assert starts[0][1] > places[0][1] + 10
        formula = page.locator(".formula")
        assert formula.evaluate("formula => formula.scrollWidth <= formula.clientWidth")
        assert formula.locator("math").first.text_content() == "y=" + "".join(
            place.text_content() or "" for place in formula.locator(".terms math").all()[1:]
        )
        assert formula.locator(".terms").get_attribute("aria-hidden") == "true"
        assert severe_violations(page) == []


def test_a_term_wider_than_the_screen_scrolls_alone(browser: Browser, url: str, law: str) -> None:
    with visiting(browser, url, size=PHONE) as page:
        show_formula(page, law, " ".join(rf"\sin\left({number} x_{{1}}\right)" for number in range(2, 12)))
        assert page.locator(".formula").evaluate("formula => formula.scrollWidth > formula.clientWidth")
        assert not is_too_wide(page)


def show_formula(page: Page, model: str, latex: str) -> None:
    """Show a model as if it had this formula."""
    page.route("**/symbolic?format=mathml", lambda route: route.fulfill(body=to_mathml(latex)))
    show(page, f"/models/{model}")
