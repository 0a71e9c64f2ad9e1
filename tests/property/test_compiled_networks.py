"""A compiled network is the network, up to rounding: whatever its order, grids, masks and fixed functions."""

from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from kan_engine.compiled import compile_network
from kan_engine.grid import refine_, update_grid_
from kan_engine.layer import SymbolicEdge
from kan_engine.network import KAN, KANConfig, initialise_

EVERYWHERE = ["x", "sin", "tanh", "gaussian", "x^2", "silu", "abs"]


@dataclass(frozen=True)
class Case:
    shape: tuple[tuple[int, ...], int, int]  # width, networks side by side, nodes that multiply
    grid_size: int
    order: int
    direct: bool
    uniform_share: float
    refined: int
    dead: float
    fixed: float
    reach: float
    seed: int


CASES = st.builds(
    Case,
    shape=st.sampled_from(
        [
            ((1, 1), 1, 0),
            ((3, 1), 1, 0),
            ((2, 3, 1), 1, 0),
            ((3, 3, 2), 1, 2),
            ((4, 2, 1), 1, 2),
            ((3, 2, 2, 2), 1, 0),
            ((3, 4, 2, 2), 2, 0),
            ((4, 12, 9, 2), 1, 0),
            ((4, 12, 9, 2), 3, 0),
        ]
    ),
    grid_size=st.integers(1, 7),
    order=st.integers(0, 5),
    direct=st.booleans(),
    uniform_share=st.sampled_from([0.0, 0.5, 1.0]),
    refined=st.integers(1, 3),
    dead=st.sampled_from([0.0, 0.4, 0.9]),
    fixed=st.sampled_from([0.0, 0.3, 1.0]),
    reach=st.sampled_from([1.0, 3.0, 1e6]),
    seed=st.integers(0, 2**31),
)


def network_of(case: Case) -> KAN:
    """A network far from any special case but those that ``case`` asks for."""
    rng = np.random.default_rng(case.seed)
    width, groups, products = case.shape
    shape = {"grid_size": case.grid_size, "order": case.order, "groups": groups, "products": products}
    config = KANConfig(width=width, direct=case.direct, **shape)
    network = KAN(config)
    initialise_(network, torch.Generator().manual_seed(case.seed), noise=1.0)
    for layer in network.all_layers:
        with torch.no_grad():
            layer.weight[:, -1] = torch.from_numpy(rng.normal(size=layer.mask.shape))
    rows = torch.from_numpy(rng.uniform(-1, 1, (50, case.shape[0][0])))
    update_grid_(network, rows, uniform_share=case.uniform_share)
    refine_(network, case.grid_size * case.refined)
    for layer in network.all_layers:
        layer.mask &= torch.from_numpy(rng.uniform(size=layer.mask.shape) >= case.dead)
        for edge in np.argwhere(rng.uniform(size=layer.mask.shape) < case.fixed).tolist():
            layer.symbolic[edge[0], edge[1]] = SymbolicEdge(rng.choice(EVERYWHERE), *rng.uniform(-1, 1, 4))
    return network


@given(CASES)
def test_a_compiled_network_equals_the_network(case: Case) -> None:
    network = network_of(case)
    x = case.reach * np.random.default_rng(case.seed + 1).uniform(-1, 1, (40, case.shape[0][0]))
    expected = network(torch.from_numpy(x)).detach().numpy()
    # A sine of a node that is huge far off the grids has only the digits that are left to that node.
    nodes = network.preacts(torch.from_numpy(x))[1 : len(network.stack)]
    scale = max(float(values.abs().max()) for values in (torch.from_numpy(expected), *nodes))
    np.testing.assert_allclose(compile_network(network)(x), expected, rtol=0, atol=1e-12 * scale)


@given(CASES, st.lists(st.sampled_from([np.nan, np.inf, -np.inf]), min_size=1, max_size=5))
def test_a_row_with_a_value_that_is_not_finite_gives_nan_and_others_do_not_notice(
    case: Case, values: list[float]
) -> None:
    compiled = compile_network(network_of(case))
    rng = np.random.default_rng(case.seed)
    x = rng.uniform(-1, 1, (8, case.shape[0][0]))
    expected = compiled(x)
    rows = rng.integers(0, 7, len(values))
    x[rows, rng.integers(0, case.shape[0][0], len(values))] = values
    y = compiled(x)
    hit = np.isin(np.arange(8), rows)
    assert np.isnan(y[hit]).all()
    np.testing.assert_allclose(y[~hit], expected[~hit], rtol=1e-12, atol=1e-12)
