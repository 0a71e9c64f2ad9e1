"""The decision numbers of the search, each with its reason or what was measured."""

from __future__ import annotations

from dataclasses import dataclass

from kan_engine.assessment.thresholds import DEFAULT_ASSESSMENT, AssessmentThresholds
from kan_engine.compact.thresholds import DEFAULT_COMPACT, CompactThresholds
from kan_engine.data.thresholds import DEFAULT_DATA, DataThresholds
from kan_engine.formulas.strategies.growth.thresholds import DEFAULT_FRONT, FrontThresholds
from kan_engine.inference.thresholds import DEFAULT_INFERENCE, InferenceThresholds
from kan_engine.model_selection.thresholds import DEFAULT_SELECTION, SelectionThresholds
from kan_engine.structure.thresholds import DEFAULT_STRUCTURE, StructureThresholds
from kan_engine.training.thresholds import DEFAULT_TRAINING, TrainingThresholds


@dataclass(frozen=True, kw_only=True)
class MonotoneThresholds:
    """Sums of monotone curves.

    Attributes:
        grid_sizes: Tried on the validation rows.
        min_rows_per_interval: Of a grid, so that a curve is not left to its smoothing alone.
        smoothings: Penalties of the squared second differences of the coefficients, tried likewise.
        ridge: Added to the mean squares, which determines what the rows leave open.
        max_columns: Of a wider table, the most relevant ones: the work grows with their cube.
        max_rows: Rows that curves are fitted to; more hardly change them.
    """

    grid_sizes: tuple[int, ...] = (2, 4, 8, 16)
    min_rows_per_interval: int = 5
    smoothings: tuple[float, ...] = (1e-6, 1e-4, 1e-2, 1.0)
    ridge: float = 1e-9
    max_columns: int = 40
    max_rows: int = 20_000


DEFAULT_MONOTONE = MonotoneThresholds()


@dataclass(frozen=True, kw_only=True)
class SearchThresholds:
    """Where the search decides one way or the other. Errors are over the spread of the target.

    Attributes:
        search_time_share: Of the time of a job; the rest is for the compact network, the front of
            formulas and checks.
        compact_growth_time_share: Of the same; compact networks grow no further then.
        compact_time_share: Of the same; the search for compact networks ends then, however slow the machine.
            The time between is for the fit to all training rows and the cross-validation.
        law_time_share: Of the time of a job, after whose work on one core a law search without success ends.
        law_of_solution_seconds: Work of the search for the law of a solved equation.

        max_structure_inputs: Encoded columns, beyond which a law search uses a selection.
        max_selected_columns: Size of that selection; formulas are extracted from at most 24 edges.
        max_rows: Rows to fit of a law search; more do not change which law is selected.
        max_validation_rows: The same of the rows that validate.
        max_final_values: Rows times constants of a last fit to all rows; so many take about a second.

        max_log_odds: Beyond it probabilities are practically 0 or 1; formulas need not follow.
        min_validation_rows: Below which the error of an adequate structure is measured by cross-validation.
        max_resampling_steps: When a structure is refitted to some of its rows.

        max_rounding_error: RMSE that is attributed to rounding.
        few_rows_rmse_ratio: Of RMSEs, below which even a formula with many constants is better.
        max_constant_digits: Of the constants of an exponential, which are not refitted.

        min_second_order_gain: Of losses, by which a second-order network must be better than the climb: on
            data without noise it is better by orders of magnitude.
        tie_factor: Between losses of networks that count as equally good.
        max_retry_loss_factor: Of losses, above which a change is not tried again.
        selection_bias_factor: By which fewer networks may seem better on validation rows than more networks.
        assumed_loss_factor: Of an unfinished step to the lowest loss: neither the best nor beyond a retry.
        min_split_seconds: Estimated seconds of a cross-validated step of the climb from which it is split.
        max_predicted_subtasks: Steps of the climb that other workers may do in advance.
        max_loss_factor: Of the best loss, above which a trial is stopped after ``min_steps``.
        min_steps: Steps on its last grid before a trial is stopped.
        max_rows_for_starts: Of a second-order training; with more, bad minima are rare, and starts slow.

        row_growth_factor: Of the rows of a large table from one fit of the selected network to the next. All
            fits together take half as long again as the last.

        assessment: Of comparisons and verdicts.
        compact: Of the search for networks of few curves.
        monotone: Of networks that rise or fall with some columns.
        data: Of encoding, scaling and splitting.
        front: Of the front of formulas.
        inference: Of calibration, decision rule and optimism correction.
        selection: Of the selection of a network.
        structure: Of the search for small structures.
        training: Of the training of networks.
    """

    search_time_share: float = 0.65
    compact_growth_time_share: float = 0.76
    compact_time_share: float = 0.82
    law_time_share: float = 0.6
    law_of_solution_seconds: float = 10.0

    max_structure_inputs: int = 40
    max_selected_columns: int = 20
    max_rows: int = 1500
    max_validation_rows: int = 750
    max_final_values: int = 5_000_000

    max_log_odds: float = 10.0
    min_validation_rows: int = 50
    max_resampling_steps: int = 12

    max_rounding_error: float = 1e-6
    few_rows_rmse_ratio: float = 0.1
    max_constant_digits: int = 6

    min_second_order_gain: float = 1.5
    tie_factor: float = 1.02
    max_retry_loss_factor: float = 1.03
    selection_bias_factor: float = 1.1
    assumed_loss_factor: float = 1.1
    min_split_seconds: float = 2.0
    max_predicted_subtasks: int = 16
    max_loss_factor: float = 1.1
    min_steps: int = 15
    max_rows_for_starts: int = 5000

    row_growth_factor: int = 3

    assessment: AssessmentThresholds = DEFAULT_ASSESSMENT
    compact: CompactThresholds = DEFAULT_COMPACT
    monotone: MonotoneThresholds = DEFAULT_MONOTONE
    data: DataThresholds = DEFAULT_DATA
    front: FrontThresholds = DEFAULT_FRONT
    inference: InferenceThresholds = DEFAULT_INFERENCE
    selection: SelectionThresholds = DEFAULT_SELECTION
    structure: StructureThresholds = DEFAULT_STRUCTURE
    training: TrainingThresholds = DEFAULT_TRAINING


DEFAULT_THRESHOLDS = SearchThresholds()
