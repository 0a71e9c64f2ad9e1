"""Parser of the language of equations: it accepts a closed set of names and executes nothing.

The grammar is the part of SymPy's in which differential equations are written::

    sum     = product { ("+" | "-") product }
    product = sign { ("*" | "/") sign }
    sign    = { "+" | "-" } power
    power   = atom [ "**" sign ]
    atom    = number | name | name "(" arguments ")" | "(" sum ")"

with ``u``, ``u'``, ``u_xx``, ``u_t(x, 0)``, ``Derivative(u(x, t), x, (t, 2))``, ``Subs(…, x, 0)``,
``Rational(1, 10)``, ``Eq(a, b)``, ``pi``, ``E`` and the functions of ``FUNCTIONS``. The result is a formula
of ``nodes.py`` whose parameters represent *jets*: unknown functions and their derivatives, at the current
point or on a part of the boundary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction

from kan_engine.differential.jets import Jet, SymbolTable, fix_variable, total_derivative
from kan_engine.differential.tokens import PRIMES, Token, read_number, tokenise
from kan_engine.errors import InvalidEquation
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


def parse_equation(text: str, words: SymbolTable) -> Expression:
    """Parse one equation to the formula that must vanish.

    Raises:
        InvalidEquation: The text is not in this language; ``place`` is the character.
    """
    most = words.limits.max_characters
    if len(text) > most:
        raise InvalidEquation(f"an equation may have {most} characters, this one has {len(text)}", 0)
    return _Parser(text, words).parse()


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
    "Heaviside": lambda u: (1 + call("sign", u)) / 2,
}
EULER = call("exp", ONE)
CONSTANTS: Mapping[str, Expression] = {"pi": PI, "E": EULER}
RESERVED = frozenset(
    {*FUNCTIONS, *CONSTANTS, "Derivative", "diff", "Subs", "Rational", "Integer", "Float", "Eq", "I"}
)


class _Parser:
    """Recursive descent parser; one pass from left to right."""

    def __init__(self, text: str, words: SymbolTable) -> None:
        self._tokens = list(tokenise(text))
        self._at, self._depth, self._words, self._limits = 0, 0, words, words.limits
        self._forms: Mapping[str, Callable[[Token], Expression]] = {
            "Derivative": self._parse_derivative,
            "diff": self._parse_derivative,
            "Subs": self._parse_subs,
            "Rational": self._parse_rational,
            "Integer": self._parse_integer,
            "Float": self._parse_float,
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
        if self._current.kind != "end":
            raise self._error(f"{self._current.text!r} was not expected here")
        return tree

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
            seen = repr(self._current.text) if self._current.text else "the end"
            raise self._error(f"{sign!r} was expected here, not {seen}")

    def _error(self, message: str, token: Token | None = None) -> InvalidEquation:
        return InvalidEquation(message, (token or self._current).place)

    def _descend(self, what: str) -> None:
        """Count a further level of nested brackets or powers."""
        self._depth += 1
        if self._depth > self._limits.max_depth:
            raise self._error(f"{what} are nested deeper than {self._limits.max_depth} levels")

    def _check_formula(self, tree: Expression, token: Token) -> Expression:
        """Return the formula if its numbers are finite and it is not too large."""
        most = self._limits.max_equation_nodes
        for count, node in enumerate(walk(tree)):
            if count >= most:
                raise self._error(f"an equation may have {most} operations and operands, not more", token)
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
            return read_number(token, self._limits.max_exponent)
        if token.kind == "name":
            return self._parse_name(token)
        if token.text == "(":
            tree = self._parse_sum()
            self._expect(")")
            return tree
        self._at -= 1
        seen = repr(token.text) if token.text else "the end"
        raise self._error(f"a number, a name or a bracket was expected here, not {seen}")

    def _parse_name(self, token: Token) -> Expression:
        name, words = token.text, self._words
        if (found := words.find_derivative(name)) is not None:
            unknown, orders = found
            return self._parse_jet(token, unknown, self._parse_primes(unknown, orders))
        if self._current.kind == "primes":
            told = ", ".join(words.unknowns)
            raise self._error(f"primes are derivatives of an unknown: {told}; {name} is none")
        is_call = self._accept("(")
        if name in words.independent or name in words.coefficients:
            if is_call:
                raise self._error(f"{name} is not a function and takes no arguments", token)
            return Variable(name) if name in words.independent else words.leaf_parameter(name)
        if is_call and name in self._forms:
            return self._forms[name](token)
        if is_call and name in FUNCTIONS:
            argument = self._parse_sum()
            self._expect(")")
            return FUNCTIONS[name](argument)
        if not is_call and name in CONSTANTS:
            return CONSTANTS[name]
        raise self._error(self._describe_unknown_name(name, is_call), token)

    def _parse_primes(self, unknown: int, orders: tuple[int, ...]) -> tuple[int, ...]:
        """Add the derivatives of the primes that follow a name."""
        token = self._current
        if token.kind != "primes":
            return orders
        words = self._words
        if len(orders) > 1:
            told = " or ".join(f"{words.unknowns[unknown]}_{name}" for name in words.independent)
            raise self._error(f"a prime does not name the variable of the derivative; write {told}")
        self._at += 1
        return (orders[0] + sum(PRIMES[mark] for mark in token.text),)

    def _describe_unknown_name(self, name: str, is_call: bool) -> str:
        known = [*self._words.unknowns, *self._words.independent, *self._words.coefficients]
        kind = "function" if is_call else "name"
        if not is_call and name in FUNCTIONS:
            return f"{name} is a function; write {name}(…)"
        for unknown in self._words.unknowns:
            if name.startswith(f"{unknown}_"):
                told = ", ".join(f"{unknown}_{variable}" for variable in self._words.independent)
                return (
                    f"unknown {kind} {name!r}; derivatives of {unknown} are {told} and those of higher order"
                )
        return (
            f"unknown {kind} {name!r}; known are {', '.join(known)}, pi, E, Derivative, Subs, Rational and "
            f"{', '.join(sorted(FUNCTIONS))}"
        )

    def _parse_arguments(self) -> list[tuple[Token, Expression]]:
        """Parse expressions up to the closing bracket, with their first tokens."""
        arguments = []
        while True:
            arguments.append((self._current, self._parse_sum()))
            if self._accept(")"):
                return arguments
            self._expect(",")

    def _parse_jet(self, token: Token, unknown: int, orders: tuple[int, ...]) -> Expression:
        """Parse the arguments of an unknown or a derivative; without arguments it is at the current point."""
        words, most = self._words, self._limits.max_derivative_order
        if max(orders) > most:
            raise self._error(f"derivatives have at most order {most}; add an unknown for a lower one", token)
        at: list[float | None] = [None] * len(orders)
        if self._accept("("):
            arguments = self._parse_arguments()
            if len(arguments) != len(orders):
                told = ", ".join(words.independent)
                raise self._error(
                    f"{token.text} is a function of {told}; got {len(arguments)} arguments", token
                )
            for axis, (name, (place, argument)) in enumerate(zip(words.independent, arguments, strict=True)):
                if argument != Variable(name):
                    message = f"{token.text} takes {name} or a number in this place"
                    at[axis] = self._evaluate_constant(argument, message, place)
        return words.leaf_parameter(Jet(unknown, orders, tuple(at)))

    def _evaluate_constant(self, tree: Expression, otherwise: str, token: Token) -> float:
        """The value of a constant formula."""
        if any(isinstance(node, Variable | Parameter) for node in walk(tree)):
            raise self._error(otherwise, token)
        value = float(evaluate(tree, {}))
        if not math.isfinite(value):
            raise self._error("this number is not finite", token)
        return value

    def _parse_derivative(self, token: Token) -> Expression:
        tree = self._parse_sum()
        variables: list[str] = []
        while self._accept(","):
            variables += self._parse_derivative_variables()
        self._expect(")")
        if not variables:
            raise self._error(f"{token.text} needs the variable of the derivative", token)
        for name in variables:
            if sum(1 for _ in walk(tree)) > self._limits.max_differentiated_nodes:
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
            counted = read_number(self._current, self._limits.max_exponent).value
            most = self._limits.max_derivative_order
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
