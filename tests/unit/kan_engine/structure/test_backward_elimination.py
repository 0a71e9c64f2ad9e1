"""What a fitted shape can do without, and what finer grids and other rows say of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kan_engine.network.layer import KANLayer
from kan_engine.structure.backward_elimination import (
    OUTPUT_PLACE,
    cross_predict,
    eliminate_edges,
    refine_structure,
    remove_edge,
)
from kan_engine.structure.batched_networks import Node, compute_outputs
from kan_engine.structure.fitted_structure import FittedStructure, StructureRows
from kan_engine.structure.search import FREE, LINE, LINE_PRODUCT, LOG, PRODUCT
from tests.support.engine.laws import Law, fit_of, make_sample, sampled
from tests.support.engine.structures import fit_additive_structure

pytestmark = pytest.mark.usefixtures("shapes_unchecked")


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def rows_of(law: Law, inputs: int, rows: int = 150) -> tuple[StructureRows, StructureRows]:
    return sampled(law, inputs, rows), sampled(law, inputs, 60, seed=1)


@pytest.fixture(scope="module")
def rows() -> tuple[StructureRows, StructureRows]:
    """exp(a) + c², with an idle b."""
    return rows_of(lambda a, b, c: np.exp(a) + c**2, 3)


@pytest.fixture(scope="module")
def shape(rows: tuple[StructureRows, StructureRows]) -> FittedStructure:
    return fit_additive_structure(*rows, generator())


def live(fit: FittedStructure) -> list[list[list[bool]]]:
    """Live edges into the hidden nodes, if there are any, and the output."""
    return [layer.mask.tolist() for layer in fit.network.all_layers]


def test_an_input_that_does_not_matter_is_eliminated(
    shape: FittedStructure, rows: tuple[StructureRows, StructureRows]
) -> None:
    smaller = eliminate_edges(shape, *rows)
    assert live(smaller) == [[[True], [False], [True]]]
    assert smaller.error == pytest.approx(smaller.relative_error(rows[1]))
    assert smaller.error < 2e-4


def test_an_input_that_went_is_told_with_the_errors_before_and_after(
    shape: FittedStructure, rows: tuple[StructureRows, StructureRows]
) -> None:
    fit = eliminate_edges(shape, *rows)
    unused = {i for i in range(len(rows[0].x[0])) if not any(layer.mask[i].any() for layer in _entered(fit))}
    assert set(fit.dropped) == unused != set()
    assert all(after <= max(1.01 * before, 1e-3) for before, after in fit.dropped.values())


def _entered(fit: FittedStructure) -> list[KANLayer]:
    """The layers that inputs lead into."""
    network = fit.network
    return [network.stack[0], *([] if network.direct is None else [network.direct])]


def test_what_is_eliminated_changes_nothing_that_is_predicted(
    shape: FittedStructure, rows: tuple[StructureRows, StructureRows]
) -> None:
    smaller, validation = eliminate_edges(shape, *rows), rows[1]
    moved = replace(validation, x=validation.x.clone())
    moved.x[:, 1] = 0.0
    with torch.no_grad():
        torch.testing.assert_close(smaller.network(moved.x), smaller.network(validation.x))
    assert smaller.relative_error(moved) == pytest.approx(smaller.error)


@pytest.mark.parametrize("node", [LINE, FREE, LOG, PRODUCT])
def test_elimination_leaves_edges_that_a_law_needs(node: Node) -> None:
    training, validation = rows_of(lambda a, b, c: a * b + np.sin(3 * c), 3)
    smaller = eliminate_edges(fit_of((node,), training, validation), training, validation)
    assert smaller.error < max(2e-3, 1.1 * fit_of((node,), training, validation).error)
    assert [sum(edge) for edge in zip(*live(smaller)[0], strict=True)] == [2]  # into the node


@pytest.mark.parametrize("node", [LINE, FREE, PRODUCT])
def test_a_node_that_an_additive_law_does_not_need_goes(node: Node) -> None:
    training, validation = rows_of(lambda a, b: np.exp(a) + b**2, 2)
    smaller = eliminate_edges(fit_of((node,), training, validation), training, validation)
    assert (smaller.bundle.nodes, live(smaller)) == ((), [[[True], [True]]])
    assert smaller.error < 2e-3


def test_edges_of_a_node_are_tried_after_a_node_before_it_has_gone() -> None:
    training, validation = rows_of(lambda a, b, c: a * b, 3)
    fit = fit_of((FREE, PRODUCT), training, validation)
    outer = (torch.zeros_like(fit.bundle.outer[0]), fit.bundle.outer[1])  # nothing leaves the first node
    smaller = eliminate_edges(replace(fit, bundle=replace(fit.bundle, outer=outer)), training, validation)
    assert smaller.bundle.nodes == (PRODUCT,)
    assert live(smaller)[0] == [[True], [True], [False]]


@pytest.mark.parametrize("node", [LINE, FREE, PRODUCT])
def test_a_node_with_a_single_edge_becomes_a_direct_edge(node: Node) -> None:
    training, validation = rows_of(lambda a, b: np.exp(a) + b**2, 2)
    fit = fit_of((node,), training, validation)
    # The column a enters the node, b the output
    only = remove_edge(remove_edge(fit.bundle, 0, 1, 2), OUTPUT_PLACE, 0, 2)
    bundle = fit.train_coefficients(training, steps=20, bundle=only)
    fit = replace(fit, bundle=bundle, errors=(fit.relative_error(validation, bundle),))
    assert live(fit)[0] == [[True], [False]]
    smaller = eliminate_edges(fit, training, validation)
    assert (smaller.bundle.nodes, live(smaller)) == ((), [[[True], [True]]])
    assert smaller.error < 2e-3


def test_a_node_with_a_single_edge_stays_where_there_are_no_direct_edges() -> None:
    training, validation = rows_of(np.exp, 1)
    smaller = eliminate_edges(fit_of((LINE,), training, validation, direct=False), training, validation)
    assert smaller.bundle.nodes == (LINE,)


def test_a_node_stays_if_a_direct_edge_in_its_place_is_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    training, validation = rows_of(lambda a, b: np.sin(8 * a) + b, 2, rows=60)
    fit = fit_of((LINE,), training, validation, grid=4)
    only = remove_edge(remove_edge(fit.bundle, 0, 1, 2), OUTPUT_PLACE, 0, 2)
    fit = replace(fit, bundle=only, errors=(1e-6,))  # an error that nothing on this grid reaches
    assert eliminate_edges(fit, training, validation).bundle.nodes == (LINE,)


@pytest.mark.parametrize(("node", "at_rest"), [(FREE, 0.0), (LINE, 0.0), (PRODUCT, 1.0), (LINE_PRODUCT, 1.0)])
def test_without_an_edge_a_sum_loses_a_term_and_a_product_a_factor(node: Node, at_rest: float) -> None:
    training, validation = rows_of(lambda a, b: a * b, 2)
    fit = fit_of((node,), training, validation)
    smaller = remove_edge(fit.bundle, 0, 1, 2)
    curve = fit.terms.inner_features(node)[:, 1] @ smaller.inner[0][0].view(2, -1)[1]
    torch.testing.assert_close(curve, torch.full_like(curve, at_rest))
    assert int((smaller.held & ~fit.bundle.held).sum()) == smaller.inner[0].shape[1] // 2


def test_a_node_goes_with_its_last_edge() -> None:
    training, validation = rows_of(lambda a, b: a * b, 2)
    fit = fit_of((FREE, LINE_PRODUCT), training, validation)
    smaller = remove_edge(remove_edge(fit.bundle, 1, 0, 2), 1, 1, 2)
    assert smaller.nodes == (FREE,)
    assert compute_outputs(smaller, fit.terms).shape == (1, 150)


def test_elimination_never_takes_the_last_edge() -> None:
    sample = sampled(np.ones_like, 1, 30)
    assert (
        eliminate_edges(
            fit_additive_structure(sample, sample, generator()), sample, sample
        ).network.edge_count
        == 1
    )


def test_elimination_stops_when_it_is_told_to(
    shape: FittedStructure, rows: tuple[StructureRows, StructureRows]
) -> None:
    assert eliminate_edges(shape, *rows, lambda: True) is shape


def test_sharpening_goes_on_while_finer_grids_help() -> None:
    sample = sampled(lambda a: np.exp(np.sin(3 * a)), 1, 300)
    coarse = fit_of((), sample, sample)
    sharp = refine_structure(coarse, sample, sample)
    assert sharp.network.layers[0].grid_size > 16
    assert sharp.error < coarse.error / 5


def test_sharpening_of_hidden_nodes_refines_their_grids_too() -> None:
    training, validation = rows_of(lambda a, b: np.sin(2 * (a + b)), 2, rows=400)
    coarse = fit_of((LINE,), training, validation, direct=False)
    sharp = refine_structure(coarse, training, validation)
    assert [layer.grid_size for layer in sharp.network.stack] == [sharp.terms.grid_size] * 2
    assert sharp.error < coarse.error / 5


def test_sharpening_ends_where_a_finer_grid_does_not_help() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 300)
    training, validation = (sampled(lambda a: a + noise[: len(a)], 1, rows, seed=rows) for rows in (300, 150))
    coarse = fit_of((), training, validation)
    assert refine_structure(coarse, training, validation) is coarse


def test_sharpening_ends_where_the_rows_do_not_carry_a_finer_grid() -> None:
    sample = sampled(lambda a: np.exp(np.sin(3 * a)), 1, 50)
    coarse = fit_of((), sample, sample)
    assert refine_structure(coarse, sample, sample) is coarse


def test_sharpening_stops_when_it_is_told_to(
    shape: FittedStructure, rows: tuple[StructureRows, StructureRows]
) -> None:
    assert refine_structure(shape, *rows, lambda: True) is shape


def cross_rmse(fit: FittedStructure, rows: StructureRows, folds: torch.Tensor) -> float:
    errors = cross_predict(fit, rows, folds) - rows.y[:, 0].numpy()
    return float(np.sqrt(np.mean(errors**2))) / rows.spread


def test_the_error_over_folds_of_a_law_is_as_small_as_on_other_rows(
    shape: FittedStructure, rows: tuple[StructureRows, StructureRows]
) -> None:
    training, _ = rows
    folds = torch.arange(len(training.x)) % 4
    assert cross_rmse(shape, training, folds) < 1e-2


def test_the_error_over_folds_of_what_is_noise_is_as_large_as_the_noise() -> None:
    sample = sampled(lambda a, b: np.random.default_rng(0).normal(size=len(a)), 2, 60)
    fit = fit_additive_structure(sample, sample, generator())
    assert fit.error < 0.95
    assert cross_rmse(fit, sample, torch.arange(60) % 4) > 1.0


def test_of_every_required_set_one_input_keeps_an_edge() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (120, 3))
    rows = make_sample(x, x[:, 0] ** 2)
    fit = fit_additive_structure(rows[:80], rows[80:], torch.Generator())
    free = eliminate_edges(fit, rows[:80], rows[80:])
    bound = eliminate_edges(fit, rows[:80], rows[80:], required=[frozenset({1, 2})])
    assert set(free.dropped) == {1, 2}
    assert len(bound.dropped) == 1
