"""Text that no spreadsheet takes for a formula.

A cell that begins with ``=``, ``+``, ``-`` or ``@`` is computed by Excel and its like when a CSV file is
opened, quoted or not, also after spaces; a tab or a line end lets a cell begin anew. A ``'`` before it makes
it text (OWASP, CSV injection). Numbers are left alone.
"""

import polars as pl

FORMULA = r"^(\s*[=+\-@＝＋－＠\t\r\n])"  # \s has the no-break space, too


def harmless(frames: pl.LazyFrame) -> pl.LazyFrame:
    """The same table for a CSV file: times in ISO 8601, texts and names of columns never a formula."""
    texts, times = pl.selectors.string(), pl.selectors.datetime()
    safe = frames.with_columns(times.dt.to_string("iso:strict"))
    return safe.with_columns(texts.str.replace(FORMULA, "'${1}")).rename(_harmless_names(frames))


def _harmless_names(frames: pl.LazyFrame) -> dict[str, str]:
    names = frames.collect_schema().names()
    dangerous = pl.Series(names, dtype=pl.String).str.contains(FORMULA)
    found: dict[str, str] = {}
    for name in [name for name, is_one in zip(names, dangerous, strict=True) if is_one]:
        safe = f"'{name}"
        while safe in names or safe in found.values():
            safe = f"'{safe}"
        found[name] = safe
    return found
