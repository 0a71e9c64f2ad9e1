"""The search for small shapes: what it calls adequate, what it drops, and how it stops."""

from itertools import islice

import numpy as np
import pytest
import torch

from kan_engine.bundle import Bundle, Terms, started
from kan_engine.network import KAN, KANConfig
from kan_engine.scaling import TargetScaler
from kan_engine.structure import (
    Fit,
    Sample,
    Shape,
    additive,
    cross_error,
    eliminate,
    search,
    sharpen,
    validation_error,
)
from kan_engine.training import train
from tests.laws import sampled

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

LINE = Shape(hidden=0, direct=False, transform="identity")
UNIT = TargetScaler("identity", np.zeros(1), np.ones(1))


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def fit_with(*errors: float) -> Fit:
    return Fit(shape=LINE, network=KAN(KANConfig(width=(2, 1))), scaler=UNIT, errors=errors)


@pytest.fixture
def _untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """One transform and no training: enough where a test is about the order of things."""
    monkeypatch.setattr("kan_engine.structure.is_defined", lambda transform, y: transform == "identity")
    monkeypatch.setattr("kan_engine.structure.train", lambda *_, **__: iter(()))


@pytest.fixture(scope="module")
def rows() -> tuple[Sample, Sample]:
    """exp(a) + c², with an idle b."""

    def law(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(a) + c**2)

    return sampled(law, 3, 150), sampled(law, 3, 60, seed=1)


@pytest.fixture(scope="module")
def shape(rows: tuple[Sample, Sample]) -> Fit:
    return additive(*rows, generator())


@pytest.mark.parametrize(
    ("errors", "is_adequate"),
    [
        ((1e-4,), True),
        ((1e-2, 1e-3), True),
        ((1e-3,), False),
        ((2e-3, 1e-3), False),
        ((1e-1, 1e-2), False),
    ],
)
def test_a_shape_is_adequate_if_its_error_is_tiny_or_small_and_falling(
    errors: tuple[float, ...], is_adequate: bool
) -> None:
    assert fit_with(*errors).is_adequate is is_adequate


def test_the_error_of_a_fit_is_that_of_its_best_grid() -> None:
    assert fit_with(0.3, 0.1, 0.2).error == 0.1


@pytest.mark.parametrize(("hidden", "width"), [(0, (4, 1)), (2, (4, 2, 1))])
def test_a_shape_without_hidden_nodes_is_additive(hidden: int, width: tuple[int, ...]) -> None:
    assert Shape(hidden=hidden, direct=False, transform="identity").width(4) == width


def test_additive_shapes_are_found_best_transform_first() -> None:
    def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray(a / b**2)

    found = list(
        islice(search(sampled(product, 2, 100), sampled(product, 2, 50, seed=1), generator=generator()), 6)
    )
    assert found[0].shape.transform == "log"
    assert [fit.error for fit in found] == sorted(fit.error for fit in found)
    assert not any(fit.shape.hidden for fit in found)


@pytest.mark.parametrize(("low", "starts"), [(-1.0, 3), (0.5, 4)])
def test_a_node_starts_with_logarithms_too_where_all_inputs_are_positive(
    low: float, starts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []

    def record(terms: Terms, curves: torch.Tensor, source: torch.Generator, *, direct: bool) -> Bundle:
        counts.append(len(curves))
        return started(terms, curves, source, direct=direct)

    monkeypatch.setattr("kan_engine.structure.started", record)
    monkeypatch.setattr("kan_engine.structure.is_defined", lambda transform, y: transform == "identity")
    monkeypatch.setattr("kan_engine.structure.SCREENED", 0)
    sample = sampled(lambda a, b: a - b, 2, 40, low=low, high=1.0)
    list(search(sample, sample, generator=generator()))
    assert counts == [starts, starts]  # without and with direct edges


def test_few_rows_are_not_fitted_on_a_fine_grid() -> None:
    def law(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray(np.sin(3 * a) + b)

    fit = additive(sampled(law, 2, 60), sampled(law, 2, 40, seed=1), generator())
    assert len(fit.errors) == 2  # grids 4 and 8; 16 would need 76 rows


def test_a_single_validation_row_still_gives_an_error_to_judge_by() -> None:
    sample = sampled(lambda a: a**2, 1, 30)
    assert additive(sample, sample[:1], generator()).error < 1e-3


def test_the_error_over_folds_of_a_law_is_as_small_as_on_other_rows(
    shape: Fit, rows: tuple[Sample, Sample]
) -> None:
    training, _ = rows
    folds = torch.arange(len(training.x)) % 4
    assert cross_error(shape, training, folds) < 1e-2


def test_the_error_over_folds_of_what_is_noise_is_as_large_as_the_noise() -> None:
    sample = sampled(lambda a, b: np.random.default_rng(0).normal(size=len(a)), 2, 60)
    fit = additive(sample, sample, generator())
    assert fit.error < 0.95
    assert cross_error(fit, sample, torch.arange(60) % 4) > 1.0


def test_predictions_that_are_no_numbers_are_infinitely_wrong() -> None:
    sample = sampled(lambda a: a, 1, 20)
    root = TargetScaler("square", -np.ones(1), np.ones(1))  # the inverse takes the root of -1
    assert validation_error(KAN(KANConfig(width=(1, 1))), root, sample, 1.0) == float("inf")


def test_an_input_that_does_not_matter_is_eliminated(shape: Fit, rows: tuple[Sample, Sample]) -> None:
    smaller = eliminate(shape, *rows)
    assert smaller.network.layers[0].mask[:, 0].tolist() == [True, False, True]
    assert smaller.error < 2e-4


def test_elimination_never_takes_the_last_edge() -> None:
    sample = sampled(np.ones_like, 1, 30)
    assert eliminate(additive(sample, sample, generator()), sample, sample).network.edge_count == 1


def test_elimination_stops_when_it_is_told_to(shape: Fit, rows: tuple[Sample, Sample]) -> None:
    assert eliminate(shape, *rows, lambda: True) is shape


def test_sharpening_goes_on_while_finer_grids_help(shape: Fit, rows: tuple[Sample, Sample]) -> None:
    sample = sampled(lambda a: np.exp(np.sin(3 * a)), 1, 300)
    coarse = additive(sample, sample, generator())
    sharp = sharpen(coarse, sample, sample)
    assert sharp.network.layers[0].grid_size > 16
    assert sharp.error < coarse.error / 5


def test_sharpening_ends_where_a_finer_grid_does_not_help() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 300)
    training, validation = (sampled(lambda a: a + noise[: len(a)], 1, rows, seed=rows) for rows in (300, 150))
    coarse = additive(training, validation, generator())
    assert sharpen(coarse, training, validation) is coarse


def test_sharpening_ends_where_the_rows_do_not_carry_a_finer_grid() -> None:
    sample = sampled(lambda a: np.exp(np.sin(3 * a)), 1, 60)
    coarse = additive(sample, sample, generator())
    assert sharpen(coarse, sample, sample) is coarse


def test_sharpening_stops_when_it_is_told_to(shape: Fit, rows: tuple[Sample, Sample]) -> None:
    assert sharpen(shape, *rows, lambda: True) is shape


def test_the_search_ends_when_it_is_told_to() -> None:
    fit = sampled(lambda a, b: a + b, 2, 20)
    assert list(search(fit, fit, generator=generator(), should_stop=lambda: True)) == []


@pytest.mark.usefixtures("_untrained")
def test_a_stop_between_two_refinements_ends_the_search() -> None:
    sample, found = sampled(lambda a: -a, 1, 20, low=-1.0, high=1.0), list[Fit]()
    for fit in search(sample, sample, generator=generator(), should_stop=lambda: len(found) > 1):
        found.append(fit)
    assert [fit.shape.hidden for fit in found] == [0, 1]


def test_a_fit_is_cut_after_the_step_in_which_it_is_told_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    monkeypatch.setattr(
        "kan_engine.structure.train", lambda *a, **k: (steps.append(step) or step for step in train(*a, **k))
    )
    sample = sampled(lambda a, b: a * b, 2, 40)
    additive(sample, sample, generator(), lambda: True)
    assert len(steps) == 1
