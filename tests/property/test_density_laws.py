"""Laws of densities: they integrate to 1 whatever the rows, and follow a change of units."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kan_engine import Density, DensityConfig, Encoding, fit_univariate_density
from kan_engine.numerics.quadrature import gauss_legendre

KINDS = ("normal", "exponential", "uniform", "cauchy")


def sample(kind: str, seed: int, count: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values: np.ndarray = {
        "normal": rng.normal,
        "exponential": rng.standard_exponential,
        "uniform": rng.uniform,
        "cauchy": rng.standard_cauchy,
    }[kind](size=count)
    return values


def told(found: Density, x: np.ndarray, at: np.ndarray) -> np.ndarray:
    encoding = Encoding.fit({"x": x}, {"x": "number"})
    return found.to_predictor(encoding, "p(x)").predict(at[:, None])


@settings(max_examples=4, deadline=None)
@given(st.sampled_from(KINDS), st.integers(0, 10**6), st.integers(20, 120))
@example("cauchy", 6, 20)  # whose likelihood asks for tails that never fall
def test_a_density_integrates_to_one(kind: str, seed: int, count: int) -> None:
    x = sample(kind, seed, count)
    found = fit_univariate_density(x, np.ones(count), DensityConfig(grid_size=12))
    layer = found.network.stack[0]
    points = found.inputs.inverse(layer.knots[0, 3:-3].numpy()[:, None])[:, 0]
    far = float(np.ptp(points)) * np.geomspace(1e-4, 1e6, 300)
    low, high = found.support[0]
    ends = np.concatenate([points[0] - far[::-1] if np.isinf(low) else [], points])
    ends = np.concatenate([ends, points[-1] + far if np.isinf(high) else []])
    nodes, weights = gauss_legendre(ends, 10)
    assert weights @ told(found, x, nodes) == pytest.approx(1, abs=1e-4)


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([-1000.0, -2.0, 0.001, 3.0]), st.floats(-50, 50))
def test_a_density_in_other_units_is_the_same_density(seed: int, factor: float, shift: float) -> None:
    x = sample("normal", seed, 80)
    config = DensityConfig(grid_size=12)
    own, other = (
        fit_univariate_density(v, np.ones(80), config, lambda: True) for v in (x, factor * x + shift)
    )
    at = np.linspace(-2, 2, 9)
    moved = told(other, factor * x + shift, factor * at + shift) * abs(factor)
    assert moved == pytest.approx(told(own, x, at), rel=1e-3)
