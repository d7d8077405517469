"""Dates other than ISO 8601, and dates and times of day in two columns: read where they are sure, else refused."""

import pytest
from importing import imported, refusal


def rows(*times, header="id,t,x,y,label", quoted="{}"):
    """Four tracks with these times."""
    return header, *[
        f"{track},{quoted.format(time)},{at},{track},{'ab'[track % 2]}"
        for track in range(4)
        for at, time in enumerate(times)
    ]


@pytest.mark.parametrize(("times", "form"), [
    (["30/12/2024 23:59:59", "31/12/2024 00:00:01"], "%d/%m/%Y %H:%M:%S"),
    (["12/30/2024 23:59:59", "12/31/2024 00:00:01"], "%m/%d/%Y %H:%M:%S"),
    (["30.12.2024 23:59:59.5", "31.12.2024 0:00:01.5"], "%d.%m.%Y %H:%M:%S.%f"),
    (["30-12-99 23:59:59", "31-12-99 00:00:01"], "%d-%m-%y %H:%M:%S"),
    (["30 Dec 2024 11:59:59 PM", "31 Dec 2024 12:00:01 AM"], "%d %b %Y %I:%M:%S %p"),
    (["december 30, 2024 23:59:59", "December 31, 2024 00:00:01"], "%B %d, %Y %H:%M:%S"),
    (["12/30/2024T23:59:59Z", "12/31/2024T01:00:01+01:00"], "%m/%d/%YT%H:%M:%S%z"),
])  # fmt: skip
def test_a_form_that_only_one_order_fits_is_read_and_said(table, times, form):
    result = imported(table(*rows(*times, quoted='"{}"')))
    assert result.times["0"] == [0, 2]
    assert f"dates are read as {form}" in result.guesses


def test_dates_to_the_minute_and_at_midnight_may_be_shorter(table):
    result = imported(table(*rows("31/12/2024 23:59:58", "31/12/2024 23:59:59.5", "01/01/2025", "01/01/2025 00:01")))
    assert result.times["0"] == [0, 1.5, 2, 62]


@pytest.mark.parametrize(("times", "forms"), [
    (["03/04/2024 10:00:00", "03/04/2024 10:00:01"], ("%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S")),
    (["05.05.2024", "06.05.2024"], ("%d.%m.%Y", "%m.%d.%Y")),
    (["11-10-12", "12-10-12"], ("%d-%m-%y", "%m-%d-%y")),
    (["30-12-24", "31-12-24"], ("%d-%m-%y", "%y-%m-%d")),
])  # fmt: skip
def test_an_order_of_day_and_month_that_is_not_sure_is_refused_with_both(table, times, forms):
    path = table(*rows(*times))
    message = refusal(path)
    assert "column t: got " in message
    assert "whose day, month and year may stand in either order; say which: " in message
    assert f"--date-format '{forms[0]}' or --date-format '{forms[1]}'" in message
    assert imported(path, date_format=forms[0]).times["0"][0] == 0


def test_the_order_that_is_told_is_taken(table):
    path = table(*rows("03/04/2024", "04/04/2024"))
    assert imported(path, date_format="%d/%m/%Y").times["0"] == [0, 86400]
    assert imported(path, date_format="%m/%d/%Y").times["0"] == [0, 31 * 86400]  # from 4 March to 4 April


def test_dates_that_are_numbers_are_dates_where_it_is_told(table):
    path = table(*rows("20240229235959", "20240301000001"))
    assert imported(path, date_format="%Y%m%d%H%M%S").times["0"] == [0, 2]
    assert imported(path).times["0"] == [20240229235959, 20240301000001]
    assert imported(table(*rows("095959", "100001")), date_format="%H%M%S").times["0"] == [0, 2]


def test_one_date_in_another_form_is_refused_with_its_row(table):
    lines = [*rows("30/12/2024 23:59:59", "31/12/2024 00:00:01")]
    lines[4] = lines[4].replace("31/12/2024", "2024-12-31")
    assert "column t: got 2024-12-31 00:00:01 in row 4 of the data, expected a date as %d/%m/%Y %H:%M:%S has it" in (
        refusal(table(*lines))
    )
    message = refusal(table(*lines), date_format="%d/%m/%Y %H:%M:%S")
    assert "2024-12-31 00:00:01 in row 4 of the data, expected a date as --date-format %d/%m/%Y %H:%M:%S has" in message


def test_missing_dates_are_missing_points(table):
    lines = [*rows("30/12/2024 23:59:59", "31/12/2024 00:00:01", "31/12/2024 00:00:02")]
    lines[2] = lines[2].replace("31/12/2024 00:00:01", "")
    assert imported(table(*lines)).times["0"] == [0, 3]


def test_a_form_that_is_none_is_refused(table):
    message = refusal(table(*rows("30/12/2024", "31/12/2024")), date_format="%d/%Q")
    assert message.startswith("--date-format: got %d/%Q (")
    assert "expected one as '%d/%m/%Y %H:%M:%S'" in message


@pytest.mark.parametrize(("days", "options"), [
    (("2024-12-30", "2024-12-31"), {}),
    (("30/12/2024", "31/12/2024"), {}),
    (("20241230", "20241231"), {}),
    (("01/02/2024", "02/02/2024"), {"date_format": "%d/%m/%Y %H:%M:%S"}),
])  # fmt: skip
def test_dates_and_times_of_day_stand_in_two_columns(table, days, options):
    times = [f"{days[0]},23:59:59", f"{days[1]},00:00:01", f"{days[1]},", f"{days[1]},00:00:05"]
    path = table(*rows(*times, header="id,date,time,x,y,label"))
    assert imported(path, time="date", clock="time", **options).times["0"] == [0, 2, 6]


def test_a_time_of_day_alone_is_refused_with_both_ways(table):
    path = table(*rows("30/12/2024,23:59:58", "30/12/2024,23:59:59", header="id,date,time,x,y,label"))
    message = refusal(path)
    assert (
        "column time: got 23:59:58, a time of day, expected dates too; name both columns, --time DATE --clock"
        in message
    )
    assert imported(path, date_format="%H:%M:%S").times["0"] == [0, 1]


def test_options_of_dates_need_a_column_of_dates(table):
    lines = [line.replace(",t,", ",when,") for line in rows("10:00:00", "10:00:01")]
    assert "--clock needs a column of dates; name it with --time" in refusal(table(*lines), clock="when")
    assert "--date-format needs a column of dates; name" in refusal(table(*lines), date_format="%H:%M:%S")


def test_json_lines_and_parquet_have_the_same_dates(table, tmp_path):
    import pandas as pd

    lines = [
        line.split(",") for line in rows("30/12/2024,23:59:59", "31/12/2024,00:00:01", header="id,day,time,x,y,label")
    ]
    frame = pd.DataFrame(lines[1:], columns=lines[0]).astype({"x": float, "y": float})
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    frame.assign(day=pd.to_datetime(frame["day"], dayfirst=True)).to_parquet(tmp_path / "b.parquet")
    for name in ("a.parquet", "a.jsonl", "b.parquet"):
        assert imported(tmp_path / name, time="day", clock="time").times["0"] == [0, 2]
