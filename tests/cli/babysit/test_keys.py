"""What each key asks for: no terminal, no training."""

from pathlib import Path

import pytest
import yaml

from hpsearch.cli.babysit.keys import (
    HELP,
    SHORT,
    STEPS,
    Key,
    Now,
    Prompt,
    answered,
    asked,
    keys_of,
    short,
)
from hpsearch.config import from_mapping
from hpsearch.searching.babysit.lines import lines_of
from hpsearch.store.requests import Request

GUIDE = Path(__file__).parents[3] / "docs" / "guide.md"


def now(epoch=5, space=None, settings=None, **trainer):
    """A network after some epochs, with these parameters in its space."""
    params = dict(settings or {"learning_rate": 0.01})
    config = from_mapping(
        {
            "data": {"source": "digits"},
            "trainer": {"kind": "network", "epochs": 30, **trainer},
            "space": space or {name: {"values": [value]} for name, value in params.items()},
        }
    )
    return Now(config, lines_of(((0, params),), ()), epoch)


def press(name, at):
    key = Key(name) if len(name) > 1 else Key("text", name)
    return asked(key, at)


def value_of(names, at, parameter):
    """The value of a parameter after some keys."""
    for name in names:
        request = press(name, at)
        assert isinstance(request, Request), request
        at = at.after([request])
    return at.params[parameter]


@pytest.mark.parametrize(
    ("keys", "parameter", "expected"),
    [
        (["up"], "learning_rate", 0.03),
        (["up", "up"], "learning_rate", 0.09),
        (["down"], "learning_rate", 0.00333),
        (["down", "up"], "learning_rate", 0.01),
        (["down", "down", "up", "up"], "learning_rate", 0.01),
        (["m"], "beta1", 0.9667),
        (["M"], "beta1", 0.7),
        (["m", "M"], "beta1", 0.9),
        (["b"], "batch_size", 128),
        (["B"], "batch_size", 32),
        (["d"], "learning_rate_decay", 0.1),
        (["d", "d"], "learning_rate_decay", 0.3),
        (["d", "D"], "learning_rate_decay", 0.0),
        (["l"], "l2", 1e-4),
        (["l", "l", "l", "L", "L", "L"], "l2", 0.0),
        (["o", "o"], "dropout", 0.2),
        (["o", "o", "O"], "dropout", 0.1),
    ],
)
def test_a_key_changes_a_parameter_to_a_value_of_few_digits(keys, parameter, expected):
    assert value_of(keys, now(), parameter) == expected


@pytest.mark.parametrize(
    ("key", "settings", "why"),
    [
        ("O", {}, "nothing would change: dropout is 0.0 already"),
        ("o", {"dropout": 0.9}, "dropout: must be a number >= 0 and < 1, not 1.0"),
        ("B", {"batch_size": 2}, "must be at least 2 with batch norm"),
        ("m", {"optimizer": "sgd"}, "momentum would change nothing: only optimizer"),
        ("d", {"schedule": "cosine"}, "decay would change nothing: schedule cosine does not use"),
        ("o", {"hidden_layers": 0}, "dropout would change nothing: there is no hidden layer"),
        ("u", {}, "there is no change to undo"),
        ("x", {}, "x is no key here; ? shows all"),
        ("other", {}, "that is no key here; ? shows all"),
        ("paste", {}, "pasted text is taken only as a note"),
    ],
)
def test_a_key_that_can_do_nothing_says_why(key, settings, why):
    found = press(key, now(settings={"learning_rate": 0.01, **settings}))
    assert isinstance(found, str)
    assert why in found


def test_a_model_of_the_users_has_the_keys_that_its_parameters_allow(tmp_path):
    (tmp_path / "mine.py").write_text("def train(lr, depth, epochs):\n    yield {'loss': 1.0}\n")
    config = from_mapping(
        {
            "trainer": {"kind": "function", "function": f"{tmp_path}/mine.py:train", "epochs": 9},
            "metric": {"name": "loss", "goal": "minimize"},
            "space": {"lr": {"scale": "log", "min": 1e-3, "max": 1}, "depth": {"values": [1, 2]}},
        }
    )
    at = Now(config, lines_of(((0, {"lr": 0.1, "depth": 1}),), ()), 3)
    assert value_of(["up", "up", "up"], at, "lr") == 2.7  # beyond the range that was searched
    assert "this model has no dropout to change" in press("o", at)
    assert "this model has no momentum to change" in press("m", at)


def test_what_is_yet_to_be_done_counts_for_the_next_key():
    after = now().after([Request("set", {"dropout": 0.2}), Request("pause"), Request("undo")])
    assert press("u", after) == "there is no change to undo"
    assert press("p", after).action == "continue"
    assert press("o", now().after([Request("set", {"dropout": 0.2})])).set == {"dropout": 0.3}
    assert "stops after" in press("u", now().after([Request("stop")]))


def test_an_epoch_to_branch_at_must_have_been_trained():
    assert answered(Prompt("r", " 4 "), now()) == Request("branch", epoch=4, by="key")
    for text in ("6", "-1", "x", "1e0", "²"):
        assert answered(Prompt("r", text), now()).startswith("must be an epoch from 0 to 5")
    assert answered(Prompt("r", ""), now()) == ""


def test_any_parameter_is_changed_by_name():
    request = answered(Prompt("c", "optimizer=momentum"), now())
    assert request == Request("set", {"optimizer": "momentum"}, by="key")
    for text in ("0.003", "=3"):
        assert answered(Prompt("c", text), now()).startswith("write name=value, for example")
    assert "cannot change while the model trains" in answered(Prompt("c", "hidden_units=3"), now())


def test_several_parameters_are_changed_at_once():
    request = answered(Prompt("c", " dropout=0.2  learning_rate = 0.001 "), now())
    assert request == Request("set", {"dropout": 0.2, "learning_rate": 0.001}, by="key")
    quoted = answered(Prompt("c", "optimizer='rmsprop' dropout=0.2"), now())
    assert quoted.set == {"optimizer": "rmsprop", "dropout": 0.2}
    assert "dropout: must be" in answered(Prompt("c", "dropout=0.2 0.3"), now())


def test_a_decay_begins_together_with_its_schedule():
    constant = now(settings={"learning_rate": 0.01, "schedule": "constant"})
    text = "schedule=inverse_time learning_rate_decay=0.5"
    expected = {"schedule": "inverse_time", "learning_rate_decay": 0.5}
    assert answered(Prompt("c", text), constant).set == expected


def test_a_typed_line_is_edited_by_whole_characters():
    line = Prompt("n")
    for key in keys_of("añb\x7f\x7fé\x1b[200~x\ny\x1b[201~", last=True)[0]:
        line = line.typed(key)
    assert line.text == "aéx y"
    assert line.typed(Key("clear")).text == ""


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_key_that_comes_in_two_parts_is_one_key(cut):
    typed = "\x1b[A\x1b[200~é\x1b[201~\x1bOB\x1b[3~q"
    first, rest = keys_of(typed[:cut], last=False)
    second, rest = keys_of(rest + typed[cut:], last=False)
    assert rest == ""
    names = [key.name for key in (*first, *second)]
    assert names == ["up", "paste", "down", "other", "text"]


def test_an_escape_alone_is_a_key_once_nothing_follows():
    assert keys_of("\x1b", last=False) == ([], "\x1b")
    assert keys_of("\x1b", last=True) == ([Key("escape")], "")


def test_short_values_read_back_as_they_are_shown():
    for value in (1e-30, 0.1, 1 / 3, 12345.678, 0.0, 3e20):
        assert yaml.safe_load(f"[{short(value)!r}]")
        assert short(value) == pytest.approx(value, rel=0.005)


def test_help_and_guide_name_every_key():
    text = GUIDE.read_text(encoding="utf-8")
    for keys, what in HELP:
        assert f"| `{'`, `'.join(keys.split(', '))}` | {what} |" in text
    named = {key for keys, _ in HELP for key in keys.split(", ")}
    assert {*STEPS} <= named
    assert {key for keys, _ in SHORT for key in keys.split("/")} <= named
