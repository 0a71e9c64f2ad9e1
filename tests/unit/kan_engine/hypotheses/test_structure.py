"""The kind of law that functions, networks and trained models are."""

import json

import numpy as np
import pytest

from kan_engine.hypotheses.structure import MAX_COLUMNS, find_structure
from tests.unit.kan_engine.hypotheses.test_hypotheses import (
    Law,
    entangled,
    examine,
    norm,
    parallel,
    scaled,
    tilted,
)


@pytest.mark.parametrize(
    ("law", "count", "ends", "skeleton"),
    [
        (tilted, 3, (-1, 1), "g1(a) + g2(b)*g3(c)"),
        (scaled, 3, (-1, 1), "g1(a)*(g2(b) + g3(c))"),
        (norm, 3, (1, 3), "F1(g1(a) + g2(b) + g3(c))"),
        (lambda x: 3 + parallel(x), 2, (1, 3), "F1(g1(a) + g2(b))"),
        (entangled, 2, (1, 3), "g1(a, b)"),
        (lambda x: np.exp(-x[0]) * np.sin(x[1] * x[2] + x[0]), 3, (0, 1.5), "F1(F2(g1(b) + g2(c)), a)"),
        (
            lambda x: 1 / ((x[0] - x[1]) ** 2 + (x[2] - x[3]) ** 2),
            4,
            (1, 3),
            "F1(F2(g1(a) + g2(b)) + F3(g3(c) + g4(d)))",
        ),
        (lambda x: 2 + x[0] * np.sin(x[1]), 2, (1, 3), "2 + g1(a)*g2(b)"),
    ],
)
def test_the_tree_of_a_law(law: Law, count: int, ends: tuple[float, float], skeleton: str) -> None:
    structure = find_structure(examine(law, count, *ends), tolerance=1e-3)
    assert structure.skeleton == skeleton
    assert all(part.error < 0.003 for part in structure.root.walk())


def test_columns_without_effect_are_told_apart() -> None:
    structure = find_structure(examine(lambda x: x[0] * x[2], 3, 1, 2))
    assert (structure.unused, structure.skeleton) == (("b",), "g1(a)*g2(c)")
    constant = find_structure(examine(lambda x: 0 * x[0] + 2, 2, 1, 2))
    assert (constant.unused, constant.skeleton) == (("a", "b"), "constant")


def test_of_too_many_columns_nothing_is_said() -> None:
    count = MAX_COLUMNS + 1
    names = [f"x{place}" for place in range(count)]
    x = np.random.default_rng(0).uniform(size=(100, count))
    function = examine(tilted, 3, -1, 1).__class__(
        lambda rows: rows.sum(1), x, {name: (place,) for place, name in enumerate(names)}, frozenset(names)
    )
    structure = find_structure(function)
    assert structure.to_text().endswith(f"{count} columns act; up to {MAX_COLUMNS} are examined")


def test_texts_name_the_error_of_every_statement() -> None:
    structure = find_structure(examine(lambda x: (x[0] - x[1]) * x[2], 3, 1, 2))
    text = structure.to_text()
    assert json.loads(structure.to_json())["statements"] == text.splitlines()[1:]
    lines = text.splitlines()
    assert lines[0] == "f = (g1(a) + g2(b))*g3(c)"
    assert lines[1].startswith("it is a product of functions of (a, b) and c; error ")
    assert any(
        line.startswith("shift: unchanged for every s that is added: a by s and b by s; error")
        for line in lines
    )
    assert any(
        line.startswith("scaling: multiplied by s for every s that multiplies: c by s; error")
        for line in lines
    )
