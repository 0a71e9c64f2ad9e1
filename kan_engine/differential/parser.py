"""Parser of the language of equations: it accepts a closed set of names and executes nothing.

To the formulas of ``expressions.parsing`` it adds ``u(x, t)``, ``Derivative(u(x, t), x, (t, 2))``,
``Subs(…, x, 0)``, ``Eq(a, b)``, ``pi`` and ``E``. The result is a formula of ``nodes.py`` whose parameters
represent *jets*: unknown functions and their derivatives, at the current point or on a part of the boundary.
"""

from __future__ import annotations

from kan_engine.differential.jets import Jet, SymbolTable, fix_variable, total_derivative
from kan_engine.errors import InvalidEquation
from kan_engine.expressions.nodes import Expression, Variable, walk
from kan_engine.expressions.parsing import CONSTANTS, FUNCTIONS, ExpressionParser, Token


def parse_equation(text: str, words: SymbolTable) -> Expression:
    """Parse one equation to the formula that must vanish.

    Raises:
        InvalidEquation: The text is not in this language; ``place`` is the character.
    """
    return _Parser(text, words).parse()


RESERVED = frozenset(
    {*FUNCTIONS, *CONSTANTS, "Derivative", "diff", "Subs", "Rational", "Integer", "Float", "Eq", "I"}
)


class _Parser(ExpressionParser):
    """Parser of one equation."""

    error = InvalidEquation
    noun, language = "an equation", "equations"

    def __init__(self, text: str, words: SymbolTable) -> None:
        super().__init__(text, words.limits)
        self._words = words
        self._forms = {
            **self._forms,
            "Derivative": self._parse_derivative,
            "diff": self._parse_derivative,
            "Subs": self._parse_subs,
        }

    def parse(self) -> Expression:
        """Parse the whole equation to the formula that must vanish."""
        if self._current.text == "Eq" and self._tokens[self._at + 1].text == "(":
            self._at += 2
            tree = self._parse_sum()
            self._expect(",")
            tree = tree - self._parse_sum()
            self._expect(")")
        else:
            tree = self._parse_sum()
            if self._accept("="):
                tree = tree - self._parse_sum()
        self._expect_end()
        return tree

    def _parse_name(self, token: Token) -> Expression:
        name, words = token.text, self._words
        is_call = self._accept("(")
        if name in words.unknowns:
            if not is_call:
                told = ", ".join(words.independent)
                raise self._error(f"{name} is a function; write {name}({told})", token)
            return self._parse_unknown(token)
        if name in words.independent or name in words.coefficients:
            if is_call:
                raise self._error(f"{name} is not a function and takes no arguments", token)
            return Variable(name) if name in words.independent else words.leaf_parameter(name)
        known = self._parse_known_name(token, is_call=is_call)
        if known is not None:
            return known
        raise self._error(self._describe_unknown_name(name, is_call), token)

    def _describe_unknown_name(self, name: str, is_call: bool) -> str:
        known = [*self._words.unknowns, *self._words.independent, *self._words.coefficients]
        kind = "function" if is_call else "name"
        if not is_call and name in FUNCTIONS:
            return f"{name} is a function; write {name}(…)"
        return (
            f"unknown {kind} {name!r}; known are {', '.join(known)}, pi, E, Derivative, Subs, Rational and "
            f"{', '.join(sorted(FUNCTIONS))}"
        )

    def _parse_unknown(self, token: Token) -> Expression:
        words = self._words
        arguments = self._parse_arguments()
        if len(arguments) != len(words.independent):
            told = ", ".join(words.independent)
            raise self._error(f"{token.text} is a function of {told}; got {len(arguments)} arguments", token)
        at: list[float | None] = []
        for name, (place, argument) in zip(words.independent, arguments, strict=True):
            if argument == Variable(name):
                at.append(None)
                continue
            at.append(
                self._evaluate_constant(
                    argument, f"{token.text} takes {name} or a number in this place", place
                )
            )
        return words.leaf_parameter(Jet(words.unknowns.index(token.text), (0,) * len(at), tuple(at)))

    def _parse_derivative(self, token: Token) -> Expression:
        tree = self._parse_sum()
        variables: list[str] = []
        while self._accept(","):
            variables += self._parse_derivative_variables()
        self._expect(")")
        if not variables:
            raise self._error(f"{token.text} needs the variable of the derivative", token)
        for name in variables:
            if sum(1 for _ in walk(tree)) > self._words.limits.max_differentiated_nodes:
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
            known = ", ".join(self._words.independent)
            raise self._error(f"derivatives are taken in {known}, not in {token.text!r}")
        self._at += 1
        times = 1
        is_counted = self._current.text == "," and self._tokens[self._at + 1].kind == "number"
        if is_counted and (bracket or self._tokens[self._at + 2].text in (",", ")")):
            self._at += 1
            counted = self._read_number(self._current).value
            most = self._words.limits.max_derivative_order
            if counted != int(counted) or not 1 <= counted <= most:
                raise self._error(f"the order of a derivative is 1 to {most}, not {self._current.text}")
            times = int(counted)
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
