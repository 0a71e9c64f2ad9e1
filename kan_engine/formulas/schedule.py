"""Which strategies run, in which order, and when each is left out."""

from __future__ import annotations

from functools import partial

from kan_engine.formulas.judge import EXACT, Judge
from kan_engine.formulas.pool import Pool
from kan_engine.formulas.reductions.strategies import (
    DimensionlessGroups,
    LawsOfGroups,
    PowerFactors,
    VariableGroups,
)
from kan_engine.formulas.search import Condition, Step
from kan_engine.formulas.strategies.enumeration.strategy import Enumeration
from kan_engine.formulas.strategies.exact_laws import (
    ONE_VARIABLE,
    POWER_PRODUCT,
    QUADRATIC,
    QUADRATIC_OF_ANGLES,
    RATIONAL,
    RATIONAL_OF_ANGLES,
)
from kan_engine.formulas.strategies.scans.broken_lines import BrokenLines
from kan_engine.formulas.strategies.scans.oscillations import Oscillations
from kan_engine.formulas.strategies.scans.power_sums import PowerSums
from kan_engine.formulas.strategies.scans.transitions import Transitions
from kan_engine.formulas.strategies.structures import (
    FirstSum,
    NearStructures,
    ShorterReadings,
    Structures,
    has_enough_structures,
)
from kan_engine.structure.search import StructureSearch


def is_settled(pool: Pool, judge: Judge) -> str | None:
    """A law is known, or a formula that leaves only noise."""
    return judge.settles(pool)


def is_accurate(pool: Pool, judge: Judge, max_error: float = 0.02) -> str | None:
    """The same, and the formula is close; few rows do not tell one further off from the law."""
    is_close = pool.best is not None and pool.best.error <= max_error
    return judge.settles(pool) if is_close else None


def is_served(pool: Pool, judge: Judge, max_read: int = 8) -> str | None:
    """The same, and a small network represents the rows if an exact law was found without one."""
    reason = judge.settles(pool)
    if reason == EXACT and not pool.has_adequate_structure and not has_enough_structures(pool):
        return None
    return reason or ("enough networks were read" if len(pool.read) >= max_read else None)


def is_adequate(pool: Pool, judge: Judge) -> str | None:  # noqa: ARG001
    """A small network represents the rows, so that its curves tell more than algebra."""
    return "a small network represents the rows" if pool.has_adequate_structure else None


def is_exact(pool: Pool, judge: Judge) -> str | None:  # noqa: ARG001
    """An exact law needs no shorter formulas beside it."""
    return EXACT if pool.exact is not None else None


def is_unwanted(pool: Pool, judge: Judge) -> str | None:  # noqa: ARG001
    """Formulas are not asked for."""
    return None if pool.problem.settings.is_symbolic else "formulas are not wanted"


def is_rounded(pool: Pool, judge: Judge) -> str | None:  # noqa: ARG001
    """No formula can hold to rounding error, so that expensive exact laws are not worth their time."""
    return None if pool.problem.may_be_exact else "the target is rounded"


def is_wide(max_columns: int, pool: Pool, judge: Judge) -> str | None:  # noqa: ARG001
    """Too many columns: the work grows with a power of their number."""
    return f"more than {max_columns} columns" if len(pool.problem.names) > max_columns else None


def is_curve(pool: Pool, judge: Judge, few_rows: int = 100) -> str | None:  # noqa: ARG001
    """A single column with rows enough to tell curves apart: these are read off the values themselves."""
    rows, columns = len(pool.problem.fit), len(pool.problem.names)
    return "one column with many rows" if columns == 1 and rows >= few_rows else None


def is_noisy(pool: Pool, judge: Judge) -> str | None:
    """What the closest network leaves is noise, beyond which no exact law can be seen."""
    return "the rows are noisy" if judge.is_noisy(pool) else None


def has_no_units(pool: Pool, judge: Judge) -> str | None:  # noqa: ARG001
    """No units of the columns are known."""
    return "no units are known" if pool.problem.constraints.units is None else None


def has_readings(pool: Pool, judge: Judge) -> str | None:  # noqa: ARG001
    """Formulas of a network that represents the rows are known already."""
    is_known = any(structure.is_adequate for structure in pool.read) or (
        pool.read and len(pool.problem.names) == 1
    )
    return "an adequate network was read" if is_known else None


def misses_signal(pool: Pool, judge: Judge) -> str | None:
    """Small networks miss much of the signal, so their formulas would not be the law."""
    return "small networks miss much of the signal" if judge.misses_signal(pool) else None


FIRST = Structures("sum of curves", "fitting a sum of curves", lambda networks: iter(networks.sums[:1]))
SUMS = Structures("transformed sums", "fitting sums of curves", lambda networks: iter(networks.sums[1:]))
ONE_NODE = Structures("one hidden node", "searching for a small law", StructureSearch.iterate_one_node)
TWO_NODES = Structures("two hidden nodes", "searching for a small law", StructureSearch.iterate_two_nodes)

OPEN: tuple[Condition, ...] = (is_unwanted, is_settled)
CHEAP = (*OPEN, is_adequate)  # what takes a second, before structures that take a minute

SCANS = (BrokenLines(), Transitions(), Oscillations())  # also beside what leaves only noise: seconds
OF_COLUMNS = (POWER_PRODUCT, RATIONAL, QUADRATIC)
OF_ANGLES = (RATIONAL_OF_ANGLES, QUADRATIC_OF_ANGLES)
ALGEBRA = tuple(Step(law, OPEN) for law in OF_COLUMNS)
CHEAP_ALGEBRA = (
    *(Step(law, CHEAP) for law in OF_COLUMNS),
    *(
        Step(law, (*CHEAP, partial(is_wide, 4), is_rounded))
        for law in (RATIONAL_OF_ANGLES, QUADRATIC_OF_ANGLES)
    ),
)
NETWORKS_BEFORE_NODES = (Step(FirstSum(), (is_settled,)), Step(SUMS, (is_served,)))
NETWORKS_WITH_NODES = (Step(ONE_NODE, (is_served,)), *ALGEBRA, Step(TWO_NODES, (is_served,)))
NEAREST = (Step(NearStructures(), OPEN),)

INNERMOST = (
    Step(ONE_VARIABLE, OPEN),
    Step(FIRST, (is_served,)),
    *CHEAP_ALGEBRA,
    *NETWORKS_BEFORE_NODES,
    *NETWORKS_WITH_NODES,
)
"""In groups that were found by symmetries: they are not grouped again."""

INNER = (
    Step(ONE_VARIABLE, OPEN),
    Step(FIRST, (is_served,)),
    *CHEAP_ALGEBRA,
    *NETWORKS_BEFORE_NODES,
    Step(VariableGroups(INNERMOST), OPEN),
    *NETWORKS_WITH_NODES,
)
"""In dimensionless groups, and behind a factor."""

BEHIND_A_FACTOR = (Step(ONE_VARIABLE, OPEN), *CHEAP_ALGEBRA, *INNER)

LAWS = (
    Step(FIRST),
    Step(DimensionlessGroups(INNER, NEAREST), (*OPEN, has_no_units)),
    *CHEAP_ALGEBRA,
    *NETWORKS_BEFORE_NODES,
    Step(VariableGroups(INNERMOST), OPEN),
    Step(Enumeration(), (*OPEN, partial(is_wide, 4), is_curve)),
    *(Step(scan, (is_unwanted, is_exact, partial(is_wide, 5))) for scan in SCANS),
    Step(PowerSums(), (is_unwanted, is_accurate, partial(is_wide, 5))),
    *NETWORKS_WITH_NODES,
    Step(PowerFactors(BEHIND_A_FACTOR, CHEAP_ALGEBRA), OPEN),
    *(Step(law, (*OPEN, is_rounded, is_noisy)) for law in OF_ANGLES),
    Step(LawsOfGroups(NEAREST), (is_unwanted, is_exact)),
    Step(NearStructures(), (*OPEN, has_readings, misses_signal)),
    Step(ShorterReadings(), (is_unwanted, is_exact)),
)
"""For the law of a table."""


SUM_OF_CURVES = (
    Step(
        Structures(
            "sum of curves", "fitting a sum of curves", lambda networks: iter([networks.fit_additive()])
        )
    ),
    Step(FirstSum(is_certain=True)),
    Step(ShorterReadings(), (is_exact,)),
)
"""For values without noise, such as the log-odds of a network."""
