"""Laws of splines of several variables, held against SciPy's, and of the networks that they are."""

from math import comb

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import BSpline

from kan_engine.differential.networks.low_rank_network import (
    box_standardizer,
    build_spline_network,
    separate_variables,
)
from kan_engine.numerics.quadrature import gauss_legendre
from kan_engine.splines.tensor_product import SplineAxis, TensorSpline

SEEDS, ORDERS, SIZES = st.integers(0, 2**31), st.integers(1, 7), st.integers(1, 8)
DIMENSIONS = st.integers(1, 3)


def random_axis(random: np.random.Generator, size: int, order: int) -> SplineAxis:
    """Intervals between 0.3 and 1 long."""
    return SplineAxis(np.cumsum(random.uniform(0.3, 1.0, size + 1)), order)


def random_spline(seed: int, dimensions: int, order: int, unknowns: int = 2, most: int = 5) -> TensorSpline:
    random = np.random.default_rng(seed)
    axes = tuple(random_axis(random, int(random.integers(1, most)), order) for _ in range(dimensions))
    terms = tuple(axis.terms for axis in axes)
    return TensorSpline(axes, random.normal(size=(unknowns, *terms)))


def inside(axes: tuple[SplineAxis, ...], seed: int, count: int = 12) -> np.ndarray:
    """Points of the box, its corners among them."""
    random = np.random.default_rng(seed)
    low, high = (np.array([axis.grid[end] for axis in axes]) for end in (0, -1))
    return np.concatenate([random.uniform(low, high, (count, len(axes))), [low, high]])


@given(SEEDS, SIZES, ORDERS, st.integers(0, 3))
def test_the_functions_of_an_axis_and_their_derivatives_equal_those_of_scipy(
    seed: int, size: int, order: int, derivative: int
) -> None:
    axis = random_axis(np.random.default_rng(seed), size, order)
    places = inside((axis,), seed)[:-1, 0]  # at the right end SciPy extrapolates from outside
    coef = np.random.default_rng(seed).normal(size=axis.terms)
    derivative = min(derivative, order)
    theirs = BSpline(axis.knots, coef, order)(places, nu=derivative)
    # Derivatives of coefficients of size 1 grow by order / width each; rounding grows with them.
    scale = (2 * order / 0.3) ** derivative
    np.testing.assert_allclose(axis.matrix(places, derivative) @ coef, theirs, 0, 1e-13 * scale)


@given(SEEDS, SIZES, ORDERS, st.integers(1, 9))
def test_gauss_points_integrate_polynomials_of_twice_their_number(
    seed: int, size: int, order: int, count: int
) -> None:
    axis = random_axis(np.random.default_rng(seed), size, order)
    points, weights = gauss_legendre(axis.grid, count)
    low, high = axis.grid[0], axis.grid[-1]
    moved, power = (points - low) / (high - low), 2 * count - 1
    assert weights.sum() == pytest.approx(high - low, rel=1e-14)
    assert (weights * moved**power).sum() == pytest.approx((high - low) / (power + 1), rel=1e-12)


@given(SEEDS, DIMENSIONS, st.integers(1, 5), st.data())
def test_values_at_points_equal_those_on_a_grid_in_every_derivative(
    seed: int, dimensions: int, order: int, data: st.DataObject
) -> None:
    spline = random_spline(seed, dimensions, order)
    orders = [data.draw(st.integers(0, min(2, order))) for _ in range(dimensions)]
    places = [inside((axis,), seed, 3)[:, 0] for axis in spline.axes]
    rows = np.stack([grid.reshape(-1) for grid in np.meshgrid(*places, indexing="ij")], 1)
    whole = spline.evaluate_grid(places, orders).reshape(2, -1)
    np.testing.assert_allclose(
        spline.evaluate_points(rows, orders), whole, 1e-10, 1e-10 * np.abs(whole).max()
    )


@given(SEEDS, DIMENSIONS, st.integers(2, 6), st.integers(0, 2))
def test_a_derivative_is_that_of_a_difference(seed: int, dimensions: int, order: int, axis: int) -> None:
    spline, axis = random_spline(seed, dimensions, order), axis % dimensions
    step = 1e-5
    grid = spline.axes[axis].grid
    rows = inside(spline.axes, seed)
    rows[:, axis] = (grid[0] + grid[1]) / 2 + 0.1 * np.sin(rows[:, axis])  # away from knots
    shift = step * np.eye(dimensions)[axis]
    orders = np.eye(dimensions, dtype=int)[axis].tolist()
    differences = (spline.evaluate_points(rows + shift) - spline.evaluate_points(rows - shift)) / (2 * step)
    # Steps of h leave h² of the third derivative, and 1e-16 / h of rounding.
    np.testing.assert_allclose(spline.evaluate_points(rows, orders), differences, 1e-5, 1e-5)


def nested(axis: SplineAxis, random: np.random.Generator) -> SplineAxis:
    """With some of the intervals halved."""
    middles = (axis.grid[1:] + axis.grid[:-1]) / 2
    return SplineAxis(
        np.sort(np.concatenate([axis.grid, middles[random.random(axis.size) < 0.5]])), axis.order
    )


@given(SEEDS, DIMENSIONS, ORDERS)
def test_on_a_finer_nested_grid_it_is_the_same_function(seed: int, dimensions: int, order: int) -> None:
    spline, random = random_spline(seed, dimensions, order), np.random.default_rng(seed + 1)
    finer = tuple(nested(axis, random) for axis in spline.axes)
    moved, rows = spline.change_axes(finer), inside(spline.axes, seed)
    assert moved.coef.shape[1:] == tuple(axis.terms for axis in finer)
    np.testing.assert_allclose(
        moved.evaluate_points(rows), spline.evaluate_points(rows), 0, 1e-12 * np.abs(spline.coef).max()
    )


@given(SEEDS, DIMENSIONS, ORDERS)
def test_a_spline_goes_through_the_values_it_is_given(seed: int, dimensions: int, order: int) -> None:
    axes = random_spline(seed, dimensions, order).axes
    values = np.random.default_rng(seed).normal(size=(2, *(axis.terms for axis in axes)))
    found = TensorSpline.interpolate(axes, values).evaluate_grid(
        [axis.interpolation_points() for axis in axes]
    )
    condition = np.prod([np.linalg.cond(axis.matrix(axis.interpolation_points())) for axis in axes])
    np.testing.assert_allclose(found, values, 0, 1e-14 * condition)


@pytest.mark.parametrize("order", [0, 1, 3, 7])
def test_as_many_interpolation_points_as_functions_determine_a_spline(order: int) -> None:
    axis = SplineAxis.uniform(-1, 2, 5, order)
    places = axis.interpolation_points()
    assert len(places) == axis.terms == axis.size + order
    assert np.linalg.cond(axis.matrix(places)) < 1e6


@given(SEEDS, st.integers(2, 8), ORDERS)
def test_a_polynomial_of_its_order_has_no_jumps(seed: int, size: int, order: int) -> None:
    random = np.random.default_rng(seed)
    axis = random_axis(random, size, order)
    factors = random.normal(size=order + 1)
    values = np.polynomial.Polynomial(factors, [axis.grid[0], axis.grid[-1]])(axis.interpolation_points())
    spline = TensorSpline.interpolate([axis], values[None])
    # The k-th derivative multiplies rounding by 2^k / h^k, and jumps divide by h^k / k!.
    assert (
        spline.resolution_errors(0).max()
        < 1e-14 * 2**order * comb(2 * order, order) * np.abs(spline.coef).max()
    )


@pytest.mark.parametrize("order", [2, 3, 5])
@pytest.mark.parametrize("axis", [0, 1])
def test_jumps_of_a_smooth_function_fall_with_the_order_after_that_of_the_splines(
    order: int, axis: int
) -> None:
    largest = []
    for size in (12, 24):
        axes = [SplineAxis.uniform(0, 1, size if number == axis else 4, order) for number in range(2)]
        places = np.meshgrid(*(each.interpolation_points() for each in axes), indexing="ij")
        spline = TensorSpline.interpolate(axes, np.sin(3 * places[axis] + places[1 - axis])[None])
        largest.append(spline.resolution_errors(axis)[:, 3:-3].max())
    assert np.log2(largest[0] / largest[1]) == pytest.approx(order + 1, abs=0.35)


def test_a_kink_jumps_where_it_is() -> None:
    axis = SplineAxis.uniform(-1, 1, 8, 3)
    spline = TensorSpline.interpolate([axis], np.abs(axis.interpolation_points() - 0.6)[None])
    assert abs(int(spline.resolution_errors(0)[0].argmax()) - 6) <= 1


def test_sizes_are_never_so_small_that_nothing_can_be_divided_by_them() -> None:
    spline = TensorSpline.zero([SplineAxis.uniform(0, 1, 2, 3)], 2)
    assert (spline.magnitudes() > 0).all()
    spline.coef[0] = 5.0
    np.testing.assert_allclose(spline.magnitudes(), [5.0, 5e-9])


def network_values(spline: TensorSpline, rows: np.ndarray, precision: float = 1e-15) -> np.ndarray:
    scaler = box_standardizer(spline.axes)
    network = build_spline_network(spline, precision)
    with torch.no_grad():
        return network(torch.from_numpy((rows - scaler.center) / scaler.scale)).numpy().T


@given(SEEDS, DIMENSIONS, st.integers(2, 5), st.integers(1, 3))
@settings(max_examples=20)
def test_the_network_of_a_spline_is_the_same_function(
    seed: int, dimensions: int, order: int, unknowns: int
) -> None:
    spline = random_spline(seed, dimensions, order, unknowns, most=3)
    rows = inside(spline.axes, seed)
    size = np.abs(spline.coef).max()
    # 200 products at most; each adds rounding of its own
    np.testing.assert_allclose(network_values(spline, rows), spline.evaluate_points(rows), 0, 1e-12 * size)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_product_has_one_node_that_multiplies(dimensions: int) -> None:
    axes = [SplineAxis.uniform(0.0, 1 + number, 6, 5) for number in range(dimensions)]
    places = np.meshgrid(*(axis.interpolation_points() for axis in axes), indexing="ij")
    values = np.exp(-places[0]) * np.prod([np.cos(place) for place in places[1:]], axis=0)
    spline = TensorSpline.interpolate(axes, values[None])
    network = build_spline_network(spline, 1e-12)
    assert network.config.width == (dimensions, 1, 1)
    rows = inside(tuple(axes), 0)
    np.testing.assert_allclose(network_values(spline, rows, 1e-12), spline.evaluate_points(rows), 0, 1e-11)


def test_a_function_of_one_variable_has_no_hidden_nodes() -> None:
    assert build_spline_network(random_spline(0, 1, 3), 1e-12).config.width == (1, 2)


def test_grids_of_unequal_size_are_refined_to_one() -> None:
    axes = (SplineAxis.uniform(0, 1, 2, 3), SplineAxis.uniform(0, 1, 7, 3))
    spline = TensorSpline(axes, np.random.default_rng(0).normal(size=(1, 5, 10)))
    network = build_spline_network(spline, 1e-14)
    assert network.config.grid_size == 7
    rows = inside(axes, 0)
    np.testing.assert_allclose(network_values(spline, rows), spline.evaluate_points(rows), 0, 1e-12)


def test_what_is_smaller_than_the_precision_is_left_out() -> None:
    axes = [SplineAxis.uniform(0, 1, 6, 5)] * 2
    x, y = np.meshgrid(*(axis.interpolation_points() for axis in axes), indexing="ij")
    spline = TensorSpline.interpolate(axes, (x * y + 1e-6 * np.sin(x) * np.exp(y))[None])
    assert len(separate_variables(spline.coef[0], axes, 1e-4)) == 1
    assert len(separate_variables(spline.coef[0], axes, 1e-9)) == 2


def test_nothing_is_one_product_of_zeros() -> None:
    axes = [SplineAxis.uniform(0, 1, 2, 3)] * 2
    (term,) = separate_variables(np.zeros((5, 5)), axes, 1e-12)
    assert all((factor == 0).all() for factor in term)
