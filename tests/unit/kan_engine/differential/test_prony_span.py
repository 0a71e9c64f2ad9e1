"""Exponentials, oscillations and powers in the span of functions that are known only as sums of these."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kan_engine.differential.prony_span import Wave, waves_in_span
from kan_engine.differential.thresholds import DEFAULT_SOLUTION_LAWS

PLACES = np.random.default_rng(0).uniform(-1.0, 2.0, 100)
ATOMS = {
    "1": (PLACES**0, {(0j, 0, "")}),
    "x": (PLACES, {(0j, 1, "")}),
    "x^3": (PLACES**3, {(0j, 3, "")}),
    "exp": (np.exp(-2 * PLACES), {(-2 + 0j, 0, "")}),
    "steep": (np.exp(15 * PLACES), {(15 + 0j, 0, "")}),
    "x exp": (PLACES * np.exp(PLACES), {(1 + 0j, 1, "")}),
    "wave": (np.sin(7 * PLACES + 1), {(7j, 0, "cos"), (7j, 0, "sin")}),
    "faster": (np.cos(12 * PLACES), {(12j, 0, "cos"), (12j, 0, "sin")}),
}


# Rates up to a little beyond those of the atoms: most time goes into those that are tried.
NO_FASTER = replace(DEFAULT_SOLUTION_LAWS, oscillation_rates=(0.2, 40.0, 0.1))


def close(found: list[Wave]) -> set[Wave]:
    """Rates without what rounding makes of them."""
    return {(complex(round(r.real, 5), round(r.imag, 5)) + 0j, power, wave) for r, power, wave in found}


@settings(max_examples=12)
@given(st.sets(st.sampled_from(sorted(ATOMS)), min_size=2, max_size=4), st.integers(0, 2**32 - 1))
def test_what_was_mixed_is_found_again(names: set[str], seed: int) -> None:
    columns = np.stack([ATOMS[name][0] / np.abs(ATOMS[name][0]).max() for name in sorted(names)], 1)
    turned = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(names),) * 2))[0]
    expected = set[Wave]().union(*(ATOMS[name][1] for name in names))
    assert close(waves_in_span(columns @ turned, PLACES, NO_FASTER)) == expected


def test_both_parts_of_an_oscillation_are_two_functions() -> None:
    pair = np.stack([np.sin(3 * PLACES), np.cos(3 * PLACES), PLACES**2], 1)
    assert close(waves_in_span(pair, PLACES, NO_FASTER)) == {(0j, 2, ""), (3j, 0, "cos"), (3j, 0, "sin")}


@pytest.mark.parametrize("other", [np.log(PLACES + 2), 1 / (PLACES + 2), np.abs(PLACES)])
def test_nothing_is_found_where_a_function_is_of_another_kind(other: np.ndarray) -> None:
    assert waves_in_span(np.stack([PLACES, other], 1), PLACES, NO_FASTER) == []
