"""The error function where a language has none: its series and a sum of fractions.

For |u| < 1 the series is erf(u) = u·Σ a_n·u²ⁿ with a_n = 2/√π · (-1)ⁿ/(n!·(2n + 1)). For other u, with
z = |u| and h = 1/2, the trapezoidal rule and the residue of its pole (Chiarella and Reichel, Math. Comp. 22,
1968) give

    erf(z) = 1 - h·z/π · exp(-z²)·(1/z² + Σ 2·exp(-n²h²)/(z² + n²h²)) - 2/(1 - exp(2π·z/h)).

The error of the rule is 2·exp(-π²/h²), 1e-17.
"""

from math import exp, factorial, pi, sqrt

SERIES = tuple(2 / sqrt(pi) * (-1) ** n / (factorial(n) * (2 * n + 1)) for n in range(19))
"""a_n; the next one is 4e-19."""

STEP = 0.5
FRACTIONS = ((0.0, 1.0), *(((n * STEP) ** 2, 2 * exp(-((n * STEP) ** 2))) for n in range(1, 13)))
"""n²h² and the numerator; the next one is 1e-18."""

POLE_RATE = 2 * pi / STEP
SATURATION = 6.0
"""Beyond it erf equals ±1 in float64."""

JAVASCRIPT = (
    "(u => {{ let sum = u, term = u; for (let n = 3; n < 400; n += 2) sum += term *= 2*u*u/n; "
    f"return Math.abs(u) < {SATURATION} ? 2/Math.sqrt(Math.PI)*Math.exp(-u*u)*sum : Math.sign(u); }}}})({{}})"
)
"""exp(-u²) times a series of positive terms (NIST Digital Library of Mathematical Functions, 7.6.2)."""


def _write_sql() -> str:
    """The expression for an argument, which a subquery computes once."""
    series = repr(SERIES[-1])
    for coefficient in SERIES[-2::-1]:
        series = f"{coefficient!r} + erf.u*erf.u*({series})"
    fractions = " + ".join(f"{above!r}/(erf.u*erf.u + {shift!r})" for shift, above in FRACTIONS)
    bell = f"{STEP / pi!r}*ABS(erf.u)*EXP(-erf.u*erf.u)"
    complement = f"{bell}*({fractions}) - 2.0/(EXP({POLE_RATE!r}*ABS(erf.u)) - 1.0)"
    cases = (
        f"CASE WHEN ABS(erf.u) < 1.0 THEN erf.u*({series}) WHEN ABS(erf.u) < {SATURATION} "
        f"THEN SIGN(erf.u)*(1.0 - ({complement})) ELSE 1.0*SIGN(erf.u) END"
    )
    return f"(SELECT {cases} FROM (SELECT {{}} AS u) AS erf)"  # noqa: S608 - {} is a printed formula


SQL = _write_sql()
