"""The pictures of models and of studies. A new one is an entry here and a module that draws it.

Documents, commands and the guide read this table.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

XQuantity = Literal["grid", "parameters"]
YQuantity = Literal["error", "seconds"]
PLOTS = {
    "history": "losses of the training, or errors of a solution",
    "parity": "predicted against true values, or the confusion matrix",
    "residuals": "differences of the two, or the calibration of probabilities",
    "effects": "how predictions change with each feature",
    "importance": "how much worse the model is without each feature",
    "density": "curve or map of a density",
    "solution": "curves or map of solved equations",
    "evaluations": "errors on labelled rows after training",
}
"""What a picture of a model shows, by its name; ``service.rendering.charts.<name>`` draws it."""


@dataclass(frozen=True)
class StudyPlot:
    """A picture of a study.

    Attributes:
        about: What it shows.
        across: Quantity on the x axis.
        up: Quantity on the y axis.
    """

    about: str
    across: XQuantity
    up: YQuantity


STUDY_PLOTS = {
    "error_by_grid": StudyPlot("error of the trainings over grid intervals", "grid", "error"),
    "error_by_parameters": StudyPlot("the same over parameters, with the MLPs", "parameters", "error"),
    "time_by_grid": StudyPlot("training time over grid intervals", "grid", "seconds"),
}
COLUMNS = {"en": "| picture | what it shows |", "ru": "| рисунок | что он показывает |"}


def describe_plots(plots: Mapping[str, str]) -> str:
    """Every picture with what it shows, in one paragraph."""
    return " ".join(f"`{name}`: {about}." for name, about in plots.items())


def render_plots(language: str = "en") -> str:
    """The pictures of models as a Markdown table."""
    words = read_plot_words(language)
    lines = [COLUMNS[language], "| --- | --- |"]
    return "\n".join([*lines, *(f"| `{name}` | {words[name]} |" for name in PLOTS)])


def read_plot_words(language: str) -> dict[str, str]:
    """What every picture of a model shows, in a language of the guide."""
    if language == "en":
        return PLOTS
    source = files("service").joinpath("guide", language, "plots.toml").read_text(encoding="utf-8")
    return tomllib.loads(source)
