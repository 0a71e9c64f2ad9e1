"""Forms, groups, errors of the target and wishes in a real browser: what is sent, and how a form is shown."""

import re
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import PHONE, is_too_wide, severe_violations, show, visiting
from tests.support.trained import done

T = np.tile(np.linspace(0, 5, 25), 4)
PATIENT = np.repeat([*"ABCD"], 25)
OWN = {"A": 1.0, "B": 2.0, "C": 3.0, "D": 4.0}
BRIEF = {"network": {"hidden": [], "grid": 3}, "training": {"restarts": 1, "steps": 2}, "max_seconds": 4}


@pytest.fixture(scope="module")
def decays(api: httpx.Client) -> str:
    """A dataset of decays of four patients, with the error of every row."""
    generator = np.random.default_rng(0)
    error = generator.choice([0.01, 0.05], len(T))
    y = np.array([OWN[name] for name in PATIENT]) * np.exp(-0.7 * T) + 0.5 + generator.normal(0, error)
    columns = {"t": T.tolist(), "patient": PATIENT.tolist(), "error": error.tolist(), "y": y.tolist()}
    return str(api.post("/datasets", json={"name": "decays", "columns": columns}).json()["id"])


@pytest.fixture(scope="module")
def grouped(api: httpx.Client, decays: str) -> str:
    """A model of the form with constants of each patient, by its id."""
    form = {"form": "a*exp(-b*t) + c", "constants": {"c": {"value": 0.5}}, "target_error": "error"}
    return trained(api, decays, **form, per_group={"column": "patient", "own": ["a"]})


@pytest.fixture(scope="module")
def unknown(api: httpx.Client, decays: str) -> str:
    """A model of a form with an unknown function, by its id."""
    return trained(api, decays, form="a + f(t)", features=["t"])


def test_what_is_known_is_sent_as_the_service_takes_it(browser: Browser, url: str, decays: str) -> None:
    with visiting(browser, url) as page:
        show(page, f"/datasets/{decays}")
        page.get_by_text("Settings", exact=True).click()
        page.get_by_label("Errors of the target").select_option("error")
        expect(page.get_by_label("Constants that differ between groups")).to_be_hidden()
        page.get_by_label("A form that you believe in").fill("a*exp(-b*t) + c")
        page.get_by_label("Its constants").fill("b=0..10; c=0.5")
        page.get_by_label("Constants per group").select_option("patient")
        page.get_by_label("Constants that differ between groups").fill("a")
        page.get_by_label("Columns that must occur").fill("t")
        page.get_by_label("Most constants").fill("6")
        page.get_by_label("Functions", exact=True).fill("exp, rational")
        page.get_by_label("The target falls with").fill("t")
        page.get_by_label("Lowest value of the target").fill("0")
        assert severe_violations(page) == []
        page.route("**/jobs", lambda route: route.fulfill(status=503, json={"detail": "not now"}))
        with page.expect_request("**/jobs") as sent:
            page.get_by_role("button", name="Train").click()
    assert sent.value.post_data_json == {
        "dataset_id": decays,
        "target": "y",
        "target_error": "error",
        "form": "a*exp(-b*t) + c",
        "constants": {"b": {"min": 0, "max": 10}, "c": {"value": 0.5}},
        "per_group": {"column": "patient", "own": ["a"]},
        "must_use": ["t"],
        "max_constants": 6,
        "functions": ["exp", "rational"],
        "monotone": {"t": "decreasing"},
        "bounds": {"min": 0},
    }


def test_a_form_is_shown_with_its_constants_and_those_of_each_group(
    browser: Browser, url: str, grouped: str
) -> None:
    with visiting(browser, url) as page:
        show(page, f"/models/{grouped}")
        shared = page.get_by_role("table", name="Your form and its constants")
        expect(shared.get_by_role("row")).to_have_count(3)
        expect(shared.get_by_role("row", name=re.compile("b 0.(69|70|71)"))).to_be_visible()
        expect(shared.get_by_role("row", name="c 0.5 held –")).to_be_visible()
        patients = page.get_by_role("table", name="Constants of each group")
        expect(patients.get_by_role("row")).to_have_count(5)
        expect(patients.get_by_role("row", name=re.compile("D (3.9|4.0)"))).to_be_visible()
        page.get_by_text("Evidence", exact=True).click()
        expect(page.get_by_text("χ² per degree of freedom is")).to_be_visible()
        assert severe_violations(page) == []


def test_an_unknown_function_is_shown_with_its_formula(browser: Browser, url: str, unknown: str) -> None:
    with visiting(browser, url, size=PHONE, locale="ru-RU") as page:
        show(page, f"/models/{unknown}")
        functions = page.get_by_role("table", name="Неизвестные функции формы")
        expect(functions.get_by_role("row", name=re.compile(r"f\(t\) .*t"))).to_be_visible()
        assert not is_too_wide(page)


def trained(api: httpx.Client, dataset: str, **body: Any) -> str:
    """Id of the model of a job."""
    return str(done(api, dataset_id=dataset, target="y", baselines=False, **BRIEF, **body)["model_id"])
