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
    found: Evaluation, expected: ExpectedLoss | None, by: str, *, has_signal: bool | None
) -> dict[str, Any]:
    """The body of ``EvaluationOut`` beyond the columns of its table.

    Args:
        found: What was measured.
        expected: The loss in training.
        by: The member that was measured.
        has_signal: Whether the residuals depend on the columns; None if that is not known.
    """
    metric = "rmse" if "rmse" in found.metrics else "log_loss"
    power = 0.5 if metric == "rmse" else 1.0
    compared, curve = found.comparison, found.reliability
    told = {
        "verdict": compared.verdict,
        "rows": found.rows,
        "unlabelled_rows": found.unlabelled_rows,
        "undefined_rows": found.undefined_rows,
        "unknown_class_rows": found.unknown_class_rows,
        "metrics": found.metrics,
        "metric": metric,
        "error": found.metrics[metric],
        "expected_error": None if expected is None else expected.mean**power,
        "expected_rows": None if expected is None else expected.rows,
        "expected_on": None if expected is None else expected.measured_on,
        "ratio": compared.ratio,
        "ratio_interval": None if compared.low is None else [compared.low, compared.high],
        "coverage": [asdict(entry) for entry in found.coverage],
        "reliability": curve and {name.removesuffix("_"): value for name, value in asdict(curve).items()},
        "calibration_error": None if curve is None else curve.error,
        "residual_test": found.residuals and asdict(found.residuals) | {"has_signal": has_signal},
        "drift": [asdict(column) for column in found.drift],
    }
    drifted = [column.name for column in found.drift if column.drifted]
    return told | {"summary": _write_summary(told, MEMBER_NAMES[by], drifted)}


def _write_summary(told: dict[str, Any], member: str, drifted: Sequence[str]) -> str:
    parts = [_write_verdict(told, member)]
    if lost := told["undefined_rows"]:
        parts.append(f"It has no value for {lost} of {told['rows']} rows.")
    parts.append(f"Drifted columns: {format_names(drifted)}." if drifted else "No column has drifted.")
    return " ".join(parts)


def _write_verdict(told: dict[str, Any], member: str) -> str:
    if told["error"] is None:
        is_huge = told["verdict"] == "fails"
        why = (
            "its error on these rows is too large for a number"
            if is_huge
            else "it is undefined on these rows"
        )
        return f"The {member} {'fails' if is_huge else 'cannot be judged'}: {why}."
    measured = f"{METRIC_NAMES[told['metric']]} on {told['rows']} rows is {told['error']:.4g}"
    if told["expected_error"] is None and told["verdict"] == "undecided":
        return f"Nothing is known of the error of the {member} in training: its {measured}."
    if told["ratio"] is None:
        return f"The {member} still holds: its {measured}, which is an error of rounding."
    low, high = told["ratio_interval"]
    compared = (
        f"{measured}, against {told['expected_error']:.4g} on the {told['expected_on']} rows "
        f"(ratio {told['ratio']:.3g}, 90 % interval {low:.3g} to {high:.3g})"
    )
    return {
        "holds": f"The {member} still holds: its {compared}.",
        "worse": f"The {member} no longer holds: its {compared}. It is still better than a constant.",
        "fails": f"The {member} fails: its {compared}. A constant predicts these rows as well.",
        "undecided": f"These rows are too few to tell whether the {member} holds: its {compared}.",
    }[told["verdict"]]
