"""How Levenberg-Marquardt adapts its damping μ. Must not import torch: thresholds hold such configs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DampingConfig:
    """How μ follows the steps.

    Attributes:
        initial: μ of the first step.
        decrease: Factor after an accepted step; with a predicted decrease the smallest factor, of a step that
            reaches all of it (Nielsen, "Damping parameter in Marquardt's method", IMM-REP-1999-05).
        increase: Factor after a rejected step.
        acceleration: Factor of that factor after each further rejected one.
        lowest, highest: Bounds of μ.
        tries: Values of μ that are tried at one point. Problems of a batch wait for each other: with 1 try
            those that rejected the step take the next one at the same point.
        min_diagonal: Lower bound of D over its largest entry, so that unknowns with little effect stay put.
    """

    initial: float = 1e-3
    decrease: float = 0.2
    increase: float = 5.0
    acceleration: float = 1.0
    lowest: float = 1e-15
    highest: float = 1e12
    tries: int = 1
    min_diagonal: float = 1e-8
