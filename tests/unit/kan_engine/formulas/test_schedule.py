"""When strategies run."""

import numpy as np
import pytest

from kan_engine.expressions.evaluation import evaluate
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.judge import Judge
from kan_engine.formulas.reductions.strategies import PowerFactors
from kan_engine.formulas.schedule import BEHIND_A_FACTOR, CHEAP_ALGEBRA, LAWS, SCANS, is_exact, is_settled
from kan_engine.formulas.search import Strategy
from tests.support.engine.scans import propose


@pytest.mark.parametrize("scan", SCANS, ids=lambda scan: scan.name)
def test_columns_of_zeros_are_no_obstacle(scan: Strategy) -> None:
    ranges = {"x": (-1.0, 1.0), "zero": (0.0, 0.0)}
    trees, _ = propose(scan, lambda x, _: np.abs(x) + np.exp(-3 * x), ranges, 0.01)
    assert all(np.isfinite(evaluate(tree, {"x": np.zeros(1), "zero": np.zeros(1)})).all() for tree in trees)


@pytest.mark.parametrize("scale", [1e-150, 1e150])
@pytest.mark.parametrize("scan", SCANS, ids=lambda scan: scan.name)
def test_huge_and_tiny_values_are_no_obstacle(scan: Strategy, scale: float) -> None:
    propose(scan, lambda x, y: (scale * x + y) * np.exp(-x), {"x": (0, 3), "y": (scale, 2 * scale)}, 0.01)


def test_scans_run_beside_a_formula_that_leaves_only_noise_but_not_beside_an_exact_law() -> None:
    steps = [step for step in LAWS if step.strategy in SCANS]
    assert len(steps) == len(SCANS)
    assert all(is_exact in step.unless and is_settled not in step.unless for step in steps)


def test_an_exact_law_behind_a_factor_is_found_where_networks_leave_what_looks_like_noise() -> None:
    class Misled(Judge):
        def is_noisy(self, *_: object) -> bool:
            return True

    strategy, ranges = PowerFactors(BEHIND_A_FACTOR, CHEAP_ALGEBRA), {"a": (1, 3), "k": (1, 2), "x": (0, 6)}
    trees, _ = propose(
        strategy, lambda a, k, x: a**2 * (5 / k - 3 * np.cos(x) + k), ranges, 0, judge=Misled()
    )
    assert [to_text(tree) for tree in trees] == ["a**2*(k + 5/k - 3*cos(x))"]
