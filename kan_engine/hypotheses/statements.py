"""Structures in words: a skeleton such as ``g1(a)*F1(g2(b) + g3(c))``, and a sentence per statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kan_engine.hypotheses.structure import Part, Structure
    from kan_engine.hypotheses.symmetries import Symmetry

WORDS = {
    "sum": "a sum of functions of",
    "product": "a product of functions of",
    "composition": "a function of the sum of functions of",
    "nested": "a function of one value of",
}


def write_skeleton(part: Part) -> str:
    """The function as an expression of unknown functions: g of columns, F of what other functions give."""
    return _write(part, count(1), count(1))


def _write(part: Part, inner: Iterator[int], outer: Iterator[int]) -> str:
    if part.kind == "function":
        return f"g{next(inner)}({', '.join(part.columns)})" if part.columns else "constant"
    prefix = f"F{next(outer)}" if part.kind in ("composition", "nested") else ""
    texts = [_write(child, inner, outer) for child in part.parts]
    if part.kind == "product":
        factors = [
            f"({text})" if child.kind == "sum" or child.offset else text
            for child, text in zip(part.parts, texts, strict=True)
        ]
        return "*".join(factors) if not part.offset else f"{part.offset:.4g} + {'*'.join(factors)}"
    if part.kind == "nested":
        # A column beside the value needs no function of its own
        texts[1:] = [", ".join(child.columns) for child in part.parts[1:]]
    joined = (", " if part.kind == "nested" else " + ").join(texts)
    return f"{prefix}({joined})" if prefix else joined


def write_statements(structure: Structure) -> list[str]:
    """A sentence for every statement, with its error."""
    parts = [part for part in structure.root.walk() if part.kind != "function"]
    sentences = [_state_part(part, is_all=part is structure.root) for part in parts]
    sentences += [
        f"{_state_symmetry(symmetry)}; error {symmetry.error:.1g}" for symmetry in structure.symmetries
    ]
    if structure.unused:
        sentences.append(f"no effect: {', '.join(structure.unused)}")
    if structure.left_out:
        sentences.append(structure.left_out)
    return sentences


def _state_part(part: Part, *, is_all: bool) -> str:
    subject = "it is" if is_all else f"the part of {', '.join(part.columns)} is"
    groups = [", ".join(child.columns) for child in part.parts]
    if part.kind == "nested":
        tail = f"{groups[0]}, and of {', '.join(groups[1:])}"
    else:
        tail = _join([f"({group})" if "," in group else group for group in groups])
    beside = f", beside the constant {part.offset:.4g}" if part.offset else ""
    return f"{subject} {WORDS[part.kind]} {tail}{beside}; error {part.error:.1g}"


def _state_symmetry(symmetry: Symmetry) -> str:
    kind, columns, factor = symmetry.kind, symmetry.columns, symmetry.factor
    pairs = list(zip(columns, symmetry.coefficients, strict=True))
    if kind == "shift":
        steps = _join([f"{name} by {_write_step(step)}" for name, step in pairs])
        return f"shift: unchanged for every s that is added: {steps}"
    if kind == "scaling":
        steps = _join([f"{name} by {_write_power(power)}" for name, power in pairs])
        change = f"multiplied by {_write_power(factor)}" if factor else "unchanged"
        return f"scaling: {change} for every s that multiplies: {steps}"
    if kind == "rotation":
        squares = " + ".join(f"{name}²" if one == 1 else f"{one:.4g}·{name}²" for name, one in pairs)
        return f"rotation: unchanged while {squares} is"
    change = f"{_join(columns)} are exchanged" if kind == "exchange" else f"the sign of {columns[0]} changes"
    return f"{kind}: {'unchanged' if factor > 0 else 'of opposite sign'} when {change}"


def _write_step(step: float) -> str:
    return "s" if step == 1 else "-s" if step == -1 else f"{step:.4g}·s"


def _write_power(power: float) -> str:
    return "s" if power == 1 else f"s^{power:.4g}"


def _join(texts: Sequence[str]) -> str:
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)
