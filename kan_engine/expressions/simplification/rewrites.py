"""Rewrite rules: equivalent forms of a node, of which simplification selects the shortest that is valid.

The forms are not checked here. A form may be longer than the node, or invalid for some signs.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import reduce
from itertools import combinations, permutations
from math import isclose, pi

from kan_engine.expressions.evaluation import complexity
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
    variables,
)
from kan_engine.expressions.printing.infix import is_whole
from kan_engine.expressions.simplification.normal_form import (
    canonical_power,
    canonical_product,
    canonical_sum,
)
from kan_engine.expressions.simplification.numeric_equivalence import CheckRows
from kan_engine.expressions.simplification.terms import (
    ORDER_DIGITS,
    contains_float,
    flat_parts,
    is_short,
    magnitude,
    split_coefficient,
)


def generate_rewrites(node: Expression, sample: CheckRows) -> Iterator[Expression]:
    """Yield other forms of a canonical node; rules for its children alone are not applied."""
    match node:
        case Add():
            yield from _rewrite_sum(node, sample)
        case Mul(factors):
            yield from _rewrite_product(factors, sample)
        case Pow(Add() as base, exponent):
            yield from _rewrite_power(base, exponent, sample)
    if isinstance(node, Pow | Call):
        yield from _rewrite_inner_sum(node, sample)
    yield from _turn_phases(node, sample)


def _turn_phases(node: Expression, sample: CheckRows) -> Iterator[Expression]:
    """Yield a product with a measured phase turned by quarters: sin(x + 1) for cos(x - 0.57…)."""
    factors = _factors(node)
    for factor in factors:
        match factor:
            case Call("sin" | "cos" as name, Add(terms)) if any(
                is_constant(term) and contains_float(term) for term in terms
            ):
                cofactors = [cofactor for cofactor in factors if cofactor != factor]
                turns = ("sin", "cos") if name == "sin" else ("cos", "sin")
                for quarters, sign in (
                    (1, 1 if name == "cos" else -1),
                    (2, -1),
                    (3, -1 if name == "cos" else 1),
                ):
                    shifted_sum = _turn_sum(terms, quarters * pi / 2, sample)
                    if all(map(_has_few_digits, flat_parts([shifted_sum], Add))):
                        yield mul(sign, *cofactors, call(turns[quarters % 2], shifted_sum))


def _turn_sum(terms: Sequence[Expression], shift: float, sample: CheckRows) -> Expression:
    """Return the sum plus a shift, with its number recognised to the rounding error of both."""
    size = shift + sum(abs(float(sample.values(term))) for term in terms if is_constant(term))
    shifted_sum = canonical_sum([*terms, number(shift)], sample)
    parts = [
        sample.recognise(term.value, size)
        if isinstance(term, Number) and isinstance(term.value, float)
        else term
        for term in flat_parts([shifted_sum], Add)
    ]
    return canonical_sum(parts, sample)


def _has_few_digits(term: Expression, digits: int = 6) -> bool:
    """Whether a term is no measured constant with more digits, which is as long in every quarter."""
    if not isinstance(term, Number) or isinstance(term.value, Fraction):
        return True
    return _is_close(abs(float(f"{term.value:.{digits}g}")), abs(term.value))


def _rewrite_inner_sum(node: Pow | Call, sample: CheckRows) -> Iterator[Expression]:
    """Yield the node with other forms of the sum inside it, which may be longer by themselves."""
    inner, *siblings = children(node)
    match inner:
        case Mul((Number(), Add())) if isinstance(node, Call):
            yield rebuild(node, [expand_tree(inner, sample) or inner])
    if isinstance(inner, Add):
        for form in (
            factor_out_common(inner, sample),
            combine_fractions(inner, sample),
            expand_tree(inner, sample),
        ):
            if form is not None:
                yield rebuild(node, [form, *siblings])


# --- sums -------------------------------------------------------------------------------------------


def _rewrite_sum(node: Add, sample: CheckRows, *, max_paired_terms: int = 12) -> Iterator[Expression]:
    """Combine the terms of a sum.

    Args:
        max_paired_terms: Of a sum whose terms are combined in pairs.
    """
    for rewrite in (expand_tree, factor_out_common, combine_fractions, merge_logarithms):
        form = rewrite(node, sample)
        if form is not None:
            yield form
    yield from _factor_out_number(node, sample)
    yield from _factor_out_partially(node, sample)
    if len(node.terms) <= max_paired_terms:
        yield from _join_pairs(node.terms, sample)
        yield from _complete_squares(node.terms, sample)


def expand_tree(tree: Expression, sample: CheckRows) -> Expression | None:
    """Expand products and integer powers of sums; None if the result is too long or unchanged."""
    terms = _expand_terms(tree, sample)
    result = None if terms is None else canonical_sum(terms, sample)
    return None if result == tree else result


def _expand_terms(tree: Expression, sample: CheckRows) -> tuple[Expression, ...] | None:
    if tree not in sample.expansions:
        sample.expansions[tree] = _compute_expansion(tree, sample)
    return sample.expansions[tree]


def _compute_expansion(
    tree: Expression, sample: CheckRows, *, max_expanded_power: int = 6
) -> tuple[Expression, ...] | None:
    """Compute the terms of the expanded form; None if there are too many.

    Args:
        max_expanded_power: Of a sum that is expanded.
    """
    match tree:
        case Add(terms):
            parts = [_expand_terms(term, sample) for term in terms]
            flat = tuple(term for part in parts if part is not None for term in part)
            return None if None in parts or len(flat) > sample.thresholds.max_expanded_terms else flat
        case Mul(factors):
            return _multiply_sums([_expand_terms(factor, sample) for factor in factors], sample)
        case Pow(Add() as base, Number(exponent)) if (
            2 <= exponent <= max_expanded_power and exponent % 1 == 0
        ):
            return _multiply_sums([_expand_terms(base, sample)] * int(exponent), sample)
    return (tree,)


def _multiply_sums(
    factors: list[tuple[Expression, ...] | None], sample: CheckRows
) -> tuple[Expression, ...] | None:
    """Return the terms of a product of sums, with like terms collected after each factor."""
    if all(factor is not None and len(factor) == 1 for factor in factors):
        return (canonical_product([factor[0] for factor in factors if factor is not None], sample),)
    terms: tuple[Expression, ...] = (ONE,)
    for factor in factors:
        if factor is None or len(terms) * len(factor) > sample.thresholds.max_expanded_terms:
            return None
        product = canonical_sum(
            [canonical_product([term, addend], sample) for term in terms for addend in factor], sample
        )
        terms = product.terms if isinstance(product, Add) else (product,)
    return terms


def factor_out_common(tree: Expression, sample: CheckRows) -> Expression | None:
    """Factor out what all terms have in common, with the largest possible exponents.

    A number is factored out if all coefficients have the same absolute value.
    """
    terms = tree.terms if isinstance(tree, Add) else (tree,)
    common_exponents = dict(_bases(terms[0]))
    for term in terms[1:]:
        bases = dict(_bases(term))
        common_exponents = {
            base: _common_exponent(exponent, bases[base])
            for base, exponent in common_exponents.items()
            if base in bases
        }
    factor = mul(*(power(base, number(exponent)) for base, exponent in common_exponents.items() if exponent))
    sizes = _count_sizes(terms)
    if len(sizes) == 1:
        factor = mul(number(next(iter(sizes))), factor)
    if _are_all_negative(terms):
        factor = mul(MINUS_ONE, factor)
    return None if factor == ONE or len(terms) < 2 else _factor_out(factor, terms, (), sample)


def _bases(term: Expression) -> Iterator[tuple[Expression, Fraction | float]]:
    """Yield the bases of a term with their numeric exponents."""
    for factor in term.factors if isinstance(term, Mul) else (term,):
        match factor:
            case Number():
                continue
            case Pow(base, Number(exponent)):
                yield base, exponent
            case _:
                yield factor, Fraction(1)


def _common_exponent(a: Fraction | float, b: Fraction | float) -> Fraction | float:
    """Return the common exponent of two powers of one base; 0 if their signs differ."""
    return Fraction(0) if a * b < 0 else a if magnitude(a) <= magnitude(b) else b


def _are_all_negative(terms: tuple[Expression, ...]) -> bool:
    return all(split_coefficient(term)[0] < 0 for term in terms)


def _factor_out(
    factor: Expression, terms: tuple[Expression, ...], remainder: tuple[Expression, ...], sample: CheckRows
) -> Expression:
    """Return factor · (Σ terms / factor) + Σ remainder."""
    inverse = canonical_power(factor, MINUS_ONE, sample)
    inner = canonical_sum([canonical_product([term, inverse], sample) for term in terms], sample)
    return add(mul(factor, inner), *remainder)


def _factor_out_number(node: Add, sample: CheckRows) -> Iterator[Expression]:
    """Yield c · (…) for coefficients c of several terms, or measured ones, if no long numbers result."""
    sizes = _count_sizes(node.terms)
    for size, count in sizes.items():
        is_shared = count > 1 or (isinstance(size, float) and not any(map(is_constant, node.terms)))
        if size != 1 and is_shared and all(is_short(c / size) for c in sizes):
            yield _factor_out(number(size), node.terms, (), sample)
        if size != 1 and 1 < count < len(node.terms):
            group = tuple(term for term in node.terms if _is_close(_size(term), size))
            yield _factor_out(number(size), group, tuple(t for t in node.terms if t not in group), sample)


def _count_sizes(terms: tuple[Expression, ...]) -> dict[Fraction | float, int]:
    """Return the absolute values of the coefficients and how many terms have each, to rounding."""
    counts: dict[Fraction | float, int] = {}
    for term in terms:
        size = next((candidate for candidate in counts if _is_close(candidate, _size(term))), _size(term))
        counts[size] = counts.get(size, 0) + 1
    return counts


def _size(term: Expression) -> Fraction | float:
    return magnitude(split_coefficient(term)[0])


def _is_close(a: Fraction | float, b: Fraction | float) -> bool:
    return isclose(a, b, rel_tol=10.0**-ORDER_DIGITS)


def _factor_out_partially(node: Add, sample: CheckRows) -> Iterator[Expression]:
    """Yield b · (…) + rest for the most common bases of several terms: x*y + x*z + w → x*(y + z) + w."""
    bases = [dict(_bases(term)) for term in node.terms]
    counts = Counter(base for exponents in bases for base in exponents if not is_constant(base))
    for base, count in counts.most_common(sample.thresholds.max_factors_tried):
        if not count > 1:
            break
        for sign in (1, -1):
            membership = [exponents.get(base, 0) * sign > 0 for exponents in bases]
            if sum(membership) > 1:
                exponent = reduce(
                    _common_exponent,
                    (exponents[base] for exponents, has in zip(bases, membership, strict=True) if has),
                )
                group = tuple(term for term, has in zip(node.terms, membership, strict=True) if has)
                remainder = tuple(term for term, has in zip(node.terms, membership, strict=True) if not has)
                yield _factor_out(power(base, number(exponent)), group, remainder, sample)


def combine_fractions(tree: Expression, sample: CheckRows) -> Expression | None:
    """Rewrite a/b + c/d as (a·d + c·b)/(b·d); None without a denominator."""
    terms = tree.terms if isinstance(tree, Add) else (tree,)
    below: dict[Expression, Fraction | float] = {}
    for term in terms:
        for base, exponent in _bases(term):
            if exponent < 0 and not is_constant(base):
                below[base] = max(below.get(base, Fraction(0)), -exponent)
    if not below or len(terms) < 2:
        return None
    denominator = mul(*(power(base, number(exponent)) for base, exponent in below.items()))
    above = canonical_sum([canonical_product([term, denominator], sample) for term in terms], sample)
    return mul(expand_tree(above, sample) or above, power(denominator, MINUS_ONE))


def merge_logarithms(tree: Expression, sample: CheckRows) -> Expression | None:
    """Rewrite a·log u ± a·log v as a·log(u·v^±1); None without two such terms."""
    groups: dict[Expression, list[tuple[int, Expression]]] = {}
    new_terms = []
    for term in children(tree):
        log = next((f for f in _factors(term) if isinstance(f, Call) and f.function == "log"), None)
        if log is None:
            new_terms.append(term)
            continue
        front = canonical_product([term, power(log, MINUS_ONE)], sample)
        negative = split_coefficient(front)[0] < 0
        front = canonical_product([MINUS_ONE, front], sample) if negative else front
        groups.setdefault(front, []).append((-1 if negative else 1, log.argument))
    if all(len(group) < 2 for group in groups.values()):
        return None
    for front, group in groups.items():
        sign = max(sign for sign, _ in group)
        inner = canonical_product(
            [canonical_power(u, number(Fraction(s * sign)), sample) for s, u in group], sample
        )
        new_terms.append(mul(sign, front, call("log", inner)))
    return add(*new_terms)


def _factors(term: Expression) -> tuple[Expression, ...]:
    return term.factors if isinstance(term, Mul) else (term,)


def _join_pairs(terms: tuple[Expression, ...], sample: CheckRows) -> Iterator[Expression]:
    """Yield the sum with two of its terms combined by an identity."""
    for term_a, term_b in permutations(terms, 2):
        for call_factor in _factors(term_a):
            for combination in _apply_identities(term_a, term_b, call_factor, sample):
                yield add(*(term for term in terms if term not in (term_a, term_b)), combination)


def _apply_identities(
    term_a: Expression, term_b: Expression, factor: Expression, sample: CheckRows
) -> Iterator[Expression]:
    """Yield forms of ``term_a`` + ``term_b`` by identities, where ``term_a`` is r times ``factor``.

    With ``term_b`` = r·s, the identities for ``factor`` + s are sin² + cos² = 1, 1 ± cos v = 2 cos²(v/2) or
    2 sin²(v/2), 1 + tanh v = 2/(1 + e^(-2v)), and e^u ± e^(-u) = 2 cosh u or 2 sinh u.
    """
    cofactor = canonical_product([term_a, canonical_power(factor, MINUS_ONE, sample)], sample)
    ratio = canonical_product([term_b, canonical_power(cofactor, MINUS_ONE, sample)], sample)
    double = _double(cofactor, sample)
    match factor:
        case Pow(Call("sin" | "cos" as name, u), Number(exponent)) if exponent == 2:
            counterpart = power(call(_COFUNCTIONS[name], u), 2)
            if ratio == counterpart:
                yield cofactor
            elif ratio == MINUS_ONE:
                yield canonical_product([MINUS_ONE, cofactor, counterpart], sample)
        case Call("cos", v) if ratio in (ONE, MINUS_ONE):
            wave = call("cos" if ratio == ONE else "sin", canonical_product([HALF, v], sample))
            yield canonical_product([double, ratio, power(wave, 2)], sample)
        case Call("tanh", v) if ratio in (ONE, MINUS_ONE):
            sign = -2 if ratio == ONE else 2
            yield mul(
                double,
                ratio,
                power(add(1, call("exp", canonical_product([number(Fraction(sign)), v], sample))), -1),
            )
        case Call("exp", u) if ratio in (
            _reciprocal_exponential(u, 1, sample),
            _reciprocal_exponential(u, -1, sample),
        ):
            yield mul(double, call("cosh" if ratio == _reciprocal_exponential(u, 1, sample) else "sinh", u))


def _double(tree: Expression, sample: CheckRows) -> Expression:
    return canonical_product([number(Fraction(2)), tree], sample)


_COFUNCTIONS = {"sin": "cos", "cos": "sin"}


def _reciprocal_exponential(u: Expression, sign: int, sample: CheckRows) -> Expression:
    return canonical_product(
        [number(Fraction(sign)), call("exp", canonical_product([MINUS_ONE, u], sample))], sample
    )


def _complete_squares(terms: tuple[Expression, ...], sample: CheckRows) -> Iterator[Expression]:
    """Rewrite p² ± 2pq + q² as (p ± q)²."""
    roots = {term: root for term in terms if (root := _square_root(term)) is not None}
    for (term_p, p), (term_q, q) in combinations(roots.items(), 2):
        double_product = canonical_product([number(Fraction(2)), p, q], sample)
        for sign in (1, -1):
            mixed_term = canonical_product([number(Fraction(sign)), double_product], sample)
            if mixed_term in terms:
                remainder = (term for term in terms if term not in (term_p, term_q, mixed_term))
                yield add(power(add(p, mul(sign, q)), 2), *remainder)
    yield from _complete_squares_with_rest(terms, sample)


def _complete_squares_with_rest(terms: tuple[Expression, ...], sample: CheckRows) -> Iterator[Expression]:
    """Rewrite a·u² + b·u + c as a·(u + b/(2a))² + c - b²/(4a), or a times a sum, if no number is long."""
    parts = {varying: (c, symbolic) for c, symbolic, varying in map(split_coefficient, terms)}
    for varying, (a, symbolic) in parts.items():
        root = _square_root(varying)
        if root not in parts or parts[root][1] != symbolic or root == ONE or root is None:
            continue
        b = parts[root][0]
        shift, constant = b / (2 * a), -b * b / (4 * a)
        other_terms = [term for term in terms if split_coefficient(term)[2] not in (varying, root)]
        if any({*variables(root)} & {*variables(term)} for term in other_terms):
            continue
        remainder = canonical_sum(
            [*other_terms, canonical_product([number(constant), symbolic], sample)], sample
        )
        offset = split_coefficient(next((t for t in flat_parts([remainder], Add) if is_constant(t)), ZERO))[0]
        if not is_short(shift):
            continue
        front, square = mul(number(a), symbolic), power(add(root, sample.recognise(float(shift))), 2)
        if is_short(offset):
            yield add(mul(front, square), remainder)
        if is_short(offset / a):
            yield _factor_out(front, (mul(front, square), *flat_parts([remainder], Add)), (), sample)


def _square_root(term: Expression) -> Expression | None:
    """Return the square root of a term with even exponents and a positive coefficient, else None."""
    parts = []
    for factor in _factors(term):
        match factor:
            case Number(value) if value > 0:
                parts.append(power(factor, HALF))
            case Pow(base, Number(exponent)) if is_whole(factor.exponent) and exponent % 2 == 0:
                parts.append(power(base, number(exponent / 2)))
            case _:
                return None
    return mul(*parts)


# --- products ---------------------------------------------------------------------------------------


def _rewrite_product(factors: tuple[Expression, ...], sample: CheckRows) -> Iterator[Expression]:
    node = Mul(factors)
    form = expand_tree(node, sample)
    if form is not None:
        yield form
    yield from _distribute_factors(factors, sample)
    yield from _join_function_pairs(factors, sample)
    yield _merge_absolute_values(factors)
    yield from _multiply_alike(factors, sample)
    for factor in factors:
        match factor:
            case Pow(Add() as base, exponent):
                for inner in _rewrite_power(base, exponent, sample):
                    yield mul(*(cofactor for cofactor in factors if cofactor != factor), inner)
            case Add():
                front = factor_out_common(factor, sample)
                if front is not None:
                    yield mul(*(cofactor for cofactor in factors if cofactor != factor), front)


def _distribute_factors(factors: tuple[Expression, ...], sample: CheckRows) -> Iterator[Expression]:
    """Rewrite f·(a + b) as (f·a + f·b) for each factor and sum, and e^x/(1 + e^x) as 1/(e^-x + 1)."""
    sums: list[tuple[Expression, int]] = [(f, 1) for f in factors if isinstance(f, Add)]
    sums += [
        (f, -1) for f in factors if isinstance(f, Pow) and isinstance(f.base, Add) and f.exponent == MINUS_ONE
    ]
    max_tries = sample.thresholds.max_factors_tried
    for holder, sign in sums[:max_tries]:
        cofactors = [f for f in factors if f != holder and (sign == 1 or _is_exponential(f))]
        for factor in cofactors[:max_tries]:
            multiplier = factor if sign == 1 else canonical_power(factor, MINUS_ONE, sample)
            inner = holder if isinstance(holder, Add) else children(holder)[0]
            product = canonical_sum(
                [canonical_product([term, multiplier], sample) for term in children(inner)], sample
            )
            # x*(x + 1) is better than x**2 + x within a product
            if sign == 1 and complexity(product) > complexity(inner):
                continue
            yield mul(*(f for f in factors if f not in (holder, factor)), power(product, sign))


def _multiply_alike(factors: tuple[Expression, ...], sample: CheckRows) -> Iterator[Expression]:
    """Rewrite (a + b)^e · (a - b)^e as (a² - b²)^e."""
    sums = [(f.base, f.exponent) if isinstance(f, Pow) else (f, ONE) for f in factors]
    for (base_a, a), (base_b, b) in combinations(sums, 2):
        if a == b and isinstance(base_a, Add) and isinstance(base_b, Add):
            product = expand_tree(mul(base_a, base_b), sample)
            if product is not None:
                pair = (power(base_a, a), power(base_b, b))
                yield mul(*(factor for factor in factors if factor not in pair), power(product, a))


def _is_exponential(tree: Expression) -> bool:
    return isinstance(tree, Call) and tree.function == "exp"


def _merge_absolute_values(factors: tuple[Expression, ...]) -> Expression:
    """Rewrite |u|·|v| as |u·v|."""
    inside = [factor.argument for factor in factors if isinstance(factor, Call) and factor.function == "abs"]
    cofactors = [factor for factor in factors if not (isinstance(factor, Call) and factor.function == "abs")]
    return mul(*cofactors, call("abs", mul(*inside))) if len(inside) > 1 else Mul(factors)


def _join_function_pairs(factors: tuple[Expression, ...], sample: CheckRows) -> Iterator[Expression]:
    """Apply sin·cos → sin(2u)/2, sin/cos → tan, tan·cos → sin, sinh/cosh → tanh, tanh·cosh → sinh."""
    bases = [(b, e) for f in factors for b, e in _bases(f) if isinstance(b, Call)]
    for (call_a, a), (call_b, b) in permutations(bases, 2):
        rule = _PAIR_IDENTITIES.get((call_a.function, call_b.function, a == b)) if abs(a) == abs(b) else None
        if rule is not None and call_a.argument == call_b.argument:
            combination = canonical_power(rule(call_a.argument, sample), number(a), sample)
            pair = (power(call_a, number(a)), power(call_b, number(b)))
            yield mul(*(factor for factor in factors if factor not in pair), combination)


_PAIR_IDENTITIES: dict[tuple[str, str, bool], Callable[[Expression, CheckRows], Expression]] = {
    ("sin", "cos", True): lambda u, sample: mul(HALF, call("sin", _double(u, sample))),
    ("sin", "cos", False): lambda u, _: call("tan", u),
    ("tan", "cos", True): lambda u, _: call("sin", u),
    ("sinh", "cosh", False): lambda u, _: call("tanh", u),
    ("tanh", "cosh", True): lambda u, _: call("sinh", u),
}


# --- powers -----------------------------------------------------------------------------------------


def _rewrite_power(base: Add, exponent: Expression, sample: CheckRows) -> Iterator[Expression]:
    """Rewrite (c·s)^e as c^e·s^e, where s is the sum without the common factor c."""
    forms = [factor_out_common(base, sample), *_factor_out_number(base, sample)]
    for form in forms:
        if isinstance(form, Mul):
            yield canonical_power(form, exponent, sample)
