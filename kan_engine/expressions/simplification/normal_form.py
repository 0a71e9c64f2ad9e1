"""Canonical forms of sums, products, powers and functions, for given data.

``canonicalize`` collects like terms and equal bases, folds numbers, cancels inverse functions, removes phases
of kπ/2 and sorts. Rules that need a sign, such as √(x²) = x, determine it from rows of the data. Every
rewritten node is evaluated on these rows, and discarded if its values change.
"""

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from math import pi

import numpy as np

from kan_engine.expressions.library import LIBRARY
from kan_engine.expressions.nice_constants import is_decimal, root_of_fraction
from kan_engine.expressions.nodes import (
    HALF,
    MINUS_ONE,
    ONE,
    ZERO,
    Add,
    Call,
    Expression,
    Mul,
    Number,
    Pow,
    add,
    call,
    children,
    is_constant,
    mul,
    number,
    power,
    rebuild,
)
from kan_engine.expressions.printing.infix import is_whole
from kan_engine.expressions.simplification.numeric_equivalence import CheckRows
from kan_engine.expressions.simplification.ordering import factor_order, term_order
from kan_engine.expressions.simplification.terms import (
    contains_float,
    flat_parts,
    is_all_negative,
    is_even,
    magnitude,
    negate,
    split_coefficient,
    starts_negative,
)


def canonicalize(tree: Expression, sample: CheckRows) -> Expression:
    """Return the canonical form of the tree, built node by node from the leaves."""
    if tree not in sample.tidied:
        result = _canonicalize_node(tree, sample)
        sample.tidied[tree] = sample.tidied[result] = result
    return sample.tidied[tree]


def _canonicalize_node(tree: Expression, sample: CheckRows) -> Expression:
    parts = [canonicalize(part, sample) for part in children(tree)]
    node = rebuild(tree, parts) if parts else tree
    match node:
        case Number(value):
            result = sample.recognise(value) if isinstance(value, float) else node
        case Add(terms):
            result = canonical_sum(terms, sample)
        case Mul(factors):
            result = canonical_product(factors, sample)
        case Pow(base, exponent):
            result = canonical_power(base, exponent, sample)
        case Call(function, argument):
            result = canonical_call(function, argument, sample)
        case _:
            result = node
    return result if result == node or sample.are_equal(node, result) else node


# --- sums -------------------------------------------------------------------------------------------


def canonical_sum(terms: Iterable[Expression], sample: CheckRows) -> Expression:
    """Return the sum of canonical terms, with like terms collected."""
    # Terms are alike if their varying parts are equal; multiples of π and of √2 are added separately
    groups: dict[Expression, dict[Expression, list[Fraction | float]]] = {}
    for term in flat_parts(terms, Add):
        coefficient, symbolic, varying = split_coefficient(term)
        groups.setdefault(varying, {}).setdefault(symbolic, []).append(coefficient)
    summands = [
        canonical_product([coefficient, varying], sample)
        for varying, coefficients in groups.items()
        for coefficient in _add_constants(coefficients, sample)
    ]
    summands = [term for term in flat_parts(summands, Add) if term != ZERO]
    return add(*sorted(_drop_negligible(summands, sample), key=term_order))


def _add_constants(
    coefficients: Mapping[Expression, list[Fraction | float]], sample: CheckRows
) -> list[Expression]:
    """Add constants: exact ones of one kind (3π + 2π), or all as one float if one of them is a float."""
    if any(isinstance(value, float) for values in coefficients.values() for value in values):
        parts = [
            float(value) * float(sample.values(kind))
            for kind, values in coefficients.items()
            for value in values
        ]
        # Terms cancel if their sum is below the rounding error of the largest
        total, rounding = sum(parts), sample.thresholds.constants.relative_rounding
        is_zero = abs(total) <= rounding * len(parts) * max(map(abs, parts))
        return [ZERO if is_zero else sample.recognise(total)]
    return [mul(number(sum(values, Fraction(0))), kind) for kind, values in coefficients.items()]


def _drop_negligible(
    terms: list[Expression], sample: CheckRows, *, negligible_ratio: float = 1e-15
) -> list[Expression]:
    """Drop terms that are below the rounding error of the largest term.

    Args:
        negligible_ratio: Of a term to the largest term of a sum; a smaller term is dropped.
    """
    # Largest finite magnitude of every term over the rows
    sizes = []
    for term in terms:
        values = np.abs(np.asarray(sample.values(term)))
        values = values[np.isfinite(values)]
        sizes.append(float(values.max()) if values.size else float("inf"))
    min_size = negligible_ratio * max(sizes, default=0.0)
    return [term for term, size in zip(terms, sizes, strict=True) if size > min_size] or terms


# --- products ---------------------------------------------------------------------------------------


def canonical_product(factors: Iterable[Expression], sample: CheckRows) -> Expression:
    """Return the product of canonical factors, with the exponents of equal bases and of exp added."""
    flat = flat_parts(factors, Mul)
    coefficient: Fraction | float = Fraction(1)
    exponents: dict[Expression, list[Expression]] = {}
    for factor in flat:
        match factor:
            case Number(value):
                coefficient = coefficient * value
            case Pow(base, exponent):
                exponents.setdefault(base, []).append(exponent)
            case Call("exp", argument):
                exponents.setdefault(_EULER, []).append(argument)
            case _:
                exponents.setdefault(factor, []).append(ONE)
    if coefficient == 0:
        return ZERO
    powers = [_merge_powers(base, base_exponents, sample) for base, base_exponents in exponents.items()]
    if any(isinstance(factor, Number | Mul) for factor in powers):  # to be merged again: √2·√2·x
        return canonical_product([number(coefficient), *powers], sample)
    constants = [factor for factor in powers if is_constant(factor)]
    if isinstance(coefficient, float) or any(contains_float(factor) for factor in constants):
        # A product with a measured factor is a measured number as a whole
        value = float(coefficient) * float(np.prod([sample.values(factor) for factor in constants]))
        powers = [sample.recognise(value), *(factor for factor in powers if factor not in constants)]
        coefficient = Fraction(1)
    return mul(number(coefficient), *sorted(flat_parts(powers, Mul), key=factor_order))


_EULER = Call("exp", ONE)


def _merge_powers(base: Expression, exponents: list[Expression], sample: CheckRows) -> Expression:
    if base == _EULER:
        return (
            call("exp", exponents[0])
            if len(exponents) == 1
            else canonical_call("exp", canonical_sum(exponents, sample), sample)
        )
    if len(exponents) == 1:
        return power(base, exponents[0])
    return canonical_power(base, canonical_sum(exponents, sample), sample)


# --- powers -----------------------------------------------------------------------------------------


def canonical_power(base: Expression, exponent: Expression, sample: CheckRows) -> Expression:
    """Return base^exponent, with exponents of nested powers multiplied if the signs in the data allow."""
    match base:
        case Call("exp", argument):
            result = canonical_call("exp", canonical_product([exponent, argument], sample), sample)
        case Add() if is_even(exponent) and starts_negative(base):
            result = power(negate(base), exponent)
        case Call("abs", argument) if is_even(exponent):
            result = canonical_power(argument, exponent, sample)
        case Pow(inner, inner_exponent) if is_whole(exponent) or sample.sign(inner) == 1:
            result = canonical_power(inner, canonical_product([inner_exponent, exponent], sample), sample)
        case Pow(inner, inner_exponent) if is_even(inner_exponent):
            result = canonical_power(
                canonical_call("abs", inner, sample),
                canonical_product([inner_exponent, exponent], sample),
                sample,
            )
        case Mul(factors):
            result = _power_of_product(factors, exponent, sample)
        case Number(Fraction() as square) if exponent in (HALF, _MINUS_HALF) and square:
            result = root_of_fraction(square if exponent == HALF else 1 / square)
        case _:
            result = power(base, exponent)
    match result:
        case Number(float() as value):
            return sample.recognise(value)
    return result


_MINUS_HALF = mul(MINUS_ONE, HALF)


def _power_of_product(factors: tuple[Expression, ...], exponent: Expression, sample: CheckRows) -> Expression:
    """Return (Π f)^e as Π f^e for an integer e.

    For other exponents, positive factors are taken out of the power, and the negative ones if their number is
    even and no factor has an unknown sign.
    """
    if is_whole(exponent):
        return canonical_product([canonical_power(factor, exponent, sample) for factor in factors], sample)
    signs = [sample.sign(factor) for factor in factors]
    negative = signs.count(-1)
    if 0 not in signs and negative % 2 == 0:
        return canonical_product(
            [_power_of_factor(f, sign, exponent, sample) for f, sign in zip(factors, signs, strict=True)],
            sample,
        )
    # Other powers of a negative factor are undefined, so only positive factors may leave the root
    leaving = [factor for factor, sign in zip(factors, signs, strict=True) if sign == 1]
    remainder = mul(*(factor for factor, sign in zip(factors, signs, strict=True) if sign != 1))
    return canonical_product(
        [*(canonical_power(factor, exponent, sample) for factor in leaving), power(remainder, exponent)],
        sample,
    )


def _power_of_factor(factor: Expression, sign: int, exponent: Expression, sample: CheckRows) -> Expression:
    """Return |factor|^exponent; a negative factor other than a number or a sum is negated inside: √(-x)."""
    if sign == 1 or isinstance(factor, Number | Add):
        return canonical_power(negate(factor) if sign < 0 else factor, exponent, sample)
    return power(negate(factor), exponent)


# --- functions --------------------------------------------------------------------------------------


def canonical_call(function: str, argument: Expression, sample: CheckRows) -> Expression:
    """Return a function of a canonical argument."""
    if is_constant(argument):
        return _fold_constant_call(function, argument, sample)
    if isinstance(argument, Call) and LIBRARY[function].undoes == argument.function:
        return argument.argument
    if LIBRARY[function].parity == "odd" and is_all_negative(argument):
        return canonical_product([MINUS_ONE, canonical_call(function, negate(argument), sample)], sample)
    if LIBRARY[function].parity == "even" and starts_negative(argument):
        argument = negate(argument)
    rule = _CALL_RULES.get(function)
    return call(function, argument) if rule is None else rule(argument, sample)


def _fold_constant_call(function: str, argument: Expression, sample: CheckRows) -> Expression:
    """Return a number if the argument is measured or the value is simple (cos π = -1), else the call."""
    node = call(function, argument)
    value = float(sample.values(node))
    if not np.isfinite(value):
        return node
    constant = sample.recognise(value)
    if contains_float(argument):
        return constant
    return constant if isinstance(constant, Number) and abs(constant.value) in _EXACT_VALUES else node


_EXACT_VALUES = (0, 1, Fraction(1, 2), 2)


def _canonical_exp(
    argument: Expression, sample: CheckRows, *, max_exponent_shift: float = 100.0
) -> Expression:
    """Rewrite exp(c + a·log u + …) as e^c · u^a · exp(…).

    Args:
        max_exponent_shift: Largest measured |c| for which exp(c + …) becomes exp(c)·exp(…).
    """
    factors, remainder = [], []
    for term in _distribute(argument, sample):
        match _match_multiple_of_log(term):
            case (exponent, inner):
                factors.append(canonical_power(inner, exponent, sample))
            case _ if (
                isinstance(term, Number) and is_decimal(term) and magnitude(term.value) < max_exponent_shift
            ):
                factors.append(sample.recognise(float(np.exp(float(term.value)))))
            case _:
                remainder.append(term)
    if not factors:
        return call("exp", argument)
    return canonical_product(
        [*factors, canonical_call("exp", canonical_sum(remainder, sample), sample)] if remainder else factors,
        sample,
    )


def _distribute(argument: Expression, sample: CheckRows) -> list[Expression]:
    """Return the terms of a sum, or of a number times a sum."""
    match argument:
        case Mul((Number() as coefficient, Add(terms))):
            return [canonical_product([coefficient, term], sample) for term in terms]
    return flat_parts([argument], Add)


def _match_multiple_of_log(term: Expression) -> tuple[Expression, Expression] | None:
    """Return (a, u) if the term is a·log(u), else None."""
    factors = term.factors if isinstance(term, Mul) else (term,)
    logs = [factor for factor in factors if isinstance(factor, Call) and factor.function == "log"]
    coefficient = mul(*(factor for factor in factors if factor not in logs))
    return (coefficient, logs[0].argument) if len(logs) == 1 else None


def _canonical_log(argument: Expression, sample: CheckRows) -> Expression:
    """Rewrite log(u^p) as p·log u and log(e^v·u) as v + log u."""
    match argument:
        case Pow(base, exponent):
            if is_even(exponent) and sample.sign(base) != 1:
                base = canonical_call("abs", base, sample)
            if sample.sign(base) == 1:
                return canonical_product([exponent, canonical_call("log", base, sample)], sample)
        case Mul(factors):
            shifts = [
                factor.argument for factor in factors if isinstance(factor, Call) and factor.function == "exp"
            ]
            if shifts:
                remainder = mul(*(f for f in factors if not (isinstance(f, Call) and f.function == "exp")))
                return canonical_sum([*shifts, canonical_call("log", remainder, sample)], sample)
    return call("log", argument)


def _canonical_abs(argument: Expression, sample: CheckRows) -> Expression:
    """Take factors with a constant sign in the data out of the absolute value."""
    signs = {factor: sample.sign(factor) for factor in flat_parts([argument], Mul)}
    magnitudes = [negate(factor) if sign < 0 else factor for factor, sign in signs.items() if sign]
    remainder = [factor for factor, sign in signs.items() if not sign]
    return canonical_product(
        [*magnitudes, call("abs", canonical_product(remainder, sample))] if remainder else magnitudes, sample
    )


def _canonical_sign(argument: Expression, sample: CheckRows) -> Expression:
    sign = sample.sign(argument)
    return number(Fraction(sign)) if sign else call("sign", argument)


def _canonical_sin(argument: Expression, sample: CheckRows) -> Expression:
    quarters, remainder = _split_quarter_turns(argument, sample, 4)
    function, sign = (("sin", 1), ("cos", 1), ("sin", -1), ("cos", -1))[quarters]
    if function in sample.forbidden:
        return call("sin", argument)
    return _apply_turn(function, sign, quarters, remainder, sample)


def _canonical_cos(argument: Expression, sample: CheckRows) -> Expression:
    quarters, remainder = _split_quarter_turns(argument, sample, 4)
    function, sign = (("cos", 1), ("sin", -1), ("cos", -1), ("sin", 1))[quarters]
    if function in sample.forbidden:
        return call("cos", argument)
    return _apply_turn(function, sign, quarters, remainder, sample)


def _canonical_tan(argument: Expression, sample: CheckRows) -> Expression:
    quarters, remainder = _split_quarter_turns(argument, sample, 2)
    if quarters == 0:
        return _apply_turn("tan", 1, quarters, remainder, sample)
    return canonical_product(
        [MINUS_ONE, canonical_power(canonical_call("tan", remainder, sample), MINUS_ONE, sample)], sample
    )


def _apply_turn(
    function: str, sign: int, quarters: int, remainder: Expression, sample: CheckRows
) -> Expression:
    """Return the function after ``quarters`` quarter turns; without any, its sign is canonical already."""
    node = canonical_call(function, remainder, sample) if quarters else call(function, remainder)
    return canonical_product([number(Fraction(sign)), node], sample)


def _split_quarter_turns(argument: Expression, sample: CheckRows, period: int) -> tuple[int, Expression]:
    """Split the argument into quarter turns (kπ/2) of its constant term, modulo ``period``, and the rest.

    Other measured phases are reduced to one period.
    """
    terms = flat_parts([argument], Add)
    phase = [term for term in terms if is_constant(term)]
    remainder = [term for term in terms if not is_constant(term)]
    shift = float(sum(sample.values(term) for term in phase))
    # A phase of kπ/2, up to rounding, turns one function into another without a phase
    quarters = round(shift / (pi / 2))
    if quarters and abs(shift - quarters * pi / 2) <= 1e-14 * abs(shift) + 1e-15:
        return quarters % period, canonical_sum(remainder, sample)
    # A measured phase is known modulo the period: the one nearest 0 has the fewest digits
    turns = round(shift / (period * pi / 2))
    if turns and any(contains_float(term) or is_decimal(term) for term in phase):
        return 0, canonical_sum([*remainder, sample.recognise(shift - turns * period * pi / 2)], sample)
    return 0, argument


_CALL_RULES: dict[str, Callable[[Expression, CheckRows], Expression]] = {
    "exp": _canonical_exp,
    "log": _canonical_log,
    "abs": _canonical_abs,
    "sign": _canonical_sign,
    "sin": _canonical_sin,
    "cos": _canonical_cos,
    "tan": _canonical_tan,
}
