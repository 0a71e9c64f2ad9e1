"""A form of five constants, of which two differ between ten groups, and rows with noise that follow it."""

from __future__ import annotations

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, Variable, evaluate
from kan_engine.formulas.forms.template import FormTemplate, parse_form

GROUPS, ROWS_PER_GROUP, NOISE = 10, 25, 0.05
FORMS = (
    ("a*exp(-b*t) + c*t/(d + t) + e", {"a": (2, 6), "b": (0.5, 2), "c": (3, 8), "d": (1, 4), "e": (0, 2)}),
    (
        "a + b*x**n*exp(-k*t) + c*t",
        {"a": (0, 3), "b": (1, 4), "n": (1.2, 2.2), "k": (0.1, 0.5), "c": (0.5, 2)},
    ),
    ("A*exp(-g*t)*cos(w*t + p) + c", {"A": (2, 4), "g": (0.05, 0.2), "w": (2, 3), "p": (-1, 1), "c": (0, 3)}),
    (
        "m*x/(K + x + x**2/I) + s*t + b",
        {"m": (5, 12), "K": (0.5, 2), "I": (5, 15), "s": (0.3, 1), "b": (0, 2)},
    ),
)
RANGES = {"t": (0.0, 8.0), "x": (0.1, 6.0)}


def draw(seed: int) -> tuple[FormTemplate, dict[str, Expression], LabelledRows, tuple[str, ...]]:
    """A form, the indicators of its groups, its rows, and the names of a group's own constants."""
    generator = np.random.default_rng(seed)
    text, ranges = FORMS[seed % len(FORMS)]
    template = parse_form(text, RANGES)
    group_constants = tuple(sorted(generator.choice(template.constants, 2, replace=False).tolist()))
    count = GROUPS * ROWS_PER_GROUP
    group = np.repeat(np.arange(GROUPS), ROWS_PER_GROUP)
    columns = {name: generator.uniform(low, high, count) for name, (low, high) in RANGES.items()}
    constants = []
    for name in template.constants:
        low, high = ranges[name]
        values = generator.uniform(low, high, GROUPS if name in group_constants else 1)
        constants.append(values[group] if name in group_constants else np.full(count, values[0]))
    exact = evaluate(template.tree, columns, constants)
    target = exact + generator.normal(0, NOISE * exact.std(), count)
    marks = {f"group is {number}": (group == number).astype(float) for number in range(GROUPS)}
    indicators: dict[str, Expression] = {name.removeprefix("group is "): Variable(name) for name in marks}
    return template, indicators, LabelledRows.from_columns(columns | marks, target), group_constants
