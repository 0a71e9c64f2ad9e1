"""Adam: networks side by side are trained each for itself, pruned edges stay out, fixed functions stay."""

from dataclasses import replace

import pytest
import torch

from kan_engine.network.kan import KAN, KANConfig, extract_group, initialise_
from kan_engine.network.layer import SymbolicEdge
from kan_engine.training.adam import one_cycle
from kan_engine.training.config import TrainingConfig
from kan_engine.training.loop import Training, train
from kan_engine.training.penalty import Penalty
from kan_engine.training.rows import TrainingRows
from kan_engine.training.thresholds import DEFAULT_TRAINING
from tests.support.engine.networks import random_network, uniform_rows

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

GROUPS = 2
X = uniform_rows(50, 2)  # the last batch is smaller
ROWS = TrainingRows.create(X, torch.sin(3 * X[:, :1]) + X[:, 1:] ** 2)
CONFIG = TrainingConfig(
    optimizer="adam",
    steps=4,
    batch_size=20,
    precision="float64",
    weight_decay=0.1,
    penalty=Penalty(ridge=1e-3, smoothness=1e-2),
)
# Prices and errors of one of G networks have a G-th of the gradient that they have alone, which AdamW takes
# for the same step but for its 1e-8 beside the root of the squares.
CLOSE = 1e-5


def fresh(width: tuple[int, ...] = (2, 6, 4, 1), *, groups: int = GROUPS, direct: bool = False) -> KAN:
    network = KAN(KANConfig(width=width, grid_size=4, groups=groups, direct=direct))
    initialise_(network, torch.Generator().manual_seed(0))
    return network


def losses(network: KAN, config: TrainingConfig = CONFIG, rows: TrainingRows = ROWS) -> list[float]:
    """Of all steps; the network is left as the last one made it."""
    run = Training(network, rows, config, generator=torch.Generator().manual_seed(1))
    found = []
    while (step := run.step()) is not None:
        found.append(step.loss)
    return found


@pytest.mark.parametrize("width", [(2, 6, 1), (2, 6, 4, 1), (2, 2, 4, 2, 1)])
def test_networks_side_by_side_end_as_the_mean_of_those_trained_alone(width: tuple[int, ...]) -> None:
    network = fresh(width)
    ones = [extract_group(network, group) for group in range(GROUPS)]
    losses(network)
    for one in ones:
        losses(one)
    with torch.no_grad():
        mean = torch.stack([one(X) for one in ones]).mean(0)
        torch.testing.assert_close(network(X), mean, rtol=0, atol=CLOSE)


def test_the_loss_of_networks_side_by_side_is_the_mean_of_their_losses_with_their_prices() -> None:
    network = fresh()
    ones = [losses(extract_group(network, group)) for group in range(GROUPS)]
    wanted = [sum(pair) / GROUPS for pair in zip(*ones, strict=True)]
    assert losses(network) == pytest.approx(wanted, abs=CLOSE)


def test_what_a_network_learns_does_not_depend_on_the_one_beside_it() -> None:
    first, second = fresh(), fresh()
    with torch.no_grad():
        second.stack[1].weight[3:] *= 3.0  # of the other group
        second.stack[2].weight[2:] += 1.0
    for network in (first, second):
        losses(network)
    x = uniform_rows(20, 2, seed=5)
    with torch.no_grad():
        torch.testing.assert_close(extract_group(second, 0)(x), extract_group(first, 0)(x))
        assert (extract_group(second, 1)(x) - extract_group(first, 1)(x)).abs().max() > 0.1


def test_nothing_grows_between_networks_side_by_side() -> None:
    network = fresh()
    masks = [layer.mask.clone() for layer in network.stack]
    losses(network)
    for layer, mask in zip(network.stack, masks, strict=True):
        assert torch.equal(layer.mask, mask)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("direct", [False, True])
def test_what_training_hands_over_is_a_network_with_the_loss_that_it_tells(groups: int, direct: bool) -> None:
    """With one batch of all rows and hardly a step, running scales and those of the batch are the same."""
    network = fresh(groups=groups, direct=direct)
    config = replace(CONFIG, steps=60, batch_size=1_000, learning_rate=1e-12, penalty=Penalty())
    told = losses(network, config)[-1]
    outputs = torch.stack([extract_group(network, group)(X) for group in range(groups)]).detach()
    found = (outputs - ROWS.targets).square().mean() / 2
    assert told == pytest.approx(float(found), rel=0.02)  # variances: of 50 rows, or of 49


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("lamb", [0.0, 1e-3])
def test_a_network_learns_with_and_without_a_price_of_sparsity(groups: int, lamb: float) -> None:
    network = fresh(groups=groups)
    before = ROWS.loss(network, "squared")
    losses(network, TrainingConfig(optimizer="adam", steps=25, batch_size=20, lamb=lamb))
    assert ROWS.loss(network, "squared") < 0.3 * before


def test_every_layer_of_networks_side_by_side_is_trained_where_sparsity_has_a_price() -> None:
    trained, left = fresh(), fresh()
    for network, rate in ((trained, 1e-2), (left, 1e-12)):  # both on the same grids
        losses(network, replace(CONFIG, steps=1, lamb=1e-3, weight_decay=0.0, learning_rate=rate))
    for one, other in zip(trained.stack, left.stack, strict=True):
        assert (one.effective_weight() - other.effective_weight()).abs().max() > 1e-3


def test_a_price_of_sparsity_shrinks_the_edges_that_the_target_does_not_need() -> None:
    network, target = fresh((2, 1), groups=1), TrainingRows.create(X, torch.sin(2 * X[:, :1]))
    losses(network, TrainingConfig(optimizer="adam", steps=60, batch_size=20, lamb=1e-2), target)
    size = network.stack[0].postacts(X).detach().abs().mean(0)[:, 0]
    assert float(size[1] / size[0]) < 0.1


@pytest.mark.parametrize("groups", [1, 2])
def test_a_fixed_function_stays_while_the_splines_around_it_learn(groups: int) -> None:
    network, edge = fresh(groups=groups), SymbolicEdge("sin", 1.5, 0.2, 0.7, 0.1)
    network.stack[0].symbolic[1, 0] = edge
    before = ROWS.loss(network, "squared")
    losses(network, TrainingConfig(optimizer="adam", steps=25, batch_size=20))
    assert network.stack[0].symbolic == {(1, 0): edge}
    assert ROWS.loss(network, "squared") < 0.3 * before


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("lamb", [0.0, 1e-3])
def test_weights_of_pruned_edges_have_no_part_in_the_training(groups: int, lamb: float) -> None:
    first, second = fresh(groups=groups), fresh(groups=groups)
    for network, weight in ((first, 0.0), (second, 2.0)):
        for layer, edge in zip(network.stack, [(0, 1), (1, 0), (3, 0)], strict=True):
            layer.mask[edge] = False
            with torch.no_grad():
                layer.weight[edge[0], :, edge[1]] = weight
        losses(network, replace(CONFIG, lamb=lamb))
    for a, b in zip(first.stack, second.stack, strict=True):
        torch.testing.assert_close(a.effective_weight(), b.effective_weight())


def test_a_network_whose_hidden_nodes_are_wide_is_left_on_grids_that_hold_them() -> None:
    network = fresh((2, 4, 1), groups=1)
    with torch.no_grad():
        network.stack[0].weight *= 1_000.0
    losses(network)
    grids = network.stack[1].knots[:, 3:-3]
    hidden = network.stack[0](X).detach()
    inside = (hidden > grids[:, 0]) & (hidden < grids[:, -1])
    assert float(inside.double().mean()) > 0.8  # of any distribution at least 3/4 lie within two deviations


def test_the_validation_rows_are_asked_of_the_network_that_is_handed_over() -> None:
    network, judge = fresh(), TrainingRows.create(X[:40], ROWS.targets[:40])
    steps = train(network, ROWS, CONFIG, validation=judge, generator=torch.Generator().manual_seed(1))
    told = [step.validation_loss for step in steps]
    assert judge.loss(network, "squared") == pytest.approx(min(told))


@pytest.mark.parametrize(("share", "rate"), [(0.0, 0.04), (0.2, 1.0), (1.0, 0.0)])
def test_the_rate_rises_to_its_peak_and_falls_to_nothing(share: float, rate: float) -> None:
    assert one_cycle(share, thresholds=DEFAULT_TRAINING) == pytest.approx(rate)


def test_the_rate_has_settled_before_the_end() -> None:
    assert (
        one_cycle(0.9, thresholds=DEFAULT_TRAINING)
        < DEFAULT_TRAINING.low_rate_share
        < one_cycle(0.7, thresholds=DEFAULT_TRAINING)
    )


def test_a_network_of_random_splines_keeps_its_function_until_its_first_step() -> None:
    network = random_network((2, 3, 1))
    before = network(X).detach()
    Training(network, ROWS, CONFIG, generator=torch.Generator().manual_seed(0))
    assert torch.equal(network(X), before)
