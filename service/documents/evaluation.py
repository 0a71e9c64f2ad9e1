"""The stored result of an evaluation, with its verdict as a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from service.errors import format_names

if TYPE_CHECKING:
    from kan_engine.assessment.monitoring.error_comparison import ExpectedLoss
    from kan_engine.assessment.monitoring.evaluation import Evaluation

MEMBER_NAMES = {
    "accurate": "accurate network",
    "compact": "compact network",
    "formula": "formula",
    "linear": "linear model",
}
METRIC_NAMES = {"rmse": "RMSE", "log_loss": "log loss"}


def describe_evaluation(
    evaluation: Evaluation, expected_loss: ExpectedLoss | None, by: str, *, has_signal: bool | None
) -> dict[str, Any]:
    """The body of ``EvaluationOut`` beyond the columns of its table.

    Args:
        evaluation: What was measured.
        expected_loss: The loss in training.
        by: The member that was measured.
        has_signal: Whether the residuals depend on the columns; None if that is not known.
    """
    metric = "rmse" if "rmse" in evaluation.metrics else "log_loss"
    power = 0.5 if metric == "rmse" else 1.0
    comparison, curve = evaluation.comparison, evaluation.reliability
    document = {
        "verdict": comparison.verdict,
        "rows": evaluation.rows,
        "unlabelled_rows": evaluation.unlabelled_rows,
        "undefined_rows": evaluation.undefined_rows,
        "unknown_class_rows": evaluation.unknown_class_rows,
        "metrics": evaluation.metrics,
        "metric": metric,
        "error": evaluation.metrics[metric],
        "expected_error": None if expected_loss is None else expected_loss.mean**power,
        "expected_rows": None if expected_loss is None else expected_loss.rows,
        "expected_on": None if expected_loss is None else expected_loss.measured_on,
        "ratio": comparison.ratio,
        "ratio_interval": None if comparison.low is None else [comparison.low, comparison.high],
        "coverage": [asdict(entry) for entry in evaluation.coverage],
        "reliability": curve and {name.removesuffix("_"): value for name, value in asdict(curve).items()},
        "calibration_error": None if curve is None else curve.error,
        "residual_test": evaluation.residuals and asdict(evaluation.residuals) | {"has_signal": has_signal},
        "drift": [asdict(column) for column in evaluation.drift],
    }
    drifts = [column.name for column in evaluation.drift if column.drifted]
    return document | {"summary": _write_summary(document, MEMBER_NAMES[by], drifts)}


def _write_summary(document: dict[str, Any], member: str, drifts: Sequence[str]) -> str:
    parts = [_write_verdict(document, member)]
    if count := document["undefined_rows"]:
        parts.append(f"It has no value for {count} of {document['rows']} rows.")
    parts.append(f"Drifted columns: {format_names(drifts)}." if drifts else "No column has drifted.")
    return " ".join(parts)


def _write_verdict(document: dict[str, Any], member: str) -> str:
    if document["error"] is None:
        is_huge = document["verdict"] == "fails"
        why = (
            "its error on these rows is too large for a number"
            if is_huge
            else "it is undefined on these rows"
        )
        return f"The {member} {'fails' if is_huge else 'cannot be judged'}: {why}."
    measurement = f"{METRIC_NAMES[document['metric']]} on {document['rows']} rows is {document['error']:.4g}"
    if document["expected_error"] is None and document["verdict"] == "undecided":
        return f"Nothing is known of the error of the {member} in training: its {measurement}."
    if document["ratio"] is None:
        return f"The {member} still holds: its {measurement}, which is an error of rounding."
    low, high = document["ratio_interval"]
    comparison = (
        f"{measurement}, against {document['expected_error']:.4g} on the {document['expected_on']} rows "
        f"(ratio {document['ratio']:.3g}, 90 % interval {low:.3g} to {high:.3g})"
    )
    return {
        "holds": f"The {member} still holds: its {comparison}.",
        "worse": f"The {member} no longer holds: its {comparison}. It is still better than a constant.",
        "fails": f"The {member} fails: its {comparison}. A constant predicts these rows as well.",
        "undecided": f"These rows are too few to tell whether the {member} holds: its {comparison}.",
    }[document["verdict"]]
