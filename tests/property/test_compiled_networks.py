"""A compiled network is the network, up to rounding: whatever its order, grids, masks and fixed functions."""

from dataclasses import replace

import numpy as np
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from kan_engine.network.compiled.network import compile_network
from tests.support.engine.network_cases import CASES, LINE, Case, network_of


@given(CASES, st.sampled_from([1, 2**17]))
@example(replace(LINE, shape=((2, 2, 2), 1, (1, 1))), 1)  # it ends in a product
def test_a_compiled_network_equals_the_network_however_many_rows_are_in_a_block(
    case: Case, block_numbers: int
) -> None:
    network = network_of(case)
    x = case.reach * np.random.default_rng(case.seed + 1).uniform(-1, 1, (40, case.shape[0][0]))
    expected = network(torch.from_numpy(x)).detach().numpy()
    # Far off the grids nodes are huge, and their functions have only the digits that rounding leaves to them
    nodes = network.preacts(torch.from_numpy(x))[1 : len(network.stack)]
    scale = max(float(values.abs().max()) for values in (torch.from_numpy(expected), *nodes))
    factors = 1 + 1e-13 * np.random.default_rng(case.seed).uniform(-1, 1, (8, *x.shape))
    nearby = [network(torch.from_numpy(x * factor)).detach().numpy() for factor in factors]
    tolerance = max(1e-12 * scale, np.abs(np.array(nearby) - expected).max())
    compiled = compile_network(network, block_numbers=block_numbers)
    np.testing.assert_allclose(compiled(x), expected, rtol=0, atol=tolerance)


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
