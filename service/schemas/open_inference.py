"""Schemas of the Open Inference Protocol, version 2, REST."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from service.schemas.members import AnsweringMember

TensorName = Annotated[str, Field(min_length=1, max_length=300)]
Parameters = dict[str, Any]


class LenientModel(BaseModel):
    """A body of the protocol; members added by extensions are ignored."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


class InputTensor(LenientModel):
    """A tensor, with its values in `data` or as bytes after the JSON."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    name: TensorName
    shape: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, fail_fast=True)]
    datatype: str
    parameters: Parameters | None = None


class OutputTensor(LenientModel):
    """A requested output."""

    name: TensorName
    parameters: Parameters | None = None


class InferParameters(LenientModel):
    """Parameters of the whole prediction."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    by: AnsweringMember = "auto"
    binary_data_output: Any = None


class InferRequest(LenientModel):
    """Rows to predict: a tensor per column, or one matrix with a column for every feature."""

    id: Annotated[str, Field(max_length=300)] | None = None
    parameters: InferParameters | None = None
    inputs: Annotated[list[InputTensor], Field(min_length=1, fail_fast=True)] = Field(
        examples=[[{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [0.1, 0.2]}]]
    )
    outputs: Annotated[list[OutputTensor], Field(fail_fast=True)] | None = None


class TensorOut(BaseModel):
    """A tensor of a response; without `data` if its values follow the JSON as bytes."""

    name: str
    shape: list[int]
    datatype: str
    parameters: Parameters | None = None
    data: list[Any] | None = None


class InferResponse(BaseModel):
    """Predictions."""

    model_name: str
    model_version: str
    id: str | None = None
    parameters: Parameters = Field(default={}, description="`by`: the member of the model that answers.")
    outputs: list[TensorOut]


class TensorMetadata(BaseModel):
    """Name, type and shape of a tensor; -1 means any number of rows."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """Inputs and outputs of a model."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    parameters: Parameters = Field(
        description="`members` of the model, and the one that answers if a request has no parameter `by`; "
        "`classes` of a classifier, in the order of `probabilities`."
    )


class ServerMetadata(BaseModel):
    """Name, version and extensions of this server."""

    name: str
    version: str
    extensions: list[str]


class IndexEntry(BaseModel):
    """A version of a model in the index."""

    name: str
    version: str
    state: str
    reason: str
