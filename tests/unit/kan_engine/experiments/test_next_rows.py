"""Next rows: where rivals differ, where constants are uncertain, and far from what was measured."""

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.experiments.next_rows import Foretelling, choose_rows, foretell, foretell_unknown
from kan_engine.expressions.evaluation import Expression, Variable, add, call, mul

X = Variable("x")
GRID = {"x": np.linspace(0, 4, 41)}
NOISE = 0.1


def measure(x: np.ndarray) -> LabelledRows:
    return LabelledRows.from_columns({"x": x}, 2 * x)


SEEN = measure(np.linspace(0, 1, 15))


def choose(*trees: Expression, count: int = 1, seen: LabelledRows = SEEN) -> list[float]:
    rivals = [foretell(tree, 1 / len(trees), GRID, seen) for tree in trees]
    chosen = choose_rows(rivals, count, noise=NOISE, limits=(-100, 100))
    assert [row.gain for row in chosen] == sorted((row.gain for row in chosen), reverse=True)
    return [float(GRID["x"][row.place]) for row in chosen]


def test_two_rivals_are_told_apart_where_they_differ_most() -> None:
    """2 sin(x) and x(2 - x²/3) agree near 0 and part at large x."""
    sine, cubic = mul(2, call("sin", X)), add(mul(2, X), mul(-1 / 3, X, X, X))
    assert choose(sine, cubic)[0] == pytest.approx(4)


def test_without_rivals_the_constants_of_a_line_gain_most_at_its_far_end() -> None:
    """With rows from 0 to 1 the slope is known worst, and then the level at the other end."""
    assert choose(add(mul(2.1, X), 0.3)) == [4.0]


def test_a_design_of_a_line_has_both_ends() -> None:
    """D-optimal: half of the rows at either end (Fedorov 1972)."""
    middle = measure(np.full(15, 2.0) + np.linspace(-0.01, 0.01, 15))
    assert set(choose(add(mul(2.1, X), 0.3), count=2, seen=middle)) == {0.0, 4.0}


def test_no_row_is_proposed_twice() -> None:
    assert len(set(choose(add(mul(2.1, X), 0.3), count=10))) == 10


def test_a_rival_that_is_undefined_or_explodes_does_not_decide_alone() -> None:
    broken = foretell(call("log", add(X, -2)), 0.5, GRID, SEEN)
    assert np.isfinite(broken.values).all()
    wild = foretell(call("exp", mul(200.0, X)), 1e-6, GRID, SEEN)
    rivals = [foretell(mul(2.1, X), 0.5, GRID, SEEN), broken, wild]
    (row,) = choose_rows(rivals, 1, noise=NOISE, limits=(-10, 10))
    assert 0 < row.gain < 20


def test_what_is_unknown_is_sought_far_from_the_rows() -> None:
    nothing = Foretelling(weight=0.0, values=np.zeros(41), slopes=np.zeros((41, 0)), seen=np.zeros((15, 0)))
    unknown = foretell_unknown(1.0, GRID["x"][:, None], SEEN.x, spread=1.0, noise=NOISE)
    limits = (-100.0, 100.0)
    chosen = choose_rows(
        [Foretelling(**vars(nothing) | {"weight": 1.0})], 2, noise=NOISE, limits=limits, unknown=unknown
    )
    assert all(GRID["x"][row.place] > 1.5 for row in chosen)


def test_less_noise_tells_more() -> None:
    rivals = [foretell(mul(2.1, X), 0.5, GRID, SEEN), foretell(mul(1.9, X, X), 0.5, GRID, SEEN)]
    gains = [choose_rows(rivals, 1, noise=noise, limits=(-100, 100))[0].gain for noise in (0.01, 0.1, 1.0)]
    assert gains == sorted(gains, reverse=True)
