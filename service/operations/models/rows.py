"""The rows of its dataset that are drawn with a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.repositories import Datasets, TrainedModels
from service.db.session import Sessions
from service.db.tables import Dataset, Model
from service.errors import Conflict, NotFound
from service.storage.stored_table import open_table

if TYPE_CHECKING:
    import polars as pl

SAMPLE = "sample"  # among the figures of a model
TASKS = ("regression", "classification")
MAX_VALUES = 200_000  # of the inputs: about two megabytes of JSON


def read_rows(reference: str, limit: int, sessions: Sessions, folder: Path) -> dict[str, Any]:
    """The JSON of ``ModelRowsOut`` with at most ``limit`` rows, fewer for a model of very many inputs.

    Raises:
        NotFound: There is no such model, or its dataset was deleted.
        Conflict: It is no model of a target over inputs.
    """
    with sessions.read() as session:
        model = TrainedModels(session).get(reference)
        if model.task not in TASKS:
            detail = f"model {model.id} predicts no column of a table; read the rows of its dataset instead"
            raise Conflict("no_figures", detail)
        if model.dataset_id is None:
            detail = f"model {model.id} was imported without its dataset; train it again to draw its rows"
            raise NotFound("dataset_not_found", detail)
        dataset = Datasets(session).get(model.dataset_id)
        inputs = _sort_inputs(session, model)
        # At least one row, however many inputs the model has
        rows = min(limit, max(1, MAX_VALUES // max(1, len(inputs))))
        numbers, parts = _choose_rows(session, model, dataset, rows)
        with open_table(session, dataset, folder) as table:
            values = {
                name: _read_values(table.frame, name, numbers)
                for name in (*(n for n, _ in inputs), model.target)
            }
    return {
        "model_id": model.id,
        "dataset_id": dataset.id,
        "numbers": numbers,
        "parts": parts,
        "inputs": [
            {"name": name, "importance": importance, "values": values[name]} for name, importance in inputs
        ],
        "target": values[model.target],
    }


def _sort_inputs(session: Session, model: Model) -> list[tuple[str, float | None]]:
    """The inputs that the model uses with their importance, the most important first."""
    importance = session.scalar(select(Model.figures["importance"]).where(Model.id == model.id)) or {}
    means = {entry["name"]: entry["mean"] for entry in importance.get("features") or ()}
    idle = {entry["input"] for entry in model.record.get("dropped") or ()}
    names = [feature["name"] for feature in model.record["features"] if feature["name"] not in idle]
    return sorted(((name, means.get(name)) for name in names), key=lambda entry: -(entry[1] or 0.0))


def _choose_rows(
    session: Session, model: Model, dataset: Dataset, max_rows: int
) -> tuple[list[int], list[str] | None]:
    """Numbers of at most this many rows, ascending, and the part of the split of each, if it is known."""
    # A fixed seed: the same request draws the same rows
    random = np.random.default_rng(0)
    sample = session.scalar(select(Model.figures[SAMPLE]).where(Model.id == model.id))
    if not sample:
        return sorted(random.permutation(dataset.rows)[:max_rows].tolist()), None
    rows = [(number, "training") for number in sample["training"]]
    rows += [(number, "hold-out") for number in sample["hold_out"]]
    # Without replacement, from both parts together, so that each keeps its share on average
    selection = sorted(rows[place] for place in random.permutation(len(rows))[:max_rows].tolist())
    return [number for number, _ in selection], [part for _, part in selection]


def list_training_rows(session: Session, model: Model, dataset: Dataset, max_rows: int) -> list[int]:
    """Numbers of at most this many rows that a model was trained on; of all rows where that is not known."""
    numbers, parts = _choose_rows(session, model, dataset, max_rows)
    if parts is None:
        return numbers
    return [number for number, part in zip(numbers, parts, strict=True) if part == "training"]


def _read_values(frame: pl.LazyFrame, name: str, numbers: list[int]) -> list[Any]:
    """Values of a column in these rows; only one column of a table is in memory at a time."""
    import polars as pl  # noqa: PLC0415  # the API starts without it

    column = frame.select(pl.col(name).gather(numbers)).collect().to_series()
    return (column.dt.to_string("iso:strict") if column.dtype == pl.Datetime else column).to_list()
