"""Formulas as clients receive them: the ``symbolic`` resource of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from kan_engine import Encoding, Expression, safe_names, to_text
from kan_engine.assessment.constant_report import Constant
from kan_engine.assessment.form_report import FormReport
from kan_engine.assessment.formula_report import FormulaReport, OutputFormulas
from kan_engine.assessment.rated_formula import RatedFormula
from kan_engine.assessment.rival_difference import Difference
from kan_engine.density.maximum_likelihood import Parameter
from kan_engine.expressions.nodes import bind
from kan_engine.expressions.unit_system import UnitStatus
from kan_engine.formulas.soundness.examination import Soundness
from service.documents.model_summary import FormulaSummary, describe_formula
from worker.results.serialization import INLINED, OMIT_NONE


@dataclass(frozen=True, kw_only=True)
class SymbolicDocument:
    """The ``symbolic`` resource without its model id.

    Attributes:
        exact: Whether all formulas are exact to rounding error.
        verdict: What may be said of them.
        evidence: For the formula of a regression.
        outputs: The formulas of every output.
        serves_within: Bounds of the answers of formulas that answer though they are not exact; None where an
            answer is unbounded.
        measured_on: Name of the rows that the errors belong to.
        form: The form of the client, if it is the best formula.
        equation_residual: Largest relative residual of the formulas in a solved equation.
        condition_residual: The same for its conditions.
    """

    exact: bool
    verdict: str
    evidence: Mapping[str, Any] | None = field(default=None, metadata=OMIT_NONE)
    outputs: Sequence[OutputDocument]
    serves_within: tuple[float | None, float | None] | None = field(default=None, metadata=OMIT_NONE)
    measured_on: str
    form: Mapping[str, Any] | None = field(default=None, metadata=OMIT_NONE)
    equation_residual: float | None = field(default=None, metadata=OMIT_NONE)
    condition_residual: float | None = field(default=None, metadata=OMIT_NONE)

    @property
    def complexity(self) -> int:
        """Total over the formulas of all outputs."""
        return sum(output.fit.complexity for output in self.outputs)


@dataclass(frozen=True, kw_only=True)
class RevisedSymbolic:
    """The formulas of an earlier version of a model, which answer or do not answer.

    Attributes:
        earlier: The stored document of that version, without ``serves_within``.
        serves_within: As in ``SymbolicDocument``.
    """

    earlier: Mapping[str, Any] = field(metadata=INLINED)
    serves_within: tuple[float | None, float | None] | None = field(default=None, metadata=OMIT_NONE)


@dataclass(frozen=True, kw_only=True)
class OutputDocument:
    """The formulas of an output.

    Attributes:
        name: Name of the output.
        text: The best formula in print, with the meaning of its variables.
        tree: The best formula.
        fit: Its errors, or its likelihood.
        max_error: Its largest absolute error; None for a density.
        domain: Range in training of every variable, by printed name.
        law: The law of a density.
        constants: Measured constants, with standard errors and units.
        undetermined: Sets of them that the rows do not determine one by one.
        unit_status: Whether the units of the best formula add up; None if units were not told.
        exact_units: Exact numbers of it that carry a unit.
        sound: Whether the best formula is defined and bounded within the ranges of its columns; None for a
            density and a classifier.
        probability: That the best formula is the law up to its constants; None if not compared.
        rivals: Other formulas that may be the law, the most probable first.
        pareto: Formulas that no other beats in size and error, the smallest first.
        quantity: What the formulas give.
    """

    name: str
    text: FormulaSummary = field(metadata=INLINED)
    tree: Expression
    fit: FormulaFit | LawFit = field(metadata=INLINED)
    max_error: float | None
    domain: Mapping[str, tuple[float, float]]
    law: LawDocument | None = field(default=None, metadata=OMIT_NONE)
    constants: Sequence[Constant] | None = field(default=None, metadata=OMIT_NONE)
    undetermined: Sequence[Sequence[int]] | None = field(default=None, metadata=OMIT_NONE)
    unit_status: UnitStatus | None = field(default=None, metadata=OMIT_NONE)
    exact_units: Sequence[tuple[float, str]] = ()
    sound: Soundness | None = field(default=None, metadata=OMIT_NONE)
    probability: float | None = field(default=None, metadata=OMIT_NONE)
    rivals: Sequence[ParetoEntry] | None = field(default=None, metadata=OMIT_NONE)
    pareto: Sequence[ParetoEntry]
    quantity: str


@dataclass(frozen=True, kw_only=True)
class FormulaFit:
    """Complexity, size and errors of a formula."""

    complexity: int
    size: int
    rmse: float
    r2: float | None
    log_loss: float | None = field(default=None, metadata=OMIT_NONE)


@dataclass(frozen=True, kw_only=True)
class LawFit:
    """Complexity, size and likelihood of the law of a density, which has no true values to compare with."""

    complexity: int
    size: int
    mean_log_likelihood: float | None
    rmse: None = None
    r2: None = None


@dataclass(frozen=True, kw_only=True)
class ParetoEntry:
    """A formula to choose, or a rival of the best one, with where it differs from that one."""

    expression: str
    tree: Expression
    law: str | None = field(default=None, metadata=OMIT_NONE)
    unit_status: UnitStatus | None = field(default=None, metadata=OMIT_NONE)
    sound: Soundness | None = field(default=None, metadata=OMIT_NONE)
    probability: float | None = field(default=None, metadata=OMIT_NONE)
    differs: Difference | None = field(default=None, metadata=OMIT_NONE)
    fit: FormulaFit | LawFit = field(metadata=INLINED)


@dataclass(frozen=True, kw_only=True)
class LawDocument:
    """The law of a density.

    Attributes:
        parameters: With intervals of the confidence ``level``.
        support: Ends of the support by column, None where it is unbounded.
        p_value: Of the goodness of fit.
    """

    name: str
    parameters: Sequence[Parameter]
    level: float
    support: Mapping[str, tuple[float | None, float | None]]
    p_value: float


def make_symbolic_document(report: FormulaReport, encoding: Encoding) -> SymbolicDocument:
    """The formulas of a report, in print."""
    names = safe_names([column.name for column in encoding.names])
    return SymbolicDocument(
        exact=report.is_exact,
        verdict=report.verdict,
        evidence=report.describe_evidence(),
        outputs=[_make_output(output, names, encoding) for output in report.outputs],
        serves_within=None if report.serves_within is None else finite_ends(report.serves_within),
        measured_on=report.measured_on,
        form=None if report.form is None else _make_form(report.form, names),
    )


def _make_form(form: FormReport, names: Mapping[str, str]) -> dict[str, Any]:
    """The form of the client, with the formula of the free search in print."""
    data, values = form.to_dict(), form.fitted.values.tolist()
    for entry, function in zip(data["functions"], form.fitted.functions, strict=True):
        entry["expression"] = to_text(bind(function.tree, values), names)
    if form.free is not None:
        data["free"] |= {"expression": to_text(form.free.tree, names)}
    return data


def finite_ends(ends: tuple[float, float]) -> tuple[float | None, float | None]:
    """The ends of a range, None where it is unbounded."""
    low, high = ends
    return low if isfinite(low) else None, high if isfinite(high) else None


def _make_output(output: OutputFormulas, names: Mapping[str, str], encoding: Encoding) -> OutputDocument:
    best = output.best.rename_columns(names)
    return OutputDocument(
        name=output.name,
        text=describe_formula(best.tree, names, encoding),
        tree=best.tree,
        fit=_make_fit(best),
        max_error=best.max_error,
        domain={names[variable]: ends for variable, ends in output.domain.items()},
        constants=output.constants,
        undetermined=None if output.measured is None else output.measured.undetermined,
        unit_status=best.unit_status,
        exact_units=output.exact_units,
        sound=best.sound,
        probability=best.probability,
        rivals=None if best.probability is None else [_make_entry(entry, names) for entry in output.rivals],
        pareto=[_make_entry(entry, names) for entry in output.front],
        quantity=output.quantity,
    )


def _make_entry(formula: RatedFormula, names: Mapping[str, str]) -> ParetoEntry:
    renamed_formula = formula.rename_columns(names)
    return ParetoEntry(
        expression=to_text(formula.tree, names),
        tree=formula.tree,
        unit_status=renamed_formula.unit_status,
        sound=renamed_formula.sound,
        probability=renamed_formula.probability,
        differs=renamed_formula.differs,
        fit=_make_fit(formula),
    )


def _make_fit(formula: RatedFormula) -> FormulaFit:
    return FormulaFit(
        complexity=formula.complexity,
        size=formula.size,
        rmse=formula.rmse,
        r2=formula.r2,
        log_loss=formula.log_loss,
    )
