"""What a search returns: its network, and the formulas in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from jaxtyping import Float

from kan_engine.assessment.evidence.assess_formula import add_comparisons, assess_formula
from kan_engine.assessment.evidence.formula_evidence import NETWORK, FormulaEvidence
from kan_engine.assessment.evidence.stability import predicts_alike
from kan_engine.expressions.constraints import FINAL_POINTS
from kan_engine.formulas.candidate import Candidate
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.core.thresholds import MAX_EXACT_ERROR
from kan_engine.formulas.judge import Judge
from kan_engine.formulas.pool import Pool
from kan_engine.formulas.soundness.resolution import has_step
from kan_engine.search.context import SearchContext
from kan_engine.search.formulas.final_constants import fit_final_constants
from kan_engine.search.formulas.form import JudgedForm, compare_form
from kan_engine.search.formulas.log_odds import fit_final_logits
from kan_engine.search.formulas.weigh_formulas import weigh_exact, weigh_formulas
from kan_engine.search.members import LAWS, LINES, Members
from kan_engine.search.result import FormResult, SearchResult

F = TypeVar("F", bound=Formula)

NO_ALLOWED_FORMULA_WARNING = (
    "no formula that satisfies the wishes was found: "
    "relax must_use, max_constants, functions, monotone, bounds, max_complexity or units"
)


@dataclass(frozen=True, eq=False)
class ShownFormulas:
    """The formulas of a result, best first; see ``SearchResult`` for the fields."""

    formulas: list[Formula]
    formula_of: str
    evidence: FormulaEvidence | None = None
    formula_errors: np.ndarray = field(default_factory=lambda: np.zeros(0))
    rivals: tuple[Formula, ...] = ()
    form: FormResult | None = None


def choose_result(run: SearchContext, members: Members, pool: Pool, judge: Judge) -> SearchResult:
    """The network with the formulas in the order of the judge; the first one with its evidence.

    A form of the client comes first.
    """
    network, law, form = members.accurate, members.law, members.form
    assert network is not None  # noqa: S101 - every search chooses one
    selection = _show(list_allowed(judge.rank(pool), run), network, run, members, pool)
    # Warnings of the law search concern its formulas even where another network serves
    further = () if law is None else law.found.warnings
    warnings = [*network.warnings, *(warning for warning in further if warning not in network.warnings)]
    if run.config.symbolic and run.config.constraints.is_binding and not selection.formulas:
        warnings += [NO_ALLOWED_FORMULA_WARNING]
    if isinstance(form, JudgedForm):
        selection = _put_first(form, selection, network, run)
        warnings += [f"the form: {warning}" for warning in form.fitted.warnings]
    elif form is not None:
        warnings += [f"the form could not be fitted: {form}"]
    return replace(
        network,
        formulas=[selection.formulas] if selection.formulas else [],
        formula_of=selection.formula_of,
        rivals=selection.rivals,
        evidence=selection.evidence,
        formula_errors=selection.formula_errors,
        form=selection.form,
        is_cut=law is not None and law.found.is_cut,
        contest=run.contest if run.data.classes is None else None,
        warnings=tuple(warnings),
    )


def _show(
    candidates: Sequence[Candidate], network: SearchResult, run: SearchContext, members: Members, pool: Pool
) -> ShownFormulas:
    """The candidates of the search, their constants fitted to all rows."""
    if not candidates:
        return ShownFormulas([], network.formula_of)
    best, law = candidates[0], members.law
    is_own = law is not None and network.network is law.found.network and law.found.formula_of == "network"
    is_read = is_own and best.strategy == LAWS
    is_line = network.is_straight and best.strategy == LINES
    # Formulas that were read from the network, or that it represents, describe how it predicts
    origin = "network" if is_read or is_line else "law"
    if run.data.classes is not None:
        return ShownFormulas(fit_final_logits([candidates], run)[0], origin)
    formulas = fit_final_constants(candidates, run)
    if _is_exact(best, run):
        return ShownFormulas(weigh_exact(formulas), origin)
    evidence, errors = assess(best, network, run, members, pool)
    weighting = weigh_formulas(formulas, candidates, evidence, pool, run)
    rivals = tuple(list_allowed(weighting.rivals, run))
    return ShownFormulas(weighting.formulas, origin, weighting.evidence, errors, rivals)


def _is_exact(best: Candidate, run: SearchContext) -> bool:
    """Whether a candidate needs no evidence; the place of a step in it does."""
    rows, limits = run.data.training, run.thresholds.assessment
    # Exact rows do not determine where between two of them a step lies
    max_change = limits.max_exact_error * rows.spread
    return best.error < MAX_EXACT_ERROR and not has_step(best.tree, rows.columns, max_change)


def _put_first(
    form: JudgedForm, selection: ShownFormulas, network: SearchResult, run: SearchContext
) -> ShownFormulas:
    """The form of the client before the formulas of the search."""
    result, evidence = compare_form(form, selection.formulas, selection.formula_errors, network.errors, run)
    return ShownFormulas([form.formula, *selection.formulas], "form", evidence, form.errors, form=result)


def assess(
    best: Candidate, network: SearchResult, run: SearchContext, members: Members, pool: Pool
) -> tuple[FormulaEvidence, Float[np.ndarray, " rows"]]:
    """The evidence for a candidate, and its out-of-sample errors; collected once for each formula."""
    models = {NETWORK: network.errors} if len(network.errors) else {}
    # The errors are measured already: only the comparison with the network may be new
    if best.tree in members.evidence:
        evidence, errors = members.evidence[best.tree]
        weights, limits = run.data.training.weights, run.thresholds.assessment
        return add_comparisons(evidence, errors, models, weights, limits), errors
    folds = run.cross_validation
    errors = folds.measure_formula(best.tree)
    evidence = assess_formula(
        best,
        errors,
        folds.measure_simple_models() | models,
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


def list_allowed(formulas: Sequence[F], run: SearchContext) -> list[F]:
    """The formulas that satisfy the wishes, also between the rows."""
    limits = run.config.constraints
    if not limits.is_binding:
        return list(formulas)
    return [formula for formula in formulas if limits.allow(formula.tree, FINAL_POINTS)]
