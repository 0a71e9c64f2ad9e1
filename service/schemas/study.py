"""Schema of a study: the same training with different settings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, model_validator

from service.schemas.common import Column, Setting
from service.schemas.training import TrainRequest

VariedValues = Annotated[list[Any], Field(min_length=1, max_length=1000)]
SETTING_PATTERN = r"^[a-z_]+(\.[a-z_]+)*$"
GRID_PATH = "network.grid"
# Settings that cannot differ between trainings
SHARED_SETTINGS = ("kind", "dataset_id", "targets", "vary", "refine", "format", "priority", "webhook")


class StudyRequest(TrainRequest):
    """A training for every combination of some settings, or for each of several targets, and their results.

    `GET /jobs/{id}/result` has a row per training: its settings, its metrics on the hold-out rows, its model
    and its formula. `max_seconds` is the time of each training.
    """

    kind: Literal["study"]  # type: ignore[assignment]
    targets: Annotated[
        Annotated[list[Column], Field(min_length=2, max_length=100)] | None,
        Setting("Targets"),
    ] = Field(
        default=None,
        description="Columns to predict, each by trainings of its own; none of them is an input. "
        "They take the place of `target`.",
    )
    vary: Annotated[
        dict[Annotated[str, Field(pattern=SETTING_PATTERN, max_length=100)], VariedValues],
        Field(min_length=1, max_length=20),
        Setting("Settings to vary", kind="variations"),
    ] = Field(
        default={},
        description="Settings of a training by their path, with the values to try.\n\n"
        '`{"network.grid": [3, 5, 10], "seed": [0, 1]}` makes six trainings.',
    )
    refine: Annotated[bool, Setting("Refine one network from grid to grid", "study")] = Field(
        default=False,
        description="One network continues through the values of `network.grid`, from coarse to fine. "
        "Otherwise every grid is trained from scratch. Requires hidden nodes.\n\n"
        "Either way the table has a row per grid.",
    )
    format: Literal["csv", "parquet"] = Field(
        default="csv",
        description="In `csv`, texts that a spreadsheet would read as a formula begin with `'`.",
    )

    @model_validator(mode="before")
    @classmethod
    def _vary_targets(cls, body: Any) -> Any:
        """Treat several targets as values of a setting."""
        if not isinstance(body, dict):
            return body
        targets, vary = body.get("targets"), body.get("vary", {})
        if targets is None or not isinstance(targets, list) or not isinstance(vary, dict):
            if "vary" not in body:
                raise ValueError("a study compares settings or targets; give vary or targets")
            return body
        if body.get("target") not in (None, *targets[:1]) or vary.get("target", targets) != targets:
            raise ValueError("targets are the columns to predict; omit target")
        if len(set(map(str, targets))) < len(targets):
            raise ValueError("a column is named twice in targets")
        return body | {"target": next(iter(targets), None), "vary": {"target": targets} | vary}

    @property
    def paths(self) -> list[str]:
        """Paths of the varied settings, sorted, since JSON objects are unordered."""
        return sorted(self.vary)

    @property
    def count(self) -> int:
        """Number of trainings."""
        return prod(
            len(values) for path, values in self.vary.items() if not (self.refine and path == GRID_PATH)
        )

    @property
    def grids(self) -> list[Any]:
        """Grids of a refined network, from coarse to fine."""
        return sorted(set(self.vary[GRID_PATH]))

    def combinations(self) -> Iterator[dict[str, JsonValue]]:
        """The settings of every training, by path; the last path varies fastest."""
        for values in product(*(self.vary[path] for path in self.paths)):
            yield dict(zip(self.paths, values, strict=True))

    def make_training(self, settings: Mapping[str, JsonValue]) -> TrainRequest:
        """The training with these settings; with ``refine``, through all grids.

        Raises:
            ValidationError: The settings are invalid for a training.
        """
        training = self.make_single_training(settings)
        if not self.refine:
            return training
        network = training.network.model_copy(update={"grid": self.grids[0]})
        schedule = training.training.model_copy(update={"grid_schedule": self.grids})
        return training.model_copy(update={"network": network, "training": schedule})

    def make_single_training(self, settings: Mapping[str, JsonValue]) -> TrainRequest:
        """The training from scratch with these settings.

        Raises:
            ValidationError: The settings are invalid for a training.
        """
        return TrainRequest.model_validate(self._make_body(settings))

    def _make_body(self, settings: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        study_fields = {"kind", "targets", "vary", "refine", "format"}
        body: dict[str, JsonValue] = self.model_dump(mode="json", exclude=study_fields, exclude_unset=True)
        for path, value in settings.items():
            *groups, name = path.split(".")
            place = body
            for group in groups:
                inner = place.get(group)
                place[group] = place = dict(inner) if isinstance(inner, dict) else {}
            place[name] = value
        return body


@dataclass(frozen=True)
class TrainingSummary:
    """Result of a training, or of its network on one grid.

    Attributes:
        parameters: Number of parameters of the network.
        seconds: Training time; None if it was not recorded.
        metrics: On the hold-out rows.
        baselines: Members ``metrics``, ``parameters`` and ``seconds`` of each baseline; of an MLP also
            ``hidden``.
    """

    parameters: int
    seconds: float | None
    metrics: dict[str, float | None]
    baselines: Mapping[str, Mapping[str, Any]]


def summarize_training(record: Mapping[str, Any], grid: int | None) -> TrainingSummary | None:
    """Summarize a training from the record of its model.

    Args:
        record: The record of the model.
        grid: One of several grids of a refined network; None for the final network.

    Returns:
        None if the network did not reach the grid.
    """
    baselines = record.get("baselines") or {}
    if grid is None:
        seconds = (record.get("timings") or {}).get("train")
        return TrainingSummary(record["network"]["parameters"], seconds, record["metrics"], baselines)
    stage = next((stage for stage in record.get("grids") or () if stage["grid"] == grid), None)
    if stage is None:
        return None
    baselines = baselines | stage.get("baselines", {})
    return TrainingSummary(stage["parameters"], stage["seconds"], stage["metrics"], baselines)
