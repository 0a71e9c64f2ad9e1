"""Identifiers of columns in printed formulas.

A column may have any name, even ``"); import os #``. Printed text contains only identifiers that this module
has checked or generated.
"""

import keyword
import re
import unicodedata
from collections.abc import Iterable

from kan_engine.expressions.library import LIBRARY
from kan_engine.expressions.parsing import is_name

PYTHON_WORDS = frozenset(keyword.kwlist) | {"math", "np", "scipy"}
"""Reserved words of Python, and the modules in formulas."""

SYMPY_WORDS = (
    frozenset(keyword.kwlist)
    | frozenset(function.sympy or name for name, function in LIBRARY.items() if function.elementary)
    | frozenset({"sqrt", "pi", "_"})
)
"""Reserved words where the output of ``to_text`` is parsed.

``E``, ``beta`` and other names of SymPy are allowed, since callers pass the columns as ``locals``.
"""


def _split_words(text: str) -> frozenset[str]:
    return frozenset(text.split())


C_WORDS = _split_words("""
    alignas alignof asm auto bool break case char const constexpr continue default do double else enum extern
    false float for goto if inline int long main nullptr register restrict return short signed sizeof static
    static_assert struct switch thread_local true typedef typeof typeof_unqual union unsigned void volatile
    while _Alignas _Alignof _Atomic _BitInt _Bool _Complex _Generic _Imaginary _Noreturn _Static_assert
    _Thread_local
    acos acosh asin asinh atan atanh cos cosh erf exp fabs log pow sin sinh sqrt tan tanh
    linux unix NAN INFINITY HUGE_VAL HUGE_VALF HUGE_VALL MATH_ERRNO MATH_ERREXCEPT math_errhandling
    FP_INFINITE FP_NAN FP_NORMAL FP_SUBNORMAL FP_ZERO FP_ILOGB0 FP_ILOGBNAN
    M_E M_LOG2E M_LOG10E M_LN2 M_LN10 M_PI M_PI_2 M_PI_4 M_1_PI M_2_PI M_2_SQRTPI M_SQRT2 M_SQRT1_2
""")
"""Reserved words of C, the functions in formulas, and macros of compilers and of <math.h>."""

_MATH_FUNCTIONS = _split_words("""
    abs acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh div drem erf erfc exp exp10 exp2
    expm1 fabs fdim floor fma fmax fmin fmod frexp gamma hypot ilogb j0 j1 jn labs ldexp lgamma llrint llround
    log log10 log1p log2 logb lrint lround modf nan nearbyint nextafter nexttoward pow pow10 remainder remquo
    rint round scalb scalbln scalbn significand sin sinh sqrt tan tanh tgamma trunc y0 y1 yn
""")

C_FUNCTIONS = frozenset(name + kind for name in _MATH_FUNCTIONS for kind in ("", "f", "l")) | _split_words("""
    finite finitef finitel fpclassify isfinite isgreater isgreaterequal isinf isinff isinfl isless islessequal
    islessgreater isnan isnanf isnanl isnormal isunordered lgamma_r lgammaf_r lgammal_r signbit signgam
""")
"""Functions of <math.h> for float, double and long double: no other function may have their names."""

JAVASCRIPT_WORDS = _split_words("""
    arguments async await break case catch class const continue debugger default delete do else enum eval
    export extends false finally for function if implements import in instanceof interface let new null
    package private protected public return static super switch this throw true try typeof undefined var void
    while with yield Math NaN Infinity
""")
"""Reserved words of JavaScript, and the names in formulas."""


def safe_names(columns: Iterable[str], *, reserved: frozenset[str] = SYMPY_WORDS) -> dict[str, str]:
    """Return a unique identifier for each column: its name if that is valid, else a readable substitute.

    The letters of any language are valid: those of Python (XID_Start, XID_Continue) also in JavaScript since
    ECMAScript 2015, and in C as GCC 10 and Clang 3.3 read it.

    Args:
        columns: Names of columns, without duplicates.
        reserved: Reserved words of the language.
    """
    columns = list(columns)
    good = {name for name in columns if _is_safe(name, reserved)}
    names = {name: name for name in good}
    used_names = set(good) | reserved
    for column in columns:
        if column not in good:
            names[column] = _make_identifier(column, used_names)
            used_names.add(names[column])
    return {column: names[column] for column in columns}


def _is_safe(name: str, reserved_words: frozenset[str]) -> bool:
    """Whether a name is a valid identifier, also of forms; no name that Python normalises or with __."""
    return (
        name.isidentifier()
        and is_name(name)
        and name not in reserved_words
        and not name.startswith("__")
        and unicodedata.normalize("NFKC", name) == name
    )


def _make_identifier(column: str, used_names: set[str] | frozenset[str]) -> str:
    letters = unicodedata.normalize("NFKC", column)
    characters = (letter if f"x{letter}".isidentifier() else " " for letter in letters)
    stem = re.sub(r"\W+", "_", "".join(characters)).strip("_")[:40]
    if not stem.isidentifier() or not stem[0].isalpha():
        stem = f"x_{stem}".rstrip("_")
    if stem in used_names:
        stem = f"{stem}_"
    name, count = stem, 2
    while name in used_names:
        name, count = f"{stem}{count}", count + 1
    return name
