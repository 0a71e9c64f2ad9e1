"""Schema of a request for another formula of a model."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from service.schemas.common import (
    Column,
    Complexity,
    JobWebhook,
    MaxSeconds,
    ModelName,
    Priority,
    RequestModel,
    Setting,
    ShortText,
    Tags,
)
from service.schemas.members import Member
from service.schemas.options.formulas import CompactOptions
from service.schemas.training import SERVE_DESCRIPTION


class FixedEdge(RequestModel):
    """An edge of the network, as in `GET /models/{id}/edges`, and the function to put on it."""

    layer: Annotated[int, Field(ge=0)]
    in_: Annotated[int, Field(ge=0, alias="in")]
    out: Annotated[int, Field(ge=0)]
    to_layer: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="Null for the next layer; the last layer for an edge from an input directly to it.",
    )
    function: str = Field(max_length=100, description="Name of a function, as in the suggestions.")

    def edge_index(self, width: Sequence[int]) -> tuple[int, int, int]:
        """Layer in the order of the network's ``all_layers``, input and output."""
        depth = len(width) - 1
        is_direct = depth > 1 and self.layer == 0 and self.to_layer == depth
        return (depth if is_direct else self.layer, self.in_, self.out)


class NewGroup(RequestModel):
    """A group of rows that a model with constants per group does not know yet."""

    name: ShortText = Field(description="Its value in the column of the groups.")
    dataset_id: Annotated[str, Field(min_length=1, max_length=100)] = Field(
        description="Its rows, all of this group: the columns of the form and the target."
    )


class SymbolicRequest(RequestModel):
    """Another formula of a model, guided by a person; it becomes the next version of the model.

    `fix` puts functions on edges, trains the network further and extracts its formula. `drop` searches for a
    network without some columns. `forbid` and `max_complexity` search for another formula of the same
    network. `choose` selects a formula that the model already has. `serve` selects the member that answers by
    default, and `compact` the compact network; alone or with other changes, and without training. `fit_group`
    fits the constants of a new group of rows.
    """

    kind: Literal["symbolic"]
    model_id: Annotated[
        str, Field(min_length=1, max_length=300, description="Id, name or `name@alias` of the model.")
    ]
    fix: Annotated[
        list[FixedEdge],
        Field(max_length=1000),
        Setting("Edges", name="edge", kind="edges"),
    ] = Field(default=[], description="Functions to put on edges; the network is trained further with them.")
    forbid: Annotated[
        list[Annotated[str, Field(max_length=100)]],
        Field(max_length=100),
        Setting("Forbidden functions"),
    ] = Field(default=[], description="Functions that the formula must not contain.")
    max_complexity: Annotated[Complexity | None, Setting("Maximum complexity")] = Field(
        default=None, description="Maximum number of constants, columns and operations in the formula."
    )
    drop: Annotated[list[Column], Field(max_length=2000), Setting("Columns to exclude")] = Field(
        default=[], description="A network is searched without these columns."
    )
    choose: Annotated[
        Annotated[int, Field(ge=0)] | dict[str, Annotated[int, Field(ge=0)]] | None,
        Setting("Choice", kind="indices"),
    ] = Field(
        default=None,
        description="Index in `pareto`, from 0, of the formula to select; by output, if there are several.",
    )
    fit_group: NewGroup | None = Field(
        default=None,
        description="Fits the own constants of a new group to a few rows; shared constants stay. For a model "
        "with `per_group` and at least three groups, and without an added one.",
    )
    serve: Annotated[Member | None, Setting("Member that answers")] = Field(
        default=None, description="By default, the member that answers now.\n\n" + SERVE_DESCRIPTION
    )
    compact: CompactOptions | None = Field(
        default=None,
        description="Selects the best compact network of at most `max_edges` curves, as in "
        "`members.compact.path` of the model. Null keeps the present one.",
    )
    max_seconds: MaxSeconds = 300
    priority: Priority = 0
    webhook: JobWebhook = None
    name: Annotated[ModelName | None, Setting("Name of the result")] = Field(
        default=None, description="By default, the result is a new version of the model."
    )
    tags: Tags | None = Field(default=None, description="Null for the tags of the model.")

    @model_validator(mode="after")
    def _check_changes(self) -> Self:
        if self.changes_formula and self.choose is not None:
            raise ValueError("give choose without fix, forbid, max_complexity and drop")
        if self.fit_group is not None and (self.changes_formula or self.choose is not None):
            raise ValueError("give fit_group without fix, forbid, max_complexity, drop and choose")
        is_empty = not self.changes_formula and self.choose is None and self.fit_group is None
        if is_empty and not self.changes_member:
            raise ValueError(
                "give choose, serve, compact, fit_group, or any of fix, forbid, max_complexity and drop"
            )
        return self

    @property
    def changes_formula(self) -> bool:
        """Whether the formula is searched again."""
        return bool(self.fix or self.forbid or self.drop or self.max_complexity)

    @property
    def changes_member(self) -> bool:
        """Whether another member answers, or another compact network."""
        return self.serve is not None or self.compact is not None

    def select_formulas(self, outputs: Sequence[str]) -> dict[str, int]:
        """Index of the formula to select, by output."""
        if isinstance(self.choose, dict):
            return self.choose
        return {} if self.choose is None else {outputs[0]: self.choose}
