"""Networks that are fitted at once: each as if it were alone, and never worse after a step."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from kan_engine.structure.batched_levenberg_marquardt import fit_batch, solve_linear_part, subdivide_grids
from kan_engine.structure.batched_networks import (
    InputTerms,
    NetworkBatch,
    Node,
    compute_outputs,
    forward,
    initialize_networks,
    linear_jacobian,
)
from kan_engine.structure.thresholds import DEFAULT_STRUCTURE
from tests.support.engine.bundles import (
    INPUTS,
    KINDS,
    WEIGHTS,
    X,
    held_at_random,
    random_bundle,
    terms_of,
    with_held_edge,
)

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

ROWS, STARTS = len(X), 8
SINE = torch.sin(2 * X[:, 0] + X[:, 1] ** 2)
TERMS = terms_of(X)


def start(*nodes: Node, direct: bool, count: int = STARTS) -> NetworkBatch:
    return initialize_networks(
        nodes or (Node(),), TERMS, count, torch.Generator().manual_seed(0), direct=direct
    )


def fit(
    bundle: NetworkBatch, *, targets: torch.Tensor = SINE, steps: int = 10, terms: InputTerms = TERMS
) -> NetworkBatch:
    repeated = targets.expand(len(bundle.constant), ROWS)
    return fit_batch(bundle, terms, repeated, WEIGHTS, steps=steps, rounds=2, thresholds=DEFAULT_STRUCTURE)


def loss_of(bundle: NetworkBatch) -> torch.Tensor:
    return ((compute_outputs(bundle, TERMS) - SINE).square() * WEIGHTS).sum(1) / WEIGHTS.sum()


def test_every_network_is_fitted_as_if_it_were_alone() -> None:
    bundle = start(Node(), Node(is_product=True, is_curved=False), direct=True)
    together = fit(bundle)
    for place in range(STARTS):
        # Coefficients may differ where they hardly matter
        expected = compute_outputs(fit(bundle[[place]]), TERMS)[0]
        torch.testing.assert_close(compute_outputs(together, TERMS)[place], expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("node", [Node(), Node(inner="log"), Node(is_product=True)])
def test_more_steps_never_raise_the_loss(node: Node) -> None:
    targets = SINE.expand(STARTS, ROWS)
    fits = [
        fit_batch(
            start(node, direct=False),
            TERMS,
            targets,
            WEIGHTS,
            steps=n,
            rounds=1,
            thresholds=DEFAULT_STRUCTURE,
        )
        for n in (0, 1, 3, 9)
    ]
    losses = [loss_of(bundle) for bundle in fits]
    assert all(bool((after <= before).all()) for before, after in pairwise(losses))
    assert float(losses[-1].min()) < float(losses[0].min())


def test_a_function_of_a_sum_is_learnt_from_one_start_or_another() -> None:
    assert float(loss_of(fit(start(direct=False), steps=40)).min()) < 1e-6


@pytest.mark.parametrize(
    ("node", "target"),
    [
        (Node(inner="line"), torch.exp(X[:, 0] - 0.5 * X[:, 1])),
        (Node(inner="square"), torch.exp(-(X[:, 0] ** 2) - 2 * X[:, 1] ** 2)),
        (Node(inner="log"), (X[:, 0] + 2) ** 2 / (X[:, 1] + 2)),
        (Node(is_product=True, is_curved=False), torch.sin(X[:, 0]) * X[:, 1].exp()),
        (Node(is_product=True, inner="line"), torch.cos((1 + X[:, 0]) * (2 - X[:, 1]))),
    ],
)
def test_a_node_of_the_right_kind_learns_its_law(node: Node, target: torch.Tensor) -> None:
    found = compute_outputs(fit(start(node, direct=False, count=8), targets=target, steps=40), TERMS)
    assert float((found - target).square().mean(1).min()) < 1e-5


def test_each_network_has_targets_of_its_own() -> None:
    both = torch.stack([X[:, 0], X[:, 1].exp()] * (STARTS // 2))
    found = compute_outputs(fit(start(direct=True), targets=both), TERMS)
    torch.testing.assert_close(found, both, atol=1e-4, rtol=1e-4)


def test_rows_count_by_their_weights() -> None:
    weights = torch.where(X[:, 0] > 0, 1.0, 1e-9)
    line = initialize_networks((), TERMS, 1, torch.Generator(), direct=True)
    target = torch.where(X[:, 0] > 0, X[:, 1], 100.0)[None]
    found = compute_outputs(
        fit_batch(line, TERMS, target, weights, steps=0, rounds=1, thresholds=DEFAULT_STRUCTURE), TERMS
    )
    torch.testing.assert_close(found[:, X[:, 0] > 0], target[:, X[:, 0] > 0], atol=1e-3, rtol=0)


@pytest.mark.parametrize("node", [Node(), Node(is_product=True)])
def test_a_network_that_is_not_a_number_harms_no_other(node: Node) -> None:
    bundle = start(node, direct=False)
    whole = compute_outputs(fit(bundle), TERMS)
    broken = replace(bundle, inner=(bundle.inner[0].clone(),))
    broken.inner[0][0] = torch.nan
    np.testing.assert_allclose(compute_outputs(fit(broken), TERMS)[1:], whole[1:], atol=1e-9)


def test_the_coefficients_of_the_output_solve_a_linear_problem() -> None:
    bundle = random_bundle((Node(), Node(is_product=True, is_curved=False)), TERMS)
    root = (WEIGHTS / WEIGHTS.sum()).sqrt()
    after = solve_linear_part(bundle, TERMS, SINE.expand(2, -1), root, ridge=DEFAULT_STRUCTURE.ridge)
    columns = linear_jacobian(after, TERMS, forward(after, TERMS)) * root[:, None]
    residual = (compute_outputs(after, TERMS) - SINE) * root
    assert float((columns.mT @ residual[..., None]).abs().max()) < 1e-6  # but for the ridge
    assert torch.equal(after.flat[:, : after.inner_size], bundle.flat[:, : bundle.inner_size])


def test_a_fit_without_hidden_nodes_needs_no_steps() -> None:
    bundle = initialize_networks((), TERMS, 1, torch.Generator(), direct=True)
    target = X[:, :1].T.exp() + X[:, 1:].T ** 2
    found = fit_batch(bundle, TERMS, target, WEIGHTS, steps=0, rounds=5, thresholds=DEFAULT_STRUCTURE)
    torch.testing.assert_close(compute_outputs(found, TERMS), target, atol=2e-4, rtol=0)


def test_once_it_is_to_stop_a_fit_takes_no_further_step() -> None:
    asked = []

    def stop() -> bool:
        asked.append(True)
        return True

    targets = SINE.expand(STARTS, ROWS)
    fit_batch(
        start(direct=False),
        TERMS,
        targets,
        WEIGHTS,
        steps=10,
        rounds=5,
        should_stop=stop,
        thresholds=DEFAULT_STRUCTURE,
    )
    assert len(asked) == 2  # after its first step, and after that round


def test_a_fit_ends_once_its_steps_gain_nothing_any_more() -> None:
    asked = []

    def keep_on() -> bool:
        asked.append(True)
        return False

    target = (3 * X[:, 0] - X[:, 1])[None]
    fit_batch(
        start(Node(inner="line"), direct=False, count=1),
        TERMS,
        target,
        WEIGHTS,
        steps=500,
        rounds=1,
        should_stop=keep_on,
        thresholds=DEFAULT_STRUCTURE,
    )
    assert len(asked) < 100


@pytest.mark.parametrize("node", KINDS)
def test_on_a_finer_grid_the_curves_that_were_held_still_are(node: Node) -> None:
    bundle = with_held_edge(random_bundle((node,), TERMS), 0, 1)
    fine = subdivide_grids(bundle, TERMS)
    inner = fine.held[: fine.inner_size].view(INPUTS, -1)
    assert inner.all(1).tolist() == [False, True]
    assert not bool(inner[0].any())
    assert not bool(fine.held[fine.inner_size :].any())


def test_a_finer_grid_fits_closer() -> None:
    coarse = fit(start(direct=False), steps=40)
    fine, terms = subdivide_grids(coarse, TERMS), terms_of(X, grid=12)
    found = compute_outputs(fit(fine, steps=20, terms=terms), terms)
    assert float((found - SINE).square().mean(1).min()) < float(loss_of(coarse).min()) / 20


def test_held_outer_coefficients_are_no_unknowns_of_the_linear_problem() -> None:
    bundle = held_at_random(random_bundle((Node(),), TERMS))
    after = solve_linear_part(
        bundle,
        TERMS,
        SINE.expand(2, -1),
        torch.full((ROWS,), ROWS**-0.5, dtype=torch.float64),
        ridge=DEFAULT_STRUCTURE.ridge,
    )
    assert torch.equal(after.flat[:, bundle.held], bundle.flat[:, bundle.held])
