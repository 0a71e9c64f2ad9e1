"""Rows to measure next, from a model and the rows that it was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Num

from kan_engine.assessment.formula_report import FormulaReport
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.experiments.next_rows import (
    Foretelling,
    choose_rows,
    foretell,
    foretell_unknown,
)
from kan_engine.experiments.settings import Setting, draw_settings, write_rows
from kan_engine.expressions.evaluation import Expression, evaluate
from kan_engine.expressions.printing.identifiers import safe_names
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.soundness.examination import compute_limits
from kan_engine.inference.predictor import NetworkName, Predictor

UNKNOWN = 0.5  # probability of a formula, and of none, where formulas were not compared
NETWORKS: tuple[NetworkName, ...] = ("accurate", "linear", "compact")


@dataclass(frozen=True, kw_only=True)
class ProposedRow:
    """A row to measure.

    Attributes:
        row: Its columns, as a client writes them.
        predictions: What is foretold there, by formula or by member; None where a formula is undefined.
        gain: Expected information in bits.
    """

    row: dict[str, Any]
    predictions: dict[str, float | None]
    gain: float


def propose_rows(
    predictor: Predictor,
    report: FormulaReport | None,
    seen: LabelledRows,
    settings: Sequence[Setting],
    count: int,
    *,
    seed: int = 0,
    candidates: int = 4096,
) -> list[ProposedRow]:
    """The rows from which most is learnt of a target that is a number, the most informative first.

    Args:
        predictor: The networks of a model, which foretell where there is no formula.
        report: Its formulas.
        seen: The encoded rows that were measured, or a sample of them.
        settings: Of its columns.
        count: How many rows; fewer if the settings do not allow so many.
        seed: Of the rows that may be next.
        candidates: Their number, a power of two.

    Raises:
        InvalidData: A time that is held is none.
    """
    samples = draw_settings(settings, candidates, seed)
    # Settings that are encoded alike are one row to a model
    encoded_rows, different = np.unique(predictor.encoding.transform(samples), axis=0, return_index=True)
    samples = {name: values[different] for name, values in samples.items()}
    columns = dict(zip(seen.names, encoded_rows.T, strict=True))
    unknown_weight = _measure_doubt(report)
    if report is None:
        members = _list_members(predictor)
        weight = (1 - unknown_weight) / len(members)
        rivals = [
            _foretell_member(name, member, weight, encoded_rows, seen) for name, member in members.items()
        ]
    else:
        formulas = _list_formulas(predictor, report)
        rivals = [foretell(tree, weight, columns, seen) for tree, weight in formulas.values()]
    # Rounding errors bound the noise of an exact formula, so that no gain is infinite
    noise = max(_measure_noise(predictor, report), 1e-9 * seen.spread)
    selection = choose_rows(
        rivals,
        min(count, len(encoded_rows)),
        noise=noise,
        limits=compute_limits(seen.y),
        unknown=foretell_unknown(unknown_weight, encoded_rows, seen.x, seen.spread, noise),
    )
    places = [choice.place for choice in selection]
    if report is None:
        predictions = {name: member.predict(encoded_rows[places]) for name, member in members.items()}
    else:
        there = {name: values[places] for name, values in columns.items()}
        predictions = {name: evaluate(tree, there) for name, (tree, _) in formulas.items()}
    rows = write_rows(settings, {name: values[places] for name, values in samples.items()})
    return [
        ProposedRow(row=row, predictions=_take_row(predictions, place), gain=choice.gain)
        for place, (row, choice) in enumerate(zip(rows, selection, strict=True))
    ]


def _measure_doubt(report: FormulaReport | None) -> float:
    """Probability that the law is none of the formulas."""
    if report is not None and report.is_exact:
        return 0.0
    evidence = None if report is None else report.evidence
    return UNKNOWN if evidence is None or evidence.none_of_these is None else evidence.none_of_these


def _measure_noise(predictor: Predictor, report: FormulaReport | None) -> float:
    """Standard deviation of a measurement."""
    if report is not None and report.is_exact:
        return 0.0
    if report is not None and report.evidence is not None and report.evidence.noise is not None:
        return report.evidence.noise
    residuals = predictor.answering_network.residuals
    return float(np.sqrt(np.mean(residuals**2))) if len(residuals) else 0.0


def _list_formulas(predictor: Predictor, report: FormulaReport) -> dict[str, tuple[Expression, float]]:
    """Formulas that may be the law, by how they are printed, with their probabilities."""
    names, output = safe_names([column.name for column in predictor.encoding.names]), report.outputs[0]
    return {
        to_text(formula.tree, names): (
            formula.tree,
            UNKNOWN if formula.probability is None else formula.probability,
        )
        for formula in (output.best, *output.rivals)
    }


def _list_members(predictor: Predictor) -> dict[str, Predictor]:
    """The networks of a model by name."""
    members: dict[str, Predictor | None] = {name: predictor.get_network(name) for name in NETWORKS}
    return {name: member for name, member in members.items() if member is not None}


def _foretell_member(
    name: str,
    member: Predictor,
    weight: float,
    encoded_rows: Float[np.ndarray, "rows columns"],
    measurements: LabelledRows,
) -> Foretelling:
    """What a network foretells; the constants of a line are uncertain, those of other networks not told."""
    values = member.predict(encoded_rows)
    # Without slopes a network counts as certain; a line is uncertain in its intercept and slopes
    slopes, measured_slopes = np.zeros((len(encoded_rows), 0)), np.zeros((len(measurements), 0))
    if name == "linear":
        slopes, measured_slopes = (
            np.column_stack([np.ones(len(x)), x]) for x in (encoded_rows, measurements.x)
        )
    return Foretelling(
        weight=weight,
        values=np.where(np.isfinite(values), values, measurements.y.mean()),
        slopes=slopes,
        seen=measured_slopes * measurements.roots[:, None],
    )


def _take_row(predictions: Mapping[str, Num[np.ndarray, " rows"]], place: int) -> dict[str, float | None]:
    return {
        name: float(values[place]) if np.isfinite(values[place]) else None
        for name, values in predictions.items()
    }
