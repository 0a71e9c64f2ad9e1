"""Shared schemas: strict requests, webhooks of jobs, pages, problems."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

MAX_NAME_LENGTH = 200  # of a dataset or model
MAX_UNKNOWN_FIELDS = 100  # reported in one response

JobStatusName = Literal["queued", "running", "succeeded", "failed", "cancelled"]
Order = Literal["newest", "oldest"]
NamedOrder = Literal["newest", "oldest", "name"]

T = TypeVar("T")
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME_LENGTH, strip_whitespace=True)]

# Far beyond any use: a submission that is too large is refused with its estimated cost.
Size = TypeAliasType("Size", Annotated[int, Field(ge=1, le=10**15)])  # named in the document
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Column = Annotated[str, Field(min_length=1, max_length=1000)]
Complexity = Annotated[int, Field(ge=1, le=10_000)]

WebhookEvent = Literal["succeeded", "failed", "cancelled"]
Tags = Annotated[dict[ShortText, Annotated[str, Field(max_length=1000)]], Field(max_length=64)]


@dataclass(frozen=True)
class Setting:
    """How the page and the commands show a field of a request.

    Explanation, range and default are those of the field: the first paragraph of its description, its type.

    Attributes:
        title: Label of the field.
        group: Group of the form; empty if the page has another control for it.
        name: Where there are no paths; by default the last part of its own.
        kind: How its value is written; by default as its type tells. See ``RequestField``.
        example: Of what one writes.
        flag: The option without a value that switches it off.
    """

    title: str
    group: str = ""
    name: str = ""
    kind: str = ""
    example: str = ""
    flag: str = ""


def is_null(value: Any) -> bool:
    """Whether a field is left out of an answer, rather than sent as null."""
    return value is None


class ExtensibleModel(BaseModel):
    """An answer, or a document of a model, that may get further fields."""

    model_config = ConfigDict(extra="allow")

    def to_json(self) -> dict[str, Any]:
        """The document as a model keeps it: with the fields that were set."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


def select_fields(schema: type[BaseModel], names: str) -> type[BaseModel]:
    """The base of a schema that has these fields of another one."""
    fields = {name: schema.model_fields[name] for name in names.split()}
    definitions: Any = {name: (field.annotation, field) for name, field in fields.items()}
    return create_model(f"{schema.__name__}Fields", **definitions)


class RequestModel(BaseModel):
    """A request body without unknown fields, type conversion or NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _limit_unknown_fields(cls, body: Any) -> Any:
        """Limit reported unknown fields: each is an error, and a megabyte of them would take seconds."""
        if not isinstance(body, dict) or len(body) <= len(cls.model_fields) + MAX_UNKNOWN_FIELDS:
            return body
        unknown = [name for name in body if name not in cls.model_fields]
        return {name: body[name] for name in body.keys() - set(unknown[MAX_UNKNOWN_FIELDS:])}


class WebhookOptions(RequestModel):
    """Where to send a message when a job ends."""

    url: Annotated[str, Field(pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://", max_length=2000)] = Field(
        description="An https URL on port 443 or 8443 of a host on the internet, or of one that the operator "
        "has named.",
        examples=["https://example.com/hooks"],
    )
    events: Annotated[list[WebhookEvent], Field(min_length=1, max_length=3)] = Field(
        default=["succeeded", "failed", "cancelled"], description="The ends of a job that are reported."
    )


# Not dumped: the job's row has it, while models and exported files carry the request, and a URL may be secret
JobWebhook = Annotated[
    WebhookOptions | None,
    Field(
        exclude=True,
        description="Where to send a message when the job ends; null for the webhook of the API key, if any.",
    ),
]


def report_first_wrong(kind: type) -> BeforeValidator:
    """Reduce an object to the first value of a wrong type, so that it causes one error, not one per value."""

    def keep_first_wrong(document: Any) -> Any:
        values = document.items() if isinstance(document, dict) else ()
        return next(({name: value} for name, value in values if not isinstance(value, kind)), document)

    return BeforeValidator(keep_first_wrong)


def require_one_of(**types: str) -> dict[str, JsonValue]:
    """JSON schema for a body that must contain exactly one of these members, of its type."""
    return {
        "oneOf": [{"required": [name], "properties": {name: {"type": kind}}} for name, kind in types.items()]
    }


def match_pattern(pattern: str, words: str) -> AfterValidator:
    """Check a text against a pattern; the error explains the pattern in words."""

    def check(text: str) -> str:
        if re.search(pattern, text) is None:
            raise PydanticCustomError("string_pattern_mismatch", words)
        return text

    return AfterValidator(check)


Priority = Annotated[
    int,
    Field(ge=-100, le=100, description="Your queued jobs with the highest priority run first."),
]
MaxSeconds = Annotated[
    float,
    Field(gt=0, description="The best model within this time is kept."),
    Setting("Time limit, seconds", "training", example="300"),
]
ModelName = Annotated[
    ShortText,
    match_pattern(r"\A[^@/\x00-\x1f]+\Z", "a model's name must not contain @, / or control characters"),
    Field(description="Without `@` and `/`.", json_schema_extra={"pattern": r"^[^@/\x00-\x1f]+$"}),
]
NewModelName = Annotated[
    ModelName | None,
    Field(description="An existing name gets a new version."),
    Setting("Name of the model", "result"),
]


class Page(BaseModel, Generic[T]):
    """One page of a list, newest first."""

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """The name of the pages of a schema: ``JobPage`` of ``JobOut``."""
        return f"{params[0].__name__.removesuffix('Out')}Page"

    items: list[T]
    next_cursor: str | None = Field(
        description="Pass it as `cursor` to get the next page; null on the last one."
    )


class Problem(BaseModel):
    """An error as described by RFC 9457. Some kinds have further members, such as `limit` or `estimate`."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="What happened, and what to do.")
    instance: str = Field(description="Identifies this occurrence, also in the log.")
    code: str = Field(description="Stable code for programs.")
    errors: list[dict[str, Any]] = Field(
        description="One entry per mistake: a pointer, with the character position in an equation; or line, "
        "row and column."
    )
