"""Laws of networks: what must not change when grids move, nodes go or weights are stored."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from kan_engine.network.grid_updates import refine, update_grid_
from kan_engine.network.kan import KAN, KANConfig, copy_network, initialise_
from kan_engine.network.pruning import prune
from kan_engine.splines.thresholds import DEFAULT_GRIDS
from kan_engine.training.levenberg_marquardt import TrainingDamping, TrainingObjective, take_step_
from kan_engine.training.penalty import Penalty
from kan_engine.training.rows import TrainingRows
from kan_engine.training.thresholds import DEFAULT_TRAINING

WIDTHS = st.sampled_from([(1, 1), (2, 1), (3, 2, 1), (2, 3, 2), (2, 2, 2, 1), (2, 3, 2, 2, 1)])
SEEDS = st.integers(0, 2**31)


def random_network(width: tuple[int, ...], seed: int, *, direct: bool = False, grid_size: int = 4) -> KAN:
    products = tuple(seed % (nodes + 1) for nodes in width[1:])
    network = KAN(KANConfig(width=width, grid_size=grid_size, direct=direct, products=products))
    initialise_(network, torch.Generator().manual_seed(seed), noise=1.0)
    return network


def rows(width: tuple[int, ...], seed: int, count: int = 60) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, (count, width[0])))


@given(WIDTHS, SEEDS, st.integers(2, 4), st.booleans())
def test_refine_by_a_multiple_leaves_the_function_unchanged(
    width: tuple[int, ...], seed: int, factor: int, direct: bool
) -> None:
    network = random_network(width, seed, direct=direct)
    finer = refine(network, 4 * factor)
    x = rows(width, seed)
    torch.testing.assert_close(finer(x), network(x), rtol=1e-12, atol=1e-12)
    assert finer.layers[0].grid_size == 4 * factor


@given(SEEDS)
def test_moving_the_grid_keeps_a_function_that_the_new_grid_can_represent(seed: int) -> None:
    network = KAN(KANConfig(width=(2, 2, 1), grid_size=3))
    initialise_(network, torch.Generator().manual_seed(seed), noise=0.0)  # lines fit every grid
    before = copy_network(network)
    x = 0.8 * rows((2,), seed)
    update_grid_(network, x, thresholds=DEFAULT_GRIDS)
    torch.testing.assert_close(network(x), before(x), rtol=1e-9, atol=1e-9)


@given(WIDTHS, SEEDS, st.booleans())
def test_a_copy_has_the_same_function_and_no_shared_weights(
    width: tuple[int, ...], seed: int, direct: bool
) -> None:
    network = random_network(width, seed, direct=direct)
    twin, x = copy_network(network), rows(width, seed)
    assert torch.equal(twin(x), network(x))
    twin.layers[0].weight.data.add_(1.0)
    assert not torch.equal(twin(x), network(x))


@given(WIDTHS, SEEDS)
def test_pruning_nothing_leaves_the_function_unchanged(width: tuple[int, ...], seed: int) -> None:
    network, x = random_network(width, seed), rows(width, seed)
    torch.testing.assert_close(prune(network, x, threshold=0.0)(x), network(x))


@given(WIDTHS, SEEDS)
def test_a_step_of_levenberg_marquardt_never_raises_the_objective(width: tuple[int, ...], seed: int) -> None:
    network, x = random_network(width, seed), rows(width, seed)
    y = torch.sin(3 * x[:, :1]).repeat(1, width[-1])
    problem = TrainingObjective(rows=TrainingRows.create(x, y), loss="squared", penalty=Penalty(ridge=1e-6))
    before = problem.rows.loss(network, "squared")
    objective = before + problem.penalty_value(network)
    taken = take_step_(network, problem, TrainingDamping(thresholds=DEFAULT_TRAINING), before)
    after = problem.rows.loss(network, "squared")
    assert taken is None or (taken.loss == after and after + problem.penalty_value(network) < objective)
