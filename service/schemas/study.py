"""What clients send to get the same training with different settings."""

from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from typing import Annotated, Any, Literal

from pydantic import Field

from service.schemas.training import TrainRequest

VARIED = Annotated[list[Any], Field(min_length=1, max_length=1000)]
SETTING = r"^[a-z_]+(\.[a-z_]+)*$"
GRID = "network.grid"
SHARED = (
    "kind",
    "dataset_id",
    "vary",
    "refine",
    "format",
    "priority",
)  # what cannot differ between trainings


class StudyRequest(TrainRequest):
    """A training for every combination of some settings, and a table of what came of each.

    `GET /jobs/{id}/result` has a row per training: its settings, its metrics on the hold-out rows, its model
    and its formula. `max_seconds` is the time of each training.
    """

    kind: Literal["study"]  # type: ignore[assignment]
    vary: Annotated[
        dict[Annotated[str, Field(pattern=SETTING, max_length=100)], VARIED],
        Field(min_length=1, max_length=20),
    ] = Field(
        description="Settings of a training by their path, with the values to try: "
        '`{"network.grid": [3, 5, 10], "seed": [0, 1]}` makes six trainings.'
    )
    refine: bool = Field(
        default=False,
        description="Whether the values of `network.grid` are grids that one network is refined through, "
        "from coarse to fine, going on from what it has learnt; else each is a training from scratch. A row "
        "for each grid either way.",
    )
    format: Literal["csv", "parquet"] = Field(
        default="csv",
        description="In `csv`, texts that look like a formula to a spreadsheet begin with `'`.",
    )

    @property
    def paths(self) -> list[str]:
        """What varies; JSON objects have no order of their own."""
        return sorted(self.vary)

    @property
    def count(self) -> int:
        """How many trainings it makes."""
        return prod(len(values) for path, values in self.vary.items() if not (self.refine and path == GRID))

    @property
    def grids(self) -> list[Any]:
        """What a network is refined through, from coarse to fine."""
        return sorted(set(self.vary[GRID]))

    def combinations(self) -> Iterator[dict[str, Any]]:
        """The settings of every training, by their names; the last one varies fastest."""
        for values in product(*(self.vary[path] for path in self.paths)):
            yield dict(zip(self.paths, values, strict=True))

    def training_with(self, settings: dict[str, Any]) -> TrainRequest:
        """The training with these settings; of a network that is refined, that through all grids.

        Raises:
            ValidationError: No training has them.
        """
        training = self.training_alone(settings)
        if not self.refine:
            return training
        network = training.network.model_copy(update={"grid": self.grids[0]})
        schedule = training.training.model_copy(update={"grid_schedule": self.grids})
        return training.model_copy(update={"network": network, "training": schedule})

    def training_alone(self, settings: dict[str, Any]) -> TrainRequest:
        """The training from scratch with these settings.

        Raises:
            ValidationError: No training has them.
        """
        return TrainRequest.model_validate(self._body(settings))

    def _body(self, settings: dict[str, Any]) -> dict[str, Any]:
        body = self.model_dump(mode="json", exclude={"kind", "vary", "refine", "format"}, exclude_unset=True)
        for path, value in settings.items():
            *groups, name = path.split(".")
            place = body
            for group in groups:
                inner = place.get(group)
                place[group] = place = dict(inner) if isinstance(inner, dict) else {}
            place[name] = value
        return body


def trained_of(record: Mapping[str, Any], grid: int | None) -> dict[str, Any] | None:
    """Parameters, seconds, metrics and baselines of a model, from its record.

    Args:
        record: The model's.
        grid: The grid to tell of, where the network went through several; None for what serves.

    Returns:
        None if the network did not come to the grid.
    """
    baselines = record.get("baselines") or {}
    if grid is None:
        seconds = (record.get("timings") or {}).get("train")
        told = {"parameters": record["network"]["parameters"], "seconds": seconds}
        return told | {"metrics": record["metrics"], "baselines": baselines}
    stage = next((stage for stage in record.get("grids") or () if stage["grid"] == grid), None)
    return stage and {**stage, "baselines": baselines | stage.get("baselines", {})}
