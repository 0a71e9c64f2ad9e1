"""Counted work: of a thread, in the same amount for the same computation."""

from threading import Thread

import numpy as np

from kan_engine.expressions.evaluation import Variable, call, evaluate, mul
from kan_engine.numerics.work import charge_network, measure_work


def measure_evaluation(rows: int) -> float:
    before = measure_work()
    evaluate(mul(3, call("exp", Variable("x"))), {"x": np.ones(rows)})
    return measure_work() - before


def test_the_same_computation_is_the_same_work() -> None:
    assert abs(measure_evaluation(1000) - measure_evaluation(1000)) < 1e-12


def test_more_rows_are_more_work() -> None:
    assert measure_evaluation(100_000) > 2 * measure_evaluation(1000) > 0


def test_the_work_of_other_threads_does_not_count() -> None:
    before = measure_work()
    other = Thread(target=charge_network, args=(1000,))
    other.start()
    other.join()
    assert measure_work() == before
    charge_network(1000)
    assert measure_work() > before
