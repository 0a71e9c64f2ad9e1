"""Laws of encoding and scaling."""

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from kan_engine.data.encoding import Encoding
from kan_engine.data.scaling import Standardizer, TargetScaler
from kan_engine.data.transforms import TRANSFORMS, is_defined

numbers = st.floats(-1e6, 1e6)
maybe_numbers = st.lists(numbers | st.just(float("nan")), min_size=1, max_size=30)
labels = st.lists(st.none() | st.text(max_size=3), min_size=1, max_size=30)


def column(values: list[object]) -> np.ndarray:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


@given(arrays(np.float64, array_shapes(min_dims=2, max_dims=2), elements=numbers), st.booleans())
def test_inverse_undoes_forward(x: np.ndarray, quantile: bool) -> None:
    standardizer = Standardizer.fit(x, quantile=quantile)
    # A flat piece of the quantile map loses the digits that its slope takes away: at most 1 / 256.
    tolerance = 1e-12 * (1 + np.abs(x).max())
    assert standardizer.inverse(standardizer.forward(x)) == pytest.approx(x, rel=0, abs=tolerance)


@given(arrays(np.float64, (20, 1), elements=numbers), st.booleans())
@example(np.array([[0.0], *[[1e-309]] * 18, [1.0]]), False)
@example(np.array([[0.0], *[[1e-309]] * 18, [1.0]]), True)
@example(np.array([*[[1.0]] * 9, [0.0], *[[1e-309]] * 9, [1.0]]), True)
def test_scaling_keeps_the_order(x: np.ndarray, quantile: bool) -> None:
    z = Standardizer.fit(x[:10], quantile=quantile).forward(x)
    order = np.argsort(x[:, 0], kind="stable")
    assert (np.diff(z[order, 0]) >= -1e-12 * np.abs(z).max()).all()


@given(
    st.sampled_from(sorted(TRANSFORMS)),
    arrays(np.float64, (10, 2), elements=st.floats(0.1, 10.0)),
)
def test_inverse_undoes_forward_for_every_transform(transform: str, y: np.ndarray) -> None:
    y = {"log_neg": -y, "sin": y / 10, "cos": y / 10}.get(transform, y)
    assume(is_defined(transform, y))
    scaler = TargetScaler.fit(y, transform)
    assert scaler.inverse(scaler.forward(y)) == pytest.approx(y, rel=1e-9)


@given(labels, labels)
def test_a_category_is_one_of_its_columns_or_none(train: list[str | None], rows: list[str | None]) -> None:
    if not any(label is not None for label in train):
        train = [*train, "a"]
    encoding = Encoding.fit({"c": column(train)}, {"c": "category"})
    encoded = encoding.transform({"c": column(rows)})
    assert (np.isin(encoded, [0, 1])).all()
    assert (encoded.sum(1) <= 1).all()


@given(labels)
def test_different_categories_get_different_rows(train: list[str | None]) -> None:
    if not any(label is not None for label in train):
        train = [*train, "a"]
    seen = sorted(set(train), key=repr)[:20]
    encoding = Encoding.fit({"c": column(list(seen))}, {"c": "category"})
    encoded = encoding.transform({"c": column(list(seen))})
    assert len(np.unique(encoded, axis=0)) == len(seen)
    assert encoding.find_unseen_values({"c": column(list(seen))}) == []


@given(maybe_numbers, maybe_numbers)
def test_an_encoded_number_is_the_number_or_the_median(train: list[float], rows: list[float]) -> None:
    train = [*train, 0.0]
    encoding = Encoding.fit({"x": np.array(train)}, {"x": "number"})
    encoded = encoding.transform({"x": np.array(rows)})[:, 0]
    missing = np.isnan(rows)
    assert (encoded[~missing] == np.array(rows)[~missing]).all()
    assert (encoded[missing] == np.nanmedian(train)).all()


@given(labels, maybe_numbers)
def test_an_encoding_survives_its_description(categories: list[str | None], values: list[float]) -> None:
    rows = min(len(categories), len(values))
    columns = {"c": column([*categories[:rows], "a"]), "x": np.array([*values[:rows], 1.0])}
    encoding = Encoding.fit(columns, {"c": "category", "x": "number"})
    twin = Encoding.from_dict(encoding.to_dict())
    assert twin == encoding
    assert np.array_equal(twin.transform(columns), encoding.transform(columns))
