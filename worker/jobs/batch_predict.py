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


@dataclass(frozen=True, kw_only=True)
class BatchLimits:
    """Sizes of the blocks of a batch prediction.

    Attributes:
        max_read_cells: Cells read at a time: 64 MB of numbers.
        max_read_rows: Rows read at a time.
        max_block_activations: Activations (edges times rows) between two calls of ``should_stop``: half a
            second.
        max_block_rows: Most rows predicted at a time.
        min_block_rows: Fewest such rows.
    """

    max_read_cells: int = 2**23
    max_read_rows: int = 2**16
    max_block_activations: int = 2**22
    max_block_rows: int = 50_000
    min_block_rows: int = 16


DEFAULT_BATCH = BatchLimits()


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


def predict_dataset(attempt: Attempt, limits: BatchLimits) -> ResultFile:
    """Predict every row of a dataset.

    Args:
        attempt: The job.
        limits: Sizes of the blocks.

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
            lambda *_: _predict_blocks(table, inputs, predictor, answers, attempt, limits),
            schema={**inputs, **answers.schema},
            validate_schema=True,
        )
        if request.format == "csv":
            neutralize_formulas(frames).sink_csv(file)
        else:
            group_rows = _read_batch_rows(len(inputs) + len(answers.schema), limits)
            frames.sink_parquet(file, row_group_size=group_rows)
    return ResultFile(file, request.format, name)


def _predict_blocks(
    table: StoredTable,
    inputs: pl.Schema,
    predictor: Predictor,
    answers: PredictionColumns,
    attempt: Attempt,
    limits: BatchLimits,
) -> Iterator[pl.DataFrame]:
    """Predict the rows of the file, block by block."""
    features = {feature.name for feature in predictor.encoding.features}
    names = [name for name in table.types if name in inputs or name in features]
    at_once, block_rows = _read_batch_rows(len(names), limits), _prediction_block_rows(predictor, limits)
    count = 0
    for start in range(0, table.rows, at_once):
        read = table.frame.select(names).slice(start, at_once).collect()
        for block in read.iter_slices(block_rows):
            if attempt.should_stop():
                raise JobStopped("not every row was predicted")
            attempt.report(JobProgress("predict", count / table.rows, f"{count:,} of {table.rows:,} rows"))
            yield pl.DataFrame([*(block[name] for name in inputs), *answers.predict_block(block)])
            count += block.height


def _read_batch_rows(columns: int, limits: BatchLimits) -> int:
    return max(1, min(limits.max_read_rows, limits.max_read_cells // columns))


def _prediction_block_rows(predictor: Predictor, limits: BatchLimits) -> int:
    width = len(predictor.encoding.names) + len(predictor.classes or ())
    rows = limits.max_block_activations // max(predictor.network.edge_count, width)
    return max(limits.min_block_rows, min(limits.max_block_rows, rows))
