"""Formulas as clients receive them: the ``symbolic`` resource of a model."""

from __future__ import annotations

from typing import Any

import numpy as np

from kan_engine import Encoding, safe_names, to_json, to_text
from kan_engine.assessment.formula_report import FormulaReport, OutputFormulas, RatedFormula
from service.documents.model_summary import describe_formula


def make_symbolic_document(report: FormulaReport, encoding: Encoding) -> dict[str, Any]:
    """The ``symbolic`` resource without its model id."""
    evidence = report.evidence
    document: dict[str, Any] = {"exact": report.is_exact, "verdict": report.verdict}
    if evidence is not None:
        document["evidence"] = evidence.to_dict() | {"reasons": evidence.reasons}
    document["outputs"] = [_describe_output(output, encoding) for output in report.outputs]
    if report.serves_within is not None:
        document["serves_within"] = [end if np.isfinite(end) else None for end in report.serves_within]
    return document | {"measured_on": report.measured_on}


def _describe_output(output: OutputFormulas, encoding: Encoding) -> dict[str, Any]:
    best = output.best
    names = safe_names([column.name for column in encoding.names])
    described = {
        "name": output.name,
        **describe_formula(best.tree, names, encoding),
        **_describe_errors(best),
        "max_error": best.max_error,
        "domain": {names[variable]: list(ends) for variable, ends in output.domain.items()},
        "pareto": [
            {"expression": to_text(entry.tree, names), "tree": to_json(entry.tree)} | _describe_errors(entry)
            for entry in output.front
        ],
        "tree": to_json(best.tree),
        "quantity": output.quantity,
    }
    if output.constants is not None:
        described["constants"] = [vars(constant) for constant in output.constants]
    return described


def _describe_errors(entry: RatedFormula) -> dict[str, Any]:
    return {"complexity": entry.complexity, "rmse": entry.rmse, "r2": entry.r2}
