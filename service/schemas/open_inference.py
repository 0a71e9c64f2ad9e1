"""What clients of the Open Inference Protocol send and get (its version 2, REST)."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from service.schemas.members import BY, By

Name = Annotated[str, Field(min_length=1, max_length=300)]
Parameters = dict[str, Any]


class Lenient(BaseModel):
    """A body of the protocol: its extensions add members, which are none of our business."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


class InputTensor(Lenient):
    """A tensor: its values in `data`, or as bytes behind the JSON."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    name: Name
    shape: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, fail_fast=True)]
    datatype: str
    parameters: Parameters | None = None


class OutputTensor(Lenient):
    """An output that is wanted."""

    name: Name
    parameters: Parameters | None = None


class InferParameters(Lenient):
    """What is asked of a prediction as a whole."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    by: By = Field(default="auto", description=BY)
    binary_data_output: Any = None


class InferRequest(Lenient):
    """Rows to predict: a tensor per column, or one matrix with a column for every feature."""

    id: Annotated[str, Field(max_length=300)] | None = None
    parameters: InferParameters | None = None
    inputs: Annotated[list[InputTensor], Field(min_length=1, fail_fast=True)] = Field(
        examples=[[{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [0.1, 0.2]}]]
    )
    outputs: Annotated[list[OutputTensor], Field(fail_fast=True)] | None = None


class TensorOut(BaseModel):
    """A tensor of an answer; without `data` if its values stand behind the JSON."""

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
    """What a tensor has to be; -1 stands for any number of rows."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """What a model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    parameters: Parameters = Field(
        description="`members` of the model, and the one that answers where a request has no parameter `by`; "
        "`classes` of a classifier, in the order of `probabilities`."
    )


class ServerMetadata(BaseModel):
    """What this server is."""

    name: str
    version: str
    extensions: list[str]


class IndexEntry(BaseModel):
    """A version of a model."""

    name: str
    version: str
    state: str
    reason: str
