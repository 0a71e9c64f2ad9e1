"""The constants of formulas over HTTP: one parametrisation, and errors of all of them together."""

import numpy as np
import pytest

from tests.support.worked_service import Document, WorkedService

pytestmark = pytest.mark.usefixtures("no_suggestions")

T = np.tile(np.linspace(0, 4, 20), 3)
PATIENT = np.repeat(["A", "B", "C"], 20)
OWN = np.repeat([1.0, 2.0, 4.0], 20)
DECAY = OWN * np.exp(-0.8 * T) + 0.5 + np.random.default_rng(0).normal(0, 0.02, 60)  # as in the guide
X = np.linspace(1, 4, 200)
BRIEF = {
    "network": {"hidden": [], "grid": 3},
    "training": {"restarts": 1, "steps": 2},
    "baselines": False,
    "max_seconds": 5,
}


@pytest.fixture(scope="module")
def grouped(service: WorkedService) -> Document:
    """The model of the guide's example, with units."""
    table = service.upload(**{"t (s)": T, "patient": PATIENT, "y (m)": DECAY})
    form = {"form": "a*exp(-b*`t (s)`) + c", "per_group": "patient"}
    return service.model(dataset_id=table, target="y (m)", split={"kind": "none"}, **form, **BRIEF)


def test_a_formula_with_groups_has_the_constants_of_its_form(
    service: WorkedService, grouped: Document
) -> None:
    symbolic = service.get(f"/models/{grouped['id']}/symbolic")
    (output,), form = symbolic["outputs"], symbolic["form"]
    told = {each["symbol"]: (each["value"], each["standard_error"]) for each in output["constants"]}
    assert told == {each["name"]: (each["value"], each["standard_error"]) for each in form["constants"]}
    assert list(told) == ["a[A]", "a[B]", "a[C]", "b", "c"]
    assert told["a[A]"] == pytest.approx((1.0140, 0.0121), abs=0.0003)
    assert f"{told['a[A]'][0]!r}*patient_is_A" in output["expression"]
    assert output["undetermined"] == []


def test_constants_of_groups_have_the_unit_of_that_of_the_form(
    service: WorkedService, grouped: Document
) -> None:
    units = {each["symbol"]: each["unit"] for each in service.formula(grouped)["constants"]}
    assert units == {"a[A]": "m", "a[B]": "m", "a[C]": "m", "b": "1/s", "c": "m"}


def test_the_card_has_the_constants_of_the_form(service: WorkedService, grouped: Document) -> None:
    card = service.client.get(f"/models/{grouped['id']}/card", params={"format": "markdown"}).text
    assert "`a[A] = 1.014 ± 0.012 m`, " in card
    assert "`c = 0.4890 ± 0.0054 m`" in card
    assert "e+0" not in card


def test_an_exported_model_keeps_the_constants_of_its_form(service: WorkedService, grouped: Document) -> None:
    file = service.client.get(f"/models/{grouped['id']}/export", params={"format": "safetensors"}).content
    octets = {"Content-Type": "application/octet-stream"}
    imported = service.client.post("/models/import", content=file, headers=octets)
    assert imported.status_code == 201, imported.text
    known, again = (service.formula(model) for model in (grouped, imported.json()))
    assert again["constants"] == known["constants"]


def test_constants_that_the_rows_do_not_determine_have_no_error(service: WorkedService) -> None:
    table = service.upload(t=T, y=6 * T + np.random.default_rng(1).normal(0, 0.02, 60))
    model = service.model(dataset_id=table, target="y", form="a*b*t + c", **BRIEF)
    output = service.formula(model)
    assert [(each["symbol"], each["standard_error"] is None) for each in output["constants"]] == [
        ("a", True),
        ("b", True),
        ("c", False),
    ]
    assert output["undetermined"] == [[0, 1]]
    card = service.client.get(f"/models/{model['id']}/card", params={"format": "markdown"}).text
    assert "The rows do not determine `a`, `b` one by one" in card


@pytest.fixture(scope="module", params=[3, 5])
def rounded(service: WorkedService, request: pytest.FixtureRequest) -> tuple[int, np.ndarray, Document]:
    """A factor of 1/x², the target, and the formulas of a model, in which the factor is a short number."""
    y = request.param / X**2 + 0.7 + np.random.default_rng(4).normal(0, 0.01, len(X))
    table = service.upload(x=X, y=y)
    model = service.model(dataset_id=table, target="y", split={"kind": "none"}, **BRIEF)
    return request.param, y, service.get(f"/models/{model['id']}/symbolic")


def test_the_evidence_counts_the_constants_that_the_formula_lists(
    rounded: tuple[int, np.ndarray, Document],
) -> None:
    factor, _, symbolic = rounded
    assert symbolic["evidence"]["constants"] == len(symbolic["outputs"][0]["constants"]) == 2
    # 3 may belong to the structure of a law, 5 is a rounded number: the verdict counts it
    assert symbolic["evidence"]["non_structural_constants"] == {3: 1, 5: 2}[factor]


def test_a_rounded_number_keeps_its_error_and_adds_to_that_of_others(
    rounded: tuple[int, np.ndarray, Document],
) -> None:
    (factor, y, symbolic), x = rounded, X
    (output,) = symbolic["outputs"]
    assert output["expression"] in (f"{factor}/x**2 + 0.7", f"{factor}/x**2 + 7/10")
    matrix = np.stack([x**-2.0, np.ones(200)], 1)
    residual = y - matrix @ [factor, 0.7]
    errors = np.sqrt(np.diag(np.linalg.inv(matrix.T @ matrix)) * (residual @ residual) / 198)
    told = {each["value"]: each["standard_error"] for each in output["constants"]}
    assert told == {factor: pytest.approx(errors[0]), 0.7: pytest.approx(errors[1])}
