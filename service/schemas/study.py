"""What clients send to get the same training with different settings."""

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Annotated, Any, Literal

from pydantic import Field

from service.schemas.training import TrainRequest

VARIED = Annotated[list[Any], Field(min_length=1, max_length=1000)]
SETTING = r"^[a-z_]+(\.[a-z_]+)*$"
SHARED = ("kind", "dataset_id", "vary", "format", "priority")  # what cannot differ between trainings


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
        return prod(map(len, self.vary.values()))

    def combinations(self) -> Iterator[dict[str, Any]]:
        """The settings of every training, by their names; the last one varies fastest."""
        for values in product(*(self.vary[path] for path in self.paths)):
            yield dict(zip(self.paths, values, strict=True))

    def training_with(self, settings: dict[str, Any]) -> TrainRequest:
        """The training with these settings.

        Raises:
            ValidationError: No training has them.
        """
        return TrainRequest.model_validate(self._body(settings))

    def _body(self, settings: dict[str, Any]) -> dict[str, Any]:
        body = self.model_dump(mode="json", exclude={"kind", "vary", "format"}, exclude_unset=True)
        for path, value in settings.items():
            *groups, name = path.split(".")
            place = body
            for group in groups:
                inner = place.get(group)
                place[group] = place = dict(inner) if isinstance(inner, dict) else {}
            place[name] = value
        return body
