"""Parse dates and times in common written forms: 31.12.2026, 12/31/2026 18:00, 31 Dec 2026, 18.00.00."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import polars as pl

from service.ingest.table_warnings import TableWarning, Warnings

DATE = r"^(\d{1,2})([./-])(\d{1,2})[./-](\d{4})(?:[ T](\d{1,2}[:.]\d{2}(?:[:.]\d{2})?))?$"
TIME = r"^\d{1,2}(:\d{2}(:\d{2})?|\.\d{2}\.\d{2})$"
YEAR_FIRST = r"\d{4}\.\d{1,2}\.\d{1,2}"
NAMED_MONTH = r"\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{4}|[A-Za-z]{3,9} \d{1,2},? \d{4}"
ONE_ORDER = rf"^(?:{YEAR_FIRST}|{NAMED_MONTH})$"
FORMS = (  # in one order; polars reads Dec as %B, too, Python only as %b
    "%Y.%m.%d",
    *(
        form.replace("%b", month)
        for month in ("%b", "%B")
        for form in ("%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%b %d %Y")
    ),
)
MONTHS = 12
KEY = "kan-service.date_formats"  # in the metadata of a Parquet file
FIRST = {True: "the day first", False: "the month first"}  # by whether the day is
KNOWN_FORM = re.compile(r"(?:%[dmYbBHMS][ ./:,T-]{0,2}){2,6}")
DATES_READ, TIMES_READ = "dates were read as {}, such as", "times of day were read, as in"
DAY_OF_TIMES = "1970-01-01 "  # before times of day


def parse_times(values: pl.Series) -> tuple[pl.Series | None, Warnings]:
    """Parse dates that end with the year, name the month or begin with the year, or times of day.

    Returns the times and a note with their format as ``form``; None and no note if a value has no such form.
    """
    if values.str.contains(TIME).all():
        return _parse_times_of_day(values)
    if values.str.contains(ONE_ORDER).all():
        return _parse_dates_in_one_order(values)
    if not values.str.contains(DATE).all():
        return None, []
    first_number, mark, second_number = (values.str.extract(DATE, group) for group in (1, 2, 3))
    if mark.n_unique() - mark.has_nulls() > 1:
        return None, []
    day_first, why = _is_day_first(values, first_number.cast(pl.Int64), second_number.cast(pl.Int64))
    separator = mark.drop_nulls()[0]
    form = separator.join(["%d", "%m", "%Y"] if day_first else ["%m", "%d", "%Y"]) + _detect_time_suffix(
        values
    )
    times = values.str.to_datetime(form, time_unit="us", strict=False)
    order = FIRST[day_first]
    note = _make_note(values, form, f"dates were read with {order}, {why}, as in")
    is_told_apart = any((numbers.cast(pl.Int64) > MONTHS).any() for numbers in (first_number, second_number))
    return times, [note] if is_told_apart or separator == "." else [note, *_warn_ambiguous(values, order)]


def make_metadata(warnings: Warnings) -> dict[str, str] | None:
    """Metadata of a Parquet file with the formats of its dates and doubts about them; None without any."""
    forms = {warning.column: warning.form for warning in warnings if warning.form is not None}
    doubtful = [warning.column for warning in warnings if warning.code == "ambiguous_dates"]
    return {KEY: json.dumps({"forms": forms, "doubtful": doubtful})} if forms else None


def read_metadata(metadata: Mapping[str, str], frame: pl.DataFrame) -> Warnings:
    """Warnings about the dates of a Parquet file that was made from a table: formats, and doubts about them.

    A format from elsewhere counts only if it writes all the times of its column.
    """
    try:
        document = json.loads(metadata.get(KEY, "{}"))
        forms, doubtful = dict(document.get("forms", {})), list(document.get("doubtful", []))
    except (ValueError, TypeError, AttributeError):
        return []
    notes: Warnings = []
    for name in frame.columns:
        times, form = frame[name], forms.get(name)
        if times.dtype == pl.Datetime and isinstance(form, str) and _writes_all(times, form):
            texts = times.dt.to_string(form)
            notes.append(_make_note(texts, form, DATES_READ.format(form) if "%Y" in form else TIMES_READ))
            if name in doubtful:
                notes += _warn_ambiguous(texts, FIRST[form.startswith("%d")])
    return notes


def _writes_all(times: pl.Series, form: str) -> bool:
    if not KNOWN_FORM.fullmatch(form) or times.null_count() == len(times):
        return False
    day, day_form = ("", "") if "%Y" in form else (DAY_OF_TIMES, "%Y-%m-%d ")
    texts = times.dt.to_string(day + form)
    return texts.str.to_datetime(day_form + form, time_unit="us", strict=False).equals(times)


def _parse_dates_in_one_order(values: pl.Series) -> tuple[pl.Series | None, Warnings]:
    for form in FORMS:
        dates = values.str.to_date(form, strict=False)
        if dates.null_count() == values.null_count():
            return dates.cast(pl.Datetime("us")), [_make_note(values, form, DATES_READ.format(form))]
    return None, []


def _is_day_first(values: pl.Series, first_number: pl.Series, second_number: pl.Series) -> tuple[bool, str]:
    """Whether the first of two numbers is the day, judged by the whole column, and the reason."""
    maxima = [max(numbers.drop_nulls().to_list(), default=0) for numbers in (first_number, second_number)]
    if maxima[0] > MONTHS:
        return True, f"since the first number goes up to {maxima[0]}"
    if maxima[1] > MONTHS:
        return False, f"since the second number goes up to {maxima[1]}"
    year = values.str.extract(DATE, 4).cast(pl.Int64)
    jumps = []
    for day, month in ((first_number, second_number), (second_number, first_number)):
        days = (372 * year + 31 * month + day).drop_nulls()
        jumps.append(int(days.diff().abs().sum() or 0))
    if values.str.contains(".", literal=True).any() or jumps[0] == jumps[1]:
        return True, "the usual order, though both numbers could be months"
    return jumps[0] < jumps[
        1
    ], "since the rows then follow each other more closely; both numbers could be months"


def _detect_time_suffix(values: pl.Series) -> str:
    """The format of the times behind the dates; empty if there are none."""
    hours = values.str.extract(DATE, 5).drop_nulls()
    if not len(hours):
        return ""
    between = "T" if values.str.contains("T", literal=True).any() else " "
    return between + _detect_time_format(hours[0])


def _detect_time_format(text: str) -> str:
    mark = ":" if ":" in text else "."
    return mark.join(["%H", "%M", "%S"][: text.count(mark) + 1])


def _parse_times_of_day(values: pl.Series) -> tuple[pl.Series | None, Warnings]:
    form = _detect_time_format(values.drop_nulls()[0])
    days = pl.Series(values.name, [DAY_OF_TIMES] * len(values)) + values
    times = days.str.to_datetime(f"%Y-%m-%d {form}", time_unit="us", strict=False)
    return times, [_make_note(values, form, TIMES_READ)]


def _warn_ambiguous(values: pl.Series, order: str) -> Warnings:
    row = int(values.is_not_null().arg_max() or 0)
    detail = (
        f"both numbers of the dates could be months, as in {values[row]!r}; {order} was assumed; if that is "
        f'wrong, upload the table with swap_day_and_month = ["{values.name}"]'
    )
    return [TableWarning(code="ambiguous_dates", column=values.name, row=row, detail=detail)]


def _make_note(values: pl.Series, form: str, what: str) -> TableWarning:
    row = int(values.is_not_null().arg_max() or 0)
    detail = f"{what} {values[row]!r}"
    return TableWarning(code="date_form", column=values.name, row=row, form=form, detail=detail)
