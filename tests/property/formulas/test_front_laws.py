"""Laws of the search for the front of formulas, on random trees."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kan_engine.expressions.evaluation import (
    Add,
    Expression,
    Mul,
    Parameter,
    Program,
    count_nodes,
    evaluate,
    parametrize_floats,
    value_and_jacobian,
    walk,
)
from kan_engine.formulas.strategies.growth.moves import list_reductions
from kan_engine.formulas.strategies.growth.sensitivities import count_constants, list_nodes, replace_at
from tests.support.engine import trees

# Under test, beartype draws the items that it checks with `random`, also while strategies build trees.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

few = settings(max_examples=60, deadline=None, derandomize=True)

COLUMNS = {"x": np.linspace(0.3, 2.0, 37), "y": np.linspace(-1.0, 1.0, 37) ** 3}
ROWS = 37
PARAMETERS = np.array([0.7, -1.3, 2.1])

plain_trees = trees.plain_trees(COLUMNS)
parametric_trees = trees.built(
    st.one_of(trees.variables_of(COLUMNS), st.sampled_from([Parameter(i) for i in range(3)]), trees.floats)
)


def are_moderate(values: np.ndarray) -> bool:
    return bool(np.isfinite(values).all() and np.abs(values).max(initial=0) < 1e6)


@few
@given(parametric_trees, st.lists(st.floats(-2, 2), min_size=3, max_size=3))
def test_a_program_has_the_values_and_derivatives_of_its_tree(tree: Expression, moved: list[float]) -> None:
    program = Program(tree, COLUMNS, 3)
    program.run(np.array(moved))
    np.testing.assert_array_equal(program.run(PARAMETERS), evaluate(tree, COLUMNS, PARAMETERS))
    _, jacobian = value_and_jacobian(tree, COLUMNS, PARAMETERS)
    np.testing.assert_array_equal(program.compute_jacobian(), jacobian)


@few
@given(plain_trees, st.data())
def test_the_slope_of_a_node_is_the_derivative_by_its_value(tree: Expression, data: st.DataObject) -> None:
    node = data.draw(st.sampled_from(list_nodes(tree, COLUMNS, ROWS)))
    assume(are_moderate(node.value) and are_moderate(node.slope))
    shift, step = Parameter(0), 1e-5 * (1 + np.abs(node.value).max())
    shifted = replace_at(tree, node.path, node.tree + shift)
    near = [evaluate(shifted, COLUMNS, [k * step]) for k in (-2, -1, 1, 2)]
    assume(all(map(are_moderate, near)))
    slope = (near[0] - 8 * near[1] + 8 * near[2] - near[3]) / (12 * step)
    coarse = (near[3] - near[0]) / (4 * step)
    smooth = np.abs(slope - coarse) < 1e-4 * (1 + np.abs(slope))  # no kink or pole within the step
    largest = max(np.abs(values).max() for values in near)
    tolerance = 1e-4 * (1 + np.abs(slope)) + 1e-15 * largest / step
    assert (np.abs(node.slope - slope) < tolerance)[smooth].all()


@few
@given(plain_trees)
def test_nodes_have_their_values_and_places(tree: Expression) -> None:
    nodes = list_nodes(tree, COLUMNS, ROWS)
    assert [node.tree for node in nodes] == list(walk(tree))
    for node in nodes:
        np.testing.assert_allclose(node.value, evaluate(node.tree, COLUMNS), rtol=1e-14)
        assert node.constants.stop - node.constants.start == count_constants(node.tree)
        assert isinstance(node.parent, Add | Mul) or not node.is_linear or not node.path


@few
@given(plain_trees)
def test_constants_are_counted_as_they_are_released(tree: Expression) -> None:
    assert count_constants(tree) == len(parametrize_floats(tree)[1])


@few
@given(plain_trees)
def test_a_reduction_is_shorter(tree: Expression) -> None:
    for shorter in list_reductions(tree):
        assert count_nodes(shorter) < count_nodes(tree)
