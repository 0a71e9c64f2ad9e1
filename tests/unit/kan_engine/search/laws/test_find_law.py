"""Laws of whole tables: of few rows, behind factors, and with errors that grow with the target."""

from collections.abc import Callable

import numpy as np
import pytest

from kan_engine import to_text
from kan_engine.expressions.evaluation import Variable, evaluate
from kan_engine.formulas.judge import Judge
from kan_engine.formulas.pool import Pool
from kan_engine.formulas.schedule import LAWS
from kan_engine.formulas.search import search as run_schedule
from kan_engine.search.context import (
    FoundLaw,
    SearchContext,
    make_problem,
)
from kan_engine.search.laws.find_law import find_law
from tests.support.engine.training_rows import prepare_data
from tests.support.tables import request_for, table_of
from worker.pipelines.search_config import make_search_config

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("shapes_unchecked", "small_dictionary")]

Law = Callable[..., np.ndarray]


def search(law: Law, rows: int, relative: float = 0.0, **ranges: tuple[float, float]) -> FoundLaw:
    """The law behind rows whose columns cover decades."""
    generator = np.random.default_rng(0)
    columns = {name: np.exp(generator.uniform(*np.log(ends), rows)) for name, ends in ranges.items()}
    target = law(**columns) * (1 + relative * generator.normal(size=rows))
    request = request_for(seed=0)
    data = prepare_data(table_of(**columns, y=target), request)
    found = find_law(SearchContext.create(data, make_search_config(request)))
    assert found is not None
    return found


def test_the_law_of_thirty_rows_over_decades_with_errors_of_ten_percent_is_found() -> None:
    found = search(lambda r, m, n: m * n / r**2, 30, 0.1, r=(1, 1e4), m=(1, 1e5), n=(1, 1e5))
    assert found.has_relative_errors
    text = to_text(found.formulas[0].tree)
    assert text.endswith("m*n/r**2"), text


def test_seven_rows_are_enough_for_a_power() -> None:
    found = search(lambda a: 365.25 * a**1.5, 7, 1e-3, a=(0.4, 30))
    assert to_text(found.formulas[0].tree).endswith("a**(3/2)")


def test_a_law_found_without_a_network_is_kept_where_no_network_is_close() -> None:
    generator = np.random.default_rng(0)
    columns = {name: generator.uniform(-2, 2, 300) for name in "abcd"}
    a, b, c, d = (Variable(name) for name in "abcd")
    tree = ((a - b) ** 2 + (c - d) ** 2) ** 0.5
    target = evaluate(tree, columns) + generator.normal(0, 0.05, 300)
    request = request_for(seed=0)
    data = prepare_data(table_of(**columns, y=target), request)
    problem = make_problem(SearchContext.create(data, make_search_config(request)))
    pool, judge = Pool(problem), Judge()
    pool.add(problem.measure(tree, strategy="given"))
    run_schedule(pool, LAWS, judge)
    assert pool.structures[0].error > 0.5
    assert pool.best is not None
    assert pool.best.strategy == "given"


@pytest.mark.thorough
def test_a_function_of_a_group_is_found_behind_noise_and_a_factor() -> None:
    generator = np.random.default_rng(0)
    m, v, c = generator.uniform(1, 5, 800), generator.uniform(1, 2, 800), generator.uniform(3, 10, 800)
    clean = m * v / np.sqrt(1 - (v / c) ** 2)
    target = clean + 0.01 * clean.std() * generator.normal(size=800)
    request = request_for(seed=0)
    data = prepare_data(table_of(m=m, v=v, c=c, y=target), request)
    found = find_law(SearchContext.create(data, make_search_config(request)))
    assert found is not None
    fresh = {"m": np.array([2.0]), "v": np.array([1.9]), "c": np.array([2.0])}  # beyond the rows
    assert evaluate(found.formulas[0].tree, fresh)[0] == pytest.approx(
        2 * 1.9 / np.sqrt(1 - 0.9025), rel=1e-9
    )


@pytest.mark.thorough
def test_an_oscillation_of_many_periods_is_found_behind_its_amplitude() -> None:
    found = search(
        lambda i, d, s, w: i * np.sin(np.pi * d * s / w) ** 2,
        1000,
        i=(1, 3),
        d=(1, 5),
        s=(0.1, 1),
        w=(0.3, 1),
    )
    assert to_text(found.formulas[0].tree) == "i*sin(pi*d*s/w)**2"
