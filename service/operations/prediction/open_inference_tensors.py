"""Convert tensors of the Open Inference Protocol from and to JSON lists or raw little-endian bytes.

https://github.com/kserve/open-inference-protocol, and Triton's binary tensor data extension: the tensors with
a ``binary_data_size`` follow the JSON header one after the other. A text is its length in four bytes, then
UTF-8.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from service.errors import Invalid

if TYPE_CHECKING:
    from jaxtyping import Shaped


NUMBER_DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype("?"),
    **{f"UINT{8 * size}": np.dtype(f"<u{size}") for size in (1, 2, 4, 8)},
    **{f"INT{8 * size}": np.dtype(f"<i{size}") for size in (1, 2, 4, 8)},
    **{f"FP{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)},
}
TEXT_DATATYPE = "BYTES"
JSON_TYPES: dict[str, set[type]] = {"b": {bool}, "u": {int}, "i": {int}, "f": {int, float, type(None)}}
MAX_DIMENSIONS = 8


@dataclass(frozen=True)
class NamedTensor:
    """A named tensor; texts are an object array, all other values have their NumPy type."""

    name: str
    values: np.ndarray

    @property
    def datatype(self) -> str:
        """The protocol's name of its type."""
        return next(
            (name for name, dtype in NUMBER_DTYPES.items() if dtype == self.values.dtype), TEXT_DATATYPE
        )


@dataclass(frozen=True)
class TensorHead:
    """A tensor of a response."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class ListedTensor(TensorHead):
    """With its values row by row."""

    data: list[float | str | None]


@dataclass(frozen=True)
class BinaryTensor(TensorHead):
    """With ``binary_data_size``, the number of its bytes behind the JSON."""

    parameters: dict[str, int]


def read_tensors(inputs: list[dict[str, Any]], raw: memoryview) -> list[NamedTensor]:
    """Read the input tensors of a request.

    Args:
        inputs: Inputs of the JSON header, with members of valid types.
        raw: The bytes behind the header.

    Raises:
        Invalid: The data of a tensor do not fit its datatype, shape or size.
    """
    tensors, start = [], 0
    for place, entry in enumerate(inputs):
        size = (entry.get("parameters") or {}).get("binary_data_size")
        if size is None:
            tensors.append(_parse_json_tensor(entry, place))
            continue
        if type(size) is not int or not 0 <= size <= len(raw) - start:
            raise _make_refusal(
                entry, place, f"binary_data_size is {size!r}, but {len(raw) - start} bytes are left"
            )
        tensors.append(_parse_binary_tensor(entry, place, raw[start : start + size]))
        start += size
    if start < len(raw):
        detail = f"{len(raw) - start} bytes follow the last tensor; correct binary_data_size"
        raise Invalid("invalid_tensor", detail)
    return tensors


def list_values(tensor: NamedTensor) -> ListedTensor:
    """An output with its values in a flat list; None for values that are not finite."""
    # Row-major, as the protocol lists the values of a tensor
    flat = tensor.values.reshape(-1)
    if flat.dtype.kind == "f" and not np.isfinite(flat).all():
        gaps, flat = ~np.isfinite(flat), flat.astype(object)
        flat[gaps] = None
    return ListedTensor(tensor.name, tensor.datatype, tensor.values.shape, flat.tolist())


def describe_binary(tensor: NamedTensor) -> tuple[BinaryTensor, bytes]:
    """An output without its values, and its values as bytes."""
    if tensor.datatype == TEXT_DATATYPE:
        # The length counts bytes of UTF-8, not characters
        texts = (str(value).encode() for value in tensor.values.reshape(-1))
        data = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    else:
        data = tensor.values.tobytes()
    size = {"binary_data_size": len(data)}
    return BinaryTensor(tensor.name, tensor.datatype, tensor.values.shape, size), data


def _parse_json_tensor(entry: dict[str, Any], place: int) -> NamedTensor:
    if "data" not in entry:
        raise _make_refusal(entry, place, "it has neither data nor binary_data_size; give one of them")
    flat, dtype = _flatten(entry["data"]), _find_dtype(entry, place)
    if len(flat) != _count_values(entry, place):
        requirement = f"the shape {entry['shape']} needs {_count_values(entry, place)}; correct one of them"
        raise _make_refusal(entry, place, f"data has {len(flat)} values, {requirement}")
    # Exact types: ``bool`` is a subclass of ``int``, and NumPy would convert numbers in quotes
    types = JSON_TYPES[dtype.kind] if dtype is not None else {str}
    wrong_types = set(map(type, flat)) - types
    if wrong_types:
        number = next(i for i, value in enumerate(flat) if type(value) in wrong_types)
        raise _make_refusal(entry, place, f"value {number} is not of type {entry['datatype']}")
    if dtype is None:
        return NamedTensor(entry["name"], _to_object_array(flat).reshape(entry["shape"]))
    try:
        # Null is a missing value, NaN, which only floating-point types accept
        numbers = [math.nan if value is None else value for value in flat] if None in flat else flat
        return NamedTensor(entry["name"], np.array(numbers, dtype=dtype).reshape(entry["shape"]))
    except OverflowError:
        raise _make_refusal(entry, place, f"a value is out of range for {entry['datatype']}") from None


def _parse_binary_tensor(entry: dict[str, Any], place: int, raw: memoryview) -> NamedTensor:
    dtype, count = _find_dtype(entry, place), _count_values(entry, place)
    if dtype is None:
        texts = list(_parse_texts(entry, place, raw))
        if len(texts) != count:
            raise _make_refusal(
                entry,
                place,
                f"there are {len(texts)} texts, the shape {entry['shape']} needs {count}; correct one",
            )
        return NamedTensor(entry["name"], _to_object_array(texts).reshape(entry["shape"]))
    if len(raw) != count * dtype.itemsize:
        byte_count = count * dtype.itemsize
        raise _make_refusal(
            entry,
            place,
            f"its {len(raw)} bytes are not the {byte_count} of the shape {entry['shape']}; correct one",
        )
    return NamedTensor(entry["name"], np.frombuffer(raw, dtype).reshape(entry["shape"]))


def _parse_texts(entry: dict[str, Any], place: int, raw: memoryview) -> Iterator[str]:
    start = 0
    while start < len(raw):
        end = start + 4
        size = int.from_bytes(raw[start:end], "little")
        if end + size > len(raw):
            raise _make_refusal(entry, place, "a text is longer than what is left of the tensor")
        try:
            yield str(raw[end : end + size], "utf-8")
        except UnicodeDecodeError:
            raise _make_refusal(entry, place, "a text is not UTF-8; send it as UTF-8") from None
        start = end + size


def _find_dtype(entry: dict[str, Any], place: int) -> np.dtype[Any] | None:
    """The NumPy type of an input; None for texts."""
    datatype = entry["datatype"]
    if datatype != TEXT_DATATYPE and datatype not in NUMBER_DTYPES:
        raise _make_refusal(
            entry, place, f"datatype {datatype!r} is not one of {', '.join([*NUMBER_DTYPES, TEXT_DATATYPE])}"
        )
    return NUMBER_DTYPES.get(datatype)


def _count_values(entry: dict[str, Any], place: int) -> int:
    shape = entry["shape"]
    if len(shape) > MAX_DIMENSIONS:
        raise _make_refusal(entry, place, f"its shape has {len(shape)} dimensions; send one or two")
    return math.prod(shape)


def _flatten(data: Any) -> list[Any]:
    """The values row by row, from nested lists or a flat list."""
    while isinstance(data, list) and data and all(isinstance(entry, list) for entry in data):
        data = list(chain.from_iterable(data))
    return data if isinstance(data, list) else [data]


def _to_object_array(values: list[Any]) -> Shaped[np.ndarray, " values"]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _make_refusal(entry: dict[str, Any], place: int, why: str) -> Invalid:
    detail = f"input {entry['name']!r}: {why}"
    return Invalid.make_at("invalid_tensor", detail, {"pointer": f"#/inputs/{place}"})
