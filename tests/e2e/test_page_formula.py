"""Formulas of the page: their font, their lines, their constants and their verdict."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from kan_engine.expressions.printing.mathml import to_mathml
from tests.support.browser import (
    PHONE,
    change_answers,
    is_too_wide,
    severe_violations,
    show,
    visiting,
)
from tests.support.trained import trained

EVIDENCE = {
    "noise": 0.13,
    "explained": 0.99,
    "rows": 160,
    "constants": 2,
    "compared_with": {},
    "p_value": None,
    "power": None,
    "stability": None,
    "reasons": [],
}
FONT = "/assets/fonts/STIXTwoMath.woff2"


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    with visiting(browser, url) as page:
        show(page, "/models")
        yield page


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


def test_a_formula_with_a_day_of_the_week_is_shown_without_the_languages_that_have_none(
    browser: Browser, url: str, api: httpx.Client, law: str
) -> None:
    told = api.get(f"/models/{law}/symbolic").json()
    told["outputs"][0]["derived"] = {"x1": {"column": "day", "part": "weekday", "wave": "sin"}}
    with visiting(browser, url) as page:
        page.route(f"**/models/{law}/symbolic", lambda route: route.fulfill(json=told))
        page.route("**/symbolic?format=c", lambda route: route.fulfill(status=409, json={"detail": "no"}))
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url.rpartition("format=")[2]))
        show(page, f"/models/{law}")
        buttons = page.locator(".formats button")
        expect(buttons).to_have_count(6)
        expect(page.get_by_role("button", name="Copy the formula as Python")).to_be_visible()
        variable = page.get_by_role(
            "row", name="x1 sin(2π·n/7), where n is the day of the week of day, 0 on Monday"
        )
        expect(variable.get_by_role("cell").last).to_contain_text("to 0.99")  # not 0 or 1, as of other parts
    assert "python" in asked
    assert not {"sql", "excel"} & {*asked}


def test_primes_of_the_font_are_as_tall_as_exponents(browser: Browser, url: str, law: str) -> None:
    """They are written raised and smaller, as in y′; the primes of other fonts are raised already."""
    with visiting(browser, url) as page:
        show(page, f"/models/{law}")
        page.evaluate("() => document.fonts.ready")
        ends = """sign => { const drawn = document.createElement("canvas").getContext("2d");
            drawn.font = '100px "STIX Two Math"'; const size = drawn.measureText(sign);
            return [-size.actualBoundingBoxDescent, size.actualBoundingBoxAscent]; }"""
        for sign in "′″‴":
            low, high = page.evaluate(ends, sign)
            assert low < 10
            assert 40 < high < 55


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


def test_a_long_sum_in_brackets_wraps_within_its_term_and_its_decimals_are_rounded(
    browser: Browser, url: str, law: str
) -> None:
    long = " - ".join(rf"{number}.4952405625273 x_{{{number}}}" for number in range(1, 7))
    with visiting(browser, url, size=PHONE) as page:
        show_formula(page, law, rf"\left({long}\right) x_{{1}} + 0.25")
        formula = page.locator(".formula")
        assert formula.evaluate("formula => formula.scrollWidth <= formula.clientWidth")
        pieces = formula.locator(".term math")
        assert pieces.count() == 6
        assert pieces.first.text_content() == "(1.49524x1"
        assert pieces.last.text_content() == "−6.49524x6)x1"
        tops = pieces.evaluate_all("terms => terms.map(term => Math.round(term.getBoundingClientRect().top))")
        assert len(set(tops)) >= 3


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (2.5302, 0.0416, "2.530 ± 0.042"),
        (-4.906, 0.0996, "−4.91 ± 0.10"),
        (12345.6, 234.5, "12,350 ± 230"),
        (1.2343e-7, 1.2e-9, "(1.234 ± 0.012)·10⁻⁷"),
        (2.5, None, "2.5"),
        (2.4952405, 3052090.7, "2.5 ± 3·10⁶"),
    ],
)
def test_a_measured_number_has_the_digits_that_its_error_leaves(
    page: Page, value: float, error: float | None, shown: str
) -> None:
    told = page.evaluate(
        "async told => (await import('/assets/js/math/measured.js')).measured(...told)", [value, error]
    )
    assert told.replace("\u00a0", " ") == shown


def test_units_are_written_with_raised_exponents_and_roots(page: Page) -> None:
    script = "async unit => (await import('/assets/js/math/measured.js')).unitText(unit)"
    assert page.evaluate(script, "kg*m^2/s^-1") == "kg·m²/s⁻¹"
    assert page.evaluate(script, "s/m^(1/2)") == "s/√m"


def test_constants_are_listed_with_errors_and_units_and_marked_in_the_formula(
    browser: Browser, url: str, law: str
) -> None:
    constants = [
        {"value": -1.5e-7, "standard_error": 2e-9, "unit": "m/s^2", "name": None},
        {"value": 3.25, "standard_error": 0.04, "unit": "", "name": None},
    ]
    with visiting(browser, url) as page:
        change_formula(page, {"exact": True}, constants=constants, exact_units=[[2.0, "m"]])
        show_formula(page, law, r"3.25 x_{1} - 1.5 \cdot 10^{-7} x_{2}^{2} + 2")
        listed = page.get_by_role("list", name="Fitted constants").get_by_role("listitem")
        expect(listed).to_have_text(["(−1.500 ± 0.020)·10⁻⁷ m/s²", "3.250 ± 0.040", "2 m exact"])
        marked = page.locator(".formula mn.marked")
        listed.nth(0).hover()
        expect(marked).to_have_text(["1.5"])
        listed.nth(2).hover()
        expect(marked).to_have_count(0)
        listed.nth(1).focus()
        expect(marked).to_have_text(["3.25"])
        assert severe_violations(page) == []


def test_constants_of_an_approximation_are_rounded_and_may_be_undetermined(
    browser: Browser, url: str, law: str
) -> None:
    constants = [
        {"value": 5.0, "standard_error": 0.012, "unit": None, "name": None, "symbol": "a[A]"},
        {"value": 3.88774, "standard_error": None, "unit": None, "name": None, "symbol": None},
    ]
    facts = {"constants": constants, "undetermined": [[1]], "exact_units": [[2.0, "m"]]}
    with visiting(browser, url) as page:
        change_formula(page, {"exact": False, "verdict": "approximation"}, **facts)
        show(page, f"/models/{law}")
        listed = page.get_by_role("list", name="Fitted constants").get_by_role("listitem")
        undetermined = "3.88774 not determined: other values fit as well"
        expect(listed).to_have_text(["a[A] = 5.000 ± 0.012", undetermined, "2 m rounded"])


def test_numbers_are_written_for_people_and_copied_with_all_digits(
    browser: Browser, url: str, law: str
) -> None:
    text = "0.12345678901234568*x1 - 12.000000000000002"
    with visiting(browser, url) as page:
        change_formula(page, {"exact": False, "verdict": "approximation"}, expression=text, r2=-8.086e-5)
        show(page, f"/models/{law}")
        expect(page.get_by_label("Formula for y as text")).to_have_text("0.123457*x1 - 12")
        page.get_by_text("Errors and complexity", exact=True).click()
        expect(page.locator(".facts-list div").filter(has_text="R²").first).to_contain_text("−0.0001")
    with visiting(browser, url, locale="ru-RU") as page:
        share = "async told => (await import('/assets/js/i18n.js')).share(told)"
        show(page, "/models")
        assert [page.evaluate(share, told) for told in (-8e-6, 0.99996)] == ["0,0000", "1,0000"]


@pytest.mark.parametrize(
    ("measured_on", "shown"),
    [
        (
            "hold-out",
            "≈ Consistent with the data, with a typical error of 0.123 kJ (RMSE on 40 held-out rows).",
        ),
        (
            "training",
            "≈ Consistent with the data, with a typical error of 0.123 kJ (RMSE on the training rows).",
        ),
    ],
)
def test_the_verdict_is_a_sentence_with_the_error_and_its_evidence_is_folded(
    browser: Browser, url: str, law: str, measured_on: str, shown: str
) -> None:
    with visiting(browser, url) as page:
        told = {"verdict": "consistent", "measured_on": measured_on, "evidence": EVIDENCE}
        change_formula(page, told, rmse=0.12345)
        show(page, f"/models/{law}")
        verdict = page.locator("#section-formula .verdict")
        expect(verdict.locator("p").first).to_have_text(shown)
        reason = verdict.get_by_text("The residuals look like measurement noise")
        expect(reason).to_be_hidden()
        verdict.get_by_text("Evidence", exact=True).click()
        expect(reason).to_be_visible()
        expect(verdict.get_by_text("its RMSE for y is 0.13.")).to_be_visible()


@pytest.mark.parametrize(
    ("beats_constant", "shown"),
    [(False, "show little or no dependence"), (True, "A straight line predicts rows left out better")],
)
def test_a_weak_formula_is_no_better_than_a_constant_or_worse_than_a_line(
    browser: Browser, url: str, law: str, beats_constant: bool, shown: str
) -> None:
    with visiting(browser, url) as page:
        evidence = EVIDENCE | {"beats_constant": beats_constant}
        change_formula(page, {"verdict": "weak", "evidence": evidence}, rmse=0.5)
        show(page, f"/models/{law}")
        page.locator(".verdict").get_by_text("Evidence", exact=True).click()
        expect(page.locator(".verdict")).to_contain_text(shown)


def change_formula(page: Page, evidence: dict[str, Any] | None = None, **changes: Any) -> None:
    """Answer with other facts about the formula of a model."""

    def changed(told: Any) -> Any:
        told["outputs"][0] |= changes
        return told | (evidence or {})

    change_answers(page, "**/symbolic", changed)


def show_formula(page: Page, model: str, latex: str) -> None:
    """Show a model as if it had this formula."""
    page.route("**/symbolic?format=mathml", lambda route: route.fulfill(body=to_mathml(latex)))
    show(page, f"/models/{model}")


def test_a_formula_tells_how_probable_it_is_its_rival_and_where_they_differ(
    browser: Browser, url: str, law: str
) -> None:
    rival = {"expression": "2*x1", "complexity": 3, "rmse": 0.2, "r2": 0.9, "probability": 0.15}
    differs = {"mean": 0.1, "column": "x1", "above": 0.8, "below": None, "there": 0.5}
    with visiting(browser, url) as page:
        told = {"verdict": "approximation", "evidence": EVIDENCE | {"none_of_these": 0.05}}
        change_formula(page, told, rmse=0.1, probability=0.8, rivals=[rival | {"differs": differs}])
        show(page, f"/models/{law}")
        expect(page.locator(".rivals-note")).to_have_text(
            "The probability that the law has this form is 80 %. Its rival (15 %) is 2*x1; they differ most "
            "where x1 > 0.8, by 0.5 kJ on average. That it is none of the formulas found: 5 %."
        )
        page.get_by_text("Rivals, and rows to measure next").click()
        table = page.get_by_role("table", name="Formulas that may be the law")
        expect(table.locator("tbody tr")).to_have_count(2)
        assert not severe_violations(page)


def test_the_mean_of_a_formula_and_its_rivals_can_be_chosen_to_predict(
    browser: Browser, url: str, api: httpx.Client
) -> None:
    generator = np.random.default_rng(0)
    x, z = generator.uniform(1, 5, (2, 15))
    noisy = 3 * x / (1 + z) + generator.normal(0, 0.5, 15)
    columns = {"x": x, "z": z, "rate": noisy}
    model = trained(api, columns, target="rate", baselines=False, max_seconds=5)
    assert api.get(f"/models/{model}/symbolic").json()["outputs"][0]["rivals"]
    with visiting(browser, url) as page:
        show(page, f"/models/{model}")
        field = page.locator(".inputs").get_by_role("combobox", name="Predicted by")
        field.select_option("The formula and its rivals, averaged")
        expect(page.locator(".prediction")).to_contain_text("The mean of the formula and its rivals.")


def test_the_page_proposes_rows_to_measure_with_what_is_foretold(
    browser: Browser, url: str, law: str
) -> None:
    with visiting(browser, url) as page:
        show(page, f"/models/{law}")
        page.get_by_text("Rivals, and rows to measure next").click()
        page.get_by_role("button", name="Propose rows to measure").click()
        table = page.get_by_role("table", name="Rows to measure next, the most informative first")
        expect(table.locator("tbody tr")).to_have_count(3)
        expect(page.locator(".next-rows")).to_contain_text("Row 1: what is foretold of y")
