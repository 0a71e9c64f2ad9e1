"""Differential equations with known solutions, solved by a job and compared on a fine grid."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import sympy

from tests.benchmarks.rows import Values
from tests.benchmarks.subjects import references
from tests.benchmarks.subjects.service import finished_model

ASKED = ("independent", "unknowns", "domain", "equations", "conditions")  # all else of a line is about it
FURTHER = Path(__file__).parent / "further_equations.jsonl"
FINE = {1: 1_001, 2: 101, 3: 41}  # points along an axis


def problems(path: Path) -> dict[str, dict[str, Any]]:
    """The lines of a file by their ids."""
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {line["id"]: line for line in lines}


def solved(client: httpx.Client, problem: Mapping[str, Any]) -> Values:
    """Solve with defaults.

    Returns:
        The relative L2 error on a fine grid, of all unknowns together; the largest error; seconds of the job;
        the formulas, if it has them.
    """
    body = {"kind": "solve", **{name: problem[name] for name in ASKED}}
    job, _, seconds = finished_model(client, None, body)
    columns, truth = _truth(problem)
    prediction = _predicted(client, job["model_id"], columns, problem["unknowns"])
    answer = client.get(f"/models/{job['model_id']}/symbolic")
    formulas = [output["expression"] for output in answer.json()["outputs"]] if answer.is_success else []
    return {
        "error": float(np.linalg.norm(prediction - truth) / np.linalg.norm(truth)),
        "largest error": float(np.abs(prediction - truth).max()),
        "seconds": seconds,
        "formula": "; ".join(formulas) or None,
    }


def all_solved(client: httpx.Client, entries: Mapping[str, Mapping[str, Any]]) -> Values:
    """Solve several with defaults.

    Returns:
        How many there are, the largest error and the longest time of any, how many have a solution in closed
        form and of how many of these the formula was found, and the others of these by their ids.
    """
    results = {name: solved(client, problem) for name, problem in entries.items()}
    elementary = [name for name, problem in entries.items() if "exact" in problem]
    without = [name for name in elementary if not results[name]["formula"]]
    return {
        "problems": len(entries),
        "error": max(float(result["error"] or 0.0) for result in results.values()),
        "seconds": max(float(result["seconds"] or 0.0) for result in results.values()),
        "elementary": len(elementary),
        "formulas": len(elementary) - len(without),
        "without": ", ".join(without) or None,
    }


def _truth(problem: Mapping[str, Any]) -> tuple[dict[str, list[float]], np.ndarray]:
    """Points, and the values of all unknowns there [unknowns, points]."""
    reference = problem.get("reference")
    if reference and "points" not in reference:
        points, values = references.compute(problem)
        return {name: column.tolist() for name, column in points.items()}, values
    if reference:
        return reference["points"], np.array([reference["values"][name] for name in problem["unknowns"]])
    names = problem["independent"]
    axes = [np.linspace(*map(float, problem["domain"][name]), FINE[len(names)]) for name in names]
    points = [axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")]
    values = [
        np.broadcast_to(
            sympy.lambdify(names, sympy.sympify(problem["exact"][unknown]))(*points), points[0].shape
        )
        for unknown in problem["unknowns"]
    ]
    return {name: axis.tolist() for name, axis in zip(names, points, strict=True)}, np.array(values)


def _predicted(
    client: httpx.Client, model: str, columns: Mapping[str, list[float]], unknowns: list[str]
) -> np.ndarray:
    answer = client.post(f"/models/{model}/predict", json={"columns": columns}).raise_for_status().json()
    rows = answer["predictions"]
    if len(unknowns) == 1:
        return np.array([rows])
    return np.array([[row[name] for row in rows] for name in unknowns])


def decay_by_pykan(steps: int) -> Values:
    """y' = -y with y(0) = 1 on [0, 5] by pykan: KAN[1,3,1], the residual at 100 points, L-BFGS."""
    import kan
    import torch

    from tests.benchmarks.subjects import pykan

    model = pykan.network((1, 3, 1), grid=3, grid_range=[0, 5])
    model.speed()
    x = torch.linspace(0, 5, 100)[:, None].requires_grad_()
    optimizer = kan.LBFGS(
        model.parameters(), lr=1, history_size=10, line_search_fn="strong_wolfe", tolerance_change=1e-32
    )

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        y = model(x)
        (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        total = (slope + y).square().mean() + (model(x[:1] * 0) - 1).square().mean()
        total.backward()
        return total

    start = time.perf_counter()
    for _ in range(steps):
        optimizer.step(loss)
    seconds = time.perf_counter() - start
    fine = np.linspace(0, 5, 1_001)
    errors = pykan.predict(model, fine[:, None])[:, 0] - np.exp(-fine)
    size = float(np.linalg.norm(np.exp(-fine)))
    return {
        "error": float(np.linalg.norm(errors)) / size,
        "largest error": float(np.abs(errors).max()),
        "seconds": seconds,
    }
