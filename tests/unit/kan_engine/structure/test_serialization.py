"""Fits on their way to another process."""

import json
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from kan_engine.structure.fitted_structure import FittedStructure, InputGrids, StructureRows
from kan_engine.structure.search import (
    CURVED_LINE_PRODUCT,
    LOG,
    ONE_NODE,
    _StructureSearch,
    search_structures,
)
from kan_engine.structure.serialization import structure_from_json, structure_to_json
from kan_engine.structure.thresholds import DEFAULT_STRUCTURE
from kan_engine.training.loop import TrainingStep
from tests.support.engine.laws import make_sample

RNG = np.random.default_rng(0)


def sample(rows: int) -> StructureRows:
    raw = RNG.uniform(0.5, 2, (rows, 2))
    y = raw[:, 0] * raw[:, 1] + RNG.normal(0, 0.1, rows)
    return make_sample(raw, y, 2 * (raw - 0.5) / 1.5 - 1)


TRAINING, VALIDATION = sample(60), sample(30)


def fits() -> list[FittedStructure]:
    """One without hidden nodes, one whose node adds logarithms, one whose node multiplies."""
    additive = next(search_structures(TRAINING, VALIDATION, generator=torch.Generator().manual_seed(0)))
    stage = _StructureSearch(
        InputGrids(TRAINING, 3), VALIDATION, torch.Generator().manual_seed(0), lambda: False
    )
    found = [additive]
    for node in (LOG, CURVED_LINE_PRODUCT):
        family = next(family for family in ONE_NODE if family[0] == (node,))
        (rough,) = islice(stage.screen_family(family), 1)
        found.append(stage.fit_on_grids(rough.shape, rough.bundle))
    return found


@pytest.mark.parametrize("fit", fits(), ids=["additive", "logarithms", "product"])
def test_a_fit_comes_back_from_json_bit_for_bit(fit: FittedStructure) -> None:
    odd = replace(fit, history=(*fit.history, TrainingStep(9, 4, 0.1, float("inf"))), dropped={1: (0.1, 0.2)})
    text = json.dumps(structure_to_json(odd), allow_nan=False)
    back = structure_from_json(json.loads(text), TRAINING)
    assert (back.shape, back.errors, back.history, back.dropped) == (
        odd.shape,
        odd.errors,
        odd.history,
        odd.dropped,
    )
    assert torch.equal(back.bundle.flat, fit.bundle.flat)
    assert torch.equal(back.bundle.held, fit.bundle.held)
    with torch.no_grad():
        assert torch.equal(back.network(VALIDATION.x), fit.network(VALIDATION.x))
    assert back.relative_error(VALIDATION) == fit.relative_error(VALIDATION)


def test_a_fit_that_came_back_is_trained_on_as_the_one_that_stayed() -> None:
    fit = fits()[2]
    back = structure_from_json(json.loads(json.dumps(structure_to_json(fit))), TRAINING)
    again, there = (each.train_coefficients(TRAINING, steps=3) for each in (fit, back))
    assert torch.equal(again.flat, there.flat)


def test_a_fit_that_came_back_is_judged_by_the_given_thresholds() -> None:
    data = structure_to_json(replace(fits()[2], errors=(1e-3,)))
    strict, lax = DEFAULT_STRUCTURE, replace(DEFAULT_STRUCTURE, adequate_error=1e-2)
    backs = [structure_from_json(data, TRAINING, thresholds) for thresholds in (strict, lax)]
    assert [back.is_adequate for back in backs] == [False, True]
