"""Rows as a training reads them, without a database."""

from kan_engine import TrainingData
from kan_engine.data.thresholds import DEFAULT_DATA, DataThresholds
from service.documents.training_plan import TrainingPlan
from service.schemas.training import TrainRequest
from service.storage.stored_table import StoredTable
from worker.data import preparation


def plan_training(table: StoredTable, request: TrainRequest) -> TrainingPlan:
    """The plan of a training on a table."""
    return TrainingPlan(request, {report.name: report for report in table.reports}, table.rows)


def prepare_data(
    table: StoredTable, request: TrainRequest, thresholds: DataThresholds = DEFAULT_DATA
) -> TrainingData:
    """The rows of a table, as a training asks for them."""
    return preparation.prepare_data(table, plan_training(table, request), thresholds)
