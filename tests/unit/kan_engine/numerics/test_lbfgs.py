"""L-BFGS on functions whose minimum is known."""

from collections.abc import Callable
from itertools import pairwise, takewhile

import pytest
import torch

from kan_engine.numerics.lbfgs import LBFGS

ENOUGH = 300  # steps; a minimiser that does not end reaches them all


def point(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def bowl(x: torch.Tensor) -> torch.Tensor:
    return (x.square() * torch.logspace(0, 2, len(x), dtype=torch.float64)).sum()


def rosenbrock(x: torch.Tensor) -> torch.Tensor:
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def minimised(objective: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> list[float]:
    return steps_of(LBFGS([x], lambda: [objective(x)]))


def steps_of(minimiser: LBFGS) -> list[float]:
    """Objectives that a minimiser reaches until it ends, or for long enough."""
    reached = (minimiser.advance_() for _ in range(ENOUGH))
    return [value for value in takewhile(lambda value: value is not None, reached) if value is not None]


def test_the_minimum_of_a_curved_valley_is_found_in_few_steps() -> None:
    x = point(-1.2, 1.0)
    values = minimised(rosenbrock, x)
    torch.testing.assert_close(x.detach(), torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-8)
    assert len(values) < 60  # Nocedal and Wright report 21 for BFGS with a better line search


def test_an_ill_conditioned_bowl_is_minimised_although_more_steps_are_taken_than_are_remembered() -> None:
    x = point(*[1.0] * 30)
    values = steps_of(LBFGS([x], lambda: [bowl(x)], max_pairs=20))
    assert len(values) > 20
    assert values[-1] < 1e-12


@pytest.mark.parametrize("start", [0.0, 3.0])
def test_the_steps_end_at_the_minimum(start: float) -> None:
    assert len(minimised(lambda x: x.square().sum(), point(start, -start))) < ENOUGH


def test_every_step_lowers_the_objective() -> None:
    values = minimised(rosenbrock, point(-1.2, 1.0))
    assert all(after < before for before, after in pairwise(values))


def test_a_step_that_leaves_the_numbers_is_shortened() -> None:
    x = point(0.1)
    minimised(lambda x: (x - 20 * x.log()).sum(), x)  # no number beyond 0; minimum at 20
    assert float(x.detach()) == pytest.approx(20, rel=1e-6)


def test_a_function_without_a_way_down_leaves_the_parameters_where_they_are() -> None:
    x = point(0.5)
    assert minimised(lambda x: x.sum() * float("nan"), x) == []
    assert float(x.detach()) == 0.5


def test_a_step_across_negative_curvature_does_no_harm() -> None:
    x = point(2.0)  # the second derivative of -exp(-x²) is negative beyond 0.71
    values = minimised(lambda x: -(-x.square()).exp().sum(), x)
    assert float(x.detach()) == pytest.approx(0, abs=1e-6)
    assert len(values) < ENOUGH


def test_several_parameters_of_any_shape_and_several_summands_are_minimised_together() -> None:
    first, second = point(1.0, 2.0), torch.ones(2, 2, dtype=torch.float64, requires_grad=True)
    steps_of(LBFGS([first, second], lambda: [(first.sum() - 1) ** 2, second.square().sum()]))
    assert float(first.detach().sum()) == pytest.approx(1)
    assert second.detach().abs().max() < 1e-6


def test_a_parameter_that_the_objective_does_not_use_stays() -> None:
    used, idle = point(1.0), point(7.0)
    steps_of(LBFGS([used, idle], lambda: [used.square().sum()]))
    assert float(idle.detach()) == 7.0
