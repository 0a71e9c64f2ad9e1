"""Work that a thread has done, counted where searches for formulas spend it.

A limit in seconds lets a busy machine find other formulas than an idle one. Work depends on the data and the
settings alone, but for a fit that takes a step more where last digits differ. Its unit is a second of one
core. The costs were fitted to the processor time of 220 steps of searches for laws; what is not counted, such
as the simplification of trees, whose results are cached, takes time in proportion to what is.
"""

import threading


class _Counter(threading.local):
    seconds = 0.0


_counter = _Counter()


def measure_work() -> float:
    """The work of this thread since its start, in seconds."""
    return _counter.seconds


def charge_evaluation(values: float, trials: int = 0) -> None:
    """Count the evaluation of a formula or of its derivatives, by the values of all its nodes.

    Args:
        values: The values.
        trials: Constants that a fit tries here, with its other work for them.
    """
    _counter.seconds += 4.8e-4 * trials + 1.5e-9 * values


def charge_network(values: float) -> None:
    """Count a step of the fit of small networks with this number of coefficients times rows."""
    _counter.seconds += 1.1e-3 + 1.5e-8 * values


def charge_enumeration(expressions: int = 0, values: float = 0.0) -> None:
    """Count new expressions of a table, and values of pairs of expressions."""
    _counter.seconds += 1.1e-4 * expressions + 1.4e-10 * values
