from typing import Any

import pytest

from service.documents.column_report import ValueCount
from service.documents.training_plan import TrainingPlan
from service.errors import Invalid
from service.operations.jobs.limits import DEFAULT_ADMISSION
from service.operations.jobs.training_checks import check_training
from service.schemas.training import TrainRequest
from tests.support.factories import column

COLUMNS = [
    column("x"),
    column("n", "integer", distinct=9),
    column("c", "category", distinct=3),
    column("b", "boolean", distinct=2),
    column("y"),
    column("constant", distinct=1),
    column("empty", missing=100, distinct=0),
    column("time", "datetime"),
    column("prose", "text", distinct=100),
    column("w", missing=0, min=0.5),
    column("gaps", missing=3),
    column("negative", min=-1.0),
    column("zero", min=0.0, max=0.0, distinct=2),
    column("huge", max=1e200),
    column("narrow", min=0.0, max=1e-200),
    column("mostly gaps", missing=80),
    column("kind", "category", distinct=2, top=[ValueCount("a", 60), ValueCount("b", 40)]),
    column("rare", "category", distinct=2, top=[ValueCount("a", 99), ValueCount("b", 1)]),
]


def plan(rows: int = 100, **body: Any) -> TrainingPlan:
    request = TrainRequest.model_validate({"dataset_id": "d", "target": "y", **body})
    return check_training(request, COLUMNS, rows, units={"x": "m", "n": "people"}, limits=DEFAULT_ADMISSION)


def refusal(**body: Any) -> Invalid:
    with pytest.raises(Invalid) as caught:
        plan(**body)
    return caught.value


def test_every_column_that_tells_rows_apart_becomes_a_feature() -> None:
    assert [f.name for f in plan().features] == [
        "x",
        "n",
        "c",
        "b",
        "time",
        "w",
        "gaps",
        "negative",
        "zero",
        "mostly gaps",
        "kind",
        "rare",
    ]


def test_weight_and_split_column_are_no_features() -> None:
    found = plan(weight="w", split={"kind": "column", "column": "c", "test": ["a"]}).features
    assert [f.name for f in found] == [
        "x",
        "n",
        "b",
        "time",
        "gaps",
        "negative",
        "zero",
        "mostly gaps",
        "kind",
        "rare",
    ]


def test_named_features_are_taken_in_their_order() -> None:
    assert [f.name for f in plan(features=["prose", "x"]).features] == ["prose", "x"]


@pytest.mark.parametrize(
    ("body", "task", "outputs"),
    [
        ({}, "regression", 1),
        ({"target": "n"}, "regression", 1),
        ({"target": "c"}, "classification", 3),
        ({"target": "b"}, "classification", 1),
        ({"target": "n", "types": {"n": "category"}}, "classification", 9),
        ({"target": "n", "task": "classification"}, "classification", 9),
        ({"target": "b", "task": "regression"}, "regression", 1),
    ],
)
def test_the_task_follows_from_the_target(body: dict[str, Any], task: str, outputs: int) -> None:
    assert (plan(**body).task, plan(**body).outputs) == (task, outputs)


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"target": "z"}, "unknown_column", "#/target"),
        ({"features": ["x", "z"]}, "unknown_column", "#/features/1"),
        ({"types": {"a/b": "number"}}, "unknown_column", "#/types/a~1b"),
        ({"weight": "z"}, "unknown_column", "#/weight"),
        ({"split": {"kind": "column", "column": "z", "test": [1]}}, "unknown_column", "#/split/column"),
        ({"target": "empty"}, "target_all_missing", "#/target"),
        ({"target": "constant"}, "target_constant", "#/target"),
        ({"target": "time"}, "target_not_usable", "#/target"),
        ({"target": "huge"}, "target_not_usable", "#/target"),
        ({"target": "narrow"}, "target_not_usable", "#/target"),
        ({"target": "c", "task": "regression"}, "target_not_numeric", "#/target"),
        ({"target": "prose", "task": "regression"}, "target_not_numeric", "#/target"),
        ({"target": "prose"}, "more_classes_than_rows", "#/target"),
        ({"rows": 4}, "too_few_rows", "#/target"),
        ({"features": ["y"]}, "feature_has_other_role", "#/features/0"),
        ({"features": ["w"], "weight": "w"}, "feature_has_other_role", "#/features/0"),
        ({"features": ["x", "x"]}, "duplicate_feature", "#/features/1"),
        ({"features": ["empty"]}, "feature_all_missing", "#/features/0"),
        ({"features": ["huge"]}, "feature_not_usable", "#/features/0"),
        ({"features": ["narrow"]}, "feature_not_usable", "#/features/0"),
        ({"features": ["mostly gaps"]}, "no_features", "#/features"),
        ({"features": ["x", "constant"]}, "feature_constant", "#/features/1"),
        ({"types": {"prose": "number"}}, "invalid_type", "#/types/prose"),
        ({"types": {"n": "boolean"}}, "invalid_type", "#/types/n"),
        ({"form": "a*x + "}, "invalid_form", "#/form"),
        ({"form": "a*c"}, "invalid_form", "#/form"),
        ({"form": "a*x", "features": ["n"]}, "invalid_form", "#/form"),
        ({"form": "a*x", "target": "c"}, "invalid_form", "#/form"),
        ({"form": "a*x", "constants": {"q": {"min": 0}}}, "invalid_form", "#/constants/q"),
        ({"features": ["n"], "units": "enforce"}, "invalid_wish", "#/units"),
        ({"weight": "y"}, "invalid_weight", "#/weight"),
        ({"weight": "c"}, "invalid_weight", "#/weight"),
        ({"weight": "gaps"}, "invalid_weight", "#/weight"),
        ({"weight": "negative"}, "invalid_weight", "#/weight"),
        ({"weight": "zero"}, "invalid_weight", "#/weight"),
        ({"must_use": ["z"]}, "unknown_column", "#/must_use/0"),
        ({"must_use": ["x", "x"]}, "invalid_wish", "#/must_use/1"),
        ({"must_use": ["prose"]}, "invalid_wish", "#/must_use/0"),
        ({"must_use": ["n"], "features": ["x"]}, "invalid_wish", "#/must_use/0"),
        ({"must_use": ["w"], "weight": "w"}, "invalid_wish", "#/must_use/0"),
        ({"must_use": ["x", "n"], "symbolic": {"max_complexity": 2}}, "invalid_wish", "#/must_use"),
        ({"monotone": {"z": "increasing"}}, "unknown_column", "#/monotone/z"),
        ({"monotone": {"c": "increasing"}}, "invalid_wish", "#/monotone/c"),
        ({"monotone": {"x": "increasing"}, "target": "c"}, "invalid_wish", "#/monotone"),
        ({"monotone": {"x": "increasing"}, "network": {"hidden": [3]}}, "invalid_wish", "#/network/hidden"),
        ({"bounds": {"min": 1e9}}, "invalid_wish", "#/bounds"),
        ({"bounds": {"min": 0}, "target": "c"}, "invalid_wish", "#/bounds"),
        ({"functions": ["exp", "erf"]}, "unknown_function", "#/functions/1"),
        ({"target_error": "z"}, "unknown_column", "#/target_error"),
        ({"target_error": "y"}, "invalid_target_error", "#/target_error"),
        ({"target_error": "c"}, "invalid_target_error", "#/target_error"),
        ({"target_error": "gaps"}, "invalid_target_error", "#/target_error"),
        ({"target_error": "zero"}, "invalid_target_error", "#/target_error"),
        ({"target_error": "w", "target": "b"}, "invalid_target_error", "#/target_error"),
        ({"training": {"grid_schedule": [5, 5]}}, "invalid_grid_schedule", "#/training/grid_schedule"),
        (
            {"network": {"grid": 3}, "training": {"grid_schedule": [5, 10]}},
            "invalid_grid_schedule",
            "#/training/grid_schedule",
        ),
        (
            {"training": {"optimizer": "levenberg_marquardt", "lamb": 0.1}},
            "invalid_optimizer",
            "#/training/optimizer",
        ),
        (
            {"training": {"class_weight": "balanced"}},
            "class_weight_without_classes",
            "#/training/class_weight",
        ),
        ({"split": {"kind": "stratified"}}, "stratified_without_classes", "#/split/kind"),
        ({"split": {"kind": "column", "column": "y", "test": [1]}}, "invalid_split_column", "#/split/column"),
        (
            {"split": {"kind": "column", "column": "time", "test": ["2024-01-01"]}},
            "invalid_split_column",
            "#/split/column",
        ),
        ({"split": {"test_fraction": 0.999}}, "invalid_test_fraction", "#/split/test_fraction"),
        (
            {"split": {"kind": "tail", "test_fraction": 0.985}},
            "invalid_test_fraction",
            "#/split/test_fraction",
        ),
        ({"target": "rare", "split": {"kind": "stratified"}}, "class_too_small", "#/split/kind"),
        (
            {"target": "kind", "split": {"kind": "stratified", "test_fraction": 0.01}},
            "invalid_test_fraction",
            "#/split/test_fraction",
        ),
        (
            {"target": "kind", "training": {"class_weight": {"a": 2.0, "z": 2.0}}},
            "unknown_class",
            "#/training/class_weight/z",
        ),
    ],
)
def test_what_cannot_be_learnt_is_refused_with_its_place(
    body: dict[str, Any], code: str, pointer: str
) -> None:
    error = refusal(**body)
    assert (error.code, error.errors[0].place["pointer"]) == (code, pointer)


@pytest.mark.parametrize(
    ("body", "remedy"),
    [
        ({"target": "constant"}, "choose another column"),
        ({"weight": "zero"}, "make some positive, or name no weight column"),
        ({"weight": "c"}, "name another or none"),
        ({"weight": "gaps"}, "0 leaves a row out"),
        ({"split": {"test_fraction": 0.999}}, "lower it"),
        ({"target": "rare", "split": {"kind": "stratified"}}, "use the kind random"),
        ({"target": "kind", "training": {"class_weight": {"z": 2.0}}}, "the classes are 'a', 'b'"),
        ({"split": {"kind": "column", "column": "time", "test": ["2024"]}}, "use the kind tail"),
    ],
)
def test_a_refusal_says_what_to_do(body: dict[str, Any], remedy: str) -> None:
    assert remedy in refusal(**body).detail


def test_what_the_report_does_not_tell_is_left_to_the_job() -> None:
    assert plan(target="c", training={"class_weight": {"z": 2.0}})
    assert plan(target="c", split={"kind": "stratified"})


def test_known_classes_have_weights_under_the_names_that_probabilities_use() -> None:
    flags = column("on", "boolean", distinct=2, top=[ValueCount(v, 50) for v in (True, False)])
    request = TrainRequest.model_validate(
        {"dataset_id": "d", "target": "on", "training": {"class_weight": {"true": 2.0}}}
    )
    assert check_training(request, [column("x"), flags], 100, limits=DEFAULT_ADMISSION)


def test_a_table_without_any_usable_column_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        check_training(
            TrainRequest(dataset_id="d", target="y"),
            [column("y"), column("k", distinct=1)],
            100,
            limits=DEFAULT_ADMISSION,
        )
    assert caught.value.code == "no_features"
    assert "upload a table with further columns" in caught.value.detail


def test_all_mistakes_are_reported_at_once() -> None:
    error = refusal(weight="c", features=["narrow", "x", "x"])
    assert [entry.code for entry in error.errors] == [
        "feature_not_usable",
        "duplicate_feature",
        "invalid_weight",
    ]
    assert "2 more" in error.detail


def test_the_columns_that_do_exist_are_named_but_not_all_of_many() -> None:
    assert "'x', 'n'" in refusal(target="z").detail
    many = [column(f"c{i}") for i in range(500)]
    with pytest.raises(Invalid) as caught:
        check_training(TrainRequest(dataset_id="d", target="z"), many, 100, limits=DEFAULT_ADMISSION)
    assert "and 480 more" in caught.value.detail


def test_two_valued_numbers_can_be_read_as_boolean() -> None:
    columns = [column("x"), column("flag", "integer", distinct=2), column("y")]
    request = TrainRequest(dataset_id="d", target="y", types={"flag": "boolean"})
    assert check_training(request, columns, 100, limits=DEFAULT_ADMISSION).types["flag"] == "boolean"


@pytest.mark.parametrize(("split", "rows"), [({"kind": "none"}, 100), ({"test_fraction": 0.5}, 50)])
def test_the_rows_to_learn_from_are_those_that_are_not_held_out(split: dict[str, Any], rows: int) -> None:
    assert plan(split=split).training_rows == rows


def test_a_schedule_may_begin_at_the_grid_that_was_asked_for() -> None:
    assert plan(network={"grid": 3}, training={"grid_schedule": [3, 5, 10]})


def test_units_can_be_enforced_where_one_is_known() -> None:
    assert plan(units="enforce").request.units == "enforce"
