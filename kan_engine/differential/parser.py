"""Parser of the language of equations: it accepts a closed set of names and executes nothing.

To the formulas of ``expressions.parsing`` it adds ``u``, ``u'``, ``u_xx``, ``u_t(x, 0)``, ``du/dt``,
``d2u/dx2``, ``d/dx(u^2)``, ``Derivative(u(x, t), x, (t, 2))``, ``Subs(…, x, 0)``, ``Eq(a, b)`` and ``a = b``.
The result is a formula of ``nodes.py`` whose parameters represent *jets*: unknown functions and their
derivatives, at the current point or on a part of the boundary.

Names of the problem come first: with a parameter ``E`` or an unknown ``pi``, these are no numbers. Only
functions of the language stay what they are where brackets follow: ``exp(x)`` beside a parameter ``exp``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from kan_engine.differential.jets import Jet, SymbolTable, fix_variable, total_derivative
from kan_engine.differential.notation.quotients import Quotient, compile_quotients, read_quotient
from kan_engine.errors import InvalidEquation
from kan_engine.expressions.nodes import Expression, Variable, walk
from kan_engine.expressions.parsing import FUNCTIONS, ExpressionParser, Token, compile_tokens


def parse_equation(text: str, words: SymbolTable) -> Expression:
    """Parse one equation to the formula that must vanish.

    Raises:
        InvalidEquation: The text is not in this language; ``place`` is the character.
    """
    lhs, rhs = parse_sides(text, words)
    return lhs if rhs is None else lhs - rhs


def parse_sides(text: str, words: SymbolTable) -> tuple[Expression, Expression | None]:
    """Parse one equation to its two sides; the second is None if the text has no ``=``.

    Raises:
        InvalidEquation: As for ``parse_equation``.
    """
    return _Parser(text, words).parse_sides()


CALLED = frozenset({*FUNCTIONS, "Derivative", "diff", "Subs", "Eq", "Rational", "Integer", "Float"})
"""Names that mean something of the language where brackets follow."""

_PRIMES = {"'": 1, "’": 1, "′": 1, "″": 2, "‴": 3}


class _Parser(ExpressionParser):
    """Parser of one equation."""

    error = InvalidEquation
    noun, language = "an equation", "equations"
    token_pattern = compile_tokens(
        rf"(?<=\w)(?P<primes>[{''.join(_PRIMES)}]+)",
        r"(?P<partial>∂)",
    )
    hints: ClassVar[Mapping[str, str]] = dict.fromkeys(
        _PRIMES, "; primes directly follow the name of an unknown"
    )

    def __init__(self, text: str, words: SymbolTable) -> None:
        super().__init__(text, words.limits)
        self._text, self._words = text, words
        self._quotients = compile_quotients(words)
        self._forms = {
            **self._forms,
            "Derivative": self._parse_derivative,
            "diff": self._parse_derivative,
            "Subs": self._parse_subs,
        }

    def parse_sides(self) -> tuple[Expression, Expression | None]:
        """Parse the whole equation to its two sides; the second is None of an expression that must vanish."""
        rhs = None
        if self._current.text == "Eq" and self._tokens[self._at + 1].text == "(":
            self._at += 2
            lhs = self._parse_sum()
            self._expect(",")
            rhs = self._parse_sum()
            self._expect(")")
        else:
            lhs = self._parse_sum()
            if self._accept("="):
                rhs = self._parse_sum()
        self._expect_end()
        return lhs, rhs

    def _tokenise(self, text: str) -> Iterator[Token]:
        for token in super()._tokenise(text):
            yield replace(token, kind="name") if token.kind == "partial" else token

    def _parse_quotient(self, token: Token, quotient: Quotient) -> Expression:
        """Parse what follows ``dy/dx`` or ``d/dx``."""
        while self._current.kind != "end" and self._current.place < quotient.end:
            self._at += 1
        if quotient.order != sum(quotient.orders):
            raise self._error(
                f"{quotient.text} has order {quotient.order} above and {sum(quotient.orders)} below; write "
                "d2y/dx2 for a second derivative, (dy/dx)^2 for a square",
                token,
            )
        if quotient.unknown is not None:
            return self._parse_jet(replace(token, text=quotient.text), quotient.unknown, quotient.orders)
        if not self._accept("("):
            raise self._error(f"write what {quotient.text} applies to in brackets: {quotient.text}(…)")
        tree = self._parse_sum()
        self._expect(")")
        names = zip(self._words.independent, quotient.orders, strict=True)
        return self._differentiate(tree, [name for name, order in names for _ in range(order)], token)

    def _parse_name(self, token: Token) -> Expression:
        name, words = token.text, self._words
        if (quotient := read_quotient(self._text, token.place, self._quotients, words)) is not None:
            return self._parse_quotient(token, quotient)
        if (derivative := words.find_derivative(name)) is not None:
            unknown, orders = derivative
            return self._parse_jet(token, unknown, self._parse_primes(unknown, orders))
        if self._current.kind == "primes":
            unknowns = ", ".join(words.unknowns)
            raise self._error(f"primes are derivatives of an unknown: {unknowns}; {name} is none")
        is_call = self._accept("(")
        is_own = name in words.independent or name in words.coefficients
        if is_own and not (is_call and name in CALLED):
            if is_call:
                raise self._error(f"{name} is not a function and takes no arguments", token)
            return Variable(name) if name in words.independent else words.leaf_parameter(name)
        tree = self._parse_known_name(token, is_call=is_call)
        if tree is not None:
            return tree
        raise self._error(self._describe_unknown_name(name, is_call), token)

    def _parse_primes(self, unknown: int, orders: tuple[int, ...]) -> tuple[int, ...]:
        """Add the derivatives of the primes that follow a name."""
        token = self._current
        if token.kind != "primes":
            return orders
        words = self._words
        if len(orders) > 1:
            notation = " or ".join(f"{words.unknowns[unknown]}_{name}" for name in words.independent)
            raise self._error(f"a prime does not name the variable of the derivative; write {notation}")
        self._at += 1
        return (orders[0] + sum(_PRIMES[mark] for mark in token.text),)

    def _describe_unknown_name(self, name: str, is_call: bool) -> str:
        names = [*self._words.unknowns, *self._words.independent, *self._words.coefficients]
        kind = "function" if is_call else "name"
        if not is_call and name in FUNCTIONS:
            return f"{name} is a function; write {name}(…)"
        if name == "e":
            return "unknown name 'e'; write exp(x) for a power of the number e, or E for the number"
        if re.fullmatch(r"d\d?\w", name) and name[-1] in self._words.unknowns:
            notation = " or ".join(f"d{name[-1]}/d{variable}" for variable in self._words.independent)
            return f"unknown {kind} {name!r}; a derivative is written {notation}"
        for unknown in self._words.unknowns:
            if name.startswith(f"{unknown}_"):
                notation = ", ".join(f"{unknown}_{variable}" for variable in self._words.independent)
                return (
                    f"unknown {kind} {name!r}; derivatives of {unknown} are {notation} "
                    "and those of higher order"
                )
        return (
            f"unknown {kind} {name!r}; known are {', '.join(names)}, pi, E, Derivative, Subs, Rational and "
            f"{', '.join(sorted(FUNCTIONS))}"
        )

    def _parse_jet(self, token: Token, unknown: int, orders: tuple[int, ...]) -> Expression:
        """Parse the arguments of an unknown or a derivative; without arguments it is at the current point."""
        words, max_order = self._words, self._words.limits.max_derivative_order
        if max(orders) > max_order:
            raise self._error(
                f"derivatives have at most order {max_order}; add an unknown for a lower one", token
            )
        at: list[float | None] = [None] * len(orders)
        if self._accept("("):
            arguments = self._parse_arguments()
            if len(arguments) != len(orders):
                signature = ", ".join(words.independent)
                raise self._error(
                    f"{token.text} is a function of {signature}; got {len(arguments)} arguments", token
                )
            for axis, (name, (place, argument)) in enumerate(zip(words.independent, arguments, strict=True)):
                if argument != Variable(name):
                    message = f"{token.text} takes {name} or a number in this place"
                    at[axis] = self._evaluate_constant(argument, message, place)
        return words.leaf_parameter(Jet(unknown, orders, tuple(at)))

    def _parse_derivative(self, token: Token) -> Expression:
        tree = self._parse_sum()
        variables: list[str] = []
        while self._accept(","):
            variables += self._parse_derivative_variables()
        self._expect(")")
        if not variables:
            raise self._error(f"{token.text} needs the variable of the derivative", token)
        return self._differentiate(tree, variables, token)

    def _differentiate(
        self, tree: Expression, variables: list[str], token: Token, *, max_differentiated_nodes: int = 500
    ) -> Expression:
        """Differentiate an expression of bounded size.

        Args:
            max_differentiated_nodes: Of an expression to differentiate: the size of a product's derivative
                grows with the square of the product's size.
        """
        for name in variables:
            if sum(1 for _ in walk(tree)) > max_differentiated_nodes:
                raise self._error(
                    "this is too long to differentiate; introduce an unknown for a part of it", token
                )
            tree = self._check_formula(total_derivative(tree, name, self._words, token.place), token)
        return tree

    def _parse_derivative_variables(self) -> list[str]:
        """Parse ``x``, ``(x, 2)``, or ``x, 2`` after a comma; the variable is repeated."""
        bracket = self._accept("(")
        token = self._current
        if token.kind != "name" or token.text not in self._words.independent:
            variables = ", ".join(self._words.independent)
            raise self._error(f"derivatives are taken in {variables}, not in {token.text!r}")
        self._at += 1
        times = 1
        is_counted = self._current.text == "," and self._tokens[self._at + 1].kind == "number"
        if is_counted and (bracket or self._tokens[self._at + 2].text in (",", ")")):
            self._at += 1
            count = self._read_number(self._current).value
            max_order = self._words.limits.max_derivative_order
            if count != int(count) or not 1 <= count <= max_order:
                raise self._error(f"the order of a derivative is 1 to {max_order}, not {self._current.text}")
            times = int(count)
            self._at += 1
        if bracket:
            self._expect(")")
        return [token.text] * times

    def _parse_subs(self, token: Token) -> Expression:
        tree = self._parse_sum()
        self._expect(",")
        names = self._parse_names()
        self._expect(",")
        places = self._parse_numbers()
        self._expect(")")
        if len(names) != len(places):
            raise self._error(f"Subs has {len(names)} variables and {len(places)} values", token)
        for name, place in zip(names, places, strict=True):
            tree = fix_variable(tree, name, place, self._words)
        return tree

    def _parse_names(self) -> list[str]:
        bracket, names = self._accept("("), list[str]()
        while True:
            if self._current.text not in self._words.independent:
                raise self._error(
                    f"Subs replaces {', '.join(self._words.independent)}, not {self._current.text!r}"
                )
            names.append(self._current.text)
            self._at += 1
            if not bracket or self._accept(")"):
                return names
            self._expect(",")
            if self._accept(")"):
                return names

    def _parse_numbers(self) -> list[float]:
        bracket, places = self._accept("("), list[float]()
        while True:
            token = self._current
            places.append(
                self._evaluate_constant(self._parse_sum(), "Subs replaces a variable by a number", token)
            )
            if not bracket or self._accept(")"):
                return places
            self._expect(",")
            if self._accept(")"):
                return places
