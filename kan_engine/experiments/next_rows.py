"""Which rows to measure next: those at which what is known foretells the most uncertain values.

A rival foretells a value at every row, with the uncertainty of its constants. All rivals together, with their
probabilities, foretell it with a variance V. A measurement with noise s then tells ½·log₂(1 + V/s²) bits
(MacKay, Information-based objective functions for active data selection, Neural Computation 4, 1992). Rows
are chosen one after the other, each given those before. Of one rival that is the D-optimal design of its
constants (Fedorov, Theory of Optimal Experiments, 1972). In so far as the law may be none of the rivals, rows
count that are far from all others, as for a smooth function of which nothing else is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, value_and_jacobian
from kan_engine.formulas.core.constant_snapping import to_form

Values = Float[np.ndarray, " rows"]
Slopes = Float[np.ndarray, "rows constants"]


@dataclass(frozen=True, kw_only=True)
class Foretelling:
    """What a rival foretells.

    Attributes:
        weight: Its probability.
        values: At the rows that may be next.
        slopes: By its constants, there.
        seen: By its constants, at the rows that were measured.
    """

    weight: float
    values: Values
    slopes: Slopes
    seen: Float[np.ndarray, "seen constants"]


@dataclass(frozen=True)
class ChosenRow:
    """A row to measure.

    Attributes:
        place: Among the rows that may be next.
        gain: Expected information, in bits.
    """

    place: int
    gain: float


def foretell(
    tree: Expression,
    weight: float,
    rows: Mapping[str, Float[np.ndarray, " rows"]],
    measurements: LabelledRows,
) -> Foretelling:
    """What a formula foretells at encoded rows; where it is undefined, the mean of what was measured."""
    form = to_form(tree)
    with np.errstate(all="ignore"):
        # First order in the constants, whose uncertainty then has a covariance in closed form
        values, slopes = value_and_jacobian(form.tree, rows, form.values)
        _, measured_slopes = value_and_jacobian(form.tree, measurements.columns, form.values)
    # A row where the formula is undefined tells nothing of its constants
    is_known = np.isfinite(values) & np.isfinite(slopes).all(1)
    return Foretelling(
        weight=weight,
        values=np.where(is_known, values, measurements.y.mean()),
        slopes=np.where(is_known[:, None], slopes, 0.0),
        seen=np.nan_to_num(measured_slopes, posinf=0.0, neginf=0.0) * measurements.roots[:, None],
    )


def choose_rows(
    rivals: Sequence[Foretelling],
    count: int,
    *,
    noise: float,
    limits: tuple[float, float],
    unknown: Foretelling | None = None,
) -> list[ChosenRow]:
    """The rows from which most is learnt, each given those before.

    Args:
        rivals: What they foretell.
        count: How many rows.
        noise: Standard deviation of a measurement.
        limits: Of values that are believed.
        unknown: A function of which nothing is known, see ``foretell_unknown``.
    """
    components = [*rivals, *([] if unknown is None else [unknown])]
    values = np.stack([component.values.clip(*limits) for component in rivals])
    weights = np.array([component.weight for component in rivals])
    # Square root of the covariance of all that is foretold, in units of the noise: differences of rivals from
    # their mean, then the uncertain constants of each
    apart = (values - np.average(values, axis=0, weights=weights)) * np.sqrt(weights)[:, None] / noise
    doubts = [
        np.sqrt(component.weight) * _divide_by_root(component.slopes, component.seen)
        for component in components
    ]
    root, selection = np.concatenate([apart.T, *doubts], axis=1), list[ChosenRow]()
    for _ in range(count):
        variances = (root**2).sum(1)
        variances[[row.place for row in selection]] = -1.0
        # The row with the largest variance has the largest expected information
        place = int(variances.argmax())
        variance, direction = float(variances[place]), root[place].copy()
        selection.append(ChosenRow(place, float(np.log2(1 + variance) / 2)))
        # Of the covariance I a measurement along b leaves I - b·bᵀ/(1 + |b|²); this is its root
        if variance > 0:
            root -= np.outer(root @ direction, direction) * ((1 - (1 + variance) ** -0.5) / variance)
    return selection


def _divide_by_root(
    slopes: Slopes, measured_slopes: Float[np.ndarray, "seen constants"], smallest: float = 1e-4
) -> Float[np.ndarray, "rows directions"]:
    """Slopes times a root of the covariance of the constants, in units of the noise.

    Directions that the measured rows hardly tell have the uncertainty of the ``smallest`` relative one.
    """
    # Columns of equal length, so that the smallest direction does not depend on units of constants
    scale = np.linalg.norm(measured_slopes, axis=0)
    is_used = np.isfinite(scale) & (scale > 0)
    if not is_used.any():
        return np.zeros((len(slopes), 0))
    _, sizes, directions = np.linalg.svd(measured_slopes[:, is_used] / scale[is_used], full_matrices=False)
    return np.asarray(slopes[:, is_used] / scale[is_used] @ directions.T / np.maximum(sizes, smallest))


def foretell_unknown(
    weight: float,
    rows: Float[np.ndarray, "rows columns"],
    measurements: Float[np.ndarray, "seen columns"],
    spread: float,
    noise: float,
    *,
    waves: int = 200,
    length: float = 0.5,
    seed: int = 0,
) -> Foretelling:
    """A smooth function that is unknown except near the measured rows, by random waves.

    Its prior is a Gaussian process whose kernel has this ``length`` in units of the spread of the columns
    (Rahimi and Recht, Random features for large-scale kernel machines, 2007).

    Args:
        weight: Probability that the law is none of the rivals.
        rows: That may be next.
        measurements: That were measured.
        spread: Of the target.
        noise: Of a measurement.
        waves: Their number.
        length: Over which the function changes, over the spread of a column and the root of their number.
        seed: Of the waves.
    """
    generator = np.random.default_rng(seed)
    # Random Fourier features: cosines with normal frequencies and uniform phases have a Gaussian kernel
    middle, scale = rows.mean(0), rows.std(0) + 1e-300
    columns = rows.shape[1]
    directions = generator.normal(size=(columns, waves)) / (length * columns**0.5 * 2)
    phases, height = generator.uniform(0, 2 * np.pi, waves), spread / noise * (2 / waves) ** 0.5

    def make_waves(x: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows waves"]:
        return np.asarray(height * np.cos((x - middle) / scale @ directions + phases))

    # Rows of the identity are the prior of the heights, all 1 in these units
    prior = np.eye(waves)
    return Foretelling(
        weight=weight,
        values=np.zeros(len(rows)),
        slopes=make_waves(rows),
        seen=np.concatenate([make_waves(measurements), prior]),
    )
