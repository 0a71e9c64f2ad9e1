"""What formulas print is read as a form, whatever the columns are called."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from kan_engine.expressions.evaluation import Expression, evaluate, walk
from kan_engine.expressions.nodes import Variable, substitute
from kan_engine.expressions.parsing import FUNCTIONS
from kan_engine.expressions.printing.identifiers import safe_names
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.forms.template import InvalidForm, parse_form
from tests.support.engine import trees

pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

NASTY = [
    *"IESNQe_2",
    *FUNCTIONS,
    "pi",
    "π",
    "lambda",
    "beta",
    "gamma",
    "zeta",
    "Rational",
    "Float",
    "Derivative",
]
NASTY += [
    "Q [mL/min]",
    "Q_mL_min",
    "Q",
    "d, mm",
    "T [K]",
    "T / K",
    "t (s)",
    "t (h)",
    "a b",
    "a-b",
    "a_b",
    "a_b_",
]
NASTY += [
    "col·lecció",
    "तापमान",
    "größe 2",
    "скорость (м/с)",
    "x′",
    "u²",
    "°C",
    "℘",
    "ﬁ",
    "`x`",
    'say "x"',
    "x^2",
    "-",
]
columns = st.lists(
    st.one_of(st.sampled_from(NASTY), st.text(min_size=1)), min_size=4, max_size=6, unique=True
)
PLACES = np.array([0.3, 0.9, 1.4])
LETTERS = {letter: PLACES + place / 7 for place, letter in enumerate("xyz")}
formulas = st.one_of(trees.plain_trees(LETTERS), trees.raw_trees(LETTERS))


@settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.filter_too_much]
)
@given(names=columns, tree=formulas)
def test_a_printed_formula_is_read_as_a_form_with_the_same_values(names: list[str], tree: Expression) -> None:
    assume(all(is_moderate(evaluate(part, LETTERS)) for part in walk(tree)))
    target, *features = names
    own = {Variable(letter): Variable(name) for letter, name in zip(LETTERS, features, strict=False)}
    text = to_text(substitute(tree, own), safe_names(features))
    try:
        form = parse_form(text, features, target=target)
    except InvalidForm as error:
        assume("uses no column" not in str(error))  # as 0*x, which is printed as 0
        raise
    assert not form.constants
    rows = dict(zip(features, LETTERS.values(), strict=False))
    np.testing.assert_allclose(evaluate(form.tree, rows), evaluate(tree, LETTERS), rtol=1e-9, atol=1e-9)


def is_moderate(values: np.ndarray) -> bool:
    sizes = np.abs(values[values != 0])
    return bool(np.isfinite(values).all() and (sizes < 500).all() and (sizes > 1e-9).all())
