import keyword
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kan_engine.expressions.printing.identifiers import C_FUNCTIONS, C_WORDS, JAVASCRIPT_WORDS, safe_names


def test_identifiers_keep_their_names():
    columns = ["x1", "Temperature", "E", "beta", "N", "größe"]
    assert safe_names(columns) == {name: name for name in columns}


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("median income", "median_income"),
        ("temp (°C)", "temp_C"),
        ("2nd", "x_2nd"),
        ("", "x"),
        ("!!!", "x"),
        ("lambda", "lambda_"),
        ("sin", "sin_"),
        ("Abs", "Abs_"),
        ("pi", "pi_"),
        ("__import__", "import_"),
        ('"); import os #', "import_os"),
        ("ﬁeld", "field"),
        ("x\ny", "x_y"),
        ("длина (м)", "длина_м"),
        ("Fläche (m²)", "Fläche_m2"),
        ("½ größe", "x_1_2_größe"),
    ],
)
def test_other_columns_get_a_readable_identifier(column, expected):
    assert safe_names([column]) == {column: expected}


@example("\u0345a")
@given(st.text(max_size=60))
def test_every_column_gets_a_valid_identifier(column):
    name = safe_names([column])[column]
    assert name.isidentifier()
    assert unicodedata.normalize("NFKC", name) == name


def test_substitutes_clash_neither_with_columns_nor_with_each_other():
    names = safe_names(["a_b", "a b", "a-b", "lambda", "lambda_"])
    assert len(set(names.values())) == 5
    assert names["a_b"] == "a_b"
    assert names["lambda_"] == "lambda_"


def test_the_order_of_the_columns_is_kept():
    assert list(safe_names(["b c", "a"])) == ["b c", "a"]


@pytest.mark.parametrize("reserved", [C_WORDS, JAVASCRIPT_WORDS, frozenset(keyword.kwlist)])
def test_words_of_a_language_are_not_used_in_it(reserved):
    assert not reserved & set(safe_names(sorted(reserved), reserved=reserved).values())


@pytest.mark.parametrize("name", ["NAN", "M_PI", "unix", "_Bool", "pow"])
def test_words_and_macros_of_c_are_not_used_for_arguments(name):
    assert name not in safe_names([name], reserved=C_WORDS).values()


@pytest.mark.parametrize("name", ["sinf", "logl", "y1", "isnan", "lgamma_r", "signgam"])
def test_functions_of_c_are_not_written_anew(name):
    assert name in C_FUNCTIONS
