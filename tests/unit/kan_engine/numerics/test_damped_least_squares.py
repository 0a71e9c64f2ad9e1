"""Levenberg-Marquardt on batches whose minima are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import least_squares
from torch import Tensor

from kan_engine.numerics.damped_least_squares import (
    DampedMatrix,
    Damping,
    DampingConfig,
    NormalEquations,
    Point,
    Proposal,
    descend,
    take_step,
)

Problems = list[tuple[float, float]]
STARTS: Problems = [(-1.2, 1.0), (2.0, -3.0), (0.5, 0.5)]


@dataclass(frozen=True, eq=False)
class Valley(Point):
    """Rosenbrock's valley (1 - x)² + 100 (y - x²)² from several starts; ``blocked`` ones never fall."""

    unknowns: Tensor
    blocked: Tensor

    @staticmethod
    def at(starts: Problems, blocked: tuple[int, ...] = ()) -> Valley:
        mask = torch.zeros(len(starts), dtype=torch.bool)
        mask[list(blocked)] = True
        return Valley(torch.tensor(starts, dtype=torch.float64), mask)

    @property
    def residuals(self) -> Tensor:
        x, y = self.unknowns.T
        return torch.stack([1 - x, 10 * (y - x**2)], 1)

    @property
    def objective(self) -> Tensor:
        return torch.where(self.blocked, 1.0, self.residuals.square().sum(1))

    def linearize(self) -> NormalEquations:
        x, one = self.unknowns[:, 0], torch.ones(len(self.unknowns), dtype=torch.float64)
        rows = [torch.stack([-one, 0 * one], 1), torch.stack([-20 * x, 10 * one], 1)]
        jacobian = torch.stack(rows, 1)
        gradient = (jacobian.mT @ self.residuals[..., None])[..., 0]
        return NormalEquations(jacobian.mT @ jacobian, gradient)

    def move(self, step: Tensor) -> Valley:
        return Valley(self.unknowns + step, self.blocked)

    def merge(self, accepted: Tensor, proposed: Valley) -> Valley:
        return Valley(torch.where(accepted[:, None], proposed.unknowns, self.unknowns), self.blocked)


def minimised(start: Valley, *, config: DampingConfig | None = None, steps: int = 200) -> Valley:
    damping = Damping.start(config or DampingConfig(), len(start.unknowns))
    *_, last = descend(start, damping, steps=steps)
    return last.point


def test_every_problem_of_a_batch_reaches_its_minimum() -> None:
    torch.testing.assert_close(
        minimised(Valley.at(STARTS)).unknowns, torch.ones(3, 2, dtype=torch.float64), rtol=0, atol=1e-9
    )


def test_the_minimum_is_that_of_scipy_in_about_as_many_steps() -> None:
    calls = []

    def residuals(unknowns: np.ndarray) -> np.ndarray:
        calls.append(unknowns)
        return Valley(torch.tensor(unknowns[None]), torch.tensor([False])).residuals[0].numpy()

    reference = least_squares(residuals, STARTS[0], method="lm")
    found = minimised(Valley.at(STARTS[:1]), steps=len(calls))
    np.testing.assert_allclose(found.unknowns[0], reference.x, rtol=1e-6)


@given(st.lists(st.tuples(*[st.floats(-5, 5)] * 2), min_size=2, max_size=4), st.integers(1, 12))
def test_a_problem_takes_the_steps_in_a_batch_that_it_takes_alone(starts: Problems, steps: int) -> None:
    together = minimised(Valley.at(starts), steps=steps).unknowns
    alone = [minimised(Valley.at([start]), steps=steps).unknowns for start in starts]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-6, atol=1e-9)


@given(st.integers(1, 30))
def test_no_objective_ever_rises_and_the_gain_tells_its_fall(steps: int) -> None:
    before = Valley.at(STARTS).objective
    for step in descend(Valley.at(STARTS), Damping.start(DampingConfig(), 3), steps=steps):
        assert (step.point.objective <= before).all()
        torch.testing.assert_close(step.point.objective, before * (1 - step.gain))
        before = step.point.objective


def test_a_problem_that_rejects_its_step_stays_while_the_others_move() -> None:
    start = Valley.at([STARTS[2], STARTS[1], STARTS[2]], blocked=(1,))
    step = next(descend(start, Damping.start(DampingConfig(), 3), steps=1))
    assert step.accepted.tolist() == [True, False, True]
    assert step.point.unknowns[1].tolist() == list(STARTS[1])


def test_damping_follows_each_problem() -> None:
    config = DampingConfig(initial=1.0, decrease=0.1, increase=4.0, acceleration=2.0)
    damping = Damping.start(config, 2)
    for accepted in ([True, False], [True, False], [False, True]):
        damping.update_(torch.tensor(accepted))
    torch.testing.assert_close(damping.value, torch.tensor([0.01 * 4, 4 * 8 * 0.1], dtype=torch.float64))


@given(st.floats(-2, 2))
def test_damping_falls_further_the_more_of_the_predicted_decrease_was_reached(ratio: float) -> None:
    damping = Damping.start(DampingConfig(initial=1.0, decrease=0.01))
    damping.update_(torch.tensor([True]), torch.tensor([ratio], dtype=torch.float64))
    expected = max(0.01, 1 - (2 * min(ratio, 1.0) - 1) ** 3)  # Nielsen's rule
    assert float(damping.value) == pytest.approx(expected)


@pytest.mark.parametrize(("highest", "asked"), [(1e12, 5), (10.0, 3), (1e-3, 1)])
def test_dampings_are_tried_up_to_a_number_and_to_the_highest(highest: float, asked: int) -> None:
    start, tried = Valley.at(STARTS[:1], blocked=(0,)), []
    damping = Damping.start(DampingConfig(increase=100.0, highest=highest, tries=5))

    def propose(value: Tensor) -> Proposal[Valley]:
        tried.append(float(value))
        return Proposal(start)

    step = take_step(start, propose, damping)
    assert (len(tried), bool(step.accepted), float(step.gain)) == (asked, False, 0.0)
    assert tried == pytest.approx([min(1e-3 * 100.0**power, highest) for power in range(asked)])


def test_a_proposal_may_be_accepted_by_another_measure() -> None:
    start = Valley.at(STARTS[:1])
    worse = start.move(torch.tensor([[5.0, 5.0]], dtype=torch.float64))
    damping = Damping.start(DampingConfig())
    assert take_step(start, lambda _: Proposal(worse, accepted=torch.tensor([True])), damping).point is worse


def test_once_told_to_stop_there_are_no_further_proposals() -> None:
    answers = iter([False, False, True])
    steps = list(
        descend(
            Valley.at(STARTS), Damping.start(DampingConfig(), 3), steps=50, should_stop=lambda: next(answers)
        )
    )
    assert len(steps) == 2


def test_an_indefinite_matrix_leads_nowhere_and_leaves_its_neighbours_alone() -> None:
    matrix = torch.stack([torch.eye(2), -torch.eye(2)]).double()
    step = DampedMatrix.build(matrix, torch.zeros(2, 2).double()).step(torch.ones(2, 2).double())
    assert step.tolist() == [[-1.0, -1.0], [0.0, 0.0]]
