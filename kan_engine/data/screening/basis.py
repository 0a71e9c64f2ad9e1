"""The functions of single inputs that the screening tests, and the scores of the target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from scipy.special import ndtri

from kan_engine.data.screening.thresholds import ScreeningThresholds


@dataclass(frozen=True, kw_only=True)
class InputBasis:
    """Orthonormal functions of inputs of one kind, times the roots of the shares of the rows.

    Attributes:
        places: The inputs among all.
        values: For every row and input its functions, by rising degree; 0 where an input has fewer.
    """

    places: Int[np.ndarray, " inputs"]
    values: Float32[np.ndarray, "rows inputs functions"]

    @property
    def gram(self) -> Float[np.ndarray, "inputs functions functions"]:
        """Inner products of the functions of every input."""
        # Diagonal, as the functions of an input are orthogonal; those left out have length 0
        lengths = np.einsum("nif,nif->if", self.values, self.values, dtype=np.float64)
        gram = np.zeros((*lengths.shape, lengths.shape[1]))
        diagonal = np.arange(lengths.shape[1])
        gram[:, diagonal, diagonal] = lengths
        return gram


def make_bases(
    x: Float[np.ndarray, "rows inputs"],
    root: Float[np.ndarray, " rows"],
    thresholds: ScreeningThresholds,
    *,
    min_rows_per_degree: int = 10,
) -> list[InputBasis]:
    """Polynomials of the ranks of inputs with many values, and lines through inputs with two.

    Ranks make the tests independent of scales, and of single extreme values.

    Args:
        x: Encoded rows.
        root: Roots of the shares of the rows in their weight.
        thresholds: The degrees.
        min_rows_per_degree: Of a polynomial, so that it is not fitted to single rows.
    """
    # A function of two values is a line through them, so that higher degrees add nothing
    is_flag = _have_two_values(x)
    degree = max(1, min(max(thresholds.degrees), len(x) // min_rows_per_degree))
    bases = []
    for places, functions in ((np.flatnonzero(~is_flag), degree), (np.flatnonzero(is_flag), 1)):
        if len(places):
            values = np.empty((len(x), len(places), functions), np.float32)
            for number, place in enumerate(places):
                values[:, number] = _make_functions(x[:, place], root, functions)
            bases.append(InputBasis(places=places, values=values))
    return bases


def _have_two_values(x: Float[np.ndarray, "rows inputs"]) -> Bool[np.ndarray, " inputs"]:
    is_flag: np.ndarray = ((x == x.min(0)) | (x == x.max(0))).all(0)
    return is_flag


def _make_functions(
    values: Float[np.ndarray, " rows"], root: Float[np.ndarray, " rows"], degree: int
) -> Float[np.ndarray, "rows functions"]:
    """Legendre polynomials of the ranks, orthonormal with the constant; 0 for those that depend on others."""
    # QR with the constant first: the other columns are orthogonal to it in the weighted mean
    powers = np.polynomial.legendre.legvander(2 * _rank(values) - 1, degree) * root[:, None]
    directions, triangle = np.linalg.qr(powers)
    # A short diagonal entry means a column that depends on those before it, as for few distinct ranks
    lengths, norms = np.abs(np.diag(triangle)), np.linalg.norm(powers, axis=0)
    directions = directions * (lengths > 1e-4 * np.maximum(norms, 1e-300))
    return np.asarray(directions[:, 1:])


def score_numbers(
    y: Float[np.ndarray, " rows"], root: Float[np.ndarray, " rows"]
) -> Float[np.ndarray, "rows 1"]:
    """Normal scores of a target, centred, of length 1.

    With normal errors the tests are exact, whatever the distribution of the columns.
    """
    return standardize(ndtri(_rank(y))[:, None], root)


def score_classes(
    y: Int[np.ndarray, " rows"],
    root: Float[np.ndarray, " rows"],
    thresholds: ScreeningThresholds,
    *,
    min_class_rows: int = 5,
) -> Float[np.ndarray, "rows outputs"]:
    """Orthonormal contrasts of the classes with enough rows; none if there are fewer than two.

    Args:
        min_class_rows: Of a class that is tested: the tests assume sums of many rows.
    """
    # Rare classes are left out: their sums are not normal enough for an F test
    counts = np.bincount(y)
    common = np.argsort(-counts, kind="stable")[: thresholds.max_classes]
    common = common[counts[common] >= min_class_rows]
    return standardize((y[:, None] == common).astype(float), root)


def standardize(
    values: Float[np.ndarray, "rows outputs"], root: Float[np.ndarray, " rows"]
) -> Float[np.ndarray, "rows independent"]:
    """Center scores and make them orthonormal, times the roots of the shares of the rows."""
    # Singular vectors span the same scores, without those that depend on others
    deviations = (values - root**2 @ values) * root[:, None]
    directions, lengths, _ = np.linalg.svd(deviations, full_matrices=False)
    return np.asarray(directions[:, lengths > 1e-6 * max(1.0, lengths.max(initial=0.0))])


def _rank(values: Float[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
    """Ranks between 0 and 1; equal values have the mean of their ranks."""
    # Midranks over the number of rows
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: np.ndarray = ((counts.cumsum() - counts / 2) / len(values))[places]
    return ranks
