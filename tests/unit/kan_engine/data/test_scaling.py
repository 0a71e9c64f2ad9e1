"""Scales of inputs and targets."""

import numpy as np
import pytest
import torch

from kan_engine.data.scaling import Standardizer, TargetScaler, add_bounds, limit_bounds
from kan_engine.data.thresholds import DataThresholds
from kan_engine.data.transforms import TRANSFORMS, is_defined
from kan_engine.errors import InvalidConfig, InvalidData


def skewed(rows: int = 1_000) -> np.ndarray:
    return np.exp(3 * np.random.default_rng(0).normal(size=(rows, 2)))


@pytest.mark.parametrize("quantile", [False, True])
def test_the_training_rows_fill_the_range_from_minus_1_to_1(quantile: bool) -> None:
    z = Standardizer.fit(skewed(), quantile=quantile).forward(skewed())
    assert z.min(0) == pytest.approx([-1, -1], abs=1e-12)
    assert z.max(0) == pytest.approx([1, 1], abs=1e-12)


@pytest.mark.parametrize("quantile", [False, True])
def test_a_scale_can_be_undone(quantile: bool) -> None:
    standardizer = Standardizer.fit(skewed(), quantile=quantile)
    np.testing.assert_allclose(
        standardizer.inverse(standardizer.forward(skewed())), skewed(), rtol=1e-9, atol=1e-9
    )


def test_quantiles_of_very_many_rows_are_those_of_a_sample() -> None:
    every = Standardizer.fit(skewed(), quantile=True).forward(skewed())
    few = DataThresholds(max_quantile_rows=500)
    some = Standardizer.fit(skewed(), quantile=True, thresholds=few).forward(skewed())
    assert np.abs(some - every).max() < 0.1
    assert (some.min(), some.max()) == pytest.approx((-1, 1))  # the ends are those of all rows


def test_quantiles_spread_a_skewed_input_evenly() -> None:
    z = Standardizer.fit(skewed(), quantile=True).forward(skewed())
    assert np.quantile(z, [0.25, 0.5, 0.75], axis=0) == pytest.approx(
        np.array([[-0.5] * 2, [0] * 2, [0.5] * 2]), abs=0.01
    )


def test_beyond_the_quantiles_the_map_goes_on_with_its_slope_there_but_no_steeper_than_the_range() -> None:
    standardizer = Standardizer.fit(np.array([[0.0], [1.0], [10.0]]), quantile=True)
    z = np.array([[-2.0], [1 + 5 / 9]])
    assert standardizer.forward(np.array([[-5.0], [15.0]])) == pytest.approx(z)
    assert standardizer.inverse(z) == pytest.approx(np.array([[-5.0], [15.0]]))


def test_a_value_twice_as_large_as_the_largest_of_a_skewed_input_stays_near_it() -> None:
    standardizer = Standardizer.fit(skewed(), quantile=True)
    assert (standardizer.forward(2 * skewed().max(0, keepdims=True)) < 1.25).all()


def test_a_value_that_many_rows_share_maps_to_the_middle_of_their_levels() -> None:
    x = np.array([0.0] * 100 + [1.0] * 100 + [2.0] * 100)[:, None]
    z = Standardizer.fit(x, quantile=True).forward(np.array([[0.0], [1.0], [2.0]]))
    assert z == pytest.approx(np.array([[-1.0], [0.0], [1.0]]), abs=0.02)


@pytest.mark.parametrize("quantile", [False, True])
def test_an_input_that_does_not_vary_maps_to_0(quantile: bool) -> None:
    standardizer = Standardizer.fit(np.full((3, 1), 7.0), quantile=quantile)
    assert standardizer.forward(np.array([[7.0], [8.0]])).tolist() == [[0.0], [1.0]]


def test_the_range_may_be_larger_than_the_largest_number() -> None:
    x = np.array([[-1.7e308], [1.7e308]])
    assert Standardizer.fit(x).forward(x).tolist() == [[-1.0], [1.0]]


def test_no_rows_give_no_scale() -> None:
    with pytest.raises(InvalidData):
        Standardizer.fit(np.zeros((0, 2)))


@pytest.mark.parametrize(
    ("center", "scale", "quantiles"),
    [
        ([np.nan], [1.0], None),
        ([0.0], [0.0], None),
        ([0.0], [-1.0], None),
        ([0.0], [1.0], [[1.0, 0.0]]),
        ([0.0], [1.0], [[1.0]]),
        ([0.0], [1.0], [[np.inf, np.inf]]),
    ],
)
def test_a_scale_that_cannot_be_undone_is_refused(
    center: list[float], scale: list[float], quantiles: list[list[float]] | None
) -> None:
    with pytest.raises(InvalidConfig):
        Standardizer(np.array(center), np.array(scale), None if quantiles is None else np.array(quantiles))


def targets(transform: str) -> np.ndarray:
    y = np.linspace(0.5, 1.5 if transform == "sin" else 3.0, 20)[:, None]  # the sine rises up to π/2
    return -y if transform == "log_neg" else y


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_scaled_targets_have_mean_0_and_deviation_1(transform: str) -> None:
    z = TargetScaler.fit(targets(transform), transform).forward(targets(transform))
    assert (z.mean(), z.std()) == pytest.approx((0, 1), abs=1e-12)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_torch_and_numpy_agree_on_a_scale(transform: str) -> None:
    y = targets(transform)
    scaler = TargetScaler.fit(y, transform)
    z = scaler.forward(torch.as_tensor(y))
    assert z.numpy() == pytest.approx(scaler.forward(y), rel=1e-14)
    assert scaler.inverse(z).numpy() == pytest.approx(y, rel=1e-12)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("z", [-1e9, -50.0, 50.0, 1e9])
def test_with_bounds_every_number_has_an_answer_within_a_range_of_the_targets(
    transform: str, z: float
) -> None:
    y = targets(transform)
    scaler = add_bounds(TargetScaler.fit(y, transform), y)
    reach = y.max() - y.min()
    for answer in (scaler.inverse(np.array([[z]])), scaler.inverse(torch.tensor([[z]])).numpy()):
        assert y.min() - reach <= answer.item() <= y.max() + reach
    z_of_targets = scaler.forward(y)
    assert scaler.inverse(z_of_targets) == pytest.approx(y, rel=1e-12)


def test_what_is_undefined_stays_undefined_with_bounds() -> None:
    y = targets("identity")
    assert np.isnan(add_bounds(TargetScaler.fit(y), y).inverse(np.array([[np.nan]]))).all()


@pytest.mark.parametrize(
    ("transform", "y"),
    [
        ("log", [1.0, 0.0]),
        ("log_neg", [-1.0, 1.0]),
        ("reciprocal", [1.0, 0.0]),
        ("square", [1.0, -1.0]),
        ("sqrt", [1.0, -1.0]),
        ("exp", [1.0, 1000.0]),
        ("reciprocal_square", [1.0, -1.0]),
        ("sin", [1.0, 1.6]),
        ("sin", [1.0, -1.6]),
        ("cos", [1.0, 3.2]),
        ("cos", [1.0, -0.1]),
        ("identity", [1.0, np.inf]),
        ("identity", []),
    ],
)
def test_a_transform_is_refused_where_it_is_not_defined(transform: str, y: list[float]) -> None:
    column = np.array(y).reshape(-1, 1)
    assert not is_defined(transform, column)
    with pytest.raises(InvalidData):
        TargetScaler.fit(column, transform)


def test_a_target_that_does_not_vary_maps_to_0() -> None:
    assert TargetScaler.fit(np.full((3, 1), 2.0)).forward(np.array([[2.0]])).tolist() == [[0.0]]


@pytest.mark.parametrize(("transform", "z"), [("square", -1.0), ("sin", 1.1), ("cos", -1.1)])
def test_a_value_that_the_transform_never_reaches_is_not_finite(transform: str, z: float) -> None:
    scaler = TargetScaler(transform, np.zeros(1), np.ones(1))
    assert np.isnan(scaler.inverse(np.array([[z]]))).all()
    assert bool(scaler.inverse(torch.tensor([[z]], dtype=torch.float64)).isnan().all())


@pytest.mark.parametrize(
    ("transform", "mean", "std"),
    [("cube", [0.0], [1.0]), ("log", [np.nan], [1.0]), ("log", [0.0], [0.0])],
)
def test_a_target_scale_that_cannot_be_undone_is_refused(
    transform: str, mean: list[float], std: list[float]
) -> None:
    with pytest.raises(InvalidConfig):
        TargetScaler(transform, np.array(mean), np.array(std))


@pytest.mark.parametrize(
    ("transform", "end", "expected"), [("square", 0.0, 0.0), ("sin", 1.0, np.pi / 2), ("cos", -1.0, np.pi)]
)
def test_a_hair_beyond_the_range_of_a_transform_is_its_end(
    transform: str, end: float, expected: float
) -> None:
    scaler = TargetScaler(transform, np.array([end]), np.ones(1))
    outwards = 1 if end == 1 else -1
    near, far = (scaler.inverse(np.array([[outwards * by]])) for by in (0.01, 0.1))
    assert near == pytest.approx(expected)
    assert np.isnan(far).all()
    torch.testing.assert_close(scaler.inverse(torch.tensor([[0.01 * outwards]])).numpy(), near)


@pytest.mark.parametrize("bounds", [(0.0, np.inf), (-np.inf, 5.0), (0.0, 5.0)])
@pytest.mark.parametrize("known", [None, (-10.0, 10.0), (1.0, 2.0)])
def test_wished_bounds_hold_besides_those_of_the_training(
    bounds: tuple[float, float], known: tuple[float, float] | None
) -> None:
    scaler = TargetScaler("identity", np.zeros(1), np.ones(1), known)
    values = limit_bounds(scaler, bounds).inverse(np.array([[-1e3], [1.5], [1e3]]))
    assert (values.min() >= bounds[0], values.max() <= bounds[1], values[1, 0]) == (True, True, 1.5)


def test_without_wished_bounds_the_scale_stays() -> None:
    scaler = TargetScaler("identity", np.zeros(1), np.ones(1))
    assert limit_bounds(scaler, (-np.inf, np.inf)) is scaler
