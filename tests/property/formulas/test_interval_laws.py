"""Laws of interval arithmetic, on random formulas and boxes."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kan_engine.expressions.evaluation import Expression, evaluate, walk
from kan_engine.expressions.intervals import enclose
from tests.support.engine import trees

# Under test, beartype draws the items that it checks with `random`, also while strategies build trees.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

BOXES, POINTS = 5, 40
NAMES = ("x", "y", "z")
formulas = st.one_of(trees.plain_trees(dict.fromkeys(NAMES)), trees.raw_trees(dict.fromkeys(NAMES)))


def draw_box(generator: np.random.Generator) -> tuple[float, float]:
    """A range of usual numbers, of 30 decades, or of small integers, at which much is undefined."""
    kind = generator.integers(3)
    if kind == 0:
        ends = generator.normal(size=2) * 10 ** generator.uniform(-2, 3)
    elif kind == 1:
        ends = 10 ** generator.uniform(-15, 15, 2)
    else:
        ends = generator.integers(-3, 4, 2).astype(float)
    return float(ends.min()), float(ends.max())


def draw_points(box: tuple[float, float], generator: np.random.Generator) -> np.ndarray:
    """Points of a range: some at its ends, others at any place on a linear or a logarithmic scale."""
    low, high = box
    shares = generator.random(POINTS)
    points = low + shares * (high - low)
    if low > 0:
        points[::2] = low * (high / low) ** shares[::2]
    points[: POINTS // 4] = generator.choice([low, high], POINTS // 4)
    return points.clip(low, high)


def has_value(tree: Expression, columns: dict[str, np.ndarray]) -> np.ndarray:
    """Where all parts of a formula are finite: of infinite ones, floats give values that do not exist."""
    return np.logical_and.reduce([np.isfinite(evaluate(node, columns)) for node in walk(tree)])


@settings(max_examples=400, deadline=None, derandomize=True)
@given(formulas, st.integers(0, 2**32 - 1))
def test_no_value_is_outside_of_its_interval(tree: Expression, seed: int) -> None:
    generator = np.random.default_rng(seed)
    for _ in range(BOXES):
        boxes = {name: draw_box(generator) for name in NAMES}
        columns = {name: draw_points(box, generator) for name, box in boxes.items()}
        found = enclose(
            tree, {name: (np.array([low]), np.array([high])) for name, (low, high) in boxes.items()}
        )
        values, is_finite = evaluate(tree, columns), has_value(tree, columns)
        assert (values[is_finite] >= found.lower).all()
        assert (values[is_finite] <= found.upper).all()
        assert is_finite.all() or not found.is_defined.all()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(formulas, st.integers(0, 2**32 - 1))
def test_bounds_over_parts_of_a_box_are_no_wider(tree: Expression, seed: int) -> None:
    generator = np.random.default_rng(seed)
    boxes = {name: draw_box(generator) for name in NAMES}
    whole = enclose(tree, {name: (np.array([low]), np.array([high])) for name, (low, high) in boxes.items()})
    assume(whole.is_defined.all())
    parts = {name: np.sort(generator.uniform(*box, (2, 20)), axis=0) for name, box in boxes.items()}
    found = enclose(tree, {name: (ends[0], ends[1]) for name, ends in parts.items()})
    assert found.is_defined.all()
    assert (found.lower >= whole.lower).all()
    assert (found.upper <= whole.upper).all()
