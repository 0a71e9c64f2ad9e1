"""Calibration finds the map that was put on the logits, undoes class weights, and keeps its head."""

import numpy as np
import pytest
import torch

from kan_engine.errors import InvalidConfig
from kan_engine.inference.calibration import (
    Calibration,
    apply_calibration_,
    calibrate_,
    fit_calibration,
    rescale_outputs_,
    to_logits,
)
from kan_engine.inference.thresholds import DEFAULT_INFERENCE
from kan_engine.network.kan import KAN, KANConfig, initialise_
from tests.support.engine.networks import random_network, uniform_rows

ROWS = 4_000


def drawn(classes: int, rows: int = ROWS, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits, and classes drawn with the probabilities that these logits say; the first logit is 0."""
    generator = torch.Generator().manual_seed(seed)
    logits = 1.5 * torch.randn(rows, classes, generator=generator, dtype=torch.float64)
    logits[:, 0] = 0.0
    return logits, torch.multinomial(torch.softmax(logits, 1), 1, generator=generator)[:, 0]


def fitted(logits: torch.Tensor, codes: torch.Tensor, weights: torch.Tensor | None = None) -> Calibration:
    weights = torch.ones(len(codes), dtype=torch.float64) if weights is None else weights
    return fit_calibration(
        logits,
        codes,
        weights,
        prior=torch.zeros(logits.shape[1], dtype=torch.float64),
        thresholds=DEFAULT_INFERENCE,
    )


def log_loss(logits: torch.Tensor, codes: torch.Tensor) -> float:
    return float(torch.nn.functional.cross_entropy(logits, codes))


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("scale", [0.4, 3.0])
def test_a_scale_that_was_put_on_the_logits_is_taken_off(classes: int, scale: float) -> None:
    logits, codes = drawn(classes)
    found = fitted(scale * logits, codes)
    assert found.scale * scale == pytest.approx(1, abs=0.1)  # standard error of a slope: 0.03


def test_shifts_of_classes_are_taken_off() -> None:
    logits, codes = drawn(3)
    shift = torch.tensor([0.0, 1.0, -1.0], dtype=torch.float64)
    found = fitted(logits + shift, codes)
    assert (found.shift - found.shift[0]).tolist() == pytest.approx([0, -1, 1], abs=0.15)


@pytest.mark.parametrize("classes", [2, 4])
def test_probabilities_that_are_right_stay_nearly_as_they_are(classes: int) -> None:
    logits, codes = drawn(classes)
    fresh, fresh_codes = drawn(classes, seed=1)
    assert log_loss(fitted(logits, codes)(fresh), fresh_codes) < log_loss(fresh, fresh_codes) + 1e-3


def test_the_fit_is_a_stationary_point_of_loss_and_prior() -> None:
    logits, codes = drawn(3)
    found = fitted(5 * logits + torch.tensor([0.0, 2.0, 0.0]).double(), codes)
    u = torch.tensor(found.scale, dtype=torch.float64).log().requires_grad_()
    b = found.shift.clone().requires_grad_()
    outputs = 5 * logits + torch.tensor([0.0, 2.0, 0.0]).double()
    loss = torch.nn.functional.cross_entropy(
        u.exp() * outputs + b, codes, reduction="sum", label_smoothing=1 / (ROWS + 1)
    )
    of_scale, of_shift = DEFAULT_INFERENCE.log_scale_deviation, DEFAULT_INFERENCE.shift_deviation
    (loss + (u / of_scale).square() / 2 + (b / of_shift).square().sum() / 2).backward()  # type: ignore[no-untyped-call]
    assert u.grad is not None
    assert b.grad is not None
    assert torch.cat([u.grad[None], b.grad]).abs().max() < 0.02  # its Newton step would gain 1e-6 nats


def test_only_ratios_of_weights_matter() -> None:
    logits, codes = drawn(2, rows=200)
    weights = torch.rand(200, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    one, other = fitted(3 * logits, codes, weights), fitted(3 * logits, codes, 1e6 * weights)
    assert one.scale == pytest.approx(other.scale, rel=1e-6)


def test_rows_without_weight_do_not_count() -> None:
    logits, codes = drawn(2)
    weights = torch.ones(ROWS, dtype=torch.float64)
    weights[::2] = 0.0
    codes = torch.where(weights > 0, codes, 1 - codes)
    assert fitted(2 * logits, codes, weights).scale == pytest.approx(0.5, abs=0.07)


@pytest.mark.parametrize("rows", [2, 5, 30, 1000])
@pytest.mark.parametrize("size", [0.1, 1.0, 50.0])
def test_rows_that_are_told_apart_perfectly_make_no_more_certain_than_they_are_many(
    rows: int, size: float
) -> None:
    codes = torch.arange(rows) % 2
    logits = torch.stack([torch.zeros(rows).double(), size * (2 * codes - 1).double()], 1)
    doubt = 1 - torch.softmax(fitted(logits, codes)(logits), 1).max(1).values
    assert doubt.min() > min(1e-3, 0.05 / rows)


def test_logits_that_are_worse_than_none_shrink_but_keep_their_order() -> None:
    logits, codes = drawn(2)
    assert 0 < fitted(-logits, codes).scale < 0.1


@pytest.mark.parametrize("classes", [2, 3])
def test_what_classes_weighed_in_training_is_taken_off(classes: int) -> None:
    width = (1, 1 if classes == 2 else classes)
    network = KAN(KANConfig(width=width))
    initialise_(network, torch.Generator().manual_seed(0), noise=1.0)
    generator = torch.Generator().manual_seed(1)
    x = 2 * torch.rand(ROWS, 1, generator=generator, dtype=torch.float64) - 1
    with torch.no_grad():
        outputs = 3 * network(x)
    logits = torch.cat([torch.zeros_like(outputs), outputs], 1) if classes == 2 else outputs
    codes = torch.multinomial(torch.softmax(logits, 1), 1, generator=generator)[:, 0]
    weights = torch.tensor([4.0, 1.0, 0.5], dtype=torch.float64)[:classes]
    bend = weights.log()
    # What weighted training tends to
    rescale_outputs_(network, 3.0, bend[1:] - bend[0] if classes == 2 else bend)
    ones = torch.ones(ROWS, dtype=torch.float64)
    calibrate_(network, x, codes, weights=ones, class_weights=weights, thresholds=DEFAULT_INFERENCE)
    with torch.no_grad():
        np.testing.assert_allclose(
            (network(x) - network(x)[:1]).numpy(), (outputs - outputs[:1]).numpy(), atol=0.3
        )
        got = torch.softmax(
            torch.cat([torch.zeros_like(outputs), network(x)], 1) if classes == 2 else network(x), 1
        )
    assert (got - torch.softmax(logits, 1)).abs().max() < 0.05


def test_an_output_without_an_edge_cannot_be_shifted() -> None:
    network = KAN(KANConfig(width=(2, 2)))
    network.stack[0].mask[:, 1] = False
    with pytest.raises(InvalidConfig, match="output 1 has no live edge"):
        rescale_outputs_(network, 1.0, torch.tensor([0.0, 1.0]).double())


def test_a_shift_is_carried_by_a_direct_edge_where_no_other_is_left() -> None:
    network = KAN(KANConfig(width=(2, 2, 1), direct=True))
    network.stack[-1].mask[:] = False
    rescale_outputs_(network, 1.0, torch.tensor([0.5]).double())
    x = torch.tensor([[0.2, -0.3], [9.0, -9.0]]).double()
    assert network(x)[:, 0].tolist() == pytest.approx([0.5, 0.5])


def test_rows_are_evaluated_block_by_block_and_the_result_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codes = drawn(2, rows=300)[1]
    x = torch.linspace(-1, 1, 600, dtype=torch.float64).view(300, 2)

    def calibrated() -> Calibration:
        network = KAN(KANConfig(width=(2, 1)))
        initialise_(network, torch.Generator().manual_seed(0))
        ones = torch.ones(300, dtype=torch.float64)
        return calibrate_(
            network, x, codes, weights=ones, class_weights=ones[:2], thresholds=DEFAULT_INFERENCE
        )

    whole = calibrated()
    monkeypatch.setattr("kan_engine.network.row_blocks.FEATURE_BYTES", 10_000)
    assert calibrated().scale == pytest.approx(whole.scale, rel=1e-9)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_calibration_that_was_put_into_a_network_gives_its_probabilities(outputs: int, groups: int) -> None:
    network, x = random_network((2, 4, outputs), groups=groups), uniform_rows(30, 2)
    shift = torch.tensor([0.5, -1.0, 0.2][: max(2, outputs)], dtype=torch.float64)
    calibration = Calibration(0.7, shift)
    wanted = torch.softmax(calibration(to_logits(network(x))), 1)
    apply_calibration_(network, calibration)
    torch.testing.assert_close(torch.softmax(to_logits(network(x)), 1), wanted)


def test_a_calibration_that_changes_nothing_leaves_the_network_as_it_is() -> None:
    network, x = random_network((2, 3, 1)), uniform_rows(30, 2)
    before = network(x)
    apply_calibration_(network, Calibration(1.0, torch.zeros(2, dtype=torch.float64)))
    assert torch.equal(network(x), before)
