"""The formulas of a model, measured on rows that they were not fitted to, with domain, errors and verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, NotRequired

import numpy as np
from jaxtyping import Float

from kan_engine.assessment.constant_report import (
    Constant,
    MeasuredConstants,
    list_form_constants,
    measure_constants,
    read_constants,
)
from kan_engine.assessment.evidence.formula_evidence import FormulaEvidence
from kan_engine.assessment.form_report import FormReport
from kan_engine.assessment.rated_formula import FormulaDocument, RatedFormula
from kan_engine.assessment.rival_difference import find_difference
from kan_engine.assessment.thresholds import DEFAULT_ASSESSMENT
from kan_engine.assessment.unit_labels import list_exact_units
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import (
    Expression,
    evaluate,
    from_json,
    variables,
)
from kan_engine.expressions.measured_constants import count_constants
from kan_engine.expressions.unit_system import UnitSystem
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.core.losses import clip_squared_errors
from kan_engine.formulas.soundness.examination import examine_formula
from kan_engine.formulas.soundness.resolution import has_step

Verdict = Literal["exact", "consistent", "approximation", "weak"]
Quantity = Literal["value", "log-odds", "logit"]
Columns = Mapping[str, np.ndarray]


class OutputDocument(FormulaDocument):
    """The formulas of one output as JSON: the best one, and those of the front as ``pareto``."""

    name: str
    max_error: float
    domain: dict[str, list[float]]
    pareto: list[FormulaDocument]
    rivals: NotRequired[list[FormulaDocument]]
    quantity: Quantity
    constants: NotRequired[list[dict[str, Any]]]
    undetermined: NotRequired[list[list[int]]]
    exact_units: NotRequired[list[list[Any]]]


@dataclass(frozen=True, kw_only=True)
class OutputFormulas:
    """The formulas of one output.

    Attributes:
        name: Name of the output.
        quantity: What the formulas give: a value, or log-odds or a logit of a classifier.
        rated: All formulas, the best first.
        rivals: Other formulas that may be the law, the most probable first; some are among ``rated``.
        domain: Range in training of every variable that the best formula uses.
        measured: The constants of the best formula; None if the training values are not known.
        exact_units: Numbers of the best formula that are not measured and carry a unit, with it.
    """

    name: str
    quantity: Quantity
    rated: tuple[RatedFormula, ...]
    rivals: tuple[RatedFormula, ...] = ()
    domain: Mapping[str, tuple[float, float]]
    measured: MeasuredConstants | None = None
    exact_units: tuple[tuple[float, str], ...] = ()

    @property
    def constants(self) -> tuple[Constant, ...] | None:
        """The measured constants of the best formula; None if the training values are not known."""
        return None if self.measured is None else self.measured.constants

    @property
    def best(self) -> RatedFormula:
        """The formula that the search ranked first."""
        return self.rated[0]

    def to_dict(self, names: Mapping[str, str]) -> OutputDocument:
        """The formulas as JSON, with the printed ``names`` of variables."""
        best = self.best.rename_columns(names)
        data: OutputDocument = {
            **best.to_dict(),  # type: ignore[typeddict-item]  # mypy takes the keys not required as missing
            "name": self.name,
            "max_error": best.max_error,
            "exact_units": [list(pair) for pair in self.exact_units],
            "domain": {names[variable]: list(ends) for variable, ends in self.domain.items()},
            "pareto": [entry.rename_columns(names).to_dict() for entry in self.front],
            "quantity": self.quantity,
        }
        if best.probability is not None:
            data["rivals"] = [rival.rename_columns(names).to_dict() for rival in self.rivals]
        if self.measured is not None:
            data["constants"] = [asdict(constant) for constant in self.measured.constants]
            data["undetermined"] = [list(places) for places in self.measured.undetermined]
        return data

    @staticmethod
    def from_dict(data: Mapping[str, Any], names: Mapping[str, str]) -> OutputFormulas:
        """The inverse of ``to_dict``, except for the formulas that are not on the front."""
        variable = {label: name for name, label in names.items()}
        front = [
            RatedFormula.from_dict(entry, -place).rename_columns(variable)
            for place, entry in enumerate(data.get("pareto", ()))
        ]
        places = {entry.tree: entry.selection_error for entry in front}
        best = RatedFormula.from_dict(data, places.get(from_json(data["tree"]), math.inf))
        best = best.rename_columns(variable)
        return OutputFormulas(
            name=data["name"],
            quantity=data.get("quantity", "value"),
            rated=(best, *(entry for entry in reversed(front) if entry.tree != best.tree)),
            rivals=tuple(
                RatedFormula.from_dict(entry, math.inf).rename_columns(variable)
                for entry in data.get("rivals", ())
            ),
            domain={variable.get(name, name): (low, high) for name, (low, high) in data["domain"].items()},
            measured=read_constants(data),
            exact_units=tuple((value, unit) for value, unit in data.get("exact_units", ())),
        )

    @property
    def front(self) -> tuple[RatedFormula, ...]:
        """Formulas that no other beats in both size and validation error, smallest first."""
        front: list[RatedFormula] = []
        for entry in sorted(self.rated, key=lambda entry: (entry.size, entry.selection_error)):
            if not front or entry.selection_error < front[-1].selection_error:
                front.append(entry)
        return tuple(front)


@dataclass(frozen=True, kw_only=True)
class FormulaReport:
    """The formulas of a model.

    Attributes:
        outputs: Of every output of the network.
        is_exact: Whether all are exact to rounding error, with fewer constants than rows.
        verdict: What may be said of them.
        evidence: For the best formula of a regression.
        serves_within: Bounds of the answers of a formula that is not exact and answers in place of the
            network; None if it does not.
        measured_on: The rows that the errors belong to.
        form: The client's form, if it is the best formula.
    """

    outputs: tuple[OutputFormulas, ...]
    is_exact: bool
    verdict: Verdict
    evidence: FormulaEvidence | None = None
    serves_within: tuple[float, float] | None = None
    measured_on: str = "hold-out"
    form: FormReport | None = None

    def to_dict(self, names: Mapping[str, str]) -> dict[str, Any]:
        """The report as JSON, with the printed ``names`` of variables."""
        data: dict[str, Any] = {"exact": self.is_exact, "verdict": self.verdict}
        if (evidence := self.describe_evidence()) is not None:
            data["evidence"] = evidence
        data["outputs"] = [output.to_dict(names) for output in self.outputs]
        if self.serves_within is not None:
            data["serves_within"] = [end if math.isfinite(end) else None for end in self.serves_within]
        if self.form is not None:
            data["form"] = self.form.to_dict()
        return data | {"measured_on": self.measured_on}

    def describe_evidence(self) -> dict[str, Any] | None:
        """The evidence as JSON, with reasons and the number of constants that the report lists."""
        if self.evidence is None:
            return None
        output_constants, count = self.outputs[0].constants, self.evidence.non_structural_constants
        constants = count if output_constants is None else len(output_constants)
        return self.evidence.to_dict() | {"constants": constants, "reasons": self.evidence.reasons}

    @staticmethod
    def from_dict(data: Mapping[str, Any], names: Mapping[str, str]) -> FormulaReport:
        """The inverse of ``to_dict``."""
        evidence, within = data.get("evidence"), data.get("serves_within")
        return FormulaReport(
            outputs=tuple(OutputFormulas.from_dict(output, names) for output in data["outputs"]),
            is_exact=data["exact"],
            verdict=data.get("verdict") or ("exact" if data["exact"] else "approximation"),
            evidence=None if evidence is None else FormulaEvidence.from_dict(evidence),
            serves_within=None if within is None else _read_bounds(*within),
            measured_on=data.get("measured_on", "hold-out"),
            form=None if data.get("form") is None else FormReport.from_dict(data["form"]),
        )

    def add_form(self, form: FormReport) -> FormulaReport:
        """The report with the client's form as the best formula, which has the constants of the form."""
        (output,) = self.outputs
        return replace(self, form=form, outputs=(replace(output, measured=list_form_constants(form.fitted)),))

    def add_units(self, system: UnitSystem) -> FormulaReport:
        """The report with the units of its constants, and whether those of every formula add up."""
        return replace(self, outputs=tuple(_add_units(output, system) for output in self.outputs))

    @property
    def warnings(self) -> list[str]:
        """What the client should know of the constants of formulas that the search has found."""
        if self.form is not None:  # whose own warnings name its constants
            return []
        return [warning for output in self.outputs if output.measured for warning in output.measured.warnings]

    @property
    def trees(self) -> list[Expression]:
        """The best formula of every output."""
        return [output.best.tree for output in self.outputs]


def _read_bounds(low: float | None, high: float | None) -> tuple[float, float]:
    return -math.inf if low is None else low, math.inf if high is None else high


def _add_units(output: OutputFormulas, system: UnitSystem) -> OutputFormulas:
    constants, numbers = output.measured, system.report(output.best.tree)
    if constants is not None:
        constants, numbers = constants.add_units(system)
    formulas, rivals = (
        tuple(replace(formula, unit_status=system.report(formula.tree).status) for formula in part)
        for part in (output.rated, output.rivals)
    )
    return replace(
        output,
        rated=formulas,
        rivals=rivals,
        measured=constants,
        exact_units=tuple(list_exact_units(numbers)),
    )


def rate_formulas(
    formulas: Mapping[str, list[Formula]],
    columns: Columns,
    truth: Columns,
    *,
    quantity: Quantity = "value",
    seen: Columns | None = None,
    learnt: Columns | None = None,
    rows: LabelledRows | None = None,
    rivals: Sequence[Formula] = (),
    evidence: FormulaEvidence | None = None,
    max_exact_error: float = DEFAULT_ASSESSMENT.max_exact_error,
) -> FormulaReport | None:
    """Measure formulas, and drop those that are undefined or, of values, worse than the mean.

    Labels decide about formulas of classes, and not how near they come to the logits of a network.

    Args:
        formulas: Per output, best first.
        columns: Rows of every variable to measure on.
        truth: Values of every output there.
        quantity: What the formulas give.
        seen: Training rows of every variable, for the domain; default: ``columns``.
        learnt: Training values of every output, for the uncertainty of constants.
        rows: Training rows with their weights and known errors, for the same and for soundness.
        rivals: Of the first formula of the only output.
        evidence: For the best formula.
        max_exact_error: RMSE over the spread of an output, below which its formula is exact.

    Returns:
        None if an output has no useful formula.
    """
    outputs = []
    for name, candidates in formulas.items():
        entries = tuple(
            entry
            for formula in candidates
            if (entry := _rate_formula(formula, columns, truth[name], rows, is_value=quantity == "value"))
            is not None
        )
        if not entries:
            return None
        # Evidence and rivals belong to the first formula, so they are void if it was dropped
        best, ranges = entries[0].tree, seen or columns
        is_first = best == candidates[0].tree
        evidence = evidence if is_first else None
        rival_entries = (
            _rate_rivals(best, rivals, columns, truth[name], rows) if is_first and rows is not None else ()
        )
        outputs.append(
            OutputFormulas(
                name=name,
                quantity=quantity,
                rated=entries,
                rivals=rival_entries,
                domain={v: (float(ranges[v].min()), float(ranges[v].max())) for v in variables(best)},
            )
        )
    if not outputs:
        return None
    # Exact on the measured rows, and on the training rows, too, where constants could not fit any values
    is_close = all(
        output.best.rmse < max_exact_error * float(np.std(truth[output.name])) for output in outputs
    )
    is_exact = (
        is_close and quantity == "value" and _is_exact_in_training(outputs, seen, learnt, max_exact_error)
    )
    verdict: Verdict = "exact" if is_exact else "approximation" if evidence is None else evidence.verdict
    if seen is not None and learnt is not None:
        outputs = [
            replace(
                output,
                measured=measure_constants(
                    output.best.tree, seen, learnt[output.name], rows, is_exact=is_exact
                ),
            )
            for output in outputs
        ]
    return FormulaReport(outputs=tuple(outputs), is_exact=is_exact, verdict=verdict, evidence=evidence)


def _is_exact_in_training(
    outputs: list[OutputFormulas], columns: Columns | None, learnt: Columns | None, max_error: float
) -> bool:
    """Whether they are exact on the training rows, too, with fewer constants than rows and without a step."""
    if columns is None or learnt is None:
        return True
    for output in outputs:
        tree, truth = output.best.tree, learnt.get(output.name)
        if truth is None:
            continue
        # As many constants as rows, or a jump between rows, would fit any values
        error = evaluate(tree, columns) - truth
        largest = max_error * float(np.std(truth))
        is_close = np.sqrt(np.mean(error**2)) < largest
        if not is_close or count_constants(tree) >= len(truth) or has_step(tree, columns, largest):
            return False
    return True


def _rate_formula(
    formula: Formula,
    columns: Columns,
    truth: Float[np.ndarray, " rows"],
    rows: LabelledRows | None,
    *,
    is_value: bool = True,
) -> RatedFormula | None:
    """The errors of a formula; None if it is undefined somewhere, or if the mean of values would be better.

    A constant is always kept, as the last resort.
    """
    tree = formula.tree
    error = evaluate(tree, columns) - truth
    if not len(error) or not np.isfinite(error).all():
        return None
    # R² against the mean of these rows; of a single value it is not defined
    spread, mse = float(np.var(truth)), float(np.mean(error**2))
    if is_value and spread and variables(tree) and _is_worse_than_mean(error, truth):
        return None
    return RatedFormula(
        tree=tree,
        selection_error=formula.error,
        rmse=mse**0.5,
        r2=1 - mse / spread if spread else None,
        max_error=float(np.abs(error).max()),
        probability=formula.probability,
        sound=None if rows is None else examine_formula(tree, rows),
    )


def _rate_rivals(
    best: Expression,
    rivals: Sequence[Formula],
    columns: Columns,
    truth: Float[np.ndarray, " rows"],
    rows: LabelledRows,
) -> tuple[RatedFormula, ...]:
    """The rivals that are no worse than the mean, with where they differ from the best formula."""
    entries = (_rate_formula(rival, columns, truth, rows) for rival in rivals)
    return tuple(
        replace(entry, differs=find_difference(best, entry.tree, rows))
        for entry in entries
        if entry is not None
    )


def _is_worse_than_mean(error: Float[np.ndarray, " rows"], truth: Float[np.ndarray, " rows"]) -> bool:
    """Compare clipped squared errors, so that a single wrong value does not decide."""
    loss, mean_loss = (clip_squared_errors(values, truth).mean() for values in (error, truth - truth.mean()))
    return bool(loss > mean_loss)
