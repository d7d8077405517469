"""Dates as people write them, as instants: ISO 8601, any other one whose order of day and month is sure, or as told."""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trajprobe.errors import UserError, visible, visible_name

ISO = "ISO8601"
#: A date of three parts, the last one a year, and what may follow: a time of day, half of it, a time zone.
SHAPE = re.compile(
    r"(?P<first>\d{1,2}|[^\W\d_]+\.?)(?P<one>\W+)(?P<second>\d{1,2}|[^\W\d_]+\.?)(?P<two>\W+)(?P<year>\d{4}|\d{2})"
    r"((?P<three>\W+|T)\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(?P<half> ?[AaPp][Mm])?(?P<zone> ?([Zz]|[+-]\d{2}:?\d{2}))?)?"
)
#: A time of day alone.
CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[AaPp][Mm])?")


@dataclass(frozen=True)
class Dates:
    """A column of dates, read."""

    instants: "pd.Series[Any]"  #: (m), in UTC without a zone; NaT where a text is none
    guess: str = ""  #: which form was found to be theirs, where it is not ISO 8601
    expected: str = "a number, or a date as 2024-01-31T12:00:00; --date-format says how others are written"


def read(texts: "pd.Series[str]", filled: NDArray[np.bool_], form: str | None, where: str) -> Dates:
    """The instants of `texts` (m), of which those that are not `filled` (m) are missing.

    Args:
        texts: without spaces around them.
        filled: at least one.
        form: as strftime has it; None: ISO 8601, or the one form that all of them fit.
        where: begins a message: the file and the column.

    Raises:
        UserError: `form` is none; or day and month may stand in either order.
    """
    chosen = texts[filled].str.replace(r"\s+", " ", regex=True)
    if form:
        instants = _parsed(chosen, [form, form.replace("%S", "%S.%f")] if "%f" not in form else [form])
        return Dates(instants.reindex(texts.index), expected=f"a date as --date-format {visible_name(form)} has it")
    first = chosen.iloc[0]
    if CLOCK.fullmatch(first):
        raise UserError(
            f"{where}: got {visible_name(first)}, a time of day, expected dates too; name both columns, --time DATE "
            "--clock TIME, or where all points are of one day say --date-format '%H:%M:%S'"
        )
    forms = _forms(first)
    if _parsed(chosen.iloc[:1], [ISO]).notna().all() or not forms:
        return Dates(_parsed(chosen, [ISO]).reindex(texts.index))
    readings = {name: _parsed(chosen, variants) for name, variants in forms.items()}
    complete = {name: instants for name, instants in readings.items() if instants.notna().all()}
    for (one, instants), (other, others) in pairwise(complete.items()):
        if (instants != others).any():
            text = chosen[instants != others].iloc[0]
            raise UserError(
                f"{where}: got {visible_name(text)}, whose day, month and year may stand in either order; say which: "
                f"--date-format '{one}' or --date-format '{other}'"
            )
    name = next(iter(complete), max(readings, key=lambda form: int(readings[form].notna().sum())))
    return Dates(
        readings[name].reindex(texts.index), f"dates are read as {name}", f"a date as {name} has it, as others"
    )


def _forms(text: str) -> dict[str, list[str]]:
    """The forms that a date may have, and of each its variants: with a time of day, to the minute and so on."""
    match = SHAPE.fullmatch(text)
    if not match:
        return {}
    part = match.groupdict(default="")
    year = "%Y" if len(part["year"]) == 4 else "%y"
    months = ["%m"] if part["first"].isdigit() and part["second"].isdigit() else ["%b", "%B"]
    if len(months) > 1:
        orders = [["{}", "%d", year]] if part["second"].isdigit() else [["%d", "{}", year]]
    else:
        orders = [["%d", "{}", year], ["{}", "%d", year]] + [["%y", "{}", "%d"]] * (year == "%y")
    hour = "%I" if part["half"] else "%H"
    end = " %p" * (" " in part["half"]) + "%p" * (part["half"] != "" and " " not in part["half"])
    end += " " * part["zone"].startswith(" ") + "%z" * bool(part["zone"])
    clocks = [f"{hour}:%M:%S{end}", f"{hour}:%M{end}", f"{hour}:%M:%S.%f{end}"]
    forms = {}
    for a, b, c in orders:
        dates = [f"{a}{part['one']}{b}{part['two']}{c}".format(month) for month in months]
        variants = [f"{date}{part['three'] or ' '}{clock}" for date in dates for clock in clocks] + dates
        forms[next((form for form in variants if _parsed(pd.Series([text]), [form]).notna().all()), variants[0])] = (
            variants
        )
    return forms


def _parsed(texts: "pd.Series[str]", forms: list[str]) -> "pd.Series[Any]":
    """The instants (m) of texts, each by the first of the forms that it has; NaT where it has none.

    Raises:
        UserError: a form is none.
    """
    instants: pd.Series[Any] | None = None
    for form in forms:
        left = texts if instants is None else texts[instants.isna()]
        try:
            more = pd.to_datetime(left, utc=True, errors="coerce", format=form).dt.tz_localize(None)
        except OverflowError:
            more = pd.Series(pd.NaT, index=left.index, dtype="datetime64[us]")
        except ValueError as error:
            raise UserError(
                f"--date-format: got {visible_name(form)} ({visible(error, 100)}), expected one as '%d/%m/%Y %H:%M:%S'"
            ) from None
        # Units are as fine as the texts are.
        instants = more if instants is None else instants.astype("datetime64[us]").fillna(more.astype("datetime64[us]"))
    return pd.Series(pd.NaT, index=texts.index, dtype="datetime64[us]") if instants is None else instants
