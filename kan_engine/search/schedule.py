"""The strategies of a table in their order, and when each is left out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from kan_engine.expressions.evaluation import Expression
from kan_engine.formulas.judge import Judge
from kan_engine.formulas.pool import Pool
from kan_engine.formulas.schedule import is_exact, is_unwanted
from kan_engine.formulas.search import Step
from kan_engine.search.context import SearchContext
from kan_engine.search.members import Members
from kan_engine.search.strategies import (
    ClientForm,
    CompactNetworks,
    Growth,
    KnownFormulas,
    Laws,
    Lines,
    LogOddsCurves,
    NetworkChoice,
    Networks,
)

FORMULAS = (is_unwanted, is_exact)


def is_explained(members: Members, pool: Pool, judge: Judge) -> str | None:  # noqa: ARG001
    """A law is exact or consistent with the rows, or its network represents them."""
    law = members.law
    return "the law explains the rows" if law is not None and law.is_clear else None


def schedule_numbers(run: SearchContext, members: Members) -> list[Step]:
    """The strategies for a target of numbers.

    A requested network is trained before the law search, which has the rest of the time. Columns that must
    rise or fall have a sum of monotone curves, with its own compact networks.
    """
    config, limits = run.config, run.thresholds

    has_compact = config.compact and not config.constraints.monotone
    compact = [Step(CompactNetworks(run, members), is_certain=True)] if has_compact else []
    has_form = config.form is not None or config.per_group is not None
    is_free = config.is_automatic and not config.constraints.monotone
    seconds = None if not config.is_automatic else limits.law_time_share * config.max_seconds
    laws = Step(
        Laws(run, members, seconds=seconds, is_first=is_free),
        () if is_free else (is_unwanted,),
        is_whole=True,
    )
    networks = Step(Networks(run, members), (partial(is_explained, members),), is_certain=True)
    choice = Step(NetworkChoice(run, members), is_certain=True)
    return [
        *([Step(ClientForm(run, members), is_certain=True)] if has_form else []),
        Step(Lines(run, members), (is_unwanted,), is_certain=True),
        *((laws, networks, choice) if is_free else (networks, choice, laws)),
        *(compact),
        Step(Growth(run, members), FORMULAS, is_whole=True),
        *(
            [Step(ClientForm(run, members, is_last=True, name="constants of groups"), is_certain=True)]
            if has_form
            else []
        ),
    ]


def schedule_formulas(run: SearchContext, members: Members, seeds: Sequence[Expression] = ()) -> list[Step]:
    """The strategies for formulas beside a network that stays: of a revision, and of one class of several.

    Args:
        run: The search context.
        members: The network.
        seeds: Formulas of the model that is revised.
    """
    is_number = run.data.classes is None
    return [
        Step(Lines(run, members), is_certain=True),
        *([Step(KnownFormulas(seeds), is_certain=True)] if seeds else []),
        Step(Laws(run, members) if is_number else LogOddsCurves(run, members), (is_exact,)),
        Step(Growth(run, members), (is_exact,), is_whole=True),
    ]


def schedule_classifier(run: SearchContext, members: Members) -> list[Step]:
    """The strategies for the network of a classification."""
    return [
        Step(Networks(run, members), is_certain=True),
        Step(NetworkChoice(run, members), is_certain=True),
    ]


def schedule_classes(run: SearchContext, members: Members) -> list[Step]:
    """The strategies for the log-odds of two classes."""
    return [
        Step(Lines(run, members), (is_unwanted,), is_certain=True),
        Step(LogOddsCurves(run, members)),
        *([Step(CompactNetworks(run, members), is_certain=True)] if run.config.compact else []),
        Step(Growth(run, members), FORMULAS, is_whole=True),
    ]
