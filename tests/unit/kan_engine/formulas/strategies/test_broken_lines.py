"""Lines with kinks."""

import numpy as np
import pytest

from kan_engine.formulas.strategies.scans.broken_lines import BrokenLines
from tests.support.engine.laws import Law
from tests.support.engine.scans import Ranges, propose

BROKEN: dict[str, tuple[Law, Ranges]] = {
    "a hinge": (lambda x: 2 + 1.5 * np.maximum(0, 12 - x), {"x": (-10, 30)}),
    "a hinge with a column as factor": (
        lambda x, pay: pay * (x + 0.5 * np.maximum(0, x - 40)),
        {"x": (20, 60), "pay": (10, 40)},
    ),
    "two hinges": (lambda x: 3 * np.maximum(0, 16 - x) + 5 * np.maximum(0, x - 23), {"x": (0, 35)}),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("noise", [0.0, 0.03])
def test_kinks_are_found(name: str, noise: float) -> None:
    _, error = propose(BrokenLines(), *BROKEN[name], noise)
    assert error < (0.3 * noise or 1e-9)


def test_a_smooth_curve_is_no_broken_line() -> None:
    assert not propose(BrokenLines(), np.exp, {"x": (0, 2)}, 0.01)[0]
