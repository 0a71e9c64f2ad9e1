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
from service.storage.stored_table import StoredTable
from worker.execution.attempt import Attempt, StoredResult
from worker.execution.outcome import JobProgress, JobStopped
from worker.jobs.csv_injection import neutralize_formulas
from worker.jobs.prediction_columns import PredictionColumns

MAX_READ_CELLS, MAX_READ_ROWS = 2**23, 2**16  # read at a time: 64 MB of numbers
# Activations (edges times rows) between two calls of should_stop: half a second
MAX_BLOCK_ACTIVATIONS = 2**22
MAX_BLOCK_ROWS, MIN_BLOCK_ROWS = 50_000, 16


@dataclass(frozen=True)
class ResultFile:
    """A file as the result of a job: predictions, or the table of a study."""

    file: BinaryIO
    format: str
    name: str

    def store(self, session: Session) -> StoredResult:
        """Store the file."""
        sha256 = put_file(session, self.file)
        return StoredResult(result_sha256=sha256, result_format=self.format, result_name=self.name)


def predict_dataset(attempt: Attempt) -> ResultFile:
    """Predict every row of a dataset.

    Raises:
        NotFound: The model or the dataset was deleted after the job was submitted.
        JobStopped: The job was stopped before all rows were predicted.
    """
    request = attempt.request
    assert isinstance(request, BatchRequest)  # noqa: S101 - this is its kind
    with attempt.sessions.read() as session:
        model = TrainedModels(session).get_by_id(request.model)
        network = load(read_bytes(session, model.artifact_sha256))
        _, predictor = Members.build(network, model.symbolic).select(request.by)
        name = f"{Datasets(session).get(request.dataset_id).name}-predictions.{request.format}"
    with attempt.open_table(request.dataset_id) as table:
        file = attempt.open_temporary_file()
        inputs = table.frame.collect_schema() if request.include_inputs else pl.Schema()
        answers = PredictionColumns(predictor, model.record["outputs"], request.interval, inputs.names())
        frames = register_io_source(
            lambda *_: _predict_blocks(table, inputs, predictor, answers, attempt),
            schema={**inputs, **answers.schema},
            validate_schema=True,
        )
        if request.format == "csv":
            neutralize_formulas(frames).sink_csv(file)
        else:
            frames.sink_parquet(file, row_group_size=_read_batch_rows(len(inputs) + len(answers.schema)))
    return ResultFile(file, request.format, name)


def _predict_blocks(
    table: StoredTable, inputs: pl.Schema, predictor: Predictor, answers: PredictionColumns, attempt: Attempt
) -> Iterator[pl.DataFrame]:
    """Predict the rows of the file, block by block."""
    features = {feature.name for feature in predictor.encoding.features}
    names = [name for name in table.types if name in inputs or name in features]
    at_once, block_rows, done = _read_batch_rows(len(names)), _prediction_block_rows(predictor), 0
    for start in range(0, table.rows, at_once):
        read = table.frame.select(names).slice(start, at_once).collect()
        for block in read.iter_slices(block_rows):
            if attempt.should_stop():
                raise JobStopped("not every row was predicted")
            attempt.report(JobProgress("predict", done / table.rows, f"{done:,} of {table.rows:,} rows"))
            yield pl.DataFrame([*(block[name] for name in inputs), *answers.predict_block(block)])
            done += block.height


def _read_batch_rows(columns: int) -> int:
    return max(1, min(MAX_READ_ROWS, MAX_READ_CELLS // columns))


def _prediction_block_rows(predictor: Predictor) -> int:
    width = len(predictor.encoding.names) + len(predictor.classes or ())
    rows = MAX_BLOCK_ACTIVATIONS // max(predictor.network.edge_count, width)
    return max(MIN_BLOCK_ROWS, min(MAX_BLOCK_ROWS, rows))
