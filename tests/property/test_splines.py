"""Laws of the splines, held against SciPy's."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import BSpline

from kan_engine.spline import b_spline_basis, b_spline_basis_and_slope, extend_knots, fit_coef

ORDERS = st.integers(0, 5)
SIZES = st.integers(1, 12)
SEEDS = st.integers(0, 2**31)


def random_knots(seed: int, size: int, order: int) -> torch.Tensor:
    """Knots over two irregular grids with intervals between 0.2 and 1."""
    rng = np.random.default_rng(seed)
    grid = np.cumsum(rng.uniform(0.2, 1.0, (2, size + 1)), axis=1)
    return extend_knots(torch.from_numpy(grid), order)


def inside(seed: int, knots: torch.Tensor, order: int, reach: float = 0.0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    low, high = knots[:, order].numpy(), knots[:, -order - 1].numpy()
    width = high - low
    return torch.from_numpy(rng.uniform(low - reach * width, high + reach * width, (30, 2)))


@given(SEEDS, SIZES, ORDERS)
def test_the_basis_sums_to_one_inside_the_grid(seed: int, size: int, order: int) -> None:
    knots = random_knots(seed, size, order)
    basis = b_spline_basis(inside(seed, knots, order), knots, order)
    torch.testing.assert_close(basis.sum(-1), torch.ones(30, 2, dtype=torch.float64))


@given(SEEDS, SIZES, ORDERS)
def test_basis_and_slope_equal_those_of_scipy_even_off_the_grid(seed: int, size: int, order: int) -> None:
    knots = random_knots(seed, size, order)
    x = inside(seed, knots, order, reach=0.2)
    basis, slope = b_spline_basis_and_slope(x, knots, order)
    for i in range(2):
        for m in range(size + order):
            spline = BSpline(knots[i].numpy(), np.eye(size + order)[m], order, extrapolate=True)
            np.testing.assert_allclose(basis[:, i, m], spline(x[:, i].numpy()), atol=1e-9)
            if order:
                np.testing.assert_allclose(slope[:, i, m], spline(x[:, i].numpy(), 1), atol=1e-7)


@given(SEEDS, SIZES, st.integers(1, 4))
def test_least_squares_gives_back_the_coefficients_of_a_spline(seed: int, size: int, order: int) -> None:
    knots = random_knots(seed, size, order)
    coef = torch.from_numpy(np.random.default_rng(seed).normal(size=(size + order, 3)))
    steps = torch.linspace(0, 1, 20 * (size + order), dtype=torch.float64)
    x = knots[:, order] + steps[:, None] * (knots[:, -order - 1] - knots[:, order])
    features = b_spline_basis(x, knots, order)[:, 0]
    torch.testing.assert_close(fit_coef(features, features @ coef), coef, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("order", [0, 1, 3])
def test_the_last_point_of_the_grid_belongs_to_its_last_interval(order: int) -> None:
    knots = extend_knots(torch.linspace(-1, 1, 6, dtype=torch.float64)[None], order)
    basis = b_spline_basis(torch.ones(1, 1, dtype=torch.float64), knots, order)
    assert float(basis.sum()) == pytest.approx(1)
