"""The formulas of a model: what they are, what they are worth, and what their verdict rests on."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

FormulaFormat = Literal[
    "json", "text", "latex", "python", "numpy", "c", "sql", "javascript", "excel", "mathml"
]


class ParetoOut(BaseModel):
    """A formula that is simpler, or closer, than the one chosen."""

    model_config = ConfigDict(extra="allow")

    expression: str
    complexity: int
    rmse: float | None
    r2: float | None


class ConstantOut(BaseModel):
    """A measured number of a formula, and how far noise may have moved it."""

    value: float
    standard_error: float


class ParameterOut(BaseModel):
    """A parameter of a law, with the interval that holds it with a probability of 95 %."""

    name: str
    value: float
    standard_error: float | None
    low: float | None
    high: float | None


class LawOut(BaseModel):
    """The closed law of a density."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(description="Such as `normal`, `exponential`, `mixture of two normal laws`.")
    parameters: list[ParameterOut]
    level: float = Field(description="Probability with which an interval holds its parameter.")
    support: dict[str, list[float | None]] = Field(
        description="Range of each column within which the density is not 0; null where there is no end."
    )
    p_value: float = Field(description="Of its goodness of fit, by rows left out of the fit.")


class FormulaOut(BaseModel):
    """A formula for one output, with its errors on the hold-out rows."""

    model_config = ConfigDict(extra="allow")

    name: str
    expression: str = Field(description="For `sympy.sympify`, with `locals` naming the columns.")
    latex: str
    symbols: dict[str, str] = Field(
        description="Names in the expression that are no columns, and the column, or the meaning, of each."
    )
    quantity: Literal["value", "log-odds", "logit", "density"] = Field(
        default="value",
        description="What the formula gives: the `value` of the target; a `density`, which "
        "integrates to 1; the `log-odds` of the second of two "
        "classes, whose probability is 1/(1 + exp(-value)); or the `logit` of one class of several, whose "
        "probabilities are the softmax over the outputs.",
    )
    units: dict[str, str] = Field(
        default={}, description="Units of the columns in the formula, and of the output, by name."
    )
    derived: dict[str, dict[str, Any]] = Field(
        default={},
        description="Variables that are no columns: the `column` of each, and what it `equals`, is "
        "`other_than`, or that it is `missing` where the variable is 1; elsewhere it is 0.",
    )
    fills: dict[str, float] = Field(
        default={}, description="What stands for a missing value, for columns that had some in training."
    )
    complexity: int
    r2: float | None
    rmse: float | None
    max_error: float | None
    mean_log_likelihood: float | None = Field(
        default=None,
        description="Of a density, on the hold-out rows, in place of `rmse`, `r2` and `max_error`, which "
        "are null: no true values are known to compare it with.",
    )
    law: LawOut | None = Field(default=None, description="Of a density.")
    domain: dict[str, Any] = Field(
        description="Smallest and largest value that training saw of each variable."
    )
    constants: list[ConstantOut] = Field(
        default=[],
        description="The measured numbers of the formula, in the order in which its tree has them; those "
        "that were recognised, such as 2 or pi, are not among them.",
    )
    pareto: list[ParetoOut] = []


class ComparisonOut(BaseModel):
    """Another model beside the formula, on the same folds."""

    rmse: float | None
    is_better: bool = Field(description="Whether it is better than the formula by more than chance.")


class ReasonOut(BaseModel):
    """Why a formula is not consistent with the data."""

    code: str = Field(description="A stable name of the reason.")
    detail: str


class EvidenceOut(BaseModel):
    """What the verdict rests on; all errors are those on rows that the constants were not fitted to."""

    model_config = ConfigDict(extra="ignore")

    noise: float | None = Field(description="RMSE of the formula, in the target's units.")
    explained: float | None = Field(description="Share of the target's variance that it explains.")
    rows: int = Field(description="Training rows.")
    constants: int = Field(description="Measured constants of the formula.")
    compared_with: dict[str, ComparisonOut] = Field(
        description="Others: `constant`, `linear`, `log_linear` (its exponential), `boosting`, `network`."
    )
    p_value: float | None = Field(
        description="Of a test whether what the formula leaves depends on the columns; null if not tested."
    )
    power: float | None = Field(
        description="Share of planted signals of half the noise that the same test finds in these rows."
    )
    stability: float | None = Field(
        description="Share of resamplings of the rows that lead to a formula that predicts alike; null if it "
        "was not looked for again."
    )
    reasons: list[ReasonOut] = Field(description="Why the verdict is not `consistent`; empty if it is.")


class SymbolicOut(BaseModel):
    """The network read off as formulas in the client's columns and units."""

    model_config = ConfigDict(extra="allow")

    model_id: str
    exact: bool = Field(description="Every formula is right to 1e-7 of the spread of its output.")
    verdict: Literal["exact", "consistent", "approximation", "weak"] = Field(
        default="approximation",
        description="`exact` as above; `consistent` with the data: no other model is better, what the "
        "formula leaves holds no signal that the rows could show, and resampled rows lead to it again; "
        "`approximation`: no compact formula was found that explains the data, this is the best trade-off "
        "between error and length; `weak`: no better than a constant, or worse than a line.",
    )
    evidence: EvidenceOut | None = Field(
        default=None, description="What the verdict rests on; of regressions alone."
    )
    serves_within: tuple[float | None, float | None] | None = Field(
        default=None,
        description="Bounds of its answers where it answers in place of the network without being exact, "
        "since it predicts rows not seen better; two nulls where it is a line, which goes on. Null where the "
        "network answers, or an exact formula.",
    )
    outputs: list[FormulaOut]
