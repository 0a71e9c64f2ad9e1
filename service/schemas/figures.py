"""The numbers behind the pictures of a model."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ThemeName = Literal["light", "dark"]
LanguageName = Literal["en", "ru"]
Numbers = list[float | None]


class Told(BaseModel):
    """What the service tells; more may come one day."""

    model_config = ConfigDict(extra="allow")


class ParityOut(Told):
    """True and predicted values of the same rows, in the target's units; null where there is no answer."""

    true: Numbers
    predicted: Numbers


class ConfusionOut(Told):
    """How often every class was taken for every other one."""

    classes: list[str] = Field(description="Of more than 40, the rarest share the last place.")
    counts: list[list[int]] = Field(description="A list per true class: how many rows were given each class.")


class RocOut(Told):
    """How well the probabilities of a class rank the rows: its ROC curve, thinned to at most 200 points."""

    class_: str = Field(alias="class", description="This class against all others.")
    auc: float = Field(description="Area under the whole curve.")
    false_positive_rate: list[float]
    true_positive_rate: list[float]


class ReliabilityOut(Told):
    """Whether probabilities come true, in ten bins of equal width; null in bins without rows."""

    class_: str | None = Field(
        alias="class",
        description="Whose probability; null where those of more than two classes are together.",
    )
    mean_probability: Numbers
    observed_share: Numbers = Field(description="Share of the rows of the bin that are of the class.")
    count: list[int]


class CurveOut(Told):
    """Predictions of one output over the values of a feature."""

    output: str = Field(description="The target, or the class whose probability this is.")
    mean: Numbers = Field(description="Partial dependence: the mean over a sample of training rows.")
    low: Numbers | None = Field(description="The 10 % quantile of the rows' own curves.")
    high: Numbers | None = Field(description="The 90 % quantile.")


class EffectOut(Told):
    """How predictions change with one feature while all others stay as they are in rows of the data."""

    name: str
    type: str
    values: list[Any] = Field(
        description="41 points of the range that training saw, or every category; null is missing."
    )
    curves: list[CurveOut] = Field(
        description="One, of the target or of the second of two classes; of more classes one each, of the 12 "
        "most frequent, without quantiles."
    )
    deciles: Numbers | None = Field(
        description="Of a number: smallest value, nine deciles and largest value of the training rows."
    )
    shares: list[float] | None = Field(description="Of anything else: the share of training rows by value.")


class WeightOut(Told):
    """How much the error rises when the values of a feature are shuffled among the rows."""

    name: str
    mean: float | None = Field(description="0 for a feature that the network does not read.")
    std: float | None


class ImportanceOut(Told):
    """Permutation importance, the most important feature first."""

    metric: Literal["rmse", "log_loss"] = Field(description="Which error; the RMSE is in the target's units.")
    error: float | None = Field(description="The error with nothing shuffled.")
    rows: int
    shuffles: int
    features: list[WeightOut]
    left_out: int = Field(description="Features that were not looked at, because there are too many.")


class DensityOut(Told):
    """How densely rows lie along one column, or over two."""

    columns: list[str]
    axes: list[list[float]] = Field(description="Places along each column where the density is told.")
    density: list[Any] = Field(
        description="At the places of one column; of two, a list per place of the first."
    )
    law: str | None = Field(description="The closed law that was recognised.")
    law_density: list[Any] | None = Field(description="Its density at the same places.")
    edges: list[float] | None = Field(description="Of one column: ends of the bars of a histogram.")
    bars: list[float] | None = Field(description="Heights of the bars: the share of rows over the width.")
    dots: list[list[float]] | None = Field(description="Of two columns: some rows, at most 1,000.")


class UnknownOut(Told):
    """One of the functions that solve equations."""

    name: str
    values: list[Any] = Field(
        description="At the places of one variable; of several, a list per place of the first."
    )
    measured: list[list[float]] | None = Field(
        description="What was measured of it over one or two variables: where, and the value; at most 1,000."
    )


class SolutionOut(Told):
    """The unknowns of solved equations where they were found; values have about seven digits."""

    independent: list[str] = Field(description="The first two independent variables, or the only one.")
    axes: list[list[float]] = Field(description="Places along each of them.")
    at: dict[str, float] = Field(description="The middle of a third variable, where the others are told.")
    unknowns: list[UnknownOut]


class FiguresOut(Told):
    """What the pictures of a model show, as numbers."""

    model_id: str
    measured_on: Literal["hold-out", "training"] = Field(
        description="Rows of all but `effects`; `training` where nothing was held out."
    )
    rows: int = Field(description="How many rows `parity`, or `confusion`, `roc` and `reliability`, are of.")
    parity: ParityOut | None = Field(description="Of a regression; of at most 2,000 rows.")
    confusion: ConfusionOut | None = Field(description="Of a classifier; of at most 100,000 rows.")
    roc: list[RocOut] | None = Field(
        description="Of a classifier: one curve of the second of two classes; else one per class, of the 20 "
        "most frequent. A class that no row, or every row, has has none."
    )
    reliability: ReliabilityOut | None = Field(description="Of a classifier.")
    effects: list[EffectOut] = Field(
        description="Of the features that the network reads, the most important first, at most 50."
    )
    importance: ImportanceOut | None = Field(description="Null of a density and of a solution.")
    density: DensityOut | None = Field(default=None, description="Of a density.")
    solution: SolutionOut | None = Field(default=None, description="Of solved equations.")
