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
        ridge: Added to the mean squares, which determines what the rows leave open.
        max_columns: Of a wider table, the most relevant ones: the work grows with their cube.
        max_rows: Rows that curves are fitted to; more hardly change them.
    """

    grid_sizes: tuple[int, ...] = (2, 4, 8, 16)
    min_rows_per_interval: int = 5
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
        compact_growth_time_share: Of the time of a job; compact networks grow no further then.
        compact_time_share: Of the time of a job; the search for compact networks ends then, however slow the
            machine.
        law_time_share: Of the time of a job, after whose work on one core a law search without success ends.

        max_structure_inputs: Encoded columns, beyond which a law search uses a selection.
        max_selected_columns: Size of that selection; formulas are extracted from at most 24 edges.
        max_rows: Rows to fit of a law search; more do not change which law is selected.
        max_final_values: Rows times constants of a last fit to all rows; so many take about a second.

        max_log_odds: Beyond it probabilities are practically 0 or 1; formulas need not follow.

        selection_bias_factor: By which fewer networks may seem better on validation rows than more networks.
        max_loss_factor: Of the best loss, above which a trial is stopped after ``min_steps``.
        min_steps: Steps on its last grid before a trial is stopped.
        max_rows_for_starts: Of a second-order training; with more, bad minima are rare, and starts slow.

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

    max_structure_inputs: int = 40
    max_selected_columns: int = 20
    max_rows: int = 1500
    max_final_values: int = 5_000_000

    max_log_odds: float = 10.0

    selection_bias_factor: float = 1.1
    max_loss_factor: float = 1.1
    min_steps: int = 15
    max_rows_for_starts: int = 5000

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
