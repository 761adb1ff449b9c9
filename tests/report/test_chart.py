"""Lines drawn with characters."""

from hypothesis import given
from hypothesis import strategies as st

from hpsearch.report.chart import chart

NUMBERS = st.floats(-1e6, 1e6)


@given(
    st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=30), st.booleans(), st.booleans()
)
def test_a_chart_of_any_points_fits_eighty_columns(points, braille, steps):
    rows = chart({"*": points}, braille=braille, steps=steps)
    assert len(rows) == 9
    assert max(map(len, rows)) <= 80


def test_a_chart_of_nothing_is_nothing():
    assert chart({"a": []}) == []


def test_the_ends_of_both_axes_are_told():
    rows = chart({"*": [(1, 0.5), (30, 0.75)]})
    assert rows[0].startswith("0.75 |")
    assert rows[-2].startswith(" 0.5 |*")
    assert rows[-1].split() == ["1", "30"]


def test_steps_hold_a_value_until_the_next():
    rows = chart({"a": [(0, 0), (9, 1)]}, width=10, height=2, steps=True)
    assert rows[0] == "1 |         a"
    assert rows[1] == "0 |aaaaaaaaa"


def test_a_steep_line_has_no_gaps():
    rows = chart({"*": [(0, 0), (1, 1)]}, width=2, height=6)
    assert all("*" in row for row in rows[:-1])


def test_the_first_of_two_lines_lies_on_top():
    same = [(0, 1), (5, 2)]
    drawn = "".join(chart({"a": same, "b": same}, width=6, height=3))
    assert "a" in drawn
    assert "b" not in drawn


def test_braille_has_two_dots_across_and_four_down():
    rows = chart({"*": [(0, 0), (1, 1)]}, width=1, height=2, braille=True)
    assert [row[-1] for row in rows[:2]] == [chr(0x2800 + 0xB8), chr(0x2800 + 0x78)]
