"""The search for small shapes: what it calls adequate, in which order it looks, and how it stops."""

from dataclasses import replace
from functools import cache
from itertools import islice

import numpy as np
import pytest
import torch

from kan_engine.data.scaling import TargetScaler
from kan_engine.structure.batched_levenberg_marquardt import fit_batch
from kan_engine.structure.batched_networks import InputTerms, NetworkBatch, Node
from kan_engine.structure.fitted_structure import (
    FittedStructure,
    InputGrids,
    Shape,
    StructureRows,
    relative_rmse,
)
from kan_engine.structure.search import ADDITIVE, FREE, LINE, LOG, PRODUCT, SQUARE
from kan_engine.structure.thresholds import DEFAULT_STRUCTURE
from tests.support.engine.laws import Law, sampled
from tests.support.engine.structures import fit_additive_structure, search_structures

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("shapes_unchecked")]


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def product_law(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(a / b**2)


@pytest.fixture(scope="module")
def fit() -> FittedStructure:
    """a + b."""
    sample = sampled(lambda a, b: a + b, 2, 30)
    return fit_additive_structure(sample, sample, generator())


# Hardly any training: enough where a test is about the order of things.
BRIEF = replace(
    DEFAULT_STRUCTURE,
    starts_per_node_count=(1, 1, 1),
    steps_per_grid=(1, 1, 1),
    screening_steps=1,
    max_screened_starts=(100, 100),
)


@pytest.fixture
def _one_transform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "kan_engine.structure.search.is_defined", lambda transform, y: transform == "identity"
    )


@pytest.fixture
def _one_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """No shapes of several nodes, which take as long as all others."""
    monkeypatch.setattr("kan_engine.structure.search.TWO_NODES", ())


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
    fit: FittedStructure, errors: tuple[float, ...], is_adequate: bool
) -> None:
    assert replace(fit, errors=errors).is_adequate is is_adequate


def test_the_error_of_a_fit_is_that_of_its_best_grid(fit: FittedStructure) -> None:
    assert replace(fit, errors=(0.3, 0.1, 0.2)).error == 0.1


def test_a_shape_without_hidden_nodes_is_additive(fit: FittedStructure) -> None:
    assert (fit.shape, fit.network.config.width) == (ADDITIVE, (2, 1))


@pytest.mark.parametrize(
    ("nodes", "is_simple"), [((), False), ((FREE, PRODUCT), False), ((LINE,), True), ((LOG, PRODUCT), True)]
)
def test_a_shape_with_given_curves_is_simple(nodes: tuple[Node, ...], is_simple: bool) -> None:
    assert Shape(nodes=nodes).is_simple is is_simple


def test_rows_of_a_sample_keep_what_belongs_together() -> None:
    sample = sampled(lambda a, b: a + b, 2, 20)
    some = sample[np.arange(20) % 2 == 0]
    torch.testing.assert_close(some.raw.sum(1, keepdim=True), some.y)
    assert (len(sample[:5].x), len(sample[:5].weights)) == (5, 5)


def test_a_target_that_does_not_vary_has_spread_1() -> None:
    assert sampled(np.ones_like, 1, 10).spread == 1.0


@pytest.mark.parametrize(("low", "curves"), [(-1.0, {"line", "square"}), (0.5, {"line", "square", "log"})])
def test_nodes_are_given_logarithms_too_where_all_inputs_are_positive(low: float, curves: set[str]) -> None:
    sample = sampled(lambda a, b: a - b, 2, 40, low=low, high=1.0)
    given = InputGrids(sample, 3).terms(sample, 4).curves
    assert set(given) == curves
    for curve in given.values():
        torch.testing.assert_close(curve.mean(0), torch.zeros(2, dtype=torch.float64))
        torch.testing.assert_close(curve.std(0, correction=0), torch.ones(2, dtype=torch.float64))


def test_other_rows_are_seen_on_the_scales_of_the_training_rows() -> None:
    frame = InputGrids(sampled(lambda a, b: a - b, 2, 40), 3)
    other = sampled(lambda a, b: a - b, 2, 20, seed=1)
    training = frame.training
    both = StructureRows(rows=training.rows.append(other.rows), x=torch.cat([training.x, other.x]))
    of_both, alone = frame.terms(both, 4), frame.terms(other, 4)
    torch.testing.assert_close(of_both.values[40:], alone.values)
    torch.testing.assert_close(of_both.curves["log"][40:], alone.curves["log"])


def test_additive_shapes_are_found_best_transform_first() -> None:
    training, validation = sampled(product_law, 2, 100), sampled(product_law, 2, 50, seed=1)
    found = list(islice(search_structures(training, validation, generator=generator()), 6))
    assert found[0].shape.transform == "log"
    assert [fit.error for fit in found] == sorted(fit.error for fit in found)
    assert not any(fit.shape.nodes for fit in found)


@pytest.mark.parametrize(
    ("rows", "transforms"), [(DEFAULT_STRUCTURE.min_rows_for_transforms - 1, {"identity"}), (40, None)]
)
def test_few_rows_cannot_tell_a_transform_from_chance(rows: int, transforms: set[str] | None) -> None:
    sample = sampled(lambda a: a, 1, rows)
    found = {fit.shape.transform for fit in search_structures(sample, sample, generator=generator())}
    assert found == transforms if transforms else len(found) > 5


def test_of_one_input_there_are_only_additive_shapes() -> None:
    sample = sampled(lambda a: np.sin(9 * a), 1, 60)
    assert not any(fit.shape.nodes for fit in search_structures(sample, sample, generator=generator()))


LAWS: dict[str, tuple[Law, int]] = {
    "a * b + c": (lambda a, b, c: a * b + c, 3),
    "sin(3 * (a + b))": (lambda a, b: np.sin(3 * (a + b)), 2),
    "exp(-a**2 * b) + a": (lambda a, b: np.exp(-(a**2) * b) + a, 2),
    "asin(a * b / 4.1)": (lambda a, b: np.arcsin(a * b / 4.1), 2),
    "sqrt(a**2 + b**2)": (np.hypot, 2),
}


@cache
def first_adequate(law: str) -> tuple[FittedStructure, StructureRows]:
    """The first adequate structure of a law, and the validation rows."""
    training, validation = (sampled(*LAWS[law], rows, seed=rows) for rows in (240, 80))
    found = search_structures(training, validation, generator=generator())
    return next(fit for fit in found if fit.is_adequate), validation


@pytest.mark.parametrize("law", LAWS)
def test_an_adequate_shape_of_a_small_law_is_found(law: str) -> None:
    found, validation = first_adequate(law)
    assert found.error == pytest.approx(found.relative_error(validation))
    assert len(found.shape.nodes) == (0 if law.startswith("sqrt") else 1)


def test_a_law_of_an_angle_is_found_by_its_sine() -> None:
    found, _ = first_adequate("asin(a * b / 4.1)")
    assert found.shape.transform == "sin"
    assert found.error < 1e-6


@pytest.mark.usefixtures("_one_transform")
@pytest.mark.parametrize("low", [-1.0, 0.5])
def test_shapes_come_from_few_nodes_to_many_and_without_logarithms_of_what_is_not_positive(
    low: float,
) -> None:
    sample = sampled(lambda a, b: a - b, 2, 40, low=low, high=1.0)
    found = search_structures(sample, sample, generator=generator(), thresholds=BRIEF)
    shapes = [fit.shape for fit in found]
    assert [min(len(shape.nodes), 2) for shape in shapes] == sorted(min(len(s.nodes), 2) for s in shapes)
    assert any("log" in [node.inner for node in shape.nodes] for shape in shapes) is (low > 0)
    assert {SQUARE, LINE, FREE, PRODUCT} <= {node for shape in shapes for node in shape.nodes}


@pytest.mark.usefixtures("_one_transform")
def test_only_so_many_shapes_survive_the_coarse_grid() -> None:
    sample, few = sampled(lambda a, b: a - b, 2, 40), replace(BRIEF, max_screened_starts=(3, 2))
    found = search_structures(sample, sample, generator=generator(), thresholds=few)
    counts = [len(fit.shape.nodes) for fit in found]
    assert [sum(c == 1 for c in counts), sum(c > 1 for c in counts)] == [3, 2]


@pytest.mark.usefixtures("_one_transform", "_one_node")
@pytest.mark.parametrize("advantage", [0.0, 1e9])
def test_shapes_that_cannot_imitate_as_much_have_an_advantage(advantage: float) -> None:
    thresholds = replace(BRIEF, simple_shape_factor=advantage)
    sample = sampled(lambda a, b: np.sin(3 * a * b), 2, 40)
    found = search_structures(sample, sample, generator=generator(), thresholds=thresholds)
    simple = [fit.shape.is_simple for fit in found if len(fit.shape.nodes) == 1]
    assert simple == sorted(simple, reverse=not advantage)


def test_few_rows_are_not_fitted_on_a_fine_grid() -> None:
    def law(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray(np.sin(3 * a) + b)

    fit = fit_additive_structure(sampled(law, 2, 60), sampled(law, 2, 40, seed=1), generator())
    assert [step.grid_size for step in fit.history] == [4, 8]  # 16 would need 76 rows


def test_an_additive_shape_is_fitted_on_finer_grids_while_that_helps() -> None:
    training, validation = (
        sampled(lambda a: np.exp(np.sin(3 * a)), 1, rows, seed=rows) for rows in (300, 90)
    )
    fit = fit_additive_structure(training, validation, generator())
    assert fit.terms.grid_size > DEFAULT_STRUCTURE.grid_sizes[-1]
    assert fit.error == min(fit.errors) == pytest.approx(fit.relative_error(validation))
    assert [step.number for step in fit.history] == list(range(len(fit.errors)))


def test_a_fit_that_is_off_by_hundreds_of_decades_has_an_infinite_loss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(FittedStructure, "relative_error", lambda *_: 1e200)
    sample = sampled(lambda a, b: a + b, 2, 30)
    fit = fit_additive_structure(sample, sample, generator())
    assert {step.validation_loss for step in fit.history} == {float("inf")}


def test_of_grids_that_do_not_help_the_best_is_kept() -> None:
    training, validation = (
        sampled(lambda a: np.random.default_rng(len(a)).normal(size=len(a)), 1, rows, seed=rows)
        for rows in (200, 100)
    )
    fit = fit_additive_structure(training, validation, generator())
    assert fit.terms.grid_size == 4
    assert fit.relative_error(validation) == pytest.approx(fit.errors[0]) == pytest.approx(fit.error)


def test_an_additive_shape_may_be_of_a_transform_of_the_target() -> None:
    sample = sampled(product_law, 2, 100)
    fit = fit_additive_structure(sample, sample, generator(), transform="log")
    assert fit.shape.transform == fit.scaler.transform == "log"
    assert fit.error < 1e-4


def test_a_single_validation_row_still_gives_an_error_to_judge_by() -> None:
    sample = sampled(lambda a: a**2, 1, 30)
    assert fit_additive_structure(sample, sample[:1], generator()).error < 1e-3


def test_rows_without_weight_do_not_count_in_an_error() -> None:
    sample = sampled(lambda a: a, 1, 4)
    weighted = replace(sample, rows=sample.rows.reweigh(np.array([1.0, 1.0, 0.0, 0.0])))
    wrong = sample.y.numpy() + np.array([[0.0], [0.0], [5.0], [5.0]])
    assert (relative_rmse(wrong, weighted), relative_rmse(wrong, sample) > 1) == (0.0, True)


def test_predictions_that_are_no_numbers_are_infinitely_wrong() -> None:
    sample = sampled(lambda a: a, 1, 20)
    root = TargetScaler("square", -np.ones(1), np.ones(1))  # the inverse takes the root of -1
    assert relative_rmse(root.inverse(np.zeros((20, 1))), sample) == float("inf")


def test_a_fit_can_be_trained_further_on_other_rows(fit: FittedStructure) -> None:
    other = sampled(lambda a, b: a - b, 2, 60, seed=1)
    assert (
        fit.relative_error(other) > 1e-3 > fit.relative_error(other, fit.train_coefficients(other, steps=5))
    )


def test_the_search_ends_when_it_is_told_to() -> None:
    fit = sampled(lambda a, b: a + b, 2, 20)
    assert list(search_structures(fit, fit, generator=generator(), should_stop=lambda: True)) == []


@pytest.mark.usefixtures("_one_transform")
@pytest.mark.parametrize("enough", [1, 2, 12])
def test_a_stop_between_two_fits_ends_the_search(enough: int) -> None:
    sample, found = sampled(np.hypot, 2, 30, low=-1.0), list[FittedStructure]()
    for fit in search_structures(
        sample,
        sample,
        generator=generator(),
        should_stop=lambda: len(found) >= enough,
        thresholds=BRIEF,
    ):
        found.append(fit)
    assert len(found) == enough


def test_a_fit_is_cut_after_the_step_in_which_it_is_told_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(bundle: NetworkBatch, terms: InputTerms, *args: object, **options: object) -> NetworkBatch:
        calls.append(terms.grid_size)
        return fit_batch(bundle, terms, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("kan_engine.structure.fitted_structure.fit_batch", counted)
    sample = sampled(lambda a, b: a * b, 2, 400)
    fit_additive_structure(sample, sample, generator(), lambda: True)
    assert calls == [4]


@pytest.mark.usefixtures("_one_node")
def test_starts_that_led_to_one_network_are_refined_once() -> None:
    sample = sampled(lambda a, b, c: a * b + c, 3, 100)
    fits = [
        fit for fit in search_structures(sample, sample, generator=generator()) if len(fit.shape.nodes) == 1
    ]
    assert len(fits) == DEFAULT_STRUCTURE.max_screened_starts[0]
    errors = [(fit.shape, round(float(np.log10(fit.error)), 1)) for fit in fits if fit.error > 1e-3]
    assert len(set(errors)) == len(errors)


@pytest.mark.usefixtures("_one_transform")
@pytest.mark.parametrize(
    ("inputs", "grids"), [(2, DEFAULT_STRUCTURE.few_input_grid_sizes), (3, DEFAULT_STRUCTURE.grid_sizes)]
)
def test_two_inputs_are_looked_at_on_finer_grids(inputs: int, grids: tuple[int, ...]) -> None:
    sample = sampled(lambda *x: np.prod(x, axis=0), inputs, 300)
    found = search_structures(sample, sample, generator=generator(), thresholds=BRIEF)
    hidden = next(fit for fit in found if fit.shape.nodes)
    assert hidden.history[0].grid_size == grids[0]
