"""The plan of a training, and the rows of its table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kan_engine import SearchConfig, TrainingData, exclude_outliers
from service.documents.training_plan import TrainingPlan
from service.schemas.training import TrainRequest
from service.storage.stored_table import StoredTable
from worker.data.preparation import prepare_data
from worker.pipelines.search_config import make_search_config
from worker.pipelines.thresholds import DEFAULT_PIPELINE, PipelineThresholds


@dataclass(frozen=True, kw_only=True)
class SearchPlan(TrainingPlan):
    """What a training does with its table: made once, and read by every step of the pipeline.

    Attributes:
        config: What the request means for the search.
        thresholds: Decision numbers, except those of the search.
    """

    config: SearchConfig
    thresholds: PipelineThresholds


def make_plan(
    table: StoredTable,
    request: TrainRequest,
    thresholds: PipelineThresholds = DEFAULT_PIPELINE,
    *,
    forbidden_functions: Iterable[str] = (),
    without: frozenset[str] = frozenset(),
) -> SearchPlan:
    """Make the plan of a training on a table.

    Args:
        table: The dataset.
        request: The training.
        thresholds: Decision numbers, except those of the search.
        forbidden_functions: Functions that no formula may contain.
        without: Names of strategies of the search that are left out.
    """
    reports = {report.name: report for report in table.reports}
    form = TrainingPlan(request, reports, table.rows).form
    config = make_search_config(request, forbidden_functions, form=form, without=without)
    return SearchPlan(request, reports, table.rows, config=config, thresholds=thresholds)


def prepare_rows(table: StoredTable, plan: SearchPlan) -> TrainingData:
    """The rows that a search reads: as the request asks, without gross errors.

    Raises:
        InvalidData: No model can be trained on the remaining rows.
    """
    config = plan.config
    return exclude_outliers(
        prepare_data(table, plan, config.thresholds.data),
        seed=config.seed,
        is_ordered=config.is_ordered,
        thresholds=config.thresholds.assessment,
    )
