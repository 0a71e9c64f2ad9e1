"""Formulas as the client gets them: re-evaluated as printed on the hold-out rows, with domain and errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kan_engine import (
    Expression,
    Formula,
    complexity,
    evaluate,
    safe_names,
    to_json,
    to_latex,
    to_text,
    variables,
)

EXACT = 1e-7  # RMSE over the target's standard deviation below which a formula is exact


def symbolic_document(
    formulas: Mapping[str, list[Formula]], columns: Mapping[str, np.ndarray], truth: Mapping[str, np.ndarray]
) -> dict[str, Any] | None:
    """The ``symbolic`` resource without its model id; None if an output has no formula.

    Args:
        formulas: Per output, best first.
        columns: Hold-out rows of every variable.
        truth: Hold-out values of every output.
    """
    outputs = []
    for name, found in formulas.items():
        rated = [_rate(formula.tree, columns, truth[name]) for formula in found]
        rated = [entry for entry in rated if entry["rmse"] is not None]
        if not rated:
            return None
        outputs.append(_output(name, rated, columns))
    if not outputs:
        return None
    spreads = [float(np.std(truth[output["name"]])) for output in outputs]
    exact = all(o["rmse"] < EXACT * spread for o, spread in zip(outputs, spreads, strict=True))
    return {"exact": exact, "outputs": outputs}


def _output(name: str, rated: list[dict[str, Any]], columns: Mapping[str, np.ndarray]) -> dict[str, Any]:
    best = rated[0]
    names = safe_names(list(columns))
    used = variables(best["tree"])
    domain = {names[column]: [float(columns[column].min()), float(columns[column].max())] for column in used}
    symbols = {names[column]: column for column in used if names[column] != column}
    own = {key: best[key] for key in ("complexity", "r2", "rmse", "max_error")}
    front = [
        {"expression": to_text(entry["tree"], names)}
        | {key: entry[key] for key in ("complexity", "rmse", "r2")}
        for entry in _front(rated)
    ]
    return {
        "name": name,
        "expression": to_text(best["tree"], names),
        "latex": to_latex(best["tree"], names),
        "symbols": symbols,
        **own,
        "domain": domain,
        "pareto": front,
        "tree": to_json(best["tree"]),
    }


def _rate(tree: Expression, columns: Mapping[str, np.ndarray], truth: np.ndarray) -> dict[str, Any]:
    error = evaluate(tree, columns) - truth
    good = bool(len(error)) and bool(np.isfinite(error).all())
    spread = float(np.var(truth)) if len(truth) else 0.0
    mse = float(np.mean(error**2)) if good else float("nan")
    return {
        "tree": tree,
        "complexity": complexity(tree),
        "rmse": mse**0.5 if good else None,
        "r2": 1 - mse / spread if good and spread else None,
        "max_error": float(np.abs(error).max()) if good else None,
    }


def _front(rated: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Formulas that no other beats in both complexity and error, simplest first."""
    front: list[dict[str, Any]] = []
    for entry in sorted(rated, key=lambda entry: (entry["complexity"], entry["rmse"])):
        if not front or entry["rmse"] < front[-1]["rmse"]:
            front.append(entry)
    return front
