"""The law behind the rows of a search; where errors grow with the target, it is searched a second time."""

from __future__ import annotations

from dataclasses import replace

from kan_engine.assessment.relative_errors import reweigh_rows
from kan_engine.expressions.evaluation import Expression
from kan_engine.search.context import (
    FoundLaw,
    SearchContext,
    add_shorter_formulas,
    record_validation_errors,
    sample_search_rows,
    to_sample,
)
from kan_engine.search.laws.law_search import LawSearch
from kan_engine.search.subtasks import InProcess
from kan_engine.structure.backward_elimination import eliminate_edges, refine_structure
from kan_engine.structure.fitted_structure import StructureRows


def find_law(run: SearchContext, seconds: float = float("inf")) -> FoundLaw | None:
    """Find the best small structure, with its formulas if the request asks for them.

    Args:
        run: The search context.
        seconds: Time limit while no structure represents the data, which leaves time for larger networks.

    Returns:
        None if no structure was fitted.
    """
    fit, validation = (to_sample(part, run.inputs) for part in sample_search_rows(run))
    asked, clock, until = run.should_stop, run.clock, run.clock() + seconds
    is_cut, hunts = False, list[LawSearch]()

    def should_stop() -> bool:
        nonlocal is_cut
        is_cut = is_cut or (
            clock() > until and not any(fit.is_adequate for hunt in hunts for fit in hunt.seen)
        )
        return is_cut or asked()

    run = replace(run, should_stop=should_stop)
    law = _search(fit, validation, run, hunts)
    if law is None:
        return None
    weighed = _weigh_relative_errors(law, fit, validation, run)
    # Where small structures miss much of the signal, other weights lead to no law
    if weighed is not None and not hunts[0].misses_signal():
        run.report("structure", 0.36, "searching again: errors grow with the target")
        again = _search(*weighed, replace(run, parts=InProcess()), hunts)  # others know other weights
        law = replace(again, has_relative_errors=True) if again is not None and again.formulas else law
    return replace(law, is_cut=is_cut)


def _search(
    fit: StructureRows, validation: StructureRows, run: SearchContext, hunts: list[LawSearch]
) -> FoundLaw | None:
    """Find the law of some rows; its search is added to ``hunts`` before it starts."""
    run = replace(run, generator=run.make_generator())
    hunt = LawSearch(fit, validation, run, is_whole=True)
    hunts.append(hunt)
    hunt.examine_structures()
    if not hunt.seen:
        return None
    if hunt.exact_formula is None:
        hunt.search_exact_laws(angles=False)
    if hunt.exact_formula is None and not hunt.is_noisy():
        hunt.search_power_factors()
        hunt.search_exact_laws(angles=True)
    law = hunt.law or hunt.select_best_law()
    if not law.is_read and run.config.prune:
        law = replace(
            law,
            fit=eliminate_edges(law.fit, fit, validation, run.should_stop, required=run.column_wishes),
        )
    law = add_shorter_formulas(law, fit, validation, run)
    if law.fit.is_adequate:
        law = replace(law, fit=refine_structure(law.fit, fit, validation, run.should_stop))
        record_validation_errors(law.fit, run)
    return replace(law, tried_in=hunt.tried_in.get(law.formulas[0].tree)) if law.formulas else law


def _weigh_relative_errors(
    law: FoundLaw, fit: StructureRows, validation: StructureRows, run: SearchContext
) -> tuple[StructureRows, StructureRows] | None:
    """The rows with weights for errors that grow with the target; None if they do not, or are known."""
    is_exact = law.error < run.thresholds.max_exact_error
    if is_exact or not run.config.symbolic or run.should_stop():
        return None
    rows, trees = fit.rows.append(validation.rows), [formula.tree for formula in law.formulas]
    weighed = reweigh_rows(trees, rows, run.thresholds.assessment)
    if weighed is None:
        return None
    return replace(fit, rows=weighed[: len(fit)]), replace(validation, rows=weighed[len(fit) :])


def search_exact_law(run: SearchContext) -> Expression | None:
    """A law that holds to rounding error, or None; approximate laws are not considered."""
    fit, validation = (to_sample(part, run.inputs) for part in sample_search_rows(run))
    hunt = LawSearch(fit, validation, replace(run, generator=run.make_generator()), is_whole=True)
    hunt.examine_structures()
    if hunt.exact_formula is None:
        hunt.search_exact_laws(angles=True)
    return None if hunt.exact_formula is None else hunt.exact_formula.tree
