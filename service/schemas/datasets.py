"""Schemas of datasets."""

from datetime import datetime
from encodings import normalize_encoding
from encodings.aliases import aliases
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from service.schemas.common import RequestModel, ShortText, Tags, report_first_wrong, require_one_of

MAX_UNIT_CHARACTERS = 64
ENCODINGS = frozenset({*aliases.values(), "koi8_u", "utf_8_sig"}) - {
    *(
        "base64_codec",
        "bz2_codec",
        "hex_codec",
        "mbcs",
        "quopri_codec",
        "rot_13",
        "utf_7",
        "uu_codec",
        "zlib_codec",
    )
}
"""Of text. Others of Python translate bytes to bytes, or take quadratic time, as punycode does."""
ColumnType = Literal["number", "integer", "category", "boolean", "datetime", "text"]

MissingValues = Annotated[
    dict[str, Annotated[list[int | float | str], Field(max_length=20)]],
    Field(
        description='Values that mean a missing one, by column, or under `*` for all columns: `{"*": '
        '[-999], "state": ["unknown"]}`.',
    ),
]

RepeatedRows = Annotated[
    Literal["keep", "drop"],
    Field(
        description="Whether rows that repeat an earlier row are dropped. Repeats among the test rows make a "
        "model look better than it is; keep them if they are separate measurements."
    ),
]

SwappedDates = Annotated[
    list[str],
    Field(
        max_length=2_000,
        description="Columns of dates whose day and month are exchanged, where their order was guessed wrong "
        "(`ambiguous_dates`).",
    ),
]


class DatasetIn(RequestModel):
    """A table in the request body, by columns or by rows; `null` is a missing value."""

    model_config = ConfigDict(json_schema_extra=require_one_of(columns="object", rows="array"))

    name: ShortText | None = None
    units: Annotated[dict[str, str], report_first_wrong(str)] = Field(
        default={},
        description="Units per column, as `m/s^2`. They are shown in formulas and pictures, and formulas are "
        "checked by them; see `units` of a training. By default the name of a column tells its unit, as in "
        "`length (m)`; an empty text is no unit.",
    )
    missing: MissingValues = Field(default={})
    repeated_rows: RepeatedRows = "keep"
    swap_day_and_month: SwappedDates = Field(default=[])
    columns: Annotated[dict[str, list[Any]], report_first_wrong(list)] | None = Field(
        default=None, examples=[{"x": [0, 1, 2], "y": [0, 1, 4]}]
    )
    rows: list[Any] | None = Field(default=None, description="Objects {name: value}.")

    @model_validator(mode="after")
    def _check_one_table(self) -> Self:
        if (self.columns is None) == (self.rows is None):
            raise ValueError("give the table either as columns or as rows")
        return self


class DatasetPatch(RequestModel):
    """Changes of a dataset; omitted fields stay as they are."""

    name: ShortText | None = None
    units: Annotated[dict[str, str], report_first_wrong(str)] | None = Field(
        default=None, description="Units of the named columns; an empty text is no unit."
    )
    types: dict[str, ColumnType] | None = Field(
        default=None,
        description="Replaces the types by which trainings read columns unless they say otherwise; columns "
        "that are not named have the type that was found.",
    )
    tags: Tags | None = Field(default=None, description="Replaces all tags.")


def _check_encoding(name: str) -> str:
    """The name, if it is one of ``ENCODINGS``. Python keeps every name that it has ever looked up."""
    plain = normalize_encoding(name).lower()
    if aliases.get(plain, plain) not in ENCODINGS:
        raise ValueError(
            "this encoding is not known; give its name, such as utf-8, cp1251, koi8-r, cp1252 or gb18030, "
            "or leave it out to have it detected"
        )
    return name


class FormFields(RequestModel):
    """Form fields that may accompany an uploaded file."""

    name: ShortText | None = None
    units: Annotated[dict[str, str], report_first_wrong(str)] = Field(default={})
    missing: MissingValues = Field(default={})
    repeated_rows: RepeatedRows = "keep"
    swap_day_and_month: SwappedDates = Field(default=[])
    encoding: Annotated[str, AfterValidator(_check_encoding)] | None = Field(
        default=None, description="Of the text, such as `cp1251`; it is detected by default."
    )


class HistogramOut(BaseModel):
    """Histogram of a column's values."""

    low: float
    high: float
    counts: list[int] = Field(
        description="Per bin; the bins divide the range from `low` to `high` into equal parts."
    )


class CodeOut(BaseModel):
    """A number that may mean a missing value."""

    value: int | float
    count: int


class ColumnOut(BaseModel):
    """Type and statistics of a column."""

    name: str
    type: ColumnType
    missing: int
    distinct: int
    min: int | float | str | None
    max: int | float | str | None
    mean: float | None
    std: float | None
    top: list[dict[str, Any]] = Field(description="The most frequent values: `value` and `count`.")
    histogram: HistogramOut | None = Field(
        default=None,
        description="For numbers; null if all are equal, and for datasets of older versions.",
    )
    form: str | None = Field(
        default=None, description="For times: the format in the uploaded table, if that is not ISO 8601."
    )
    is_id: bool = Field(
        default=False, description="Whether the column identifies rows: every row has a different value."
    )
    possible_missing: list[CodeOut] = Field(
        default=[],
        description="Numbers such as -999 that are far from all others and may mean missing values. They "
        "count as numbers unless the table is uploaded with them in `missing`.",
    )


class DatasetOut(BaseModel):
    """A stored table. Its values never change; its SHA-256 identifies them."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    rows: int
    columns: list[ColumnOut]
    units: dict[str, str]
    types: dict[str, ColumnType] = Field(
        default={}, description="Types by which trainings read columns unless they say otherwise."
    )
    tags: dict[str, str] = {}
    warnings: list[dict[str, Any]] = Field(
        description="What was guessed or looks wrong, and where: column, row from 0, line from 1."
    )
    sha256: str = Field(validation_alias="blob_sha256")
    created_at: datetime


class RowsPreviewOut(BaseModel):
    """The first rows of a dataset."""

    columns: list[str]
    rows: list[dict[str, Any]]


class RowsSampleOut(BaseModel):
    """Rows spread evenly over a dataset."""

    columns: list[str]
    numbers: list[int] = Field(description="Of the rows, counted from 0.")
    rows: list[dict[str, Any]]
