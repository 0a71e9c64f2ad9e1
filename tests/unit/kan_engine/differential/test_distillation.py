"""Networks of given shapes that follow solutions."""

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
import torch

from kan_engine.data.scaling import TargetScaler
from kan_engine.differential.networks.distillation import DistilledNetwork, distill
from kan_engine.differential.networks.distillation_plan import DistillationPlan
from kan_engine.differential.networks.low_rank_network import box_standardizer, build_spline_network
from kan_engine.network.kan import KANConfig
from tests.support.engine.differential import CASES, solved

pytestmark = pytest.mark.usefixtures("shapes_unchecked")


def coarse(name: str, hidden: list[int]) -> DistillationPlan:
    """A shape that is trained in a moment."""
    return replace(
        DistillationPlan.from_problem(CASES[name].problem(), hidden, order=5), grids=(2, 4), places=60
    )


def relative(follower: DistilledNetwork) -> list[float]:
    return [each.relative for each in chain(*follower.violations)]


@pytest.mark.parametrize("name", ["damped oscillator", "system", "heat"])
def test_the_network_that_is_the_solution_violates_as_much_as_the_solution(name: str) -> None:
    solution = solved(CASES[name])
    count = len(solution.problem.unknowns)
    itself = DistilledNetwork(
        solution,
        build_spline_network(solution.spline, 1e-13),
        box_standardizer(solution.spline.axes),
        TargetScaler("identity", np.zeros(count), np.ones(count)),
    )
    assert itself.distance < 1e-10
    found = [each.relative for each in chain(*solution.violations)]
    np.testing.assert_allclose(relative(itself), found, rtol=0.01, atol=1e-9)  # rounding of derivatives


def test_a_network_comes_closer_grid_by_grid_and_its_derivatives_do_too() -> None:
    first, second = distill(solved(CASES["decay"]), coarse("decay", [3]), steps=20)
    assert first.network.config == KANConfig(width=(1, 3, 1), grid_size=2, order=5)
    assert [each.network.stack[0].grid_size for each in (first, second)] == [2, 4]
    assert second.distance < first.distance / 2 < 1e-4
    assert max(relative(second)) < 1e-3


def test_unknowns_of_different_sizes_are_followed_alike() -> None:
    solution = solved(CASES["system"])
    scale = np.array([1.0, 1e-6])
    small = replace(solution, spline=replace(solution.spline, coef=solution.spline.coef * scale[:, None]))
    *_, found = distill(small, coarse("system", [4]), steps=20)
    assert found.distance < 1e-2


def test_a_shape_that_cannot_follow_ends_early_and_tells_its_distance() -> None:
    sums = distill(solved(CASES["heat"]), replace(coarse("heat", []), grids=(2, 4, 8, 16)))
    found = list(sums)
    assert len(found) <= 2
    assert found[-1].distance > 0.1
    assert max(relative(found[-1])) > 0.1


def test_a_training_that_is_stopped_at_once_leaves_one_network() -> None:
    (found,) = distill(solved(CASES["decay"]), coarse("decay", [3]), should_stop=lambda: True)
    assert 1e-3 < found.distance < 10


def test_the_same_solution_is_followed_to_the_bit() -> None:
    first, second = (
        list(distill(solved(CASES["decay"]), coarse("decay", [2]), steps=5))[-1] for _ in range(2)
    )
    for one, other in zip(first.network.stack, second.network.stack, strict=True):
        assert torch.equal(one.weight, other.weight)
