"""Operon's front of formulas, and models that have no formula, on the same rows with one core."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.benchmarks.front.subjects.formulas import measure_values, summarize_front
from tests.benchmarks.front.subjects.split import read_parts
from tests.benchmarks.rows import Values
from tests.benchmarks.subjects import baselines

# As published comparisons run it: a large population, constants by Levenberg-Marquardt in every individual,
# and a front of R² and length. Only time ends it.
OPERON: dict[str, Any] = {
    "allowed_symbols": "add,sub,mul,div,aq,square,sqrt,exp,log,sin,cos,tanh,constant,variable",
    "objectives": ["r2", "length"],
    "optimizer_iterations": 10,
    "max_length": 50,
    "max_depth": 10,
    "population_size": 1000,
    "pool_size": 1000,
    "generations": 10**9,
    "max_evaluations": 10**9,
    "offspring_generator": "basic",
    "reinserter": "keep-best",
    "n_threads": 1,
    "random_state": 1,
}
PRINTED_DIGITS = 12
QUICK_ROUNDS = 50


def measure_operon(path: Path, target: str, max_seconds: float) -> Values:
    """Run Operon for so many seconds; measure all formulas of its front."""
    from pyoperon.sklearn import SymbolicRegressor

    x, x_held, y, y_held = read_parts(path, target)
    names = [f"X{index + 1}" for index in range(x.shape[1])]
    start = time.perf_counter()
    model = SymbolicRegressor(**OPERON, max_time=max_seconds).fit(x, y)
    seconds = time.perf_counter() - start
    points = [
        measure_values(
            model.get_model_string(entry["tree"], precision=PRINTED_DIGITS),
            names,
            model.evaluate_model(entry["tree"], x_held),
            y_held,
        )
        for entry in model.pareto_front_
    ]
    return {**summarize_front(points), "seconds": seconds}


def measure_model(name: str, path: Path, target: str, *, is_quick: bool) -> Values:
    """R² of a model of ``create_model`` on the hold-out rows, and the seconds of its fit."""
    x, x_held, y, y_held = read_parts(path, target)
    model = create_model(name, is_quick=is_quick)
    start = time.perf_counter()
    model.fit(x, y)
    seconds = time.perf_counter() - start
    return {"R2": float(r2_score(y_held, model.predict(x_held))), "seconds": seconds}


def create_model(name: str, *, is_quick: bool) -> Any:
    """``EBM``, ``boosting`` or ``linear`` with its defaults, on one core.

    Args:
        is_quick: Whether few rounds of EBM will do, which needs minutes on one core.
    """
    if name == "EBM":
        from interpret.glassbox import ExplainableBoostingRegressor

        hurry = {"max_rounds": QUICK_ROUNDS} if is_quick else {}
        return ExplainableBoostingRegressor(n_jobs=1, **hurry)
    if name == "boosting":
        return baselines.MODELS["boosting 100, regression"]()
    return make_pipeline(StandardScaler(), LinearRegression())
