"""Two formulas by their description lengths, also where errors grow with the target."""

from __future__ import annotations

from dataclasses import dataclass

from kan_engine.assessment.relative_errors import reweigh_rows
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.formulas.core.constant_snapping import to_form
from kan_engine.formulas.core.description_length import description_length
from kan_engine.formulas.core.formula import Formula
from kan_engine.search.context import SearchContext


@dataclass(frozen=True)
class Comparison:
    """How much shorter one formula describes the rows than another.

    Attributes:
        gain: Bits that the second saves.
        rows: With weights for errors that grow with the target, if they do.
        has_relative_errors: Whether they do.
    """

    gain: float
    rows: LabelledRows
    has_relative_errors: bool


def compare_formulas(first: Formula, second: Formula, rows: LabelledRows, run: SearchContext) -> Comparison:
    """Compare two formulas of a number on the rows that both were fitted to."""
    weighed = None
    if run.data.classes is None:
        weighed = reweigh_rows([first.tree, second.tree], rows, run.thresholds.assessment)
    rows = rows if weighed is None else weighed
    limits = run.thresholds.symbolic.constants
    lengths = [description_length(to_form(each.tree), rows, limits) for each in (first, second)]
    return Comparison(lengths[0] - lengths[1], rows, weighed is not None)
