"""Compiled networks: what they leave out, that they stay as they are, and that threads may share them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import Any

import numpy as np
import pytest
import torch

from kan_engine.network.compiled.basis_layer import BasisLayer
from kan_engine.network.compiled.network import compile_network
from kan_engine.network.compiled.piecewise_layer import IrregularPieces, PiecewiseLayer, UniformPieces
from kan_engine.network.grid_updates import refine_, update_grid_
from kan_engine.network.kan import KAN
from kan_engine.network.layer import SymbolicEdge
from kan_engine.splines.thresholds import DEFAULT_GRIDS
from tests.support.engine.networks import random_network, uniform_rows

LOGARITHM = SymbolicEdge("log", 1.0, 0.0, 1.0, 0.0)


def outputs(network: KAN, x: np.ndarray) -> np.ndarray:
    values: np.ndarray = network(torch.from_numpy(x)).detach().numpy()
    return values


def arrays(thing: Any) -> list[np.ndarray]:
    """Every array inside."""
    if isinstance(thing, np.ndarray):
        return [thing]
    if isinstance(thing, tuple):
        return [array for part in thing for array in arrays(part)]
    if is_dataclass(thing):
        return [array for field in fields(thing) for array in arrays(getattr(thing, field.name))]
    return []


def test_few_edges_are_looked_up_and_many_computed() -> None:
    def layers(*width: int, size: int = 5) -> list[type]:
        return [
            type(layer.splines) for layer in compile_network(random_network(width, grid_size=size)).layers
        ]

    assert layers(4, 5, 1) == [PiecewiseLayer, PiecewiseLayer]
    assert layers(64, 64, 64) == [BasisLayer, BasisLayer]
    assert layers(64, 64, size=100) == [PiecewiseLayer]


def test_grids_that_are_not_uniform_are_bisected() -> None:
    network = random_network((2, 20, 1))
    update_grid_(network, uniform_rows(100, 2), uniform_share=0.2, thresholds=DEFAULT_GRIDS)
    found = [layer.splines for layer in compile_network(network).layers]
    assert all(isinstance(splines, PiecewiseLayer) for splines in found)
    assert all(isinstance(splines.find, IrregularPieces) for splines in found)
    network = random_network((2, 1))
    refine_(network, 8)
    (layer,) = compile_network(network).layers
    assert isinstance(layer.splines, PiecewiseLayer)
    assert isinstance(layer.splines.find, UniformPieces)


@pytest.mark.parametrize("width", [(3, 4, 2), (3, 20, 20, 2)])
@pytest.mark.parametrize("rows", [0, 1, 2, 5000])
def test_any_number_of_rows_gives_as_many(width: tuple[int, ...], rows: int) -> None:
    network, x = random_network(width, direct=True), uniform_rows(rows, 3).numpy()
    compiled = compile_network(network)
    y = compiled(x)
    assert y.shape == (rows, 2)
    np.testing.assert_allclose(y, outputs(network, x), rtol=0, atol=1e-12)


def test_memory_does_not_grow_with_the_rows() -> None:
    small, wide = (compile_network(random_network(width)) for width in ((4, 5, 1), (64, 64)))
    assert small.block > wide.block > 100


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="rows of 3 inputs, got 2"):
        compile_network(random_network((3, 1)))(np.zeros((5, 2)))


def test_what_leads_nowhere_is_not_computed() -> None:
    network, x = random_network((3, 4, 2)), uniform_rows(20, 3).numpy()
    network.layers[1].mask[2] = False
    network.layers[0].symbolic[0, 2] = LOGARITHM  # not defined for most rows
    compiled = compile_network(network)
    assert compiled.layers[0].out_dim == 3
    assert compiled.layers[0].fixed == ()
    y = compiled(x)
    assert np.isfinite(y).all()
    del network.layers[0].symbolic[0, 2]
    np.testing.assert_allclose(y, outputs(network, x), rtol=0, atol=1e-12)


def test_where_a_fixed_function_is_not_defined_the_row_is_not_finite() -> None:
    network, x = random_network((1, 2, 1)), np.array([[-0.5], [0.5], [0.0]])
    network.layers[0].symbolic[0, 1] = LOGARITHM
    y = compile_network(network)(x)
    assert np.isfinite(y).tolist() == [[False], [True], [False]]


def test_outputs_without_any_edge_are_zero() -> None:
    network = random_network((2, 3, 2))
    network.layers[1].mask[:, 0] = False
    network.layers[0].mask[:] = False
    x = uniform_rows(4, 2).numpy()
    y = compile_network(network)(x)
    assert not y[:, 0].any()
    np.testing.assert_allclose(y, outputs(network, x), rtol=0, atol=1e-12)
    network.layers[1].mask[:] = False
    assert not compile_network(network)(x).any()


def test_lines_off_the_grid_do_not_overflow() -> None:
    network = random_network((2, 3, 1))
    x = np.array([[1e200, -1e200], [-1e200, 3.0]])
    np.testing.assert_allclose(compile_network(network)(x), outputs(network, x), rtol=1e-12)


def test_later_changes_of_the_network_do_not_reach_a_compiled_one() -> None:
    network, x = random_network((2, 3, 1)), uniform_rows(10, 2).numpy()
    compiled = compile_network(network)
    before = compiled(x)
    for tensor in network.state_dict().values():
        tensor.zero_()
    assert np.array_equal(compiled(x), before)


@pytest.mark.parametrize("width", [(3, 2, 1), (3, 20, 20, 1)])
def test_a_compiled_network_cannot_be_changed(width: tuple[int, ...]) -> None:
    network = random_network(width, direct=True)
    network.layers[0].mask[0] = False
    compiled = compile_network(network)
    with pytest.raises(FrozenInstanceError):
        compiled.block = 1  # type: ignore[misc]
    assert len(arrays(compiled)) > 10
    assert not any(array.flags.writeable for array in arrays(compiled))


def test_inputs_are_not_changed() -> None:
    x = uniform_rows(50, 3).numpy() * 3
    before = x.copy()
    compile_network(random_network((3, 20, 20, 1)))(x)
    compile_network(random_network((3, 1)))(x)
    assert np.array_equal(x, before)


def test_a_network_in_single_precision_is_followed_to_its_digits() -> None:
    network, x = random_network((2, 3, 1)).float(), uniform_rows(20, 2)
    expected = network(x.float()).detach().double().numpy()
    np.testing.assert_allclose(compile_network(network)(x.numpy()), expected, rtol=0, atol=1e-5)


def test_many_threads_get_what_one_gets() -> None:
    compiled = [compile_network(random_network(width, seed=3)) for width in ((3, 4, 2), (3, 20, 20, 2))]
    data = [uniform_rows(200 + 7 * seed, 3, seed=seed).numpy() for seed in range(24)]
    expected = [[each(x) for x in data] for each in compiled]
    with ThreadPoolExecutor(12) as threads:
        for each, wanted in zip(compiled, expected, strict=True):
            for _ in range(5):
                for y, reference in zip(threads.map(each, data), wanted, strict=True):
                    assert np.array_equal(y, reference)
