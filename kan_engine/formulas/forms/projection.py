"""Constants that enter a form linearly: found by linear least squares for each start of the others.

Source: Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose
variables separate", SIAM J. Numer. Anal. 10, 1973.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.differentiation import differentiate
from kan_engine.expressions.evaluation import ONE, ZERO, Expression, Parameter, evaluate, substitute, walk

Array = np.ndarray


@dataclass(frozen=True)
class Separated:
    """A form as offset + Σ c·basis, where neither contains the constants c.

    Attributes:
        linear: Indices of the constants c.
        basis: The factor of each.
        offset: The rest.
    """

    linear: tuple[int, ...]
    basis: tuple[Expression, ...]
    offset: Expression


def separate(tree: Expression, count: int) -> Separated:
    """Find a large set of constants that enter linearly together.

    Constants that multiply each other exclude each other; those with the fewest partners are taken first.
    """
    slopes = [_differentiate(tree, place) for place in range(count)]
    partners = [{int(node.index) for node in walk(slope) if isinstance(node, Parameter)} for slope in slopes]
    candidates = [place for place in range(count) if place not in partners[place] and slopes[place] != ZERO]
    chosen: list[int] = []
    for place in sorted(candidates, key=lambda place: (len(partners[place] & {*candidates}), place)):
        if not partners[place] & {*chosen}:
            chosen.append(place)
    chosen.sort()
    offset = substitute(tree, {Parameter(place): ZERO for place in chosen})
    return Separated(tuple(chosen), tuple(slopes[place] for place in chosen), offset)


def _differentiate(tree: Expression, place: int) -> Expression:
    return differentiate(tree, lambda leaf: ONE if leaf == Parameter(place) else ZERO)


def solve_linear(
    parts: Separated,
    rows: LabelledRows,
    starts: Float[Array, "starts constants"],
    bounds: Sequence[tuple[float, float]],
    ridge: float,
) -> tuple[Float[Array, "starts constants"], Float[Array, " starts"]]:
    """Complete starts by the best values of the linear constants, and measure them.

    Args:
        parts: The form.
        rows: What it is fitted to.
        starts: The entries of linear constants are replaced.
        bounds: Of the constants; a linear constant beyond one is moved to it.
        ridge: Relative to the diagonal of the normal equations.

    Returns:
        The starts, and their weighted sums of squares, infinite where a value is not finite.
    """
    parameters, found = list(starts.T[:, :, None]), starts.copy()  # each [starts, 1]
    with np.errstate(all="ignore"):
        fixed = _evaluate_all(parts.offset, rows, parameters, len(starts))
        left = (rows.y - fixed) * rows.roots
        if parts.linear:
            basis = np.stack(
                [_evaluate_all(each, rows, parameters, len(starts)) * rows.roots for each in parts.basis],
                axis=1,
            )  # (starts, linear, rows)
            scale = np.linalg.norm(basis, axis=2, keepdims=True)
            unit = basis / np.where(scale > 0, scale, 1.0)
            usable = np.isfinite(unit).all((1, 2)) & np.isfinite(left).all(1)
            unit, left = np.where(usable[:, None, None], unit, 0.0), np.where(usable[:, None], left, np.inf)
            gram = unit @ unit.transpose(0, 2, 1) + ridge * np.eye(len(parts.linear))
            right = unit @ np.where(usable[:, None], left, 0.0)[:, :, None]
            solved = np.linalg.solve(gram, right) / np.where(scale > 0, scale, 1.0)  # (starts, linear, 1)
            low, high = np.array([bounds[place] for place in parts.linear]).T[:, :, None]
            solved = np.clip(solved, low, high)
            found[:, parts.linear] = solved[:, :, 0]
            left = left - (np.where(usable[:, None, None], basis, 0.0) * solved).sum(1)
        errors = (left**2).sum(1)
    return found, np.where(np.isfinite(errors), errors, np.inf)


def _evaluate_all(tree: Expression, rows: LabelledRows, parameters: Sequence[Array], starts: int) -> Array:
    values = evaluate(tree, rows.columns, parameters)
    return np.broadcast_to(values, (starts, len(rows)))
