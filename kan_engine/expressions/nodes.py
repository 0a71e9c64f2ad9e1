"""The nodes of a formula: immutable trees, their builders and traversal.

The nodes are plain data. The builders ``add``, ``mul``, ``power`` and ``call``, which ``+ - * / **`` use,
too, flatten nested nodes and fold numbers. All other algebra is in ``simplification``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite, isqrt
from math import pi as pi_value
from typing import Any

from kan_engine.expressions.library import LIBRARY, Function


class Expression:
    """A node of a formula; arithmetic operators build new nodes."""

    __slots__ = ()

    def __add__(self, operand: "Operand") -> "Expression":
        return add(self, operand)

    def __radd__(self, operand: "Operand") -> "Expression":
        return add(operand, self)

    def __sub__(self, operand: "Operand") -> "Expression":
        return add(self, mul(-1, operand))

    def __rsub__(self, operand: "Operand") -> "Expression":
        return add(operand, mul(-1, self))

    def __mul__(self, operand: "Operand") -> "Expression":
        return mul(self, operand)

    def __rmul__(self, operand: "Operand") -> "Expression":
        return mul(operand, self)

    def __truediv__(self, operand: "Operand") -> "Expression":
        return mul(self, power(operand, -1))

    def __rtruediv__(self, operand: "Operand") -> "Expression":
        return mul(operand, power(self, -1))

    def __pow__(self, operand: "Operand") -> "Expression":
        return power(self, operand)

    def __neg__(self) -> "Expression":
        return mul(-1, self)


Operand = Expression | Fraction | float


@dataclass(frozen=True, slots=True)
class Number(Expression):
    """A real number: exact as a Fraction, measured as a float."""

    value: Fraction | float

    def __post_init__(self) -> None:
        """Convert an int to a Fraction."""
        if isinstance(self.value, int):
            object.__setattr__(self, "value", Fraction(self.value))


@dataclass(frozen=True, slots=True)
class Constant(Expression):
    """A named real number: ``pi``."""

    name: str


@dataclass(frozen=True, slots=True)
class Parameter(Expression):
    """A number to be fitted: entry ``index`` of the parameters given to ``evaluate``."""

    index: int


@dataclass(frozen=True, slots=True)
class Variable(Expression):
    """A column of the table."""

    name: str


@dataclass(frozen=True, slots=True)
class Add(Expression):
    """The sum of two or more terms."""

    terms: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Mul(Expression):
    """The product of two or more factors; a quotient has factors with negative exponents."""

    factors: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Pow(Expression):
    """base^exponent in real numbers: NaN for a negative base and an exponent that is not an integer."""

    base: Expression
    exponent: Expression


@dataclass(frozen=True, slots=True)
class Call(Expression):
    """An elementary function of the library, applied to an argument."""

    function: str
    argument: Expression


CONSTANTS = {"pi": pi_value}
ZERO, ONE, MINUS_ONE, HALF = (
    Number(Fraction(value)) for value in (Fraction(0), Fraction(1), Fraction(-1), Fraction(1, 2))
)
PI = Constant("pi")

_MAX_EXACT_INTEGER = 10**15  # larger integers may not be exact as floats; larger fractions are unreadable
_MAX_FOLDED_EXPONENT = 64


def number(value: Fraction | float) -> Number:
    """Return a Number: floats with an integer value become exact, fractions of large integers floats."""
    if isinstance(value, Fraction):
        exact = abs(value.numerator) <= _MAX_EXACT_INTEGER and value.denominator <= _MAX_EXACT_INTEGER
        return Number(value if exact else float(value))
    if isfinite(value) and value == int(value) and abs(value) <= _MAX_EXACT_INTEGER:
        return Number(Fraction(int(value)))
    return Number(float(value))


def add(*terms: Operand) -> Expression:
    """Return the flattened sum, with its numbers folded into one term at the position of the first."""
    slots, constant = _fold(terms, Add, lambda a, b: a + b, ZERO)
    return _join(slots, constant, ZERO, Add)


def mul(*factors: Operand) -> Expression:
    """Return the flattened product, with its numbers folded into a leading coefficient; 0 if that is 0."""
    slots, coefficient = _fold(factors, Mul, lambda a, b: a * b, ONE)
    if coefficient == ZERO:
        return ZERO
    slots = [factor for factor in slots if factor is not None]
    return _join([None, *slots], coefficient, ONE, Mul)


def power(base: Operand, exponent: Operand) -> Expression:
    """Return base^exponent, with numbers folded if the result is exact or one of them is a float."""
    base, exponent = to_expression(base), to_expression(exponent)
    if exponent == ONE:
        return base
    if exponent == ZERO:
        return ONE
    if isinstance(base, Number) and isinstance(exponent, Number):
        return _power_of_numbers(base, exponent)
    return Pow(base, exponent)


def call(function: str, argument: Operand) -> Expression:
    """Return an elementary function of ``argument``.

    Raises:
        KeyError: The library has no elementary function of this name.
    """
    if not LIBRARY[function].elementary:
        raise KeyError(function)
    return Call(function, to_expression(argument))


def apply_function(function: str | Function, argument: Operand) -> Expression:
    """Return any function, or one of the library by its name, as a tree: ``gaussian`` of u is exp(-u**2)."""
    u = to_expression(argument)
    if isinstance(function, str):
        function = LIBRARY[function]
    if function.form is not None:
        return to_expression(function.form(u, call))
    return call(function.name, u) if function.exponent is None else power(u, function.exponent)


def to_expression(value: Operand) -> Expression:
    """Convert a number to a node; return a node unchanged."""
    return value if isinstance(value, Expression) else number(value)


def _fold(
    operands: Sequence[Operand],
    kind: type[Add] | type[Mul],
    combine: Callable[[Any, Any], Any],
    neutral: Number,
) -> tuple[list[Expression | None], Number]:
    """Flatten nested nodes of one kind and fold their numbers.

    Returns:
        The operands, with None at the position of the folded number, and that number.
    """
    slots: list[Expression | None] = []
    constant = neutral
    for operand in (flat for value in operands for flat in _flatten(to_expression(value), kind)):
        if not isinstance(operand, Number):
            slots.append(operand)
            continue
        if None not in slots:
            slots.append(None)
        constant = number(combine(constant.value, operand.value))
    return slots, constant


def _flatten(tree: Expression, kind: type[Add] | type[Mul]) -> tuple[Expression, ...]:
    return children(tree) if isinstance(tree, kind) else (tree,)


def _join(
    slots: Sequence[Expression | None], constant: Number, neutral: Number, kind: type[Add] | type[Mul]
) -> Expression:
    operands = [constant if operand is None else operand for operand in slots]
    operands = [operand for operand in operands if operand != neutral]
    if len(operands) > 1:
        return kind(tuple(operands))
    return operands[0] if operands else neutral


def _power_of_numbers(base: Number, exponent: Number) -> Expression:
    b, e = base.value, exponent.value
    if isinstance(b, Fraction) and isinstance(e, Fraction):
        exact = _exact_power(b, e)
        try:
            return Pow(base, exponent) if exact is None else number(exact)
        except OverflowError:
            return Pow(base, exponent)
    try:
        value = float(b) ** float(e)
    except (OverflowError, ZeroDivisionError):
        return Pow(base, exponent)
    return Pow(base, exponent) if isinstance(value, complex) else number(value)


def _exact_power(base: Fraction, exponent: Fraction) -> Fraction | None:
    """Return base^exponent for exponents n and n/2 up to 64 if it is a fraction, else None."""
    if exponent.denominator > 2 or abs(exponent) > _MAX_FOLDED_EXPONENT or (base == 0 and exponent < 0):
        return None
    if exponent.denominator == 2:
        if base < 0:
            return None
        root = Fraction(isqrt(base.numerator), isqrt(base.denominator))
        if root * root != base:
            return None
        base, exponent = root, 2 * exponent
    return Fraction(base) ** int(exponent)


def children(tree: Expression) -> tuple[Expression, ...]:
    """Return the child nodes of a node."""
    match tree:
        case Add(terms):
            return terms
        case Mul(factors):
            return factors
        case Pow(base, exponent):
            return (base, exponent)
        case Call(_, argument):
            return (argument,)
    return ()


def rebuild(tree: Expression, parts: Sequence[Expression]) -> Expression:
    """Build a node of the same kind with other children, by the builders."""
    match tree:
        case Add():
            return add(*parts)
        case Mul():
            return mul(*parts)
        case Pow():
            return power(parts[0], parts[1])
        case Call(function, _):
            return call(function, parts[0])
    return tree


def walk(tree: Expression) -> Iterator[Expression]:
    """Yield every node, a parent before its children."""
    yield tree
    for part in children(tree):
        yield from walk(part)


def variables(tree: Expression) -> tuple[str, ...]:
    """Return the names of the columns in a tree, in order of appearance."""
    return tuple(dict.fromkeys(node.name for node in walk(tree) if isinstance(node, Variable)))


def is_constant(tree: Expression) -> bool:
    """Whether a tree contains no column."""
    return not any(isinstance(node, Variable) for node in walk(tree))


def is_affine(tree: Expression) -> bool:
    """Whether a tree is a constant plus multiples of its variables, without expanding anything."""
    if isinstance(tree, Add):
        return all(map(is_affine, tree.terms))
    if isinstance(tree, Mul):
        varying = [factor for factor in tree.factors if not is_constant(factor)]
        return len(varying) < 2 and all(map(is_affine, varying))
    return isinstance(tree, Variable) or is_constant(tree)


def substitute(tree: Expression, replacements: Mapping[Expression, Expression]) -> Expression:
    """Return the tree with subtrees replaced."""
    if tree in replacements:
        return replacements[tree]
    parts = children(tree)
    return rebuild(tree, [substitute(part, replacements) for part in parts]) if parts else tree


def bind(tree: Expression, parameters: Sequence[float]) -> Expression:
    """Return the tree with its parameters replaced by numbers."""
    return substitute(tree, {Parameter(i): number(float(value)) for i, value in enumerate(parameters)})


def parametrize_floats(tree: Expression) -> tuple[Expression, list[float]]:
    """Return the tree with a parameter for every measured (float) number, and the values of the parameters.

    Equal floats become separate parameters.
    """
    values: list[float] = []

    def release(node: Expression) -> Expression:
        if isinstance(node, Number) and isinstance(node.value, float):
            values.append(node.value)
            return Parameter(len(values) - 1)
        parts = children(node)
        return rebuild(node, [release(part) for part in parts]) if parts else node

    return release(tree), values
