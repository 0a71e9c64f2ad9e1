"""The last check of a result against the wishes of a client."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kan_engine.expressions.constraints import FINAL_POINTS
from kan_engine.search.context import SearchContext
from kan_engine.search.result import SearchResult

NO_ALLOWED_FORMULA_WARNING = (
    "no formula that satisfies the wishes was found: "
    "relax must_use, max_constants, functions, monotone, bounds, max_complexity or units"
)


def keep_allowed_formulas(found: SearchResult, run: SearchContext) -> SearchResult:
    """The result without formulas that the constraints do not allow, with a warning if none is left."""
    limits, none = run.config.constraints, np.zeros(0)
    if not limits.is_binding or not run.config.symbolic:
        return found
    kept = [
        [
            each
            for each in part
            if limits.allow_form(each.tree) and limits.allow_values(each.tree, FINAL_POINTS)
        ]
        for part in found.formulas
    ]
    if not kept or not all(kept):
        warnings = (*found.warnings, NO_ALLOWED_FORMULA_WARNING)
        return replace(
            found, formulas=[], evidence=None, formula_errors=none, formula_serves=False, warnings=warnings
        )
    if kept[0][0] is found.formulas[0][0]:
        return replace(found, formulas=kept)
    return replace(found, formulas=kept, evidence=None, formula_errors=none, formula_serves=False)
