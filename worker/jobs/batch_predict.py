"""Jobs that predict a whole dataset, block by block from one file to another.

Neither file is loaded as a whole, so the memory of a job does not grow with the number of rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import polars as pl
from polars.io.plugins import register_io_source
from sqlalchemy.orm import Session

from kan_engine import Predictor, load
from service.db.repositories import Datasets, TrainedModels
from service.documents.answering_member import Members
from service.schemas.prediction import BatchRequest
from service.storage.blobs import put_file, read_bytes
from service.storage.stored_table import Table
from worker.execution.attempt import Attempt, Kept
from worker.execution.outcome import Progress, Stopped
from worker.jobs.csv_injection import harmless
from worker.jobs.prediction_columns import Answers

READ_CELLS, MOST_READ_ROWS = 2**23, 2**16  # read at a time: 64 MB of numbers
BLOCK_CURVES = 2**22  # activations (edges times rows) between two calls of should_stop: half a second
MOST_BLOCK_ROWS, FEWEST_BLOCK_ROWS = 50_000, 16


@dataclass(frozen=True)
class Predictions:
    """A file as the result of a job: predictions, or the table of a study."""

    file: BinaryIO
    format: str
    name: str

    def keep(self, session: Session) -> Kept:
        """Store the file."""
        sha256 = put_file(session, self.file)
        return Kept(result_sha256=sha256, result_format=self.format, result_name=self.name)


def predict_dataset(attempt: Attempt) -> Predictions:
    """Predict every row of a dataset.

    Raises:
        NotFound: The model or the dataset was deleted after the job was submitted.
        JobStopped: The job was stopped before all rows were predicted.
    """
    request = attempt.request
    assert isinstance(request, BatchRequest)  # noqa: S101 - this is its kind
    with attempt.sessions.read() as session:
        model = TrainedModels(session).with_id(request.model)
        network = load(read_bytes(session, model.artifact_sha256))
        _, predictor = Members.of(network, model.symbolic).answering(request.by)
        name = f"{Datasets(session).get(request.dataset_id).name}-predictions.{request.format}"
    with attempt.table(request.dataset_id) as table:
        file = attempt.temporary_file()
        inputs = table.frame.collect_schema() if request.include_inputs else pl.Schema()
        answers = Answers(predictor, model.record["outputs"], request.interval, inputs.names())
        frames = register_io_source(
            lambda *_: _blocks(table, inputs, predictor, answers, attempt),
            schema={**inputs, **answers.schema},
            validate_schema=True,
        )
        if request.format == "csv":
            harmless(frames).sink_csv(file)
        else:
            frames.sink_parquet(file, row_group_size=_rows_read(len(inputs) + len(answers.schema)))
    return Predictions(file, request.format, name)


def _blocks(
    table: Table, inputs: pl.Schema, predictor: Predictor, answers: Answers, attempt: Attempt
) -> Iterator[pl.DataFrame]:
    """Predict the rows of the file, block by block."""
    features = {feature.name for feature in predictor.encoding.features}
    names = [name for name in table.types if name in inputs or name in features]
    at_once, block_rows, done = _rows_read(len(names)), _rows_predicted(predictor), 0
    for start in range(0, table.rows, at_once):
        read = table.frame.select(names).slice(start, at_once).collect()
        for block in read.iter_slices(block_rows):
            if attempt.should_stop():
                raise Stopped("not every row was predicted")
            attempt.report(Progress("predict", done / table.rows, f"{done:,} of {table.rows:,} rows"))
            yield pl.DataFrame([*(block[name] for name in inputs), *answers.to(block)])
            done += block.height


def _rows_read(columns: int) -> int:
    return max(1, min(MOST_READ_ROWS, READ_CELLS // columns))


def _rows_predicted(predictor: Predictor) -> int:
    width = len(predictor.encoding.names) + len(predictor.classes or ())
    rows = BLOCK_CURVES // max(predictor.network.edge_count, width)
    return max(FEWEST_BLOCK_ROWS, min(MOST_BLOCK_ROWS, rows))
