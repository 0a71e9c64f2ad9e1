"""Positions and labels of the ticks of an axis."""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from kan_engine.drawing.translations import format_power_of_ten

NICE_FACTORS = (1, 2, 5)
DIGITS_STOP = 18  # exclusive; 17 digits distinguish any two doubles


def nice_ticks(low: float, high: float, most: int) -> list[float]:
    """Return at most ``most`` multiples of 1, 2 or 5 times a power of ten from low to high, increasing.

    Where five multiples of 2 are too many and only one of 5 fits, they are multiples of 4.
    The arithmetic is exact (fractions), because steps may be far smaller than the numbers.
    """
    if not high > low:
        return [low]
    below, above = Fraction(low), Fraction(high)
    power = math.floor(_log10((above - below) / most))
    while True:
        for nice in NICE_FACTORS:
            step = nice * Fraction(10) ** power
            first, last = math.ceil(below / step), math.floor(above / step)
            if first == last and nice == NICE_FACTORS[-1] and most > 2:
                step = 4 * Fraction(10) ** power
                first, last = math.ceil(below / step), math.floor(above / step)
            if last - first < most:
                return sorted({float(step * place) for place in range(first, last + 1)})
        power += 1


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Return at most ``most`` ticks of a logarithmic axis: powers of ten, and 2 and 5 if these are few."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    stride = max(1, -(-(last - first + 1) // most))
    powers = [10.0**power for power in range(first, last + 1, stride)]
    powers = [value for value in powers if low <= value <= high]
    if len(powers) > 2:
        return powers
    between = [
        nice * 10.0**power
        for power in range(first - 1, last + 1)
        for nice in NICE_FACTORS
        if low <= nice * 10.0**power <= high
    ]
    if 2 < len(between) <= most:
        return between
    return powers if len(powers) == 2 else nice_ticks(low, high, most)


def tick_labels(ticks: Sequence[float], *, is_log: bool = False) -> list[str]:
    """Return the labels of ticks, all in the same format, as short as they are distinct."""
    largest = max((abs(tick) for tick in ticks), default=0.0)
    is_wide = is_log and (largest >= 1e4 or min(ticks, default=1.0) < 1e-2)
    if is_wide or (largest and not 1e-3 <= largest < 1e6):
        return _power_labels(ticks)
    steps = [b - a for a, b in pairwise(ticks)] or [largest or 1.0]
    smallest = min(*ticks, *steps) if is_log and ticks else min(steps)
    decimals = max(0, min(12, -math.floor(math.log10(abs(smallest) or 1.0) + 1e-9)))
    texts = [f"{tick:,.{decimals}f}" for tick in ticks]
    if is_log:
        texts = [told.rstrip("0").rstrip(".") if "." in told else told for told in texts]
    return [told.replace("-", "−") for told in texts]


def _power_labels(ticks: Sequence[float]) -> list[str]:
    """Return powers of ten with the fewest digits, at least three, that keep the labels distinct."""
    told = ([format_power_of_ten(tick, digits) for tick in ticks] for digits in range(3, DIGITS_STOP))
    return next((texts for texts in told if len(set(texts)) == len(set(ticks))), list(map(repr, ticks)))


def _log10(value: Fraction) -> float:
    """Return log10 of a positive fraction, also outside the range of a float."""
    shift = value.numerator.bit_length() - value.denominator.bit_length()
    return math.log10(float(value / Fraction(2) ** shift)) + shift * math.log10(2)
