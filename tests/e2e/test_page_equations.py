"""Equations on the page: typeset while they are typed, and problems to start from."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from service.documents.equations import read_problem
from service.schemas.equations import SolveRequest
from tests.support.browser import PHONE, is_too_wide, severe_violations, visiting
from tests.support.trained import done

GALLERY = "Object.keys((await import('/assets/js/equations/gallery.js')).GALLERY)"


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    with visiting(browser, url) as page:
        open_form(page)
        yield page


def open_form(page: Page) -> None:
    page.goto("/")
    page.get_by_text("Solve equations").press("Enter")


def test_equations_are_typeset_while_they_are_typed(page: Page) -> None:
    page.get_by_label("Independent variables").fill("0 < t < 10")
    page.get_by_label("Unknown functions").fill("y")
    page.get_by_label("Equations", exact=True).fill("d2y/dt2 = -4*y")
    printed = page.get_by_role("region", name="The equations in print")
    expect(printed.locator("math")).to_have_text(re.compile(r"^y\W″\W=−4\s*y$|^y″=−4y$"))
    page.get_by_label("Conditions", exact=True).fill("y(0) = 1\nt = 0: y' = 0")
    expect(page.get_by_role("region", name="The conditions in print").locator("math")).to_have_count(2)
    expect(page.get_by_role("region", name="The conditions in print")).to_contain_text("t = 0")


def test_a_wrong_line_is_marked_while_the_others_stay_typeset(page: Page) -> None:
    page.get_by_label("Independent variables").fill("0 < t < 10")
    page.get_by_label("Unknown functions").fill("y")
    equations = page.get_by_label("Equations", exact=True)
    equations.fill("y' = -y\n\n y'' = 4y")
    printed = page.get_by_role("region", name="The equations in print")
    expect(printed).to_contain_text("Line 3: 'y' was not expected here; write * between factors")
    expect(printed.locator("mark")).to_have_text("y")
    expect(printed.locator("math")).to_have_count(1)
    assert equations.get_attribute("aria-invalid") == "false"
    assert severe_violations(page) == []


def test_a_russian_page_tells_in_russian_what_is_wrong_in_a_line(browser: Browser, url: str) -> None:
    with visiting(browser, url, locale="ru-RU") as page:
        page.goto("/")
        page.get_by_text("Решить уравнения").press("Enter")
        page.get_by_label("Независимые переменные").fill("0 < t < 10")
        page.get_by_label("Неизвестные функции").fill("y")
        page.get_by_label("Уравнения", exact=True).fill("y'' = 4y")
        printed = page.get_by_role("region", name="Уравнения в печатном виде")
        expect(printed).to_contain_text("«y» здесь лишнее; между множителями пишите *.")
        page.get_by_label("Уравнения", exact=True).fill("y' = foo(t)")
        expect(printed).to_contain_text("Неизвестная функция «foo»; известны y, t, pi, E")
        expect(printed.locator("[lang=en]")).to_have_count(0)


def test_a_name_that_a_job_would_refuse_is_refused_while_one_types(page: Page) -> None:
    page.get_by_label("Independent variables").fill("0 < t < 5")
    page.get_by_label("Unknown functions").fill("S, exp")
    page.get_by_label("Equations", exact=True).fill("S' = -S")
    wrong = page.locator("#solve-unknowns-wrong")
    expect(wrong).to_contain_text("'exp' cannot be an unknown")
    page.get_by_label("Unknown functions").fill("S, I")
    expect(wrong).to_be_empty()
    expect(page.get_by_role("region", name="The equations in print").locator("math")).to_have_count(1)


def test_every_problem_of_the_gallery_is_one_that_the_service_takes(page: Page) -> None:
    names = page.evaluate(f"async () => {GALLERY}")
    assert len(names) >= 10
    for name in names:
        request = SolveRequest(**body_of(page, name))
        problem = read_problem(request)
        assert problem.unknowns == tuple(request.unknowns)


def test_a_problem_of_the_gallery_is_solved_after_one_click(page: Page, api: httpx.Client) -> None:
    page.get_by_role("group", name="Start from").get_by_role("button", name="Heat", exact=True).click()
    expect(page.get_by_label("Equations", exact=True)).to_have_value("u_t = 0.1*u_xx")
    expect(page.locator("#status")).to_have_text("Heat is filled in")
    page.get_by_role("button", name="Solve").click()
    page.wait_for_url("**/#/models/*", timeout=60_000)
    formula = api.get(f"/models/{page.url.rpartition('/')[2]}/symbolic").json()["outputs"][0]
    assert formula["expression"] == "exp(-pi**2*t/10)*sin(pi*x)"


def test_the_form_fits_a_phone(browser: Browser, url: str) -> None:
    with visiting(browser, url, size=PHONE) as page:
        open_form(page)
        page.get_by_role("button", name="Burgers' equation").click()
        expect(page.get_by_role("region", name="The conditions in print").locator("math")).to_have_count(3)
        assert not is_too_wide(page)


def solved(api: httpx.Client, **body: Any) -> str:
    """The id of the model of solved equations."""
    return str(done(api, kind="solve", symbolic=False, **body)["model_id"])


@pytest.fixture(scope="module")
def heat(api: httpx.Client) -> str:
    return solved(
        api,
        name="bar",
        independent=["x", "t"],
        unknowns=["u"],
        domain={"x": [0, 1], "t": [0, 1]},
        equations=["du/dt = 0.1*d2u/dx2"],
        conditions=["u(0, t) = 0", {"on": {"x": 1}, "residual": "u = 0"}, "u(x, 0) = sin(pi*x)"],
    )


def test_a_solution_is_shown_with_its_equations_and_residuals(page: Page, api: httpx.Client) -> None:
    model = solved(
        api,
        independent=["t"],
        unknowns=["y", "z"],
        domain={"t": [0, 3]},
        equations=["y' = z", "z' = -y"],
        conditions=["y(0) = 1", "z(0) = 0"],
    )
    page.goto(f"/#/models/{model}")
    section = page.locator("#section-solution")
    expect(
        section.get_by_role("region", name="The equations and their conditions").locator("math")
    ).to_have_count(4)
    expect(section).to_contain_text("0 ≤ t ≤ 3")
    expect(section).to_contain_text("Residual of the equations:")
    expect(section.get_by_role("img", name="y from −0.99 to 1; z from −1 to 0")).to_be_visible()
    expect(page.locator("#section-quality table")).to_be_visible()
    expect(page.locator("#section-quality svg")).to_have_count(0)  # the solution is drawn once
    assert severe_violations(page) == []


def test_a_slice_of_a_solution_follows_the_slider(page: Page, heat: str) -> None:
    page.goto(f"/#/models/{heat}")
    section = page.locator("#section-solution")
    expect(section.get_by_role("region", name="The equations and their conditions")).to_contain_text("x = 1")
    expect(section.get_by_role("img", name="u from 0 to 1", exact=True)).to_be_visible()
    expect(section.get_by_role("img", name="t = 0. u from 0 to 1")).to_be_visible()
    section.get_by_role("slider", name="Value of t").press("End")
    expect(section.get_by_role("img", name="t = 1. u from 0 to 0.3727")).to_be_visible()
    section.get_by_role("button", name="Zoom in: u over the domain").click()
    assert severe_violations(page) == []


def test_only_the_line_of_a_slice_moves_over_the_map_and_stays_when_the_map_is_zoomed(
    page: Page, heat: str
) -> None:
    page.goto(f"/#/models/{heat}")
    chart = page.locator(".plane-map .chart-area")
    drawn, line = chart.locator("svg.plot").element_handle(), chart.locator("[data-mark=rule] line")
    bottom = float(line.get_attribute("y1") or "nan")
    page.get_by_role("slider", name="Value of t").press("End")
    top = float(line.get_attribute("y1") or "nan")
    assert top < bottom - 100
    assert drawn.evaluate("svg => svg.isConnected")
    page.get_by_role("button", name="Zoom in: u over the domain").click()
    assert not drawn.evaluate("svg => svg.isConnected")
    assert float(line.get_attribute("y1") or "nan") < top  # t = 1 is above the part that is seen


def test_a_solution_plays_and_pauses(page: Page, heat: str) -> None:
    page.goto(f"/#/models/{heat}")
    page.get_by_role("button", name="Play: u").click()
    slider = page.get_by_role("slider", name="Value of t")
    expect(slider).not_to_have_js_property("value", "0")
    page.get_by_role("button", name="Pause: u").click()
    at = slider.input_value()
    page.wait_for_timeout(300)
    assert slider.input_value() == at


def test_nothing_plays_for_those_who_want_no_motion(browser: Browser, url: str, heat: str) -> None:
    with visiting(browser, url, size=PHONE, reduced_motion="reduce") as page:
        page.goto(f"/#/models/{heat}")
        expect(page.get_by_role("slider", name="Value of t")).to_be_visible()
        assert page.get_by_role("button", name="Play").count() == 0
        assert not is_too_wide(page)


def body_of(page: Page, name: str) -> dict[str, Any]:
    """What is sent after a click on a problem of the gallery."""
    body: dict[str, Any] = page.evaluate(
        """async (name) => {
            const { GALLERY } = await import("/assets/js/equations/gallery.js");
            const { read } = await import("/assets/js/equations/body.js");
            return read(GALLERY[name]).body;
        }""",
        name,
    )
    return body
