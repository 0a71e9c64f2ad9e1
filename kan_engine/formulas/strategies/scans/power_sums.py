"""Sums of a few products of powers of the columns, Σ c·Πx^p, on a transform of the target.

Potentials, impedances, lenses, distances, and rates that are limited by several steps have this form. On the
logarithm of the target the sum has all logarithms of columns as well: c·Πx^q·exp(k·Πx^p) is the law of
Maxwell and Boltzmann, or that of Arrhenius with a power of the temperature. On the target itself they are
tried, too: entropies have them, and targets that a client has taken the logarithm of. Networks need many rows
for such laws of three and more columns, and a search that adds one term at a time misses terms that cancel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, combinations

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.transforms import TRANSFORMS, TRANSFORMS_BY_SEARCH
from kan_engine.expressions.evaluation import Expression, Variable, add, call, mul, power
from kan_engine.expressions.measured_constants import make_measured
from kan_engine.formulas.candidate import Candidate
from kan_engine.formulas.core.constant_fitting import Columns
from kan_engine.formulas.core.pair_gains import measure_pair_gains
from kan_engine.formulas.core.transformed_rows import transform_rows
from kan_engine.formulas.core.transforms import invert_transform
from kan_engine.formulas.judge import Judge
from kan_engine.formulas.pool import Pool
from kan_engine.formulas.problem import Problem
from kan_engine.formulas.strategies.scans.ranking import propose_best
from kan_engine.numerics.ties import round_rank
from kan_engine.numerics.work import charge_enumeration

Array = np.ndarray
Powers = tuple[Fraction, ...]  # of the columns, in their order
Places = tuple[int, ...]  # of the products of a sum, ascending

_MAGNITUDES = {0.5: 1.5, 1.0: 0.75, 1.5: 2.5, 2.0: 1.5, 3.0: 2.0, 4.0: 2.5, 6.0: 3.0, 12.0: 3.5}
PRICES: Mapping[Fraction, float] = {
    Fraction(0): 0.0,
    **{Fraction(sign * p): price for p, price in _MAGNITUDES.items() for sign in (1, -1)},
}
"""The cheapest products are tried: quotients of five columns, but a power of 12 beside few others."""

BESIDE_LOGARITHMS = {"identity": (False, True), "log": (True,), "log_neg": (True,)}
"""Whether logarithms of columns are part of every sum, by the transform of the target."""


@dataclass(frozen=True)
class PowerSums:
    """The sums with the shortest descriptions.

    Attributes:
        scan_rows: Rows on which sums are compared.
        most_products: Products of powers that are tried, the cheapest ones.
        most_paired: The cheapest of these, of which all pairs are tried.
        most_terms: Of a sum; with the logarithms of columns only half as many.
        beam: Sums of every length that are extended.
        fitted: Sums of every length and transform whose constants are refined.
    """

    name: str = "sums of powers"
    message: str = "fitting sums of products of powers"
    scan_rows: int = 200
    most_products: int = 5000
    most_paired: int = 600
    most_terms: int = 4
    beam: int = 8
    fitted: int = 3

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:  # noqa: ARG002
        """Yield the formulas with the shortest descriptions."""
        yield from propose_best(self._iterate_starts(pool.problem), pool.problem, self.name)

    def _iterate_starts(self, problem: Problem) -> Iterator[Expression]:
        """Yield the closest sums of every length on every transform of the target."""
        sample = problem.fit.sample(self.scan_rows, problem.settings.seed)
        products = [
            powers
            for powers in list_products(sample.columns, self.most_products)
            if problem.constraints.allow_part(_build_product(sample.names, powers), is_exponent=False)
        ]
        for transform in TRANSFORMS_BY_SEARCH["enumeration"]:
            rows = transform_rows(sample, transform)
            if rows is None or problem.should_stop():
                continue
            alone = _Scan.create(rows, products, transform)
            for has_logarithms in BESIDE_LOGARITHMS.get(transform, (False,)):
                scan = alone.add_logarithms(rows) if has_logarithms else alone
                max_terms = self.most_terms // 2 if len(scan.base) else self.most_terms
                yield from (scan.build(places) for places in self._search(scan, max_terms))

    def _search(self, scan: _Scan, max_terms: int) -> Iterator[Places]:
        """Yield the closest sums of one, two, … ``max_terms`` products, and of none beside logarithms."""
        if len(scan.base):
            yield ()
        yield from scan.rank(scan.extend([()], self.fitted))
        best = [
            *scan.list_pairs((), self.most_paired, self.beam),
            *scan.extend(scan.extend([()], self.beam), 2),
        ]
        # Longer sums grow from the best shorter ones; exchanges undo choices that were wrong before
        for count in range(2, max_terms + 1):
            if count > 2:
                best = scan.rank(scan.extend(best[: self.beam], self.beam))
            if not best:
                return  # no further product is independent of those before
            best = self._exchange(scan, scan.rank(best))
            yield from best[: self.fitted]

    def _exchange(self, scan: _Scan, sums: list[Places]) -> list[Places]:
        """Let one product of each sum give way to a better one, and two of the closest sum."""
        count = len(sums[0])
        shorter = {subset for places in sums[: self.beam] for subset in combinations(places, count - 1)}
        best = scan.rank([*sums, *scan.extend(sorted(shorter), 2)])
        if count == 2:
            return best
        pairs = [scan.list_pairs(subset, self.most_paired, 1) for subset in combinations(best[0], count - 2)]
        return scan.rank([*best, *chain.from_iterable(pairs)])


def list_products(columns: Columns, max_products: int) -> list[Powers]:
    """Return the cheapest products of powers of columns that are defined in all rows; the first is 1."""
    products: list[tuple[float, Powers]] = [(0.0, ())]
    for values in columns.values():
        longer = [
            (price + PRICES[p], (*powers, p)) for price, powers in products for p in _list_powers(values)
        ]
        products = sorted(longer)[:max_products]
    return [powers for _, powers in products]


def _list_powers(values: Float[Array, " rows"]) -> list[Fraction]:
    """The powers of a column: no roots and poles where it has both signs, 1 where it has two values."""
    if len(np.unique(values)) <= 2:
        return [Fraction(0), Fraction(1)]
    low, high = float(values.min()), float(values.max())
    is_positive, has_one_sign = low > 0, low > 0 or high < 0
    return [p for p in PRICES if (p >= 0 or has_one_sign) and (p.denominator == 1 or is_positive)]


def _build_product(names: Iterable[str], powers: Powers) -> Expression:
    return mul(*(power(Variable(name), p) for name, p in zip(names, powers, strict=True) if p))


@dataclass(frozen=True, eq=False)
class _Scan:
    """Products of powers at the rows of a transformed target.

    Attributes:
        names: Of the columns.
        transform: Of the target.
        target: Its values times the roots of the weights.
        products: Powers of the products.
        unit: Values of these times the roots of the weights, of length 1 [products, rows].
        lengths: By which they were divided.
        base: What every sum has besides, alike: 1 and logarithms of columns, or nothing [columns, rows].
        logarithms: Names of these columns.
    """

    names: tuple[str, ...]
    transform: str
    target: Float[Array, " rows"]
    products: list[Powers]
    unit: Float[Array, "products rows"]
    lengths: Float[Array, " products"]
    base: Float[Array, "columns rows"]
    logarithms: tuple[str, ...]

    @staticmethod
    def create(rows: LabelledRows, products: list[Powers], transform: str) -> _Scan:
        """Evaluate the products."""
        # One column at a time multiplies its powers into the values of all products
        root, columns = np.sqrt(rows.relative_weights), rows.columns
        values = np.repeat(root[None], len(products), 0)
        with np.errstate(all="ignore"):
            for column, powers in zip(columns.values(), zip(*products, strict=True), strict=True):
                values *= np.float_power(column, np.array(powers, dtype=float)[:, None])
            lengths = np.linalg.norm(values, axis=1)
        usable = np.flatnonzero(np.isfinite(lengths) & (lengths > 0))
        return _Scan(
            names=rows.names,
            transform=transform,
            target=rows.y * root,
            products=[products[place] for place in usable],
            unit=values[usable] / lengths[usable, None],
            lengths=lengths[usable],
            base=np.zeros((0, len(rows))),
            logarithms=(),
        )

    def add_logarithms(self, rows: LabelledRows) -> _Scan:
        """The same products beside 1 and the logarithms of the positive columns."""
        columns = rows.columns
        logarithms = tuple(name for name, v in columns.items() if v.min() > 0 and np.ptp(v) > 0)
        base = np.stack([np.ones(len(rows)), *(np.log(columns[name]) for name in logarithms)])
        return replace(self, base=np.sqrt(rows.relative_weights) * base, logarithms=logarithms)

    def list_pairs(self, beside: Places, count: int, max_pairs: int, min_share: float = 1e-4) -> list[Places]:
        """Sums with the pairs of the ``count`` products that explain most, independent by a squared share."""
        (basis, residual), unit = self._project(beside), self.unit[:count]
        # Products orthogonal to those that every pair has beside it; dependent ones become 0 and gain nothing
        independent = unit - (unit @ basis) @ basis.T
        lengths = np.linalg.norm(independent, axis=1)
        independent = independent / np.where(lengths**2 > min_share, lengths, np.inf)[:, None]
        charge_enumeration(values=unit.size * len(unit))
        gains = measure_pair_gains(independent, independent @ residual, min_share)
        best = np.argsort(-gains, axis=None, kind="stable")[:max_pairs]
        pairs = np.stack(np.unravel_index(best, gains.shape), 1).tolist()
        return [tuple(sorted((*beside, i, j))) for i, j in pairs if gains[i, j] > 0]

    def extend(self, sums: Iterable[Places], max_sums: int, min_share: float = 1e-4) -> list[Places]:
        """Sums with one product more, for each the ``max_sums`` that explain most."""
        longer = dict[Places, None]()
        for places in sums:
            basis, residual = self._project(places)
            charge_enumeration(values=self.unit.size * (basis.shape[1] + 1))
            # One more column: its squared product with the residual over the part of it that is independent
            free = 1 - np.square(self.unit @ basis).sum(1)
            gains = np.where(free > min_share, (self.unit @ residual) ** 2 / np.maximum(free, min_share), 0.0)
            for place in np.argsort(-gains, kind="stable")[:max_sums].tolist():
                if gains[place]:
                    longer[tuple(sorted((*places, place)))] = None
        return list(longer)

    def rank(self, sums: Iterable[Places]) -> list[Places]:
        """Sums by what they leave, the closest first."""
        residual_norms = {
            places: round_rank(float(np.linalg.norm(self._project(places)[1]))) for places in sums
        }
        return sorted(residual_norms, key=lambda places: (residual_norms[places], places))

    def _project(self, places: Places) -> tuple[Float[Array, "rows directions"], Float[Array, " rows"]]:
        """Orthonormal basis of a sum, and what it leaves of the target."""
        basis = np.linalg.qr(np.vstack([self.base, self.unit[list(places)]]).T)[0]
        return basis, self.target - basis @ (basis.T @ self.target)

    def build(self, places: Places) -> Expression:
        """The formula of a sum, with its coefficients by least squares."""
        # Least squares for all coefficients, in the units of the products
        summands = self.unit[list(places)] * self.lengths[list(places), None]
        matrix, count = np.vstack([self.base, summands]).T, len(self.base)
        coefficients = np.linalg.lstsq(matrix, self.target, rcond=None)[0].tolist()
        constants = [make_measured(coefficient) for coefficient in coefficients]
        products = (_build_product(self.names, self.products[place]) for place in places)
        terms = [mul(c, product) for c, product in zip(constants[count:], products, strict=True)]
        logarithms = zip(constants[1:count], map(Variable, self.logarithms), strict=True)
        if not TRANSFORMS[self.transform].is_logarithm:
            terms += [*constants[: min(count, 1)], *(mul(q, call("log", x)) for q, x in logarithms)]
            return invert_transform(self.transform, add(*terms))
        # Exp turns the sum on the logarithm into a product: the constant becomes its factor
        with np.errstate(over="ignore"):
            factor = np.exp(coefficients[0]) * TRANSFORMS[self.transform].inverse_function[0]
        return mul(make_measured(factor), *(power(x, q) for q, x in logarithms), call("exp", add(*terms)))
