"""The front of formulas of a search, and the formula of it that ranks first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kan_engine.assessment.formula_evidence import NETWORK, assess_formula
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, from_json, to_json, variables
from kan_engine.front.archive import Archive
from kan_engine.front.check_rows import ROUNDING
from kan_engine.front.constants import Target
from kan_engine.front.dictionary import SMALLEST
from kan_engine.front.entry import Entry, measure_formula
from kan_engine.front.search import FrontSearch
from kan_engine.search.context import SearchContext
from kan_engine.search.law_search import compute_bounded_logits
from kan_engine.search.result import SearchResult, SmallLaw
from kan_engine.search.sparse_additive import compute_base_log_odds
from kan_engine.search.subtasks import Subtask
from kan_engine.symbolic.constant_fitting import (
    ColumnsAndTarget,
    ParametricForm,
    compute_rmse,
    refit_constants,
)
from kan_engine.symbolic.constant_snapping import round_constants, to_form
from kan_engine.symbolic.description_length import description_length
from kan_engine.symbolic.extraction import Formula
from kan_engine.symbolic.forward_selection import is_no_worse
from kan_engine.symbolic.sparse_additive import (
    constant_formula,
    cross_validation_losses,
    select_relevant_columns,
)


def add_front(found: SearchResult, seeds: Sequence[Expression], run: SearchContext) -> SearchResult:
    """Add the front of formulas, if formulas were requested and there is one output.

    An exact law needs none. The shortest formula of the front within one standard error of the most accurate
    one ranks first, unless the first formula so far predicts left-out rows as well.

    Args:
        found: With the formulas so far.
        seeds: Formulas to begin with; see ``list_seeds``.
        run: The search context.
    """
    known = found.formulas[0] if found.formulas else []
    is_exact = bool(known) and known[0].error < run.thresholds.max_exact_error
    if not run.config.symbolic or run.data.output_count > 1 or is_exact:
        return found
    rows = _sample_rows(found, run)
    front = search_front(rows, seeds, run)
    if not front:
        return found
    formulas = [_to_formula(entry, rows, run) for entry in front]
    lowest = min(front, key=lambda entry: entry.error)
    place = next(i for i, entry in enumerate(front) if is_no_worse(entry.losses, lowest.losses, rows.weights))
    best, others = formulas[place], [*formulas[place + 1 :], *formulas[:place]]
    if known and _stays_first(known[0], best, found, rows, run):
        return replace(found, formulas=[[_measure_again(known[0], rows, run), best, *others]])
    found = replace(found, formulas=[[best, *others]], formula_of="law", evidence=None, counts_choice=False)
    if run.data.classes is not None:
        return replace(found, formula_errors=np.zeros(0))
    folds = run.cross_validation
    errors, models = folds.measure_formula(best.tree), folds.measure_simple_models()
    if len(found.errors):
        models |= {NETWORK: found.errors}
    evidence = assess_formula(best, errors, models, folds, should_stop=run.should_stop)
    return replace(found, evidence=evidence, formula_errors=errors)


def predict_front(law: SmallLaw | None, run: SearchContext) -> list[Subtask]:
    """The subtask that ``add_front`` needs, which other workers may do while this one trains networks."""
    is_needed = run.config.symbolic and not run.should_stop()
    return [_make_front_subtask(list_seeds(law.found) if law else [], run)] if is_needed else []


def list_seeds(found: SearchResult) -> list[Expression]:
    """The formulas of a result as seeds of a front."""
    return [formula.tree for part in found.formulas for formula in part if variables(formula.tree)]


def _make_front_subtask(seeds: Sequence[Expression], run: SearchContext) -> Subtask:
    limits = run.config.constraints.to_dict()
    return Subtask("front", {"limits": limits, "seeds": [to_json(tree) for tree in seeds]})


def run_front_subtask(run: SearchContext, options: dict[str, list[object]]) -> None:
    """Run the search from the subtask's input."""
    rows = run.data.training.sample(run.thresholds.front.max_rows, run.config.seed)
    search_front(rows, [from_json(tree) for tree in options["seeds"]], run)


def search_front(rows: LabelledRows, seeds: Sequence[Expression], run: SearchContext) -> list[Entry]:
    """Search for the front of some rows, or load that of a regression if the subtask has finished.

    The formulas are measured as they are stored, so that a loaded front equals a computed one.
    """
    if run.data.classes is not None:  # the values come from a network that other workers do not have
        trees = _run_search(rows, seeds, run)
    else:
        trees = run.parts.get_or_compute(
            _make_front_subtask(seeds, run),
            lambda: _run_search(rows, seeds, run),
            write=lambda front: json.dumps([to_json(tree) for tree in front]).encode(),
            read=lambda data: [from_json(tree) for tree in json.loads(data)],
        )
    target = Target.create(rows.y, rows.weights)
    return [measure_formula(tree, rows.columns, target, run.thresholds.front) for tree in trees]


def _run_search(rows: LabelledRows, seeds: Sequence[Expression], run: SearchContext) -> list[Expression]:
    limits, columns = run.thresholds.front, rows.columns
    names = select_relevant_columns(
        (columns, rows.y), rows.weights, limits.max_columns, thresholds=run.thresholds.symbolic
    )
    wanted = {name for tree in seeds for name in variables(tree)} | set(names)

    def report(share: float, archive: Archive) -> None:
        front = archive.front
        error = (min(entry.error for entry in front) ** 0.5) / (float(np.std(rows.y)) or 1.0)
        run.report("symbolic", 0.88 + 0.02 * share, f"improving {len(front)} formulas", error)

    search = FrontSearch(
        {name: np.ascontiguousarray(columns[name]) for name in rows.names if name in wanted},
        rows.y,
        rows.weights,
        limits=run.config.constraints,
        seed=run.config.seed,
        max_work=min(limits.max_work, limits.work_per_second * run.config.max_seconds),
        should_stop=run.should_stop,
        report=report,
        thresholds=limits,
    )
    return [entry.tree for entry in search.run(seeds)]


def _sample_rows(found: SearchResult, run: SearchContext) -> LabelledRows:
    """Rows to search on, with the values that formulas should give."""
    data, limits = run.data, run.thresholds
    rows = data.training.sample(limits.front.max_rows, run.config.seed)
    if data.classes is None:
        return rows
    logits = compute_bounded_logits(found.network, found.inputs, rows, limits.max_log_odds)
    return replace(rows, y=logits[:, 0], weights=data.row_weights(rows))


def _to_formula(entry: Entry, rows: LabelledRows, run: SearchContext) -> Formula:
    """A formula of the front, its constants refitted to more rows if there are and rounded."""
    limits, form = run.thresholds, to_form(entry.tree)
    if run.data.classes is None and len(run.data.training) > len(rows):
        more = run.data.training.sample(limits.front.max_refit_rows, run.config.seed)
        form = refit_constants(form, (more.columns, more.y), iterations=limits.front.trial_steps)
    data = rows.columns, rows.y
    if run.data.classes is not None and not variables(entry.tree):  # of the rows, not of the network
        rounded = to_form(constant_formula(compute_base_log_odds(run.data, limits.max_log_odds)))
    else:
        rounded = round_constants(_drop_negligible(form, data), data, limits.symbolic.constants)
    bits = description_length(rounded, data, limits.symbolic.constants)
    return Formula(rounded.numeric_tree, entry.error**0.5 / (float(np.std(rows.y)) or 1.0), bits)


def _drop_negligible(form: ParametricForm, data: ColumnsAndTarget) -> ParametricForm:
    """Replace constants by 0 that change the error by rounding errors of the target at most."""
    error = compute_rmse(form, data)
    negligible = max(SMALLEST, ROUNDING * float(np.abs(data[1]).max()))
    for place in range(len(form.values)):
        without = replace(form, values=np.where(np.arange(len(form.values)) == place, 0.0, form.values))
        if abs(compute_rmse(without, data) - error) <= negligible:
            form = without
    return form


def _measure_again(formula: Formula, rows: LabelledRows, run: SearchContext) -> Formula:
    """The formula with the error on the rows of the front, which other formulas are compared by."""
    data = rows.columns, rows.y
    losses = cross_validation_losses(formula.tree, data, run.thresholds.symbolic.additive)
    error = float(np.average(losses, weights=rows.weights)) ** 0.5
    return replace(formula, error=error / (float(np.std(rows.y)) or 1.0))


def _stays_first(
    known: Formula, best: Formula, found: SearchResult, rows: LabelledRows, run: SearchContext
) -> bool:
    """Whether the first formula so far is consistent, better, or shorter and no worse except by chance.

    The best of many formulas seems better than it is, by about ``chance_standard_errors``.
    """
    if found.evidence is not None and found.evidence.verdict == "consistent":
        return True
    data: ColumnsAndTarget = rows.columns, rows.y
    additive, allowed = run.thresholds.symbolic.additive, run.thresholds.chance_standard_errors
    own, others = (cross_validation_losses(formula.tree, data, additive) for formula in (known, best))
    if not is_no_worse(others, own, rows.weights, allowed):
        return True
    return known.complexity <= best.complexity and is_no_worse(own, others, rows.weights, allowed)
