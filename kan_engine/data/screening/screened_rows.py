"""The rows that a screening tests, and the levels of its tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from kan_engine.data.screening.basis import InputBasis, make_bases
from kan_engine.data.screening.products import ProductTests
from kan_engine.data.screening.selection import Selection, list_degrees
from kan_engine.data.screening.thresholds import ScreeningThresholds


@dataclass(frozen=True, kw_only=True)
class ScreenedRows:
    """Encoded rows with the roots of their shares and the scores of the target."""

    x: Float[np.ndarray, "rows inputs"]
    root: Float[np.ndarray, " rows"]
    scores: Float[np.ndarray, "rows outputs"]
    thresholds: ScreeningThresholds

    @property
    def effective_rows(self) -> float:
        """Number of equally weighted rows that are worth as much."""
        return 1 / float((self.root**4).sum())

    def make_bases(self) -> list[InputBasis]:
        """Functions of the inputs."""
        return make_bases(self.x, self.root, self.thresholds)

    def start(self, bases: Sequence[InputBasis], limits: tuple[float, float]) -> Selection:
        """A selection without any input."""
        return Selection(
            bases=bases,
            scores=self.scores,
            rows=self.effective_rows,
            thresholds=self.thresholds,
            limits=limits,
        )

    def set_limits(
        self, bases: Sequence[InputBasis], seed: int, *, is_classification: bool
    ) -> tuple[tuple[float, float], Int[np.ndarray, " inputs"]]:
        """Log p below which an input and a product stand out, and all inputs, the strongest first."""
        # Bonferroni: half of the level for single inputs, half for products
        level = self.thresholds.level / 2
        alone = self.start(bases, (0.0, 0.0))
        by_basis = alone.test_inputs()
        places = np.concatenate([basis.places for basis in bases])
        strongest = places[np.argsort(np.concatenate([log_p.min(1) for log_p in by_basis]), kind="stable")]
        tests = sum(len(basis.places) * len(list_degrees(basis, self.thresholds)) for basis in bases)
        products = self.make_products(bases, strongest)
        limit = float(np.log(level / tests))
        # Labels are not normal, so that small p-values are approximate: permutations give a limit as well
        if is_classification:
            limit = min(limit, self._permute(alone, seed))
        return (limit, float(np.log(level / max(1, products.count)))), strongest

    def _permute(self, selection: Selection, seed: int, *, permutations: int = 19) -> float:
        """The smallest log p of any input with permuted scores.

        Args:
            permutations: Of the classes. Labels are not normal, so that an input must also exceed what any
                shows with permuted labels.
        """
        random, smallest = np.random.default_rng(seed), 0.0
        for _ in range(permutations):
            selection.residual = random.permutation(self.scores)
            smallest = min(smallest, *(float(log_p.min()) for log_p in selection.test_inputs()))
        return smallest

    def make_products(
        self, bases: Sequence[InputBasis], strongest: Int[np.ndarray, " inputs"]
    ) -> ProductTests:
        """Tests of products of the strongest inputs."""
        candidates = strongest[: self.thresholds.max_product_inputs]
        return ProductTests(bases, candidates, self.root, self.thresholds)
