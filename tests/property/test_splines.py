"""Laws of the splines, held against SciPy's, and of the grids below them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import BSpline

from kan_engine.splines.basis import dot_local, local_basis, scatter_local, uniform_spacing
from kan_engine.splines.knots import extend_knots, fit_coef, quantile_grid, uniform_grid
from kan_engine.splines.thresholds import DEFAULT_GRIDS, GridThresholds

ORDERS = st.integers(0, 5)
SIZES = st.integers(1, 12)
SEEDS = st.integers(0, 2**31)


def random_knots(seed: int, size: int, order: int) -> torch.Tensor:
    """Knots over two irregular grids with intervals between 0.2 and 1."""
    rng = np.random.default_rng(seed)
    grid = np.cumsum(rng.uniform(0.2, 1.0, (2, size + 1)), axis=1)
    return extend_knots(torch.from_numpy(grid), order)


def uniform_knots(seed: int, size: int, order: int) -> torch.Tensor:
    """Knots over two uniform grids, about as long as they are far from 0."""
    low, width = np.random.default_rng(seed).uniform([-5, 1], [5, 9], (2, 2)).T
    return extend_knots(uniform_grid(torch.from_numpy(low), torch.from_numpy(low + width), size), order)


def inside(seed: int, knots: torch.Tensor, order: int, reach: float = 0.0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    low, high = knots[:, order].numpy(), knots[:, -order - 1].numpy()
    width = high - low
    return torch.from_numpy(rng.uniform(low - reach * width, high + reach * width, (30, 2)))


def basis(
    x: torch.Tensor, knots: torch.Tensor, order: int, derivative: int = 0, *, is_uniform: bool = False
) -> torch.Tensor:
    """Every basis function, or its derivative, at every input."""
    spacing = uniform_spacing(knots, order) if is_uniform else None
    local = local_basis(x, knots, order, spacing)
    return scatter_local(local.values(derivative), local.first, knots.shape[1] - order - 1)


@given(SEEDS, SIZES, ORDERS)
def test_the_basis_sums_to_one_inside_the_grid(seed: int, size: int, order: int) -> None:
    knots = random_knots(seed, size, order)
    total = basis(inside(seed, knots, order), knots, order).sum(-1)
    torch.testing.assert_close(total, torch.ones(30, 2, dtype=torch.float64))


@given(SEEDS, SIZES, ORDERS, st.booleans())
def test_the_basis_and_its_derivatives_equal_those_of_scipy_even_off_the_grid(
    seed: int, size: int, order: int, is_uniform: bool
) -> None:
    knots = (uniform_knots if is_uniform else random_knots)(seed, size, order)
    x = inside(seed, knots, order, reach=0.2)
    for derivative, digits in enumerate([1e-9, 1e-7, 1e-5][: order + 1]):
        values = basis(x, knots, order, derivative, is_uniform=is_uniform)
        for i in range(2):
            spline = BSpline(knots[i].numpy(), np.eye(size + order), order, extrapolate=True)
            np.testing.assert_allclose(values[:, i], spline(x[:, i].numpy(), derivative), atol=digits)


@given(SEEDS, st.integers(1, 20), st.integers(2, 5), st.integers(0, 6))
def test_on_uniform_knots_the_closed_form_equals_the_recursion(
    seed: int, size: int, order: int, derivative: int
) -> None:
    knots = uniform_knots(seed, size, order)
    assert uniform_spacing(knots, order) is not None
    x = inside(seed, knots, order)
    expected = basis(x, knots, order, derivative)
    scale = float((knots[:, 1] - knots[:, 0]).min()) ** -derivative
    values = basis(x, knots, order, derivative, is_uniform=True)
    torch.testing.assert_close(values, expected, rtol=0, atol=1e-13 * 4**derivative * scale)


@given(SEEDS, SIZES, ORDERS)
def test_knots_that_are_not_uniform_take_the_recursion(seed: int, size: int, order: int) -> None:
    knots = uniform_knots(seed, size, order)
    knots[1, order] += 1e-9
    assert uniform_spacing(knots, order) is None


@pytest.mark.parametrize("order", [0, 1])
def test_where_values_or_slopes_jump_the_interval_is_found_exactly(order: int) -> None:
    knots = uniform_knots(0, 7, order)
    assert uniform_spacing(knots, order) is None
    at_knots = knots[:, order : -order - 1].T.contiguous()
    values = basis(at_knots, knots, order)
    torch.testing.assert_close(values.argmax(-1), torch.arange(7)[:, None].expand(-1, 2))


@given(SEEDS, SIZES, st.integers(2, 5))
def test_single_precision_follows_double_precision(seed: int, size: int, order: int) -> None:
    knots = uniform_knots(seed, size, order)
    x = inside(seed, knots, order)
    narrow = basis(x.float(), knots.float(), order, is_uniform=True)
    assert narrow.dtype == torch.float32
    torch.testing.assert_close(narrow.double(), basis(x, knots, order), rtol=0, atol=1e-4)


@given(SEEDS, SIZES, st.integers(1, 5), st.booleans())
def test_collecting_sums_over_the_terms_that_do_not_vanish(
    seed: int, size: int, order: int, is_uniform: bool
) -> None:
    knots = (uniform_knots if is_uniform else random_knots)(seed, size, order)
    local = local_basis(inside(seed, knots, order), knots, order, uniform_spacing(knots, order))
    dense = torch.from_numpy(np.random.default_rng(seed).normal(size=(30, 2, size + order)))
    expected = (dense * scatter_local(local.values(), local.first, size + order)).sum(-1)
    torch.testing.assert_close(dot_local(dense, local.values(), local.first), expected)


@given(SEEDS, SIZES, st.integers(1, 4))
def test_least_squares_gives_back_the_coefficients_of_a_spline(seed: int, size: int, order: int) -> None:
    knots = random_knots(seed, size, order)
    coef = torch.from_numpy(np.random.default_rng(seed).normal(size=(size + order, 3)))
    steps = torch.linspace(0, 1, 20 * (size + order), dtype=torch.float64)
    x = knots[:, order] + steps[:, None] * (knots[:, -order - 1] - knots[:, order])
    features = basis(x, knots, order)[:, 0]
    torch.testing.assert_close(fit_coef(features, features @ coef), coef, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("order", [0, 1, 3])
def test_the_last_point_of_the_grid_belongs_to_its_last_interval(order: int) -> None:
    knots = extend_knots(torch.linspace(-1, 1, 6, dtype=torch.float64)[None], order)
    total = basis(torch.ones(1, 1, dtype=torch.float64), knots, order).sum()
    assert float(total) == pytest.approx(1)


VALUES = st.floats(-1e6, 1e6, allow_subnormal=False) | st.sampled_from([0.0, 1.0])


@given(
    st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=40),
    st.integers(1, 30),
    st.sampled_from([0.0, 0.3, 0.9, 1.0]),
    st.sampled_from([0.0, 0.02]),
)
def test_a_grid_keeps_its_points_apart_whatever_the_data(
    rows: list[tuple[float, float]], size: int, share: float, margin: float
) -> None:
    x, thresholds = torch.tensor(rows, dtype=torch.float64), GridThresholds(margin=margin)
    grid = quantile_grid(x, size, uniform_share=share, thresholds=thresholds)
    low, high = grid[:, :1], grid[:, -1:]
    assert (low[:, 0] <= x.amin(0)).all()
    assert (x.amax(0) <= high[:, 0]).all()
    rounding = 1e-15 * (low.abs() + high.abs())
    assert (grid.diff(dim=1) >= thresholds.min_interval_share * (high - low) / size - rounding).all()
    assert (grid.diff(dim=1) > 0).all()


@given(
    st.sampled_from([(0.0,), (0.0, 1.0), (0.0,) * 99 + (1.0,), (-1e-9, 1e-9), (3.0,) * 5 + (4.0, 5.0)]),
    ORDERS,
)
def test_splines_on_tied_data_stay_finite(values: tuple[float, ...], order: int) -> None:
    x = torch.tensor(values, dtype=torch.float64)[:, None]
    knots = extend_knots(quantile_grid(x, 10, uniform_share=0.0, thresholds=DEFAULT_GRIDS), order)
    for derivative in (0, 1):
        assert torch.isfinite(basis(x, knots, order, derivative)).all()
    torch.testing.assert_close(basis(x, knots, order).sum(-1), torch.ones_like(x))
