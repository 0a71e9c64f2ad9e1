"""Laws of interval arithmetic, on random formulas and boxes."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kan_engine.expressions.evaluation import Expression, evaluate
from kan_engine.expressions.intervals import enclose
from tests.support.engine import trees
from tests.support.engine.boxes import draw_box, draw_points, has_value

# Under test, beartype draws the items that it checks with `random`, also while strategies build trees.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

BOXES = 5
NAMES = ("x", "y", "z")
formulas = st.one_of(trees.plain_trees(dict.fromkeys(NAMES)), trees.raw_trees(dict.fromkeys(NAMES)))


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
