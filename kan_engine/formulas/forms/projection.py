"""Constants that enter a form linearly: found by linear least squares for each start of the others.

Source: Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose
variables separate", SIAM J. Numer. Anal. 10, 1973.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from kan_engine.expressions.differentiation import differentiate
from kan_engine.expressions.evaluation import (
    ONE,
    ZERO,
    Expression,
    Parameter,
    count_nodes,
    evaluate,
    substitute,
    walk,
)
from kan_engine.formulas.forms.least_squares import FormProblem

Array = np.ndarray


def find_linear(tree: Expression, count: int) -> list[int]:
    """Find a large set of the first ``count`` constants that enter linearly together.

    Constants that multiply each other exclude each other; those with the fewest partners are taken first.
    """
    slopes = [differentiate_in(tree, place) for place in range(count)]
    partners = [{int(node.index) for node in walk(slope) if isinstance(node, Parameter)} for slope in slopes]
    candidates = [place for place in range(count) if place not in partners[place] and slopes[place] != ZERO]
    selection: list[int] = []
    for place in sorted(candidates, key=lambda place: (len(partners[place] & {*candidates}), place)):
        if not partners[place] & {*selection}:
            selection.append(place)
    return sorted(selection)


def differentiate_in(tree: Expression, place: int) -> Expression:
    """The derivative of a form in one of its parameters."""
    return differentiate(tree, lambda leaf: ONE if leaf == Parameter(place) else ZERO)


def solve_linear(
    problem: FormProblem,
    linear: Sequence[int],
    starts: Float[Array, "starts constants"],
    block: int = 2_000_000,
) -> tuple[Float[Array, "starts constants"], Float[Array, " starts"]]:
    """Complete starts by the best values of the linear constants, and measure them.

    Args:
        problem: The form; a linear constant beyond a bound is moved to it.
        linear: Constants that enter linearly together.
        starts: The entries of linear constants are replaced.
        block: Numbers of all arrays at once: 16 MB.

    Returns:
        The starts, and their weighted sums of squares, infinite where a value is not finite.
    """
    offset = substitute(problem.tree, {Parameter(place): ZERO for place in linear})
    slopes = [differentiate_in(problem.tree, place) for place in linear]
    # Blocks of starts bound the memory of the arrays
    arrays = len(problem.rows) * (count_nodes(problem.tree) + 2 * len(linear))
    parts = np.array_split(starts, -(-len(starts) * arrays // block))
    blocks = [_solve_block(problem, linear, offset, slopes, part) for part in parts]
    return np.concatenate([result[0] for result in blocks]), np.concatenate([result[1] for result in blocks])


def _solve_block(
    problem: FormProblem,
    linear: Sequence[int],
    offset: Expression,
    slopes: Sequence[Expression],
    starts: Float[Array, "starts constants"],
    ridge: float = 1e-11,
) -> tuple[Float[Array, "starts constants"], Float[Array, " starts"]]:
    rows, parameters = problem.rows, list(starts.T[:, :, None])  # each [starts, 1]
    full_starts, errors = starts.copy(), np.full(len(starts), np.inf)
    basis = np.empty((len(starts), len(linear), len(rows)))
    # What the linear constants have to explain, and the columns that they multiply, for every start
    with np.errstate(all="ignore"):
        residuals = (rows.y - evaluate(offset, rows.columns, parameters)) * rows.roots
        residuals = np.broadcast_to(residuals, (len(starts), len(rows)))
        for place, tree in enumerate(slopes):
            basis[:, place] = evaluate(tree, rows.columns, parameters) * rows.roots
        # Normal equations of unit columns, only of the starts with finite values
        usable = np.isfinite(basis).all((1, 2)) & np.isfinite(residuals).all(1)
        basis, residuals = basis[usable], residuals[usable]
        length = np.linalg.norm(basis, axis=2, keepdims=True)
        scale = np.where(length > 0, length, 1.0)
        unit = basis / scale
        gram = unit @ unit.transpose(0, 2, 1) + ridge * np.eye(len(linear))
        solutions = np.linalg.solve(gram, unit @ residuals[:, :, None]) / scale  # (starts, linear, 1)
        # A solution beyond a bound moves to it, and is measured there
        low, high = np.reshape([problem.bounds[place] for place in linear], (-1, 2, 1)).transpose(1, 0, 2)
        solutions = np.clip(solutions, low, high)
        full_starts[np.ix_(usable, linear)] = solutions[:, :, 0]
        squares = ((residuals - (basis * solutions).sum(1)) ** 2).sum(1)
        errors[usable] = np.where(np.isfinite(squares), squares, np.inf)
    return full_starts, errors
