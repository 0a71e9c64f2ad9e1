"""Networks that rise or fall with some columns: sums of curves whose B-spline coefficients do.

A spline whose coefficients rise rises everywhere, since its derivative is a sum of B-splines with their
differences as coefficients (de Boor, A Practical Guide to Splines, chapter X); beyond the grid it goes on
along its tangent. A sum of such curves and of free curves of other columns is monotone, and so is its
exponential. The coefficients solve a least-squares problem with non-negative increments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import lsq_linear

from kan_engine.compact.path import CompactNetwork, CompactPath
from kan_engine.compact.sources import list_sources
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import TargetScaler
from kan_engine.formulas.callbacks import TrialReport
from kan_engine.formulas.core.relevant_columns import select_relevant_columns
from kan_engine.network.kan import KAN, KANConfig
from kan_engine.search.context import SearchContext
from kan_engine.search.result import SearchResult
from kan_engine.search.thresholds import MonotoneThresholds
from kan_engine.training.loop import TrainingStep

Array = np.ndarray


def find_monotone_network(
    run: SearchContext, *, smoothings: tuple[float, ...] = (1e-6, 1e-4, 1e-2, 1.0)
) -> SearchResult:
    """The sum of curves with the lowest validation error, and smaller ones as compact networks.

    Args:
        smoothings: Penalties of the squared second differences of the coefficients, tried likewise.
    """
    fitter = MonotoneFitter(run)
    sources = fitter.select_sources()
    options = [
        (transform, grid, smoothing)
        for transform, grid, smoothing in product(fitter.list_transforms(), fitter.list_grids(), smoothings)
    ]
    losses = {}
    for number, option in enumerate(options):
        run.report("train", 0.1 + 0.6 * number / len(options), "fitting monotone curves")
        trial_network = fitter.fit(run.data.fit, sources, *option)
        losses[option] = fitter.measure(trial_network, *option)
        if np.isfinite(losses[option]):
            error, width = (2 * losses[option]) ** 0.5, trial_network.config.width
            trial = TrialReport(
                kind="network", width=width, grid=option[1], error=error, optimizer="least_squares"
            )
            run.record_trial(trial)
        if run.should_stop():
            break
    best = min(losses, key=lambda option: losses[option])
    # The best setting once without the validation rows, to measure errors, and once with them, to serve
    fit_network = fitter.fit(run.data.fit, sources, *best)
    loss = losses[best]
    network, scaler = fitter.fit(run.data.training, sources, *best), fitter.scalers[best[0]]

    def refit(rows: LabelledRows) -> Callable[[Float[Array, "rows columns"]], Float[Array, " rows"]]:
        fold_network = fitter.fit(rows, sources, *best)
        return lambda x: fitter.predict(fold_network, x, scaler)

    return SearchResult(
        network=network,
        judged=fit_network,
        inputs=run.inputs,
        scaler=scaler,
        history=(TrainingStep(0, best[1], loss, loss),),
        optimizer="least_squares",
        errors=run.cross_validation.measure_errors(refit),
        formula_of="law",
        compact=fitter.make_path(fit_network, sources, best, run.config.max_curves)
        if run.config.compact
        else None,
    )


Option = tuple[str, int, float]
"""Transform of the target, grid size and smoothing."""


@dataclass(frozen=True, eq=False)
class MonotoneFitter:
    """Fits sums of curves for one search."""

    run: SearchContext

    @property
    def limits(self) -> MonotoneThresholds:
        """Decision numbers."""
        return self.run.thresholds.monotone

    @property
    def signs(self) -> dict[int, int]:
        """Sign by the index of a monotone column."""
        names = self.run.names
        return {
            names.index(name): sign for name, sign in self.run.config.constraints.monotone if name in names
        }

    @property
    def scalers(self) -> dict[str, TargetScaler]:
        """Scale of the target by transform."""
        y = self.run.data.training.y[:, None]
        return {name: TargetScaler.fit(y, name) for name in self.list_transforms()}

    def list_transforms(self) -> list[str]:
        """The identity, and the logarithm of a positive target."""
        return ["identity", "log"] if float(self.run.data.training.y.min()) > 0 else ["identity"]

    def list_grids(self) -> list[int]:
        """Grid sizes that the rows allow, or the requested one."""
        if self.run.config.grid is not None:
            return [self.run.config.grid]
        rows, limits = len(self.run.data.fit), self.limits
        return [size for size in limits.grid_sizes if size * limits.min_rows_per_interval <= rows] or [1]

    def select_sources(self) -> list[tuple[int, ...]]:
        """Columns of every curve: of all, or of the most relevant ones and those that are wished."""
        data, run = self.run.data, self.run
        relevant_names = set(select_relevant_columns(data.fit, self.limits.max_columns))
        required_places = {*self.signs, *(place for group in run.column_wishes for place in group)}
        sources = [source.columns for source in list_sources(data.encoding, data.fit.x)]
        selection = [
            s
            for s in sources
            if required_places & set(s) or relevant_names & {run.names[place] for place in s}
        ]
        return selection or sources or [(0,)]

    def fit(
        self,
        rows: LabelledRows,
        sources: Sequence[tuple[int, ...]],
        transform: str,
        grid: int,
        smoothing: float,
    ) -> KAN:
        """Fit the curves of these sources by constrained least squares."""
        order, signs = self.run.config.order, self.signs
        network = KAN(KANConfig(width=(rows.x.shape[1], 1), grid_size=grid, order=order))
        layer, columns = network.stack[0], [place for source in sources for place in source]
        rows = rows.sample(self.limits.max_rows, self.run.config.seed)
        with torch.no_grad():
            z = torch.from_numpy(self.run.inputs.forward(rows.x))
            basis = layer.features(z)[:, columns, :-1].numpy()  # without the base function
        count = grid + order
        # Sums of non-negative increments rise; free curves keep their coefficients as unknowns
        rising = np.tril(np.ones((count, count)))[:, 1:]  # from increments to coefficients; the first is 0
        maps = [np.eye(count) if place not in signs else signs[place] * rising for place in columns]
        # One column for the constant, then the splines of every curve in its unknowns
        design = np.hstack([np.ones((len(rows), 1)), *(basis[:, i] @ m for i, m in enumerate(maps))])
        target = self.scalers[transform].forward(rows.y[:, None])[:, 0]
        places = np.cumsum([1, *(m.shape[1] for m in maps)])
        theta = self._solve(
            design, target, rows.weights, maps, places, smoothing, [p in signs for p in columns]
        )
        with torch.no_grad():
            # Unknowns back to spline coefficients; edges of unused columns stay dead
            layer.mask.fill_(False)
            layer.weight.zero_()
            for i, (place, m) in enumerate(zip(columns, maps, strict=True)):
                layer.mask[place] = True
                layer.weight[place, :-1, 0] = torch.from_numpy(m @ theta[places[i] : places[i + 1]])
            layer.weight[columns[0], :-1, 0] += float(theta[0])  # the basis sums to 1
        return network

    def _solve(
        self,
        design: Float[Array, "rows unknowns"],
        target: Float[Array, " rows"],
        weights: Float[Array, " rows"],
        maps: Sequence[Float[Array, "terms _"]],
        places: Int[Array, " ends"],
        smoothing: float,
        is_monotone: Sequence[bool],
    ) -> Float[Array, " unknowns"]:
        total = float(weights.sum())
        # Normal equations of the weighted fit, with squared second differences as smoothing
        gram = (design * weights[:, None]).T @ design / total
        side = design.T @ (weights * target) / total
        low = np.full(len(side), -np.inf)
        for i, m in enumerate(maps):
            block = slice(places[i], places[i + 1])
            bend = np.diff(m, n=2, axis=0) if len(m) > 2 else np.zeros((0, m.shape[1]))
            gram[block, block] += smoothing * bend.T @ bend
            if is_monotone[i]:
                low[block] = 0.0
        gram[np.diag_indices(len(gram))] += self.limits.ridge
        # With RᵀR as the matrix, the bounded problem has as many rows as unknowns instead of one per data row
        upper = cholesky(gram)
        solution = lsq_linear(upper, solve_triangular(upper, side, trans="T"), (low, np.inf), method="trf")
        theta: Array = np.maximum(solution.x, low)
        return theta

    def predict(
        self, network: KAN, x: Float[Array, "rows columns"], scaler: TargetScaler
    ) -> Float[Array, " rows"]:
        """Values of a network in the target's units."""
        with torch.no_grad():
            outputs = network(torch.from_numpy(self.run.inputs.forward(x))).numpy()
        values: Array = scaler.inverse(outputs)[:, 0]
        return values

    def measure(self, network: KAN, transform: str, _grid: int = 0, _smoothing: float = 0.0) -> float:
        """Half the mean squared error on the validation rows, over the variance of the target."""
        rows = self.run.data.validation
        with np.errstate(all="ignore"):
            errors = self.predict(network, rows.x, self.scalers[transform]) - rows.y
            loss = float(np.average(errors**2, weights=rows.weights)) / (
                2 * float(np.var(self.run.data.fit.y))
            )
        return loss if np.isfinite(loss) else float("inf")

    def make_path(
        self, network: KAN, sources: list[tuple[int, ...]], best: Option, max_curves: int
    ) -> CompactPath:
        """The networks of the most important curves, by their number."""
        rows, layer = self.run.data.fit, network.stack[0]
        with torch.no_grad():
            # Curves rank by the variance of their values, after those that the client wishes
            curves = layer.postacts(torch.from_numpy(self.run.inputs.forward(rows.x)))[:, :, 0].numpy()
        required_sets = [set(group) for group in self.run.column_wishes]

        def rank(source: tuple[int, ...]) -> tuple[bool, float]:
            return not any(set(source) & group for group in required_sets), -float(
                np.var(curves[:, source].sum(1))
            )

        ranking, entries = sorted(sources, key=rank), []
        required_count = sum(any(set(source) & group for group in required_sets) for source in sources)
        for count in range(max(1, required_count), max(1, required_count, min(max_curves, len(ranking))) + 1):
            small = self.fit(rows, ranking[:count], *best)
            full_network = self.fit(self.run.data.training, ranking[:count], *best)
            entries.append(
                CompactNetwork(network=full_network, curve_count=count, loss=self.measure(small, *best))
            )
        return CompactPath(networks=tuple(entries), inputs=self.run.inputs, scaler=self.scalers[best[0]])
