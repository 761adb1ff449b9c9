"""`{args}` and `{params_file}` write the parameters so that common parsers read them back."""

import argparse
import json
import subprocess
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.errors import TrainerError
from hpsearch.trainers.command.arguments import Arguments, file_of, template_of, written

PARAMS = {"lr": 1e-05, "use_bn": True, "skip": False, "units": [8, 4], "note": "a b", "x": None}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "--lr=1e-05|--use_bn=true|--skip=false|--units=[8, 4]|--note=a b|--x=null"),
        (
            {"style": "spaced", "hyphens": True},
            "--lr|1e-05|--use-bn|true|--skip|false|--units|[8, 4]|--note|a b|--x|null",
        ),
        (
            {"style": "hydra", "booleans": "python", "lists": "comma"},
            "lr=1e-05|use_bn=True|skip=False|units=8,4|note=a b|x=None",
        ),
        (
            {"booleans": "flag", "lists": "repeat"},
            "--lr=1e-05|--use_bn|--units=8|--units=4|--note=a b|--x=null",
        ),
        (
            {"booleans": "no-flag", "lists": "spaced", "hyphens": True},
            "--lr=1e-05|--use-bn|--no-skip|--units|8|4|--note=a b|--x=null",
        ),
        (
            {"style": "spaced", "lists": "repeat"},
            "--lr|1e-05|--use_bn|true|--skip|false|--units|8|--units|4|--note|a b|--x|null",
        ),
    ],
)
def test_each_style_writes_its_own_words(keys, words):
    assert written().apply({"hyphens": False, **keys})
    assert Arguments(**keys).words(PARAMS) == words.split("|")


def test_all_in_one_word_is_json():
    (word,) = Arguments("json").words(PARAMS)
    assert json.loads(word) == PARAMS
    assert Arguments("json").words({}) == ["{}"]
    assert Arguments().words({}) == []


def test_lists_and_mappings_inside_a_list_stay_json():
    nested = {"blocks": [[8, 4], {"kind": "conv"}, True]}
    assert Arguments(lists="repeat", booleans="python").words(nested) == [
        "--blocks=[8, 4]", '--blocks={"kind": "conv"}', "--blocks=True",
    ]  # fmt: skip


@given(
    st.fixed_dictionaries(
        {
            "lr": st.floats(1e-9, 1e9),
            "use_bn": st.booleans(),
            "note": st.text(min_size=1),
            "units": st.lists(st.integers(0, 99), min_size=1),
        }
    )
)
def test_argparse_reads_what_was_written(params):
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float)
    parser.add_argument("--use-bn", action=argparse.BooleanOptionalAction)
    parser.add_argument("--note")
    parser.add_argument("--units", type=int, nargs="+")
    words = Arguments(hyphens=True, booleans="no-flag", lists="spaced").words(params)
    assert vars(parser.parse_args(words)) == params


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("equals", "a mapping with keys style, hyphens, booleans, lists, found 'equals'"),
        ({"stile": "json"}, "with 'stile' (did you mean 'style'?)"),
        ({"style": "hydr"}, "style: equals, spaced, hydra or json, found a mapping with style:"),
        ({"style": "hydr"}, "(did you mean 'hydra'?)"),
        ({"hyphens": "yes"}, "hyphens: true or false, found a mapping with 'yes'"),
        ({"lists": []}, "lists: json, comma, spaced or repeat, found a mapping with lists: an em"),
        ({"style": "json", "lists": "comma"}, "style: json alone"),
        ({"style": "hydra", "booleans": "flag"}, "with booleans: flag; drop it, or take another"),
    ],
)
def test_another_way_of_writing_is_refused(value, message):
    with pytest.raises(ValueError, match="must be") as caught:
        written().apply(value)
    assert message in str(caught.value)


def test_a_file_that_is_made_whole_reads_back():
    assert json.loads(file_of(PARAMS, {}, None, ".json", ())) == PARAMS
    assert yaml.safe_load(file_of(PARAMS, {}, None, ".yaml", ())) == PARAMS


def test_a_template_has_the_values_in_its_places(tmp_path):
    (tmp_path / "conf.toml").write_text('lr = {lr}\nname = "{trial} {{lr}}"\nmomentum = {m}\n')
    template = template_of(str(tmp_path), "conf.toml")
    values = {**PARAMS, "trial": 7}
    assert file_of(PARAMS, values, template, ".toml", ("lr", "m")) == (
        'lr = 1e-05\nname = "7 {lr}"\nmomentum = \n'
    )
    assert template_of(str(tmp_path), "absent.toml") is None


def test_numbers_in_a_template_of_yaml_are_numbers_to_yaml_1_1():
    names, values = ("a", "b", "c"), {"a": 1e-05, "b": [2e-07, 'say "1e-05"'], "c": "1e5"}
    text = file_of({}, values, "a: {a}\nb: {b}\nc: '{c}'\n", ".yml", names)
    assert yaml.safe_load(text) == values


def test_a_name_with_dots_is_the_key_of_that_name_or_a_place_in_a_mapping():
    text = '{"a.b": 1, "a": {"b": 2, "c.d": 3, "e": [4]}}'
    params = {"a.b": 10, "a.c.d": 30, "a.e": [40], "a.f": 50}
    made = json.loads(file_of(params, {}, text, ".json", tuple(params)))
    assert made == {"a.b": 10, "a": {"b": 2, "c.d": 30, "e": [40]}}


def test_a_template_that_is_no_text_is_told(tmp_path):
    (tmp_path / "conf").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TrainerError, match=r"params_file: .*conf: cannot be read: is no UTF-8"):
        template_of(str(tmp_path), "conf")
    with pytest.raises(TrainerError, match=r"cannot be read: Is a directory"):
        template_of(str(tmp_path), ".")


def test_flags_are_what_a_script_of_flags_takes():
    script = (
        "import argparse, json; p = argparse.ArgumentParser(); "
        "p.add_argument('--amp', action='store_true'); p.add_argument('--lr', type=float); "
        "print(json.dumps(vars(p.parse_args())))"
    )
    for amp in (True, False):
        words = Arguments("spaced", booleans="flag").words({"amp": amp, "lr": 0.5})
        told = subprocess.run(
            [sys.executable, "-c", script, *words], capture_output=True, check=True, text=True
        )
        assert json.loads(told.stdout) == {"amp": amp, "lr": 0.5}


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("conf/x.yaml", "a=conf/x.yaml"),
        ("a=b", "a='a=b'"),
        ("", "a=''"),
        ("end\\", r"a='end\\'"),
        (["b c", "d'e"], r"a=[b c, 'd\'e']"),
        ({"m": [1, None]}, "a={m:[1, null]}"),
    ],
)
def test_overrides_are_written_as_the_parser_of_hydra_reads_them(value, word):
    assert Arguments("hydra").words({"a": value}) == [word]
