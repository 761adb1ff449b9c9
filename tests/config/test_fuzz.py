"""Whatever the file holds: a configuration, or readable problems; never a traceback."""

import json
import random
import re

import pytest

from hpsearch.config import from_mapping, from_run, load, remarks_on
from hpsearch.errors import ConfigError

SCRAPS = (
    b"null true -1 0 1e400 .nan [] {} 'x' 1e-320 99999999999999999999 [1,[2]] {a:b} &a *a <<: --- "
    b"\x00 \xff !!int - ? # | > % @ log 1-10^r min max values value per when cross step int 1e12 "
    b"-1e300 1e300 0.5 2 hidden_layers optimizer epochs start halving confirm factor devices "
    b"memory 2G ordered guess true {a:1} [{a:1},{b:[2]}] normal mean deviation "
    b"{mean:1,deviation:2} {mean:1e-3,deviation:1e-9}"
).split(b" ")
WORD = re.compile(rb"[A-Za-z0-9_.^-]+")


def mutated(text, chance):
    for _ in range(chance.choice([1, 1, 2, 5])):
        start, stop = chance.choice([match.span() for match in WORD.finditer(text)])
        scrap = chance.choice([*SCRAPS, b"", b"\t", b"\n", b": ", text[stop : stop + 9]])
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
    found = outcome(path)
    if isinstance(found, ConfigError):
        assert found.problems
        assert all(line.startswith(str(path)) and "\n" not in line for line in found.problems)
    else:
        remarks_on(found)
        stored = json.loads(json.dumps(found.as_dict(), allow_nan=False))
        assert from_mapping(stored) == found
        assert from_run(stored, tmp_path) == found
