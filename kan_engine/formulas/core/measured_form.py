"""A formula whose measured numbers, the rounded ones among them, are parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, Number
from kan_engine.expressions.measured_constants import count_constants, release_numbers
from kan_engine.formulas.core.constant_fitting import (
    ParametricForm,
    evaluate_derivatives,
    fix_parameter,
)


@dataclass(frozen=True)
class MeasuredForm:
    """A formula with a parameter for each measured number.

    Attributes:
        form: The formula.
        exact: The number in the formula of each parameter that is no float there but an exact number.
    """

    form: ParametricForm
    exact: Mapping[int, Number]

    def fix(self, place: int) -> MeasuredForm:
        """The formula with the exact number again in place of its parameter."""
        form = fix_parameter(self.form, place, self.exact[place])
        exact = {index - (index > place): self.exact[index] for index in self.exact if index != place}
        return MeasuredForm(form, exact)


def release_measured_numbers(
    tree: Expression, rows: LabelledRows, min_independent_share: float = 1e-6
) -> MeasuredForm:
    """The formula with a parameter for each measured number, also for those that the search has rounded.

    An exact number stays where the other parameters replace it: 2 in (2·x + 1.2)/(3·y + 0.5) sets the scale.

    Args:
        tree: The formula.
        rows: Its rows.
        min_independent_share: Of the effect of a number that no others have. Far above the rounding errors
            of derivatives, far below the share of a number whose error is of use.
    """
    parametrization = release_numbers(tree)
    result = MeasuredForm(
        ParametricForm(parametrization.tree, np.array(parametrization.values)), parametrization.exact
    )
    _, jacobian = evaluate_derivatives(result.form, rows)
    # Gram-Schmidt over the derivatives in the order of rank: a number whose effect is known from others stays
    columns = jacobian / (np.linalg.norm(jacobian, axis=0) + 1e-300)
    basis, redundant = np.zeros((len(columns), 0)), list[int]()
    for place in sorted(
        range(columns.shape[1]), key=lambda place: _rank_number(parametrization.exact.get(place))
    ):
        residual = columns[:, place]
        for _ in range(2):  # the second time against rounding errors
            residual = residual - basis @ (basis.T @ residual)
        share = float(np.linalg.norm(residual))
        is_new = share > min_independent_share and basis.shape[1] + 1 < len(columns)
        if is_new:
            basis = np.column_stack([basis, residual / share])
        elif place in parametrization.exact:
            redundant.append(place)
    for place in sorted(redundant, reverse=True):
        result = result.fix(place)
    return result


def _rank_number(exact: Number | None) -> int:
    """Floats come first, then numbers that hardly belong to the form, and small integers last."""
    return 0 if exact is None else 2 - count_constants(exact)
