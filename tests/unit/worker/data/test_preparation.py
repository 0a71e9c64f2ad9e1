"""What a table and a request become: features, rows, classes, weights, and what is said about the rest."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from kan_engine import InvalidData, TrainingData
from kan_engine.data.splitting import split_rows
from kan_engine.data.thresholds import DEFAULT_DATA
from tests.support.engine.training_rows import prepare_data
from tests.support.tables import request_for, table_of
from worker.data.preparation import NO_FEATURE_WARNING

ROWS = 40
RAMP = [float(i) for i in range(ROWS)]
TAIL = {"kind": "tail", "test_fraction": 0.25}  # the last 10 rows; the 6 before them validate


def prepared(columns: dict[str, Any], **body: Any) -> TrainingData:
    return prepare_data(table_of(**columns), request_for(**body))


# --- Features ------------------------------------------------------------------------------------------


def test_every_usable_column_but_the_target_is_a_feature() -> None:
    data = prepared({"a": RAMP, "b": ["p", "q"] * 20, "c": [True, False] * 20, "y": RAMP})
    assert data.names == ("a", "b is q", "c")
    assert data.warnings == ()


def test_weight_and_split_column_are_no_features() -> None:
    data = prepared(
        {"a": RAMP, "w": [1.0, 2.0] * 20, "s": ["u", "v"] * 20, "y": RAMP},
        weight="w",
        split={"kind": "column", "column": "s", "test": ["v"]},
    )
    assert data.names == ("a",)


def test_errors_of_the_target_become_weights_and_stay_known() -> None:
    errors = [0.5, 2.0] * 20
    data = prepared({"a": RAMP, "e": errors, "y": RAMP}, target_error="e")
    assert data.names == ("a",)
    assert data.rows.sigma == pytest.approx(np.array(errors)[data.numbers])
    assert data.training.weights.mean() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ([1.0] * ROWS, "it is constant"),
        ([None] * ROWS, "it has no values"),
        (
            [f"note {i}" for i in range(ROWS)],
            "it is text with 40 distinct values; give it another type to use it",
        ),
    ],
)
def test_a_column_that_cannot_be_used_is_left_out_with_its_reason(column: list[Any], reason: str) -> None:
    data = prepared({"a": RAMP, "b": column, "y": RAMP})
    assert data.names == ("a",)
    assert data.warnings == (f"column 'b' is left out: {reason}",)


def test_an_id_is_left_out_unless_it_is_all_there_is_or_is_asked_for() -> None:
    table = {"laptop_ID": list(range(ROWS)), "a": RAMP, "y": RAMP}
    data = prepared(table)
    assert data.names == ("a",)
    assert "identifies the rows" in data.warnings[0]
    assert prepared(table, features=["laptop_ID"]).names == ("laptop_ID",)
    assert prepared({"id": list(range(ROWS)), "y": RAMP}).names == ("id",)


def test_of_times_the_parts_that_vary_are_learnt_from() -> None:
    data = prepared({"t": [datetime(2020, 1 + i % 12, 1 + i % 28) for i in range(ROWS)], "y": RAMP})
    parts = ("month", "day of the week")
    assert data.names == tuple(f"{wave} of {part} of t" for part in parts for wave in ("sin", "cos"))


DAYS = [datetime(2020, 1 + i // 28, 1 + i % 28) for i in range(ROWS)]
UPS = [float(i * 7 % 11) for i in range(ROWS)]


@pytest.mark.parametrize(
    ("days", "split", "is_told"),
    [
        (DAYS, {}, True),
        (DAYS, {"split": TAIL}, False),
        (DAYS[::-1], {}, False),
        ([DAYS[i * 7 % ROWS] for i in range(ROWS)], {}, False),
        ([DAYS[i // 20] for i in range(ROWS)], {}, False),
    ],
    ids=["random", "tail", "backwards", "shuffled", "two days"],
)
def test_rows_held_out_between_the_times_of_others_are_told(
    days: list[datetime], split: dict[str, Any], is_told: bool
) -> None:
    told = " ".join(prepared({"t": days, "a": UPS, "y": RAMP}, **split).warnings)
    assert ("in the order of time by 't'" in told) is is_told


def test_columns_that_were_not_asked_for_need_no_reason() -> None:
    assert prepared({"a": RAMP, "b": [1.0] * ROWS, "y": RAMP}, features=["a"]).warnings == ()


@pytest.mark.parametrize("late", [[0.0] * 30 + [1.0] * 10, ["p"] * 30 + ["q"] * 10, [None] * 30 + RAMP[:10]])
def test_a_column_that_varies_in_the_hold_out_rows_only_is_left_out(late: list[Any]) -> None:
    data = prepared({"a": RAMP, "b": late, "y": RAMP}, split=TAIL)
    assert data.names == ("a",)
    assert data.warnings == ("column 'b' is left out: it is the same in all training rows",)


def test_a_column_that_is_one_value_or_missing_is_a_feature() -> None:
    data = prepared({"b": [1.0, None] * 20, "c": ["p", None] * 20, "y": RAMP}, features=["b", "c"])
    assert data.names == ("b", "b is missing", "c is missing")


def test_of_rows_that_show_no_differences_the_mean_can_be_learnt() -> None:
    data = prepared({"a": [0.0] * 30 + RAMP[:10], "y": RAMP}, split=TAIL)
    assert data.names == ("a",)
    assert NO_FEATURE_WARNING in data.warnings


def test_without_any_value_nothing_can_be_learnt() -> None:
    with pytest.raises(InvalidData, match="upload rows with values"):
        prepared({"a": [None] * 30 + RAMP[:10], "y": RAMP}, split=TAIL)


def test_a_random_split_leaves_two_classes_to_learn_from() -> None:
    labels = ["no", "no", "yes", "no", "no"]  # of which the third is the one row that seed 0 holds out
    numbers = np.arange(5.0)
    assert split_rows(kind="random", y=numbers, task="regression").test_rows.tolist() == [2]
    data = prepared({"a": RAMP[:5], "y": labels})
    assert data.classes == ("no", "yes")
    assert any("drawn by class" in warning for warning in data.warnings)


def test_a_column_is_read_as_the_type_that_was_asked_for() -> None:
    data = prepared({"a": [1, 2, 3, 4] * 10, "y": RAMP}, types={"a": "category"})
    assert data.names == ("a is 1", "a is 2", "a is 3", "a is 4")


# --- Rows ----------------------------------------------------------------------------------------------


def test_rows_are_fitted_on_chosen_by_and_reported_on() -> None:
    data = prepared({"a": RAMP, "y": RAMP}, split=TAIL)
    assert data.fit.y.tolist() == RAMP[:24]
    assert data.validation.y.tolist() == RAMP[24:30]
    assert data.test.y.tolist() == RAMP[30:]


def test_training_rows_are_those_to_fit_on_and_those_to_choose_by() -> None:
    training = prepared({"a": RAMP, "y": RAMP}, split=TAIL).training
    assert training.y.tolist() == training.x[:, 0].tolist() == RAMP[:30]
    assert len(training.weights) == len(training) == 30


def test_without_a_split_nothing_is_held_out() -> None:
    data = prepared({"a": RAMP, "y": RAMP}, split={"kind": "none"})
    assert (len(data.training), len(data.test)) == (ROWS, 0)


def test_ranges_are_those_of_the_training_rows() -> None:
    (feature,) = prepared({"a": RAMP, "y": RAMP}, split=TAIL).encoding.features
    assert (feature.min, feature.max) == (0.0, 29.0)


@pytest.mark.parametrize("target", [[None, *RAMP[1:]], [None, *["p", "q"] * 19, "p"]])
def test_rows_without_a_target_are_left_out(target: list[Any]) -> None:
    data = prepared({"a": RAMP, "y": target}, split={"kind": "none"})
    assert len(data.training) == ROWS - 1
    assert 0.0 not in data.training.x[:, 0]


def test_a_stratified_split_keeps_the_shares_of_the_classes() -> None:
    data = prepared(
        {"a": RAMP, "y": ["rare"] * 8 + ["often"] * 32}, split={"kind": "stratified", "test_fraction": 0.25}
    )
    assert (data.labels(data.test) == "rare").sum() == 2


# --- Targets -------------------------------------------------------------------------------------------


def test_a_boolean_can_be_regressed_on() -> None:
    data = prepared({"a": RAMP, "y": [True, False] * 20}, task="regression", split=TAIL)
    assert data.test.y.tolist() == [1.0, 0.0] * 5
    assert data.classes is None


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([3, 1, 2, 1], (1, 2, 3)),
        ([2.0, 1.0, 3.0, 1.0], (1, 2, 3)),
        ([0.5, 1.0, 1.5, 1.0], (0.5, 1.0, 1.5)),
        ([True, False, True, True], (False, True)),
        (["b", "a", "c", "b"], ("a", "b", "c")),
    ],
)
def test_classes_are_labels_of_the_targets_own_type_in_order(
    labels: list[Any], classes: tuple[Any, ...]
) -> None:
    data = prepared({"a": RAMP, "y": labels * 10}, task="classification")
    assert data.classes == classes
    assert [type(label) for label in data.classes] == [type(label) for label in classes]


@pytest.mark.parametrize(
    ("target", "loss", "outputs"),
    [(RAMP, "squared", 1), (["p", "q"] * 20, "logistic", 1), (["p", "q", "r", "s"] * 10, "softmax", 4)],
)
def test_the_target_decides_loss_and_outputs(target: list[Any], loss: str, outputs: int) -> None:
    data = prepared({"a": RAMP, "y": target})
    assert (data.loss, data.output_count) == (loss, outputs)


def test_labels_are_coded_by_their_places_and_numbers_by_themselves() -> None:
    labels = prepared({"a": RAMP, "y": ["q", "r", "p", "r"] * 10}, split=TAIL)
    assert labels.test.y.tolist() == ["pqr".index(label) for label in labels.labels(labels.test)]
    numbers = prepared({"a": RAMP, "y": RAMP}, split=TAIL)
    assert numbers.test.y[:2].tolist() == numbers.labels(numbers.test)[:2].tolist() == [30.0, 31.0]


def test_hold_out_rows_of_a_class_that_training_never_saw_are_left_out_with_a_warning() -> None:
    data = prepared(
        {"a": RAMP, "s": [0] * 30 + [1] * 10, "y": ["p", "q"] * 15 + ["new"] * 3 + ["p"] * 7},
        split={"kind": "column", "column": "s", "test": [1]},
    )
    assert data.classes == ("p", "q")
    assert len(data.test) == 7
    assert data.warnings == ("3 hold-out rows have classes that no training row has",)


# --- Weights -------------------------------------------------------------------------------------------


def test_rows_weigh_one_each_unless_a_column_tells_their_weights() -> None:
    assert set(prepared({"a": RAMP, "y": RAMP}).training.weights) == {1.0}
    weights = [1 + value for value in RAMP]
    weighed = prepared({"a": RAMP, "w": weights, "y": RAMP}, weight="w", split=TAIL)
    assert weighed.training.weights.tolist() == weights[:30]


def test_rows_without_weight_have_no_part() -> None:
    weights = [float(row % 2) for row in range(ROWS)]
    data = prepared({"a": RAMP, "w": weights, "y": RAMP}, weight="w", split=TAIL)
    assert (len(data.fit), len(data.validation), len(data.test)) == (12, 3, 5)
    assert set(data.rows.weights) == {1.0}


def test_balanced_classes_weigh_the_same_in_all() -> None:
    data = prepared(
        {"a": RAMP, "y": ["p"] * 10 + ["q"] * 30},
        training={"class_weight": "balanced"},
        split={"kind": "none"},
    )
    totals = {label: data.training.weights[data.labels(data.training) == label].sum() for label in ("p", "q")}
    assert totals["p"] == pytest.approx(totals["q"])
    assert data.training.weights.sum() == pytest.approx(ROWS)


def test_balanced_counts_the_rows_that_are_trained_on() -> None:
    y = ["p", "q"] * 15 + ["q"] * 10
    columns = {"a": RAMP, "y": y, "s": ["u"] * 30 + ["t"] * 10}
    data = prepared(
        columns, training={"class_weight": "balanced"}, split={"kind": "column", "column": "s", "test": ["t"]}
    )
    assert data.class_weights is not None
    assert data.class_weights.tolist() == [1.0, 1.0]


def test_what_rows_weigh_without_their_classes_is_known() -> None:
    data = prepared(
        {"a": RAMP, "w": [2.0] * ROWS, "y": ["p", "q"] * 20},
        weight="w",
        training={"class_weight": {"p": 5.0}},
    )
    assert data.class_weights is not None
    assert data.class_weights.tolist() == [5.0, 1.0]
    assert set(data.row_weights(data.training)) == {2.0}


def test_a_class_weighs_what_was_asked_for_and_one_otherwise() -> None:
    data = prepared({"a": RAMP, "y": [True, False] * 20}, training={"class_weight": {"true": 3.0}})
    assert set(data.training.weights[data.labels(data.training) == True]) == {3.0}  # noqa: E712 - an array of objects
    assert set(data.training.weights[data.labels(data.training) == False]) == {1.0}  # noqa: E712


def test_a_weight_for_a_class_that_no_row_has_is_refused_with_the_classes() -> None:
    with pytest.raises(InvalidData, match="a class 'z' that the target does not have; it has 'p', 'q'"):
        prepared({"a": RAMP, "y": ["p", "q"] * 20}, training={"class_weight": {"z": 3.0}})


def test_weights_of_rows_and_classes_multiply() -> None:
    data = prepared(
        {"a": RAMP, "w": [2.0] * ROWS, "y": ["p", "q"] * 20},
        weight="w",
        training={"class_weight": {"p": 5.0}},
    )
    assert set(data.training.weights) == {10.0, 2.0}


@pytest.mark.parametrize(("idle", "purpose"), [(slice(0, 24), "fit"), (slice(24, 30), "validation")])
def test_rows_that_all_weigh_nothing_cannot_be_used(idle: slice, purpose: str) -> None:
    weights = np.ones(ROWS)
    weights[idle] = 0.0
    with pytest.raises(InvalidData, match=f"all {purpose} rows have the weight 0") as caught:
        prepared({"a": RAMP, "w": weights.tolist(), "y": RAMP}, weight="w", split=TAIL)
    assert caught.value.column == "w"


# --- Repeated rows -------------------------------------------------------------------------------------


def test_hold_out_rows_that_repeat_training_rows_are_counted() -> None:
    data = prepared(
        {"a": RAMP[:30] + RAMP[:4] + RAMP[34:], "y": RAMP[:30] + RAMP[:4] + RAMP[34:]}, split=TAIL
    )
    assert data.duplicate_count == 4


def test_a_row_with_another_target_repeats_nothing() -> None:
    data = prepared({"a": [*RAMP[:30], *RAMP[:10]], "y": RAMP}, split=TAIL)
    assert data.duplicate_count == 0


def test_a_wide_table_keeps_columns_with_an_effect_and_those_that_the_request_needs() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (150, 200))
    columns = {f"x{place}": values for place, values in enumerate(x)}
    body = {"must_use": ["x3"], "monotone": {"x9": "increasing"}}
    data = prepared({**columns, "y": x[7] ** 2}, **body)
    assert data.names == ("x3", "x7", "x9")
    assert data.screening is not None
    assert {column.name: column.reason for column in data.screening.kept} == {
        "x3": "required",
        "x7": "single",
        "x9": "required",
    }


def test_only_training_rows_decide_which_columns_of_a_wide_table_are_kept() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (150, 250))
    held = np.arange(250) >= 200
    columns = {f"x{place}": values for place, values in enumerate(x)}
    y = np.where(held, 50 * x[20], 3 * x[7])
    data = prepared({**columns, "y": y}, split={"kind": "tail", "test_fraction": 0.2})
    assert data.names == ("x7",)


def test_a_requested_shape_reads_all_columns_of_a_wide_table() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (150, 60))
    columns = {f"x{place}": values for place, values in enumerate(x)}
    data = prepared({**columns, "y": x[7]}, network={"hidden": [2]})
    assert len(data.names) == 150
    assert data.screening is None


# --- Large tables --------------------------------------------------------------------------------------


def sampled(choices: int, values: int, **body: Any) -> TrainingData:
    few = replace(DEFAULT_DATA, max_choice_rows=choices, max_reserve_values=values)
    return prepare_data(table_of(a=RAMP, b=RAMP[::-1], y=RAMP), request_for(**body), few)


def test_the_training_rows_beyond_those_of_choices_are_a_reserve_in_random_order() -> None:
    data = sampled(10, 1000)
    assert (data.fit_count, data.validation_count, len(data.test)) == (7, 2, 8)
    assert data.reserve is not None
    every = np.concatenate([data.rows.y, data.reserve.y])
    assert sorted(every.tolist()) == RAMP
    assert (np.diff(data.fit.y) > 0).all()
    assert not (np.diff(data.reserve.y) > 0).all()


def test_the_reserve_has_at_most_so_many_values() -> None:
    data = sampled(10, 12)
    assert data.reserve is not None
    assert data.reserve.x.shape == (6, 2)
    assert (data.left_out, data.available_count) == (32 - 9 - 6, 32)


def test_a_reserve_of_no_hold_out_rows_is_told_without_them() -> None:
    (warning,) = sampled(10, 1000, split={"kind": "none"}).warnings
    assert warning.startswith("structure, settings and formulas were chosen on 10 of 40 training rows")
    assert "hold-out" not in warning


def test_a_table_of_few_rows_has_no_reserve() -> None:
    assert sampled(32, 1000).reserve is None


def test_repetitions_of_rows_in_reserve_are_counted() -> None:
    few = replace(DEFAULT_DATA, max_choice_rows=4)
    data = prepare_data(table_of(a=[1.0, 2.0] * 20, y=[3.0, 4.0] * 20), request_for(), few)
    assert data.duplicate_count == len(data.test)
