"""Densities of one and two columns: they integrate to 1, follow the rows, and end where these do."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from kan_engine import (
    Density,
    DensityConfig,
    Encoding,
    InvalidData,
    Predictor,
    fit_bivariate_density,
    fit_univariate_density,
    largest_difference,
    load,
    predict_rows,
    probe_columns,
    run_onnx,
    run_python,
    save,
    to_onnx,
    to_python,
)
from kan_engine.density.support import possible_ends, simplest_number
from kan_engine.density.thresholds import DEFAULT_DENSITY
from kan_engine.density.univariate import (
    UnivariateGrid,
    log_normaliser,
    maximise_likelihood,
    normal_coefficients,
    place_uniform_points,
)
from kan_engine.errors import InvalidConfig
from kan_engine.inference.artifact import ArtifactError
from kan_engine.numerics.quadrature import gauss_legendre
from tests.support.artifacts import put_together, taken_apart

RNG = np.random.default_rng(5)
SAMPLES: dict[str, np.ndarray] = {
    "normal": RNG.normal(3, 2, 400),
    "exponential": RNG.exponential(2, 400),
    "uniform": RNG.uniform(2, 5, 400),
    "two bumps": np.concatenate([RNG.normal(-2, 0.5, 200), RNG.normal(2, 1, 200)]),
    "Cauchy": RNG.standard_cauchy(400),
}


# Every third λ and three folds: what is held here of a density holds of any λ near the best one.
COARSE = replace(DEFAULT_DENSITY, lambs=DEFAULT_DENSITY.lambs[::3], lamb_patience=2, folds=3)


def density_of(x: np.ndarray, should_stop: Callable[[], bool] = lambda: False, **config: int) -> Density:
    return fit_univariate_density(x, np.ones(len(x)), DensityConfig(thresholds=COARSE, **config), should_stop)


def predictor_of(found: Density, x: np.ndarray) -> Predictor:
    columns = {f"x{place}": values for place, values in enumerate(x.reshape(len(x), -1).T)}
    return found.to_predictor(Encoding.fit(columns, dict.fromkeys(columns, "number")), "p(x)")


def integral(predictor: Predictor, ends: np.ndarray) -> float:
    nodes, weights = gauss_legendre(ends, 10)
    return float(weights @ predictor.predict(nodes[:, None]))


def reach(found: Density, x: np.ndarray) -> np.ndarray:
    """Panels over the support, far into the tails, finer in the middle."""
    low, high = found.support[0]
    layer = found.network.stack[0]
    points = layer.knots[0, layer.order : layer.knots.shape[1] - layer.order].numpy()
    inner = found.inputs.inverse(points[:, None])[:, 0]
    far = float(np.ptp(inner)) * np.geomspace(1e-3, 1e4, 200)
    below = inner[0] - far[::-1] if np.isinf(low) else np.zeros(0)
    above = inner[-1] + far if np.isinf(high) else np.zeros(0)
    return np.concatenate([below, inner, above])


@pytest.fixture(scope="module")
def fitted() -> Callable[[str], tuple[Density, np.ndarray]]:
    known: dict[str, Density] = {}

    def of(name: str) -> tuple[Density, np.ndarray]:
        if name not in known:
            known[name] = density_of(SAMPLES[name])
        return known[name], SAMPLES[name]

    return of


Fitted = Callable[[str], tuple[Density, np.ndarray]]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_density_integrates_to_one(fitted: Fitted, name: str) -> None:
    found, x = fitted(name)
    assert integral(predictor_of(found, x), reach(found, x)) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_density_is_never_negative_and_never_undefined(fitted: Fitted, name: str) -> None:
    found, x = fitted(name)
    p = predictor_of(found, x).predict(np.linspace(-1e6, 1e6, 10_001)[:, None])
    assert np.isfinite(p).all()
    assert (p >= 0).all()


def test_waiting_times_have_no_density_below_zero(fitted: Fitted) -> None:
    found, x = fitted("exponential")
    assert found.support == ((0.0, np.inf),)
    p = predictor_of(found, x).predict(np.array([[-1e-9], [0.0], [1e-9]]))
    assert p[0] == 0
    assert p[1] == pytest.approx(p[2], rel=1e-6) == pytest.approx(0.5, rel=0.5)


def test_a_uniform_column_has_two_ends(fitted: Fitted) -> None:
    found, _ = fitted("uniform")
    assert found.support == ((2.0, 5.0),)


def test_a_normal_column_has_no_end(fitted: Fitted) -> None:
    found, _ = fitted("normal")
    assert found.support == ((-np.inf, np.inf),)


def test_two_bumps_are_two(fitted: Fitted) -> None:
    found, x = fitted("two bumps")
    left, middle, right = predictor_of(found, x).predict(np.array([[-2.0], [0.0], [2.0]]))
    assert left > 2 * middle
    assert right > 2 * middle


def test_at_a_high_price_the_density_is_the_normal_law_of_the_rows() -> None:
    z = RNG.normal(0.1, 0.3, 200).clip(-1, 1)
    grid = UnivariateGrid(
        place_uniform_points(z, (None, None), 20, DEFAULT_DENSITY.grid_margin), 3, (True, True)
    )
    c = maximise_likelihood(grid, grid.basis(z).sum(0), len(z), 1e6, normal_coefficients(grid, 0.0, 0.5))
    at = np.linspace(-1, 1, 9)
    found = grid.basis(at) @ c - log_normaliser(grid, c)
    law = -0.5 * ((at - z.mean()) / z.std()) ** 2 - np.log(z.std() * np.sqrt(2 * np.pi))
    assert found == pytest.approx(law, abs=0.03)  # its tails are lines, those of the law parabolas


def test_a_row_of_weight_two_counts_like_two() -> None:
    x = RNG.normal(size=60)
    weights = np.where(x > 0, 2.0, 1.0)
    grid = UnivariateGrid(
        place_uniform_points(x, (None, None), 15, DEFAULT_DENSITY.grid_margin), 3, (True, True)
    )
    start = normal_coefficients(grid, 0.0, 1.0)
    weighed = maximise_likelihood(grid, weights @ grid.basis(x), weights.sum(), 0.1, start)
    twice = np.repeat(x, weights.astype(int))
    assert weighed == pytest.approx(
        maximise_likelihood(grid, grid.basis(twice).sum(0), len(twice), 0.1, start), abs=1e-6
    )


def test_the_asked_grid_and_order_are_those_of_the_network() -> None:
    network = density_of(SAMPLES["normal"], lambda: True, grid_size=12, order=2).network
    assert (network.config.width, network.stack[0].grid_size, network.config.order) == ((1, 1), 12, 2)


def test_the_grid_is_the_finer_the_more_rows_there_are() -> None:
    found = [density_of(RNG.normal(size=count), lambda: True) for count in (100, 1_000)]
    assert tuple(each.network.stack[0].grid_size for each in found) == DEFAULT_DENSITY.grid_sizes[:2]


def test_thresholds_reach_the_grid_the_ends_and_the_penalty() -> None:
    own = replace(
        COARSE, grid_sizes=(12, 50, 80), grid_margin=0.5, min_end_gain=np.inf, lambs=(0.1,), block_rows=64
    )
    x = SAMPLES["uniform"]
    found = fit_univariate_density(x, np.ones(len(x)), DensityConfig(thresholds=own))
    assert found.network.stack[0].grid_size == 12
    assert (found.support, found.lamb) == (((-np.inf, np.inf),), 0.1)


@pytest.mark.parametrize("order", [1, 6])
def test_splines_without_slopes_and_stiff_ones_are_refused(order: int) -> None:
    with pytest.raises(InvalidConfig, match="between 2 and 5"):
        DensityConfig(order=order)


def test_a_constant_column_has_no_density() -> None:
    with pytest.raises(InvalidData, match="two different values"):
        density_of(np.ones(30))


def test_once_time_is_up_the_first_grid_is_kept() -> None:
    found = density_of(SAMPLES["exponential"], lambda: True)
    assert found.support == ((-np.inf, np.inf),)


def test_rows_left_out_are_about_as_likely_as_fresh_ones(fitted: Fitted) -> None:
    found, x = fitted("normal")
    fresh = np.random.default_rng(1).normal(3, 2, 4_000)
    told = float(np.log(predictor_of(found, x).predict(fresh[:, None])).mean())
    assert float(found.held.mean()) == pytest.approx(told, abs=0.1)


@pytest.mark.parametrize("name", ["normal", "exponential", "uniform"])
def test_exports_say_what_the_density_says(fitted: Fitted, name: str) -> None:
    found, x = fitted(name)
    predictor = predictor_of(found, x)
    columns = probe_columns(predictor.encoding)
    own = predict_rows(predictor, columns)
    assert largest_difference(predictor, own, run_onnx(to_onnx(predictor), predictor, columns)) < 1e-12
    assert largest_difference(predictor, own, run_python(to_python(predictor), columns)) < 1e-12


def test_a_saved_density_knows_where_it_ends(fitted: Fitted) -> None:
    predictor = predictor_of(*fitted("exponential"))
    loaded = load(save(predictor))
    assert (loaded.support, loaded.task) == (((0.0, np.inf),), "density")
    assert loaded.predict(np.array([[-1.0]])) == [0.0]


@pytest.mark.parametrize("support", [[["0", None]], [[1.0, 0.0]], [[0.0, None], [0.0, None]]])
def test_a_saved_density_with_a_broken_support_is_refused(fitted: Fitted, support: list[object]) -> None:
    outer, header, body = taken_apart(save(predictor_of(*fitted("exponential"))))
    with pytest.raises(ArtifactError):
        load(put_together(outer, header | {"support": support}, body))


def test_only_an_exponential_is_a_density(fitted: Fitted) -> None:
    predictor = predictor_of(*fitted("normal"))
    assert predictor.outputs is not None
    with pytest.raises(InvalidConfig, match="exponential"):
        replace(predictor, outputs=replace(predictor.outputs, transform="identity"))


def test_a_density_has_no_intervals(fitted: Fitted) -> None:
    with pytest.raises(InvalidData, match="no intervals"):
        predictor_of(*fitted("normal")).margin(0.9)


@pytest.mark.parametrize(
    ("low", "high", "number"),
    [(-0.1, 0.2, 0.0), (1.93, 2.04, 2.0), (0.0123, 0.0178, 0.015), (-7.4, -6.8, -7.0)],
)
def test_the_simplest_number_of_a_range_has_the_fewest_digits(low: float, high: float, number: float) -> None:
    assert simplest_number(low, high) == pytest.approx(number, rel=1e-12)


def test_ends_lie_beyond_all_rows() -> None:
    low, high = possible_ends(SAMPLES["normal"])
    assert low < SAMPLES["normal"].min()
    assert high > SAMPLES["normal"].max()


@pytest.fixture(scope="module")
def plane() -> tuple[Density, np.ndarray]:
    u, v = np.random.default_rng(2).normal(size=(2, 200))
    x = np.stack([1 + u, 2 + 2 * (0.8 * u + 0.6 * v)], 1)
    return of_two(x), x


def of_two(x: np.ndarray, should_stop: Callable[[], bool] = lambda: False, **config: int) -> Density:
    """On a coarse grid; of either column alone it matters only whether it ends, and none does."""
    w = np.ones(len(x))
    one, other = (density_of(values, lambda: True) for values in x.T)
    return fit_bivariate_density(x, w, (one, other), DensityConfig(grid_size=5, **config), should_stop)


def test_the_density_of_two_columns_integrates_to_one(plane: tuple[Density, np.ndarray]) -> None:
    found, x = plane
    (a, u), (b, v) = (
        gauss_legendre(np.linspace(m - 9 * s, m + 9 * s, 55), 5)
        for m, s in zip(x.mean(0), x.std(0), strict=True)
    )
    places = np.stack(np.meshgrid(a, b, indexing="ij"), -1).reshape(-1, 2)
    p = predictor_of(found, x).predict(places).reshape(len(a), len(b))
    assert u @ p @ v == pytest.approx(1, abs=2e-3)  # what lies beyond four deviations off the grid counts not


def test_the_density_of_two_columns_follows_their_correlation(plane: tuple[Density, np.ndarray]) -> None:
    found, x = plane
    along, across = predictor_of(found, x).predict(np.array([[2.0, 4.0], [2.0, 0.0]]))
    assert along == pytest.approx(0.0768, rel=0.2)
    assert across < along / 20


def test_a_plane_without_hidden_nodes_has_independent_columns() -> None:
    x = np.random.default_rng(3).normal(size=(150, 2))
    found = of_two(x, nodes=0)
    p = predictor_of(found, x).predict(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
    assert found.network.config.width == (2, 1)
    assert p[0] * p[3] == pytest.approx(p[1] * p[2], rel=1e-9)


def test_a_plane_that_time_cuts_is_still_a_density() -> None:
    x = np.random.default_rng(3).normal(size=(100, 2))
    found = of_two(x, should_stop=lambda: True)
    assert found.lamb == DEFAULT_DENSITY.joint_lambs[0]
    assert predictor_of(found, x).predict(np.zeros((1, 2)))[0] == pytest.approx(1 / (2 * np.pi), rel=0.3)


def test_exports_of_a_plane_say_what_it_says(plane: tuple[Density, np.ndarray]) -> None:
    predictor = predictor_of(*plane)
    columns = probe_columns(predictor.encoding)
    own = predict_rows(predictor, columns)
    assert largest_difference(predictor, own, run_onnx(to_onnx(predictor), predictor, columns)) < 1e-12
    assert largest_difference(predictor, own, run_python(to_python(predictor), columns)) < 1e-12
