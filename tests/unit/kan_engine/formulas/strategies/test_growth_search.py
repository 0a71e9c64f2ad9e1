"""The search for the most accurate formula of every size."""

import json
from typing import Any

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.constraints import FormulaConstraints, list_functions
from kan_engine.expressions.evaluation import (
    Expression,
    Number,
    Variable,
    call,
    complexity,
    count_nodes,
    evaluate,
    from_json,
    to_json,
    walk,
)
from kan_engine.formulas.strategies.growth.archive import Archive
from kan_engine.formulas.strategies.growth.entry import Entry, measure_formula
from kan_engine.formulas.strategies.growth.search import FrontSearch
from kan_engine.formulas.strategies.growth.thresholds import DEFAULT_FRONT

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("shapes_unchecked")]

ROWS = 200
LITTLE_WORK = 1e6
rng = np.random.default_rng(0)
COLUMNS = {f"x{place}": rng.uniform(0.5, 3, ROWS) for place in (1, 2, 3)}
X1, X2, X3 = COLUMNS.values()
NOISE = rng.normal(size=ROWS)
WAVE = np.sin(2 * X1) * X2 + np.log(X3) + 0.3 * NOISE


def search(target: np.ndarray, **settings: object) -> list[Entry]:
    options: Any = {"max_work": LITTLE_WORK, "thresholds": DEFAULT_FRONT, **settings}
    return FrontSearch(make_rows(target), **options).run()


def make_rows(target: np.ndarray) -> LabelledRows:
    return LabelledRows.from_columns(COLUMNS, target)


def trees(front: list[Entry]) -> list[Expression]:
    return [entry.tree for entry in front]


@pytest.mark.parametrize(
    ("target", "size"),
    [(3 * X1 * np.log(X2) + 2, 7), ((X1 + X2) / X3, 10)],
    ids=["a product", "a quotient"],
)
def test_a_simple_law_is_the_last_formula_of_the_front(target: np.ndarray, size: int) -> None:
    last = search(target)[-1]
    assert last.error**0.5 < 1e-12 * target.std()
    assert last.size <= size


def test_the_front_begins_with_a_constant_and_its_errors_fall() -> None:
    front = search(WAVE)
    assert front[0].size == 1
    assert evaluate(front[0].tree, COLUMNS)[0] == pytest.approx(WAVE.mean())
    assert len(front) > 5
    assert [entry.size for entry in front] == sorted({entry.size for entry in front})
    assert (np.diff([entry.error for entry in front]) < 0).all()


def test_an_entry_tells_size_values_and_losses_of_its_formula() -> None:
    for entry in search(WAVE):
        assert entry.size == count_nodes(entry.tree)
        np.testing.assert_allclose(entry.predicted, evaluate(entry.tree, COLUMNS), rtol=1e-9)
        assert entry.mean_square == pytest.approx(np.mean((entry.predicted - WAVE) ** 2))
        assert entry.error == pytest.approx(entry.losses.mean())
        assert entry.error > entry.mean_square


def test_noise_is_not_explained() -> None:
    front = search(NOISE)
    assert front[0].size == 1
    assert front[-1].error > 0.9 * NOISE.var()


def test_the_same_seed_gives_the_same_front() -> None:
    one, other = search(WAVE, seed=3), search(WAVE, seed=3)
    assert trees(one) == trees(other)
    assert [entry.error for entry in one] == [entry.error for entry in other]


def test_more_work_gives_no_worse_front() -> None:
    few, many = (search(WAVE, max_work=work) for work in (2e5, LITTLE_WORK))
    assert many[-1].error < few[-1].error


def test_forbidden_functions_do_not_occur() -> None:
    limits = FormulaConstraints(frozenset({"sin", "cos", "log", "exp"}))
    for tree in trees(search(WAVE, limits=limits)):
        assert not limits.forbidden & list_functions(tree)


def test_no_formula_is_more_complex_than_allowed() -> None:
    front = search(WAVE, limits=FormulaConstraints(max_complexity=8))
    assert len(front) > 2
    assert max(complexity(tree) for tree in trees(front)) <= 8


def test_weights_decide_which_rows_a_formula_fits() -> None:
    is_first = np.arange(ROWS) < ROWS // 2
    target = np.where(is_first, X1, 5 - X1)
    for own, slope in ((is_first, 1), (~is_first, -1)):
        rows = make_rows(target).reweigh(np.where(own, 1.0, 1e-9))
        front = FrontSearch(rows, max_work=2e5, thresholds=DEFAULT_FRONT).run()
        assert np.polyfit(X1[own], front[-1].predicted[own], 1)[0] == pytest.approx(slope, abs=0.05)


def test_a_search_that_is_stopped_at_once_returns_a_constant() -> None:
    front = search(WAVE, should_stop=lambda: True)
    assert [entry.size for entry in front] == [1]


def test_a_search_without_work_fits_its_seeds() -> None:
    seed = 1.5 * call("sin", 1.9 * Variable("x1")) + 0.5
    front = FrontSearch(make_rows(WAVE), max_work=0, thresholds=DEFAULT_FRONT).run([seed])
    assert [entry.size for entry in front] == [1, count_nodes(seed)]


def test_a_seed_that_is_too_long_or_forbidden_is_left_out() -> None:
    long = sum((call("exp", number * Variable("x1")) for number in range(1, 30)), Number(0.5))
    limits = FormulaConstraints(frozenset({"log"}))
    front = FrontSearch(make_rows(WAVE), max_work=0, limits=limits, thresholds=DEFAULT_FRONT).run(
        [long, call("log", Variable("x3"))]
    )
    assert len(front) == 1


def test_progress_is_reported_up_to_the_whole_work() -> None:
    shares: list[float] = []

    def report(share: float, archive: Archive) -> None:
        shares.append(share)
        assert archive.front

    search(WAVE, report=report)
    assert shares == sorted(shares)
    assert shares[0] > 0
    assert shares[-1] == 1


def test_a_stored_formula_is_measured_the_same() -> None:
    rows = make_rows(WAVE)
    for entry in search(WAVE, max_work=3e5):
        known, restored = (
            measure_formula(tree, rows)
            for tree in (entry.tree, from_json(json.loads(json.dumps(to_json(entry.tree)))))
        )
        assert restored.tree == known.tree == entry.tree
        assert restored.error == known.error == pytest.approx(entry.error)
        assert (restored.losses == known.losses).all()


ONE_HOT = {f"is_{place}": (np.arange(90) % 30 == place).astype(float) for place in range(30)}
OUTLIER = np.where(np.arange(60) == 5, 1e12, np.linspace(1, 2, 60))


@pytest.mark.parametrize(
    ("columns", "target"),
    [
        ({"x": np.array([1.0, 2.0])}, np.array([3.0, 5.0])),
        ({"x": np.full(30, 1.5)}, np.linspace(0, 1, 30)),
        ({"x": np.linspace(0, 1, 30)}, np.full(30, 0.1)),
        ({"x": np.linspace(-1, 1, 30)}, np.zeros(30)),
        (ONE_HOT, np.arange(90) % 7 * 1.0),
        ({"x": OUTLIER}, np.linspace(0, 1, 60)),
        ({"x": np.linspace(0, 1, 60)}, OUTLIER),
        ({"x": np.linspace(1, 2, 60) * 1e200}, np.linspace(0, 1, 60) ** 2),
        ({"x": np.linspace(1, 2, 60) * 1e-300}, np.linspace(0, 1, 60) ** 2),
        ({"x": np.linspace(1, 2, 60)}, np.linspace(0, 1, 60) ** 2 * 1e100),
        ({"x": np.linspace(1, 2, 60)}, np.linspace(0, 1, 60) ** 2 * 1e-100),
    ],
    ids=[
        "two rows",
        "a constant column",
        "a constant target",
        "a target of zeros",
        "one-hot columns",
        "an outlier in a column",
        "an outlier in the target",
        "huge inputs",
        "tiny inputs",
        "huge targets",
        "tiny targets",
    ],
)
def test_an_odd_table_has_a_front_that_begins_with_a_constant(
    columns: dict[str, np.ndarray], target: np.ndarray
) -> None:
    front = FrontSearch(
        LabelledRows.from_columns(columns, target), max_work=3e5, thresholds=DEFAULT_FRONT
    ).run()
    assert front[0].size == 1
    for entry in front:
        assert np.isfinite(entry.error)
        assert all(np.isfinite(float(n.value)) for n in walk(entry.tree) if isinstance(n, Number))


WISHED = {"a": np.linspace(1, 2, 60), "b": np.sin(np.arange(60.0)) + 2, "c": np.cos(np.arange(60.0))}


@pytest.mark.parametrize(
    "limits",
    [
        FormulaConstraints.create(must_use=["c"]),
        FormulaConstraints.create(max_constants=1),
        FormulaConstraints.create(max_constants=0, must_use=["b"]),
        FormulaConstraints.create(functions=["polynomial"], max_constants=2),
        FormulaConstraints(
            monotone=(("a", 1),),
            bounds=(0.0, 5.0),
            box=(("a", 1.0, 2.0), ("b", 1.0, 3.0), ("c", -1.0, 1.0)),
        ),
    ],
)
def test_every_formula_of_a_front_grants_the_wishes(limits: FormulaConstraints) -> None:
    target = 2.5 * np.exp(-0.7 * WISHED["a"]) * WISHED["b"]
    search = FrontSearch(
        LabelledRows.from_columns(WISHED, target), limits=limits, max_work=1e6, thresholds=DEFAULT_FRONT
    )
    front = search.run([Number(2.4) * call("exp", Number(-0.6) * Variable("a"))])
    assert len(front) > 1
    assert [entry.tree for entry in front if not limits.allow(entry.tree)] == []
