"""Estimators find what the service finds, and read what users have."""

import pickle
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kan_engine import InvalidConfig, InvalidData, KANClassifier, KANRegressor, UnseenCategory
from tests.support.engine.notebooks import display

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("shapes_unchecked")]

RNG = np.random.default_rng(0)
ROWS = 120
TEMPERATURE, PRESSURE = RNG.uniform(0.5, 3.0, (2, ROWS))
FRAME = pd.DataFrame({"temperature": TEMPERATURE, "pressure": PRESSURE})
LAW = pd.Series(TEMPERATURE * np.exp(-PRESSURE), name="rate")
QUICK: dict[str, Any] = {"hidden": (2,), "grid": 3, "steps": 8, "restarts": 1, "symbolic": False}


@pytest.fixture(scope="module")
def of_the_law() -> KANRegressor:
    return KANRegressor().fit(FRAME, LAW)


def test_a_law_is_found_as_a_formula_in_the_names_of_the_columns(of_the_law: KANRegressor) -> None:
    assert of_the_law.formula_ == "temperature*exp(-pressure)"
    assert of_the_law.verdict_ == "exact"
    np.testing.assert_allclose(of_the_law.predict(FRAME), LAW, rtol=1e-9)


def test_the_formula_is_had_in_latex_and_for_sympy(of_the_law: KANRegressor) -> None:
    assert of_the_law.latex() == r"\mathrm{temperature} \cdot e^{- \mathrm{pressure}}"
    expression = of_the_law.sympy()
    assert {str(symbol) for symbol in expression.free_symbols} == {"temperature", "pressure"}
    value = expression.subs({"temperature": 2.0, "pressure": 1.0})
    assert float(value) == pytest.approx(2 * np.exp(-1))


def test_the_formula_is_written_in_other_languages(of_the_law: KANRegressor) -> None:
    assert of_the_law.write("sql") == '"temperature"*EXP(-"pressure") AS "rate"'
    assert of_the_law.write("excel") == "=[@temperature]*EXP(-[@pressure])"
    assert "def rate(temperature, pressure):" in str(of_the_law.write("python"))
    with pytest.raises(InvalidConfig, match="no language 'cobol'; there are text, latex"):
        of_the_law.write("cobol")


@pytest.fixture(scope="module")
def gas() -> KANRegressor:
    """Of columns whose names are no identifiers, and would be the same one."""
    rows = pd.DataFrame({"pressure-bar": TEMPERATURE, "pressure (bar)": PRESSURE})
    return KANRegressor(**QUICK | {"symbolic": True}).fit(
        rows, pd.Series(TEMPERATURE * PRESSURE**2, name="rate")
    )


def test_a_name_with_a_space_is_one_symbol_as_text_for_sympy_and_in_programs(gas: KANRegressor) -> None:
    assert "pressure_bar_**2" in str(gas.formula_)
    derivative = gas.sympy().diff("pressure_bar_").subs({"pressure_bar_": 3.0, "pressure_bar": 0.5})
    assert float(derivative) == pytest.approx(3.0)
    for language in ("python", "numpy", "c", "javascript"):
        written = str(gas.write(language))
        assert "pressure_bar: pressure-bar" in written
        assert "pressure_bar_: pressure (bar)" in written


def test_the_front_is_a_frame_of_the_users_library(
    of_the_law: KANRegressor,
) -> None:
    front = of_the_law.formulas_
    assert isinstance(front, pd.DataFrame)
    assert of_the_law.formula_ in front["expression"].tolist()
    assert front["complexity"].is_monotonic_increasing


@pytest.fixture(scope="module")
def pendulum() -> KANRegressor:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"length": rng.uniform(0.2, 3, 80), "mass": rng.uniform(0.1, 1, 80)})
    period = pd.Series(2 * np.pi * np.sqrt(rows["length"] / 9.81), name="period")
    return KANRegressor(**QUICK | {"symbolic": True}, units={"length": "m", "mass": "kg", "period": "s"}).fit(
        rows, period
    )


def test_units_of_columns_give_the_constant_its_unit(pendulum: KANRegressor) -> None:
    (constant,) = pendulum.constants_.to_dict("records")
    assert constant["unit"] == "s/m^(1/2)"
    assert constant["value"] == pytest.approx(2 * np.pi / np.sqrt(9.81))
    assert constant["standard_error"] < 1e-9
    assert "adds_up" in set(pendulum.formulas_["unit_status"])


def test_a_saved_model_keeps_units(pendulum: KANRegressor, tmp_path: Path) -> None:
    pendulum.save(tmp_path / "pendulum.safetensors")
    again = KANRegressor.load(tmp_path / "pendulum.safetensors")
    pd.testing.assert_frame_equal(again.constants_, pendulum.constants_)
    pd.testing.assert_frame_equal(again.formulas_, pendulum.formulas_)


def test_a_saved_model_answers_as_before_and_keeps_its_formulas(
    of_the_law: KANRegressor, tmp_path: Path
) -> None:
    of_the_law.save(tmp_path / "rate.safetensors")
    again = KANRegressor.load(tmp_path / "rate.safetensors")
    np.testing.assert_array_equal(again.predict(FRAME), of_the_law.predict(FRAME))
    assert (again.formula_, again.verdict_) == (of_the_law.formula_, of_the_law.verdict_)
    pd.testing.assert_frame_equal(again.formulas_, of_the_law.formulas_)
    assert "<svg" in again.plot().svg
    with pytest.raises(InvalidData, match="the model is a regression, not a classification"):
        KANClassifier.load(tmp_path / "rate.safetensors")


def test_a_notebook_shows_formula_verdict_and_network(of_the_law: KANRegressor) -> None:
    shown = display(of_the_law)
    assert "<math" in shown["text/html"]
    assert "exact" in shown["text/html"]
    assert "<svg" in shown["text/html"]
    assert shown["text/plain"].startswith("KANRegressor(")


def test_a_theme_that_does_not_exist_is_refused(of_the_law: KANRegressor) -> None:
    with pytest.raises(InvalidConfig, match="theme must be one of 'light', 'dark'; got 'blue'"):
        of_the_law.plot(theme="blue")  # type: ignore[arg-type]


def test_a_notebook_shows_the_parameters_of_a_model_before_its_fit() -> None:
    shown = display(KANRegressor(grid=7))
    assert "grid" in shown["text/html"]
    assert "Not fitted" in shown["text/html"]


def test_an_effect_is_a_frame_over_the_range_of_the_feature(of_the_law: KANRegressor) -> None:
    effect = of_the_law.partial_dependence("pressure")
    assert effect["mean"].is_monotonic_decreasing
    assert effect["value"].min() == pytest.approx(PRESSURE.min())
    with pytest.raises(InvalidData, match="no feature 'volume'; it has temperature, pressure"):
        of_the_law.partial_dependence("volume")


@pytest.mark.parametrize("kind", ["onnx", "python"])
def test_a_model_is_exported(of_the_law: KANRegressor, tmp_path: Path, kind: Any) -> None:
    of_the_law.export(tmp_path / "model", kind)
    assert (tmp_path / "model").stat().st_size > 1000


def test_intervals_hold_the_values_of_most_rows() -> None:
    noisy = LAW + np.random.default_rng(1).normal(0, 0.1, ROWS)  # the same in every order of tests
    found = KANRegressor(**QUICK).fit(FRAME, noisy)
    low, high = found.predict_interval(FRAME, 0.8).T
    assert 0.7 < np.mean((low <= noisy) & (noisy <= high)) <= 1.0


def mixed(library: Any) -> Any:
    days = [date(2024, 1, 1) + timedelta(days=row) for row in range(ROWS)]
    return library.DataFrame(
        {
            "kind": ["oak", "ash", None] * (ROWS // 3),
            "size": [1.0, None, 3.0, 4.0] * (ROWS // 4),
            "day": days,
            "wet": [True, False] * (ROWS // 2),
            "same": [1] * ROWS,
        }
    )


@pytest.mark.parametrize("library", [pd, pl])
def test_texts_times_booleans_and_missing_values_of_a_frame_are_features(library: Any) -> None:
    frame, answers = mixed(library), np.array(["a", "b"] * (ROWS // 2))
    found = KANClassifier(**QUICK).fit(frame, answers)
    kinds = {each.name: each.type for each in found.model_.predictor.encoding.features}
    assert kinds == {"kind": "category", "size": "number", "day": "datetime", "wet": "boolean"}
    assert found.warnings_[0] == "column 'same' is left out: it is the same in all rows"
    assert found.score(frame, answers) == 1.0
    assert found.predict(frame[:3]).tolist() == ["a", "b", "a"]
    assert isinstance(found.formulas_, library.DataFrame)
    with pytest.raises(InvalidData, match="'day' is a time"):
        found.partial_dependence("day")


def test_a_category_that_training_did_not_have_is_warned_of_once_per_call() -> None:
    frame = mixed(pd)[["kind", "wet"]]
    found = KANClassifier(**QUICK).fit(frame, frame["kind"] == "oak")
    rows = frame.assign(kind=["elm", "fir", "ash"] * (ROWS // 3))
    with pytest.warns(UnseenCategory, match="column 'kind' has 'elm', 'fir', which training") as told:
        found.predict(rows)
    assert len(told) == 1
    found.predict(frame)  # whose categories are known


def test_a_column_of_lists_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidData, match="'x' holds values of the types list"):
        KANRegressor(**QUICK).fit(pl.DataFrame({"x": [[1], [2], [3]]}), [1.0, 2.0, 3.0])


def test_class_weights_move_the_labels_and_not_the_probabilities() -> None:
    answers = np.where(LAW + RNG.normal(0, 0.2, ROWS) > 0.3, 1, 0)
    plain = KANClassifier(**QUICK).fit(FRAME, answers)
    weighted = KANClassifier(class_weight={1: 20.0}, **QUICK).fit(FRAME, answers)
    assert weighted.predict(FRAME).sum() > plain.predict(FRAME).sum()
    assert abs(weighted.predict_proba(FRAME)[:, 1].mean() - answers.mean()) < 0.1
    with pytest.raises(InvalidData, match="class_weight names a class '2'"):
        KANClassifier(class_weight={2: 1.0}, **QUICK).fit(FRAME, answers)


def test_estimators_take_part_in_pipelines_and_cross_validation() -> None:
    scores = cross_val_score(make_pipeline(StandardScaler(), KANRegressor(**QUICK)), FRAME, LAW, cv=2)
    assert scores.min() > 0.9


def test_a_copy_has_the_parameters_and_a_pickle_the_model(of_the_law: KANRegressor) -> None:
    assert clone(KANClassifier(**QUICK)).get_params()["hidden"] == (2,)
    again = pickle.loads(pickle.dumps(of_the_law))
    np.testing.assert_array_equal(again.predict(FRAME), of_the_law.predict(FRAME))


def test_progress_is_reported() -> None:
    told: list[str] = []

    def report(stage: str, fraction: float, message: str, error: float | None) -> None:
        told.append(stage)
        assert 0 <= fraction <= 1

    KANRegressor(report=report, **QUICK).fit(FRAME, LAW)
    assert "train" in told


def test_a_network_without_any_validation_error_counts_as_exact() -> None:
    x = np.array([[1.0, 3.0], [1.0, 3.0], [2.0, 4.0], [3.0, 1.0]] * 4)
    found = KANRegressor(**QUICK).fit(x, x[:, 0])
    np.testing.assert_allclose(found.predict(x), x[:, 0], atol=1e-3)


@pytest.mark.parametrize("serve", ["accurate", "compact"])
def test_a_compact_network_predicts_when_asked_and_by_default_when_it_serves(serve: Any) -> None:
    noisy = LAW + RNG.normal(0, 0.05, ROWS)
    model = KANRegressor(**QUICK, serve=serve, compact=True, max_curves=2).fit(FRAME, noisy)
    assert model.compact_ is not None
    assert model.compact_.network.edge_count <= 2
    np.testing.assert_array_equal(model.predict(FRAME), model.predict(FRAME, by=serve))
    assert not np.array_equal(model.predict(FRAME, by="compact"), model.predict(FRAME, by="accurate"))
    with pytest.raises(InvalidConfig, match=r"no member 'formula'.*'compact'"):
        model.predict(FRAME, by="formula")


def test_errors_of_the_target_must_be_positive_and_exclude_weights() -> None:
    x, y = np.linspace(0, 1, 20)[:, None], np.linspace(0, 1, 20)
    with pytest.raises(InvalidData, match="omit sample_weight"):
        KANRegressor().fit(x, y, sample_weight=np.ones(20), target_error=np.ones(20))
    with pytest.raises(InvalidData, match="must be positive"):
        KANRegressor().fit(x, y, target_error=np.zeros(20))


def test_a_monotone_and_bounded_regressor_is_so_everywhere() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (60, 2))
    y = x[:, 0] ** 2 + rng.normal(0, 0.2, 60)
    wishes = {"monotone": {"x0": "increasing"}, "bounds": (0.0, None)}
    found = KANRegressor(**wishes, symbolic=False).fit(x, y, target_error=np.full(60, 0.2))
    values = found.predict(np.column_stack([np.linspace(0, 1, 300), np.full(300, 0.5)]))
    assert (np.diff(values).min() >= -1e-12, values.min() >= 0) == (True, True)


def test_constants_of_groups_are_those_of_the_form() -> None:
    table = pd.DataFrame({"t": np.tile(np.linspace(0, 4, 20), 3), "patient": np.repeat(["A", "B", "C"], 20)})
    own = table.patient.map({"A": 1.0, "B": 2.0, "C": 4.0})
    y = own * np.exp(-0.8 * table.t) + 0.5 + np.random.default_rng(0).normal(0, 0.02, 60)  # as in the guide
    found = KANRegressor(
        **QUICK | {"symbolic": True}, form="a*exp(-b*t) + c", per_group="patient", max_seconds=4
    )
    found.fit(table, y)
    told = found.constants_.set_index("symbol")
    assert found.form_ is not None
    known = {each.name: (each.value, each.standard_error) for each in found.form_.fitted.constants}
    assert {name: (told.value[name], told.standard_error[name]) for name in told.index} == known
    assert known["a[A]"] == pytest.approx((1.0140, 0.0121), abs=0.0003)
    assert f"{known['a[A]'][0]!r}*patient_is_A" in str(found.formula_)
    with pytest.warns(UnseenCategory, match="'Z'"):
        stranger = found.predict(pd.DataFrame({"t": [0.0], "patient": ["Z"]}), by="formula")
    mean = np.mean([known[f"a[{name}]"][0] for name in "ABC"])
    assert stranger == pytest.approx(mean + known["c"][0])
