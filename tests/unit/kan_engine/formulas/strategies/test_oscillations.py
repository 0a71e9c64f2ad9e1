"""Sums of oscillations of many periods."""

import numpy as np
import pytest

from kan_engine.formulas.strategies.scans.oscillations import Oscillations
from tests.support.engine.scans import propose


@pytest.mark.parametrize("noise", [0.0, 0.03, 0.3])
def test_two_close_frequencies_of_many_periods_are_told_apart(noise: float) -> None:
    def tide(t: np.ndarray) -> np.ndarray:
        return 1 + 1.3 * np.cos(2 * np.pi * t / 12.42 + 1) + 0.5 * np.cos(2 * np.pi * t / 12)

    _, error = propose(Oscillations(), tide, {"t": (0, 700)}, noise)
    assert error < (0.3 * noise or 1e-9)


def test_noise_and_a_smooth_curve_have_no_period() -> None:
    rng = np.random.default_rng(0)
    assert not propose(Oscillations(), lambda t: rng.normal(size=len(t)), {"t": (0, 100)}, 0.0)[0]
    assert not propose(Oscillations(), lambda t: np.exp(t / 50), {"t": (0, 100)}, 0.01)[0]
