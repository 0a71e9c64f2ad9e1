"""Networks of one shape that are fitted at once: each as if it were alone."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from kan_engine.bundle import Bundle, Terms, curve_through, fitted, network_of, outputs, started
from kan_engine.spline import extend_knots, uniform_grid
from tests.networks import uniform_rows

ROWS, INPUTS, STARTS = 120, 2, 4
X = uniform_rows(ROWS, INPUTS)
WEIGHTS = torch.linspace(0.5, 2.0, ROWS, dtype=torch.float64)
SINE = torch.sin(2 * X[:, 0] + X[:, 1] ** 2)


def terms_of(x: torch.Tensor, order: int = 3) -> Terms:
    low = torch.full((INPUTS,), -1.01, dtype=torch.float64)
    return Terms.of(x, extend_knots(uniform_grid(low, -low, 6), order), order)


def start(*, direct: bool, order: int = 3) -> tuple[Bundle, Terms]:
    terms = terms_of(X, order)
    curves = curve_through(terms, X).repeat(STARTS, 1, 1)
    return started(terms, curves, torch.Generator().manual_seed(0), direct=direct), terms


def fit(bundle: Bundle, terms: Terms, *, targets: torch.Tensor = SINE, steps: int = 10) -> Bundle:
    repeated = targets.expand(len(bundle.constant), ROWS)
    return fitted(bundle, terms, repeated, WEIGHTS, steps=steps, rounds=2)


def loss_of(bundle: Bundle, terms: Terms) -> torch.Tensor:
    return ((outputs(bundle, terms) - SINE).square() * WEIGHTS).sum(1) / WEIGHTS.sum()


def alone(bundle: Bundle, place: int) -> Bundle:
    parts = {field.name: getattr(bundle, field.name)[place : place + 1] for field in fields(bundle)}
    return Bundle(**parts)


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("order", [2, 3])
def test_a_network_of_a_bundle_is_a_kan(direct: bool, order: int) -> None:
    bundle, terms = start(direct=direct, order=order)
    bundle = fit(bundle, terms, steps=3)
    fresh = uniform_rows(30, INPUTS, seed=1)
    expected = outputs(bundle, terms_of(fresh, order))
    for place in range(STARTS):
        torch.testing.assert_close(network_of(bundle, place, terms)(fresh)[:, 0], expected[place])


def test_every_network_is_fitted_as_if_it_were_alone() -> None:
    bundle, terms = start(direct=True)
    together = fit(bundle, terms)
    for place in range(STARTS):
        by_itself = fit(alone(bundle, place), terms)
        expected = outputs(by_itself, terms)[0]  # coefficients may differ where they hardly matter
        torch.testing.assert_close(outputs(together, terms)[place], expected, atol=1e-6, rtol=1e-6)


def test_more_steps_never_raise_the_loss() -> None:
    bundle, terms = start(direct=False)
    losses = [loss_of(fit(bundle, terms, steps=steps), terms) for steps in (1, 3, 9)]
    assert bool((losses[0] >= losses[1]).all())
    assert bool((losses[1] >= losses[2]).all())


def test_a_function_of_a_sum_is_learnt_from_one_start_or_another() -> None:
    bundle, terms = start(direct=False)
    assert float(loss_of(fit(bundle, terms, steps=40), terms).min()) < 1e-6


def test_each_network_has_targets_of_its_own() -> None:
    bundle, terms = start(direct=True)
    both = torch.stack([X[:, 0], X[:, 1].exp()] * 2)
    torch.testing.assert_close(outputs(fit(bundle, terms, targets=both), terms), both, atol=1e-4, rtol=1e-4)


def test_a_network_that_is_not_a_number_harms_no_other() -> None:
    bundle, terms = start(direct=False)
    whole = outputs(fit(bundle, terms), terms)
    broken = replace(bundle, inner=bundle.inner.clone())
    broken.inner[0] = torch.nan
    np.testing.assert_allclose(outputs(fit(broken, terms), terms)[1:], whole[1:], atol=1e-9)


def test_once_it_is_to_stop_a_fit_takes_no_further_step() -> None:
    bundle, terms = start(direct=False)
    targets, asked = SINE.expand(STARTS, ROWS), []

    def stop() -> bool:
        asked.append(True)
        return True

    fitted(bundle, terms, targets, WEIGHTS, steps=10, rounds=5, should_stop=stop)
    assert len(asked) == 2  # after its first step, and after that round
