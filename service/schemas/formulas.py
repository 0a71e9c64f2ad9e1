"""The formulas of a model: the worker fills these schemas, a model keeps them, and the API sends them.

The order of the fields is that of the members in JSON. What a worker does not set is neither stored nor sent.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from service.schemas.common import ExtensibleModel, is_null

Tree = Annotated[
    SkipJsonSchema[dict[str, Any] | None],  # a model keeps it; the API does not send it
    Field(description="The formula as ``kan_engine.from_json`` reads it."),
]

Size = Annotated[
    int | None,
    Field(description="Number of nodes of the formula's tree in SymPy; null in models of earlier versions."),
]


LogLoss = Annotated[
    float | None,
    Field(
        description="Of the classifier with this formula and the formulas of all other outputs, on the rows "
        "of the other errors; null for a regression, and in models of earlier versions."
    ),
]

UnitStatus = Annotated[
    Literal["adds_up", "does_not_add_up", "unknown"] | None,
    Field(
        description="Whether the units add up, with units of the measured constants that make them do so; "
        "null where no column has a unit."
    ),
]


SoundnessStatus = Literal["proved", "sampled", "violated"]


class SoundOut(ExtensibleModel):
    """Whether a formula is defined and bounded all over the ranges of its columns, not only at the rows."""

    status: SoundnessStatus = Field(
        description="`proved` by interval arithmetic; `sampled`: nothing was found at thousands of points; "
        "`violated`: it is undefined, infinite, or far beyond the values of the target at a point."
    )
    at: dict[str, float] | None = Field(default=None, description="Such a point, by column.")
    value: float | None = Field(
        default=None, description="Of the formula there; null where it is undefined or infinite."
    )
    is_far: bool = Field(
        default=False,
        description="Whether such points were found only within the ranges, but far from any row.",
    )


Sound = Annotated[SoundOut | None, Field(description="Null for a classifier and a density.")]


Probability = Annotated[
    float | None,
    Field(
        description="That it is the law up to its constants, among the formulas that were searched. Formulas "
        "that give the same values with certain constants share it. Null where formulas were not compared."
    ),
]


class DifferenceOut(BaseModel):
    """By how much a rival differs from the best formula, in units of the target, and where most."""

    mean: float = Field(description="Mean absolute difference at the training rows.")
    column: str | None = Field(
        default=None, description="They differ most where it is `above` or `below` an end; null if nowhere."
    )
    above: float | None = None
    below: float | None = None
    there: float | None = Field(default=None, description="Mean absolute difference beyond that end.")


class ParetoOut(ExtensibleModel):
    """Another formula: smaller than the best one, more accurate, or a rival that may be the law instead."""

    expression: str
    tree: Tree = Field(default=None, exclude_if=is_null)
    law: str | None = Field(default=None, exclude_if=is_null, description="Name of the law, for a density.")
    unit_status: UnitStatus = None
    sound: Sound = None
    probability: Probability = None
    differs: DifferenceOut | None = Field(
        default=None, exclude_if=is_null, description="Of a rival: from the best formula."
    )
    complexity: int
    size: Size = None
    mean_log_likelihood: float | None = Field(
        default=None, exclude_if=is_null, description="For a density, as of the best formula."
    )
    rmse: float | None
    r2: float | None
    log_loss: LogLoss = None


class ConstantOut(BaseModel):
    """A measured constant of a formula, with its standard error."""

    value: float
    standard_error: float | None = Field(
        description="With all constants of the formula free, also those that the search has rounded. Null "
        "where there are no more rows than constants, where the rows do not determine the constant beside "
        "the others (see `undetermined`), and at a bound of a form."
    )
    unit: str | None = Field(
        default=None,
        description="The unit that makes the formula add up, in the units of the columns; empty for none, "
        "null where it is not known.",
    )
    name: str | None = Field(
        default=None, description="The constant of nature with this value and unit, within the error."
    )
    symbol: str | None = Field(
        default=None,
        description="Its name in the form of the request, such as `a`, or `a[A]` of group `A`; null without "
        "a form.",
    )


class ParameterOut(BaseModel):
    """A parameter of a law, with its 95 % confidence interval."""

    name: str
    value: float
    standard_error: float | None
    low: float | None
    high: float | None


class LawOut(ExtensibleModel):
    """The closed-form law of a density."""

    name: str = Field(description="Such as `normal`, `exponential`, `mixture of two normal laws`.")
    parameters: list[ParameterOut]
    level: float = Field(description="Confidence level of the intervals.")
    support: dict[str, list[float | None]] = Field(
        description="Range of each column with nonzero density; null for an infinite end."
    )
    p_value: float = Field(description="Of the goodness-of-fit test, on rows left out of the fit.")


class FormulaOut(ExtensibleModel):
    """A formula for one output, with its errors on the hold-out rows."""

    name: str
    expression: str = Field(description="For `sympy.sympify`, with `locals` naming the columns.")
    latex: str
    symbols: dict[str, str] = Field(
        description="Names in the expression that are not columns, with the column or the meaning of each."
    )
    derived: dict[str, dict[str, Any]] = Field(
        default={},
        description="Variables that are not columns: each has its `column` and a condition, `equals`, "
        "`other_than` or `missing`. The variable is 1 where the condition holds, else 0.",
    )
    fills: dict[str, float] = Field(
        default={},
        description="Value that replaces a missing one, for columns that had missing values in training.",
    )
    tree: Tree = Field(default=None, exclude_if=is_null)
    complexity: int
    size: Size = None
    mean_log_likelihood: float | None = Field(
        default=None,
        description="For a density, on the hold-out rows. It replaces `rmse`, `r2` and `max_error`, which "
        "are null: there are no true values to compare with.",
    )
    rmse: float | None
    r2: float | None
    log_loss: LogLoss = None
    max_error: float | None
    domain: dict[str, Any] = Field(
        description="Smallest and largest value of each variable in the training rows."
    )
    law: LawOut | None = Field(default=None, description="For a density.")
    constants: list[ConstantOut] = Field(
        default=[],
        description="Measured constants in the order of the formula's tree, or those of the form. If the "
        "formula is exact, numbers recognised as exact, such as 2 or pi, are not among them. If it is not, "
        "numbers such as 5 or 1/4 are rounded measured ones, and are.",
    )
    undetermined: list[list[int]] = Field(
        default=[],
        description="Sets of indices of `constants` that the rows do not determine one by one: other values "
        "of a set fit as well, so that its constants have no standard errors.",
    )
    unit_status: UnitStatus = None
    exact_units: list[tuple[float, str]] = Field(
        default=[], description="Exact numbers of the formula that carry a unit, in their order."
    )
    sound: Sound = None
    probability: Probability = None
    rivals: list[ParetoOut] = Field(
        default=[], description="Other formulas that may be the law, at most five, the most probable first."
    )
    pareto: list[ParetoOut] = Field(
        default=[], description="Formulas that no other beats in size and error, the smallest first."
    )
    quantity: Literal["value", "log-odds", "logit", "density"] = Field(
        default="value",
        description="What the formula gives: the `value` of the target; a `density`, which integrates to 1; "
        "the `log-odds` of the second of two classes, whose probability is 1/(1 + exp(-value)); "
        "or the `logit` of one of several classes, whose probabilities are the softmax over the "
        "outputs.",
    )
    units: dict[str, str] = Field(
        default={}, description="Units of the columns in the formula, and of the output, by name."
    )


class ComparisonOut(BaseModel):
    """Another model, compared with the formula on the same folds."""

    rmse: float | None
    is_better: bool = Field(description="Whether it is significantly better than the formula.")


class ReasonOut(BaseModel):
    """Why a formula is not consistent with the data."""

    code: str = Field(description="Stable code of the reason.")
    detail: str


class SearchedOut(BaseModel):
    """The limits of the search: what was not found may exist beyond them."""

    functions: list[str] = Field(description="That formulas could contain, beside sums, products and powers.")
    max_size: int = Field(description="Most nodes of a formula.")
    max_columns: int = Field(description="Most encoded columns that were searched together.")
    seconds: float = Field(description="That the search took.")
    is_complete: bool = Field(
        description="Whether every strategy ran to its end. Otherwise a longer `max_seconds` may find more."
    )


class EvidenceOut(BaseModel):
    """Evidence for the verdict; all errors are on rows that the constants were not fitted to."""

    model_config = ConfigDict(extra="ignore")

    noise: float | None = Field(
        description="Noise level in the target's units: with `target_error` that of the given errors, else "
        "the RMSE of the formula."
    )
    explained: float | None = Field(description="Share of the target's variance that the formula explains.")
    rows: int = Field(description="Training rows.")
    non_structural_constants: int | None = Field(
        default=None,
        description="Those that the verdict compares with the number of rows, and `max_constants` limits: "
        "also rounded ones such as 0.25, but neither small integers nor rational exponents, which may belong "
        "to the structure of a law. Null for models of earlier versions.",
    )
    compared_with: dict[str, ComparisonOut] = Field(
        description="Other models: `constant`, `linear`, `log_linear` (the exponential of a line), "
        "`boosting`, `network`."
    )
    beats_constant: bool | None = Field(
        default=None, exclude_if=is_null, description="Whether the formula is better than a constant."
    )
    p_value: float | None = Field(
        description="Of a test whether the formula's residuals depend on the columns; null if not tested."
    )
    power: float | None = Field(
        description="Share of planted signals of half the noise that the same test detects in these rows."
    )
    stability: float | None = Field(
        description="Share of resamplings of the rows that lead to a formula with similar predictions; null "
        "if not measured."
    )
    chi_square_per_dof: float | None = Field(
        default=None,
        description="With `target_error`: χ² of the training rows per degree of freedom, their number minus "
        "that of the constants. Near 1 the residuals are as large as the errors; far above 1 the formula "
        "misses something, or the errors are too small; far below 1 the errors are too large.",
    )
    soundness: SoundnessStatus | None = Field(
        default=None, exclude_if=is_null, description="`status` of `sound` of the formula."
    )
    searched: SearchedOut | None = Field(
        default=None, description="Null for models of earlier versions and of revisions."
    )
    probability: Probability = None
    none_of_these: float | None = Field(
        default=None,
        description="Probability that the law is none of the formulas that were found. Null where they were "
        "not compared.",
    )
    constants: int = Field(
        description="Measured constants of the formula, as many as its `constants` lists; in models of "
        "earlier versions the same as `non_structural_constants`."
    )
    reasons: list[ReasonOut] = Field(description="Why the verdict is not `consistent`; empty if it is.")


class FormConstantOut(BaseModel):
    """A constant of a form, with its interval."""

    name: str
    value: float
    standard_error: float | None = Field(
        description="Null if the constant is held, at a bound, or not determined by the rows."
    )
    low: float | None = Field(description="Lower end of the interval; null where the rows do not limit it.")
    high: float | None = Field(description="Upper end of the interval; null where the rows do not limit it.")
    is_held: bool = Field(description="Whether the request gave its value.")
    is_at_bound: bool = Field(description="Whether the form fits better beyond a bound of the constant.")


class FreeFormulaOut(ExtensibleModel):
    """The best formula of the free search, to compare a form with."""

    tree: Tree = Field(default=None, exclude_if=is_null)
    complexity: int
    size: Size = None
    rmse: float | None = Field(description="On the same rows as that of the form.")
    r2: float | None
    unit_status: UnitStatus = None
    log_loss: LogLoss = None
    sound: Sound = None
    probability: Probability = None
    out_of_sample_rmse: float | None = Field(description="On the same folds as that of the form.")
    is_better: bool = Field(
        description="Whether it is significantly better than the form on these folds, and not a case of it."
    )
    is_case_of_form: bool = Field(
        default=False,
        description="Whether it is the form with certain constants, such as rounded ones. It then shows "
        "nothing that the form misses, whatever its error is.",
    )
    expression: str


class FormFunctionOut(ExtensibleModel):
    """An unknown function of a form, as it was read."""

    name: str
    columns: list[str]
    expression: str


class FormGroupsOut(ExtensibleModel):
    """Which constants of a form are a group's own."""

    column: str
    groups: list[str]
    own: list[str] = Field(description="Constant `a` of group `A` is `a[A]` in `constants`.")
    shared: list[str]


class FormOut(ExtensibleModel):
    """The form of the request, which is the first formula, beside the best formula of the free search."""

    text: str = Field(description="As in the request.")
    tree: Tree = Field(default=None, exclude_if=is_null)
    constants: list[FormConstantOut]
    correlation: list[list[float]] = Field(
        description="Correlation of the constants that are not held, in their order."
    )
    warnings: list[str] = Field(default=[], description="What limits the use of the constants.")
    functions: list[FormFunctionOut] = Field(
        default=[],
        description="Unknown functions of the form. Their constants are among `constants`, such as `f[1]`.",
    )
    groups: FormGroupsOut | None = Field(default=None, description="If the request had `per_group`.")
    level: float = Field(description="Confidence level of the intervals of constants.")
    out_of_sample_rmse: float | None = Field(
        description="By cross-validation, with constants fitted to other rows."
    )
    free: FreeFormulaOut | None = Field(description="Null if the search found no formula.")


class SymbolicDocument(ExtensibleModel):
    """The formulas of a model as it keeps them."""

    exact: bool = Field(
        description="Whether the error of every formula is below 1e-7 of the spread of its output."
    )
    verdict: Literal["exact", "consistent", "approximation", "weak"] = Field(
        default="approximation",
        description="`exact`: see `exact`. `consistent` with the data: no other model is better, the "
        "residuals hold no detectable signal, resampled rows lead to a formula with similar predictions, and "
        "its probability is at least 0.8. `approximation`: no compact formula that explains the data was "
        "found; this is the best trade-off between error and length. `weak`: no better than a constant, or "
        "worse than a line.",
    )
    evidence: EvidenceOut | None = Field(
        default=None, description="Evidence for the verdict; only for regressions."
    )
    outputs: list[FormulaOut]
    serves_within: tuple[float | None, float | None] | None = Field(
        default=None,
        description="Bounds of the answers of an inexact formula that answers in place of the network, "
        "because its out-of-sample error is lower. Two nulls for a line, which is not bounded. "
        "Null where the network or an exact formula answers.",
    )
    measured_on: str | None = Field(
        default=None,
        exclude_if=is_null,
        description="Rows of the errors: `hold-out`, `training` if none were held out, or `points of the "
        "domain` of solved equations.",
    )
    form: FormOut | None = Field(default=None, description="If the request had a `form`.")
    equation_residual: float | None = Field(
        default=None,
        exclude_if=is_null,
        description="For solved equations: largest residual of the formulas in them, relative to its terms.",
    )
    condition_residual: float | None = Field(
        default=None, exclude_if=is_null, description="The same in the conditions."
    )


class SymbolicOut(SymbolicDocument):
    """Formulas of the model in the client's columns and units."""

    model_id: str


class LanguageOut(BaseModel):
    """A language of formulas."""

    name: str = Field(description="The value of `format`.")
    title: str


class ModelFormatOut(BaseModel):
    """A file format of models."""

    name: str = Field(description="The value of `format`.")
    title: str
    about: str = Field(description="What it is for.")
    ending: str = Field(description="Of file names, without a dot.")


class FormatsOut(BaseModel):
    """All formats."""

    formulas: list[LanguageOut]
    models: list[ModelFormatOut]
