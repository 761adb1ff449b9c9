"""The rows of the live view: whatever the model is, they fit."""

import dataclasses
from math import nan

import pytest
from rich.cells import cell_len

from hpsearch.cli.babysit.keys import Prompt
from hpsearch.cli.babysit.layout import Shown, bottom_of, help_rows, plot, rate_now, view
from hpsearch.config import from_mapping
from hpsearch.report.babysit.advice import Offered
from hpsearch.searching.babysit.lines import lines_of
from hpsearch.searching.babysit.story import Story
from hpsearch.searching.criterion import criterion_of
from hpsearch.store import RunDirectory
from hpsearch.trial import Diagnosis, Intervention, Layer, Point

LONG = "a reason so long that no terminal shows it whole, but for the last one " * 3


def story_of(tmp_path, layers=5, epochs=40, done=15, **settings):
    """A model with everything: interventions with notes, layers, branches."""
    params = {"learning_rate": 0.01, **settings}
    config = from_mapping(
        {
            "data": {"source": "digits"},
            "trainer": {"kind": "network", "epochs": 100, "hidden_layers": layers},
            "space": {name: {"values": [value]} for name, value in params.items()},
        }
    )
    diary = [
        Intervention(
            time="2026-01-01T00:00:00.000+00:00",
            trial=0,
            epoch=place + 1,
            action="set",
            set={"learning_rate": (0.01 * place, 0.01 * (place + 1))},
            note=LONG,
            by="key",
        )
        for place in range(done)
    ]
    curve = {"epoch": [*map(float, range(1, epochs + 1))]} | {
        name: [1.0 / (1 + epoch) for epoch in range(epochs)]
        for name in ("train_loss", "val_loss", "val_accuracy")
    }
    names = [f"hidden {place}" for place in range(1, layers + 1)] + ["output"]
    found = [
        Layer(name, 12.3, 0.01, 1e-5 * 10**place, 0.3, 0.7) for place, name in enumerate(names)
    ]
    run = RunDirectory(tmp_path / "runs" / "a_name_of_a_run_that_is_long_enough_for_any_terminal")
    return Story(
        run=run,
        info=dataclasses.make_dataclass("Info", ["babysit"])(None),
        config=config,
        criterion=criterion_of(config),
        lines=lines_of(((0, params),), diary),
        own={0: curve},
        diary=diary,
        results={},
        diagnostics=[Diagnosis(number=0, epoch=epochs, seconds=0.1, layers=found)],
    )


def texts(lines):
    return ["".join(text for text, _ in line.stretches) for line in lines]


ADVICE = [Offered("rate", "learning_rate", "the loss oscillates", "hpsearch steer m --undo")]
SHOWN = Shown(at=40, pace=0.1, said=LONG, earlier=["first", LONG], advice=ADVICE)


@pytest.mark.parametrize(
    "size", [(80, 24), (200, 50), (100, 30), (40, 12), (20, 5), (10, 2), (1, 1)]
)
@pytest.mark.parametrize("layers", [0, 1, 5, 40])
def test_the_view_is_as_high_as_the_terminal_and_its_last_row_the_keys(tmp_path, size, layers):
    bottom, _ = bottom_of(None, size[0])
    rows = view(story_of(tmp_path, layers), SHOWN, size, True, bottom)
    assert len(rows) == size[1]
    assert rows[-1] is bottom


def test_at_80_by_24_five_layers_and_all_that_counts_are_shown(tmp_path):
    bottom, _ = bottom_of(None, 80)
    shown = "\n".join(texts(view(story_of(tmp_path), SHOWN, (80, 24), True, bottom)))
    for text in ("epoch 40/100", "val_accuracy", "val_loss", "train_loss", "learning_rate",
                 "best", "branch", "hidden 1", "hidden 5", "output", "update/weights",
                 "# a reason", "a reason so long", "the loss oscillates", "steer m --undo",
                 "up/down rate", "? help"):  # fmt: skip
        assert text in shown


def test_the_least_important_rows_go_first(tmp_path):
    bottom, _ = bottom_of(None, 60)
    few = texts(
        view(story_of(tmp_path), Shown(at=40, answer="no such key"), (60, 5), True, bottom)
    )
    assert few[0].startswith("a_name")
    assert "no such key" in few[-2]
    assert "val_accuracy" in few[1]


def test_more_room_makes_curves_higher_and_shows_more_of_what_was_done(tmp_path):
    bottom, _ = bottom_of(None, 200)
    shown = texts(view(story_of(tmp_path), SHOWN, (200, 50), True, bottom))
    assert sum("⠀" <= char <= "⣿" for char in "".join(shown)) > 100
    assert sum("# a reason" in row for row in shown) == 12


@pytest.mark.parametrize(("ratio", "word"), [(1e-3, ""), (9e-5, "low "), (2e-2, "high ")])
def test_a_ratio_far_from_1e3_has_a_word_and_not_only_a_colour(tmp_path, ratio, word):
    story = story_of(tmp_path, layers=0)
    layer = Layer("output", 1.0, 1.0, ratio)
    last = dataclasses.replace(story.diagnostics[0], layers=[layer])
    rows = texts(view(dataclasses.replace(story, diagnostics=[last]), SHOWN, (80, 24), True))
    assert any(row.startswith("output") and f" {word}{ratio:.1e}" in row for row in rows)


def test_control_characters_in_notes_and_messages_are_escaped(tmp_path):
    story = story_of(tmp_path)
    bad = dataclasses.replace(story.diary[-1], note="\x1b[2J\nboo\u202e")
    shown = Shown(at=40, said="\x1b]0;title\x07", earlier=["\x9b1m"])
    rows = view(dataclasses.replace(story, diary=[bad]), shown, (80, 24), True)
    assert all(row.isprintable() for row in texts(rows))


def test_the_newest_message_has_two_rows_and_leaves_the_settings_their_place(tmp_path):
    bottom, _ = bottom_of(None, 80)
    shown = texts(view(story_of(tmp_path), SHOWN, (80, 24), True, bottom))
    (place,) = [place for place, row in enumerate(shown) if row.startswith("said ")]
    assert "".join(shown[place : place + 2]).count("a reason so long") > 1
    assert shown[place + 2 :] == [shown[-1]]
    assert any(row.startswith("settings") for row in shown)


def test_what_a_message_tells_of_is_not_in_what_was_done(tmp_path):
    story = story_of(tmp_path)
    shown = texts(view(story, Shown(at=40, said="0.14 -> 0.15", tells=1), (80, 24), True))
    done = next(row for row in shown if row.startswith("done"))
    assert done.startswith("done           epoch 14")
    assert not any("epoch 15: " in row for row in shown)


def test_an_answer_to_a_key_has_a_label(tmp_path):
    shown = texts(view(story_of(tmp_path), Shown(at=40, answer="x is no key"), (80, 24), True))
    assert "key            x is no key" in shown


def paused(story, *later):
    """The same model, which a rescue has paused, and what was done since."""
    by_rescue = dataclasses.replace(
        story.diary[0], action="pause", set={}, note=None, by="rescue", epoch=15
    )
    diary = [*story.diary, by_rescue, *later]
    lines = lines_of(((0, {"learning_rate": 0.01}),), diary)
    return dataclasses.replace(story, diary=diary, lines=lines)


def test_a_model_that_diverged_twice_says_why_it_pauses_until_something_was_changed(tmp_path):
    story = story_of(tmp_path)
    row, *others = texts(view(paused(story), Shown(at=40), (80, 24), True))
    assert row.endswith("paused: diverged twice; lower the rate (down), then p")
    assert "done           epoch 15: pause (by the rescue)" in others
    assert cell_len(row) <= 80
    note = dataclasses.replace(story.diary[0], set={}, epoch=15)
    lower = dataclasses.replace(story.diary[0], epoch=15)
    row = texts(view(paused(story, note), Shown(at=40), (80, 24), True))[0]
    assert row.endswith("then p")
    row = texts(view(paused(story, note, lower), Shown(at=40), (80, 24), True))[0]
    assert "paused: p goes on" in row


def test_layers_are_those_of_the_branch_in_training_or_of_that_it_came_from_which_is_said(
    tmp_path,
):
    story = story_of(tmp_path, done=0)
    lines = story.lines.branched(Point(0, 10))
    own = {**story.own, 1: {name: values[10:12] for name, values in story.own[0].items()}}
    layers = story.diagnostics[0].layers

    def shown(*measured):
        found = [Diagnosis(number=n, epoch=e, seconds=0.1, layers=layers) for n, e in measured]
        changed = dataclasses.replace(story, lines=lines, own=own, diagnostics=found)
        return "\n".join(texts(view(changed, Shown(at=12), (80, 40), True)))

    assert "\nepoch 11 " in shown((0, 8), (1, 11))
    assert "not measured yet" not in shown((0, 8), (1, 11))
    assert "\nepoch 8 " in shown((0, 8), (0, 30))
    assert "of branch 0; branch 1 is not measured yet" in shown((0, 8), (0, 30))
    assert "update/weights" not in shown((0, 30))


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("epochs", [2, 3, 9])
def test_few_epochs_are_a_line_over_the_whole_width(epochs, unicode):
    rows = plot([float(epoch) for epoch in range(epochs)], 40, 4, unicode)
    columns = [*zip(*rows, strict=True)]
    assert len(columns) == 40
    assert all(sum(mark != " " for mark in column) in (1, 2) for column in columns)
    assert columns[0][3] != " "
    assert columns[-1][0] != " "


def test_an_epoch_between_two_that_are_undefined_is_drawn():
    (row,) = plot([nan, 2.0, nan, 1.0, 1.0], 21, 1, unicode=True)
    assert [place for place, mark in enumerate(row) if mark == "█"] == [5]


def test_the_epochs_that_the_curves_are_drawn_over_stand_below_their_ends(tmp_path):
    rows = texts(view(story_of(tmp_path, epochs=12), SHOWN, (80, 40), True))
    (axis,) = [row for row in rows if row.startswith("epoch ") and row.endswith(" 12")]
    assert len(axis.split()) == 3
    curve = next(row for row in rows if row.startswith("val_loss"))
    assert axis.index("1") == curve.index(next(char for char in curve if "⠀" < char <= "⣿"))


def test_the_keys_that_people_need_first_fit_80_columns():
    (text,) = texts([bottom_of(None, 80)[0]])
    for key in ("up/down", "u", "c", "p", "q", "r", "d", "o", "?"):
        assert f" {key} " in f" {text} "
    assert texts([bottom_of(None, 20)[0]])[0].endswith("? help")


def test_the_rate_now_is_that_of_the_schedule(tmp_path):
    fixed = {"learning_rate_decay": 0.1, "schedule": "inverse_time"}
    assert rate_now(story_of(tmp_path, **fixed)) == pytest.approx(0.15 / (1 + 0.1 * 40))
    assert rate_now(story_of(tmp_path, done=0)) == 0.01


def test_a_long_line_that_is_typed_shows_its_end():
    bottom, column = bottom_of(Prompt("n", "x" * 100 + "宽end"), 40)
    (text,) = texts([bottom])
    assert text.endswith("宽end")
    assert cell_len(text) == column < 40


def test_a_small_terminal_shows_the_help_from_its_most_important_row():
    assert texts(help_rows((80, 1))) == ["Any key goes back to the view."]
    assert len(help_rows((80, 10))) == 10


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("height", [1, 4])
@pytest.mark.parametrize(
    "values",
    [[], [nan], [1.0], [1.0, 1.0], [nan, 2.0, nan], [1e308, -1e308, 1e308] * 50, [0.0, 1e-300],
     [float(k) for k in range(999)]],
)  # fmt: skip
def test_any_values_give_rows_no_longer_than_the_width(values, height, unicode):
    rows = plot(values, 30, height, unicode)
    assert len(rows) == height
    assert all(len(row) <= 30 for row in rows)
    assert unicode or "".join(rows).isascii()
