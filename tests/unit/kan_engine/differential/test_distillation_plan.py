"""What is chosen for a network of a given shape before it is trained."""

from collections.abc import Sequence
from typing import Any

import pytest

from kan_engine.differential.networks.distillation_plan import DistillationPlan
from kan_engine.differential.problem_parser import parse_problem
from tests.support.engine.differential import CASES


def shape(name: str, hidden: Sequence[int], **given: Any) -> DistillationPlan:
    return DistillationPlan.from_problem(CASES[name].problem(), hidden, **given)


def test_its_ends_are_variables_and_unknowns() -> None:
    assert shape("decay", [3]).width == (1, 3, 1)
    assert shape("heat", []).width == (2, 1)
    assert shape("system", [4, 2]).width == (1, 4, 2, 2)


def test_derivatives_of_all_axes_together_raise_the_order() -> None:
    assert shape("heat", [3]).order == 7
    beam = parse_problem(
        independent=["x", "t"],
        unknowns=["u"],
        domain={"x": [0, 1], "t": [0, 1]},
        equations=["Derivative(u(x, t), (x, 4), t) - u(x, t)"],
        conditions=[({"x": 0}, "u(0, t)")] * 4 + [({"t": 0}, "u(x, 0)")],
    )
    assert beam.highest_derivative == 5
    assert DistillationPlan.from_problem(beam, [3]).order == 8


def test_grids_are_no_finer_than_the_points_that_they_are_learnt_at() -> None:
    assert shape("decay", [3]).grids == (3, 6, 12, 24, 48)
    assert shape("heat", [3]).grids == (3, 6, 12, 24)


def test_a_grid_that_is_given_is_the_only_one_and_has_its_points() -> None:
    fine = shape("heat", [3], grid=50, order=4)
    assert (fine.grids, fine.order, fine.rows) == ((50,), 4, 100**2)


@pytest.mark.parametrize("hidden", [[20, 20], [200, 200]])
def test_the_larger_the_network_the_fewer_grids_and_the_cheaper_the_method(hidden: list[int]) -> None:
    found = shape("heat", hidden)
    assert len(found.grids) < len(shape("heat", [3]).grids)
    assert found.workload(found.grids[-1]).method() == "levenberg_marquardt" or found.method == "lbfgs"
    assert shape("heat", hidden, is_second_order=True).method == "levenberg_marquardt"
