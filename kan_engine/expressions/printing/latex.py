"""Write formulas in LaTeX: fractions, roots, powers of functions, column names as mathematical symbols."""

import re
from collections.abc import Mapping
from itertools import chain, count, pairwise

from kan_engine.expressions.library import LIBRARY
from kan_engine.expressions.nodes import (
    HALF,
    Add,
    Call,
    Constant,
    Expression,
    Number,
    Parameter,
    Pow,
    Variable,
    variables,
)
from kan_engine.expressions.printing.infix import (
    ATOM,
    POWER,
    PRODUCT,
    SUM,
    Precedence,
    is_whole,
    split_quotient,
    split_sign,
)
from kan_engine.units.headers import drop_header_unit

_GREEK_LETTERS = (
    "α alpha β beta γ gamma δ delta ε epsilon ζ zeta η eta θ theta ι iota κ kappa λ lambda μ mu ν nu ξ xi "
    "π pi ρ rho σ sigma τ tau υ upsilon φ phi χ chi ψ psi ω omega "
    "Γ Gamma Δ Delta Θ Theta Λ Lambda Ξ Xi Π Pi Σ Sigma Υ Upsilon Φ Phi Ψ Psi Ω Omega"
)  # LaTeX has no commands for Greek capitals that look like Latin ones
_GREEK = {letter: f"\\{name}" for letter, name in re.findall(r"(\w) (\w+)", _GREEK_LETTERS)}
_ESCAPED = {
    "\\": r"\textbackslash ",
    "^": r"\textasciicircum ",
    "~": r"\textasciitilde ",
    "<": r"\textless ",
    ">": r"\textgreater ",
    " ": r"\ ",
    **{character: f"\\{character}" for character in "{}$&#_%"},
    **{letter: f"${command}$" for letter, command in _GREEK.items()},
}
_UNESCAPED = {escaped: character for character, escaped in _ESCAPED.items()}
_ESCAPE_PATTERN = re.compile("|".join(map(re.escape, sorted(_UNESCAPED, key=len, reverse=True))))
_WORD_COMMANDS = (r"\mathrm", r"\textrm")


def to_latex(tree: Expression, names: Mapping[str, str] | None = None) -> str:
    """Return the formula for LaTeX's mathematical mode.

    Args:
        tree: The formula.
        names: Display names of columns, typeset like the names of columns: ``omega_0`` becomes ω₀. If all
            columns of a model are given, its formulas have the same symbols.
    """
    names = dict(names or {})
    names |= {name: name for name in variables(tree) if name not in names}
    return write_latex(tree, symbols(names))


def write_latex(tree: Expression, symbols: Mapping[str, str]) -> str:
    """Return the formula for LaTeX's mathematical mode, given the LaTeX of every variable in it."""
    return _piece(tree, symbols)[0]


def symbols(names: Mapping[str, str]) -> dict[str, str]:
    """Return a unique symbol for each column: of ``x1`` and ``x_1`` only the first becomes x₁.

    A column that ends with its unit is written without it: ``height [m]`` is no height with the index m.

    Args:
        names: Display names by column; columns with their own name take precedence.
    """
    result: dict[str, str] = {}
    used_symbols = {r"\pi", "e"}  # constants: columns of these names are set in upright letters
    for column, name in sorted(names.items(), key=lambda item: item[0] != item[1]):
        short = drop_header_unit(column)
        short = name if short == column else short
        upright = _typeset_upright(name)
        variants = (f"{upright}_{{({number})}}" for number in count(2))
        candidates = chain([symbol(short), symbol(name), upright], variants)
        result[column] = next(text for text in candidates if text not in used_symbols)
        used_symbols.add(result[column])
    return result


def _piece(tree: Expression, symbols: Mapping[str, str]) -> tuple[str, Precedence]:
    """Return text and its precedence."""
    match tree:
        case Variable(name):
            result = symbols[name], ATOM
        case Constant(name):
            result = f"\\{name}", ATOM
        case Parameter(index):
            result = f"c_{{{index}}}", ATOM
        case Add(terms):
            result = _sum(terms, symbols), SUM
        case Call(function, argument):
            result = _call(function, _piece(argument, symbols)[0])
        case _:
            negative, body = split_sign(tree)
            result = (
                (f"- {_write_operand(body, PRODUCT, symbols)}", SUM) if negative else _product(body, symbols)
            )
    return result


def _write_operand(tree: Expression, min_precedence: int, symbols: Mapping[str, str]) -> str:
    text, precedence = _piece(tree, symbols)
    return text if precedence >= min_precedence else _parenthesise(text)


def _parenthesise(text: str) -> str:
    return rf"\left({text}\right)"


def _sum(terms: tuple[Expression, ...], symbols: Mapping[str, str]) -> str:
    """Write the terms in order, but the first positive one in front."""
    signed_terms = [split_sign(term) for term in terms]
    front = next((at for at, (negative, _) in enumerate(signed_terms) if not negative), 0)
    signed_terms.insert(0, signed_terms.pop(front))
    text = "".join(
        (" - " if negative else " + ") + _write_operand(body, PRODUCT, symbols)
        for negative, body in signed_terms
    )
    return text.removeprefix(" + ").lstrip()


def _product(tree: Expression, symbols: Mapping[str, str]) -> tuple[str, Precedence]:
    """Write a positive number, a power or a product."""
    above, below = split_quotient(tree)
    if below:
        return rf"\frac{{{_factors(above, symbols)}}}{{{_factors(below, symbols)}}}", PRODUCT
    if len(above) > 1:
        return _factors(above, symbols), PRODUCT
    match above[0]:
        case Number(value):
            return _number(str(value))
        case Pow() as root:
            return _power(root, symbols)
    return _piece(above[0], symbols)


def _factors(factors: tuple[Expression, ...], symbols: Mapping[str, str]) -> str:
    """Write factors side by side, with a dot between those that would be ambiguous."""
    if len(factors) == 1:
        return _piece(factors[0], symbols)[0]
    pieces = [_write_operand(factor, PRODUCT, symbols) for factor in factors]
    text = pieces[0]
    for before, after in pairwise(pieces):
        text += (r" \cdot " if _needs_dot(before, after) else " ") + after
    return text


def _needs_dot(before: str, after: str) -> bool:
    """Whether two adjacent factors need a dot between them.

    These are a number after any factor, a word next to anything but a number, and a fraction after a number,
    since 2 1/3 does not mean 2/3.
    """
    is_fraction, is_word = after.startswith((r"\frac", r"\left(\frac")), after.startswith(_WORD_COMMANDS)
    return (
        after[0].isdigit()
        or before.startswith(_WORD_COMMANDS)
        or (is_fraction if before[-1].isdigit() else is_word)
    )


def _number(text: str) -> tuple[str, Precedence]:
    mantissa, has_exponent, exponent = text.partition("e")
    if not has_exponent:
        return mantissa, ATOM
    ten = f"10^{{{int(exponent)}}}"
    return (ten, POWER) if mantissa == "1" else (rf"{mantissa} \cdot {ten}", PRODUCT)


def _power(tree: Pow, symbols: Mapping[str, str]) -> tuple[str, Precedence]:
    exponent = _piece(tree.exponent, symbols)[0]
    if tree.exponent == HALF:
        return rf"\sqrt{{{_piece(tree.base, symbols)[0]}}}", ATOM
    if isinstance(tree.base, Call) and tree.base.function not in ("exp", "abs") and is_whole(tree.exponent):
        name, argument = _function_command(tree.base.function), _piece(tree.base.argument, symbols)[0]
        return f"{name}^{{{exponent}}}{_parenthesise(argument)}", POWER
    return f"{_write_operand(tree.base, ATOM, symbols)}^{{{exponent}}}", POWER


def _call(function: str, argument: str) -> tuple[str, Precedence]:
    if function == "exp" and argument.count(r"\frac") <= 1:  # several would be too small to read
        return f"e^{{{argument}}}", POWER
    if function == "abs":
        return rf"\left|{argument}\right|", ATOM
    return _function_command(function) + _parenthesise(argument), POWER


def _function_command(name: str) -> str:
    command = LIBRARY[name].latex if name in LIBRARY else None
    return f"\\{name}" if command is None else command


def symbol(name: str) -> str:
    """Typeset a column's name as a symbol: x1 → x_{1}, theta → \\theta, MedInc → \\mathrm{MedInc}."""
    match = re.fullmatch(rf"([A-Za-z]+|[{''.join(_GREEK)}])_?([0-9]*|(?<=_)[A-Za-z0-9]+)_?", name)
    if match is None:
        return _typeset_upright(name)
    stem, index = match.groups()
    return _letters(stem) + (f"_{{{_letters(index)}}}" if index else "")


def _letters(text: str) -> str:
    if text in _GREEK or f"\\{text}" in _GREEK.values():
        return _GREEK.get(text, f"\\{text}")
    return text if len(text) == 1 or text.isdigit() else rf"\mathrm{{{text}}}"


def _typeset_upright(name: str) -> str:
    """Typeset a name in upright letters, with unprintable characters such as line breaks as spaces.

    Only ASCII words are set in mathematical mode, which typesets ``-`` as a minus and does not accept ``ö``.
    """
    without_accents = re.sub(rf"([{''.join(_GREEK)}])[\u0300-\u036f]+", r"\1", name)  # of Greek letters
    plain = (character if character.isprintable() else " " for character in without_accents)
    style = "mathrm" if re.fullmatch(r"\w*", name, re.ASCII) else "textrm"
    return rf"\{style}{{{''.join(_ESCAPED.get(character, character) for character in plain)}}}"


def unescape_name(text: str) -> str:
    """Undo the escaping of the text inside ``\\mathrm{…}`` or ``\\textrm{…}``."""
    return _ESCAPE_PATTERN.sub(lambda match: _UNESCAPED[match[0]], text)
