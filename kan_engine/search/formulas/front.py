"""The front of formulas of a search, and the formula of it that ranks first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kan_engine.assessment.formula_evidence import NETWORK, assess_formula, predicts_alike
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, variables
from kan_engine.expressions.measured_constants import SMALLEST
from kan_engine.expressions.simplification.simplify import simplify
from kan_engine.formulas.core.check_rows import ROUNDING
from kan_engine.formulas.core.constant_fitting import ParametricForm, compute_rmse
from kan_engine.formulas.core.constant_snapping import round_constants, to_form
from kan_engine.formulas.core.description_length import description_length
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.core.losses import constant_formula, cross_validation_losses, is_no_worse
from kan_engine.formulas.strategies.growth.entry import Entry
from kan_engine.numerics.ties import round_rank
from kan_engine.search.context import SearchContext
from kan_engine.search.formulas.comparison import compare_formulas
from kan_engine.search.formulas.final_constants import fit_final_constants
from kan_engine.search.formulas.front_subtask import FrontPart, search_front
from kan_engine.search.formulas.log_odds import compute_bounded_logits
from kan_engine.search.formulas.sparse_additive import compute_base_log_odds
from kan_engine.search.result import SearchResult
from kan_engine.search.subtasks import Subtask


def add_front(found: SearchResult, seeds: Sequence[Expression], run: SearchContext) -> SearchResult:
    """Add the front of formulas, if formulas were requested and there is one output.

    An exact law needs none. Of the formulas up to the shortest one within one standard error of the most
    accurate, that with the shortest description ranks first: the best of millions of formulas seems better
    on the rows it was found on. The first formula so far stays if it predicts left-out rows as well. Longer
    formulas follow where they are clearly better.

    Args:
        found: With the formulas and the compact networks so far.
        seeds: Formulas to begin with; see ``list_seeds``.
        run: The search context.
    """
    is_exact = found.has_exact_formula(run.thresholds.max_exact_error)
    if not run.config.symbolic or run.data.output_count > 1 or is_exact:
        return found
    known, rows = found.formulas[0] if found.formulas else [], _sample_rows(found, run)
    is_explained = _is_consistent(found) and known[0].complexity <= run.thresholds.max_short_complexity
    front = search_front(rows, seeds, found.compact, run, is_explained=is_explained)
    if not front:
        return found
    formulas = [_to_formula(entry, rows, run) for entry in front]
    adds_up = run.config.constraints.adds_up
    balanced = [place for place, each in enumerate(formulas) if variables(each.tree) and adds_up(each.tree)]
    places = balanced or list(range(len(front)))
    lowest = min((front[place] for place in places), key=lambda entry: round_rank(entry.error))
    last = next(i for i in places if is_no_worse(front[i].losses, lowest.losses, rows.weights))
    place = min((i for i in places if i <= last), key=lambda i: formulas[i].bits)
    longer = _list_closer(front, place, rows, run.thresholds.chance_standard_errors)
    chosen = [formulas[place], *(formulas[i] for i in longer), *formulas[:place]]
    if known and _stays_first(known[0], formulas[place], found, rows, run):
        first = _measure_again(known[0], rows, run)
        return replace(found, formulas=[[first, *fit_final_constants(chosen, run)]])
    best, *others = fit_final_constants(chosen, run)
    # A shorter formula of the same law shares how often resampled rows lead to it
    is_same = bool(known) and predicts_alike(best, known[0], rows)
    stability = found.evidence.stability if is_same and found.evidence is not None else None
    found = replace(found, formulas=[[best, *others]], formula_of="law", evidence=None, counts_choice=False)
    if run.data.classes is not None:
        return replace(found, formula_errors=np.zeros(0))
    folds = run.cross_validation
    errors, models = folds.measure_formula(best.tree), folds.measure_simple_models()
    if len(found.errors):
        models |= {NETWORK: found.errors}
    evidence = assess_formula(
        best, errors, models, folds, should_stop=run.should_stop, stability=lambda: stability
    )
    return replace(found, evidence=evidence, formula_errors=errors)


def predict_front(found: SearchResult | None, run: SearchContext) -> list[Subtask]:
    """The subtask that ``add_front`` needs first, which other workers may do while this one trains networks.

    Args:
        found: The result so far, whose formulas will be the seeds; None if there is none.
        run: The search context.
    """
    is_exact = found is not None and found.has_exact_formula(run.thresholds.max_exact_error)
    if not run.config.symbolic or run.should_stop() or is_exact:
        return []
    first = FrontPart.first(list_seeds(found) if found is not None else [], run)
    return [] if first is None else [first.to_subtask(run)]


def list_seeds(found: SearchResult) -> list[Expression]:
    """The formulas of a result as seeds of a front."""
    return [formula.tree for part in found.formulas for formula in part if variables(formula.tree)]


def _sample_rows(found: SearchResult, run: SearchContext) -> LabelledRows:
    """Rows to search on, with the values that formulas should give."""
    data, limits = run.data, run.thresholds
    rows = data.training.sample(limits.front.max_rows, run.config.seed)
    if data.classes is None:
        return rows
    logits = compute_bounded_logits(found.network, found.inputs, rows, limits.max_log_odds)
    return replace(rows, y=logits[:, 0], weights=data.row_weights(rows))


def _to_formula(entry: Entry, rows: LabelledRows, run: SearchContext) -> Formula:
    """A formula of the front in its shortest form, with rounded constants."""
    limits, form = run.thresholds, to_form(entry.tree)
    if run.data.classes is not None and not variables(entry.tree):  # of the rows, not of the network
        rounded = to_form(constant_formula(compute_base_log_odds(run.data, limits.max_log_odds)))
    else:
        form = to_form(_simplify(_drop_negligible(form, rows).numeric_tree, rows, run))
        rounded = round_constants(form, rows, limits.symbolic.constants)
    bits = description_length(rounded, rows, limits.symbolic.constants)
    return Formula(rounded.numeric_tree, entry.error**0.5 / (float(np.std(rows.y)) or 1.0), bits)


def _simplify(tree: Expression, rows: LabelledRows, run: SearchContext) -> Expression:
    """The shortest form of a tree that satisfies the same constraints."""
    limits = run.config.constraints
    shortest = simplify(tree, rows.columns, run.should_stop, forbidden=limits.forbidden)
    is_allowed = limits.allow(shortest) and (limits.adds_up(shortest) or not limits.adds_up(tree))
    return shortest if is_allowed else tree


def _list_closer(front: Sequence[Entry], place: int, rows: LabelledRows, standard_errors: float) -> list[int]:
    """Places of the longer formulas, each of which is better than the one before by more than chance.

    The others fit the noise: among millions of formulas of a size, some do so a little.
    """
    found = [place]
    for other in range(place + 1, len(front)):
        if not is_no_worse(front[found[-1]].losses, front[other].losses, rows.weights, standard_errors):
            found.append(other)
    return found[1:]


def _drop_negligible(form: ParametricForm, rows: LabelledRows) -> ParametricForm:
    """Replace constants by 0 that change the error by rounding errors of the target at most."""
    error = compute_rmse(form, rows)
    negligible = max(SMALLEST, ROUNDING * float(np.abs(rows.y).max()))
    for place in range(len(form.values)):
        without = replace(form, values=np.where(np.arange(len(form.values)) == place, 0.0, form.values))
        if abs(compute_rmse(without, rows) - error) <= negligible:
            form = without
    return form


def _measure_again(formula: Formula, rows: LabelledRows, run: SearchContext) -> Formula:
    """The formula with the error on the rows of the front, which other formulas are compared by."""
    losses = cross_validation_losses(formula.tree, rows, run.thresholds.symbolic.additive)
    error = float(np.average(losses, weights=rows.weights)) ** 0.5
    return replace(formula, error=error / (float(np.std(rows.y)) or 1.0))


def _is_consistent(found: SearchResult) -> bool:
    return found.evidence is not None and found.evidence.verdict == "consistent"


def _stays_first(
    known: Formula, best: Formula, found: SearchResult, rows: LabelledRows, run: SearchContext
) -> bool:
    """Whether the first formula so far describes the rows more shortly, is better, or shorter and no worse.

    One whose units do not add up does not stay before one whose units do, nor one before another of fewer
    nodes that is as accurate. One that is consistent stays unless the other describes the rows clearly more
    shortly.

    The best of many formulas seems better than it is, by about ``chance_standard_errors``.
    """
    adds_up = run.config.constraints.adds_up
    if adds_up(best.tree) and not adds_up(known.tree):
        return False
    compared = compare_formulas(known, best, rows, run)
    rows = compared.rows
    additive, allowed = run.thresholds.symbolic.additive, run.thresholds.chance_standard_errors
    own, others = (cross_validation_losses(formula.tree, rows, additive) for formula in (known, best))
    if best.complexity < known.complexity and is_no_worse(others, own, rows.weights, 0.0):
        return False
    if compared.gain <= (run.thresholds.min_gain_bits if _is_consistent(found) else 0):
        return True
    if not is_no_worse(others, own, rows.weights, allowed):
        return True
    return known.complexity <= best.complexity and is_no_worse(own, others, rows.weights, allowed)
