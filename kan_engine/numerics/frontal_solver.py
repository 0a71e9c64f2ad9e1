"""Least squares with a banded normal matrix, solved while it is assembled.

The unknowns form a sequence of blocks. The rows assembled at one time involve a few neighbouring blocks,
the *front*, which moves along the sequence. A block that no later row involves is eliminated at once by a
Cholesky factorisation (Irons, "A frontal solution program for finite element analysis", 1970). Memory and
time are therefore linear in the length of the sequence, not quadratic or cubic. Unknowns that all rows may
involve form the *border* at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass
class Front:
    """Active part of the normal equations (H + μ·diag H) s = -g.

    Args:
        block: Number of unknowns per block.
        width: Number of blocks in the front.
        border: Number of unknowns that all rows may involve.
        damping: μ.
    """

    block: int
    width: int
    border: int
    damping: float
    matrix: Float[Tensor, "front front"] = field(init=False)
    gradient: Float[Tensor, " front"] = field(init=False)
    _diagonal: Float[Tensor, " front"] = field(init=False)
    _border_diagonal: Float[Tensor, " border"] = field(init=False)
    _done: list[tuple[Tensor, Tensor, Tensor]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        """Start with an empty front."""
        size = self.block * self.width + self.border
        self.matrix = torch.zeros(size, size, dtype=torch.float64)
        self.gradient = torch.zeros(size, dtype=torch.float64)
        self._diagonal = torch.zeros(size, dtype=torch.float64)

    def add_squares(
        self,
        squares: Float[Tensor, "cells terms terms"],
        slopes: Float[Tensor, "cells terms"],
        places: Int[Tensor, "cells terms"],
    ) -> None:
        """Add JᵀJ and Jᵀr, cell by cell; all rows of a cell involve the same unknowns.

        Args:
            squares: JᵀJ of each cell.
            slopes: Jᵀr of each cell.
            places: Index in the front of the unknown of each term; an index may occur twice.
        """
        # Row-major index of every pair of terms: one addition by index assembles all cells, also where a term
        # occurs twice
        flat = places[:, :, None] * len(self.gradient) + places[:, None, :]
        self.matrix.view(-1).index_add_(0, flat.reshape(-1), squares.reshape(-1))
        self.gradient.index_add_(0, places.reshape(-1), slopes.reshape(-1))

    def advance(self, blocks: int) -> None:
        """Eliminate the first ``blocks`` blocks and append as many empty ones at the other end."""
        count, inner = blocks * self.block, self.block * self.width
        self._eliminate(count)
        # The remaining blocks move to the start, the border stays in its place, and all other entries are 0
        ranges = [(slice(count, inner), slice(0, inner - count)), (slice(inner, None), slice(inner, None))]
        before = self.matrix, self.gradient, self._diagonal
        self.matrix, self.gradient, self._diagonal = map(torch.zeros_like, before)
        matrix, gradient, diagonal = before
        for old, new in ranges:
            self.gradient[new], self._diagonal[new] = gradient[old], diagonal[old]
            for old_columns, new_columns in ranges:
                self.matrix[new, new_columns] = matrix[old, old_columns]

    def _eliminate(self, count: int) -> None:
        head, tail = slice(0, count), slice(count, None)
        matrix = self.matrix
        diagonal = (matrix.diagonal() + self._diagonal)[head]
        # A shift of the size of rounding errors gives unknowns without effect a positive pivot
        pivot = matrix[head, head] + torch.diag(
            (self.damping + RELATIVE_PIVOT_SHIFT) * diagonal + ABSOLUTE_PIVOT_SHIFT * diagonal.max()
        )
        factor, info = torch.linalg.cholesky_ex(pivot)
        if info:
            raise IndefiniteMatrix
        below = torch.linalg.solve_triangular(factor, matrix[head, tail], upper=False)  # Lᵀ of the rest
        partial = torch.linalg.solve_triangular(factor, self.gradient[head, None], upper=False)[:, 0]
        before = matrix.diagonal()[tail].clone()
        # Schur complement: normal equations of the remaining unknowns once the eliminated ones minimise the
        # objective
        panel = below.numpy()
        matrix[tail, tail] -= torch.from_numpy(panel.T @ panel)  # NumPy computes half of a symmetric product
        self._diagonal[tail] += before - matrix.diagonal()[tail]  # damping refers to the original diagonal
        self.gradient[tail] -= below.T @ partial
        self._done.append((factor, below, partial))

    def solve(self, blocks: int) -> Float[Tensor, " unknowns"]:
        """Eliminate the remaining blocks and substitute back; return s of all blocks, then of the border."""
        inner, count = self.block * self.width, self.block * blocks
        indices = torch.cat([torch.arange(count), torch.arange(inner, len(self.gradient))])
        self.matrix, self.gradient = self.matrix[indices[:, None], indices], self.gradient[indices]
        self._diagonal = self._diagonal[indices]
        self._border_diagonal = (self.matrix.diagonal() + self._diagonal)[count:]
        self._eliminate(len(indices))
        *earlier, (factor, _, partial) = self._done
        solution = -torch.linalg.solve_triangular(factor.T, partial[:, None], upper=True)[:, 0]
        unknowns, border = solution[:count], solution[count:]
        # Back substitution, from the block eliminated last to the first one
        for factor, below, partial in reversed(earlier):
            tail = torch.cat([unknowns[: below.shape[1] - self.border], border])
            right = -partial - below @ tail
            values = torch.linalg.solve_triangular(factor.T, right[:, None], upper=True)[:, 0]
            unknowns = torch.cat([values, unknowns])
        return torch.cat([unknowns, border])

    def border_information(self) -> tuple[Float[Tensor, "border border"], Float[Tensor, " border"]]:
        """Schur complement of the border after elimination of all blocks, and the border's diagonal before.

        The complement is accurate to ``RELATIVE_PIVOT_SHIFT`` times that diagonal.
        """
        factor = self._done[-1][0]
        # The last Cholesky factor ends with that of the border's Schur complement
        border_factor = factor[len(factor) - self.border :, len(factor) - self.border :]
        return border_factor @ border_factor.T, self._border_diagonal


# Times each diagonal entry, times the largest one: unknowns without effect stay eliminable
RELATIVE_PIVOT_SHIFT, ABSOLUTE_PIVOT_SHIFT = 4e-16, 1e-30


class IndefiniteMatrix(Exception):
    """The matrix is indefinite because of rounding errors; increase the damping."""
