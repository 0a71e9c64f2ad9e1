"""Products of powers with rational exponents: a unit in terms of others, or a dimension."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Monomial:
    """Π baseᵢ^exponentᵢ.

    Attributes:
        powers: Base and exponent, sorted, without exponents of 0.
    """

    powers: tuple[tuple[str, Fraction], ...] = ()

    @staticmethod
    def create(exponents: Mapping[str, Fraction | int]) -> Monomial:
        """The product of these powers."""
        return Monomial(tuple(sorted((base, Fraction(p)) for base, p in exponents.items() if p)))

    def __mul__(self, factor: Monomial) -> Monomial:
        exponents = dict(self.powers)
        for base, p in factor.powers:
            exponents[base] = exponents.get(base, Fraction(0)) + p
        return Monomial.create(exponents)

    def __truediv__(self, divisor: Monomial) -> Monomial:
        return self * divisor ** Fraction(-1)

    def __pow__(self, exponent: Fraction | int) -> Monomial:
        return Monomial.create({base: p * exponent for base, p in self.powers})

    @property
    def is_one(self) -> bool:
        """Whether all exponents are 0."""
        return not self.powers

    def __str__(self) -> str:
        """As ``kg*m/s^2`` or ``s/m^(1/2)``; empty without powers."""
        over = [_print_power(base, p) for base, p in self.powers if p > 0]
        under = [_print_power(base, -p) for base, p in self.powers if p < 0]
        below = f"({'*'.join(under)})" if len(under) > 1 else "".join(under)
        return "*".join(over) + (f"/{below}" if over else f"1/{below}") if under else "*".join(over)


ONE = Monomial()


def _print_power(base: str, exponent: Fraction) -> str:
    if exponent == 1:
        return base
    return f"{base}^{exponent}" if exponent.denominator == 1 else f"{base}^({exponent})"
