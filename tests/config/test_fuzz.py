"""Whatever the file holds: a configuration, or readable problems; never a traceback."""

import json
import random
import re

import pytest

from hpsearch.cli.preview import show_plan
from hpsearch.config import from_mapping, from_run, load, remarks_on
from hpsearch.config.misfits import draws
from hpsearch.errors import ConfigError
from hpsearch.searching.criterion import criterion_of
from hpsearch.searching.planning import epochs_needed, rounds_of
from hpsearch.trainers.command.filling import filled

SCRAPS = (
    b"null true -1 0 1e400 .nan [] {} 'x' 1e-320 99999999999999999999 [1,[2]] {a:b} &a *a <<: --- "
    b"\x00 \xff !!int - ? # | > % @ log 1-10^r min max values value per when cross step int 1e12 "
    b"-1e300 1e300 0.5 2 hidden_layers optimizer epochs start halving confirm factor devices "
    b"memory 2G ordered guess true {a:1} [{a:1},{b:[2]}] normal mean deviation "
    b"{mean:1,deviation:2} {mean:1e-3,deviation:1e-9} choice {choice:{a:,b:{l2:{min:0,max:1}}}}"
).split(b" ")
SEVERAL = b"""\
data: {source: digits}
trainer: {kind: network, epochs: 9}
metric:
  - {name: val_accuracy, goal: maximize, at: last, target: 0.97}
  - {name: parameters, at_most: 5000, at_least: 10}
  - {name: val_loss, goal: minimize}
space:
  learning_rate: {scale: log, min: 1e-3, max: 1, step: 0.01}
  batch_size: {values: [32, 64, 128], ordered: true}
  hidden_layers: {type: int, min: 0, max: 2, guess: 1}
search: {trials: 90, rounds: 4, patience: 2, max_failures: 5, retries: 1, max_epochs: 900,
  repeats: 1, halving: {min_epochs: 1}, confirm: {top: 2, seeds: 2}, sampler: zoom}
"""
LIMITS = (
    b"null -1 0 1 2 1e9 1e400 .nan 0.5 1000000 1000001 [] {} true 'x' grid random zoom minimize "
    b"maximize at_most at_least target goal name at best val_loss val_accuracy parameters seconds "
    b"predict_us test_accuracy trials patience max_failures retries max_epochs folds"
).split(b" ")
COMMAND = b"""\
trainer:
  kind: command
  command: "{python} t.py --lr {lr} [--m {m}] --n={n} {args} a[0] [[1]] {params_file} {seed}"
  args: {style: spaced, hyphens: true, booleans: flag, lists: comma}
  env: {LR: "{lr}", MODE: offline}
  params_file: params.yaml
metric: {name: loss}
space:
  lr: {min: 0, max: 1}
  opt: {values: [a, b]}
  m: {min: 0, max: 1, when: {opt: a}}
  n: {derive: "2 * m"}
"""
WORDS = (
    b"[ ] [[ ]] [{m}] {m} {{m}} ' {args} {python} {params_file} [x] \\ null true 3 style json "
    b"hydra hyphens booleans lists repeat spaced env args ${lr} {x.y} {a:b} {} \0 lr"
).split(b" ")
WORD = re.compile(rb"[A-Za-z0-9_.^-]+")


def mutated(text, chance, scraps=SCRAPS, kept=0):
    """A text with scraps in the place of words, or before them, but not among the first bytes."""
    for _ in range(chance.choice([1, 1, 2, 5])):
        spans = [match.span() for match in WORD.finditer(text, kept)]
        start, stop = chance.choice(spans)
        scrap = chance.choice([*scraps, b"", b"\t", b"\n", b": ", text[stop : stop + 9]])
        text = text[:start] + scrap + text[chance.choice([start, stop]) :]
    return text


def outcome(path):
    try:
        return load(path)
    except ConfigError as error:
        return error


@pytest.mark.parametrize("seed", range(200))
def test_a_mutated_file_gives_a_configuration_or_readable_problems(seed, digits, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_bytes(mutated(digits.read_bytes(), random.Random(seed)))
    sound_or_told(path)


@pytest.mark.parametrize("seed", range(200))
def test_mutated_metrics_and_limits_give_a_plan_or_readable_problems(seed, tmp_path, capsys):
    path, kept = tmp_path / "c.yaml", SEVERAL.index(b"metric:")
    path.write_bytes(mutated(SEVERAL, random.Random(f"limits {seed}"), LIMITS, kept))
    config = sound_or_told(path)
    if config is None:
        return
    plan = rounds_of(config)
    assert criterion_of(config).name == config.metric.name
    budget = config.search.max_epochs
    assert budget is None or epochs_needed(config, plan) <= budget
    show_plan(config)
    assert capsys.readouterr().out


@pytest.mark.parametrize("seed", range(200))
def test_mutated_words_of_a_command_are_filled_or_readable_problems(seed, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_bytes(mutated(COMMAND, random.Random(f"words {seed}"), WORDS))
    config = sound_or_told(path)
    if config is not None and config.trainer.kind == "command":
        names = tuple(config.space.names)
        for params in draws(config.space, 4):
            made = {"python": "", "params_file": "", "seed": 1}
            assert filled(config.trainer.options["command"], {**made, **params}, [], names)


def sound_or_told(path):
    """The configuration in a file, which comes back from its dict; None where it is refused."""
    found = outcome(path)
    if isinstance(found, ConfigError):
        assert found.problems
        assert all(line.startswith(str(path)) and "\n" not in line for line in found.problems)
        return None
    remarks_on(found)
    stored = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert from_mapping(stored) == found
    assert from_run(stored, path.parent) == found
    return found
