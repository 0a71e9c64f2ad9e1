"""Rivals: the families of formulas that describe some rows nearly as shortly as the best one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, Parameter, evaluate, mul
from kan_engine.formulas.candidate import Candidate
from kan_engine.formulas.core.constant_fitting import ParametricForm, compute_rmse, refit_constants
from kan_engine.formulas.core.constant_snapping import to_form


@dataclass(frozen=True)
class Rival:
    """Formulas that count as one.

    Attributes:
        members: The shortest description first, and those that contain it: with certain constants they give
            the same values.
    """

    members: tuple[Candidate, ...]

    @property
    def first(self) -> Candidate:
        """The shortest description."""
        return self.members[0]

    @property
    def bits(self) -> float:
        """Description length of the shortest one, with the price of its selection."""
        return self.first.total_bits


def group_rivals(
    candidates: Sequence[Candidate],
    required_trees: Collection[Expression],
    rows: LabelledRows,
    *,
    max_bits: float = 40.0,
    max_rivals: int = 12,
    max_rows: int = 300,
) -> list[Rival]:
    """Families of the candidates, the shortest description first.

    Args:
        candidates: Of a search.
        required_trees: Formulas that need a family, however long their description is.
        rows: That they describe.
        max_bits: Beyond the shortest description; longer ones are no rivals.
        max_rivals: Most families, beside those that are shown.
        max_rows: On which families are told apart.
    """
    sample, rivals = rows.sample(max_rows, 0), list[Rival]()
    ranking = sorted(candidates, key=lambda candidate: candidate.total_bits)
    for candidate in ranking:
        is_near = candidate.total_bits <= ranking[0].total_bits + max_bits
        is_told = candidate.tree in required_trees or (is_near and len(rivals) < max_rivals)
        if not (is_told and np.isfinite(candidate.total_bits)):
            continue
        family = next(
            (place for place, rival in enumerate(rivals) if contains(candidate, rival.first, sample)), None
        )
        if family is None:
            rivals.append(Rival((candidate,)))
        else:
            rivals[family] = replace(rivals[family], members=(*rivals[family].members, candidate))
    return rivals


def contains(
    formula: Candidate, rival: Candidate, rows: LabelledRows, *, max_share: float = 0.01, steps: int = 12
) -> bool:
    """Whether one formula gives the values of another one with certain constants and a factor.

    Args:
        formula: With the constants to fit.
        rival: With the values.
        rows: Where they are compared.
        max_share: Largest RMS difference, over the RMS residual of the other.
        steps: Of the fit, which begins near its end: both describe the same target.
    """
    # The residual of the rival is the measure: smaller differences cannot be told at these rows
    values = evaluate(rival.tree, rows.columns)
    residual = float(np.sqrt(np.average((rows.y - values) ** 2, weights=rows.weights)))
    form = to_form(formula.tree)
    scaled_form = ParametricForm(mul(Parameter(len(form.values)), form.tree), np.append(form.values, 1.0))
    refit_form = refit_constants(scaled_form, rows.with_target(values), iterations=steps)
    return compute_rmse(refit_form, rows.with_target(values)) <= max(max_share * residual, 1e-9 * rows.spread)


def find_rival(rivals: Sequence[Rival], tree: Expression) -> int | None:
    """The place of the family of a formula."""
    for place, rival in enumerate(rivals):
        if any(member.tree == tree for member in rival.members):
            return place
    return None
