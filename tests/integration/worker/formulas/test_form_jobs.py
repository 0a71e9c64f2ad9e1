"""A form of a client over HTTP: fitted by a training, answered with its constants."""

import numpy as np
import pytest

from tests.support.worked_service import Document, WorkedService

pytestmark = pytest.mark.usefixtures("no_suggestions")

T = np.linspace(0, 6, 60)
Y = 3 * np.exp(-0.7 * T) + 0.5 + np.random.default_rng(0).normal(0, 0.02, 60)


@pytest.fixture(scope="module")
def formulas(service: WorkedService) -> Document:
    model = service.model(
        dataset_id=service.upload(**{"time (s)": T, "y": Y}),
        target="y",
        form="a*exp(-b*`time (s)`) + c",
        constants={"b": {"min": 0}, "c": {"value": 0.5}},
        network={"hidden": [], "grid": 3},
        training={"restarts": 1, "steps": 2},
        baselines=False,
        max_seconds=4,
    )
    return service.client.get(f"/models/{model['id']}/symbolic").json()


def test_the_answer_has_the_constants_of_the_form(formulas: Document) -> None:
    form = formulas["form"]
    assert [each["name"] for each in form["constants"]] == ["a", "b", "c"]
    a, b, c = form["constants"]
    assert a["low"] < 3 < a["high"]
    assert b["low"] < 0.7 < b["high"]
    assert c["is_held"]
    assert len(form["correlation"]) == 2
    assert "tree" not in form


def test_the_best_free_formula_is_told_beside_it(formulas: Document) -> None:
    free = formulas["form"]["free"]
    assert "exp" in free["expression"]
    assert free["out_of_sample_rmse"] > 0
    assert formulas["evidence"]["compared_with"]["free_formula"]["rmse"] == free["out_of_sample_rmse"]
    assert "tree" not in free


def test_a_wrong_form_is_refused_at_its_character(service: WorkedService) -> None:
    body = {"dataset_id": service.upload(t=T, y=Y), "target": "y", "form": "a*exp(-b*t"}
    refused = service.client.post("/jobs", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"] == [
        {
            "pointer": "#/form",
            "code": "invalid_form",
            "detail": "')' was expected here, not the end",
            "character": 11,
        }
    ]


@pytest.fixture(scope="module")
def grouped(service: WorkedService) -> Document:
    group = np.repeat([1, 2, 3], 20)
    t = np.tile(T[:40:2], 3)
    y = group * np.exp(-0.7 * t) + 0.5 + np.random.default_rng(0).normal(0, 0.02, 60)
    return service.model(
        dataset_id=service.upload(t=t, patient=group, y=y, error=np.full(60, 0.02)),
        target="y",
        target_error="error",
        form="a*exp(-b*t) + c",
        per_group={"column": "patient", "own": ["a"]},
        serve="formula",
        network={"hidden": [], "grid": 3},
        training={"restarts": 1, "steps": 2},
        baselines=False,
        max_seconds=4,
    )


def test_each_group_has_its_own_constant(service: WorkedService, grouped: Document) -> None:
    formulas = service.client.get(f"/models/{grouped['id']}/symbolic").json()
    form = formulas["form"]
    assert formulas["evidence"]["chi_square_per_dof"] == pytest.approx(1, abs=0.4)
    assert form["groups"] == {
        "column": "patient",
        "groups": ["1", "2", "3"],
        "own": ["a"],
        "shared": ["b", "c"],
    }
    values = {each["name"]: each["value"] for each in form["constants"]}
    assert [round(values[f"a[{name}]"]) for name in "123"] == [1, 2, 3]


def test_a_prediction_uses_the_constants_of_its_group(service: WorkedService, grouped: Document) -> None:
    rows = [{"t": 0.0, "patient": patient} for patient in (1, 2, 3)]
    answer = service.client.post(f"/models/{grouped['id']}/predict", json={"rows": rows, "by": "formula"})
    np.testing.assert_allclose(answer.json()["predictions"], [1.5, 2.5, 3.5], atol=0.1)


@pytest.mark.parametrize(
    ("per_group", "place"),
    [
        ("y", "/column"),
        ({"column": "t"}, "/column"),
        ({"column": "patient", "own": ["q"]}, "/own/0"),
    ],
)
def test_groups_that_are_none_are_refused(service: WorkedService, per_group: object, place: str) -> None:
    dataset = service.upload(t=T, y=Y, patient=np.repeat([1, 2], 30))
    body = {"dataset_id": dataset, "target": "y", "form": "a*t + b", "per_group": per_group}
    refused = service.client.post("/jobs", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == f"#/per_group{place}"


FEW_T = np.array([0.0, 0.5, 1.0, 2.0, 3.0])


@pytest.fixture(scope="module")
def extended(service: WorkedService, grouped: Document) -> Document:
    return service.model(**_make_new_group(service, grouped, "new", 5.0))


def _make_new_group(service: WorkedService, model: Document, name: str, a: float) -> Document:
    """A job that fits a further group with this constant to a few rows."""
    rows = service.upload(t=FEW_T, y=a * np.exp(-0.7 * FEW_T) + 0.5, error=[0.1] * 5)
    fit_group = {"name": name, "dataset_id": rows}
    return {"kind": "symbolic", "model_id": model["id"], "fit_group": fit_group}


def test_a_new_group_is_fitted_from_a_few_rows(service: WorkedService, extended: Document) -> None:
    again, t = extended, FEW_T
    form = service.client.get(f"/models/{again['id']}/symbolic").json()["form"]
    assert form["groups"]["groups"] == ["1", "2", "3", "new"]
    (new,) = (each for each in form["constants"] if each["name"] == "a[new]")
    assert new["standard_error"] == pytest.approx(0.1 / np.linalg.norm(np.exp(-0.7 * t)), rel=0.02)
    asked = {"rows": [{"t": 0.0, "patient": "new"}, {"t": 0.0, "patient": 2}], "by": "formula"}
    answer = service.client.post(f"/models/{again['id']}/predict", json=asked)
    np.testing.assert_allclose(answer.json()["predictions"], [5.5, 2.5], atol=0.1)


def test_a_second_new_group_is_refused_because_the_formula_cannot_tell_it(
    service: WorkedService, extended: Document
) -> None:
    body = _make_new_group(service, extended, "newer", 7.0)
    refused = service.client.post("/jobs", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_group")
    assert "'new'" in refused.json()["detail"]


def test_a_group_that_the_model_knows_is_refused(service: WorkedService, grouped: Document) -> None:
    body = {
        "kind": "symbolic",
        "model_id": grouped["id"],
        "fit_group": {"name": "2", "dataset_id": service.upload(t=T, y=Y)},
    }
    refused = service.client.post("/jobs", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_group")


NASTY = {
    "L [m]": np.linspace(1, 3, 40),
    "Q [mL/min]": np.tile([1.0, 2.0, 4.0, 5.0], 10),
    "I": np.repeat([1.0, 1.5, 2.0, 4.0], 10),
    "lambda": np.tile([3.0, 1.0, 2.0, 5.0, 4.0], 8),
    "pi": np.sqrt(np.arange(1.0, 41)),
}
FAST = {
    "network": {"hidden": [], "grid": 3},
    "training": {"restarts": 1, "steps": 2},
    "baselines": False,
    "max_seconds": 4,
}


@pytest.fixture(scope="module")
def resistance(service: WorkedService) -> Document:
    """The formulas of a model, and its dataset."""
    length, flow, current, *_ = NASTY.values()
    dropped = np.pi * length * flow / current + 0.01 * NASTY["lambda"] * NASTY["pi"]
    dataset = service.upload(**NASTY, **{"dp [mPa]": dropped})
    model = service.model(dataset_id=dataset, target="dp [mPa]", **FAST)
    return {"dataset": dataset, **service.get(f"/models/{model['id']}/symbolic")}


def test_every_printed_formula_is_taken_as_a_form_of_a_new_job(
    service: WorkedService, resistance: Document
) -> None:
    (output,) = resistance["outputs"]
    texts = [output["expression"], *(entry["expression"] for entry in output["pareto"])]
    texts = [text for text in dict.fromkeys(texts) if any(name in text for name in ("L_m", "Q_mL_min", "I"))]
    assert texts
    for text in [*texts, texts[-1].replace("**", "^"), f"dp_mPa = {texts[-1]}"]:
        body = {"dataset_id": resistance["dataset"], "target": "dp [mPa]", "form": text, **FAST}
        answer = service.client.post("/jobs", json=body)
        assert answer.status_code == 202, (text, answer.text)
        service.client.post(f"/jobs/{answer.json()['id']}/cancel")


def test_a_form_in_printed_names_is_fitted_to_its_columns(
    service: WorkedService, resistance: Document
) -> None:
    form = "pi*L*Q_mL_min/I^n + k*lambda_*pi_"
    model = service.model(dataset_id=resistance["dataset"], target="dp [mPa]", form=form, **FAST)
    formulas = service.get(f"/models/{model['id']}/symbolic")
    values = {each["name"]: each["value"] for each in formulas["form"]["constants"]}
    assert values == pytest.approx({"n": 1, "k": 0.01})
    names = formulas["outputs"][0]["symbols"]
    assert {names[name] for name in ("L_m", "Q_mL_min", "lambda_", "pi_")} == {*NASTY} - {"I"}


def test_a_form_without_constants_is_judged_as_it_is(service: WorkedService, resistance: Document) -> None:
    form = "pi*L*Q/I + 0.01*lambda*pi_"
    model = service.model(dataset_id=resistance["dataset"], target="dp [mPa]", form=form, **FAST)
    formulas = service.get(f"/models/{model['id']}/symbolic")
    assert formulas["form"]["constants"] == []
    assert formulas["form"]["out_of_sample_rmse"] < 1e-12
    assert formulas["outputs"][0]["r2"] == pytest.approx(1)
