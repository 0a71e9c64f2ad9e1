"""Laws of saved models: bytes are a model or an ArtifactError, and a saved model is the same model."""

from functools import cache
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kan_engine.errors import ArtifactError
from kan_engine.inference.artifact import load, read_metadata, save
from tests.support.predictors import make_predictor, some_columns

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=10,
)


predictors = st.fixed_dictionaries(
    {
        "classes": st.none() | st.lists(st.text(max_size=3), min_size=2, max_size=4, unique=True).map(tuple),
        "transform": st.sampled_from(["identity", "log", "reciprocal"]),
        "hidden": st.lists(st.integers(1, 4), max_size=2).map(tuple),
        "direct": st.booleans(),
        "quantile": st.booleans(),
        "seed": st.integers(0, 2**31),
    }
)


@settings(deadline=None, max_examples=25)
@given(predictors, st.dictionaries(st.text(), json_values, max_size=3))
def test_save_then_load_is_bit_equal(options: dict[str, Any], metadata: dict[str, object]) -> None:
    predictor = make_predictor(**options)
    data = save(predictor, metadata)
    twin = load(data)
    assert save(twin, metadata) == data
    assert read_metadata(data) == metadata
    assert np.array_equal(twin.raw_outputs(some_columns(8)), predictor.raw_outputs(some_columns(8)))


@cache
def saved() -> bytes:
    return save(make_predictor(hidden=(2,), quantile=True))


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), min_size=1, max_size=4))
def test_a_damaged_model_is_another_model_or_refused(damage: list[tuple[int, int]]) -> None:
    data = bytearray(saved())
    for place, change in damage:
        data[place % len(data)] ^= change
    try:
        load(bytes(data))
    except ArtifactError:
        return


@settings(deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_any_other_bytes_are_refused(body: bytes, as_header: bool) -> None:
    data = len(body).to_bytes(8, "little") + body if as_header else body
    try:
        load(data)
    except ArtifactError:
        return
    raise AssertionError(f"{data!r} was taken for a model")
