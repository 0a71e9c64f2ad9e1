"""Codes of the warnings that accompany predictions, in a response or in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kan_engine.data.feature import Feature

OUTSIDE, UNSEEN, MISSING = "outside_training_range", "unseen_category", "unexpected_missing"
NOT_FINITE, UNSOUND = "not_finite", "unsound_formula"
WARNING_CODES = (OUTSIDE, UNSEEN, MISSING, NOT_FINITE, UNSOUND)


def select_warning_code(feature: Feature, *, is_missing: bool) -> str:
    """Warning code for a value that training did not see."""
    if is_missing:
        return MISSING
    return UNSEEN if feature.type == "category" else OUTSIDE
