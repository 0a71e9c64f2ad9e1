"""A form that a client writes, such as ``a*exp(-b*t) + c`` or ``a*f(x) + g(y, z)``.

Names of columns are columns. A column whose name is no identifier is written in backticks,
```` `length (m)` ````, or as formulas print it, ``length_m`` or ``length``. A name before a bracket that is
no known function is an unknown function of columns. All other names are constants, except ``pi``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from kan_engine.errors import InvalidExpression
from kan_engine.expressions.nodes import (
    PI,
    Expression,
    Number,
    Parameter,
    Variable,
    children,
    rebuild,
    substitute,
    walk,
)
from kan_engine.expressions.parsing import FUNCTIONS, ExpressionParser, Token
from kan_engine.expressions.thresholds import TextLimits
from kan_engine.formulas.forms.column_names import ColumnNames


class InvalidForm(InvalidExpression):
    """Text that is not a form of this table, or limits of a constant that it does not have.

    Args:
        message: What is wrong and what to try.
        place: Index of the character that causes the error, if it is one.
        constant: Name of the constant whose limits cause the error, if they do.
    """

    def __init__(self, message: str, place: int | None = None, constant: str | None = None) -> None:
        super().__init__(message, place)
        self.constant = constant


@dataclass(frozen=True, kw_only=True)
class ConstantLimits:
    """What is known of a constant beforehand.

    Args:
        min, max: Bounds; None is unbounded.
        value: Holds the constant at this value.
    """

    min: float | None = None
    max: float | None = None
    value: float | None = None

    def __post_init__(self) -> None:
        """Check that the bounds leave room.

        Raises:
            InvalidForm: The bounds exclude each other, or a held constant has bounds.
        """
        bounds = self.min, self.max
        if self.value is not None and bounds != (None, None):
            raise InvalidForm("a constant with a value has no bounds; leave out min and max")
        if self.min is not None and self.max is not None and not self.min < self.max:
            raise InvalidForm(
                f"min must be less than max, got {self.min:g} and {self.max:g}; value holds a constant"
            )

    @property
    def ends(self) -> tuple[float, float]:
        """The bounds, infinite where there are none."""
        low, high = self.min, self.max
        return float("-inf") if low is None else low, float("inf") if high is None else high


@dataclass(frozen=True)
class UnknownFunction:
    """A function of columns that is learnt from the rows."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class FormTemplate:
    """A parsed form.

    Attributes:
        text: As the client wrote it.
        tree: Parameters are first the constants, then the values of the unknown functions.
        constants: Names, in the order of their parameters.
        functions: In the order of their parameters.
        limits: Of constants, by name.
        held: Values of the constants that are held.
    """

    text: str
    tree: Expression
    constants: tuple[str, ...]
    functions: tuple[UnknownFunction, ...] = ()
    limits: Mapping[str, ConstantLimits] = field(default_factory=dict)
    held: Mapping[str, float] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it uses."""
        variable_names = [node.name for node in walk(self.tree) if isinstance(node, Variable)]
        return tuple(
            dict.fromkeys(
                [*variable_names, *(name for function in self.functions for name in function.columns)]
            )
        )

    def hold(self, values: Mapping[str, float]) -> FormTemplate:
        """The form with these constants held, as numbers that no refit takes for measured ones."""
        count, free = len(self.constants), tuple(name for name in self.constants if name not in values)
        replacements: dict[Expression, Expression] = {
            Parameter(place): Parameter(free.index(name)) if name in free else _make_number(values[name])
            for place, name in enumerate(self.constants)
        }
        replacements |= {
            Parameter(count + at): Parameter(len(free) + at) for at in range(len(self.functions))
        }
        return replace(
            self, tree=substitute(self.tree, replacements), constants=free, held={**self.held, **values}
        )

    def get_bounds(self, names: Sequence[str] | None = None) -> list[tuple[float, float]]:
        """Bounds of every constant, or of those with these names, some of which may not be of the form."""
        names = self.constants if names is None else names
        # a[A] has the bounds of a
        return [self.limits.get(name.partition("[")[0], ConstantLimits()).ends for name in names]


def parse_form(
    text: str,
    columns: Collection[str],
    limits: Mapping[str, ConstantLimits] | None = None,
    *,
    target: str | None = None,
    max_constants: int = 20,
) -> FormTemplate:
    """Parse a form; constants with a value become numbers.

    Args:
        text: The form, optionally after ``target =``.
        columns: Names of the columns that it may use.
        limits: Of constants, by name.
        target: The column that the form describes.
        max_constants: That are fitted; the search for the best ones covers no more.

    Raises:
        InvalidForm: The text is no form of these columns, or a limit belongs to no constant of it.
    """
    limits = limits or {}
    parser = _FormParser(text, columns, limits, target)
    tree = parser.parse()
    names, functions = parser.constants, parser.functions
    for name in limits:
        if name not in names:
            options = ", ".join(names) or "none"
            raise InvalidForm(f"the form has no constant {name!r}; its constants are {options}", None, name)
    count = len(names)
    replacements: dict[Expression, Expression] = {
        Parameter(-1 - place): Parameter(count + place) for place in range(len(functions))
    }
    template = FormTemplate(
        text, substitute(tree, replacements), tuple(names), tuple(functions.values()), limits
    )
    fixed_values = {name: limit.value for name, limit in limits.items() if limit.value is not None}
    template = template.hold(fixed_values)
    if not template.columns:
        raise InvalidForm("the form uses no column; name at least one", 0)
    if (count := len(template.constants)) > max_constants:
        message = f"a form may have {max_constants} constants that are not held, this one has {count}"
        raise InvalidForm(message, 0)
    return template


class _FormParser(ExpressionParser):
    """Parser of one form; unknown functions are parameters with negative numbers until all are known."""

    error = InvalidForm
    noun, language = "a form", "forms"

    def __init__(
        self,
        text: str,
        columns: Collection[str],
        limited_names: Collection[str],
        target: str | None,
    ) -> None:
        super().__init__(text, TextLimits())
        self._columns, self._limited, self._names = columns, limited_names, ColumnNames(columns)
        self._target_names = ColumnNames(() if target is None else (target,))
        self.constants = list[str]()
        self.functions = dict[str, UnknownFunction]()

    def parse(self) -> Expression:
        """Parse the whole text; exact numbers stay exact, and so do decimals."""
        if self._target_names.find(self._current.text) and self._tokens[self._at + 1].text == "=":
            self._at += 2
        tree = self._parse_sum()
        self._expect_end()
        return _make_exact(tree)

    def _parse_name(self, token: Token) -> Expression:
        name = token.text
        if self._accept("("):
            return self._parse_call(token)
        if name == "pi":  # as it is printed; a column of this name is pi_ in print
            return PI
        if (column := self._find_column(token)) is not None:
            return Variable(column)
        if name == "π":
            return PI
        if name not in self._limited and self._target_names.find(name):
            raise self._error(f"{name} is the target and cannot be part of its form", token)
        if name in FUNCTIONS or name in self.functions:
            raise self._error(f"{name} is a function; write {name}(…)", token)
        if name not in self.constants:
            self.constants.append(name)
        return Parameter(self.constants.index(name))

    def _parse_call(self, token: Token) -> Expression:
        """Parse the arguments of a function of the language, or of an unknown one."""
        name = token.text
        if (call := self._parse_known_name(token, is_call=True)) is not None:
            return call
        if name in self._columns:
            raise self._error(f"{name} is a column and takes no arguments; write {name}*(…)", token)
        if self._target_names.find(name):
            raise self._error(f"{name} is the target and cannot be part of its form", token)
        return self._parse_unknown(token)

    def _find_column(self, token: Token) -> str | None:
        """The column that a name means; None for a constant, as every name with limits of its own is."""
        name = token.text
        matches = () if name in self._limited and name not in self._columns else self._names.find(name)
        if len(matches) > 1:
            options = " or ".join(f"`{column}`" for column in matches)
            raise self._error(f"{name} may be several columns; write {options}", token)
        return matches[0] if matches else None

    def _parse_quoted(self, token: Token) -> Expression:
        if token.text not in self._columns:
            options = ", ".join(self._columns)
            raise self._error(f"there is no column {token.text!r}; the columns are {options}", token)
        return Variable(token.text)

    def _parse_unknown(self, token: Token, max_functions: int = 4, max_arguments: int = 4) -> Expression:
        """Parse the arguments of an unknown function, which are columns.

        Args:
            token: The name.
            max_functions: Of a form.
            max_arguments: Columns of a function.
        """
        name, arguments = token.text, []
        if name in self.constants:
            raise self._error(f"{name} is a constant in this form; write {name}*(…)", token)
        for place, argument in self._parse_arguments():
            if not isinstance(argument, Variable):
                raise self._error(f"the unknown function {name} takes columns, such as {name}(x)", place)
            arguments.append(argument.name)
        function = UnknownFunction(name, tuple(arguments))
        if self.functions.setdefault(name, function) != function:
            raise self._error(
                f"{name} has other arguments before; give the second function another name", token
            )
        if len({*arguments}) < len(arguments) or len(arguments) > max_arguments:
            raise self._error(f"an unknown function takes up to {max_arguments} different columns", token)
        if len(self.functions) > max_functions:
            raise self._error(f"a form may have {max_functions} unknown functions", token)
        return Parameter(-1 - [*self.functions].index(name))


def _make_exact(tree: Expression) -> Expression:
    """Turn the decimals of a text into exact numbers: 9.81 is meant, and not measured."""
    if isinstance(tree, Number):
        return _make_number(tree.value) if isinstance(tree.value, float) else tree
    parts = children(tree)
    return rebuild(tree, [_make_exact(part) for part in parts]) if parts else tree


def _make_number(value: float) -> Number:
    return Number(Fraction(repr(float(value))))
