"""The context of a search: the columns that it reads."""

from dataclasses import replace

import numpy as np

from kan_engine import Standardizer
from kan_engine.search.context import SearchContext
from kan_engine.search.thresholds import SearchThresholds
from tests.support.engine.training_rows import prepare_data
from tests.support.tables import request_for, table_of
from worker.pipelines.search_config import make_search_config


def test_a_wide_run_reads_the_columns_that_matter_of_the_same_rows() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.uniform(0.5, 3.0, (2, 150))
    request = request_for()
    data = prepare_data(table_of(a=a, b=b, y=b + generator.normal(0, 0.1, 150)), request)
    few = SearchThresholds(max_structure_inputs=1, max_selected_columns=1)
    config = replace(make_search_config(request), thresholds=few)
    run = SearchContext.create(data, config)
    narrow, places = run.select_columns()
    assert (narrow.names, places) == (("b",), [1])
    np.testing.assert_array_equal(narrow.data.training.x, run.data.training.x[:, [1]])
    assert isinstance(narrow.inputs, Standardizer)
    np.testing.assert_array_equal(narrow.inputs.center, run.inputs.center[1:])
