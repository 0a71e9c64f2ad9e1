"""Small networks of rows, one after the other or without hidden nodes."""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import torch

from kan_engine.structure.fitted_structure import FittedStructure, StructureRows
from kan_engine.structure.search import StructureSearch
from kan_engine.structure.thresholds import DEFAULT_STRUCTURE


def search_structures(
    training: StructureRows, validation: StructureRows, **options: Any
) -> Iterator[FittedStructure]:
    """All small networks, from simple to complex."""
    search = StructureSearch(training, validation, **{"thresholds": DEFAULT_STRUCTURE, **options})
    return chain(search.sums, search.iterate_one_node(), search.iterate_two_nodes())


def fit_additive_structure(
    training: StructureRows,
    validation: StructureRows,
    generator: torch.Generator,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    transform: str = "identity",
) -> FittedStructure:
    """A network without hidden nodes."""
    search = StructureSearch(
        training, validation, generator=generator, should_stop=should_stop, thresholds=DEFAULT_STRUCTURE
    )
    return search.fit_additive(transform)
