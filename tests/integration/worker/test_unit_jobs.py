"""Units of a table over HTTP: from the names of its columns to the constants of its formula."""

import numpy as np
import pytest

from tests.support.worked_service import Document, WorkedService

pytestmark = pytest.mark.usefixtures("no_suggestions")

RNG = np.random.default_rng(0)
LENGTH, MASS = RNG.uniform(0.2, 3.0, 80), RNG.uniform(0.1, 1.0, 80)
PERIOD = 2 * np.pi * np.sqrt(LENGTH / 9.81) * (1 + RNG.normal(0, 0.002, 80))
TIME = RNG.uniform(0.1, 6.0, 80)
BRIEF = {
    "network": {"hidden": [], "grid": 3},
    "training": {"restarts": 1, "steps": 2},
    "baselines": False,
    "max_seconds": 4,
}


@pytest.fixture(scope="module")
def table(service: WorkedService) -> str:
    return service.upload(**{"length (m)": LENGTH, "mass [kg]": MASS, "period, s": PERIOD})


@pytest.fixture(scope="module")
def model(service: WorkedService, table: str) -> Document:
    return service.model(dataset_id=table, target="period, s", **BRIEF)


def test_units_in_the_names_of_columns_are_told_at_the_upload(service: WorkedService, table: str) -> None:
    told = service.get(f"/datasets/{table}")
    assert told["units"] == {"length (m)": "m", "mass [kg]": "kg", "period, s": "s"}
    assert {warning["code"] for warning in told["warnings"]} == {"header_unit"}


def test_the_constant_of_the_formula_has_a_unit(service: WorkedService, model: Document) -> None:
    formula = service.formula(model)
    (constant,) = formula["constants"]
    assert constant["unit"] == "s/m^(1/2)"
    assert constant["value"] == pytest.approx(2.006, rel=0.01)
    assert 0 < constant["standard_error"] < 0.01
    assert formula["unit_status"] == "adds_up"
    assert formula["exact_units"] == []
    assert {entry["unit_status"] for entry in formula["pareto"]} <= {"adds_up", "does_not_add_up"}


def test_units_in_russian_are_checked_as_others_are(service: WorkedService) -> None:
    names = {"длина, см": 100 * LENGTH, "масса [кг]": MASS, "период (с)": PERIOD}
    table = service.upload(**names)
    assert service.get(f"/datasets/{table}")["units"] == {
        "длина, см": "см",
        "масса [кг]": "кг",
        "период (с)": "с",
    }
    formula = service.formula(service.model(dataset_id=table, target="период (с)", **BRIEF))
    assert formula["unit_status"] == "adds_up"
    assert [constant["unit"] for constant in formula["constants"]] == ["s/cm^(1/2)"]


def test_the_card_has_the_constant_with_its_unit(service: WorkedService, model: Document) -> None:
    (formula,) = service.get(f"/models/{model['id']}/card")["formulas"]["outputs"]
    assert [constant["unit"] for constant in formula["constants"]] == ["s/m^(1/2)"]
    card = service.client.get(f"/models/{model['id']}/card?format=markdown").text
    assert " s/m^(1/2)`" in card


def test_an_imported_model_has_the_units_of_the_exported_one(service: WorkedService, model: Document) -> None:
    artifact = service.client.get(f"/models/{model['id']}/export?format=safetensors").content
    again = service.client.post("/models/import", files={"file": ("m.safetensors", artifact)}).json()
    assert service.formula(again) == service.formula(model)


@pytest.mark.parametrize(("mode", "is_offered"), [("check", True), ("ignore", True), ("enforce", False)])
def test_a_formula_that_does_not_add_up_is_offered_unless_units_are_enforced(
    service: WorkedService, mode: str, is_offered: bool
) -> None:
    table = service.upload(**{"t (s)": TIME, "y (m)": 2 * np.sin(TIME)})
    formula = service.formula(service.model(dataset_id=table, target="y (m)", units=mode, **BRIEF))
    statuses = {formula["unit_status"], *(entry["unit_status"] for entry in formula["pareto"])}
    assert ("does_not_add_up" in statuses) == is_offered


def test_the_unit_of_a_constant_has_few_factors(service: WorkedService) -> None:
    width = np.random.default_rng(2).uniform(1, 3, 60)
    depth = 0.25 * width**2 * (1 + np.random.default_rng(3).normal(0, 0.01, 60))
    table = service.upload(**{"width (mm)": width, "depth (m)": depth})
    model = service.model(dataset_id=table, target="depth (m)", form="k*`width (mm)`**2", **BRIEF)
    (constant,) = service.formula(model)["constants"]
    assert (constant["symbol"], constant["unit"]) == ("k", "1/um")  # m/mm^2, of the same size
    assert constant["value"] == pytest.approx(0.25, rel=0.02)
