"""Parser of formulas that clients write: it accepts a closed set of names and executes nothing.

The grammar is the part of SymPy's in which formulas are written::

    sum     = product { ("+" | "-") product }
    product = sign { ("*" | "/") sign }
    sign    = { "+" | "-" } power
    power   = atom [ "**" sign ]
    atom    = number | name | name "(" arguments ")" | "(" sum ")" | "`" column "`"

with ``Rational(1, 10)``, the functions of ``FUNCTIONS``, and signs as in print: ``^``, ``·``, ``−``, ``π``.
What other names mean, a subclass decides.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from kan_engine.errors import InvalidExpression
from kan_engine.expressions.evaluation import evaluate
from kan_engine.expressions.library import LIBRARY
from kan_engine.expressions.nodes import (
    HALF,
    ONE,
    PI,
    ZERO,
    Expression,
    Number,
    Parameter,
    Variable,
    add,
    call,
    mul,
    number,
    power,
    walk,
)
from kan_engine.expressions.thresholds import TextLimits


@dataclass(frozen=True)
class Token:
    """A number, a name, a quoted name, a sign or the end, with its first character."""

    kind: str
    text: str
    place: int


_NAME = re.compile(r"[^\W\d]\w*")  # as far as regular expressions know
PRINTED_SIGNS: Mapping[str, str] = {"^": "**", "−": "-", "·": "*", "⋅": "*", "×": "*"}


def compile_tokens(*extra_patterns: str) -> re.Pattern[str]:
    """The pattern of a token; each alternative is a group that is named after the token's kind."""
    base_patterns = (
        r"(?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)",
        rf"(?P<name>{_NAME.pattern})",
        r"(?P<sign>\*\*|[-+*/(),=])",
        rf"(?P<printed>[{re.escape(''.join(PRINTED_SIGNS))}])",
        r"`(?P<quoted>[^`]+)`",
    )
    return re.compile(rf"\s*(?:{'|'.join((*base_patterns, *extra_patterns))})")


FUNCTIONS: Mapping[str, Callable[[Expression], Expression]] = {
    **{
        name: lambda u, name=name: call(name, u)  # type: ignore[misc]
        for name, function in LIBRARY.items()
        if function.elementary
    },
    "ln": lambda u: call("log", u),
    "Abs": lambda u: call("abs", u),
    "sqrt": lambda u: power(u, HALF),
    "cot": lambda u: 1 / call("tan", u),
    "sec": lambda u: 1 / call("cos", u),
    "csc": lambda u: 1 / call("sin", u),
    "sech": lambda u: 1 / call("cosh", u),
    "coth": lambda u: 1 / call("tanh", u),
    "erfc": lambda u: 1 - call("erf", u),
    "Heaviside": lambda u: (1 + call("sign", u)) / 2,
}
EULER = call("exp", ONE)
CONSTANTS: Mapping[str, Expression] = {"pi": PI, "π": PI, "E": EULER}


class ExpressionParser(ABC):
    """Recursive descent parser; one pass from left to right.

    Args:
        text: The formula.
        limits: What it may contain.

    Raises:
        InvalidExpression: As the subclass's ``error``; ``place`` is the character.
    """

    error: ClassVar[type[InvalidExpression]] = InvalidExpression
    noun: ClassVar[str] = "a formula"
    language: ClassVar[str] = "formulas"
    token_pattern: ClassVar[re.Pattern[str]] = compile_tokens()
    hints: ClassVar[Mapping[str, str]] = {}

    def __init__(self, text: str, limits: TextLimits) -> None:
        max_characters = limits.max_characters
        if len(text) > max_characters:
            raise self.error(f"{self.noun} may have {max_characters} characters, this one has {len(text)}", 0)
        self._tokens = list(self._tokenise(text))
        self._at, self._depth, self._limits = 0, 0, limits
        self._forms: Mapping[str, Callable[[Token], Expression]] = {
            "Rational": self._parse_rational,
            "Integer": self._parse_integer,
            "Float": self._parse_float,
        }

    @abstractmethod
    def _parse_name(self, token: Token) -> Expression:
        """Parse what follows a name, and return what it means."""

    def _parse_quoted(self, token: Token) -> Expression:
        """Return what a name in backticks means; by default there are none."""
        raise self._error(f"'`' is not part of the language of {self.language}", token)

    def _parse_known_name(self, token: Token, *, is_call: bool) -> Expression | None:
        """Parse a function or number of the language; None if the name is none of them."""
        name = token.text
        if is_call and name in self._forms:
            return self._forms[name](token)
        if is_call and name in FUNCTIONS:
            argument = self._parse_sum()
            self._expect(")")
            return FUNCTIONS[name](argument)
        return CONSTANTS.get(name) if not is_call else None

    def _expect_end(self) -> None:
        if self._current.kind != "end":
            raise self._error(f"{self._current.text!r} was not expected here{self._suggest_product()}")

    def _tokenise(self, text: str) -> Iterator[Token]:
        place, end = 0, len(text.rstrip())
        while place < end:
            match = self.token_pattern.match(text, place)
            if match is None:
                wrong = text[place:].lstrip()
                hint = self.hints.get(wrong[:1], "")
                raise self.error(
                    f"{wrong[:1]!r} is not part of the language of {self.language}{hint}",
                    len(text) - len(wrong),
                )
            kind, place = str(match.lastgroup), match.end()
            if kind == "name":
                place = _find_end_of_name(text, place)
                yield Token(kind, text[match.start(kind) : place], match.start(kind))
            elif kind == "printed":
                yield Token("sign", PRINTED_SIGNS[match[kind]], match.start(kind))
            else:
                yield Token(kind, match[kind], match.start(kind))
        yield Token("end", "", len(text))

    @property
    def _current(self) -> Token:
        return self._tokens[self._at]

    def _accept(self, sign: str) -> bool:
        if self._current.kind == "sign" and self._current.text == sign:
            self._at += 1
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._accept(sign):
            token_text = repr(self._current.text) if self._current.text else "the end"
            raise self._error(f"{sign!r} was expected here, not {token_text}{self._suggest_product()}")

    def _suggest_product(self) -> str:
        """What to write where two operands follow each other."""
        is_operand = self._current.kind in ("number", "name", "quoted") or self._current.text == "("
        return "; write * between factors" if is_operand and self._at else ""

    def _error(self, message: str, token: Token | None = None) -> InvalidExpression:
        return self.error(message, (token or self._current).place)

    def _descend(self, what: str) -> None:
        """Count a further level of nested brackets or powers."""
        self._depth += 1
        if self._depth > self._limits.max_depth:
            raise self._error(f"{what} are nested deeper than {self._limits.max_depth} levels")

    def _check_formula(self, tree: Expression, token: Token, *, max_nodes: int = 2_000) -> Expression:
        """Return the formula if its numbers are finite and it is not too large.

        Args:
            max_nodes: Each node is a number in every row.
        """
        for count, node in enumerate(walk(tree)):
            if count >= max_nodes:
                raise self._error(
                    f"{self.noun} may have {max_nodes} operations and operands, not more", token
                )
            if isinstance(node, Number) and not math.isfinite(node.value):
                raise self._error("a number in this is too large", token)
        return tree

    def _parse_sum(self) -> Expression:
        self._descend("brackets")
        start, terms = self._current, [self._parse_product()]
        while self._current.text in ("+", "-"):
            sign = self._current.text
            self._at += 1
            term = self._parse_product()
            terms.append(term if sign == "+" else -term)
        self._depth -= 1
        return self._check_formula(add(*terms), start)

    def _parse_product(self) -> Expression:
        start, factors = self._current, [self._parse_sign()]
        while self._current.text in ("*", "/"):
            token = self._current
            self._at += 1
            factor = self._parse_sign()
            if token.text == "/" and factor == ZERO:
                raise self._error("a division by 0", token)
            factors.append(factor if token.text == "*" else 1 / factor)
        return self._check_formula(mul(*factors), start)

    def _parse_sign(self) -> Expression:
        is_negative = False
        while self._current.text in ("+", "-"):
            is_negative ^= self._current.text == "-"
            self._at += 1
        tree = self._parse_power()
        return -tree if is_negative else tree

    def _parse_power(self) -> Expression:
        base, token = self._parse_atom(), self._current
        if not self._accept("**"):
            return base
        self._descend("powers")
        exponent = self._parse_sign()
        self._depth -= 1
        if base == ZERO and isinstance(exponent, Number) and exponent.value < 0:
            raise self._error("a division by 0", token)
        return call("exp", exponent) if base == EULER else power(base, exponent)

    def _parse_atom(self) -> Expression:
        token = self._current
        self._at += 1
        if token.kind == "number":
            return self._read_number(token)
        if token.kind == "name":
            return self._parse_name(token)
        if token.kind == "quoted":
            return self._parse_quoted(token)
        if token.text == "(":
            tree = self._parse_sum()
            self._expect(")")
            return tree
        self._at -= 1
        token_text = repr(token.text) if token.text else "the end"
        raise self._error(f"a number, a name or a bracket was expected here, not {token_text}")

    def _parse_arguments(self) -> list[tuple[Token, Expression]]:
        """Parse expressions up to the closing bracket, with their first tokens."""
        arguments = []
        while True:
            arguments.append((self._current, self._parse_sum()))
            if self._accept(")"):
                return arguments
            self._expect(",")

    def _evaluate_constant(self, tree: Expression, otherwise: str, token: Token) -> float:
        """The value of a constant formula."""
        if any(isinstance(node, Variable | Parameter) for node in walk(tree)):
            raise self._error(otherwise, token)
        value = float(evaluate(tree, {}))
        if not math.isfinite(value):
            raise self._error("this number is not finite", token)
        return value

    def _parse_rational(self, token: Token) -> Expression:
        arguments = self._parse_arguments()
        values = [tree.value if isinstance(tree, Number) else None for _, tree in arguments]
        if len(values) not in (1, 2) or None in values or (values[-1] == 0 and len(values) == 2):
            raise self._error("Rational takes a numerator and a denominator that is not 0", token)
        exact = [Fraction(value) for value in values if value is not None]
        try:
            return number(exact[0] / exact[1] if len(exact) == 2 else exact[0])
        except OverflowError:
            raise self._error("this number is too large", token) from None

    def _parse_float(self, token: Token) -> Expression:
        arguments = self._parse_arguments()
        if len(arguments) != 1 or not isinstance(arguments[0][1], Number):
            raise self._error(f"{token.text} takes one number", token)
        return arguments[0][1]

    def _parse_integer(self, token: Token) -> Expression:
        tree = self._parse_float(token)
        if not isinstance(tree, Number) or tree.value != int(tree.value):
            raise self._error("Integer takes a whole number", token)
        return tree

    def _read_number(self, token: Token, *, max_exponent: int = 10_000) -> Number:
        """Read a number, refusing huge exponents.

        Args:
            max_exponent: Of a number; a short text could otherwise mean a huge one.
        """
        exponent = re.search(r"[eE]([+-]?\d+)$", token.text)
        if len(token.text) > 400 or (exponent and abs(int(exponent[1])) > max_exponent):
            raise self._error("this number has too many digits", token)
        if token.text.isdigit() and len(token.text) < 300:
            return number(Fraction(int(token.text)))
        value = float(token.text)
        if not math.isfinite(value):
            raise self._error("this number is too large", token)
        return number(value)


def is_name(text: str) -> bool:
    """Whether a text is one name of this language: letters of any script, digits and underscores."""
    match = _NAME.match(text)
    return match is not None and _find_end_of_name(text, match.end()) == len(text)


def _find_end_of_name(text: str, place: int) -> int:
    """The end of a name that goes on with marks, such as vowels of Devanagari: ``\\w`` omits them."""
    while place < len(text) and text[place] not in PRINTED_SIGNS and f"x{text[place]}".isidentifier():
        place += 1
    return place
