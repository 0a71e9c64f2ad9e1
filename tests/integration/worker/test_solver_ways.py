"""Every way through the solver of differential equations, over HTTP and with the real runner.

That a problem took its way follows from the grids of its history. Grids of the whole domain begin with 8
intervals along an axis (4 in three variables) and at most double from one to the next. Windows join to any
number of intervals. They come first for nonlinear problems, and last for linear ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from kan_engine.differential.thresholds import DEFAULT_SOLVER, EquationThresholds, SolverThresholds
from tests.support.worked_service import Document, WorkedService
from worker.jobs.registry import HANDLERS, make_handlers
from worker.pipelines.thresholds import EquationJobThresholds

pytestmark = pytest.mark.usefixtures("no_suggestions")

Array = np.ndarray


@dataclass(frozen=True)
class Way:
    """A problem that takes one way through the solver.

    Attributes:
        domain: Ends of every independent variable.
        equations, conditions, unknowns: The problem; further parts of the request are ``more``.
        exact: Its unknowns, as functions of the independent variables.
        error: Largest error that is tolerated.
        is_taken: Whether the grids of the history, in their order, belong to this way.
        solver: Thresholds, where a small problem shall be too large for the whole domain.
    """

    domain: Mapping[str, Sequence[float]]
    equations: Sequence[str]
    conditions: Sequence[Any]
    exact: Callable[..., Array | Sequence[Array]]
    error: float
    is_taken: Callable[[Sequence[int]], bool]
    unknowns: Sequence[str] = ("u",)
    more: Mapping[str, Any] = field(default_factory=dict)
    solver: SolverThresholds = DEFAULT_SOLVER


def is_once(grids: Sequence[int]) -> bool:
    """Whether the whole domain was solved on its first grid alone."""
    return list(grids) == [8]


def is_refined(grids: Sequence[int]) -> bool:
    """Whether the whole domain was solved on finer and finer grids."""
    return grids[0] == 8 and len(grids) > 1 and all(a < b <= 2 * a for a, b in pairwise(grids))


def begins_with_windows(grids: Sequence[int]) -> bool:
    """Whether windows were joined, and then solved together."""
    return grids[0] > 8


def ends_with_windows(grids: Sequence[int]) -> bool:
    """Whether windows replaced the solution of the whole domain."""
    return len(grids) > 1 and is_whole(grids[:-1]) and grids[-1] > 2 * grids[-2]


def is_whole(grids: Sequence[int]) -> bool:
    """Whether nothing but the whole domain was solved."""
    return grids[0] in (4, 8) and all(a <= b <= 2 * a for a, b in pairwise(grids))


def pulse(x: Array, y: Array, t: Array) -> Array:
    """A Gaussian that spreads by u_t = u_xx + u_yy."""
    width = 4 * t + 0.2
    spread: Array = 0.2 / width * np.exp(-(x**2 + y**2) / width)
    return spread


SPREADING = {name: [-1, 1] for name in "xy"} | {"t": [0, 0.02]}
LOGISTIC: dict[str, Any] = {
    "domain": {"t": [0, 5]},
    "equations": ["u' = u*(1 - u)"],
    "conditions": ["u(0) = 0.1"],
    "exact": lambda t: 1 / (1 + 9 * np.exp(-t)),
}
ADVECTION: dict[str, Any] = {
    "domain": {"x": [0, 1], "t": [0, 0.5]},
    "equations": ["u_t + u_x = 0"],
    "conditions": ["u(x, 0) = exp(-100*(x - 1/4)^2)", "u(0, t) = exp(-100*(t + 1/4)^2)"],
    "exact": lambda x, t: np.exp(-100 * (x - t - 1 / 4) ** 2),
}
RAREFACTION: dict[str, Any] = {
    "domain": {"x": [0, 1], "t": [0, 1]},
    "equations": ["u_t + u*u_x = 0"],
    "exact": lambda x, t: (1 + x) / (1 + t),
}
TIMES = np.linspace(0, 4, 21)
FALL = {"t": TIMES.tolist(), "u": (2 * np.exp(-0.7 * TIMES)).tolist()}
DECAY: dict[str, Any] = {
    "domain": {"t": [0, 4]},
    "equations": ["u' = -k*u"],
    "exact": lambda t: 2 * np.exp(-0.7 * t),
    "error": 1e-7,
    "is_taken": lambda grids: grids[0] == 16,  # so that measurements are resolved
}
ESTIMATED = {"parameters": {"k": 1.5}, "measurements": {"columns": FALL}}

WAYS = {
    "the whole domain at once": Way(
        {"x": [0, 1]}, ["u'' = 2"], ["u(0) = 0", "u(1) = 1"], lambda x: x**2, 1e-10, is_once
    ),
    "finer grids where the solution bends": Way(
        {"x": [0, 1]},
        ["u''/2500 = u"],
        ["u(0) = 1", "u(1) = exp(-50)"],
        lambda x: np.exp(-50 * x),
        1e-8,
        is_refined,
    ),
    "a grid that is given": Way(
        **LOGISTIC, error=1e-3, is_taken=lambda grids: grids == [12], more={"network": {"grid": 12}}
    ),
    "windows, then all of them together": Way(**LOGISTIC, error=1e-8, is_taken=begins_with_windows),
    "windows alone, since all together are too large": Way(
        **LOGISTIC,
        error=1e-7,
        is_taken=lambda grids: len(grids) == 1 and begins_with_windows(grids),
        solver=replace(DEFAULT_SOLVER, max_step_bytes=1.0),
    ),
    "several starts of a nonlinear boundary value problem": Way(
        {"x": [0, 1]},
        ["u*u'' + u'^2 = 0"],  # of which a start at 0 knows nothing
        ["u(0) = 1", "u(1) = 2"],
        lambda x: np.sqrt(1 + 3 * x),
        1e-7,
        is_whole,
    ),
    "an unknown without a derivative in time": Way(
        {"x": [0, 1], "t": [0, 1]},
        ["u_t = p", "p*(1 + u - x*t) = x"],
        ["u(x, 0) = 0", "p(x, 0) = x"],
        lambda x, t: [x * t, x],
        1e-7,
        is_whole,
        unknowns=("u", "p"),
    ),
    "windows of a linear problem": Way(
        **ADVECTION,
        error=1e-4,
        is_taken=ends_with_windows,
        solver=replace(DEFAULT_SOLVER, max_step_multiplications=2e6),
    ),
    "windows of a linear problem that end too early": Way(
        **ADVECTION,
        error=0.5,
        is_taken=is_whole,
        solver=replace(DEFAULT_SOLVER, max_step_multiplications=2e6, min_window_share=0.5),
    ),
    "windows in two dimensions and time": Way(
        SPREADING,
        ["u_t = u_xx + u_yy"],
        [
            "u(x, y, 0) = exp(-5*(x^2 + y^2))",
            *(
                f"u({place}) = exp(-(1 + {other}^2)/(4*t + 0.2))*0.2/(4*t + 0.2)"
                for place, other in (("-1, y, t", "y"), ("1, y, t", "y"), ("x, -1, t", "x"), ("x, 1, t", "x"))
            ),
        ],
        pulse,
        1e-3,
        ends_with_windows,
        more={"network": {"order": 4}},
        solver=replace(
            DEFAULT_SOLVER,
            max_step_multiplications=3e6,
            first_window_share=0.5,
            window_jump_tolerances=(1e-10, 1e-5, 1e-3),
        ),
    ),
    "a condition where all characteristics leave": Way(
        **RAREFACTION,
        conditions=["u(x, 0) = 1 + x", "u(0, t) = 1/(1 + t)", "u(1, t) = 2.002/(1 + t)"],
        error=1e-6,  # of the condition 2e-3: it was not solved, but checked
        is_taken=lambda grids: True,
    ),
    "a condition where characteristics leave at first": Way(
        {"x": [-1, 1], "t": [0, 1]},
        ["u_t + u*u_x = -3"],
        ["u(x, 0) = (x + 1)/2", "u(1, t) = ((1 - t/2 + 3*t^2/2)/(1 + t/2) + 1)/2 - 3*t"],
        lambda x, t: ((x - t / 2 + 1.5 * t**2) / (1 + t / 2) + 1) / 2 - 3 * t,
        1e-3,
        begins_with_windows,
        more={"network": {"order": 4}, "symbolic": False},
    ),
    "periodic conditions": Way(
        {"x": [0, 1], "t": [0, 0.5]},
        ["u_t + u_x = 0"],
        ["u(x, 0) = sin(2*pi*x)", {"on": {"x": [0, 1]}, "residual": "u(0, t) - u(1, t)"}],
        lambda x, t: np.sin(2 * np.pi * (x - t)),
        1e-6,
        is_whole,
    ),
    "a parameter, with conditions to start from": Way(**DECAY, conditions=["u(0) = 2"], more=ESTIMATED),
    "a parameter, with measurements alone": Way(**DECAY, conditions=[], more=ESTIMATED),
    "measurements as conditions": Way(
        **{**DECAY, "equations": ["u' = -0.7*u"]},
        conditions=[],
        more={"measurements": {"columns": FALL}},
    ),
    "a shape that is given": Way(
        **{**LOGISTIC, "domain": {"t": [0, 2]}},
        error=1e-4,
        is_taken=lambda grids: grids[0] == 3,  # of the network, which is trained on the solution
        more={"network": {"hidden": [2]}, "training": {"steps": 8}},
    ),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_problem_is_solved_its_way(
    name: str, service: WorkedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = WAYS[name]
    thresholds = EquationJobThresholds(equations=EquationThresholds(solver=way.solver))
    monkeypatch.setitem(HANDLERS, "solve", make_handlers(equations=thresholds)["solve"])
    model = service.model(
        kind="solve",
        independent=list(way.domain),
        unknowns=list(way.unknowns),
        domain=dict(way.domain),
        equations=list(way.equations),
        conditions=list(way.conditions),
        **way.more,
    )
    grids = [entry["grid"] for entry in model["history"]]
    assert way.is_taken(grids), grids
    places = {n: np.random.default_rng(0).uniform(*ends, 200) for n, ends in way.domain.items()}
    truth = np.reshape(way.exact(**places), (len(way.unknowns), -1))
    for by in ("accurate", *(["formula"] if "formula" in model["members"] else [])):
        assert np.abs(predict(service, model, places, by) - truth).max() < way.error
    read_the_rest(service, model)


def predict(service: WorkedService, model: Document, places: Mapping[str, Array], by: str) -> Array:
    """The unknowns [unknowns, places], as a member of the model predicts them."""
    body = {"columns": {name: values.tolist() for name, values in places.items()}, "by": by}
    answer = service.client.post(f"/models/{model['id']}/predict", json=body)
    assert answer.status_code == 200, answer.text
    rows = answer.json()["predictions"]
    return np.array(
        [rows] if len(model["outputs"]) == 1 else [[r[n] for r in rows] for n in model["outputs"]]
    )


def read_the_rest(service: WorkedService, model: Document) -> None:
    """Read the figures, pictures, formulas and edges of a model."""
    path = f"/models/{model['id']}"
    unknowns = service.get(f"{path}/figures")["solution"]["unknowns"]
    assert [each["name"] for each in unknowns] == model["outputs"]
    for picture in ("plot.svg", "plots/solution.svg"):
        assert service.client.get(f"{path}/{picture}").status_code == 200
    assert service.get(f"{path}/edges")["edges"]
    formulas = service.client.get(f"{path}/symbolic")
    assert formulas.status_code == 200 or formulas.json()["code"] == "no_formula"
    assert (formulas.status_code == 200) == ("formula" in model["members"])
