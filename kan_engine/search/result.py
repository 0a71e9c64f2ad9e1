"""The results of the searches: a network to serve, or a small law."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from kan_engine.assessment.evidence.formula_evidence import FormulaEvidence
from kan_engine.compact.path import CompactPath
from kan_engine.data.scaling import Standardizer, TargetScaler
from kan_engine.data.training_data import TrainingData
from kan_engine.expressions.evaluation import Expression, from_json, to_json
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.core.thresholds import MAX_EXACT_ERROR
from kan_engine.formulas.forms.fitted_form import FittedForm
from kan_engine.inference.network_member import NetworkMember
from kan_engine.inference.optimism import OptimismCorrection
from kan_engine.inference.predictor import Predictor
from kan_engine.network.kan import KAN
from kan_engine.search.config import Member, Serve
from kan_engine.training.loop import TrainingStep

RELATIVE_WARNING = (
    "the errors of the target grow with it: for the formula, rows count by the inverse square of the target; "
    "target_error names a column with their standard deviation"
)


@dataclass(frozen=True)
class GridStage:
    """A network, refined from grid to grid, on one of the grids.

    Attributes:
        network: At the step with the lowest validation loss.
        seconds: Training time up to the last step on this grid.
    """

    network: KAN
    seconds: float


@dataclass(frozen=True)
class FormResult:
    """A fitted form, and the best formula of the free search.

    Attributes:
        rmse: Of the form, out of sample; None if it is not finite.
        free: None if there is no such formula.
        contains_free: Whether the form with certain constants is that formula.
    """

    fitted: FittedForm
    rmse: float | None
    free: Expression | None = None
    contains_free: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON."""
        return {
            "fitted": self.fitted.to_dict(),
            "rmse": self.rmse,
            "free": None if self.free is None else to_json(self.free),
            "contains_free": self.contains_free,
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> FormResult:
        """The inverse of ``to_dict``."""
        free = data["free"]
        return FormResult(
            FittedForm.from_dict(data["fitted"]),
            data["rmse"],
            None if free is None else from_json(free),
            data["contains_free"],
        )


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """The network to serve, with its formulas and errors.

    Attributes:
        is_straight: Whether it is a line or the exponential of one, which extrapolates.
        judged: The network before it was trained on the validation rows, which measures its out-of-sample
            quality; the same network if it never was.
        history: Steps of its training.
        device: Device that it was trained on.
        formulas: Formulas in the client's columns per output, best first.
        rivals: Other formulas that may be the law of a regression, the most probable first, some of which are
            among ``formulas``.
        evidence: For the best formula; only of a regression.
        formula_errors: Like ``errors``, for the best formula.
        answers: The member that answers by default, unless the formula is exact.
        is_cut: Whether the law search was ended early to leave time for larger networks.
        formula_of: ``network`` if the formulas were extracted from the served network, ``law`` if they were
            found separately, ``form`` if the client gave the first one.
        errors: Out-of-sample absolute errors on the training rows, NaN where unknown; of a classifier, roots
            of the log loss. See ``kan_engine.assessment.cross_validation``.
        warnings: Warnings for the client.
        contest: The errors of all compared candidates, for the optimism correction of a regression.
        fitted_rows: Number of rows that the network is fitted to; None for the fit rows.
        dropped: For every unused input, the error relative to the spread, before and after dropping it.
        stages: The network on every grid of a requested schedule.
        compact: Networks of few curves; None until they are searched.
        linear: A line, its exponential, logistic regression or a constant; None until it is fitted.
        form: The client's form and the best other formula, if its form is the first one.
    """

    network: KAN
    inputs: Standardizer
    scaler: TargetScaler | None
    judged: KAN
    is_straight: bool = False
    history: tuple[TrainingStep, ...] = ()
    optimizer: str = "levenberg_marquardt"
    device: str = "cpu"
    formulas: list[list[Formula]] = field(default_factory=list)
    rivals: tuple[Formula, ...] = ()
    evidence: FormulaEvidence | None = None
    formula_errors: np.ndarray = field(default_factory=lambda: np.zeros(0))
    answers: Member = "accurate"
    is_cut: bool = False
    formula_of: str = "network"
    errors: np.ndarray = field(default_factory=lambda: np.zeros(0))
    warnings: tuple[str, ...] = ()
    contest: OptimismCorrection | None = None
    dropped: dict[str, tuple[float, float]] = field(default_factory=dict)
    fitted_rows: int | None = None
    stages: tuple[GridStage, ...] = ()
    compact: CompactPath | None = None
    linear: NetworkMember | None = None
    form: FormResult | None = None

    @property
    def has_exact_formulas(self) -> bool:
        """Whether the first formula of every output is exact."""
        return bool(self.formulas) and all(part and part[0].error < MAX_EXACT_ERROR for part in self.formulas)

    def answer_by(self, serve: Serve) -> SearchResult:
        """The result with the member of a request; with ``auto`` it stays."""
        return self if serve == "auto" else replace(self, answers=serve)

    def add_warnings(self, *warnings: str) -> SearchResult:
        """The result with further warnings."""
        return replace(self, warnings=(*self.warnings, *warnings))

    def count_unused_rows(self, data: TrainingData) -> int:
        """Number of training rows that the network is not fitted to and that do not validate."""
        return data.available_count - len(data.validation) - (self.fitted_rows or len(data.fit))

    @staticmethod
    def from_predictor(predictor: Predictor, **fields: Any) -> SearchResult:
        """A result that serves the network of a predictor, with these further fields."""
        network = predictor.network
        return SearchResult(
            network=network,
            judged=network,
            inputs=predictor.inputs,
            scaler=predictor.outputs,
            compact=None if predictor.compact is None else predictor.compact.path,
            linear=predictor.linear,
            **{"answers": predictor.answering_name, **fields},
        )


@dataclass(frozen=True, kw_only=True)
class SmallLaw:
    """A small law as a network that can serve.

    Attributes:
        found: The network with its formulas, and the out-of-sample errors of both.
        is_clear: Whether it explains the data, so that no larger network is needed.
    """

    found: SearchResult
    is_clear: bool

    @property
    def has_relative_errors(self) -> bool:
        """Whether the errors of the target grow with it."""
        return RELATIVE_WARNING in self.found.warnings

    def is_explained(self, max_complexity: int) -> bool:
        """Whether a formula of at most this complexity is consistent with the rows."""
        evidence = self.found.evidence
        is_consistent = evidence is not None and evidence.verdict == "consistent"
        return is_consistent and self.found.formulas[0][0].complexity <= max_complexity
