"""Laws of the lines of pieces: they follow from the first setting and the diary, and no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.searching.babysit.lines import LENGTH, Lines, lines_of
from hpsearch.trial import Intervention, Point

FIRST = ((0, {"rate": 0, "decay": 0}),)


def done(action, trial, epoch, values=None):
    return Intervention(
        time="2020-04-02T13:33:34.000+00:00",
        trial=trial,
        epoch=epoch,
        action=action,
        set={name: (None, value) for name, value in (values or {}).items()},
        note=None,
        by="steer",
    )


VALUES = st.dictionaries(st.sampled_from(["rate", "decay", LENGTH]), st.integers(1, 9))


@st.composite
def lives(draw):
    """A diary as a run writes it, and the last epoch of each of its lines."""
    diary, lines = [], lines_of(FIRST, ())
    ends = [0]
    for _ in range(draw(st.integers(0, 14))):
        ends[-1] += draw(st.integers(0, 3))
        active = lines.active
        actions = ["set", "branch", "rescue", "pause", "continue", "stop"]
        action = draw(st.sampled_from([*actions, *["undo"] * 3 * bool(active.nudges)]))
        trial, epoch, values = active.number, ends[-1], {}
        if action == "undo":
            epoch = active.nudges[-1].epoch
        elif action in ("branch", "rescue"):
            trial = draw(st.integers(0, len(lines.all) - 1))
            epoch = draw(st.integers(0, ends[trial]))
        if action in ("set", "branch", "rescue"):
            values = draw(VALUES)
        diary.append(done(action, trial, epoch, values))
        lines = lines.after(diary[-1])
        if len(lines.all) > len(ends):
            ends.append(epoch)
    return diary, ends


@given(lives(), st.data())
def test_a_diary_leads_to_the_same_lines_at_once_and_bit_by_bit(life, data):
    diary, _ = life
    cut = data.draw(st.integers(0, len(diary)))
    lines = lines_of(FIRST, diary[:cut])
    for each in diary[cut:]:
        lines = lines.after(each)
    assert lines == lines_of(FIRST, diary)


@given(lives())
def test_a_diary_only_adds_lines_and_changes_none_but_the_last(life):
    diary, _ = life
    before = lines_of(FIRST, ())
    for each in diary:
        after = before.after(each)
        assert after.all[: len(before.all) - 1] == before.all[:-1]
        assert after.active.settings[0][0] == 0
        before = after


@given(lives())
def test_every_epoch_of_a_line_has_one_owner_that_trained_it(life):
    diary, ends = life
    lines = lines_of(FIRST, diary)
    for line in lines.all:
        for epoch in range(1, ends[line.number] + 1):
            owner = lines.all[lines.owner(line.number, epoch)]
            assert owner.began < epoch <= ends[owner.number]
            assert owner.params_after(epoch) == line.params_after(epoch)
            assert lines.owner(owner.number, epoch) == owner.number


@given(lives(), st.data())
def test_the_pieces_of_a_line_cover_every_epoch_once_whatever_they_are_cut_at(life, data):
    diary, ends = life
    for line in lines_of(FIRST, diary).all:
        start = data.draw(st.integers(0, ends[line.number]))
        at = start
        while at < ends[line.number]:
            most = data.draw(st.integers(at + 1, ends[line.number]))
            stop, settings = next(line.pieces(at, most))
            assert at < stop <= most
            for epoch in range(at + 1, stop + 1):
                assert settings[-1][1] == line.params_after(epoch)
            at = stop
        covered = [stop for stop, _ in line.pieces(start, ends[line.number])]
        assert covered == sorted({*covered})


@given(lives())
def test_undo_restores_the_setting_of_before_the_last_change_but_not_its_length(life):
    diary, _ = life
    lines = lines_of(FIRST, diary)
    for nudge in reversed(lines.active.nudges):
        active = lines.active
        lines = lines.after(done("undo", active.number, nudge.epoch))
        now = lines.active
        kept = {LENGTH: active.params[LENGTH]} if LENGTH in active.params else {}
        assert now.params == {**nudge.before[-1][1], **kept}
        assert now.began == nudge.epoch
        for epoch in range(1, nudge.epoch + 1):
            assert now.params_after(epoch) == active.params_after(epoch)
    assert lines.active.nudges == ()
    assert {k: v for k, v in lines.active.params.items() if k != LENGTH} == FIRST[0][1]


@given(lives(), st.data())
def test_a_branch_without_a_change_has_the_settings_of_its_origin_but_for_its_length(life, data):
    diary, ends = life
    lines = lines_of(FIRST, diary)
    trial = data.draw(st.integers(0, len(ends) - 1))
    epoch = data.draw(st.integers(0, ends[trial]))
    branch, origin = lines.branched(Point(trial, epoch)).active, lines.all[trial].until(epoch)
    assert branch.params.get(LENGTH) == lines.active.params.get(LENGTH, origin.params.get(LENGTH))
    assert {**branch.params, LENGTH: 0} == {**origin.params, LENGTH: 0}
    for past in range(1, epoch + 1):
        assert branch.params_after(past) == origin.params_after(past)
    assert branch.nudges == origin.nudges


@given(lives())
def test_changing_twice_after_one_epoch_is_changing_once_and_undone_one_by_one(life):
    diary, ends = life
    lines = lines_of(FIRST, diary)
    once = lines.changed(ends[-1], {"rate": 8, "decay": 8})
    twice = lines.changed(ends[-1], {"rate": 8}).changed(ends[-1], {"decay": 8})
    assert once.active.settings == twice.active.settings
    assert twice.undone().active.params["rate"] == 8


@given(lives())
def test_only_pause_pauses_and_training_goes_on_after_whatever_else_is_done(life):
    diary, _ = life
    assert lines_of(FIRST, diary).paused == (
        bool([e for e in diary if e.action in ("pause", "continue", "stop")])
        and [e for e in diary if e.action in ("pause", "continue", "stop")][-1].action == "pause"
    )


@pytest.mark.parametrize(
    ("diary", "said"),
    [
        ([done("undo", 0, 0)], r"line 1: undo: there .* to undo at epoch 0 of branch 0$"),
        ([done("set", 1, 0)], r"line 1: trial: must be one of 0 to 0, found 1"),
        ([done("branch", 9, 0)], r"line 1: trial: must be one of 0 to 0, found 9"),
        ([done("branch", 0, 2), done("set", 0, 3)], r"line 2: set: must go on with the last line"),
        (
            [done("set", 0, 5, {"rate": 1}), done("set", 0, 4, {"rate": 2})],
            r"line 2: set: must go on with the last line, found epoch 4 of branch 0$",
        ),
        (
            [done("set", 0, 5, {"rate": 1}), done("undo", 0, 4)],
            r"line 2: undo: there is no change to undo",
        ),
    ],
)
def test_a_diary_that_contradicts_itself_is_refused_with_its_line(diary, said):
    with pytest.raises(ValueError, match=said):
        lines_of(FIRST, diary)


def test_a_model_that_began_with_a_change_can_have_it_undone():
    lines = lines_of(((0, {"rate": 1}), (4, {"rate": 2})), ())
    assert lines.undone().active.params == {"rate": 1}
    assert lines.undone().active.origin == Point(0, 4)
    assert isinstance(lines, Lines)
