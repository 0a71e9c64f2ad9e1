"""Schemas of the data for a model's figures."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from service.schemas.common import ExtensibleModel, is_null

ThemeName = Literal["light", "dark"]
LanguageName = Literal["en", "ru"]
NumberList = list[float | None]


class ParityOut(ExtensibleModel):
    """True and predicted values of the same rows, in the target's units; null without a prediction."""

    true: NumberList
    predicted: NumberList
    numbers: list[int] | None = Field(
        default=None,
        description="Number of each row in the dataset, from 0; null in models of earlier versions.",
    )


class ConfusionOut(ExtensibleModel):
    """Confusion matrix."""

    classes: list[str] = Field(description="If there are more than 40, the rarest share the last entry.")
    counts: list[list[int]] = Field(
        description="A list per true class: the number of rows predicted as each class."
    )


class RocOut(ExtensibleModel):
    """ROC curve of a class, thinned to at most 200 points."""

    model_config = ConfigDict(populate_by_name=True)

    class_: str = Field(alias="class", description="This class against all others.")
    auc: float = Field(description="Area under the whole curve.")
    false_positive_rate: list[float]
    true_positive_rate: list[float]


class ReliabilityOut(ExtensibleModel):
    """Calibration curve: ten bins of equal width; null in bins without rows."""

    model_config = ConfigDict(populate_by_name=True)

    class_: str | None = Field(
        alias="class",
        description="The class of the probability; null if more than two classes are combined.",
    )
    mean_probability: NumberList
    observed_share: NumberList = Field(description="Share of the bin's rows that belong to the class.")
    count: list[int]


class CurveOut(ExtensibleModel):
    """Predictions of one output over the values of a feature."""

    output: str = Field(description="The target, or the class of the probability.")
    mean: NumberList = Field(description="Partial dependence: the mean over a sample of training rows.")
    low: NumberList | None = Field(description="The 10 % quantile of the curves of single rows.")
    high: NumberList | None = Field(description="The 90 % quantile.")


class EffectOut(ExtensibleModel):
    """Effect of one feature on the predictions, with all other features as in rows of the data."""

    name: str
    type: str
    values: list[Any] = Field(
        description="41 points of the training range, or every category; null is missing."
    )
    curves: list[CurveOut] = Field(
        description="One curve, for the target or the second of two classes; for more classes one each, for "
        "the 12 most frequent, without quantiles."
    )
    deciles: NumberList | None = Field(
        description="For numbers: smallest value, nine deciles and largest value of the training rows."
    )
    shares: list[float] | None = Field(description="For other types: the share of training rows by value.")


class WeightOut(ExtensibleModel):
    """Increase of the error when the values of a feature are shuffled among the rows."""

    name: str
    mean: float | None = Field(description="0 for a feature that the network does not use.")
    std: float | None


class ImportanceOut(ExtensibleModel):
    """Permutation importance, the most important feature first."""

    metric: Literal["rmse", "log_loss"] = Field(
        description="Type of the error; the RMSE is in the target's units."
    )
    error: float | None = Field(description="The error without shuffling.")
    rows: int
    shuffles: int
    features: list[WeightOut]
    left_out: int = Field(description="Number of features without a result, because there are too many.")


class DensityOut(ExtensibleModel):
    """Density along one column, or over two."""

    columns: list[str]
    axes: list[list[float]] = Field(description="Points along each column.")
    density: list[Any] = Field(
        description="At the points of one column; for two columns, a list per point of the first."
    )
    law: str | None = Field(description="Name of the recognised closed-form law.")
    law_density: list[Any] | None = Field(description="Density of the law at the same points.")
    edges: list[float] | None = Field(description="For one column: ends of the bars of a histogram.")
    bars: list[float] | None = Field(
        description="Heights of the bars: the share of rows divided by the width."
    )
    dots: list[list[float]] | None = Field(description="For two columns: a sample of at most 1,000 rows.")


class UnknownOut(ExtensibleModel):
    """One of the unknown functions of the equations."""

    name: str
    values: list[Any] = Field(
        description="At the points of one variable; for several variables, a list per point of the first."
    )
    measured: list[list[float]] | None = Field(
        description="Measurements over one or two variables, each with its point and value; at most 1,000."
    )


class SolutionOut(ExtensibleModel):
    """The unknowns of solved equations over their domain, to about seven digits."""

    independent: list[str] = Field(description="The first two independent variables, or the only one.")
    axes: list[list[float]] = Field(description="Points along each of them.")
    at: dict[str, float] = Field(description="The middle of a third variable, at which the values are taken.")
    unknowns: list[UnknownOut]


class RowSampleOut(BaseModel):
    """Numbers of rows of the dataset, from 0, in ascending order."""

    training: list[int] = Field(description="Rows that the model was fitted and chosen on.")
    hold_out: list[int] = Field(description="Rows that it was measured on.")


class FiguresDocument(ExtensibleModel):
    """Data for the figures of a model as it keeps them.

    Attributes:
        reference: What evaluations and explanations compare with, as ``InputReference`` of the engine.
        sample: Rows that are drawn with the model.
    """

    measured_on: Literal["hold-out", "training"] = Field(
        description="Rows of all figures except `effects`; `training` if no rows were held out."
    )
    rows: int = Field(description="Number of rows of `parity`, or of `confusion`, `roc` and `reliability`.")
    parity: ParityOut | None = Field(description="For a regression; at most 2,000 rows.")
    confusion: ConfusionOut | None = Field(description="For a classifier; at most 100,000 rows.")
    roc: list[RocOut] | None = Field(
        description="For a classifier: one curve for the second of two classes; otherwise one per class, "
        "for the 20 most frequent. Classes that include no row or every row are omitted."
    )
    reliability: ReliabilityOut | None = Field(description="For a classifier.")
    effects: list[EffectOut] = Field(
        description="For the features that the network uses, the most important first, at most 50."
    )
    importance: ImportanceOut | None = Field(description="Null for a density and for a solution.")
    density: DensityOut | None = Field(default=None, description="For a density.")
    solution: SolutionOut | None = Field(default=None, description="For solved equations.")
    reference: SkipJsonSchema[dict[str, Any] | None] = Field(default=None, exclude_if=is_null)
    sample: SkipJsonSchema[RowSampleOut | None] = Field(default=None, exclude_if=is_null)


class FiguresOut(FiguresDocument):
    """Data for the figures of a model."""

    model_id: str


class ModelColumnOut(BaseModel):
    """Values of an input of a model in the rows."""

    name: str
    importance: float | None = Field(
        description="Increase of the error when the values of the input are shuffled, if it is known."
    )
    values: list[Any] = Field(description="One per row; null is missing.")


class ModelRowsOut(BaseModel):
    """A sample of the rows that a model was trained and measured on."""

    model_id: str
    dataset_id: str
    numbers: list[int] = Field(description="Numbers of the rows in the dataset, from 0, in ascending order.")
    parts: list[Literal["training", "hold-out"]] | None = Field(
        description="One per row: `hold-out` rows are those of `metrics`. Null for models of earlier "
        "versions, which did not keep this; the rows are then a sample of the dataset."
    )
    inputs: list[ModelColumnOut] = Field(description="The most important first.")
    target: list[Any] = Field(description="One per row; null is missing.")
