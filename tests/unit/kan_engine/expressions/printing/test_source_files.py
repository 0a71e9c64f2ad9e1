"""Files of functions: they run, and no two names clash."""

import ast
import math
import re
import shutil
import subprocess

import numpy as np
import pytest
import quickjs

from kan_engine.expressions.evaluation import Variable, call, number
from kan_engine.expressions.printing.identifiers import C_FUNCTIONS, C_WORDS, JAVASCRIPT_WORDS, PYTHON_WORDS
from kan_engine.expressions.printing.source_files import (
    SourceFunction,
    c_module,
    javascript_module,
    python_module,
    to_single_line,
)
from tests.support import languages

x, y, odd = Variable("x"), Variable("y"), Variable("we \"ird] #na'me")
MODULES = [python_module, c_module, javascript_module]


def named(**trees):
    return [SourceFunction(name=name, tree=tree) for name, tree in trees.items()]


def defined(source):
    return [node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]


def test_the_python_function_runs():
    source = python_module([SourceFunction(name="my y", tree=call("exp", x) * odd)])
    assert defined(source) == ["my_y"]
    namespace = {}
    exec(source, namespace)
    assert namespace["my_y"](1.0, 2.0) == pytest.approx(2 * math.e)


def test_the_numpy_function_takes_arrays():
    namespace = {}
    exec(python_module(named(y_hat=x + call("asin", y)), arrays=True), namespace)
    np.testing.assert_allclose(namespace["y_hat"](np.ones(2), np.zeros(2)), [1.0, 1.0])


def test_the_numpy_function_computes_with_floats_whatever_it_is_given():
    namespace = {}
    exec(python_module(named(total=x + y, ratio=x**3 / y), arrays=True), namespace)
    assert namespace["total"](np.array([True]), np.array([True])) == [2.0]
    assert namespace["ratio"](np.array([3_000_000]), np.array([2])) == [1.35e19]
    assert namespace["ratio"]([2], 4) == [2.0]


def test_outputs_with_similar_names_are_different_functions():
    outputs = [
        SourceFunction(name="a b", tree=x),
        SourceFunction(name="a_b", tree=x + 1),
        SourceFunction(name="a-b", tree=x + 2),
    ]
    source = python_module(outputs)
    namespace = {}
    exec(source, namespace)
    assert [namespace[name](1.0) for name in defined(source)] == [1.0, 2.0, 3.0]
    assert defined(source)[1] == "a_b"


@pytest.mark.parametrize("write", MODULES)
def test_a_module_of_several_outputs_imports_once(write):
    source = write(named(a=x, b=y))
    assert source.count("import") + source.count("#include") == (write is not javascript_module)


def test_a_function_is_not_called_like_one_of_its_arguments():
    assert "def x_(x):" in python_module(named(x=x + 1))


def test_the_c_function_avoids_the_names_of_the_mathematical_library():
    source = c_module(named(y1=x + 1))
    assert source == "#include <math.h>\n\n// y1_: y1\ndouble y1_(double x) {\n    return x + 1.0;\n}\n"


def test_a_c_function_of_nothing_takes_void():
    assert "double y(void)" in c_module(named(y=number(2)))


def test_the_javascript_function_is_one():
    assert javascript_module(named(y=x**2)) == "function y(x) {\n  return Math.pow(x, 2);\n}\n"


def test_comments_say_what_arguments_mean_by_the_names_that_they_have():
    tree = Variable("color is red") * x
    function = SourceFunction(
        name="y", tree=tree, remarks=["A law."], meanings={"color is red": "1 where so"}
    )
    assert "\n# A law.\n# color_is_red: 1 where so\ndef y(" in python_module([function])
    assert "\n// A law.\n// color_is_red: 1 where so\ndouble y(" in c_module([function])


RUSSIAN = Variable("длина (м)") * Variable("масса") + Variable("größe")


def test_c_and_javascript_keep_the_letters_of_a_language():
    columns = {"длина (м)": np.array([2.0]), "масса": np.array([3.0]), "größe": np.array([1.0])}
    assert languages.in_c(RUSSIAN, columns) == languages.in_javascript(RUSSIAN, columns) == [7.0]
    for source in (c_module(named(период=RUSSIAN)), javascript_module(named(период=RUSSIAN))):
        assert {"длина_м", "масса", "größe", "период"} <= set(re.findall(r"\w+", source))


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
@pytest.mark.parametrize("standard", ["c99", "c11"])
def test_gcc_takes_letters_beyond_ascii(standard, tmp_path):
    (tmp_path / "formula.c").write_text(c_module(named(период=RUSSIAN)), encoding="utf-8")
    command = ["gcc", f"-std={standard}", "-Wall", "-Werror", "-c", "formula.c", "-o", "formula.o"]
    subprocess.run(command, cwd=tmp_path, check=True)


@pytest.mark.parametrize(
    ("write", "comment"), [(python_module, "#"), (c_module, "//"), (javascript_module, "//")]
)
def test_a_comment_names_what_is_called_otherwise_than_in_the_table(write, comment):
    source = write([SourceFunction(name="my y", tree=x * Variable("temp (°C)"))])
    assert f"\n{comment} my_y: my y\n{comment} temp_C: temp (°C)\n" in f"\n{source}"
    assert f"{comment} x:" not in source


@pytest.mark.parametrize(
    ("write", "run", "words"),
    [
        (python_module, lambda source: exec(source, {}), PYTHON_WORDS),
        (c_module, languages.compiled, C_WORDS | C_FUNCTIONS),
        (
            javascript_module,
            lambda source: quickjs.Context().eval(f'"use strict";{source}'),
            JAVASCRIPT_WORDS,
        ),
    ],
)
def test_words_of_a_language_are_no_names_in_it(write, run, words):
    run(write([SourceFunction(name=word, tree=Variable(word) + 1) for word in sorted(words)]))


@pytest.mark.parametrize(
    "text", ["a\nimport os", "a\r\u2028\x85b", "ends in \\", "ends in ??/", "ends in ???\\", "\u202eback"]
)
def test_a_comment_cannot_end_or_go_on_after_its_line(text):
    line = to_single_line(text)
    assert len(line.splitlines()) == 1
    assert not line.endswith(("\\", "??/"))
    assert line.isprintable()
