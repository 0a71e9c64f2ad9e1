"""Write the formulas of a model as functions in one Python, C or JavaScript file."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kan_engine.expressions.nodes import Call, Expression, variables, walk
from kan_engine.expressions.printing.identifiers import (
    C_FUNCTIONS,
    C_WORDS,
    JAVASCRIPT_WORDS,
    PYTHON_WORDS,
    safe_names,
)
from kan_engine.expressions.printing.infix import Names, to_c, to_javascript, to_numpy, to_python


@dataclass(frozen=True, kw_only=True)
class SourceFunction:
    """The function of one output.

    Args:
        name: Preferred name; the language may require another.
        tree: The formula.
        remarks: Comments above the function, one line each.
        meanings: Descriptions of the arguments that are not columns of the client.
        symbols: Names of the variables where the formula is printed as text; arguments have the same, unless
            the language reserves them.
    """

    name: str
    tree: Expression
    remarks: Sequence[str] = ()
    meanings: Names | None = None
    symbols: Names | None = None


def python_module(functions: Sequence[SourceFunction], *, arrays: bool = False) -> str:
    """Return Python functions of the columns, for one row (``math``) or for arrays (NumPy).

    Functions of arrays first convert them to floats: in NumPy true + true is true, and large integers
    overflow.
    """
    head, write = ("import numpy as np", to_numpy) if arrays else ("import math", to_python)

    def write_function(name: str, function: SourceFunction, arguments: Names) -> str:
        floats = [f"    {argument} = np.float64({argument})\n" for argument in arguments.values() if arrays]
        signature = f"def {name}({', '.join(arguments.values())}):\n"
        return f"{signature}{''.join(floats)}    return {write(function.tree, arguments)}\n"

    text = "\n\n".join(_write_functions(functions, write_function, "#", PYTHON_WORDS))
    needs_scipy = arrays and any(_contains_erf(function.tree) for function in functions)
    return f"{head}\n{'import scipy.special' * needs_scipy}\n\n{text}"


def _contains_erf(tree: Expression) -> bool:
    return any(isinstance(node, Call) and node.function == "erf" for node in walk(tree))


def c_module(functions: Sequence[SourceFunction]) -> str:
    """Return C functions of the columns."""

    def write_function(name: str, function: SourceFunction, arguments: Names) -> str:
        parameters = ", ".join(f"double {argument}" for argument in arguments.values()) or "void"
        return f"double {name}({parameters}) {{\n    return {to_c(function.tree, arguments)};\n}}\n"

    return "#include <math.h>\n\n" + "\n".join(
        _write_functions(functions, write_function, "//", C_WORDS, C_FUNCTIONS)
    )


def javascript_module(functions: Sequence[SourceFunction]) -> str:
    """Return JavaScript functions of the columns."""

    def write_function(name: str, function: SourceFunction, arguments: Names) -> str:
        body = to_javascript(function.tree, arguments)
        return f"function {name}({', '.join(arguments.values())}) {{\n  return {body};\n}}\n"

    return "\n".join(_write_functions(functions, write_function, "//", JAVASCRIPT_WORDS))


def _write_functions(
    functions: Sequence[SourceFunction],
    text: Callable[[str, SourceFunction, Names], str],
    comment: str,
    words: frozenset[str],
    library: frozenset[str] = frozenset(),
) -> list[str]:
    """Return every function with its comments; names differ from those of other functions and arguments.

    A comment also says what is called otherwise than in the table.
    """
    arguments = [_name_arguments(function, words) for function in functions]
    used_names = words | library | {name for names in arguments for name in names.values()}
    names = safe_names([function.name for function in functions], reserved=used_names)
    texts = []
    for function, argument_names in zip(functions, arguments, strict=True):
        meanings, title = function.meanings or {}, {function.name: names[function.name]}
        notes = [
            f"{argument_names[column]}: {meaning}"
            for column, meaning in meanings.items()
            if column in argument_names
        ]
        new_names = [
            *title.items(),
            *((column, name) for column, name in argument_names.items() if column not in meanings),
        ]
        notes += [f"{name}: {column}" for column, name in new_names if name != column]
        lines = [f"{comment} {to_single_line(line)}\n" for line in [*function.remarks, *notes]]
        texts.append("".join(lines) + text(names[function.name], function, argument_names))
    return texts


def _name_arguments(function: SourceFunction, words: frozenset[str]) -> dict[str, str]:
    """The name of the argument of every variable."""
    symbols = function.symbols or {}
    labels = {column: symbols.get(column, column) for column in variables(function.tree)}
    safe = safe_names(labels.values(), reserved=words)
    return {column: safe[symbol] for column, symbol in labels.items()}


def to_single_line(text: str) -> str:
    """Return the text as the content of a line comment.

    Characters that end, continue or reorder the line are replaced; in C, ??/ may mean a backslash.
    """
    line = "".join(c if c.isprintable() else " " for c in text).replace("\\", "/")
    return re.sub(r"\?{2,}/", "?/", line)
