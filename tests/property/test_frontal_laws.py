"""Least squares by a front equal those of the whole matrix."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kan_engine.numerics.frontal_solver import Front, IndefiniteMatrix

BLOCK, REACH = 2, 3  # unknowns of a block, blocks that a row touches


def banded(seed: int, blocks: int, border: int) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """For every window of blocks its first block, rows over its unknowns and the border, and their values."""
    random = np.random.default_rng(seed)
    return [
        (first, random.normal(size=(15, BLOCK * REACH + border)), random.normal(size=15))
        for first in range(blocks - REACH + 1)
    ]


def by_front(
    parts: list[tuple[int, np.ndarray, np.ndarray]], blocks: int, border: int, stride: int, damping: float
) -> np.ndarray:
    width = min(stride - 1 + REACH, blocks)
    front, start = Front(BLOCK, width, border, damping), 0
    for first, jacobian, residuals in parts:
        if first == start + stride:
            front.advance(stride)
            start = first
        rows = torch.from_numpy(jacobian)
        inner = torch.arange(BLOCK * REACH) + (first - start) * BLOCK
        places = torch.cat([inner, torch.arange(border) + BLOCK * width])
        front.add_squares((rows.T @ rows)[None], (rows.T @ torch.from_numpy(residuals))[None], places[None])
    return front.solve(blocks - start).numpy()


def by_all(
    parts: list[tuple[int, np.ndarray, np.ndarray]], blocks: int, border: int, damping: float
) -> np.ndarray:
    """(H + μ·diag H) s = -g with all of H at hand."""
    size = BLOCK * blocks + border
    whole, slopes = np.zeros((size, size)), np.zeros(size)
    for first, jacobian, residuals in parts:
        inner = np.arange(BLOCK * REACH) + first * BLOCK
        at = np.concatenate([inner, np.arange(border) + BLOCK * blocks])
        whole[np.ix_(at, at)] += jacobian.T @ jacobian
        slopes[at] += jacobian.T @ residuals
    return np.linalg.solve(whole + damping * np.diag(np.diag(whole)), -slopes)


@given(
    st.integers(0, 2**31),
    st.integers(REACH, 14),
    st.integers(0, 3),
    st.integers(1, 14),
    st.sampled_from([0.0, 1e-3, 1.0, 100.0]),
)
def test_a_front_finds_what_the_whole_matrix_gives_whatever_it_eliminates_at_a_time(
    seed: int, blocks: int, border: int, stride: int, damping: float
) -> None:
    parts = banded(seed, blocks, border)
    found = by_front(parts, blocks, border, stride, damping)
    # Conditions of these matrices are below 1e5; rounding is 1e-16 times that.
    np.testing.assert_allclose(found, by_all(parts, blocks, border, damping), 1e-8, 1e-10)


def test_unknowns_that_occur_twice_in_a_cell_add_up() -> None:
    front = Front(1, 2, 0, 0.0)
    squares = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 2.0]]], dtype=torch.float64)
    slopes = torch.tensor([[1.0, 2.0, 4.0]], dtype=torch.float64)
    front.add_squares(squares, slopes, torch.tensor([[0, 0, 1]]))
    np.testing.assert_allclose(front.solve(2), [-1.5, -2.0])


def test_an_unknown_without_effect_stays_where_it_is() -> None:
    front = Front(1, 2, 0, 0.0)
    front.add_squares(
        torch.tensor([[[4.0]]], dtype=torch.float64),
        torch.tensor([[8.0]], dtype=torch.float64),
        torch.tensor([[1]]),
    )
    np.testing.assert_allclose(front.solve(2), [0.0, -2.0])


def test_what_is_not_definite_is_refused() -> None:
    front = Front(1, 1, 0, 0.0)
    front.add_squares(
        torch.tensor([[[-1.0]]], dtype=torch.float64),
        torch.tensor([[1.0]], dtype=torch.float64),
        torch.tensor([[0]]),
    )
    with pytest.raises(IndefiniteMatrix):
        front.solve(1)
