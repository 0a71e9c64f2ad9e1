"""Losses against torch's own, and their derivatives against autograd."""

import pytest
import torch

from kan_engine.training.losses import gradient_and_root, loss_per_row

CASES: list[tuple[str, int]] = [("squared", 2), ("logistic", 1), ("softmax", 3)]


def outputs_and_targets(kind: str, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(6, count, dtype=torch.float64, generator=generator)
    if kind == "squared":
        return outputs, torch.randn(6, count, dtype=torch.float64, generator=generator)
    return outputs, torch.randint(0, max(count, 2), (6, 1), generator=generator).double()


def test_the_squared_loss_is_half_the_squared_error() -> None:
    values = loss_per_row("squared", torch.tensor([[3.0, 1.0]]), torch.tensor([[1.0, 2.0]]))
    assert values.tolist() == [(4 + 1) / 2]


@pytest.mark.parametrize("target", [0.0, 1.0])
@pytest.mark.parametrize("logit", [-800.0, 0.3, 800.0])  # exp would overflow at 800
def test_the_logistic_loss_is_binary_cross_entropy(logit: float, target: float) -> None:
    outputs, targets = (
        torch.tensor([[logit]], dtype=torch.float64),
        torch.tensor([[target]], dtype=torch.float64),
    )
    expected = torch.nn.functional.binary_cross_entropy_with_logits(outputs, targets, reduction="none")
    torch.testing.assert_close(loss_per_row("logistic", outputs, targets), expected[:, 0])


def test_the_softmax_loss_is_minus_the_logarithm_of_the_right_class() -> None:
    outputs, targets = outputs_and_targets("softmax", 3)
    p = torch.softmax(outputs, 1)[torch.arange(6), targets[:, 0].long()]
    torch.testing.assert_close(loss_per_row("softmax", outputs, targets), -p.log())


@pytest.mark.parametrize(("kind", "count"), CASES)
def test_the_gradient_equals_that_of_autograd(kind: str, count: int) -> None:
    outputs, targets = outputs_and_targets(kind, count)
    first, _ = gradient_and_root(kind, outputs, targets)
    outputs.requires_grad_()
    (expected,) = torch.autograd.grad(loss_per_row(kind, outputs, targets).sum(), outputs)
    torch.testing.assert_close(first, expected)


@pytest.mark.parametrize(("kind", "count"), CASES)
def test_the_root_squares_to_the_hessian(kind: str, count: int) -> None:
    outputs, targets = outputs_and_targets(kind, count)
    _, root = gradient_and_root(kind, outputs, targets)
    for row in range(len(outputs)):
        one = targets[row : row + 1]
        hessian = torch.autograd.functional.hessian(
            lambda f, one=one: loss_per_row(kind, f[None], one).sum(), outputs[row]
        )
        torch.testing.assert_close(root[row].T @ root[row], hessian)
