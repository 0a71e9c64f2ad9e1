"""Predict rows with a trained model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

import kan_engine
from kan_engine.data.labels import class_name
from service.db.repositories.models import TrainedModels
from service.db.session import Sessions
from service.db.tables import Model
from service.documents.answering_member import Members
from service.documents.prediction_warnings import NOT_FINITE, UNSOUND, select_warning_code
from service.errors import Invalid
from service.operations.models.stored_soundness import read_sound_formulas
from service.operations.prediction.explanation import explain
from service.operations.prediction.input_columns import read_columns
from service.operations.prediction.limits import DEFAULT_PREDICTION, PredictionLimits
from service.operations.prediction.model_resolver import ModelResolver
from service.operations.prediction.predictor_cache import PredictorCache
from service.schemas.prediction import Rows
from service.storage import blobs

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Shaped

    from kan_engine import Feature, Predictor

Columns = dict[str, np.ndarray]
Document = dict[str, Any]
Finding = tuple[int, str, str]  # row, column, code


@dataclass(frozen=True)
class PredictionContext:
    """Sessions, caches and limits for predictions."""

    sessions: Sessions
    predictors: PredictorCache
    directory: ModelResolver
    max_rows: int
    limits: PredictionLimits = DEFAULT_PREDICTION

    def is_cached(self, reference: str) -> bool:
        """Whether the model is cached and loaded, so that a prediction needs no database."""
        model = self.directory.get_cached(reference, self.sessions)
        return model is not None and self.predictors.has(model.id)


def predict(reference: str, request: Rows, serving: PredictionContext) -> Document:
    """Predictions of a model for rows, as the JSON of ``PredictionOut``.

    Raises:
        NotFound: There is no such model.
        TooLarge: There are too many rows, or too many to explain.
        Conflict: The model does not have the requested member, or no explanation.
        Invalid: The rows do not have the columns and values that the model reads.
    """
    model = serving.directory.get(reference, serving.sessions)
    members = load_members(model, serving.sessions, serving.predictors)
    by, predictor = members.select(request.by)
    margin = None if request.interval is None else interval_margin(predictor, request.interval)
    columns = read_columns(
        request,
        predictor.encoding.features,
        optional=predictor.unused,
        ignored_columns={model.target, *model.record["ignored_columns"]},
        max_rows=serving.max_rows,
        limits=serving.limits,
    )
    document = {
        "model_id": model.id,
        "by": by,
        "preview_of": model.record.get("preview_of"),
        **_predict_columns(predictor, columns, model.record["outputs"], margin, serving.limits),
    }
    if request.explain:
        document["explanation"] = explain(model, members, predictor, columns, serving.sessions)
    return document


def load_predictor(model: Model, sessions: Sessions, cache: PredictorCache) -> Predictor:
    """The network of a model, from `load_members`."""
    return load_members(model, sessions, cache).accurate


def load_members(model: Model, sessions: Sessions, cache: PredictorCache) -> Members:
    """The network of a model and its formulas, from the cache or loaded into it.

    Raises:
        NotFound: The model has been deleted, and is not in the cache.
    """
    return cache.get(model.id, lambda: _load_stored_members(model, sessions))


def _load_stored_members(
    model: Model, sessions: Sessions, *, overhead_bytes: int = 64 * 1024
) -> tuple[Members, int]:
    """Load the network and the formulas of a model, with their size in bytes; imports torch at first.

    A loaded model takes ``overhead_bytes`` besides its tensors.

    Raises:
        NotFound: The model has been deleted.
    """
    use_one_torch_thread()
    with sessions.read() as session:
        try:
            data = blobs.read_bytes(session, model.artifact_sha256)
        except blobs.DamagedBlob:
            TrainedModels(session).get_by_id(model.id)  # it may have been deleted since it was looked up
            raise
        symbolic = read_sound_formulas(TrainedModels(session).get_by_id(model.id))
    try:
        return Members.build(kan_engine.load(data), symbolic), len(data) + overhead_bytes
    except (
        kan_engine.ArtifactError,
        kan_engine.InvalidConfig,
    ) as error:  # the stored artifact is damaged: a server error, not a 4xx
        raise RuntimeError(f"the artifact of model {model.id} cannot be read") from error


@cache
def use_one_torch_thread() -> None:
    """Let torch use one thread: requests run in parallel already and would compete for the cores.

    100,000 rows on [8, 10, 1] took 11 s in a request's thread on two cores; with one thread they take 1.3 s.
    """
    import torch  # noqa: PLC0415  # takes a second and 200 MB, which an API without predictions saves

    torch.set_num_threads(1)


def interval_margin(predictor: Predictor, level: float) -> float:
    """Half the width of the prediction intervals of a level.

    Raises:
        Invalid: The model has no intervals of this level.
    """
    try:
        return predictor.margin(level)
    except kan_engine.InvalidData as error:
        raise Invalid.make_at("no_interval", str(error), {"pointer": "#/interval"}) from error


def _predict_columns(
    predictor: Predictor,
    columns: Columns,
    outputs: Sequence[str],
    margin: float | None,
    limits: PredictionLimits,
) -> Document:
    probabilities = None if predictor.classes is None else predictor.probabilities(columns)
    values = predictor.predict(columns) if probabilities is None else predictor.labels(probabilities)
    predictions = _to_list(values)
    # Rows where the network or the formula is undefined
    gaps = [(row, predictor.target, NOT_FINITE) for row, v in enumerate(predictions) if _has_gap(v)]
    # Rows where an unsound formula leaves the limits of the target, unless they have the warning above
    unsound = [
        (row, predictor.target, UNSOUND)
        for row in predictor.find_unsound_rows(columns).tolist()
        if not _has_gap(predictions[row])
    ]
    # Values outside the range of training, of columns that the member reads
    outside = predictor.unseen_mask(columns)
    strange, strange_count = _find_outside_values(predictor, columns, outside, limits)
    warnings = sorted(strange + gaps + unsound, key=lambda finding: finding[0])[: limits.max_warnings]
    return {
        "predictions": _group_by_output(predictions, outputs),
        "probabilities": None
        if probabilities is None
        else _group_by_class(probabilities, predictor.classes or ()),
        "intervals": None
        if margin is None
        else _build_intervals(values, predictor.widen(margin, columns), outside),
        "warnings": [{"row": row, "column": column, "code": code} for row, column, code in warnings],
        "warning_count": strange_count + len(gaps) + len(unsound),
    }


def _to_list(values: Shaped[np.ndarray, "*dims"]) -> list[Any]:
    """The values as a list, None for those that are not finite."""
    # JSON has no NaN and no infinity: null stands for both
    plain = values.astype(object)
    if values.dtype.kind == "f":
        plain[~np.isfinite(values)] = None
    items: list[Any] = plain.tolist()
    return items


def _build_intervals(
    values: Float[np.ndarray, " rows"],
    margin: float | Float[np.ndarray, " rows"],
    outside: Bool[np.ndarray, "rows features"],
) -> list[Any]:
    """Intervals; None for rows outside the range of training and for rows without a finite value."""
    # Conformal intervals cover rows like those of validation; outside their range no level holds
    has_none = outside.any(axis=1) | ~np.isfinite(values)
    bounds = np.stack([values - margin, values + margin], axis=1).tolist()
    return [None if gap else interval for gap, interval in zip(has_none.tolist(), bounds, strict=True)]


def _has_gap(value: Any) -> bool:
    return value is None or (isinstance(value, list) and None in value)


def _group_by_output(predictions: list[Any], outputs: Sequence[str]) -> list[Any]:
    """A flat list for one output, dictionaries by output name for several."""
    if not isinstance(predictions[0], list):
        return predictions
    return [dict(zip(outputs, values, strict=True)) for values in predictions]


def _group_by_class(
    probabilities: Float[np.ndarray, "rows classes"], classes: Sequence[Any]
) -> list[Document]:
    names = [class_name(label) for label in classes]
    return [dict(zip(names, row, strict=True)) for row in _to_list(probabilities)]


def _find_outside_values(
    predictor: Predictor, columns: Columns, mask: Bool[np.ndarray, "rows features"], limits: PredictionLimits
) -> tuple[list[Finding], int]:
    """The first values outside the range of training, and the number of all."""
    features = predictor.encoding.features
    # Each such row has a finding at least, so the first ``max_warnings`` rows suffice
    rows = np.flatnonzero(mask.any(1))[: limits.max_warnings].tolist()
    findings = [
        (row, features[place].name, _find_warning_code(features[place], columns[features[place].name][row]))
        for row in rows
        for place in np.flatnonzero(mask[row]).tolist()
    ]
    return findings, int(mask.sum())


def _find_warning_code(feature: Feature, value: Any) -> str:
    is_missing = value is None or (isinstance(value, float) and math.isnan(value))
    return select_warning_code(feature, is_missing=is_missing)
