"""Which rows to measure next, from a model and the rows that it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kan_engine.errors import InvalidData
from service.db.repositories import TrainedModels
from service.db.tables import Dataset, Model
from service.errors import Conflict, Invalid
from service.operations.models.rows import list_training_rows
from service.operations.prediction.predict import PredictionContext, load_members
from service.schemas.prediction import NextRowOut, NextRowsOut, NextRowsRequest
from service.storage.stored_table import (
    StoredTable,
    column_values,
    open_table,
    read_feature_column,
    read_rows,
)
from service.strict_json import pointer

if TYPE_CHECKING:
    from kan_engine import Feature, Predictor
    from kan_engine.data.labelled_rows import LabelledRows
    from kan_engine.experiments.settings import Setting

MAX_ROWS = 2_000  # of training that are read


def propose_next_rows(
    reference: str, request: NextRowsRequest, serving: PredictionContext, folder: Path
) -> NextRowsOut:
    """Rows that tell most about which formula is the law.

    Args:
        reference: Id, name or ``name@alias`` of the model.
        request: How many rows, and where.
        serving: Sessions, caches and limits.
        folder: For temporary files.

    Raises:
        NotFound: There is no such model.
        Conflict: The model predicts no single number of a table, or its rows were deleted.
        Invalid: The request names a column or a value that the model does not have.
    """
    from kan_engine.assessment.formula_report import FormulaReport  # noqa: PLC0415  # imports SciPy
    from kan_engine.experiments.proposal import propose_rows  # noqa: PLC0415  # imports torch
    from kan_engine.expressions.printing.identifiers import safe_names  # noqa: PLC0415

    model = serving.directory.get(reference, serving.sessions)
    if model.task != "regression" or len(model.record["outputs"]) > 1:
        detail = f"model {model.id} does not predict one number from the columns of a table"
        raise Conflict("no_next_rows", detail)
    predictor = load_members(model, serving.sessions, serving.predictors).accurate
    with serving.sessions.read() as session:
        model_row = TrainedModels(session).get_by_id(model.id)
        symbolic = model_row.symbolic
        dataset = None if model_row.dataset_id is None else session.get(Dataset, model_row.dataset_id)
        if dataset is None:
            detail = f"the rows of model {model.id} were deleted, or it was imported without them"
            raise Conflict("dataset_deleted", detail)
        numbers = list_training_rows(session, model_row, dataset, MAX_ROWS)
        with open_table(session, dataset, folder) as table:
            settings = _read_settings(request, predictor.encoding.features, table)
            training_rows = _read_training_rows(predictor, model_row, table, numbers)
    names = safe_names([column.name for column in predictor.encoding.names])
    report = None if symbolic is None else FormulaReport.from_dict(symbolic, names)
    proposals = propose_rows(predictor, report, training_rows, settings, request.count)
    return NextRowsOut(model_id=model.id, items=[NextRowOut(**asdict(row)) for row in proposals])


def _read_settings(
    request: NextRowsRequest, features: Sequence[Feature], table: StoredTable
) -> list[Setting]:
    """The values that the columns of a next row may have."""
    from kan_engine.experiments.settings import make_settings  # noqa: PLC0415  # imports SciPy

    # Only the table tells integers apart: a feature has the type number for decimals as well
    integers = [name for name, kind in table.types.items() if kind == "integer"]
    try:
        return make_settings(features, request.within, request.fixed, integers)
    except InvalidData as error:
        field = "fixed" if error.column in request.fixed else "within"
        place = {"pointer": pointer([field, str(error.column)]), "column": str(error.column)}
        raise Invalid.make_at("invalid_values", str(error), place) from error


def _read_training_rows(
    predictor: Predictor, model: Model, table: StoredTable, numbers: list[int]
) -> LabelledRows:
    """The encoded rows of training with these numbers."""
    from kan_engine.data.labelled_rows import LabelledRows  # noqa: PLC0415  # as above

    rows = read_rows(table, numbers)
    columns = {f.name: read_feature_column(rows[f.name], f) for f in predictor.encoding.features}
    target = column_values(rows[model.target]).astype(float)
    # Rows without a target do not count as measured
    is_known = np.isfinite(target)
    names = tuple(column.name for column in predictor.encoding.names)
    inputs = predictor.encoding.transform(columns)[is_known]
    return LabelledRows(inputs, target[is_known], np.ones(len(inputs)), names)
