"""Laws of formula trees, on random ones."""

import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kan_engine.expressions.evaluation import (
    Expression,
    Parameter,
    complexity,
    evaluate,
    from_json,
    to_json,
    value_and_jacobian,
)
from kan_engine.expressions.printing.identifiers import safe_names
from kan_engine.expressions.simplification.simplify import simplify
from kan_engine.expressions.sympy_bridge import from_sympy, to_sympy
from tests.support.engine import trees

# Under test, beartype draws the items that it checks with `random`, also while strategies build trees.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

few = settings(max_examples=60, deadline=None, derandomize=True)

COLUMNS = {
    "x": np.linspace(0.3, 2.0, 37),
    "y": np.linspace(-1.0, 1.0, 37) ** 3,
    "z": np.linspace(-3.0, -0.2, 37)[::-1],
}
PARAMETERS = np.array([0.7, -1.3, 2.1])

plain_trees = trees.plain_trees(COLUMNS)
raw_trees = trees.raw_trees(COLUMNS)
parametric_trees = trees.built(
    st.one_of(trees.variables_of(COLUMNS), st.sampled_from([Parameter(i) for i in range(3)]), trees.floats)
)


def are_moderate(values):
    return np.isfinite(values).all() and np.abs(values).max() < 1e6


@few
@given(parametric_trees)
def test_the_jacobian_is_the_derivative(tree):
    step = 1e-5
    values, jacobian = value_and_jacobian(tree, COLUMNS, PARAMETERS)
    assume(are_moderate(values) and are_moderate(jacobian))
    for index in range(3):
        unit = step * np.eye(3)[index]
        near = [evaluate(tree, COLUMNS, PARAMETERS + k * unit) for k in (-2, -1, 1, 2)]
        assume(all(map(are_moderate, near)))
        slope = (near[0] - 8 * near[1] + 8 * near[2] - near[3]) / (12 * step)
        coarse = (near[3] - near[0]) / (4 * step)
        smooth = np.abs(slope - coarse) < 1e-4 * (1 + np.abs(slope))  # no kink or pole within the step
        scale = 1 + np.abs(slope) + np.abs(values) * 1e-3
        assert (np.abs(jacobian[:, index] - slope) < 1e-5 * scale)[smooth].all()


@few
@given(raw_trees)
def test_a_stored_tree_comes_back_the_same(tree):
    assert from_json(json.loads(json.dumps(to_json(tree)))) == tree


def same_values(found, expected, tolerance):
    """Equality to rounding, which cancellation amplifies by the largest value; sin(pi) is 1e-16."""
    return np.allclose(found, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max() + 1e-15)


@few
@given(plain_trees)
def test_sympy_and_back_keeps_the_values(tree):
    values = evaluate(tree, COLUMNS)
    assume(are_moderate(values))
    try:
        back = from_sympy(to_sympy(tree))
    except ValueError:
        return  # SymPy knows special values, such as zoo, that the library cannot write
    found = evaluate(back, COLUMNS)
    assume(np.isfinite(found).all())
    assert same_values(found, values, 1e-9)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.one_of(plain_trees, raw_trees))
def test_simplifying_never_changes_values(tree):
    result = simplify(tree, COLUMNS)
    before, after = evaluate(tree, COLUMNS), evaluate(result, COLUMNS)
    good = np.isfinite(before)
    assert isinstance(result, Expression)
    assert complexity(result) <= complexity(tree) + 1
    if good.any():
        assert same_values(after[good], before[good], 1.1e-12)


@few
@given(st.lists(st.text(max_size=12), unique=True, max_size=8))
def test_safe_names_are_distinct_identifiers(columns):
    names = safe_names(columns)
    assert list(names) == columns
    assert len(set(names.values())) == len(columns)
    assert all(name.isidentifier() for name in names.values())
