"""Least squares with a banded normal matrix.

The unknowns form a sequence. A row involves only neighbouring ones, and those of the *border*, which all rows
may involve. Without the border JᵀJ is 0 farther than the bandwidth from its diagonal, and so is its Cholesky
factor (Golub and Van Loan, Matrix Computations, section 4.3). Memory and time are therefore linear in the
length of the sequence, not quadratic or cubic.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.linalg import LinAlgError, cho_factor, cho_solve, cholesky_banded
from scipy.linalg.lapack import dtbtrs
from torch import Tensor


@dataclass
class BandedNormalEquations:
    """Normal equations (H + μ·diag H) s = -g with H = JᵀJ and g = Jᵀr; they can be solved once.

    The columns of [r J] are numbered: the residuals r are 0, then follow the border and the sequence.

    Args:
        border: Number of unknowns that all rows may involve.
        sequence: Number of the other ones.
        bandwidth: Largest distance of two of these that a row involves.
    """

    border: int
    sequence: int
    bandwidth: int
    _entries: Float[Tensor, " entries"] = field(init=False)

    def __post_init__(self) -> None:
        """Start without rows."""
        columns = 1 + self.border
        size = columns * (columns + self.sequence) + self.sequence * (self.bandwidth + 1)
        self._entries = torch.zeros(size, dtype=torch.float64)

    def add_squares(
        self, squares: Float[Tensor, "cells terms terms"], columns: Int[Tensor, "cells terms"]
    ) -> None:
        """Add [r J]ᵀ[r J], cell by cell; all rows of a cell involve the same unknowns.

        Args:
            squares: The products of each cell.
            columns: The column of each term, in any order; one may occur twice.
        """
        # Only entries on and below the diagonal are kept, column by column: first the whole columns of r and
        # the border, then those of the sequence as far as the band reaches. Both entries of a pair of terms
        # are added to the lower one.
        first, size = 1 + self.border, 1 + self.border + self.sequence
        start = torch.where(
            columns < first, columns * size, columns * self.bandwidth + first * (size - 1 - self.bandwidth)
        )
        flat = torch.minimum(start[:, :, None], start[:, None, :])
        flat += torch.maximum(columns[:, :, None], columns[:, None, :])
        self._entries.index_add_(0, flat.reshape(-1), squares.reshape(-1))

    def solve(self, damping: float) -> Float[np.ndarray, " unknowns"]:
        """Return s, first of the border, then of the sequence.

        Raises:
            IndefiniteMatrix: The damping μ is too weak.
        """
        factor, half, complement, _ = self._eliminate(damping)
        try:
            border = -cho_solve(cho_factor(complement[1:, 1:], lower=True), complement[1:, 0])
        except LinAlgError as error:
            raise IndefiniteMatrix from error
        sequence, _ = dtbtrs(factor, -half @ np.append(1.0, border), uplo="L", trans="T")
        return np.append(border, sequence)

    def border_information(self) -> tuple[Float[np.ndarray, "border border"], Float[np.ndarray, " border"]]:
        """Schur complement of the border without damping, and the border's diagonal of H.

        The complement is accurate to ``RELATIVE_PIVOT_SHIFT`` times that diagonal.
        """
        _, _, complement, diagonal = self._eliminate(0.0)
        return complement[1:, 1:], diagonal

    def _eliminate(
        self, damping: float
    ) -> tuple[
        Float[np.ndarray, "band sequence"],
        Float[np.ndarray, "sequence columns"],
        Float[np.ndarray, "columns columns"],
        Float[np.ndarray, " border"],
    ]:
        """Factorise the sequence's part of H as LLᵀ in place.

        Returns:
            L; L⁻¹ times the other columns; their Schur complement; the border's diagonal of H.
        """
        first = 1 + self.border
        # Entries off the diagonal were added twice
        entries = self._entries.div_(2).numpy()
        whole, band = np.split(entries, [first * (first + self.sequence)])
        whole, band = whole.reshape(first, -1), band.reshape(self.sequence, -1)
        band[:, 0] *= 2
        corner = whole[:, :first] + whole[:, :first].T
        diagonal = np.append(corner.diagonal()[1:], band[:, 0])
        # A shift of the size of rounding errors gives unknowns without effect a positive pivot
        shifts = (damping + RELATIVE_PIVOT_SHIFT) * diagonal + ABSOLUTE_PIVOT_SHIFT * diagonal.max()
        corner += np.diag(np.append(0.0, shifts[: self.border]))
        band[:, 0] += shifts[self.border :]
        if not (np.isfinite(shifts).all() and np.isfinite(whole).all()):
            raise IndefiniteMatrix
        try:
            factor = cholesky_banded(band.T, overwrite_ab=True, lower=True, check_finite=False)
        except LinAlgError as error:
            raise IndefiniteMatrix from error
        half, _ = dtbtrs(factor, whole[:, first:].T, uplo="L")
        return factor, half, corner - half.T @ half, diagonal[: self.border]


# Times each diagonal entry, times the largest one: unknowns without effect stay eliminable
RELATIVE_PIVOT_SHIFT, ABSOLUTE_PIVOT_SHIFT = 4e-16, 1e-30


class IndefiniteMatrix(Exception):
    """The matrix is indefinite because of rounding errors; increase the damping."""
