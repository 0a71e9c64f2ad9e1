"""The structured Jacobian against autograd, and what the steps reach."""

import pytest
import torch

from kan_engine.layer import SymbolicEdge
from kan_engine.levenberg_marquardt import Damping, Penalty, Problem, _normal_equations, step_
from kan_engine.loss import Loss, loss_per_row
from kan_engine.network import KAN, KANConfig, initialise_


def problem_of(loss: Loss, outputs: int, penalty: Penalty) -> Problem:
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(40, 2, dtype=torch.float64, generator=generator) * 2 - 1
    targets = {
        "squared": torch.rand(40, outputs, dtype=torch.float64, generator=generator),
        "logistic": (x[:, :1] > 0).double(),
        "softmax": torch.randint(0, outputs, (40, 1), generator=generator).double(),
    }[loss]
    weights = torch.rand(40, dtype=torch.float64, generator=generator) + 0.5
    return Problem(x=x, targets=targets, row_weights=weights, loss=loss, penalty=penalty)


def network_of(outputs: int, *, direct: bool) -> KAN:
    network = KAN(KANConfig(width=(2, 3, outputs), grid_size=3, direct=direct))
    initialise_(network, torch.Generator().manual_seed(0), noise=0.5)
    network.layers[0].mask[0, 1] = False
    network.layers[0].symbolic[1, 2] = SymbolicEdge("sin", 1.5, 0.2, 0.7, 0.1)
    return network


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize(("loss", "outputs"), [("squared", 2), ("logistic", 1), ("softmax", 3)])
def test_the_gradient_equals_that_of_autograd(loss: Loss, outputs: int, direct: bool) -> None:
    problem = problem_of(loss, outputs, Penalty(ridge=1e-3, smoothness=1e-3))
    network = network_of(outputs, direct=direct)
    active = [layer.trainable_mask().unsqueeze(1).expand_as(layer.weight) for layer in network.all_layers]
    with torch.no_grad():
        _, gradient = _normal_equations(network, problem, active)
    rows = loss_per_row(loss, network(problem.x), problem.targets)
    objective = (rows * problem.row_weights).sum() / problem.row_weights.sum()
    for layer in network.all_layers:
        w = layer.effective_weight()
        objective = objective + torch.einsum("ito,ts,iso->", w, problem.penalty.matrix(layer), w) / 2
    assert float(objective.detach()) == pytest.approx(problem.objective(network))
    grads = torch.autograd.grad(objective, [layer.weight for layer in network.all_layers])
    flat = torch.cat([g.permute(0, 2, 1)[m.permute(0, 2, 1)] for g, m in zip(grads, active, strict=True)])
    torch.testing.assert_close(gradient, flat)


def test_the_normal_matrix_is_the_gauss_newton_matrix_of_the_softmax() -> None:
    problem = problem_of("softmax", 3, Penalty())
    network = network_of(3, direct=False)
    active = [layer.trainable_mask().unsqueeze(1).expand_as(layer.weight) for layer in network.all_layers]
    with torch.no_grad():
        matrix, _ = _normal_equations(network, problem, active)
    outputs = network(problem.x)
    share = problem.row_weights / problem.row_weights.sum()
    expected = torch.zeros_like(matrix)
    for row in range(len(outputs)):
        jacobian = torch.stack([_flat_gradient(network, outputs[row, c], active) for c in range(3)])
        p = torch.softmax(outputs[row], 0).detach()
        expected += share[row] * jacobian.T @ (torch.diag(p) - torch.outer(p, p)) @ jacobian
    torch.testing.assert_close(matrix, expected)


def _flat_gradient(network: KAN, value: torch.Tensor, active: list[torch.Tensor]) -> torch.Tensor:
    grads = torch.autograd.grad(value, [layer.weight for layer in network.all_layers], retain_graph=True)
    return torch.cat([g.permute(0, 2, 1)[m.permute(0, 2, 1)] for g, m in zip(grads, active, strict=True)])


def test_blocks_of_rows_add_up_to_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, network = problem_of("squared", 2, Penalty()), network_of(2, direct=True)
    active = [layer.trainable_mask().unsqueeze(1).expand_as(layer.weight) for layer in network.all_layers]
    with torch.no_grad():
        whole = _normal_equations(network, problem, active)
        monkeypatch.setattr("kan_engine.levenberg_marquardt.BLOCK_BYTES", 1)
        blocked = _normal_equations(network, problem, active)
    torch.testing.assert_close(blocked, whole)


def test_pruned_and_symbolic_edges_are_not_trained() -> None:
    problem, network = problem_of("squared", 1, Penalty()), network_of(1, direct=False)
    before = network.layers[0].weight.detach().clone()
    step_(network, problem, Damping(), problem.objective(network))
    assert torch.equal(network.layers[0].weight[0, :, 1], before[0, :, 1])
    assert torch.equal(network.layers[0].weight[1, :, 2], before[1, :, 2])
    assert not torch.equal(network.layers[0].weight, before)


def test_a_network_at_its_minimum_takes_no_step() -> None:
    network = KAN(KANConfig(width=(1, 1), grid_size=2))
    x = torch.linspace(-1, 1, 20, dtype=torch.float64)[:, None]
    ones = torch.ones(20, dtype=torch.float64)
    problem = Problem(
        x=x,
        targets=torch.zeros(20, 1, dtype=torch.float64),
        row_weights=ones,
        loss="squared",
        penalty=Penalty(),
    )
    assert step_(network, problem, Damping(), problem.objective(network)) is None


def test_a_network_without_live_splines_takes_no_step() -> None:
    problem, network = problem_of("squared", 1, Penalty()), network_of(1, direct=False)
    for layer in network.all_layers:
        layer.mask[:] = False
    assert step_(network, problem, Damping(), problem.objective(network)) is None


def test_targets_that_are_no_numbers_allow_no_step() -> None:
    problem, network = problem_of("squared", 1, Penalty()), network_of(1, direct=False)
    problem.targets[0] = float("nan")
    before = network.layers[1].weight.detach().clone()
    assert step_(network, problem, Damping(), 1.0) is None
    assert torch.equal(network.layers[1].weight, before)


def test_damping_grows_while_steps_fail_and_is_held_in_bounds_afterwards() -> None:
    problem, network = problem_of("squared", 1, Penalty()), network_of(1, direct=False)
    before = [layer.weight.detach().clone() for layer in network.all_layers]
    damping = Damping(value=1e10)
    assert step_(network, problem, damping, objective=0.0, tries=100) is None  # nothing is below 0
    assert (damping.value, damping.growth) == (1.0, 2.0)
    assert all(torch.equal(layer.weight, old) for layer, old in zip(network.all_layers, before, strict=True))


def test_damping_falls_after_a_step_that_did_what_was_expected() -> None:
    problem, network = problem_of("squared", 1, Penalty(ridge=1e-3)), network_of(1, direct=False)
    damping = Damping(value=10.0, growth=16.0)
    step_(network, problem, damping, problem.objective(network))
    assert damping.value < 10.0
    assert damping.growth == 2.0


def test_a_matrix_that_cannot_be_factored_is_damped_more(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, network = problem_of("squared", 1, Penalty(ridge=1e-3)), network_of(1, direct=False)
    tried, factor = [], torch.linalg.cholesky_ex

    def fail_once(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        tried.append(matrix.diagonal().sum())
        return factor(-matrix if len(tried) == 1 else matrix)

    monkeypatch.setattr("torch.linalg.cholesky_ex", fail_once)
    assert step_(network, problem, Damping(value=1.0), problem.objective(network)) is not None
    assert tried[1] > tried[0]


def test_a_smoothness_penalty_charges_second_differences_of_the_spline_only() -> None:
    network = KAN(KANConfig(width=(1, 1), grid_size=4))
    matrix = Penalty(smoothness=2.0).matrix(network.layers[0])
    line = torch.arange(8, dtype=torch.float64)  # the last weight is the base function's
    kink = torch.zeros(8, dtype=torch.float64)
    kink[3] = 1.0
    assert float(line @ matrix @ line) == pytest.approx(0)
    assert float(kink @ matrix @ kink) == pytest.approx(2.0 * (1 + 4 + 1))
