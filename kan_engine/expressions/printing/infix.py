"""Write formulas for SymPy, Python, NumPy, C, SQL, JavaScript and spreadsheets.

LaTeX is in ``latex.py``, files of functions are in ``source_files.py``.

One algorithm writes all languages: sums with signs, products as quotients, parentheses by precedence. A
``Dialect`` describes how a language writes numbers, powers, functions and columns.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, auto
from fractions import Fraction
from functools import partial

from kan_engine.expressions.library import LIBRARY
from kan_engine.expressions.nodes import (
    CONSTANTS,
    HALF,
    MINUS_ONE,
    ONE,
    Add,
    Call,
    Constant,
    Expression,
    Mul,
    Number,
    Parameter,
    Pow,
    Variable,
    mul,
    number,
    power,
    variables,
)
from kan_engine.expressions.printing.identifiers import C_WORDS, JAVASCRIPT_WORDS, PYTHON_WORDS, safe_names

Names = Mapping[str, str]


class Precedence(IntEnum):
    """Precedence of a piece of text, in ascending order."""

    SUM = auto()
    PRODUCT = auto()
    POWER = auto()
    ATOM = auto()


SUM, PRODUCT, POWER, ATOM = Precedence


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """The syntax of an infix language.

    Args:
        names: Returns the identifiers of columns.
        function: Template for the call of ``{name}`` with the argument ``{}``.
        functions: Names or templates of elementary functions and sqrt, if they differ from the library's
            names.
        power: Template for ``{base}`` to an integer ``{exponent}``.
        real_power: Template for ``{base}`` to any other ``{exponent}``.
        pi: π.
        whole: Template for an integer: ``{}.0`` if the language evaluates 1/2 to 0.
        minus_power: Negative sign before a power: in a spreadsheet -2^2 is 4.
        guards_integers: Whether columns may be integers, whose quotients are truncated and products overflow.
    """

    names: Callable[[Iterable[str]], Names]
    function: str = "{name}({})"
    functions: Names = field(default_factory=dict)
    power: str = "{base}**{exponent}"
    real_power: str = "{base}**{exponent}"
    pi: str = repr(CONSTANTS["pi"])
    whole: str = "{}"
    minus_power: str = "-"
    guards_integers: bool = False


def to_text(tree: Expression, names: Names | None = None) -> str:
    """Return the formula as text for SymPy: ``sympify(text, locals=symbols of the columns)``.

    Exact numbers are written exactly, floats with all digits needed to restore them exactly.

    Args:
        tree: The formula.
        names: Identifiers of the columns; by default, as in the other functions, those of the dialect.
    """
    return _Writer(_TEXT, tree, names).write(tree)


def to_python(tree: Expression, names: Names | None = None) -> str:
    """Return the formula in Python for one row, with the ``math`` module."""
    return _Writer(_PYTHON, tree, names).write(tree)


def to_numpy(tree: Expression, names: Names | None = None) -> str:
    """Return the formula in Python for arrays, with NumPy as ``np``, and ``scipy.special`` for erf."""
    return _Writer(_NUMPY, tree, names).write(tree)


def to_c(tree: Expression, names: Names | None = None) -> str:
    """Return the formula in C for ``double`` arguments, with <math.h>."""
    return _Writer(_C, tree, names).write(tree)


def to_javascript(tree: Expression, names: Names | None = None) -> str:
    """Return the formula in JavaScript, with ``Math``."""
    return _Writer(_JAVASCRIPT, tree, names).write(tree)


def to_sql(tree: Expression, names: Names | None = None) -> str:
    """Return the formula as an SQL expression over quoted columns, for PostgreSQL and SQLite.

    DuckDB evaluates it, too, for columns of type DOUBLE: its products of integers and decimal numbers
    overflow. PostgreSQL raises an error if the result of EXP is outside the range of doubles, 1e-308 to
    1e308.
    """
    return _Writer(_SQL, tree, names).write(tree)


def to_excel(tree: Expression, names: Names | None = None) -> str:
    """Return the formula for a row of a spreadsheet table with these columns: ``=EXP([@x1])``."""
    return "=" + _Writer(_EXCEL, tree, names).write(tree)


class _Writer:
    """Writes a tree in one dialect; methods that return a tuple return text and its precedence."""

    def __init__(self, dialect: Dialect, tree: Expression, names: Names | None) -> None:
        self.dialect = dialect
        self.names = dialect.names(variables(tree)) if names is None else names

    def write(self, tree: Expression) -> str:
        return self.piece(tree)[0]

    def write_operand(self, tree: Expression, min_precedence: int) -> str:
        text, precedence = self.piece(tree)
        return text if precedence >= min_precedence else f"({text})"

    def piece(self, tree: Expression) -> tuple[str, Precedence]:
        match tree:
            case Variable(name):
                result = self.names[name], ATOM
            case Constant():
                result = self.dialect.pi, ATOM
            case Parameter(index):
                result = f"c{index}", ATOM
            case Add(terms):
                result = self.sum(terms), SUM
            case Call(function, argument):
                result = self.call(function, argument), ATOM
            case _:
                negative, body = split_sign(tree)
                result = (self.write_negated(body), SUM) if negative else self.product(body)
        return result

    def sum(self, terms: tuple[Expression, ...]) -> str:
        """Write the terms in order, but the first positive one in front."""
        signed_terms = [split_sign(term) for term in terms]
        front = next((at for at, (negative, _) in enumerate(signed_terms) if not negative), 0)
        signed_terms.insert(0, signed_terms.pop(front))
        negative, body = signed_terms[0]
        text = self.write_negated(body) if negative else self.write_operand(body, PRODUCT)
        for negative, body in signed_terms[1:]:
            text += (" - " if negative else " + ") + self.write_operand(body, PRODUCT)
        return text

    def write_negated(self, body: Expression) -> str:
        text = self.write_operand(body, PRODUCT)
        return (self.dialect.minus_power if "^" in text else "-") + text

    def product(self, tree: Expression) -> tuple[str, Precedence]:
        """Write a positive number, a power or a product."""
        above, below = split_quotient(tree)
        if below:
            above = (
                self.guard_integers(above)
                if len(above) == len(below) == 1 and not is_real(below[0])
                else above
            )
            return f"{self.factors(above)}/{self.divisor(below)}", PRODUCT
        if len(above) > 1:
            return self.factors(above), PRODUCT
        match above[0]:
            case Number(value):
                return (
                    self.dialect.whole.format(value) if isinstance(value, Fraction) else repr(value)
                ), ATOM
            case Pow() as root:
                return self.power(root)
        return self.piece(above[0])

    def factors(self, factors: tuple[Expression, ...]) -> str:
        factors = self.guard_integers(factors) if len(factors) > 1 else factors
        return "*".join(self.write_operand(factor, PRODUCT) for factor in factors)

    def guard_integers(self, factors: tuple[Expression, ...]) -> tuple[Expression, ...]:
        """Return the factors, preceded by 1.0 if the first two may be integers."""
        needs_guard = self.dialect.guards_integers and not any(map(is_real, factors[:2]))
        return (ONE, *factors) if needs_guard else factors

    def divisor(self, factors: tuple[Expression, ...]) -> str:
        """Write a denominator, in parentheses if it is a product."""
        text = self.factors(factors)
        return f"({text})" if len(factors) > 1 or self.piece(factors[0])[1] == PRODUCT else text

    def power(self, tree: Pow) -> tuple[str, Precedence]:
        if tree.exponent == HALF:
            return self.call("sqrt", tree.base), ATOM
        template = self.dialect.power if is_whole(tree.exponent) else self.dialect.real_power
        is_call = template.endswith(")")
        base, exponent = (
            self.write_operand(part, SUM if is_call else ATOM) for part in (tree.base, tree.exponent)
        )
        return template.format(base=base, exponent=exponent), ATOM if is_call else POWER

    def call(self, function: str, argument: Expression) -> str:
        name = self.dialect.functions.get(function, function)
        return (name if "{" in name else self.dialect.function).format(self.write(argument), name=name)


def split_sign(tree: Expression) -> tuple[bool, Expression]:
    """Return whether a term has a negative coefficient, and the term without the sign."""
    match tree:
        case Number(value) if value < 0:
            return True, Number(-value)
        case Mul((Number(value), *factors)) if value < 0:
            return True, mul(Number(-value), *factors)
    return False, tree


def split_quotient(tree: Expression) -> tuple[tuple[Expression, ...], tuple[Expression, ...]]:
    """Return the factors of numerator (at least one) and denominator, the latter with positive exponents.

    A fraction that is clear as a decimal is one factor of the numerator: 9.81, not 981/100.
    """
    above: list[Expression] = []
    below: list[Expression] = []
    for factor in tree.factors if isinstance(tree, Mul) else (tree,):
        match factor:
            case Number(Fraction() as value) if is_clear_as_decimal(value):
                above.append(Number(float(value)))
            case Number(Fraction() as value):
                above += [number(Fraction(value.numerator))] if value.numerator != 1 else []
                below += [number(Fraction(value.denominator))] if value.denominator != 1 else []
            case Pow(base, Number(exponent)) if exponent < 0:
                below.append(power(base, Number(-exponent)))
            case _:
                above.append(factor)
    return tuple(above) or (ONE,), tuple(below)


def is_clear_as_decimal(value: Fraction) -> bool:
    """Whether a decimal is exactly this number and shorter: 9.81, but x/10, 5/2 and 1/3."""
    decimal, max_length = repr(float(value)), len(str(value)) - (value.denominator < 10)
    is_whole_part = 1 in (abs(value.numerator), value.denominator)
    return not is_whole_part and len(decimal) <= max_length and Fraction(decimal) == value


def is_real(tree: Expression) -> bool:
    """Whether the written value has a floating-point type even if all columns are integers."""
    match tree:
        case Variable():
            return False
        case Add(terms):
            return any(map(is_real, terms))
        case Mul(factors):
            bodies = [factor for factor in factors if factor not in (ONE, MINUS_ONE)]
            return len(bodies) != 1 or is_real(bodies[0])  # ``guard_integers`` makes products real
        case Call(function, argument):
            return function not in ("abs", "sign") or is_real(argument)
    return True


def is_whole(tree: Expression) -> bool:
    """Whether this is an exact integer."""
    return isinstance(tree, Number) and isinstance(tree.value, Fraction) and tree.value.denominator == 1


def quote_column(column: str) -> str:
    """Return the delimited SQL identifier of a column."""
    return '"' + column.replace('"', '""') + '"'


def table_column(column: str) -> str:
    """Return the reference to a table column in the same row; ``'`` escapes special characters."""
    name = "".join(f"'{c}" if c in "[]#'@" else c for c in column)
    return f"[@{name}]" if column.isalnum() else f"[@[{name}]]"


def _map_names(write: Callable[[str], str], columns: Iterable[str]) -> Names:
    return {column: write(column) for column in columns}


_ELEMENTARY = [function for function in LIBRARY.values() if function.elementary]
_UPPERCASE_FUNCTIONS = {function.name: function.name.upper() for function in _ELEMENTARY} | {"sqrt": "SQRT"}


def _spellings(dialect: str) -> dict[str, str]:
    """The names or templates of functions in a dialect, where they differ from the library's."""
    return {f.name: f.spelling[dialect] for f in _ELEMENTARY if dialect in f.spelling}


_TEXT = Dialect(
    names=safe_names,
    functions={function.name: function.sympy or function.name for function in _ELEMENTARY},
    pi="pi",
)
_PYTHON = Dialect(
    names=partial(safe_names, reserved=PYTHON_WORDS),
    function="math.{name}({})",
    functions=_spellings("python"),
    real_power="math.pow({base}, {exponent})",  # ** returns a complex number for a negative base
    pi="math.pi",
)
_NUMPY = Dialect(
    names=partial(safe_names, reserved=PYTHON_WORDS),
    function="np.{name}({})",
    functions=_spellings("numpy"),
    pi="np.pi",
)
_C = Dialect(
    names=partial(safe_names, reserved=C_WORDS),
    functions=_spellings("c"),
    power="pow({base}, {exponent})",
    real_power="pow({base}, {exponent})",
    whole="{}.0",
)
_JAVASCRIPT = Dialect(
    names=partial(safe_names, reserved=JAVASCRIPT_WORDS),
    function="Math.{name}({})",
    functions=_spellings("javascript"),
    power="Math.pow({base}, {exponent})",
    real_power="Math.pow({base}, {exponent})",
    pi="Math.PI",
)
_SQL = Dialect(
    names=partial(_map_names, quote_column),
    functions=_UPPERCASE_FUNCTIONS | _spellings("sql"),
    power="POWER({base}, {exponent})",
    real_power="POWER({base}, {exponent})",
    pi="PI()",
    whole="{}.0",
    guards_integers=True,
)
_EXCEL = Dialect(
    names=partial(_map_names, table_column),
    functions=_UPPERCASE_FUNCTIONS | _spellings("excel"),
    power="{base}^{exponent}",
    real_power="{base}^{exponent}",
    pi="PI()",
    minus_power="-1*",
)
