"""Loaded networks: loaded once, kept while there is room."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.operations.prediction.predictor_cache import PredictorCache


class CountingLoader:
    """Loads a fresh object of a given size, and counts."""

    def __init__(self, size: int = 10) -> None:
        self.size = size
        self.count = 0

    def __call__(self) -> Any:
        self.count += 1
        return object(), self.size


def test_a_model_is_loaded_only_once() -> None:
    cache, load = PredictorCache(100), CountingLoader()
    assert cache.get("a", load) is cache.get("a", load)
    assert load.count == 1


def test_the_model_unused_longest_leaves_first() -> None:
    cache, load = PredictorCache(20), CountingLoader()
    for model_id in ("a", "b", "a", "c"):
        cache.get(model_id, load)
    assert load.count == 3
    cache.get("a", load)
    assert load.count == 3
    cache.get("b", load)
    assert load.count == 4


def test_a_model_larger_than_the_cache_is_given_but_not_kept() -> None:
    cache, load = PredictorCache(5), CountingLoader()
    assert cache.get("a", load) is not None
    cache.get("a", load)
    assert load.count == 2


def test_many_who_ask_at_once_wait_for_one_load() -> None:
    cache, inside, asked = PredictorCache(100), threading.Event(), threading.Barrier(8)
    count = 0

    def load() -> Any:
        nonlocal count
        count += 1
        inside.wait(10)
        return object(), 1

    def ask(_: int) -> Any:
        asked.wait(10)
        return cache.get("a", load)

    with ThreadPoolExecutor(8) as threads:
        answers = threads.map(ask, range(8))
        threading.Timer(0.05, inside.set).start()
        assert len(set(map(id, answers))) == 1
    assert count == 1


def test_different_models_load_at_the_same_time() -> None:
    cache, both = PredictorCache(100), threading.Barrier(2)

    def load() -> Any:
        both.wait(10)
        return object(), 1

    with ThreadPoolExecutor(2) as threads:
        assert len(set(threads.map(lambda model_id: cache.get(model_id, load), "ab"))) == 2


def test_a_failed_load_fails_all_who_wait_and_is_tried_again() -> None:
    cache, inside, asked = PredictorCache(100), threading.Event(), threading.Barrier(4)

    def fail() -> Any:
        inside.wait(10)
        raise RuntimeError("broken")

    def ask(_: int) -> str:
        asked.wait(10)
        with pytest.raises(RuntimeError, match="broken") as error:
            cache.get("a", fail)
        return str(error.value)

    with ThreadPoolExecutor(4) as threads:
        answers = threads.map(ask, range(4))
        threading.Timer(0.05, inside.set).start()
        assert list(answers) == ["broken"] * 4
    assert cache.get("a", CountingLoader()) is not None
