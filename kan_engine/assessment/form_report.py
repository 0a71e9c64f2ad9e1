"""The form that the client believes in, beside the best formula of the free search."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kan_engine.assessment.rated_formula import RatedFormula
from kan_engine.formulas.forms.fitted_form import FittedForm


@dataclass(frozen=True, kw_only=True)
class FormReport:
    """The client's form, which is the best formula of the only output, beside that of the free search.

    Attributes:
        fitted: Its constants.
        level: Of the intervals of its constants.
        free: The best formula of the free search; None if there is none.
        rmse, free_rmse: Errors of both on the same folds, with constants fitted to other rows.
        is_free_better: Whether the free formula is significantly better there, and not a case of the form.
        contains_free: Whether the form with certain constants is the free formula.
    """

    fitted: FittedForm
    level: float
    free: RatedFormula | None = None
    rmse: float | None = None
    free_rmse: float | None = None
    is_free_better: bool = False
    contains_free: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        free: dict[str, Any] | None = None
        if self.free is not None:
            free = {
                **self.free.to_dict(),
                "unit_status": self.free.unit_status,
                "out_of_sample_rmse": self.free_rmse,
                "is_better": self.is_free_better,
                "is_case_of_form": self.contains_free,
            }
        return {
            **self.fitted.to_dict(),
            "level": self.level,
            "out_of_sample_rmse": self.rmse,
            "free": free,
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> FormReport:
        """The inverse of ``to_dict``."""
        free = data["free"]
        return FormReport(
            fitted=FittedForm.from_dict(data),
            level=data["level"],
            free=None if free is None else RatedFormula.from_dict(free, math.inf),
            rmse=data["out_of_sample_rmse"],
            free_rmse=None if free is None else free["out_of_sample_rmse"],
            is_free_better=free is not None and free["is_better"],
            contains_free=free is not None and free.get("is_case_of_form", False),
        )
