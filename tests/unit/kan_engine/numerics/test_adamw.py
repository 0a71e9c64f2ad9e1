"""AdamW steps as torch's does."""

import pytest
import torch

from kan_engine.numerics.adamw import AdamW

BETAS = 0.9, 0.99
RATES = (1e-2, 3e-2, 1e-2, 2e-3, 1e-4)


def parameters() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((3, 4), (5,))
    return [torch.randn(shape, dtype=torch.float64, generator=generator).requires_grad_() for shape in shapes]


def loss(ps: list[torch.Tensor]) -> torch.Tensor:
    return ps[0].sin().sum() + (ps[1] ** 4).sum() + ps[0].sum() * ps[1].sum()


def take_(steps: AdamW, ps: list[torch.Tensor], rates: tuple[float, ...] = RATES) -> None:
    for rate in rates:
        steps.clear_gradients()
        loss(ps).backward()  # type: ignore[no-untyped-call]
        steps.step_(rate)


@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize("betas", [BETAS, (0.5, 0.999)])
def test_steps_are_those_of_torch(decay: float, betas: tuple[float, float]) -> None:
    own, theirs = parameters(), parameters()
    take_(AdamW(own, decay=decay, betas=betas), own)
    reference = torch.optim.AdamW(theirs, betas=betas, eps=1e-8, weight_decay=decay)
    for rate in RATES:
        reference.param_groups[0]["lr"] = rate
        reference.zero_grad()
        loss(theirs).backward()  # type: ignore[no-untyped-call]
        reference.step()
    torch.testing.assert_close(own, theirs, rtol=1e-12, atol=1e-12)  # the same up to the order of products


def test_a_parameter_without_a_gradient_stays_as_it_is() -> None:
    ps = parameters()
    idle, before = ps[1], ps[1].detach().clone()
    steps = AdamW(ps, decay=0.3, betas=BETAS)
    ps[0].sum().backward()  # type: ignore[no-untyped-call]
    steps.step_(0.1)
    assert torch.equal(idle, before)


def test_gradients_are_forgotten_and_not_added_up() -> None:
    ps = parameters()
    steps = AdamW(ps, decay=0.0, betas=BETAS)
    loss(ps).backward()  # type: ignore[no-untyped-call]
    steps.clear_gradients()
    assert [p.grad for p in ps] == [None, None]
