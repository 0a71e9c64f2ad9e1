"""The law of a density as clients receive it: a formula, parameters with intervals, and its fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kan_engine import complexity, evaluate, safe_names, to_json, to_text, variables
from kan_engine.density.law_recognition import Recognised
from service.documents.model_summary import shown_formula
from worker.data.density_rows import DensityRows


def density_document(laws: Sequence[Recognised], rows: DensityRows, goal: str) -> dict[str, Any] | None:
    """The ``symbolic`` resource without its model id; None without a law.

    A density has no true values to compare with: ``rmse``, ``r2`` and ``max_error`` are null, and
    ``mean_log_likelihood`` is reported instead.
    """
    if not laws:
        return None
    best, names = laws[0], safe_names(rows.names)
    used = variables(best.tree)
    seen = dict(zip(rows.names, rows.training.T, strict=True))
    output = {
        "name": goal,
        **shown_formula(best.tree, names, rows.encoding),
        **_told(best, rows),
        "max_error": None,
        "domain": {names[name]: [float(seen[name].min()), float(seen[name].max())] for name in used},
        "law": {
            "name": best.name,
            "parameters": best.parameters,
            "level": 0.95,
            "support": {
                name: [end if np.isfinite(end) else None for end in side]
                for name, side in zip(rows.names, best.support, strict=True)
            },
            "p_value": best.p_value,
        },
        "constants": [],
        "pareto": [
            {"expression": to_text(law.tree, names), "tree": to_json(law.tree), "law": law.name}
            | _told(law, rows)
            for law in _front(laws)
        ],
        "tree": to_json(best.tree),
        "quantity": "density",
    }
    return {
        "exact": False,
        "verdict": "consistent",
        "outputs": [output],
        "measured_on": rows.measured_on,
    }


def _front(laws: Sequence[Recognised]) -> list[Recognised]:
    """Accepted laws where less complexity means less likelihood, simplest first; the best law is last."""
    front: list[Recognised] = []
    for law in laws:
        if not front or complexity(law.tree) < complexity(front[-1].tree):
            front.append(law)
    return front[::-1]


def _told(law: Recognised, rows: DensityRows) -> dict[str, Any]:
    """Complexity of a law, and mean log-likelihood of its formula as printed."""
    values = evaluate(law.tree, dict(zip(rows.names, rows.measured.T, strict=True)))
    with np.errstate(all="ignore"):
        logs = np.log(np.broadcast_to(values, len(rows.measured)))
    ends = np.array(law.support).T
    outside = ((rows.measured < ends[0]) | (rows.measured > ends[1])).any(1)
    is_defined = bool(np.isfinite(logs).all()) and not outside.any()
    return {
        "complexity": complexity(law.tree),
        "mean_log_likelihood": float(logs.mean()) if is_defined else None,
        "rmse": None,
        "r2": None,
    }
