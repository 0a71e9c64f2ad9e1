"""Transitions between two ends: T(y) = T(A) + (T(B) - T(A))·S(u), with constants or columns as ends.

Relaxation, charging, mixing, growth to a limit, dose and response, absorption and elimination, and loans have
this form: y passes from B to A as u grows, on its own scale, on that of its logarithm (Gompertz) or of its
reciprocal (logistic growth). A search that changes a formula step by step hardly finds it, since constants in
the place of the columns A and B are nearly as good. Here the constants of all forms are fitted on a grid of
shapes, and those of the best forms are refined.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, permutations

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.transforms import TRANSFORMS
from kan_engine.expressions.evaluation import (
    ONE,
    Expression,
    Variable,
    add,
    call,
    count_nodes,
    evaluate,
    mul,
    parametrize_floats,
    power,
)
from kan_engine.expressions.measured_constants import make_measured
from kan_engine.formulas.candidate import Candidate
from kan_engine.formulas.core.constant_fitting import Columns
from kan_engine.formulas.core.transformed_rows import transform_rows
from kan_engine.formulas.judge import Judge
from kan_engine.formulas.pool import Pool
from kan_engine.formulas.problem import Problem
from kan_engine.formulas.strategies.scans.pairs_of_ends import Match, match_logarithms, match_products
from kan_engine.formulas.strategies.scans.ranking import propose_best
from kan_engine.formulas.strategies.scans.shapes import (
    generate_pulses,
    generate_relaxations,
    generate_sigmoids,
)
from kan_engine.numerics.ties import round_rank


@dataclass(frozen=True)
class Transitions:
    """The transitions and pulses with the shortest descriptions.

    Attributes:
        scan_rows: Rows of the scan; more hardly change which forms are best.
        kept: Pairs of ends for every kind of shape, before all are compared.
        fitted: Forms whose constants are refined, per scale of the target. The grid is coarse: a wrong form
            with two constants inside may be closer there than the right one with one.
    """

    name: str = "transitions"
    message: str = "fitting transitions between two ends"
    scan_rows: int = 200
    kept: int = 3
    fitted: int = 60

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:  # noqa: ARG002
        """Yield the formulas with the shortest descriptions."""
        yield from propose_best(self._iterate_starts(pool.problem), pool.problem, self.name)

    def _iterate_starts(self, problem: Problem) -> Iterator[Expression]:
        """Yield the forms that are closest on the grid of shapes, on every scale of the target."""
        allow = problem.constraints.allow_part
        sample = problem.fit.sample(self.scan_rows, problem.settings.seed)
        for scale, kinds in SHAPES.items():
            rows = transform_rows(sample, scale)
            if rows is None or problem.should_stop():
                continue
            ends, starts = _evaluate_ends(rows.columns, scale), list[_Start]()
            for generate in kinds:
                for shapes in _group_by_form(generate(rows.columns), rows.columns):
                    if allow(next(iter(shapes)), is_exponent=False):
                        is_pulse = generate is generate_pulses
                        starts += self._match(rows, scale, ends, shapes, is_pulse=is_pulse)
            starts.sort(key=lambda start: round_rank(start[0]))
            yield from dict.fromkeys(build() for _, build in starts[: self.fitted])

    def _match(
        self, rows: LabelledRows, scale: str, ends: Values, shapes: Values, *, is_pulse: bool
    ) -> Iterator[_Start]:
        """Yield the best forms with these shapes: with columns as ends alone, and with all ends."""
        trees = list(shapes)
        of_ends, of_shapes = np.stack([*ends.values()], 1), np.stack([*shapes.values()], 1)
        simple = [tree for tree in ends if count_nodes(tree) == 1]  # they are the first ends
        # Columns alone as ends compete separately: free constants would always be closer
        for end_trees in {len(simple): simple, len(ends): list(ends)}.values():
            end_values = of_ends[:, : len(end_trees)]
            if scale == "log":
                matches = match_logarithms(rows, end_values, of_shapes, keep=self.kept)
            else:
                matches = match_products(rows, end_values, of_shapes, is_pulse=is_pulse, keep=self.kept)
            for match in matches:
                build = partial(_build, scale, end_trees, trees[match.shape], match, is_pulse=is_pulse)
                yield match.left, build


_Start = tuple[float, Callable[[], Expression]]
"""What a form leaves on the grid, and a function that makes it."""

SHAPES = {
    "identity": (generate_relaxations, generate_sigmoids, generate_pulses),
    "log": (generate_relaxations,),
    "reciprocal": (generate_relaxations,),
}
"""By the scale of the target; sigmoids of its logarithm or reciprocal imitate sigmoids of the target."""

Values = dict[Expression, np.ndarray]
"""Trees with their values at the rows of a scan."""


def _evaluate_ends(columns: Columns, scale: str) -> Values:
    """The ends z with T(z): 1, the columns, and except for a logarithm their products and quotients.

    The factor of an end is free, so that 1 stands for any constant.
    """
    x = [Variable(name) for name in columns]
    trees: list[Expression] = [ONE, *x]
    if scale != "log":
        trees += [mul(u, v) for u, v in combinations(x, 2)]
        trees += [mul(u, power(v, -1)) for u, v in permutations(x, 2)]
    # Ends on the scale of the target; those undefined in a row are left out
    with np.errstate(all="ignore"):
        values = {tree: TRANSFORMS[scale].forward(evaluate(tree, columns)) for tree in trees}
    return {
        tree: column
        for tree, column in values.items()
        if np.isfinite(column).all() and (column.any() or tree == ONE)
    }


def _group_by_form(trees: Iterable[Expression], columns: Columns, largest: float = 1e6) -> list[Values]:
    """Shapes that differ only in the sizes of their constants together, with their values.

    Args:
        trees: The shapes.
        columns: The rows.
        largest: Magnitude of a value; a few rows would decide the fit of a shape with larger ones.
    """
    groups = defaultdict[tuple[Expression, tuple[bool, ...]], Values](dict)
    for tree in trees:
        values = evaluate(tree, columns)
        if np.abs(values).max() <= largest:  # false for NaN
            form, constants = parametrize_floats(tree)
            groups[form, tuple(constant > 0 for constant in constants)][tree] = values
    return list(groups.values())


def _build(
    scale: str, ends: Sequence[Expression], s: Expression, match: Match, *, is_pulse: bool
) -> Expression:
    """The formula of a match with the shape S."""
    alpha, beta = match.coefficients
    x, y = (None if place is None else ends[place] for place in (match.first, match.second))
    if is_pulse:
        return add(*(mul(make_measured(c), z) for c, z in ((alpha, x), (beta, y and mul(y, s))) if z))
    if x is not None and y is not None:
        return _connect(scale, x, y, s, alpha, beta)
    # The other end is at 0
    end, part, c = (y, s, beta) if y is not None else (x or ONE, add(1, -s), alpha)
    if scale == "identity":
        return mul(make_measured(c), end, part)
    return mul(make_measured(1 / c), end, power(part, -1))


def _connect(
    scale: str, x: Expression, y: Expression, s: Expression, alpha: float, beta: float
) -> Expression:
    """The formula with two ends. Every constant occurs once, so that a fit keeps the form."""
    change, is_same = make_measured(beta - alpha), x == y
    if scale == "log":  # A·(c·B/A)^S
        with np.errstate(over="ignore"):
            a, c = make_measured(np.exp(alpha)), make_measured(np.exp(beta - alpha))
        return mul(a, x, call("exp", mul(change, s)) if is_same else power(mul(c, y, power(x, -1)), s))
    ratio = make_measured(beta / alpha)
    if scale == "reciprocal":  # A/(1 + (c·A/B - 1)·S)
        excess = make_measured(beta / alpha - 1) if is_same else add(mul(ratio, x, power(y, -1)), -1)
        return mul(make_measured(1 / alpha), x, power(add(1, mul(excess, s)), -1))
    if is_same:
        return mul(x, add(make_measured(alpha), mul(change, s)))
    return mul(make_measured(alpha), add(x, mul(add(mul(ratio, y), -x), s)))  # a·(A + (c·B - A)·S)
