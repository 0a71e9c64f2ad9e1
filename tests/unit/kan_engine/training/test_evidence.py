"""Prices of roughness: what noise and its absence make of them."""

import pytest
import torch

from kan_engine.network.kan import KAN, KANConfig
from kan_engine.training.evidence import Evidence
from kan_engine.training.gauss_newton import add_edge_blocks_, gauss_newton_system, trainable_edges
from kan_engine.training.loop import Training, TrainingConfig
from kan_engine.training.penalty import Penalty
from kan_engine.training.rows import TrainingRows
from kan_engine.training.thresholds import DEFAULT_TRAINING
from tests.support.engine.networks import random_network, uniform_rows

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

ROWS = 300


def noisy(size: float, rows: int = ROWS, seed: int = 0) -> TrainingRows:
    """sin 3x with normal noise."""
    x = uniform_rows(rows, 1, seed=seed)
    noise = torch.randn(rows, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return TrainingRows.create(x, torch.sin(3 * x) + size * noise)


def trained(
    rows: TrainingRows, *, loss: str = "squared", adaptive: bool = True, grid: int = 20
) -> tuple[KAN, Evidence]:
    """One activation trained to the end, and the evidence that it was trained with."""
    network = KAN(KANConfig(width=(1, 1), grid_size=grid))
    penalty = Penalty(ridge=1e-13, adaptive=adaptive)
    run = Training(network, rows, TrainingConfig(loss=loss, penalty=penalty, gain=1e-9, steps=200))
    while run.step() is not None:
        pass
    evidence = run._method._problem.evidence  # type: ignore[attr-defined]
    return network, evidence


def error(network: KAN, truth: TrainingRows) -> float:
    return float((2 * truth.loss(network, "squared")) ** 0.5)


def test_noise_raises_the_price() -> None:
    prices = [float(trained(noisy(size))[1].strengths[0]) for size in (1e-4, 1e-3, 1e-2)]
    assert prices[0] < 0.1 * prices[1]
    assert prices[1] < 0.1 * prices[2]


def test_under_noise_the_price_brings_the_network_nearer_to_the_truth() -> None:
    truth = noisy(0.0, seed=1)
    with_price, without = (trained(noisy(0.3), adaptive=adaptive, grid=60)[0] for adaptive in (True, False))
    assert error(with_price, truth) < 0.75 * error(without, truth)


def test_without_noise_the_price_costs_no_digits() -> None:
    truth = noisy(0.0, seed=1)
    with_price, without = (trained(noisy(0.0), adaptive=adaptive)[0] for adaptive in (True, False))
    assert error(with_price, truth) < 1.1 * error(without, truth) < 1e-5


def test_the_price_vanishes_with_the_residuals() -> None:
    x = uniform_rows(ROWS, 1)
    network, evidence = trained(TrainingRows.create(x, x**3))  # a cubic spline is this very function
    assert evidence.penalty_value() < 1e-15
    assert error(network, TrainingRows.create(x, x**3)) < 1e-7


def test_where_no_row_lies_an_activation_goes_on_smoothly() -> None:
    rows = noisy(0.0)
    rows = rows[(rows.x[:, 0] < -0.2) | (rows.x[:, 0] > 0.2)]
    network, _ = trained(rows, grid=30)
    gap = torch.linspace(-0.2, 0.2, 50, dtype=torch.float64)[:, None]
    assert float((network(gap) - torch.sin(3 * gap)).detach().abs().max()) < 0.02


@pytest.mark.parametrize("size", [1e-2, 1e-3])
def test_prices_satisfy_their_fixed_point_equation(size: float) -> None:
    rows = noisy(size)
    network, evidence = trained(rows)
    lamb, (edges,) = float(evidence.strengths[0]), [trainable_edges(network)]
    matrix, _ = gauss_newton_system(network, rows, "squared", edges)
    add_edge_blocks_(matrix, edges, evidence.penalty_blocks(edges))
    matrix += 1e-13 * torch.eye(len(matrix), dtype=torch.float64)  # the ridge
    q = evidence.penalty_blocks(edges)[0][0] / lamb
    weight = network.layers[0].weight.detach()[0, :, 0]
    gamma = torch.linalg.matrix_rank(q, tol=1e-9) - lamb * torch.trace(torch.linalg.solve(matrix, q))
    variance = 2 * rows.loss(network, "squared") * ROWS / (ROWS - float(gamma))
    assert lamb == pytest.approx(float(variance / ROWS * gamma / (weight @ q @ weight)), rel=0.05)
    assert variance == pytest.approx(size**2, rel=0.3)


@pytest.mark.parametrize("units", [1e-3, 1e3])
def test_the_units_of_the_target_do_not_matter(units: float) -> None:
    rows = noisy(0.3)
    scaled = TrainingRows.create(rows.x, units * rows.targets)
    one, other = trained(rows)[0](rows.x).detach(), trained(scaled)[0](rows.x).detach()
    torch.testing.assert_close(other / units, one, rtol=1e-3, atol=1e-3)


def test_a_line_in_noise_is_a_polynomial_with_a_price_at_its_bound() -> None:
    x = uniform_rows(ROWS, 1)
    noise = torch.randn(ROWS, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    network, evidence = trained(TrainingRows.create(x, x + noise))
    matrix, _ = gauss_newton_system(network, TrainingRows.create(x, x), "squared", trainable_edges(network))
    (q,) = evidence.penalty_blocks(trainable_edges(network))[0] / evidence.strengths[0]
    bound = DEFAULT_TRAINING.max_relative_strength * matrix.diagonal()[:-1].sum() / q.trace()
    assert float(evidence.strengths[0]) == pytest.approx(float(bound), rel=0.01)


@pytest.mark.parametrize(("loss", "outputs"), [("logistic", 1), ("softmax", 3)])
def test_class_probabilities_are_nearer_to_the_truth_with_a_price(loss: str, outputs: int) -> None:
    """Cross-entropy is a likelihood with unit variance: nothing is estimated, few rows are smoothed more."""
    generator, x = torch.Generator().manual_seed(0), uniform_rows(ROWS, 1)
    logits = torch.cat([torch.zeros_like(x), 2 * torch.sin(3 * x), 2 * x][: max(outputs, 2)], 1)
    truth = torch.softmax(logits, 1)
    rows = TrainingRows.create(x, torch.multinomial(truth, 1, generator=generator).double())

    def distance(adaptive: bool) -> float:
        network = KAN(KANConfig(width=(1, outputs), grid_size=40))
        config = TrainingConfig(loss=loss, penalty=Penalty(ridge=1e-6, adaptive=adaptive))
        run = Training(network, rows, config)
        while run.step() is not None:
            pass
        found = network(x).detach()
        found = torch.cat([torch.zeros_like(found), found], 1) if outputs == 1 else found
        return float((torch.softmax(found, 1) - truth).square().mean().sqrt())

    assert distance(True) < 0.7 * distance(False)


def test_the_price_of_classes_that_never_overlap_leaves_them_apart() -> None:
    x = uniform_rows(ROWS, 1)
    network, evidence = trained(TrainingRows.create(x, (x.abs() > 0.5).double()), loss="logistic")
    assert bool(((network(x) > 0) == (x.abs() > 0.5)).all())
    assert 0 < float(evidence.strengths[0]) < float("inf")


def test_the_rows_of_a_cross_entropy_are_its_only_scale() -> None:
    """λ of a fixed network: twice the rows, half the price of the mean loss."""

    def strength(observations: int) -> float:
        network, x = random_network((1, 1), seed=4), uniform_rows(50, 1)
        edges = trainable_edges(network)
        matrix, _ = gauss_newton_system(network, TrainingRows.create(x, (x > 0).double()), "logistic", edges)
        evidence = Evidence(network, observations, is_noisy=False, thresholds=DEFAULT_TRAINING)
        eye = torch.eye(len(matrix), dtype=torch.float64)
        factor = torch.linalg.cholesky(matrix + 1e-9 * eye)
        evidence.update_(factor, 1e9 * matrix.diagonal(), 123.0, edges)
        return float(evidence.strengths[0])

    assert strength(100) == pytest.approx(2 * strength(200))


def test_pruned_edges_have_no_price() -> None:
    network, x = random_network((2, 1)), uniform_rows(60, 2)
    network.layers[0].mask[1, 0] = False
    run = Training(network, TrainingRows.create(x, torch.sin(3 * x[:, :1])), TrainingConfig())
    for _ in range(2):
        run.step()
    strengths = run._method._problem.evidence.strengths[0]  # type: ignore[attr-defined]
    assert float(strengths[0, 0]) > 0
    assert float(strengths[1, 0]) == 0


def test_gradients_are_those_of_the_price() -> None:
    network, evidence = trained(noisy(0.1))
    layer = network.layers[0]
    q = evidence.penalty_blocks(trainable_edges(network))[0][0]
    weight = layer.weight.detach()[0, :, 0]
    torch.testing.assert_close(evidence.gradients()[0][0, :, 0], q @ weight, rtol=1e-6, atol=1e-9)
    assert evidence.penalty_value() == pytest.approx(float(weight @ q @ weight) / 2, rel=1e-4)
