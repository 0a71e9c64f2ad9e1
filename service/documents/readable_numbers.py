"""Numbers for people: shares with fixed decimals, constants in the digits that their errors leave."""

import math
import re

SHARES = frozenset(
    {
        "r2",
        "accuracy",
        "balanced_accuracy",
        "precision",
        "recall",
        "f1",
        "roc_auc",
        "average_precision",
        "fidelity",
    }
)
"""Metrics that are 1 at best and whose distance from 0 means something: they have fixed decimals."""

_LONG_NUMBER = re.compile(r"(?<![\w.])\d+\.\d+(?:e[+-]?\d+)?")


def format_metric(name: str, value: float | None, digits: int = 4) -> str:
    """A metric with significant digits, or decimals if it is one of ``SHARES``; empty for None."""
    if value is None:
        return ""
    return format_share(value, digits) if name in SHARES else f"{value:.{digits}g}"


def format_share(value: float, decimals: int = 4) -> str:
    """A share as ``0.0000``, never as -0.0000 or -8e-05."""
    return f"{round(value, decimals) + 0.0:.{decimals}f}"


def format_by_error(value: float | None, error: float | None, *, max_decimals: int = 9) -> str:
    """A number with the decimals that two digits of its standard error leave, or with six digits.

    A number that would need more than ``max_decimals`` decimals, or none at all, has six digits and an
    exponent; empty for None.
    """
    decimals = 1 - math.floor(math.log10(error)) if error else -1
    if value is None:
        return ""
    return f"{value:.{decimals}f}" if 0 <= decimals <= max_decimals else f"{value:.6g}"


def round_numbers(expression: str, max_digits: int = 6) -> str:
    """Round the long numbers of a formula to ``max_digits`` digits."""

    def shorten(number: re.Match[str]) -> str:
        digits = re.sub(r"e.*|\.|^0\.0*", "", number[0])
        return number[0] if len(digits) <= max_digits else f"{float(number[0]):.{max_digits}g}"

    return _LONG_NUMBER.sub(shorten, expression)
