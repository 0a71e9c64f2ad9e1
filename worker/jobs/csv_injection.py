"""Protects CSV files against formula injection in spreadsheets.

Excel and similar programs evaluate a cell of a CSV file that begins with ``=``, ``+``, ``-`` or ``@``, quoted
or not, also after spaces. A tab or a line end starts a new cell. A leading ``'`` makes the cell text (OWASP,
CSV injection). Numbers are not changed.
"""

import polars as pl

FORMULA_PATTERN = r"^(\s*[=+\-@＝＋－＠\t\r\n])"  # \s matches the no-break space, too


def neutralize_formulas(frames: pl.LazyFrame) -> pl.LazyFrame:
    """Prepare a table for a CSV file.

    Times are written in ISO 8601. Texts and column names that look like formulas get a leading ``'``.
    """
    texts, times = pl.selectors.string(), pl.selectors.datetime()
    safe = frames.with_columns(times.dt.to_string("iso:strict"))
    return safe.with_columns(texts.str.replace(FORMULA_PATTERN, "'${1}")).rename(_neutralize_names(frames))


def _neutralize_names(frames: pl.LazyFrame) -> dict[str, str]:
    names = frames.collect_schema().names()
    dangerous = pl.Series(names, dtype=pl.String).str.contains(FORMULA_PATTERN)
    replacements: dict[str, str] = {}
    for name in [name for name, is_one in zip(names, dangerous, strict=True) if is_one]:
        safe = f"'{name}"
        while safe in names or safe in replacements.values():
            safe = f"'{safe}"
        replacements[name] = safe
    return replacements
