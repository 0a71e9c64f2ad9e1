"""The stated rule for missing values, categories and values that training never saw."""

import numpy as np
import pytest

from kan_engine.data.encoding import Encoding
from kan_engine.data.feature import Feature
from kan_engine.data.thresholds import DEFAULT_DATA as LIMITS
from kan_engine.errors import InvalidConfig, InvalidData


def objects(*values: object) -> np.ndarray:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def encode(
    train: np.ndarray, type_name: str, rows: np.ndarray | None = None
) -> tuple[list[str], list[list[float]]]:
    """Names and rows of one column ``x``, learnt from ``train``."""
    encoding = Encoding.fit({"x": train}, {"x": type_name})
    encoded = encoding.transform({"x": train if rows is None else rows})
    return [column.name for column in encoding.names], encoded.tolist()


def test_a_number_is_itself() -> None:
    assert encode(np.array([1.5, -2.0]), "number") == (["x"], [[1.5], [-2.0]])


def test_a_missing_number_becomes_the_median_and_is_marked() -> None:
    assert encode(np.array([1.0, np.nan, 3.0]), "integer") == (
        ["x", "x is missing"],
        [[1.0, 0.0], [2.0, 1.0], [3.0, 0.0]],
    )


def test_a_number_missing_only_at_prediction_becomes_the_median() -> None:
    assert encode(np.array([1.0, 2.0, 9.0]), "number", np.array([np.nan])) == (["x"], [[2.0]])


def test_a_boolean_is_0_or_1() -> None:
    assert encode(objects(True, False), "boolean") == (["x"], [[1.0], [0.0]])


def test_a_missing_boolean_becomes_the_more_frequent_value_and_is_marked() -> None:
    assert encode(objects(True, True, False, None), "boolean", objects(None)) == (
        ["x", "x is missing"],
        [[1.0, 1.0]],
    )


@pytest.mark.parametrize("rows", [np.array([0.0, 1.0]), np.array([False, True]), objects(0, 1)])
def test_a_boolean_may_be_given_as_0_and_1(rows: np.ndarray) -> None:
    assert encode(objects(True, False), "boolean", rows)[1] == [[0.0], [1.0]]


def test_a_category_has_one_column_per_value() -> None:
    assert encode(objects("b", "a", "c"), "category") == (
        ["x is a", "x is b", "x is c"],
        [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]],
    )


def test_a_category_of_two_values_has_one_column() -> None:
    assert encode(objects("m", "f", "m"), "category") == (["x is m"], [[1.0], [0.0], [1.0]])


def test_a_category_of_one_value_has_one_column() -> None:
    assert encode(objects("m", "m"), "category") == (["x is m"], [[1.0], [1.0]])


def test_a_missing_category_is_a_category_if_training_saw_it() -> None:
    assert encode(objects("a", None, "b"), "category", objects(None)) == (
        ["x is a", "x is b", "x is missing"],
        [[0.0, 0.0, 1.0]],
    )


def test_one_value_or_missing_makes_one_column() -> None:
    assert encode(objects("a", None), "category") == (["x is missing"], [[0.0], [1.0]])


def test_an_unseen_category_is_none_of_them() -> None:
    assert encode(objects("a", "b", "c"), "category", objects("d", None))[1] == [[0.0] * 3, [0.0] * 3]


def test_rare_and_unseen_categories_share_one_column() -> None:
    train = objects(*(f"c{i:02}" for i in range(LIMITS.max_category_columns) for _ in range(2)), "rare")
    names, rows = encode(train, "category", objects("rare", "unseen", "c00"))
    assert names[-1] == "x is other"
    assert [row.index(1.0) for row in rows] == [LIMITS.max_category_columns, LIMITS.max_category_columns, 0]


def test_a_number_can_be_a_category_whatever_carries_it() -> None:
    train = np.array([3.0, 2.5, np.nan])
    assert encode(train, "category", objects(3, "3", 2.5, np.float64(3.0), True)) == (
        ["x is 2.5", "x is 3", "x is missing"],
        [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]],
    )


@pytest.mark.parametrize(
    ("type_name", "train", "rows"),
    [
        ("number", np.array([1.0]), objects(1.0, "2.0")),
        ("number", np.array([1.0]), objects(1.0, True)),
        ("number", np.array([1.0]), objects(1, 10**400)),
        ("number", np.array([1.0]), np.array([0.0, np.inf])),
        ("boolean", objects(True, False), objects(True, "yes")),
        ("boolean", objects(True, False), np.array([0.0, 2.0])),
        ("category", objects("a", "b"), objects("a", ["a"])),
        ("category", objects("a", "b"), objects("a", np.inf)),
    ],
)
def test_a_value_of_another_type_is_refused_with_column_and_row(
    type_name: str, train: np.ndarray, rows: np.ndarray
) -> None:
    with pytest.raises(InvalidData, match="in row 1") as caught:
        encode(train, type_name, rows)
    assert (caught.value.column, caught.value.row) == ("x", 1)


@pytest.mark.parametrize(
    ("type_name", "train"), [("number", np.array([np.nan])), ("category", objects(None, None))]
)
def test_a_column_without_values_is_refused(type_name: str, train: np.ndarray) -> None:
    with pytest.raises(InvalidData, match="no values"):
        encode(train, type_name)


def test_a_column_of_one_time_is_refused() -> None:
    with pytest.raises(InvalidData, match="all the same"):
        encode(objects("2026-01-01"), "datetime")


def test_category_names_too_long_to_save_are_refused_by_column() -> None:
    columns = {"short": objects("a", "b"), "long": objects("a", "b" * LIMITS.max_category_characters)}
    with pytest.raises(InvalidData, match="leave out 'long'") as caught:
        Encoding.fit(columns, dict.fromkeys(columns, "category"))
    assert caught.value.column == "long"


def two_columns() -> Encoding:
    return Encoding.fit(
        {"n": np.array([1.0, 2.0, 5.0]), "c": objects("a", "b", "c")}, {"n": "number", "c": "category"}
    )


def test_an_absent_column_is_refused_by_name() -> None:
    with pytest.raises(InvalidData, match="'c' is absent") as caught:
        two_columns().transform({"n": np.array([1.0])})
    assert caught.value.column == "c"


def test_an_optional_column_may_be_absent() -> None:
    encoded = two_columns().transform({"other": np.array([0.0, 0.0])}, optional=("n", "c"))
    assert encoded.tolist() == [[2.0, 0.0, 0.0, 0.0]] * 2


def test_other_columns_are_ignored() -> None:
    encoded = two_columns().transform({"z": objects("?"), "n": np.array([1.0]), "c": objects("b")})
    assert encoded.tolist() == [[1.0, 0.0, 1.0, 0.0]]


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"n": np.array([1.0]), "c": objects("a", "b")},
        {"n": np.array([[1.0]]), "c": objects("a")},
    ],
)
def test_columns_that_make_no_table_are_refused(columns: dict[str, np.ndarray]) -> None:
    with pytest.raises(InvalidData):
        two_columns().transform(columns)


def test_values_unlike_the_training_rows_are_reported_row_by_row() -> None:
    columns = {"n": np.array([0.9, 1.0, 5.1, np.nan]), "c": objects("d", "a", "b", None)}
    assert two_columns().find_unseen_values(columns) == [(0, "n"), (0, "c"), (2, "n"), (3, "n"), (3, "c")]


def test_missing_values_are_not_reported_where_training_had_some() -> None:
    train = {"n": np.array([1.0, np.nan]), "c": objects("a", None)}
    assert Encoding.fit(train, {"n": "number", "c": "category"}).find_unseen_values(train) == []


def test_rare_categories_are_not_reported_but_unseen_ones_are() -> None:
    train = objects(
        *(f"c{i:04}" for i in range(LIMITS.max_category_columns + LIMITS.max_rare_categories + 1))
    )
    encoding = Encoding.fit({"x": train}, {"x": "category"})
    assert encoding.find_unseen_values({"x": train}) == [
        (LIMITS.max_category_columns + LIMITS.max_rare_categories, "x")
    ]


def test_absent_columns_are_not_reported() -> None:
    assert two_columns().find_unseen_values({"n": np.array([1.0])}) == []


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_tables_of_numbers_are_encoded_value_by_value_if_one_is_not_finite(wrong: float) -> None:
    train = {"a": np.array([0.0, 1.0]), "b": np.array([2.0, 4.0])}
    encoding = Encoding.fit(train, dict.fromkeys(train, "number"))
    assert encoding.transform({"a": np.array([0.5]), "b": np.array([9.0])}).tolist() == [[0.5, 9.0]]
    assert encoding.find_unseen_values({"a": np.array([0.5]), "b": np.array([9.0])}) == [(0, "b")]
    columns = {"a": np.array([wrong]), "b": np.array([9.0])}
    if np.isinf(wrong):
        with pytest.raises(InvalidData, match="finite"):
            encoding.transform(columns)
    else:
        assert encoding.transform(columns).tolist() == [[0.5, 9.0]]
        assert encoding.find_unseen_values(columns) == [(0, "a"), (0, "b")]


def test_every_encoded_column_says_what_it_means() -> None:
    encoding = Encoding.fit(
        {"n": np.array([1.0, np.nan]), "c": objects("a", "b")}, {"n": "number", "c": "text"}
    )
    assert [(column.feature, column.meaning) for column in encoding.names] == [
        ("n", "n, 1 where it is missing"),
        ("n", "1 where n is missing, else 0"),
        ("c", "1 where c is 'b', else 0"),
    ]


def test_names_stay_unique_when_a_column_is_called_like_an_encoded_one() -> None:
    columns = {"x": np.array([1.0, np.nan]), "x is missing": np.array([1.0, 2.0])}
    names = [column.name for column in Encoding.fit(columns, dict.fromkeys(columns, "number")).names]
    assert names == ["x", "x is missing (2)", "x is missing"]


@pytest.mark.parametrize(
    "change",
    [
        {"name": 3},
        {"type": "tensor"},
        {"min": None},
        {"min": 2.0, "max": 1.0},
        {"max": float("nan")},
        {"fill": "0"},
        {"fill": True},
        {"has_missing": 1},
        {"type": "category"},
        {"type": "category", "categories": ("a", "a")},
        {"type": "category", "categories": ("a",), "rare": ("a",)},
        {"type": "category", "categories": (1,)},
    ],
)
def test_a_feature_that_no_fit_gives_is_refused(change: dict[str, object]) -> None:
    plain = {"name": "x", "type": "number", "min": 0.0, "max": 1.0, "categories": [], "rare": []}
    with pytest.raises((InvalidConfig, TypeError)):
        Encoding.from_dict({"features": [{**plain, **change}]})


@pytest.mark.parametrize("names", [[], ["x", "x"]])
def test_an_encoding_needs_features_with_different_names(names: list[str]) -> None:
    with pytest.raises(InvalidConfig):
        Encoding(tuple(Feature(name=name, type="number", min=0.0, max=1.0) for name in names))
