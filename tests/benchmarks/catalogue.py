"""The sections of the report, in its order. A new one is a module with a SECTION, and a name here."""

from __future__ import annotations

from tests.benchmarks.plan import Section
from tests.benchmarks.sections import (
    california,
    cost,
    equations,
    exercise,
    flights,
    front,
    grid,
    inference,
    kernels,
    lifecycle,
    orders,
    page,
    processors,
    scaling,
    serving,
    special,
    starts,
    survey,
)
from tests.benchmarks.sections.forms import groups, textbook
from tests.benchmarks.sections.laws import (
    ablation,
    first_principles,
    next_rows,
    probabilities,
    soundness,
    verdicts,
)
from tests.benchmarks.sections.tables import many_rows, small_tables, time_limits, who_answers, wide_tables

SECTIONS: tuple[Section, ...] = (
    grid.SECTION,
    orders.SECTION,
    starts.SECTION,
    special.SECTION,
    california.SECTION,
    exercise.SECTION,
    flights.SECTION,
    equations.SECTION,
    textbook.SECTION,
    groups.SECTION,
    first_principles.SECTION,
    survey.SECTION,
    small_tables.CONCRETE,
    small_tables.AIRFOIL,
    who_answers.SECTION,
    front.SECTION,
    verdicts.SECTION,
    probabilities.SECTION,
    next_rows.SECTION,
    soundness.SECTION,
    ablation.SECTION,
    kernels.SECTION,
    inference.SECTION,
    many_rows.SECTION,
    time_limits.SECTION,
    wide_tables.SECTION,
    cost.SECTION,
    serving.SECTION,
    lifecycle.SECTION,
    scaling.SECTION,
    page.SECTION,
    processors.SECTION,
)
