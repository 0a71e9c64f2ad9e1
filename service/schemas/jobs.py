"""What clients send to get a job done, and what they see of the job."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    model_validator,
)
from pydantic_core import PydanticCustomError

from service.schemas.batch import BatchRequest
from service.schemas.common import Label, RequestModel, Tags

# Sizes are bounded far beyond any use: what is too much is refused at submission, with its estimated cost.
Size = Annotated[int, Field(ge=1, le=10**15)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Column = Annotated[str, Field(min_length=1, max_length=1000)]
Complexity = Annotated[int, Field(ge=1, le=10_000)]
Value = bool | int | float | str
ColumnType = Literal["number", "integer", "category", "boolean", "datetime", "text"]
Baseline = Literal["linear", "mlp", "boosting"]
Baselines = Annotated[list[Baseline], Field(max_length=3)]


def matches(pattern: str, words: str) -> AfterValidator:
    """A text in a certain form, refused in words: few people read patterns."""

    def check(text: str) -> str:
        if re.search(pattern, text) is None:
            raise PydanticCustomError("string_pattern_mismatch", words)
        return text

    return AfterValidator(check)


ModelName = Annotated[
    Label,
    matches(
        r"\A[^@/\x00-\x1f]+\Z", "a model's name is a text without @, / and control characters; leave them out"
    ),
    Field(description="Without `@` and `/`.", json_schema_extra={"pattern": r"^[^@/\x00-\x1f]+$"}),
]


def _switch(default: Any, off: Any) -> Callable[[Any], Any]:
    """A stage takes ``true`` for its defaults and ``false`` to be left out."""

    def read(value: Any) -> Any:
        return default if value is True else off if value is False else value

    return read


class NetworkOptions(RequestModel):
    """The shape of the network."""

    hidden: Literal["auto"] | Annotated[list[Size], Field(max_length=100_000)] = Field(
        default="auto",
        description="Nodes of the inner layers: `[10]` on 8 features and one target is KAN[8,10,1].",
    )
    grid: Literal["auto"] | Size = Field(default="auto", description="Grid intervals G of every activation.")
    order: Annotated[int, Field(ge=0, le=10)] = Field(default=3, description="Order k of the splines.")


class TrainingOptions(RequestModel):
    """How the network is fitted."""

    optimizer: Literal["auto", "levenberg_marquardt", "adam", "lbfgs"] = "auto"
    grid_schedule: Literal["auto"] | Annotated[list[Size], Field(min_length=1, max_length=20)] = Field(
        default="auto", description="Grid sizes from coarse to fine; the first must equal `network.grid`."
    )
    steps: Literal["auto"] | Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default="auto", description="Steps of an optimizer of second order at each grid, or epochs of Adam."
    )
    lamb: Literal["auto"] | Annotated[float, Field(ge=0)] = Field(
        default="auto", description="Strength λ of the sparsity penalty."
    )
    restarts: Literal["auto"] | Annotated[int, Field(ge=1, le=1000)] = Field(
        default="auto",
        description="Starts of a network: the best of them goes on by second order; by Adam all are trained, "
        "side by side in one network, as far as they are not too many weights.",
    )
    class_weight: Literal["balanced"] | dict[str, Annotated[float, Field(gt=0)]] | None = Field(
        default=None,
        description="What a mistake on each class costs, by its name, 1 if it is not named; `balanced` takes "
        "the inverse of its frequency. It acts on the training and on the choice of the label. It does not "
        "act on probabilities: they are calibrated to the frequencies of the data.",
    )


class SplitOptions(RequestModel):
    """Which rows are held out and read only once, for what is reported."""

    kind: Literal["random", "stratified", "tail", "column", "none"] = "random"
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    seed: Seed = 0
    column: Column | None = Field(
        default=None, description="For `column`: the column that tells the rows apart."
    )
    test: list[Value] | None = Field(
        default=None, description="For `column`: its values in the held-out rows."
    )

    @model_validator(mode="after")
    def _column_is_complete(self) -> Self:
        given = self.column is not None, bool(self.test)
        if given != (self.kind == "column",) * 2:
            raise ValueError('column and test belong to the split kind "column", which needs both')
        return self


class SymbolicOptions(RequestModel):
    """How the network is read off as a formula."""

    library: Literal["default"] = "default"
    max_complexity: Complexity | None = None


class TrainRequest(RequestModel):
    """A training job; everything but the dataset and the target has a default that needs no thought."""

    kind: Literal["train"] = "train"
    dataset_id: Annotated[str, Field(min_length=1, max_length=100)]
    target: Column
    features: Annotated[list[Column], Field(min_length=1)] | None = Field(
        default=None, description="Columns to learn from; null takes every usable one but the target."
    )
    types: dict[Column, ColumnType] = Field(default={}, description="Columns to read as another type.")
    weight: Column | None = Field(
        default=None,
        description="Column with the weight of each row: one of weight 2 counts like two rows in training, "
        "in the choice of the network and in probabilities, one of weight 0 has no part. Metrics and "
        "intervals count every other row once.",
    )
    task: Literal["auto", "regression", "classification"] = "auto"
    network: NetworkOptions = NetworkOptions()
    training: TrainingOptions = TrainingOptions()
    split: SplitOptions = SplitOptions()
    prune: bool = True
    symbolic: Annotated[
        SymbolicOptions | None,
        BeforeValidator(_switch({}, None), json_schema_input_type=bool | SymbolicOptions | None),
    ] = SymbolicOptions()
    baselines: Annotated[
        Baselines,
        BeforeValidator(_switch(["linear"], []), json_schema_input_type=bool | Baselines),
    ] = Field(default=["linear"])
    seed: Seed = 0
    max_seconds: Annotated[float, Field(gt=0)] = 300
    name: ModelName | None = Field(default=None, description="Name of the model; a new version if it exists.")
    tags: Tags = Field(default={})

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"dataset_id": "01890a5d-ac96-774b-bcce-b302099a8057", "target": "y"}],
        }
    )


class FixedEdge(RequestModel):
    """An edge of the network, as `GET /models/{id}/edges` names it, and the function that it is to be."""

    layer: Annotated[int, Field(ge=0)]
    in_: Annotated[int, Field(ge=0, alias="in")]
    out: Annotated[int, Field(ge=0)]
    to_layer: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Null for the next layer; the last one for an edge from an input to it."
    )
    function: str = Field(max_length=100, description="Name of a function, as the suggestions have it.")

    def place(self, width: Sequence[int]) -> tuple[int, int, int]:
        """Its layer in the order of the network's ``all_layers``, its input and its output."""
        depth = len(width) - 1
        is_direct = depth > 1 and self.layer == 0 and self.to_layer == depth
        return (depth if is_direct else self.layer, self.in_, self.out)


class SymbolicRequest(RequestModel):
    """Another formula of a model, by what a person knows; it becomes the next version of the model.

    `fix` trains the network on with these functions in place of edges, and reads the formula off it. `drop`
    looks for a network without some columns. `forbid` and `max_complexity` look for another formula of the
    same network. `choose` takes one that the model already has.
    """

    kind: Literal["symbolic"]
    model_id: Annotated[
        str, Field(min_length=1, max_length=300, description="Id, name or `name@alias` of the model.")
    ]
    fix: Annotated[list[FixedEdge], Field(max_length=1000)] = Field(default=[])
    forbid: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=100)] = Field(
        default=[], description="Functions that the formula may not contain."
    )
    max_complexity: Complexity | None = Field(
        default=None, description="Most numbers, columns and operations of the formula."
    )
    drop: Annotated[list[Column], Field(max_length=2000)] = Field(
        default=[], description="Columns to do without."
    )
    choose: Annotated[int, Field(ge=0)] | dict[str, Annotated[int, Field(ge=0)]] | None = Field(
        default=None,
        description="Place in `pareto`, from 0 on, of the formula to take; by output, if there are several.",
    )
    max_seconds: Annotated[float, Field(gt=0)] = 300
    name: ModelName | None = Field(default=None, description="Null for a new version of the model.")
    tags: Tags | None = Field(default=None, description="Null for those of the model.")

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        changes = bool(self.fix or self.forbid or self.drop or self.max_complexity)
        if changes == (self.choose is not None):
            raise ValueError("give choose alone, or any of fix, forbid, max_complexity and drop")
        return self

    def places(self, outputs: Sequence[str]) -> dict[str, int]:
        """Which formula of which output is to be taken."""
        if isinstance(self.choose, dict):
            return self.choose
        return {} if self.choose is None else {outputs[0]: self.choose}


def _kind(body: Any) -> Any:
    """Which kind of job a body asks for; a training where it does not say."""
    return body.get("kind", "train") if isinstance(body, dict) else getattr(body, "kind", None)


JobRequest = Annotated[
    Annotated[TrainRequest, Tag("train")]
    | Annotated[SymbolicRequest, Tag("symbolic")]
    | Annotated[BatchRequest, Tag("predict")],
    Discriminator(
        _kind,
        custom_error_type="unknown_kind",
        custom_error_message="kind is train, symbolic or predict; without it, a job is a training",
    ),
]


AnyRequest = TrainRequest | SymbolicRequest | BatchRequest
_READER: TypeAdapter[AnyRequest] = TypeAdapter(JobRequest)


def read_request(stored: dict[str, Any]) -> AnyRequest:
    """The request of a job, from its row."""
    return _READER.validate_python(stored)


class ProgressOut(BaseModel):
    """What a job is at."""

    stage: str | None
    fraction: float
    message: str | None
    eta_seconds: float | None


class ErrorOut(BaseModel):
    """Why a job failed."""

    code: str
    detail: str


class JobOut(BaseModel):
    """A job as clients see it."""

    id: str
    kind: str
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    progress: ProgressOut
    dataset_id: str | None
    model_id: str | None = Field(description="The trained model; null until there is one.")
    error: ErrorOut | None
    cut_by: str | None = Field(description="The stage that `max_seconds` or a cancellation cut short.")
    attempt: int
    retry_of: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None

    @staticmethod
    def of(job: Any) -> "JobOut":
        """The job as it is now, from its row."""
        progress = ProgressOut(
            stage=job.stage, fraction=job.fraction, message=job.message, eta_seconds=job.eta_seconds
        )
        error = ErrorOut(code=job.error_code, detail=job.error_detail or "") if job.error_code else None
        rest = JobOut.model_fields.keys() - {"progress", "error"}
        return JobOut(progress=progress, error=error, **{name: getattr(job, name) for name in rest})

    @staticmethod
    def as_submitted(job: Any) -> "JobOut":
        """The job as its submission was answered, for a submission that is repeated."""
        unset = dict.fromkeys(
            ("model_id", "error", "cut_by", "started_at", "finished_at", "cancel_requested_at")
        )
        progress = ProgressOut(stage=None, fraction=0.0, message=None, eta_seconds=None)
        return JobOut.of(job).model_copy(
            update={**unset, "status": "queued", "attempt": 0, "progress": progress}
        )


class EventOut(BaseModel):
    """Something that happened to a job: a new `status`, or `progress` in it."""

    number: int = Field(description="Counts from 1 without gaps.")
    kind: str
    data: dict[str, Any]
    created_at: datetime


class EventPage(BaseModel):
    """Events in the order in which they happened."""

    items: list[EventOut]
    next_cursor: str | None = Field(
        description="Pass it as `cursor` to get the next page; null on the last one."
    )
