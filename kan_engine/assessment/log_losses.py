"""Log losses of the formulas of a classifier, by which they are compared with its network and baselines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int
from scipy.special import softmax

from kan_engine.assessment.formula_report import FormulaReport
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, evaluate
from kan_engine.formulas.core.working_responses import complete_logits

LEAST_PROBABILITY = float(np.finfo(float).eps)  # as in scikit-learn's log loss


def add_log_losses(report: FormulaReport, rows: LabelledRows) -> FormulaReport:
    """The report with the log loss of every formula on these rows.

    The formula of an output is measured with the best formulas of all other outputs.
    """
    best = np.column_stack([_evaluate(tree, rows) for tree in report.trees])

    def measure(place: int, tree: Expression) -> float | None:
        values = best.copy()
        values[:, place] = _evaluate(tree, rows)
        return compute_log_loss(rows.classes, values)

    return replace(
        report,
        outputs=tuple(
            replace(
                output,
                rated=tuple(
                    replace(formula, log_loss=measure(place, formula.tree)) for formula in output.rated
                ),
            )
            for place, output in enumerate(report.outputs)
        ),
    )


def compute_log_loss(
    classes: Int[np.ndarray, " rows"], values: Float[np.ndarray, " rows *outputs"]
) -> float | None:
    """Mean negative logarithm of the probability of the true class; None if a value is not finite.

    Args:
        classes: Index of the true class of every row; one that the classifier does not know has the least
            probability.
        values: Of every row, the log-odds of the second of two classes, or the logits of all classes.
    """
    if not len(values) or not np.isfinite(values).all():
        return None
    logits = complete_logits(values)
    # A class without an output has probability 0, which the least probability then limits
    is_known = (classes >= 0) & (classes < logits.shape[1])
    places = np.where(is_known, classes, 0)
    shares = np.where(is_known, softmax(logits, axis=1)[np.arange(len(logits)), places], 0.0)
    return float(-np.log(np.maximum(shares, LEAST_PROBABILITY)).mean())


def _evaluate(tree: Expression, rows: LabelledRows) -> Float[np.ndarray, " rows"]:
    return np.broadcast_to(evaluate(tree, rows.columns), len(rows))
