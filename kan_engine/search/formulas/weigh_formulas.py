"""The probability of every formula that a search shows, and the rivals that it does not show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kan_engine.assessment.evidence.formula_evidence import FormulaEvidence
from kan_engine.formulas.candidate import Candidate
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.pool import Pool
from kan_engine.formulas.rival_probabilities import EXACT_PROBABILITY, weigh_rivals
from kan_engine.formulas.rivals import find_rival, group_rivals
from kan_engine.search.context import SearchContext
from kan_engine.search.formulas.final_constants import fit_final_constants

MAX_RIVALS = 5  # that are listed
MIN_PROBABILITY = 0.01  # of a listed rival


@dataclass(frozen=True, eq=False)
class WeighedFormulas:
    """Formulas with their probabilities.

    Attributes:
        formulas: Those that are shown.
        rivals: Other families that may be the law, the most probable first.
        evidence: For the first formula, with its probability.
    """

    formulas: list[Formula]
    rivals: tuple[Formula, ...]
    evidence: FormulaEvidence


def weigh_formulas(
    formulas: Sequence[Formula],
    candidates: Sequence[Candidate],
    evidence: FormulaEvidence,
    pool: Pool,
    run: SearchContext,
) -> WeighedFormulas:
    """Compare the formulas of a search with each other, and with those that are not shown.

    Args:
        formulas: The shown ones with final constants, the best first.
        candidates: The same as candidates of the pool.
        evidence: For the first one.
        pool: All candidates.
        run: The search context.
    """
    rows = pool.problem.rows
    # Formulas that predict alike form one family, which has one probability
    rivals = group_rivals(pool.candidates, [candidate.tree for candidate in candidates], rows)
    shares, none_probability = weigh_rivals(rivals, rows, passes_tests=not evidence.reasons)
    places = [find_rival(rivals, candidate.tree) for candidate in candidates]
    weighted_formulas = [
        formula if place is None else replace(formula, probability=float(shares[place]))
        for formula, place in zip(formulas, places, strict=True)
    ]
    # The most probable families but that of the best formula, hence one more than are listed
    rival_places = [
        int(place)
        for place in np.argsort(-shares, kind="stable")[: MAX_RIVALS + 1]
        if place != places[0] and shares[place] >= MIN_PROBABILITY
    ][:MAX_RIVALS]
    # The best displayed formula of a family comes last here and therefore counts
    final = dict(zip(reversed(places), reversed(weighted_formulas), strict=True))
    # Families without a displayed formula: their constants are not final yet
    extra_places = [place for place in rival_places if place not in final]
    extra_formulas = fit_final_constants([rivals[place].first for place in extra_places], run)
    final |= {
        place: replace(formula, probability=float(shares[place]))
        for place, formula in zip(extra_places, extra_formulas, strict=True)
    }
    return WeighedFormulas(
        formulas=weighted_formulas,
        rivals=tuple(final[place] for place in rival_places),
        evidence=replace(
            evidence, probability=weighted_formulas[0].probability, none_of_these=none_probability
        ),
    )


def weigh_exact(formulas: Sequence[Formula]) -> list[Formula]:
    """The formulas of a law that is exact to rounding error, which has no rivals."""
    return [replace(formulas[0], probability=EXACT_PROBABILITY), *formulas[1:]]
