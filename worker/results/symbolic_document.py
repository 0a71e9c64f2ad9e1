"""Formulas as clients receive them: evaluated as printed on the hold-out rows, with domain and errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kan_engine import (
    Encoding,
    Formula,
    FormulaEvidence,
    ParametricForm,
    clip_squared_errors,
    complexity,
    evaluate,
    from_json,
    parametrize_floats,
    safe_names,
    standard_errors,
    to_json,
    to_text,
    variables,
)
from service.documents.model_summary import describe_formula

MAX_EXACT_ERROR = 1e-7  # RMSE over the target's standard deviation


def make_symbolic_document(
    formulas: Mapping[str, list[Formula]],
    columns: Mapping[str, np.ndarray],
    truth: Mapping[str, np.ndarray],
    *,
    quantity: str = "value",
    seen: Mapping[str, np.ndarray] | None = None,
    learnt: Mapping[str, np.ndarray] | None = None,
    evidence: FormulaEvidence | None = None,
    encoding: Encoding | None = None,
) -> dict[str, Any] | None:
    """The ``symbolic`` resource without its model id; None if an output has no useful formula.

    Args:
        formulas: Per output, best first.
        columns: Hold-out rows of every variable.
        truth: Hold-out values of every output.
        quantity: What the formulas give: ``value``, or ``log-odds`` or ``logit`` of a classifier.
        seen: Training rows of every variable, for the domain; default: the hold-out rows.
        learnt: Training values of every output, for the uncertainty of constants.
        evidence: For the best formula.
        encoding: Defines the variables that are not columns of the client.
    """
    outputs = []
    for name, found in formulas.items():
        rated = [_rate_formula(formula, columns, truth[name]) for formula in found]
        rated = [entry for entry in rated if entry["rmse"] is not None]
        rated = [entry for entry in rated if not _is_worthless(entry)]
        if not rated:
            return None
        evidence = evidence if rated[0]["tree"] == found[0].tree else None
        output = _describe_output(name, rated, seen or columns, encoding) | {"quantity": quantity}
        if seen is not None and learnt is not None:
            output["constants"] = _describe_constants(rated[0], seen, learnt[name])
        outputs.append(output)
    if not outputs:
        return None
    spreads = [float(np.std(truth[output["name"]])) for output in outputs]
    close = all(o["rmse"] < MAX_EXACT_ERROR * spread for o, spread in zip(outputs, spreads, strict=True))
    is_exact = close and quantity == "value" and _is_exact_in_training(seen, learnt, outputs)
    verdict = "exact" if is_exact else "approximation" if evidence is None else evidence.verdict
    told = {} if evidence is None else {"evidence": evidence.to_dict() | {"reasons": evidence.reasons}}
    return {"exact": is_exact, "verdict": verdict, **told, "outputs": outputs}


def _is_exact_in_training(
    seen: Mapping[str, np.ndarray] | None,
    learnt: Mapping[str, np.ndarray] | None,
    outputs: list[dict[str, Any]],
) -> bool:
    """Whether the formulas are also exact on the training rows, with fewer constants than rows."""
    if seen is None or learnt is None:
        return True
    for output in outputs:
        tree, truth = from_json(output["tree"]), learnt.get(output["name"])
        if truth is None:
            continue
        error = evaluate(tree, seen) - truth
        is_close = np.sqrt(np.mean(error**2)) < MAX_EXACT_ERROR * np.std(truth)
        if not is_close or len(parametrize_floats(tree)[1]) >= len(truth):
            return False
    return True


def _is_worthless(entry: dict[str, Any]) -> bool:
    """Whether the mean would be better; a constant is always kept, as the last resort."""
    return bool(entry["is_worse"] and variables(entry["tree"]))


def _describe_output(
    name: str,
    rated: list[dict[str, Any]],
    columns: Mapping[str, np.ndarray],
    encoding: Encoding | None,
) -> dict[str, Any]:
    best = rated[0]
    names = safe_names(list(columns))
    used = variables(best["tree"])
    domain = {names[column]: [float(columns[column].min()), float(columns[column].max())] for column in used}
    own = {key: best[key] for key in ("complexity", "r2", "rmse", "max_error")}
    front = [
        {"expression": to_text(entry["tree"], names), "tree": to_json(entry["tree"])}
        | {key: entry[key] for key in ("complexity", "rmse", "r2")}
        for entry in _select_front(rated)
    ]
    return {
        "name": name,
        **describe_formula(best["tree"], names, encoding),
        **own,
        "domain": domain,
        "pareto": front,
        "tree": to_json(best["tree"]),
    }


def _describe_constants(
    best: dict[str, Any], seen: Mapping[str, np.ndarray], learnt: np.ndarray
) -> list[dict[str, float]]:
    """Measured constants in the order of the formula, with their standard errors."""
    tree, values = parametrize_floats(best["tree"])
    used = {name: seen[name] for name in variables(best["tree"])}
    if not used or not values:
        return []
    errors = standard_errors(ParametricForm(tree, np.array(values)), (used, learnt)).tolist()
    return [{"value": v, "standard_error": error} for v, error in zip(values, errors, strict=True)]


def _rate_formula(formula: Formula, columns: Mapping[str, np.ndarray], truth: np.ndarray) -> dict[str, Any]:
    tree = formula.tree
    error = evaluate(tree, columns) - truth
    good = bool(len(error)) and bool(np.isfinite(error).all())
    spread = float(np.var(truth)) if len(truth) else 0.0
    mse = float(np.mean(error**2)) if good else float("nan")
    return {
        "tree": tree,
        "choice": formula.error,
        "complexity": complexity(tree),
        "rmse": mse**0.5 if good else None,
        "r2": 1 - mse / spread if good and spread else None,
        "is_worse": good and bool(spread) and _is_worse_than_mean(error, truth),
        "max_error": float(np.abs(error).max()) if good else None,
    }


def _is_worse_than_mean(error: np.ndarray, truth: np.ndarray) -> bool:
    """Compare clipped squared errors, so that a single wrong value does not decide."""
    own, means = (clip_squared_errors(values, truth).mean() for values in (error, truth - truth.mean()))
    return bool(own > means)


def _select_front(rated: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Formulas that no other beats in both complexity and validation error, simplest first.

    The validation error also selects the best formula, which is therefore always the last one.
    """
    front: list[dict[str, Any]] = []
    for entry in sorted(rated, key=lambda entry: (entry["complexity"], entry["choice"])):
        if not front or entry["choice"] < front[-1]["choice"]:
            front.append(entry)
    return front
