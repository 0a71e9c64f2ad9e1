"""Parameters that cannot be are refused before the search, with name, value and what to give instead."""

from collections.abc import Mapping
from inspect import signature
from typing import Any

import numpy as np
import pytest

from kan_engine import InvalidConfig, KANClassifier, KANDensity, KANRegressor, solve
from kan_engine.estimators.parameters import DENSITY_RULES, EQUATION_RULES, ESTIMATOR_RULES, Rule

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

X = np.linspace(0, 1, 20)[:, None]
DECAY: dict[str, Any] = {
    "equations": ["y' = -y"],
    "unknowns": ["y"],
    "domain": {"x": (0, 1)},
    "conditions": ["y(0) = 1"],
}
WRONG: dict[str, list[Any]] = {
    "hidden": [3, "5", (0,), (2.5,)],
    "grid": ["x", 0, 2.5, True],
    "order": ["cubic", -1, 11, None],
    "optimizer": ["sgd", None],
    "device": ["gpu"],
    "grid_schedule": [5, (), (5, 0)],
    "steps": [0, "10"],
    "lamb": [-1.0, float("nan"), "x"],
    "restarts": [0],
    "prune": ["no", 1],
    "symbolic": [None],
    "max_complexity": [0, 3.5],
    "forbid": ["sin", ["sinn"], None],
    "functions": ["sin", [3]],
    "must_use": ["x0", ["depth"]],
    "max_constants": [-1],
    "monotone": ["x0", {"x0": "up"}, {"depth": "increasing"}],
    "bounds": [(0,), (1, 0), ("a", None)],
    "form": [3, ""],
    "constants": [{"b": 3}, {"b": {"low": 0}}],
    "per_group": [3, {"own": ["a"]}, "patient"],
    "units": ["m", {"x0": 3}, {"depth": "m"}],
    "unit_mode": ["strict"],
    "max_curves": [0],
    "serve": ["best"],
    "is_ordered": ["yes"],
    "max_seconds": [0, "60", float("inf")],
    "random_state": [-1, "seed"],
    "report": [3],
}
CASES = [(name, value) for name, values in WRONG.items() for value in values]


@pytest.mark.parametrize(("name", "value"), CASES)
def test_a_wrong_parameter_of_an_estimator_is_refused_by_its_name(name: str, value: Any) -> None:
    with pytest.raises(InvalidConfig, match=f"^{name} "):
        KANRegressor(**{name: value}).fit(X, X[:, 0])


def test_the_message_has_the_value_and_what_to_give_instead() -> None:
    with pytest.raises(
        InvalidConfig, match=r"^grid must be a whole number from 1 to 10000, or None; got 'x'$"
    ):
        KANRegressor(grid="x").fit(X, X[:, 0])  # type: ignore[arg-type]
    with pytest.raises(
        InvalidConfig, match=r"^must_use names 'depth', which is no column; the columns are 'x0'$"
    ):
        KANRegressor(must_use=["depth"]).fit(X, X[:, 0])


@pytest.mark.parametrize("value", ["even", {"a": 0}, [1, 2]])
def test_wrong_weights_of_classes_are_refused(value: Any) -> None:
    with pytest.raises(InvalidConfig, match=r"^class_weight "):
        KANClassifier(class_weight=value).fit(X, np.where(X[:, 0] > 0.5, "a", "b"))


@pytest.mark.parametrize(
    ("name", "value"), [("grid", "x"), ("order", 0), ("nodes", -1), ("random_state", None)]
)
def test_a_wrong_parameter_of_a_density_is_refused_by_its_name(name: str, value: Any) -> None:
    with pytest.raises(InvalidConfig, match=f"^{name} must be "):
        KANDensity(**{name: value}).fit(X)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("equations", "y' = -y"),
        ("unknowns", "y"),
        ("domain", {"x": 3}),
        ("conditions", "y(0) = 1"),
        ("parameters", ["k"]),
        ("grid", "x"),
        ("order", 1),
        ("steps", 0),
        ("symbolic", "no"),
        ("max_seconds", -1),
    ],
)
def test_a_wrong_argument_of_solve_is_refused_by_its_name(name: str, value: Any) -> None:
    with pytest.raises(InvalidConfig, match=f"^{name} must be "):
        solve(**DECAY | {name: value})


@pytest.mark.parametrize(
    ("door", "rules"),
    [
        (KANRegressor, ESTIMATOR_RULES),
        (KANClassifier, ESTIMATOR_RULES),
        (KANDensity, DENSITY_RULES),
        (solve, EQUATION_RULES),
    ],
)
def test_every_parameter_has_a_rule(door: Any, rules: Mapping[str, Rule]) -> None:
    elsewhere = {"measurements", "thresholds"}  # a table, and a config that checks itself
    assert set(signature(door).parameters) - elsewhere <= rules.keys()


def test_what_scikit_learn_passes_is_accepted() -> None:
    values: dict[str, Any] = {
        "grid": np.int64(3),
        "hidden": np.array([2]),
        "lamb": np.float64(0.5),
        "random_state": np.random.RandomState(0),
    }
    assert [name for name, value in values.items() if not ESTIMATOR_RULES[name].accepts(value)] == []
