"""The formulas of a report as the ``symbolic`` document of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite
from typing import Any

from kan_engine import Encoding, from_json, safe_names, to_text
from kan_engine.assessment.form_report import FormReport
from kan_engine.assessment.formula_report import FormulaReport, OutputFormulas
from kan_engine.expressions.nodes import bind
from service.documents.model_summary import describe_formula
from service.schemas.formulas import SymbolicDocument


def make_symbolic_document(report: FormulaReport, encoding: Encoding) -> SymbolicDocument:
    """What the report says, with its formulas in print."""
    names = safe_names([column.name for column in encoding.names])
    document = report.to_dict(names)
    document["outputs"] = [
        _print_output(output, data, names, encoding)
        for output, data in zip(report.outputs, document["outputs"], strict=True)
    ]
    if report.form is not None:
        _print_form(report.form, document["form"], names)
    return SymbolicDocument.model_validate(document)


def _print_output(
    output: OutputFormulas, data: Mapping[str, Any], names: Mapping[str, str], encoding: Encoding
) -> dict[str, Any]:
    lists = {"pareto", "rivals"} & data.keys()
    printed = {name: [_print_formula(entry, names) for entry in data[name]] for name in lists}
    return {**data, **printed, **asdict(describe_formula(output.best.tree, names, encoding))}


def _print_formula(data: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {**data, "expression": to_text(from_json(data["tree"]), names)}


def _print_form(form: FormReport, data: dict[str, Any], names: Mapping[str, str]) -> None:
    """Print the functions of the client's form, and the formula of the free search."""
    values = form.fitted.values.tolist()
    for entry, function in zip(data["functions"], form.fitted.functions, strict=True):
        entry["expression"] = to_text(bind(function.tree, values), names)
    if form.free is not None:
        data["free"]["expression"] = to_text(form.free.tree, names)


def finite_ends(ends: tuple[float, float]) -> tuple[float | None, float | None]:
    """The ends of a range, None where it is unbounded."""
    low, high = ends
    return low if isfinite(low) else None, high if isfinite(high) else None
