"""What steps of Levenberg-Marquardt reach, and what they leave alone."""

import pytest
import torch

from kan_engine.network.kan import KAN, KANConfig
from kan_engine.training.evidence import Evidence
from kan_engine.training.gauss_newton import flatten_edges, flatten_weights, trainable_edges
from kan_engine.training.levenberg_marquardt import TrainingDamping, TrainingObjective, take_step_
from kan_engine.training.losses import loss_per_row
from kan_engine.training.penalty import Penalty
from kan_engine.training.rows import TrainingRows
from kan_engine.training.thresholds import DEFAULT_TRAINING
from tests.support.engine.networks import random_network, uniform_rows
from tests.support.engine.problems import OUTPUTS, mixed_network, rows_of

pytestmark = pytest.mark.usefixtures("shapes_unchecked")


def problem_of(loss: str = "squared", penalty: Penalty | None = None) -> TrainingObjective:
    return TrainingObjective(rows=rows_of(loss), loss=loss, penalty=penalty or Penalty())


def loss_of(problem: TrainingObjective, network: KAN) -> float:
    return problem.rows.loss(network, problem.loss)


@pytest.mark.parametrize("loss", OUTPUTS)
def test_a_step_with_high_damping_goes_down_the_gradient_of_loss_and_price(loss: str) -> None:
    problem, network = (
        problem_of(loss, Penalty(ridge=1e-3, smoothness=1e-3)),
        mixed_network(loss, direct=True),
    )
    edges, rows = trainable_edges(network), problem.rows
    losses = loss_per_row(loss, network(rows.x), rows.targets)
    objective = losses @ rows.weights / rows.weights.sum() + problem.penalty.value(network)
    gradients = torch.autograd.grad(objective, [layer.weight for layer in network.all_layers])
    start = flatten_weights(network, edges)
    take_step_(
        network, problem, TrainingDamping(value=1e8, thresholds=DEFAULT_TRAINING), loss_of(problem, network)
    )
    step = flatten_weights(network, edges) - start
    gradient = flatten_edges(gradients, edges)
    assert torch.equal(step.sign(), -gradient.sign())


@pytest.mark.parametrize("loss", OUTPUTS)
def test_steps_lead_to_a_point_where_the_gradient_vanishes(loss: str) -> None:
    problem, network = problem_of(loss, Penalty(ridge=0.5)), mixed_network(loss, direct=True)
    damping, reached = TrainingDamping(thresholds=DEFAULT_TRAINING), loss_of(problem, network)
    for _ in range(40):
        taken = take_step_(network, problem, damping, reached)
        if taken is None:
            break
        reached = taken.loss
    rows = problem.rows
    losses = loss_per_row(loss, network(rows.x), rows.targets)
    objective = losses @ rows.weights / rows.weights.sum() + problem.penalty.value(network)
    gradients = torch.autograd.grad(objective, [layer.weight for layer in network.all_layers])
    assert float(flatten_edges(gradients, trainable_edges(network)).abs().max()) < 1e-6


def test_a_step_tells_the_loss_that_it_reached_and_the_share_of_the_objective_that_it_took() -> None:
    problem, network = problem_of(penalty=Penalty(ridge=1e-2)), mixed_network("squared")
    before = loss_of(problem, network)
    objective = before + problem.penalty_value(network)
    taken = take_step_(network, problem, TrainingDamping(thresholds=DEFAULT_TRAINING), before)
    assert taken is not None
    assert taken.loss == loss_of(problem, network)
    assert taken.gain == pytest.approx(1 - (taken.loss + problem.penalty_value(network)) / objective)


def test_a_linear_problem_without_damping_is_solved_in_one_step() -> None:
    network, x = random_network((1, 1)), uniform_rows(50, 1)
    problem = TrainingObjective(rows=TrainingRows.create(x, x**3), loss="squared", penalty=Penalty())
    damping = TrainingDamping(value=1e-13, thresholds=DEFAULT_TRAINING)
    taken = take_step_(network, problem, damping, loss_of(problem, network))
    assert taken is not None
    assert taken.loss < 1e-16
    assert damping.trust == pytest.approx(1.0)
    assert not damping.is_curved


@pytest.mark.parametrize("loss", OUTPUTS)
@pytest.mark.parametrize(("direct", "products"), [(False, 0), (True, 0), (True, 2)])
def test_steps_are_the_same_where_features_take_too_much_memory_to_be_kept(
    loss: str, direct: bool, products: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def weights_after_steps() -> torch.Tensor:
        network, problem = mixed_network(loss, direct=direct, products=products), problem_of(loss)
        damping = TrainingDamping(thresholds=DEFAULT_TRAINING)
        damping.is_curved = True  # a step that is accelerated uses the forward passes twice
        for _ in range(3):
            take_step_(network, problem, damping, loss_of(problem, network))
        return flatten_weights(network, trainable_edges(network))

    kept = weights_after_steps()
    monkeypatch.setattr("kan_engine.training.rows.KEPT_FEATURE_BYTES", 0)
    monkeypatch.setattr("kan_engine.training.gauss_newton.KEPT_FEATURE_BYTES", 0)
    assert torch.equal(weights_after_steps(), kept)


def test_a_held_node_moves_less_in_a_step() -> None:
    """Of two steps with equal trust, the firm one leaves the node's range nearly where it was."""
    x, truth = uniform_rows(200, 2), random_network((2, 1, 1))

    def drift(hold: float) -> float:
        network = random_network((2, 1, 1))
        rows = TrainingRows.create(x, truth(x).detach() + 1e-3 * x[:, :1])
        problem = TrainingObjective(rows=rows, loss="squared", penalty=Penalty())
        before = network.preacts(x)[1].std()
        damping = TrainingDamping(value=1e-9, trust=1.0, hold=hold, thresholds=DEFAULT_TRAINING)
        take_step_(network, problem, damping, loss_of(problem, network))
        return float((network.preacts(x)[1].std() / before).log().abs())

    assert drift(1.0) < 0.01 * drift(0.0)


def test_prices_by_evidence_are_found_where_a_step_is_told_to_weigh() -> None:
    network, rows = mixed_network("squared"), rows_of("squared")
    evidence = Evidence(network, 80, is_noisy=True, thresholds=DEFAULT_TRAINING)
    problem = TrainingObjective(rows=rows, loss="squared", penalty=Penalty(), evidence=evidence)
    take_step_(network, problem, TrainingDamping(thresholds=DEFAULT_TRAINING), loss_of(problem, network))
    assert problem.penalty_value(network) == 0.0
    take_step_(
        network, problem, TrainingDamping(thresholds=DEFAULT_TRAINING), loss_of(problem, network), weigh=True
    )
    assert problem.penalty_value(network) == evidence.penalty_value() > 0.0


def test_what_the_next_step_is_trusted_to_remove_counts_as_no_noise() -> None:
    """Far from the minimum of a linear problem: with trust the price is that of its small residuals."""
    x = uniform_rows(100, 1)
    noise = 1e-3 * torch.randn(100, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rows = TrainingRows.create(x, torch.sin(6 * x) + noise)

    def price(trust: float) -> float:
        network = random_network((1, 1), grid_size=10)
        evidence = Evidence(network, 100, is_noisy=True, thresholds=DEFAULT_TRAINING)
        problem = TrainingObjective(rows=rows, loss="squared", penalty=Penalty(), evidence=evidence)
        take_step_(
            network,
            problem,
            TrainingDamping(trust=trust, thresholds=DEFAULT_TRAINING),
            loss_of(problem, network),
            weigh=True,
        )
        return float(evidence.strengths[0])

    assert price(1.0) < 1e-3 * price(0.0)


def test_bent_steps_follow_a_curved_valley_further() -> None:
    x = uniform_rows(200, 2)
    rows = TrainingRows.create(x, torch.exp(torch.sin(x[:, :1]) - x[:, 1:] ** 2))

    def reached(bends: bool) -> float:
        network, damping = random_network((2, 1, 1), seed=4), TrainingDamping(thresholds=DEFAULT_TRAINING)
        problem = TrainingObjective(rows=rows, loss="squared", penalty=Penalty(ridge=1e-9))
        loss = loss_of(problem, network)
        for _ in range(12):
            damping.is_curved &= bends
            taken = take_step_(network, problem, damping, loss)
            loss = taken.loss if taken else loss
        return loss

    assert reached(True) < 0.5 * reached(False)


def test_pruned_and_symbolic_edges_are_not_trained() -> None:
    problem, network = problem_of(), mixed_network("squared")
    before = network.layers[0].weight.detach().clone()
    take_step_(network, problem, TrainingDamping(thresholds=DEFAULT_TRAINING), loss_of(problem, network))
    assert torch.equal(network.layers[0].weight[0, :, 1], before[0, :, 1])
    assert torch.equal(network.layers[0].weight[1, :, 2], before[1, :, 2])
    assert not torch.equal(network.layers[0].weight, before)


def test_a_network_at_its_minimum_takes_no_step() -> None:
    network = KAN(KANConfig(width=(1, 1), grid_size=2))
    x = torch.linspace(-1, 1, 20, dtype=torch.float64)[:, None]
    zeros = torch.zeros(20, 1, dtype=torch.float64)
    problem = TrainingObjective(rows=TrainingRows.create(x, zeros), loss="squared", penalty=Penalty())
    assert (
        take_step_(network, problem, TrainingDamping(thresholds=DEFAULT_TRAINING), loss_of(problem, network))
        is None
    )


def test_a_network_without_live_splines_takes_no_step() -> None:
    problem, network = problem_of(), mixed_network("squared")
    for layer in network.all_layers:
        layer.mask[:] = False
    assert (
        take_step_(network, problem, TrainingDamping(thresholds=DEFAULT_TRAINING), loss_of(problem, network))
        is None
    )


def test_targets_that_are_no_numbers_allow_no_step() -> None:
    problem, network = problem_of(), mixed_network("squared")
    problem.rows.targets[0] = float("nan")
    before = network.layers[1].weight.detach().clone()
    assert take_step_(network, problem, TrainingDamping(thresholds=DEFAULT_TRAINING), 1.0) is None
    assert torch.equal(network.layers[1].weight, before)


def test_damping_grows_while_steps_fail_and_is_held_in_bounds_afterwards() -> None:
    problem, network = problem_of(), mixed_network("squared")
    before = [layer.weight.detach().clone() for layer in network.all_layers]
    damping = TrainingDamping(value=1e10, thresholds=DEFAULT_TRAINING)
    assert take_step_(network, problem, damping, loss=-1e9) is None  # nothing is so low
    assert (damping.value, damping.growth) == (1.0, 2.0)
    assert all(torch.equal(layer.weight, old) for layer, old in zip(network.all_layers, before, strict=True))


def test_damping_falls_after_a_step_that_did_what_was_expected() -> None:
    problem, network = problem_of(penalty=Penalty(ridge=1e-3)), mixed_network("squared")
    damping = TrainingDamping(value=10.0, thresholds=DEFAULT_TRAINING)
    damping.growth.fill_(16.0)
    take_step_(network, problem, damping, loss_of(problem, network))
    assert damping.value < 10.0
    assert damping.growth == 2.0


def test_a_matrix_that_cannot_be_factored_is_damped_more(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, network = problem_of(penalty=Penalty(ridge=1e-3)), mixed_network("squared")
    tried, factor = [], torch.linalg.cholesky_ex

    def fail_once(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        tried.append(matrix.diagonal().sum())
        return factor(-matrix if len(tried) == 1 else matrix)

    monkeypatch.setattr("torch.linalg.cholesky_ex", fail_once)
    assert (
        take_step_(
            network,
            problem,
            TrainingDamping(value=1.0, thresholds=DEFAULT_TRAINING),
            loss_of(problem, network),
        )
        is not None
    )
    assert tried[1] > tried[0]
