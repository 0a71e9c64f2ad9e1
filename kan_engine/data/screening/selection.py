"""Forward selection of inputs whose effect on the target stands out from chance, among thousands.

Fan and Lv, "Sure independence screening for ultrahigh dimensional feature space", J. R. Statist. Soc. B 70,
2008, with their iteration: an input is tested on what the inputs before it leave. The tests are F-tests; the
probability that chance keeps any of all inputs is held below a level (Bonferroni), not the number of inputs.
A selection of the k strongest inputs would make a table of noise look predictable by cross-validation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from scipy.special import betainc, betaln

from kan_engine.data.screening.basis import InputBasis
from kan_engine.data.screening.products import ProductTests
from kan_engine.data.screening.thresholds import ScreeningThresholds

Reason = Literal["single", "product"]


@dataclass(frozen=True, kw_only=True)
class Effect:
    """Why an input is kept.

    Attributes:
        place: The input among all.
        reason: Whether its own curve stands out, or its product with another input.
        partner: The other input of the product.
        log_p: Logarithm of the probability that chance explains as much in one given test.
    """

    place: int
    reason: Reason
    partner: int | None = None
    log_p: float


@dataclass(kw_only=True)
class Selection:
    """The state of a forward selection.

    Attributes:
        bases: Functions of the inputs.
        scores: Standardised functions of the target, orthonormal; see ``basis.score_numbers``.
        rows: Number of rows that the weights are worth.
        thresholds: Decision numbers.
        limits: Largest logarithms of the probabilities of a single input and of a product that stand out.
        effects: The inputs selected so far, by place.
        directions: Orthonormal functions of these, [rows, functions].
        residual: What they leave of the scores.
    """

    bases: Sequence[InputBasis]
    scores: Float[np.ndarray, "rows outputs"]
    rows: float
    thresholds: ScreeningThresholds
    limits: tuple[float, float]
    effects: dict[int, Effect] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin without any input."""
        self.residual = self.scores.copy()
        self.directions = np.zeros((len(self.scores), 0))
        self._grams = [basis.gram for basis in self.bases]

    def run(
        self, products: ProductTests, max_inputs: int, is_late: Callable[[], bool] = lambda: False
    ) -> bool:
        """Select single inputs and products in turn, until neither adds anything.

        Args:
            products: Tests of products of the inputs.
            max_inputs: Inputs selected at most.
            is_late: Once it returns true, no more products are tested.

        Returns:
            Whether it ended before it was late.
        """
        for _ in range(self.thresholds.max_rounds):
            self._add_single_inputs(max_inputs)
            if is_late():
                return False
            if not self._add_products(products, max_inputs):
                break
        return True

    def _add_single_inputs(self, max_inputs: int) -> None:
        while len(self.effects) < max_inputs and self._has_degrees_left:
            log_p, group, number, degree = self._find_strongest()
            if log_p > self.limits[0]:
                return
            basis = self.bases[group]
            place = int(basis.places[number])
            self.effects.setdefault(place, Effect(place=place, reason="single", log_p=log_p))
            if not self._add_directions(basis.values[:, number, :degree].astype(float)):
                return

    def _find_strongest(self) -> tuple[float, int, int, int]:
        """Log p of the strongest input, the number of its basis, its number there, and the degree."""
        best = (np.inf, 0, 0, 1)
        for group, log_p in enumerate(self.test_inputs()):
            number, level = np.unravel_index(int(log_p.argmin()), log_p.shape)
            value = float(log_p[number, level])
            if value < best[0]:
                best = (value, group, int(number), list_degrees(self.bases[group], self.thresholds)[level])
        return best

    def test_inputs(self) -> list[Float[np.ndarray, "inputs degrees"]]:
        """Log p of every input of every basis, by degree, on what the selected ones leave."""
        return [
            np.stack(
                [
                    self._test(basis, gram, degree, self.residual)
                    for degree in list_degrees(basis, self.thresholds)
                ],
                1,
            )
            for basis, gram in zip(self.bases, self._grams, strict=True)
        ]

    def _test(
        self,
        basis: InputBasis,
        gram: Float[np.ndarray, "inputs functions functions"],
        degree: int,
        residual: Float[np.ndarray, "rows outputs"],
    ) -> Float[np.ndarray, " inputs"]:
        # The functions, less their projections on the selected ones, have the Gram matrix ``gram``. The
        # residual is orthogonal to the selected ones, so that its products with the functions need none
        values = basis.values[:, :, :degree]
        shape = values.shape[1:]
        products = (values.reshape(len(values), -1).T @ residual.astype(np.float32)).reshape(*shape, -1)
        # Squares in the principal axes of what is left of the functions; axes without length explain nothing
        sizes, axes = np.linalg.eigh(gram[:, :degree, :degree])
        is_open = sizes > self.thresholds.min_independent_share
        components = np.einsum("ifg,ifo->igo", axes, products.astype(float))
        gains = np.where(is_open, (components**2).sum(2) / np.where(is_open, sizes, 1.0), 0.0).sum(1)
        return self.measure_log_p(gains, is_open.sum(1), float((residual**2).sum()))

    def measure_log_p(
        self, gains: Float[np.ndarray, " inputs"], functions: Int[np.ndarray, " inputs"], total: float
    ) -> Float[np.ndarray, " inputs"]:
        """Log of the probability that as many random functions explain as much of ``total`` squares."""
        outputs = self.scores.shape[1]
        # The share that random functions leave has a beta distribution, which is the F test
        residual_shape = outputs * np.maximum(self.rows - 1 - self.directions.shape[1] - functions, 1) / 2
        share = np.clip(1 - gains / max(total, 1e-300), 1e-300, 1.0)
        model_shape = np.maximum(outputs * functions / 2, 0.5)
        with np.errstate(divide="ignore"):
            log_p = np.log(betainc(residual_shape, model_shape, share))
        limit = (
            residual_shape * np.log(share) - np.log(residual_shape) - betaln(residual_shape, model_shape)
        )  # for probabilities below 1e-300
        return np.where(functions == 0, 0.0, np.where(np.isfinite(log_p), log_p, np.minimum(limit, -600.0)))

    def _add_products(self, products: ProductTests, max_inputs: int) -> bool:
        """Add the products that stand out; returns whether there are any."""
        is_added = False
        for gain, factor, other_factor, values in products.find_strongest(self.residual):
            if self._test_product(gain) > self.limits[1]:
                break
            if len({*self.effects, factor, other_factor}) > max_inputs or not self._has_degrees_left:
                continue
            # A product is tested on what the selected functions leave of it
            remainder = self._remove_directions(values[:, None])
            size = float((remainder**2).sum())
            if size < self.thresholds.min_independent_share * float((values**2).sum()):
                continue
            log_p = self._test_product(float(((remainder[:, 0] @ self.residual) ** 2).sum()) / size)
            if log_p > self.limits[1]:
                continue
            for place, partner in ((factor, other_factor), (other_factor, factor)):
                self.effects.setdefault(
                    place, Effect(place=place, reason="product", partner=partner, log_p=log_p)
                )
            is_added = self._add_directions(values[:, None]) or is_added
        return is_added

    def _test_product(self, gain: float) -> float:
        total = float((self.residual**2).sum())
        return float(self.measure_log_p(np.array([gain]), np.array([1]), total)[0])

    @property
    def _has_degrees_left(self) -> bool:
        is_rounding = float((self.residual**2).sum()) < self.thresholds.min_residual_share
        degrees = self.rows - 1 - self.directions.shape[1] - max(self.thresholds.degrees)
        return not is_rounding and degrees >= self.thresholds.min_residual_degrees

    def _remove_directions(
        self, values: Float[np.ndarray, "rows functions"]
    ) -> Float[np.ndarray, "rows functions"]:
        for _ in range(2):  # the second time removes what rounding left
            values = values - self.directions @ (self.directions.T @ values)
        return values

    def _add_directions(self, values: Float[np.ndarray, "rows functions"]) -> bool:
        """Add functions of a selected input; returns whether any of them is independent of the others."""
        remainder = self._remove_directions(values)
        # An orthonormal basis of what is new in the functions
        directions, lengths, _ = np.linalg.svd(remainder, full_matrices=False)
        longest = np.linalg.norm(values, axis=0).max(initial=0.0)
        directions = directions[:, lengths**2 > self.thresholds.min_independent_share * longest**2]
        self.directions = np.hstack([self.directions, directions])
        self.residual = self.residual - directions @ (directions.T @ self.residual)
        for number, basis in enumerate(self.bases):
            # Gram matrices lose the projections on the new directions; the functions stay as they are
            flat = basis.values.reshape(len(directions), -1)
            overlaps = (directions.T.astype(np.float32) @ flat).reshape(
                directions.shape[1], *basis.values.shape[1:]
            )
            self._grams[number] -= np.einsum("qif,qig->ifg", overlaps, overlaps, dtype=np.float64)
        return bool(directions.size)


def list_degrees(basis: InputBasis, thresholds: ScreeningThresholds) -> list[int]:
    """Degrees that the inputs of a basis are tested with."""
    max_degree = basis.values.shape[2]
    return sorted({min(degree, max_degree) for degree in thresholds.degrees})
