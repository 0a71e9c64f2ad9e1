"""What a search returns: the network that answers, the formulas in their order, and whether they answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kan_engine.assessment.comparison import compute_paired_rmse, describe_formula_gain
from kan_engine.assessment.formula_evidence import (
    NETWORK,
    FormulaEvidence,
    add_comparisons,
    assess_formula,
    predicts_alike,
)
from kan_engine.expressions.constraints import FINAL_POINTS
from kan_engine.formulas.candidate import Candidate
from kan_engine.formulas.judge import Judge
from kan_engine.formulas.pool import Pool
from kan_engine.search.context import SearchContext
from kan_engine.search.formulas.final_constants import fit_final_constants
from kan_engine.search.formulas.form import add_form
from kan_engine.search.members import LAWS, LINES, Members
from kan_engine.search.result import SearchResult

NO_ALLOWED_FORMULA_WARNING = (
    "no formula that satisfies the wishes was found: "
    "relax must_use, max_constants, functions, monotone, bounds, max_complexity or units"
)


def choose_result(run: SearchContext, members: Members, pool: Pool, judge: Judge) -> SearchResult:
    """The network with the formulas in the order of the judge; the first one with its evidence.

    A form of the client comes first. The formula answers where it is better than the network.
    """
    network = members.accurate
    assert network is not None  # noqa: S101 - every search chooses one
    ranked = judge.rank(pool)
    if not ranked:
        found = replace(network, warnings=_add_law_warnings(network, members))
    else:
        found = _add_formulas(network, ranked, run, members, pool)
    return let_formula_serve(keep_allowed_formulas(add_form(found, members.form, run), run), run)


def _add_formulas(
    network: SearchResult, ranked: Sequence[Candidate], run: SearchContext, members: Members, pool: Pool
) -> SearchResult:
    """Add formulas, their constants fitted to all rows, with the evidence for the first one."""
    best, law = ranked[0], members.law
    is_own = law is not None and network.network is law.found.network and law.found.formula_of == "network"
    is_read = is_own and best.strategy == LAWS
    is_line = network.is_straight and best.strategy == LINES
    evidence, errors = None, np.zeros(0)
    if run.data.classes is None and best.error >= run.thresholds.max_exact_error:
        evidence, errors = assess(best, network, run, members, pool)
    return replace(
        network,
        formulas=[fit_final_constants(ranked, run)],
        evidence=evidence,
        formula_errors=errors,
        is_cut=law is not None and law.found.is_cut,
        formula_of="network" if is_read or is_line else "law",
        warnings=_add_law_warnings(network, members),
    )


def _add_law_warnings(network: SearchResult, members: Members) -> tuple[str, ...]:
    further = () if members.law is None else members.law.found.warnings
    return (*network.warnings, *(each for each in further if each not in network.warnings))


def assess(
    best: Candidate, network: SearchResult, run: SearchContext, members: Members, pool: Pool
) -> tuple[FormulaEvidence, np.ndarray]:
    """The evidence for a candidate, and its out-of-sample errors; collected once for each formula."""
    others = {NETWORK: network.errors} if len(network.errors) else {}
    if best.tree in members.evidence:
        evidence, errors = members.evidence[best.tree]
        weights, limits = run.data.training.weights, run.thresholds.assessment
        return add_comparisons(evidence, errors, others, weights, limits), errors
    folds = run.cross_validation
    errors = folds.measure_formula(best.tree)
    evidence = assess_formula(
        best,
        errors,
        folds.measure_simple_models() | others,
        folds,
        should_stop=run.should_stop,
        stability=lambda: _find_stability(best, members, pool),
    )
    members.evidence[best.tree] = evidence, errors
    return evidence, errors


def _find_stability(best: Candidate, members: Members, pool: Pool) -> float | None:
    """How often resampled rows lead to a candidate, as far as that is known."""
    law = None if members.law is None else members.law.found
    if best.strategy == LINES:
        return 1.0  # other rows lead to a line, too
    # A shorter formula of the same law shares how often resampled rows lead to it
    if law is None or law.evidence is None or not predicts_alike(best, law.formulas[0][0], pool.problem.rows):
        return None
    return law.evidence.stability


def let_formula_serve(found: SearchResult, run: SearchContext) -> SearchResult:
    """Let the formula serve if it is better than the network; if the network was requested, warn instead.

    The errors of a formula are measured with its constants refitted per fold. That its form was selected on
    the same rows is ignored if there are no objections, or if its RMSE is far lower. With too few rows for
    its constants, the formula must be better by more than any selection bias among forms.
    """
    evidence, weights = found.evidence, run.data.training.weights
    if evidence is None or not len(found.errors) or not len(found.formula_errors):
        return found
    of_formula, of_network = compute_paired_rmse(found.formula_errors, found.errors, weights)
    against = evidence.objections.keys() - {"rows_cannot_tell"}
    # If one row has an absurd error, the gain is no larger than its standard error, so the RMSEs decide.
    limits, has_few_rows = run.thresholds, "too_many_constants" in against
    factor = limits.few_rows_rmse_ratio if has_few_rows else limits.assessment.clear_rmse_ratio
    is_far_better = of_formula < factor * of_network
    is_known = found.form is not None or not against  # the form of a client was not selected
    is_better = run.cross_validation.is_better(found.formula_errors, found.errors)
    if not is_far_better and not (is_known and is_better):
        return found
    if run.config.is_automatic:
        return replace(found, formula_serves=True)
    told = describe_formula_gain(found.formula_errors, found.errors, weights)
    return found.add_warnings(f"{told}; predict by the formula")


def keep_allowed_formulas(found: SearchResult, run: SearchContext) -> SearchResult:
    """The result without formulas that the constraints do not allow, with a warning if none is left."""
    limits = run.config.constraints
    if not limits.is_binding or not run.config.symbolic:
        return found
    kept = [
        [
            each
            for each in part
            if limits.allow_form(each.tree) and limits.allow_values(each.tree, FINAL_POINTS)
        ]
        for part in found.formulas
    ]
    has_all = bool(kept) and all(kept)
    keeps_first = has_all and kept[0][0] is found.formulas[0][0]
    return replace(
        found,
        formulas=kept if has_all else [],
        evidence=found.evidence if keeps_first else None,
        formula_errors=found.formula_errors if keeps_first else np.zeros(0),
    ).add_warnings(*([] if has_all else [NO_ALLOWED_FORMULA_WARNING]))
