"""Rows to measure next, from a model and the rows that it was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kan_engine.assessment.formula_report import FormulaReport
from kan_engine.data.encoding import Encoding
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
from kan_engine.inference.predictor import Predictor

UNKNOWN = 0.5  # probability of a formula, and of none, where formulas were not compared


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """What is known of a target that is a number.

    Attributes:
        encoding: Of the columns.
        seen: The encoded rows that were measured, or a sample of them.
        formulas: Formulas that may be the law, by how they are printed, with their probabilities.
        none_of_these: Probability that the law is none of them.
        members: Networks by name, which foretell where there is no formula.
        noise: Standard deviation of a measurement.
    """

    encoding: Encoding
    seen: LabelledRows
    formulas: Mapping[str, tuple[Expression, float]]
    none_of_these: float
    members: Mapping[str, Predictor]
    noise: float

    @staticmethod
    def of_model(predictor: Predictor, report: FormulaReport | None, seen: LabelledRows) -> Knowledge:
        """What a model knows of its rows.

        Args:
            predictor: Its networks.
            report: Its formulas.
            seen: Its rows, encoded.
        """
        formulas, none, noise = dict[str, tuple[Expression, float]](), UNKNOWN, 0.0
        if report is not None:
            output, evidence = report.outputs[0], report.evidence
            names = safe_names([column.name for column in predictor.encoding.names])
            formulas = {
                to_text(each.tree, names): (
                    each.tree,
                    UNKNOWN if each.probability is None else each.probability,
                )
                for each in (output.best, *output.rivals)
            }
            if evidence is not None:
                none = UNKNOWN if evidence.none_of_these is None else evidence.none_of_these
                noise = evidence.noise or 0.0
        residuals = predictor.answering_network.residuals
        if report is None and len(residuals):
            noise = float(np.sqrt(np.mean(residuals**2)))
        is_exact = report is not None and report.is_exact
        members = {
            "accurate": predictor,
            "linear": predictor.linear_predictor,
            "compact": predictor.compact_predictor,
        }
        return Knowledge(
            encoding=predictor.encoding,
            seen=seen,
            formulas=formulas,
            none_of_these=0.0 if is_exact else none,
            members={name: member for name, member in members.items() if member is not None},
            noise=0.0 if is_exact else noise,
        )


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
    known: Knowledge, settings: Sequence[Setting], count: int, *, seed: int = 0, candidates: int = 4096
) -> list[ProposedRow]:
    """The rows from which most is learnt, the most informative first.

    Args:
        known: The model.
        settings: Of its columns.
        count: How many rows; fewer if the settings do not allow so many.
        seed: Of the rows that may be next.
        candidates: Their number, a power of two; fewer if formulas have very many constants.
    """
    drawn = draw_settings(settings, candidates, seed)
    encoded, different = np.unique(known.encoding.transform(drawn), axis=0, return_index=True)
    drawn = {name: values[different] for name, values in drawn.items()}
    rows = LabelledRows(
        encoded, np.zeros(len(encoded)), np.ones(len(encoded)), known.seen.names, known.seen.unit_error
    )
    noise = max(known.noise, 1e-9 * known.seen.spread)
    if known.formulas:
        rivals = [
            foretell(tree, weight, rows.columns, known.seen) for tree, weight in known.formulas.values()
        ]
    else:
        rivals = [_foretell_member(name, known, encoded) for name in known.members]
    unknown = foretell_unknown(known.none_of_these, encoded, known.seen.x, known.seen.spread, noise)
    chosen = choose_rows(
        rivals, min(count, len(encoded)), noise=noise, limits=compute_limits(known.seen.y), unknown=unknown
    )
    places = [each.place for each in chosen]
    written = write_rows(settings, {name: values[places] for name, values in drawn.items()})
    predictions = _predict(known, rows[np.array(places)])
    return [
        ProposedRow(row=row, predictions=foretold, gain=each.gain)
        for row, foretold, each in zip(written, predictions, chosen, strict=True)
    ]


def _foretell_member(name: str, known: Knowledge, encoded: np.ndarray) -> Foretelling:
    """What a network foretells; the constants of a line are uncertain, those of other networks not told."""
    seen, values = known.seen, known.members[name].predict(encoded).astype(float)
    slopes, measured = np.zeros((len(encoded), 0)), np.zeros((len(seen), 0))
    if name == "linear":
        slopes, measured = (np.column_stack([np.ones(len(x)), x]) for x in (encoded, seen.x))
    return Foretelling(
        weight=(1 - known.none_of_these) / len(known.members),
        values=np.where(np.isfinite(values), values, seen.y.mean()),
        slopes=slopes,
        seen=measured * seen.roots[:, None],
    )


def _predict(known: Knowledge, rows: LabelledRows) -> list[dict[str, float | None]]:
    with np.errstate(all="ignore"):
        foretold = {name: evaluate(tree, rows.columns) for name, (tree, _) in known.formulas.items()}
    foretold = foretold or {name: member.predict(rows.x) for name, member in known.members.items()}
    return [
        {
            name: float(values[place]) if np.isfinite(values[place]) else None
            for name, values in ((name, values * np.ones(len(rows))) for name, values in foretold.items())
        }
        for place in range(len(rows))
    ]
