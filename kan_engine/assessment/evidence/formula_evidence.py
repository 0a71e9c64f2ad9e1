"""Evidence for a formula: errors of other models, residual tests, stability under resampling, and rivals.

A formula is *consistent* with the rows under these conditions. No other model is better on the same folds. A
residual test that would detect a signal of relevant size finds none. Resampled rows lead to formulas with
similar predictions. There are enough rows for its constants. Within the ranges of the columns it was not
found undefined or far beyond the target. It is probable that it is the law, up to its constants. Where the
errors of the rows are known, its residuals do not exceed them. Where one of them fails or the rows cannot
decide, the formula is an *approximation*. Where it is no better than a constant, or worse than a line, it is
*weak*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from kan_engine.assessment.evidence.chi_square import ChiSquare
from kan_engine.assessment.thresholds import DEFAULT_ASSESSMENT, AssessmentThresholds
from kan_engine.formulas.soundness.examination import SoundnessStatus

Verdict = Literal["consistent", "approximation", "weak"]

NETWORK, BOOSTING = "network", "boosting"  # keys of models that a formula is compared with


@dataclass(frozen=True, kw_only=True)
class Searched:
    """The limits of a search for formulas: what it has not found may exist beyond them.

    Attributes:
        functions: That formulas could contain, beside sums, products and powers.
        max_size: Most nodes of a formula.
        max_columns: Most encoded columns that were searched together.
        seconds: That the search took.
        is_complete: Whether every strategy ran to its end before the time was over.
    """

    functions: Sequence[str]
    max_size: int
    max_columns: int
    seconds: float
    is_complete: bool


@dataclass(frozen=True)
class ComparedModel:
    """A model that a formula is compared with.

    Attributes:
        rmse: Its RMSE on the same folds; None if it is not finite.
        is_better: Whether it is better than the formula.
    """

    rmse: float | None
    is_better: bool


@dataclass(frozen=True)
class FormulaEvidence:
    """Measured evidence for a formula.

    Attributes:
        noise: Noise level in the target's units: the known one of the rows, else the out-of-sample RMSE.
        explained: Share of the target's variance that it explains out of sample.
        rows: Number of training rows.
        non_structural_constants: Number of its constants without small integers and rational exponents, which
            may belong to the structure of a law; see ``count_constants``. Of a form, of its fitted constants.
        compared_with: Other models on the same folds, by name.
        beats_constant: Whether the formula is better than a constant.
        p_value: For the hypothesis that the residuals are independent of the columns.
        power: Share of signals of relevant size that the tests of the residuals detect; None without a test.
        stability: Share of resamplings that lead to similar predictions; None if not measured.
        chi_square_per_dof: χ² of the training rows per degree of freedom; None unless their errors are known.
        soundness: Within the ranges of the columns; None in models of earlier versions.
        searched: The limits of the search; None where it is not known.
        probability: That it is the law up to its constants, among the formulas that were searched; None if
            they were not compared.
        none_of_these: Probability that the law is none of them.
        thresholds: Decision numbers of the verdict; they are not stored with a model.
    """

    noise: float | None
    explained: float | None
    rows: int
    non_structural_constants: int
    compared_with: Mapping[str, ComparedModel]
    beats_constant: bool
    p_value: float | None = None
    power: float | None = None
    stability: float | None = None
    chi_square_per_dof: float | None = None
    soundness: SoundnessStatus | None = None
    searched: Searched | None = None
    probability: float | None = None
    none_of_these: float | None = None
    thresholds: AssessmentThresholds = field(default=DEFAULT_ASSESSMENT, repr=False, compare=False)

    @property
    def reasons(self) -> list[dict[str, str]]:
        """Why the formula is not consistent, as codes and texts; empty if it is.

        What was not measured speaks against no formula, but one of which too little was measured is not
        called consistent: without a repeated search, it needs both a residual test and a probability.
        """
        objections = self.objections
        is_untested = self.stability is None and None in (self.p_value, self.probability)
        if not objections and is_untested:
            objections = {"not_resampled": "the search was not repeated on resampled rows"}
        return [{"code": code, "detail": detail} for code, detail in objections.items()]

    @property
    def objections(self) -> dict[str, str]:
        """Reasons against the formula, by code."""
        limits = self.thresholds
        better = ", ".join(name for name, model in self.compared_with.items() if model.is_better)
        sees_signal = self.p_value is not None and self.p_value <= limits.significance_level
        is_blind = self.power is not None and self.power < limits.min_power
        chi_square = self._chi_square
        exceeds = chi_square is not None and chi_square.p_value <= limits.significance_level
        is_stable = self.stability is None or self.stability >= limits.min_stability
        checks = (
            (not self.beats_constant, "no_better_than_constant", "a constant is as good by cross-validation"),
            (bool(better), "others_better", f"better on the same folds: {better}"),
            (
                self.rows < limits.min_rows_per_constant * self.non_structural_constants,
                "too_many_constants",
                f"{self.rows} training rows are few for {self.non_structural_constants} measured constants",
            ),
            (
                exceeds,
                "errors_exceeded",
                "the residuals exceed the given errors of the target: χ² per degree of freedom is "
                f"{self.chi_square_per_dof or 0.0:.3g}",
            ),
            (sees_signal, "signal_left", "the residuals still depend on the columns"),
            (
                is_blind and not sees_signal,
                "rows_cannot_tell",
                "there are too few rows to tell whether the residuals are noise",
            ),
            (
                self.soundness == "violated",
                "unsound",
                "within the ranges of its columns it is undefined or far beyond the target",
            ),
            (not is_stable, "unstable", "resampled rows lead to formulas with different predictions"),
        )
        return {code: detail for holds, code, detail in checks if holds} | self._find_doubts()

    def _find_doubts(self, *, min_probability: float = 0.8) -> dict[str, str]:
        """Why it may not be the law; empty if it is probable, or was not compared with other formulas.

        Args:
            min_probability: Of a consistent formula, that it is the law up to its constants.
        """
        chance, other_law = self.probability, self.none_of_these or 0.0
        if chance is None or chance >= min_probability:
            return {}
        if other_law >= 1 - chance - other_law:
            detail = (
                f"the law may be none of the formulas that were found: this one has probability {chance:.2g}"
            )
            return {"law_uncertain": detail}
        detail = f"other formulas describe the rows nearly as well: this one has probability {chance:.2g}"
        return {"rivals_likely": detail}

    @property
    def _chi_square(self) -> ChiSquare | None:
        if self.chi_square_per_dof is None:
            return None
        degrees = self.rows - self.non_structural_constants
        return ChiSquare(self.chi_square_per_dof * degrees, degrees)

    @property
    def verdict(self) -> Verdict:
        """Verdict that follows from the evidence."""
        linear = self.compared_with.get("linear")
        if not self.beats_constant or (linear is not None and linear.is_better):
            return "weak"
        return "approximation" if self.reasons else "consistent"

    @staticmethod
    def from_dict(
        data: Mapping[str, Any], thresholds: AssessmentThresholds = DEFAULT_ASSESSMENT
    ) -> FormulaEvidence:
        """The inverse of ``to_dict``; ignores unknown fields."""
        models = {name: ComparedModel(**entry) for name, entry in data["compared_with"].items()}
        values = {name: data[name] for name in STORED_FIELDS if name in data}
        values.setdefault("non_structural_constants", data.get("constants"))  # its name in earlier versions
        if values.get("searched") is not None:
            values["searched"] = Searched(**values["searched"])
        return FormulaEvidence(**values | {"compared_with": models}, thresholds=thresholds)

    def to_dict(self) -> dict[str, Any]:
        """The evidence as JSON, without its thresholds."""
        document = {name: getattr(self, name) for name in STORED_FIELDS}
        document["searched"] = None if self.searched is None else asdict(self.searched)
        return document | {
            "compared_with": {name: asdict(model) for name, model in self.compared_with.items()}
        }


STORED_FIELDS = tuple(field.name for field in fields(FormulaEvidence) if field.name != "thresholds")
