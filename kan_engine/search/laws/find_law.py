"""The law behind the rows of a search; where errors grow with the target, it is searched a second time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from kan_engine.assessment.relative_errors import reweigh_rows
from kan_engine.expressions.evaluation import Expression
from kan_engine.formulas.judge import Judge
from kan_engine.formulas.pool import Pool
from kan_engine.formulas.schedule import LAWS
from kan_engine.formulas.search import search
from kan_engine.numerics.work import measure_work
from kan_engine.search.context import FoundLaw, SearchContext, make_problem, record_validation_errors
from kan_engine.structure.backward_elimination import eliminate_edges, refine_structure


def find_law(run: SearchContext, seconds: float = float("inf")) -> FoundLaw | None:
    """Find the best small structure, with its formulas if the request asks for them.

    Args:
        run: The search context.
        seconds: Limit of the work while no structure represents the data, which leaves time for larger
            networks; see ``kan_engine.numerics.work``.

    Returns:
        None if no structure was fitted.
    """
    must_stop, until = run.should_stop, measure_work() + seconds
    is_cut, pools, judge = False, list[Pool](), Judge()

    def should_stop() -> bool:
        nonlocal is_cut
        is_cut = is_cut or (measure_work() > until and not any(pool.has_adequate_structure for pool in pools))
        return is_cut or must_stop()

    problem = make_problem(replace(run, should_stop=should_stop))
    pools.append(Pool(problem))
    search(pools[0], LAWS, judge)
    # Where errors grow with the target, equal weights let the largest targets decide alone
    weights = _weigh_relative_errors(pools[0], judge)
    if weights is not None:
        run.report("structure", 0.36, "searching again: errors grow with the target")
        pools.append(Pool(problem.reweigh(weights)))
        search(pools[1], LAWS, judge)
    best = next((pool for pool in reversed(pools) if pool.candidates), pools[0])
    law = _describe_law(best, run)
    return None if law is None else replace(law, is_cut=is_cut, has_relative_errors=best is not pools[0])


def _weigh_relative_errors(pool: Pool, judge: Judge) -> Float[np.ndarray, " rows"] | None:
    """Weights of the rows for errors that grow with the target; None if they do not, or are known.

    Where small structures miss much of the signal, other weights lead to no law.
    """
    problem = pool.problem
    if pool.exact is not None or not problem.settings.is_symbolic or problem.should_stop():
        return None
    weighted_rows = reweigh_rows([candidate.tree for candidate in pool.candidates], problem.rows)
    return None if weighted_rows is None or judge.misses_signal(pool) else weighted_rows.weights


def _describe_law(pool: Pool, run: SearchContext) -> FoundLaw | None:
    """The formulas of a pool with the structure to serve: that of the best reading, else the closest."""
    problem, best = pool.problem, pool.best
    read = next(
        (candidate.structure for candidate in pool.candidates if candidate.structure is not None), None
    )
    structure = read or pool.closest_structure
    if structure is None:
        return None
    # No formula depends on the edges of this structure, so edges may be removed
    if read is None and problem.settings.prune:
        structure = eliminate_edges(
            structure, *problem.samples, problem.should_stop, required=problem.settings.required
        )
    if structure.is_adequate:
        structure = refine_structure(structure, *problem.samples, problem.should_stop)
        record_validation_errors(structure, run)
    return FoundLaw(
        fit=structure,
        formulas=pool.candidates,
        is_read=best is not None and best.structure is not None,
        tried_in=None if best is None else best.reduction,
    )


def search_exact_law(run: SearchContext) -> Expression | None:
    """A law that holds to rounding error, or None; approximate laws are not considered."""
    pool = Pool(make_problem(run))
    search(pool, LAWS, Judge())
    return None if pool.exact is None else pool.exact.tree
