"""Formulas as clients receive them: the ``symbolic`` resource of a model."""

from __future__ import annotations

from typing import Any

from kan_engine import Encoding, safe_names, to_text
from kan_engine.assessment.formula_report import FormulaReport
from service.documents.model_summary import describe_formula


def make_symbolic_document(report: FormulaReport, encoding: Encoding) -> dict[str, Any]:
    """The ``symbolic`` resource without its model id: the report, with formulas in print."""
    names = safe_names([column.name for column in encoding.names])
    document = report.to_dict(names)
    for output, told in zip(report.outputs, document["outputs"], strict=True):
        told.update(describe_formula(output.best.tree, names, encoding))
        for entry, alternative in zip(output.front, told["pareto"], strict=True):
            alternative["expression"] = to_text(entry.tree, names)
    return document
