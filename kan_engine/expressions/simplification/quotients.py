"""Quotients: one form of every fraction of sums, and the other ways to write it.

The same function can be written with any scale and any common factor above and below: 1/(9·e^-x + 1),
e^x/(e^x + 9) and 1/(9·(e^-x + 1/9)). From the common form (``combine_all_fractions``) simplification reaches
the same forms whatever it began with; ``generate_quotients`` yields them.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import gcd, lcm, log

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
from kan_engine.expressions.simplification.normal_form import (
    canonical_power,
    canonical_product,
    canonical_sum,
)
from kan_engine.expressions.simplification.numeric_equivalence import CheckRows
from kan_engine.expressions.simplification.rewrites import combine_fractions, expand_tree
from kan_engine.expressions.simplification.terms import (
    flat_parts,
    is_negative,
    magnitude,
    negate,
    split_coefficient,
)


def combine_all_fractions(tree: Expression, sample: CheckRows) -> Expression:
    """Return the tree as an expanded sum over an expanded sum, inside its functions and roots as well.

    tanh becomes a quotient of exponentials. The sum below has no common factor, and its last term the
    coefficient 1. A sum that is too long to expand stays as it is.
    """
    parts = [combine_all_fractions(part, sample) for part in children(tree)]
    node = rebuild(tree, parts) if parts else tree
    match node:
        case Call("tanh", argument) if "exp" not in sample.forbidden:
            double = canonical_product([number(Fraction(2)), argument], sample)
            below = canonical_sum([ONE, Call("exp", expand_tree(double, sample) or double)], sample)
            return canonical_sum([ONE, Mul((Number(Fraction(-2)), power(below, MINUS_ONE)))], sample)
        case Add():
            node = canonical_sum(node.terms, sample)
            return _reduce_quotient(
                combine_fractions(node, sample) or expand_tree(node, sample) or node, sample
            )
        case Mul(factors):
            node = canonical_product(factors, sample)
            return _reduce_quotient(expand_tree(node, sample) or node, sample)
        case Pow(base, exponent):
            return _reduce_quotient(canonical_power(base, exponent, sample), sample)
    return node


def _reduce_quotient(tree: Expression, sample: CheckRows) -> Expression:
    """Cancel what all terms below have in common, and divide by the coefficient of the last."""
    above, below = split_quotient(tree)
    if not isinstance(below, Add) or not isinstance(below := expand_tree(below, sample) or below, Add):
        return tree
    common_factor = mul(split_coefficient(below.terms[-1])[0], _find_common_monomial(below, sample))
    return _build_quotient(above, below, common_factor, sample)


def split_quotient(tree: Expression) -> tuple[Expression, Expression]:
    """Return what is above and below the bar of a product: sums with negative whole exponents are below."""
    factors = flat_parts([tree], Mul)
    below = [f for f in factors if isinstance(f, Pow) and isinstance(f.base, Add) and _is_below(f.exponent)]
    return (
        mul(*(factor for factor in factors if factor not in below)),
        mul(*(power(f.base, mul(MINUS_ONE, f.exponent)) for f in below)),
    )


def _is_below(exponent: Expression) -> bool:
    return isinstance(exponent, Number) and is_whole(exponent) and exponent.value < 0


def _find_common_monomial(tree: Add, sample: CheckRows) -> Expression:
    """Return the product of all bases with their lowest exponents, 0 where a term lacks the base."""
    terms = [_exponents(term) for term in tree.terms]
    bases = dict.fromkeys(base for term in terms for base in term)
    lowest = {base: min(term.get(base, Fraction(0)) for term in terms) for base in bases}
    return canonical_product(
        [
            Call("exp", canonical_product([number(exponent), base.argument], sample))
            if isinstance(base, Call) and base.function == "exp"
            else power(base, number(exponent))
            for base, exponent in lowest.items()
            if exponent
        ],
        sample,
    )


def _exponents(term: Expression) -> dict[Expression, Fraction | float]:
    """Return the exponents of the bases of a term; exp(2·x - y) has those of exp(x) and exp(y)."""
    exponents: dict[Expression, Fraction | float] = {}
    for factor in flat_parts([term], Mul):
        match factor:
            case Call("exp", argument):
                for part in flat_parts([argument], Add):
                    coefficient, symbolic, varying = split_coefficient(part)
                    exponents[Call("exp", mul(symbolic, varying))] = coefficient
            case Pow(base, Number(exponent)) if not is_constant(base):
                exponents[base] = exponent
            case _ if not is_constant(factor):
                exponents[factor] = Fraction(1)
    return exponents


def _build_quotient(
    above: Expression, below: Expression, common_factor: Expression, sample: CheckRows
) -> Expression:
    """Return (above/common factor) / (below/common factor), each divided term by term."""
    quotients = [_divide_terms(part, common_factor, sample) for part in (above, below)]
    return canonical_product([quotients[0], canonical_power(quotients[1], MINUS_ONE, sample)], sample)


def _divide_terms(tree: Expression, divisor: Expression, sample: CheckRows) -> Expression:
    inverse = canonical_power(divisor, MINUS_ONE, sample)
    return canonical_sum(
        [canonical_product([term, inverse], sample) for term in flat_parts([tree], Add)], sample
    )


# --- other ways to write a quotient -----------------------------------------------------------------


def generate_quotients(node: Expression, sample: CheckRows) -> Iterator[Expression]:
    """Yield a product or power with sums below in other scales, by other terms, and divided."""
    factors = flat_parts([node], Mul)
    for holder in factors:
        base, exponent = (holder.base, holder.exponent) if isinstance(holder, Pow) else (holder, ONE)
        if isinstance(base, Add) and base != node and len(base.terms) <= sample.thresholds.max_rescaled_terms:
            cofactor = mul(*(factor for factor in factors if factor != holder))
            yield from _rescale(cofactor, base, exponent, sample)
    above, below = split_quotient(node)
    if isinstance(below, Add) and len(below.terms) <= sample.thresholds.max_rescaled_terms:
        for term in below.terms:
            monomial = split_coefficient(term)[2]
            if monomial != ONE:
                yield from _rescale_quotient(_build_quotient(above, below, monomial, sample), sample)
        yield from _divide(above, below, sample)
        yield from _write_as_tanh(above, below, sample)


def _rescale_quotient(tree: Expression, sample: CheckRows) -> Iterator[Expression]:
    yield tree
    above, below = split_quotient(tree)
    if isinstance(below, Add):
        yield from _rescale(above, below, MINUS_ONE, sample)


def _rescale(
    cofactor: Expression, base: Add, exponent: Expression, sample: CheckRows
) -> Iterator[Expression]:
    """Yield cofactor·base^exponent with other scales of the base.

    The scales are those with which a coefficient of the base, or that of the whole product, becomes 1, and
    with which exact coefficients become whole.
    """
    (outer, symbolic, _), coefficients = (
        split_coefficient(cofactor),
        [split_coefficient(term)[0] for term in base.terms],
    )
    scales: list[Fraction | float] = [magnitude(value) for value in coefficients]
    if all(isinstance(value, Fraction) for value in coefficients):
        scales.append(_find_content([Fraction(value) for value in coefficients]))
    is_odd = is_whole(exponent) and isinstance(exponent, Number) and exponent.value % 2 == 1
    if isinstance(exponent, Number) and outer and (inverse := 1 / exponent.value) == int(inverse):
        scales.append(_invert(outer, symbolic, int(inverse), sample))
    for scale in dict.fromkeys(scales):
        for sign in (1, -1) if is_odd else (1,):
            if sign * scale != 1:
                divisor = number(sign * scale)
                inner = power(_divide_terms(base, divisor, sample), exponent)
                front = canonical_product([cofactor, canonical_power(divisor, exponent, sample)], sample)
                yield mul(front, inner)
                if sign < 0 and (negative_front := _negate_sum(front)) is not None:
                    yield mul(negative_front, inner)


def _invert(
    coefficient: Fraction | float, symbolic: Expression, degree: int, sample: CheckRows
) -> Fraction | float:
    """Return the scale of a sum to the power 1/``degree`` with which the number before it is 1."""
    if symbolic == ONE:
        return magnitude(coefficient) ** -degree
    scale = sample.recognise(abs(float(coefficient) * float(sample.values(symbolic))) ** -degree)
    return scale.value if isinstance(scale, Number) else magnitude(coefficient) ** -degree


def _negate_sum(tree: Expression) -> Expression | None:
    """Return -a·(b - c) as a·(c - b); None without a sum."""
    factors = flat_parts([tree], Mul)
    place = next((place for place, factor in enumerate(factors) if isinstance(factor, Add)), None)
    if place is None:
        return None
    return mul(MINUS_ONE, *factors[:place], negate(factors[place]), *factors[place + 1 :])


def _find_content(values: list[Fraction]) -> Fraction:
    """Return the number by which fractions have to be divided to become whole, without a common factor."""
    return Fraction(gcd(*(v.numerator for v in values)), lcm(*(v.denominator for v in values)))


def _divide(
    above: Expression, below: Add, sample: CheckRows, *, max_division_steps: int = 4
) -> Iterator[Expression]:
    """Rewrite p/q as s + r/q by long division, with each term of q as the leading one: 1 - 9/(e^x + 9).

    Args:
        max_division_steps: Of the long division of sums.
    """
    for leading in below.terms:
        quotient, remainder = [], flat_parts([above], Add)
        for _ in range(max_division_steps):
            ratios = (canonical_product([term, power(leading, MINUS_ONE)], sample) for term in remainder)
            ratio = next((ratio for ratio in ratios if not _has_variable_below(ratio)), None)
            if ratio is None:
                break
            quotient.append(ratio)
            product = [canonical_product([MINUS_ONE, ratio, term], sample) for term in below.terms]
            remainder = [
                term
                for term in flat_parts([canonical_sum([*remainder, *product], sample)], Add)
                if term != ZERO
            ]
        if quotient:
            yield add(*quotient, mul(add(*remainder), power(below, MINUS_ONE)))


def _has_variable_below(tree: Expression) -> bool:
    factors = flat_parts([tree], Mul)
    return any(isinstance(f, Pow) and is_negative(f.exponent) and not is_constant(f) for f in factors)


def _write_as_tanh(above: Expression, below: Add, sample: CheckRows) -> Iterator[Expression]:
    """Rewrite (c·e^v + d)/(a·e^v + b) as (c/a + d/b)/2 + (c/a - d/b)/2 · tanh((v + log(a/b))/2).

    A quotient with one term above is a logistic function, which stays one.
    """
    ends, tops = (
        {
            varying: mul(coefficient, symbolic)
            for coefficient, symbolic, varying in map(split_coefficient, terms)
        }
        for terms in (below.terms, flat_parts([above], Add))
    )
    waves = [varying for varying in ends if isinstance(varying, Call) and varying.function == "exp"]
    if (
        "tanh" in sample.forbidden
        or len(waves) != 1
        or set(ends) != {waves[0], ONE}
        or set(tops) != set(ends)
    ):
        return
    (wave,) = waves
    high, low = (float(sample.values(tops[part])) / float(sample.values(ends[part])) for part in (wave, ONE))
    ratio = float(sample.values(ends[wave])) / float(sample.values(ends[ONE]))
    if ratio > 0:
        shift = sample.recognise(log(ratio) / 2)
        inner = canonical_sum([canonical_product([HALF, children(wave)[0]], sample), shift], sample)
        factor, offset = (sample.recognise((high + sign * low) / 2) for sign in (-1, 1))
        yield add(canonical_product([factor, call("tanh", inner)], sample), offset)
