"""Least squares with a banded normal matrix equal those of the whole matrix."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kan_engine.numerics.banded_least_squares import BandedNormalEquations, IndefiniteMatrix

REACH = 6  # neighbouring unknowns that a row involves


def equations_of(
    cells: list[tuple[list[int], np.ndarray]], border: int, sequence: int
) -> BandedNormalEquations:
    """The normal equations of cells: the columns of their terms after the residuals, and their rows [r J]."""
    equations = BandedNormalEquations(border, sequence, REACH - 1)
    for columns, rows in cells:
        squares = torch.from_numpy(rows.T @ rows)
        equations.add_squares(squares[None], torch.tensor([[0, *columns]]))
    return equations


def random_cells(seed: int, border: int, sequence: int) -> list[tuple[list[int], np.ndarray]]:
    """Rows for every window of neighbours, with their terms in any order."""
    random = np.random.default_rng(seed)
    cells = []
    for first in range(1 + border, 2 + border + sequence - REACH):
        columns = random.permutation([*range(1, 1 + border), *range(first, first + REACH)])
        cells.append((columns.tolist(), random.normal(size=(15, 1 + len(columns)))))
    return cells


@given(
    st.integers(0, 2**31), st.integers(REACH, 28), st.integers(0, 3), st.sampled_from([0.0, 1e-3, 1.0, 100.0])
)
def test_banded_equations_have_the_solution_of_the_whole_matrix(
    seed: int, sequence: int, border: int, damping: float
) -> None:
    cells = random_cells(seed, border, sequence)
    whole, slopes = np.zeros((border + sequence,) * 2), np.zeros(border + sequence)
    for columns, rows in cells:
        at = np.array(columns) - 1
        whole[np.ix_(at, at)] += rows[:, 1:].T @ rows[:, 1:]
        slopes[at] += rows[:, 1:].T @ rows[:, 0]
    found = equations_of(cells, border, sequence).solve(damping)
    # Conditions of these matrices are below 1e5; rounding is 1e-16 times that.
    expected = np.linalg.solve(whole + damping * np.diag(np.diag(whole)), -slopes)
    np.testing.assert_allclose(found, expected, 1e-8, 1e-10)


@given(st.integers(0, 2**31), st.integers(REACH, 28))
def test_information_about_the_border_is_the_inverse_of_its_covariance(seed: int, sequence: int) -> None:
    border, cells = 2, random_cells(seed, 2, sequence)
    whole = np.zeros((border + sequence,) * 2)
    for columns, rows in cells:
        at = np.array(columns) - 1
        whole[np.ix_(at, at)] += rows[:, 1:].T @ rows[:, 1:]
    information, diagonal = equations_of(cells, border, sequence).border_information()
    np.testing.assert_allclose(
        np.linalg.inv(information), np.linalg.inv(whole)[:border, :border], 1e-8, 1e-10
    )
    np.testing.assert_allclose(diagonal, np.diag(whole)[:border])


def test_unknowns_that_occur_twice_in_a_cell_add_up() -> None:
    rows = np.array([[1.0, 1.0, 0.0, 0.0], [2.0, 0.0, 1.0, 0.0], [2.0, 0.0, 0.0, 2.0], [3.0, 1.0, 1.0, 0.0]])
    found = equations_of([([1, 1, 2], rows)], 0, REACH).solve(0.0)
    matrix = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0], [2.0, 0.0]])
    expected = np.linalg.lstsq(matrix, -rows[:, 0])[0]
    np.testing.assert_allclose(found, [*expected, 0, 0, 0, 0], atol=1e-14)


def test_an_unknown_without_effect_stays_where_it_is() -> None:
    found = equations_of([([2], np.array([[4.0, 2.0]]))], 0, REACH).solve(0.0)
    np.testing.assert_allclose(found, [0.0, -2.0, 0.0, 0.0, 0.0, 0.0])


@pytest.mark.parametrize("value", [-1.0, np.nan])
@pytest.mark.parametrize("column", [1, 2])  # of the border, of the sequence
def test_what_is_not_definite_is_refused(value: float, column: int) -> None:
    equations = BandedNormalEquations(border=1, sequence=1, bandwidth=0)
    for number, square in ((1, 1.0), (2, 1.0), (column, value - 1.0)):
        squares = torch.tensor([[[0.0, 0.0], [0.0, square]]], dtype=torch.float64)
        equations.add_squares(squares, torch.tensor([[0, number]]))
    with pytest.raises(IndefiniteMatrix):
        equations.solve(0.0)


def test_a_gradient_that_is_not_finite_is_refused() -> None:
    equations = equations_of([([1, 2], np.eye(3)), ([1, 2], np.array([[np.nan, 0.0, 0.0]]))], 1, REACH)
    with pytest.raises(IndefiniteMatrix):
        equations.solve(0.0)
