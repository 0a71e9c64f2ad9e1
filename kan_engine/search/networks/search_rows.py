"""Rows and scales that all larger networks of a search share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import Standardizer, TargetScaler
from kan_engine.data.training_data import TrainingData
from kan_engine.inference.optimism import OptimismCorrection
from kan_engine.model_selection.trials import UnscaledRows
from kan_engine.search.context import SearchContext


@dataclass(frozen=True, kw_only=True)
class SearchRows:
    """Rows before scaling, and both scales of the inputs.

    Attributes:
        fit: Rows to train on.
        validation: Rows to validate on.
        everything: Both.
        scales: Of the inputs, by their ranges and by their quantiles.
        scaler: Of the target; None for a classifier.
    """

    data: TrainingData
    fit: UnscaledRows
    validation: UnscaledRows
    everything: UnscaledRows
    scales: tuple[Standardizer, Standardizer]
    scaler: TargetScaler | None

    @staticmethod
    def prepare(run: SearchContext) -> SearchRows:
        """Prepare the rows of a search."""
        data = run.data
        scales = run.inputs, Standardizer.fit(data.training.x, quantile=True, thresholds=run.thresholds.data)
        scaler = TargetScaler.fit(data.training.y[:, None]) if data.classes is None else None
        fit, validation, everything = (
            _make_inputs(part, scales, scaler) for part in (data.fit, data.validation, data.training)
        )
        # Errors of all candidates are recorded for the optimism correction of a regression
        if scaler is not None:
            validation = replace(validation, on_losses=partial(_record_losses, run.contest, scaler))
        return SearchRows(
            data=data, fit=fit, validation=validation, everything=everything, scales=scales, scaler=scaler
        )

    def make_fit_rows(self, count: int) -> UnscaledRows:
        """The fit rows and the first of the reserve, together ``count``."""
        data = self.data
        assert data.reserve is not None  # noqa: S101 - only with a reserve are there so many rows
        return _make_inputs(data.fit.append(data.reserve[: count - len(data.fit)]), self.scales, self.scaler)


def _record_losses(
    optimism: OptimismCorrection, scaler: TargetScaler, losses: Float[torch.Tensor, " batch"]
) -> None:
    """Convert losses, half a squared error in scaled units, to absolute errors and record them."""
    optimism.record((2 * losses).sqrt().numpy() * scaler.std)


def _make_inputs(
    part: LabelledRows,
    scales: tuple[Standardizer, Standardizer],
    scaler: TargetScaler | None,
) -> UnscaledRows:
    targets = part.y[:, None]
    return UnscaledRows(
        scaled=lambda quantile: torch.from_numpy(scales[quantile].forward(part.x)),
        targets=torch.from_numpy(targets if scaler is None else scaler.forward(targets)),
        weights=torch.from_numpy(part.weights),
    )
