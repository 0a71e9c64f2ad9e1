"""The languages that formulas are printed in. A new one is an entry of ``LANGUAGES``, and its printer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kan_engine.expressions.nodes import Expression, variables
from kan_engine.expressions.printing import derived_variables, infix, source_files
from kan_engine.expressions.printing.derived_variables import VariableDefinitions
from kan_engine.expressions.printing.infix import Names
from kan_engine.expressions.printing.mathml import to_mathml
from kan_engine.expressions.printing.source_files import SourceFunction


@dataclass(frozen=True, kw_only=True)
class PrintableFormula:
    """The formula of one output, as printers take it.

    Attributes:
        name: Of what it gives, such as the target or ``log_odds_of_ill``.
        tree: In the encoded columns.
        text: Printed for SymPy.
        latex: Printed in LaTeX.
        remarks: Comments, one line each.
        definitions: How its variables follow from the columns of the client.
        symbols: Names of the variables in ``text``, also for other languages.
    """

    name: str
    tree: Expression
    text: str
    latex: str
    remarks: Sequence[str] = ()
    definitions: VariableDefinitions = field(default_factory=VariableDefinitions)
    symbols: Names | None = None


@dataclass(frozen=True, kw_only=True)
class Language:
    """A language of formulas.

    Attributes:
        name: Its name in requests.
        title: Its name for people.
        write: Prints the formulas of all outputs, without a line break at the end; raises
            ``NotExportable`` if the language cannot express one.
    """

    name: str
    title: str
    write: Callable[[Sequence[PrintableFormula]], str]


def _print_each(
    write: Callable[[PrintableFormula], str], between: str = "\n"
) -> Callable[[Sequence[PrintableFormula]], str]:
    return lambda formulas: between.join(map(write, formulas))


def _print_module(
    write: Callable[[list[SourceFunction]], str],
) -> Callable[[Sequence[PrintableFormula]], str]:
    return lambda formulas: write(list(map(_make_function, formulas))).rstrip("\n")


def _make_function(formula: PrintableFormula) -> SourceFunction:
    return SourceFunction(
        name=formula.name,
        tree=formula.tree,
        remarks=formula.remarks,
        meanings=derived_variables.describe_variables(variables(formula.tree), formula.definitions),
        symbols=formula.symbols,
    )


def _print_sql(formula: PrintableFormula) -> str:
    names = derived_variables.sql_names(variables(formula.tree), formula.definitions)
    return f"{infix.to_sql(formula.tree, names)} AS {infix.quote_column(formula.name)}"


def _print_excel(formula: PrintableFormula) -> str:
    return infix.to_excel(
        formula.tree, derived_variables.table_names(variables(formula.tree), formula.definitions)
    )


LANGUAGES: dict[str, Language] = {
    language.name: language
    for language in (
        Language(name="text", title="Text", write=_print_each(lambda formula: formula.text)),
        Language(name="latex", title="LaTeX", write=_print_each(lambda formula: formula.latex)),
        Language(name="mathml", title="MathML", write=_print_each(lambda formula: to_mathml(formula.latex))),
        Language(name="python", title="Python", write=_print_module(source_files.python_module)),
        Language(
            name="numpy",
            title="NumPy",
            write=_print_module(lambda functions: source_files.python_module(functions, arrays=True)),
        ),
        Language(name="c", title="C", write=_print_module(source_files.c_module)),
        Language(name="javascript", title="JavaScript", write=_print_module(source_files.javascript_module)),
        Language(name="sql", title="SQL", write=_print_each(_print_sql, ",\n")),
        Language(name="excel", title="Excel", write=_print_each(_print_excel)),
    )
}
"""Every language by its name, in the order in which they are offered."""
