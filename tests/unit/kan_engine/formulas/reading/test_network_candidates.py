"""A network taken apart: its live nodes and direct edges, and the ways to share a line between them."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from kan_engine.expressions.evaluation import evaluate, variables
from kan_engine.formulas.reading.network_candidates import NetworkPart, iterate_part_variants
from kan_engine.formulas.reading.node_candidates import select_best_combinations
from kan_engine.formulas.reading.noise_model import NoiseModel
from kan_engine.network.kan import KAN
from kan_engine.structure.fitted_structure import FittedStructure, StructureRows
from kan_engine.structure.search import FREE, LINE, LINE_PRODUCT, PRODUCT
from tests.support.engine.laws import Law, fit_of, sampled
from tests.support.engine.readings import reading_of, write_shape

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("shapes_unchecked", "small_dictionary")]


def ways(network: KAN, sample: StructureRows, **changes: object) -> Iterator[list[NetworkPart]]:
    return iterate_part_variants(
        network, replace(reading_of(sample), known=NoiseModel.exact(5e-4), **changes)
    )  # type: ignore[arg-type]


def fitted(law: Law, *nodes: object, direct: bool = True) -> tuple[FittedStructure, StructureRows]:
    sample = sampled(law, 2, 150)
    return fit_of(nodes, sample, sample, direct=direct), sample  # type: ignore[arg-type]


def scaled(fit: FittedStructure) -> dict[str, object]:
    return {"center": float(fit.scaler.mean[0]), "scale": float(fit.scaler.std[0])}


def test_every_live_edge_of_an_additive_network_has_choices() -> None:
    fit, sample = fitted(lambda a, b: a**2 + 3 * b)
    (parts,) = ways(fit.network, sample, **scaled(fit))
    assert [write_shape(part.choices[0].total) for part in parts] == ["c0*x1**2", "c0*x2"]


def test_a_pruned_edge_has_none() -> None:
    fit, sample = fitted(lambda a, b: a**2 + 3 * b)
    fit.network.layers[0].mask[0, 0] = False
    (parts,) = ways(fit.network, sample, **scaled(fit))
    assert len(parts) == 1


def test_a_single_edge_is_as_exact_as_the_values() -> None:
    fit, sample = fitted(lambda a, b: np.exp(1.3 * a))
    fit.network.layers[0].mask[1, 0] = False
    ((part,),) = ways(fit.network, sample, **scaled(fit))
    values = evaluate(part.choices[0].total.tree, {"x1": sample.raw[:, 0].numpy()})
    np.testing.assert_allclose(values + fit.scaler.mean[0], sample.y[:, 0].numpy(), rtol=1e-9)


def test_choices_are_in_the_units_of_the_target() -> None:
    fit, sample = fitted(lambda a, b: 1e4 * (a**2 + b), LINE_PRODUCT)
    parts = next(ways(fit.network, sample, **scaled(fit)))
    picks = select_best_combinations([part.choices for part in parts], 1, lambda choice: choice.score)[0]
    columns = {f"x{i + 1}": sample.raw[:, i].numpy() for i in range(2)}
    total = sum(evaluate(pick.total.tree, columns) for pick in picks)
    y = sample.y[:, 0].numpy()
    assert np.std(total + fit.scaler.mean[0] - y) < 0.05 * np.std(y)


@pytest.mark.parametrize("direct", [False, True])
def test_hidden_nodes_come_before_direct_edges(direct: bool) -> None:
    fit, sample = fitted(lambda a, b: np.exp(a + b) + a * b, LINE, PRODUCT, direct=direct)
    parts = next(ways(fit.network, sample, **scaled(fit)))
    assert len(parts) == (4 if direct else 2)
    assert all(len(variables(part.choices[0].total.tree)) == 1 for part in parts[2:])


def test_a_node_that_leads_nowhere_is_passed_over() -> None:
    fit, sample = fitted(lambda a, b: np.exp(a + b) + a * b, LINE, PRODUCT, direct=False)
    fit.network.stack[1].mask[0, 0] = False
    (parts,) = ways(fit.network, sample, **scaled(fit))
    assert len(parts) == 1


def test_a_line_that_a_node_shares_with_direct_edges_is_shared_in_several_ways() -> None:
    fit, sample = fitted(lambda a, b: np.exp(0.6 * (a - b)) + 2 * a, LINE)
    found = list(ways(fit.network, sample, **scaled(fit)))
    assert len(found) == 1 + 3
    firsts = [write_shape(parts[0].choices[0].total) for parts in found[1:]]
    assert {"c0*exp(c1*x1 + c2*x2)", "c0*exp(c1*x2 + c2*x1)"} & set(firsts)


@pytest.mark.parametrize(
    ("nodes", "direct", "pruned"),
    [((PRODUCT,), True, None), ((FREE,), False, None), ((LINE,), True, 1)],
    ids=["a product", "no direct edges", "a direct edge is pruned"],
)
def test_nothing_else_is_shared(nodes: tuple[object, ...], direct: bool, pruned: int | None) -> None:
    fit, sample = fitted(lambda a, b: np.exp(0.6 * (a - b)), *nodes, direct=direct)
    if pruned is not None:
        fit.network.all_layers[-1].mask[pruned, 0] = False
    assert len(list(ways(fit.network, sample, **scaled(fit)))) == 1


def test_reading_leaves_no_gradients() -> None:
    fit, sample = fitted(lambda a, b: a * b, PRODUCT)
    list(ways(fit.network, sample, **scaled(fit)))
    assert all(parameter.grad is None for parameter in fit.network.parameters())
    assert torch.is_grad_enabled()
