"""Mutate spaces at random; each is refused with clear problems, or its trials keep to it.

    python tests/faults/fuzz_spaces.py --count 12000
    python tests/faults/fuzz_spaces.py --count 0 --searches 36

A space is drawn (scales, laws, whole numbers, steps, choices, `per`, `when`, `cross`, `guess`,
alternatives, derived values, constraints), and all but one in eight are then mutated: values and
expressions replaced, keys misspelt, moved or gone. It is refused, each problem on one line with
its place, or it is sound: then its trials keep every constraint, as Python computes it, places and
settings come back from each other, and so does the configuration from its file and from its run.
`--searches` does as many searches of sound spaces in processes: with one job, with three, and
killed by SIGKILL and resumed.
Ends with status 1 if one was otherwise.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import io
import json
import math
import random
import re
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from kills import LONGEST, best, curves, fates, finished, hpsearch, kill, said

from hpsearch.cli.preview import show_space
from hpsearch.config import Config, from_mapping, from_run, load, remarks_on
from hpsearch.errors import ConfigError
from hpsearch.sampling.propose import propose
from hpsearch.sampling.ranking import UNKNOWN, Observation
from hpsearch.space import Space
from hpsearch.space.bounds import narrow
from hpsearch.space.feasible import some
from hpsearch.space.settings import count as settings_of
from hpsearch.space.settings import draw_key
from hpsearch.space.stored import space_from_config
from hpsearch.store.files import as_yaml

Tree = dict[str, Any]

NAMES = ("a", "b", "units", "lr", "opt", "depth", "k-v", "beta1", "seed_", "größe", "x.y")
WORDS = ("adam", "sgd", "on", "none", "1", "")
SCRAPS: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2, 3, 0.5, 1.0, 1e-320, 1e300, -1e300, 10**20, 2**53, 1e12),
    *("log", "1-10^r", "int", "a", "b", "units", "", "x" * 2000, "\x00", "a < b", "1e-3", "é"),
    *([], [[]], [1], [1, 1], [3, 2, 1], ["a", 1], [True, False], [1, [2]], list(range(300))),
    *({}, {"a": 1}, {"min": 0, "max": 1}, {"values": [1, 2]}, {"derive": "a"}, {"when": {"b": 1}}),
    *({"mean": 0, "deviation": 1}, {"mean": 0.1, "deviation": 1e-9}),
    *({"adam": {"a": {"min": 0, "max": 1}}, "sgd": None}, {"choice": {"on": {}, "none": None}}),
)
KEYS = (
    *("min", "max", "scale", "type", "step", "values", "value", "ordered", "per", "when", "cross"),
    *("guess", "derive", "mim", "Values", "normal", "choice", "mean", "deviation", "epochs", "a"),
)
PIECES = (
    *(
        "a",
        "b",
        "units",
        "units[0]",
        "units[-1]",
        "opt",
        'space["k-v"]',
        "depth",
        "nosuch",
        "true",
    ),
    *(
        "1",
        "0",
        "0.5",
        "2 ** 9",
        "9 ** 9 ** 9",
        "1 / 0",
        "'adam'",
        "[1, 2]",
        "null",
        "''",
        "1e400",
    ),
    *("len(units)", "sum(units)", "min(a, b)", "max()", "log2(a)", "round(a, 2)", "abs(", "len()"),
    *("lambda: 0", "__import__('os')", "a.b.c", "{1: 2}", "a if b else 1", "f'{a}'", "x := 1"),
)
JOINTS = ("<", "<=", "==", "!=", "in", "not in", "+", "-", "*", "/", "//", "%", "**", "and", "or")


def main() -> int:
    """Try as many spaces as asked, print one line for each fault and a summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=12_000, help="how many mutated spaces")
    parser.add_argument(
        "--searches", type=int, default=0, help="how many are searched, and killed"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the spaces and the mutations")
    parser.add_argument("--only", type=int, help="try one, by its number, and show it")
    parser.add_argument("--messages", action="store_true", help="list the problems that were told")
    given = parser.parse_args()
    if given.only is not None:
        print(json.dumps(drawn(given.seed, given.only), indent=1))
        print(*tried(given.seed, given.only))
        return 0
    start, outcomes, told = time.monotonic(), Counter[str](), dict[str, str]()
    faults = 0
    for number in range(given.count):
        outcome, story = tried(given.seed, number)
        outcomes[outcome] += 1
        if outcome == "fault":
            faults += 1
            print(f"space {number}: {story}", flush=True)
        elif outcome == "refused" and given.messages:
            for line in story.splitlines():
                told.setdefault(shape(line), line)
    for line in sorted(told.values(), key=lambda line: line.partition(": ")[2]):
        print(line)
    searched = searches(given.searches, given.seed)
    print(
        f"{given.count} spaces in {time.monotonic() - start:.0f} s: {outcomes['sound']} sound, "
        f"{outcomes['refused']} refused; {given.searches} searches; {faults + searched} faults"
    )
    return 1 if faults + searched else 0


def drawn(seed: int, number: int) -> Tree:
    """The configuration with this number."""
    chance = random.Random(f"{seed} {number}")
    tree = configuration(chance)
    if number % 8:
        for _ in range(chance.choice([1, 1, 1, 1, 2, 4])):
            mutate(tree, chance)
    return tree


def shape(line: str) -> str:
    """A problem without the names and numbers in it."""
    return re.sub(r"'[^']*'|\"[^\"]*\"|[-+\d.,e%]*\d[\d.,e%]*", "_", line.partition(": ")[2])


# Spaces that are sound, mostly: a function for each form of parameter.


def configuration(chance: random.Random) -> Tree:
    """A configuration of a function, with a space of up to six parameters."""
    names = chance.sample(NAMES, chance.choice([1, 2, 3, 3, 4, 4, 6]))
    space: Tree = {}
    for name in names:
        form = chance.choice(FORMS)
        space[name] = form(chance)
        if chance.random() < 0.25:
            condition(space, name, chance)
        if chance.random() < 0.15:
            repeat(space, name, chance)
    if chance.random() < 0.2:
        cross(space, chance)
    elif chance.random() < 0.3:
        group(space, chance)
    if chance.random() < 0.4:
        keys = {"derive": expression(space, chance, number=True)}
        space[chance.choice(["twice", "size", "k"])] = keys
    where = [
        expression(space, chance, number=False) for _ in range(chance.choice([0, 0, 1, 1, 2, 3]))
    ]
    for name in [name for name in space if chance.random() < 0.2]:
        alternatives(space, name, chance)
    items = list(space.items())
    chance.shuffle(items)
    return {
        "trainer": {"kind": "function", "function": "own.py:train", "epochs": 4},
        "metric": {"name": "loss", "goal": "minimize"},
        "space": dict(items),
        **({"where": where} if where else {}),
    }


def real(chance: random.Random) -> Tree:
    """A range on any scale."""
    scale = chance.choice([None, "linear", "log", "10^r", "1-10^r"])
    if scale in ("log", "10^r"):
        low, high = 10 ** chance.uniform(-8, 1), 10 ** chance.uniform(2, 5)
    elif scale == "1-10^r":
        low, high = chance.uniform(-1, 0.5), 1 - 10 ** chance.uniform(-3, -1)
    else:
        low, high = chance.uniform(-10, 0), chance.uniform(0.1, 20)
    digits = chance.choice([3, 17])
    low, high = (float(f"{bound:.{digits}g}") for bound in (low, high))
    keys = {"min": low, "max": high, **({} if scale is None else {"scale": scale})}
    if chance.random() < 0.2:
        keys["step"] = float(f"{(high - low) / chance.choice([2, 3.3, 10, 500]):.2g}")
    elif chance.random() < 0.3:
        keys["guess"] = low + (high - low) * chance.choice([0, 0.01, 0.3, 1])
        keys["guess"] = min(max(keys["guess"], low), high)
    return lawful(keys, chance)


def whole(chance: random.Random) -> Tree:
    """Whole numbers, perhaps with a step."""
    low = chance.choice([0, 0, 1, 1, 2, -5, 16])
    keys: Tree = {"type": "int", "min": low, "max": low + chance.choice([1, 2, 3, 9, 100, 10**9])}
    if low > 0 and chance.random() < 0.4:
        keys["scale"] = "log"
    if chance.random() < 0.2:
        keys["step"] = chance.choice([step for step in (1, 2, 3) if low + step <= keys["max"]])
    if chance.random() < 0.2:
        keys["guess"] = low
    return lawful(keys, chance)


def lawful(keys: Tree, chance: random.Random) -> Tree:
    """A range, perhaps under a normal law, which may do without a bound."""
    if chance.random() < 0.25:
        low, high = keys["min"], keys["max"]
        mean = chance.choice([low, high, low + 0.1 * (high - low), low + 0.5 * (high - low)])
        keys["normal"] = {"mean": mean, "deviation": chance.choice([0.1, 1, (high - low) / 3])}
        if "type" not in keys and chance.random() < 0.3:
            del keys[chance.choice(["min", "max"])]
    return keys


def choice(chance: random.Random) -> Tree:
    """Values of one kind, or of several."""
    pool: list[Any] = chance.choice(
        [
            [16, 32, 64, 128],
            [0.1, 0.01, 0.001],
            [1, 2.5, 7],
            list(WORDS),
            [True, False],
            [None, "adam", 1, True, 0.5],
            [[1], [2, 3], [], ["a", None]],
            [{"lr": 0.1, "n": 1}, {"lr": 0.2, "n": 2, "deep": [1, 2]}, {}],
            [0, 1, 2, 3],
        ]
    )
    values = pool[: chance.randint(1, len(pool))]
    keys: Tree = {"values": values}
    if len(values) > 1 and chance.random() < 0.3:
        keys["ordered"] = chance.choice([False, all(type(value) is str for value in values)])
    if len(values) > 1 and chance.random() < 0.2:
        keys["guess"] = chance.choice(values)
    return keys


def fixed(chance: random.Random) -> Tree:
    """One value."""
    return {"value": chance.choice([0.9, 3, "adam", True, None, [1, 2], {"a": 1}])}


FORMS = (real, real, whole, whole, choice, choice, choice, fixed)


def condition(space: Tree, name: str, chance: random.Random) -> None:
    """Let a parameter count only where others have certain values."""
    others = [
        (other, keys)
        for other, keys in space.items()
        if other != name and "per" not in keys and possible(keys)
    ]
    for other, keys in chance.sample(others, min(len(others), chance.choice([1, 1, 2]))):
        values = chance.sample(possible(keys), chance.randint(1, len(possible(keys))))
        when = values[0] if len(values) == 1 else values
        space[name].setdefault("when", {})[other] = when


def alternatives(space: Tree, name: str, chance: random.Random) -> None:
    """Give a parameter other values where another has other values; those may have some, too."""
    others = [
        (other, keys)
        for other, keys in space.items()
        if other != name and isinstance(keys, dict) and "per" not in keys and possible(keys)
    ]
    first = space[name]
    if not others or not {"min", "values", "value"} & first.keys() or "cross" in first:
        return
    other, keys = chance.choice(others)
    values = possible(keys)
    chance.shuffle(values)
    branches = []
    for start, stop in ((0, 1), (1, 2), (2, len(values))):
        if start < len(values) and (start < stop):
            form = choice if "values" in first else whole if first.get("type") else real
            branch = dict(first) if start == 0 or "value" in first else form(chance)
            branch |= {"per": first["per"]} if "per" in first else {}
            when = {other: values[start:stop] if stop - start > 1 else values[start]}
            branches.append({**branch, "when": {**first.get("when", {}), **when}})
    space[name] = branches


def possible(keys: Tree) -> list[Any]:
    """Plain values that a condition can name; none of a range of real numbers."""
    if keys.get("type") == "int":
        step = keys.get("step", 1)
        return list(range(keys["min"], min(keys["max"], keys["min"] + 3 * step) + 1, step))
    return [v for v in keys.get("values", []) if not isinstance(v, list | dict)]


def repeat(space: Tree, name: str, chance: random.Random) -> None:
    """Make a list of a parameter, as long as another says."""
    if any(isinstance(value, list | dict) for value in space[name].get("values", [])):
        return
    lengths = [
        other
        for other, keys in space.items()
        if other != name and keys.get("type") == "int" and keys["min"] >= 0 and keys["max"] < 9
    ]
    if lengths and not isinstance(space[name].get("value"), list | dict):
        space[name]["per"] = chance.choice(lengths)


def cross(space: Tree, chance: random.Random) -> None:
    """Cross a choice on which nothing depends."""
    named = {other for keys in space.values() for other in keys.get("when", {})}
    for name, keys in space.items():
        free = {"values"} <= keys.keys() and not {"when", "per", "guess"} & keys.keys()
        if free and len(keys["values"]) > 1 and name not in named and chance.random() < 0.7:
            keys["cross"] = True


def group(space: Tree, chance: random.Random) -> None:
    """Write choices of texts as groups, with the parameters that count with one value alone."""
    texts = [name for name, keys in space.items() if words_only(keys)]
    for name in chance.sample(texts, min(len(texts), chance.choice([1, 1, 2]))):
        keys = space[name]
        groups: Tree = {value: {} for value in keys.pop("values")}
        for other in [*space]:
            value = space[other].get("when", {}).get(name)
            if type(value) is str and value in groups and chance.random() < 0.8:
                del space[other]["when"][name]
                groups[value][other] = space.pop(other)
                if not groups[value][other]["when"]:
                    del groups[value][other]["when"]
        keys["choice"] = {
            value: body or chance.choice([{}, None]) for value, body in groups.items()
        }


def words_only(keys: Tree) -> bool:
    """Whether a parameter is a choice of texts, on its own."""
    values = keys.get("values", [])
    return bool(values) and "per" not in keys and all(type(value) is str for value in values)


def expression(space: Tree, chance: random.Random, number: bool) -> str:
    """An expression of numbers that the space has: a number, or true or false."""
    terms = [term for name, keys in space.items() for term in numbers(name, keys)] or ["1"]

    def arithmetic(depth: int) -> str:
        if depth == 0 or chance.random() < 0.3:
            return chance.choice([*terms, *terms, str(chance.choice([2, 0.5, 100]))])
        if chance.random() < 0.3:
            function = chance.choice(
                ["abs({})", "max({}, 1)", "min({}, 50)", "round({})", "-({})"]
            )
            return function.format(arithmetic(depth - 1))
        sign = chance.choice(["+", "-", "*", "*", "/"])
        return f"({arithmetic(depth - 1)} {sign} {arithmetic(depth - 1)})"

    if number:
        return arithmetic(2)
    test = f"{arithmetic(1)} {chance.choice(['<', '<=', '>', '!='])} {arithmetic(1)}"
    joint = chance.random()
    if joint < 0.5:
        return test
    other = f"{arithmetic(0)} > {chance.choice([-5, 0, 0.1, 3])}"
    return f"not {test}" if joint < 0.6 else f"{test} {'and' if joint > 0.9 else 'or'} {other}"


def numbers(name: str, keys: Tree) -> list[str]:
    """What is a number of a parameter, as an expression writes it."""
    text = name if name.isidentifier() else f'space["{name}"]'
    if "per" in keys:
        return [f"{text}[0]", f"len({text})"]
    values = keys.get("values", [keys.get("value", 0)])
    plain = all(type(value) in (int, float) for value in values)
    return [text] if plain and not {"derive", "choice"} & keys.keys() else []


# Mutations.


def mutate(tree: Tree, chance: random.Random) -> None:
    """Change one thing in the space or the constraints."""
    if "where" in tree and chance.random() < 0.3:
        place = chance.randrange(len(tree["where"])) if tree["where"] else None
        if place is None or not isinstance(tree["where"], list):
            tree["where"] = chance.choice(SCRAPS)
        else:
            tree["where"][place] = mutated(tree["where"][place], chance)
        return
    holders = list(containers(tree["space"], tree, "space"))
    holder, key = chance.choice(holders)
    how = chance.random()
    if how < 0.15:
        del holder[key]
    elif how < 0.3 and isinstance(holder, dict):
        other = chance.choice([*KEYS, *NAMES])
        holder[other] = holder.pop(key)
    elif how < 0.45:
        source, name = chance.choice(holders)
        holder[key] = copy.deepcopy(source[name]) if name in source_keys(source) else None
    elif how < 0.6 and isinstance(holder[key], dict):
        holder[key][chance.choice(KEYS)] = copy.deepcopy(chance.choice(SCRAPS))
    elif isinstance(holder[key], str) and chance.random() < 0.5:
        holder[key] = mutated(holder[key], chance)
    elif isinstance(holder[key], int | float) and chance.random() < 0.5:
        holder[key] = chance.choice(
            [-holder[key], holder[key] * 10, holder[key] + 1, str(holder[key])]
        )
    else:
        holder[key] = copy.deepcopy(chance.choice(SCRAPS))
    if not isinstance(tree.get("space"), dict) or not tree["space"]:
        tree["space"] = {"a": tree.get("space")}


def source_keys(holder: Any) -> list[Any]:
    """The keys or places of a container."""
    return list(holder) if isinstance(holder, dict) else list(range(len(holder)))


def containers(value: Any, holder: Any, key: Any) -> Iterator[tuple[Any, Any]]:
    """Each value of a tree, by what holds it and its key there."""
    yield holder, key
    if isinstance(value, dict | list):
        for inner in source_keys(value):
            yield from containers(value[inner], value, inner)


def mutated(text: Any, chance: random.Random) -> Any:
    """An expression or another text with something else in it."""
    if not isinstance(text, str) or chance.random() < 0.1:
        return copy.deepcopy(chance.choice(SCRAPS))
    words = re.findall(r"\w+|\W", text) or [""]
    place = chance.randrange(len(words))
    how = chance.random()
    if how < 0.5:
        words[place] = chance.choice(PIECES)
    elif how < 0.7:
        words[place] = ""
    elif how < 0.85:
        words.insert(place, f" {chance.choice(JOINTS)} {chance.choice(PIECES)} ")
    else:
        words[place] = f"({words[place]}" if chance.random() < 0.5 else words[place] * 40
    return "".join(words)


# What must hold.


def tried(seed: int, number: int) -> tuple[str, str]:
    """What became of one space: refused, sound or a fault, and what there is to say of it."""
    tree = drawn(seed, number)
    try:
        config = from_mapping(copy.deepcopy(tree))
    except ConfigError as error:
        for line in error.problems:
            place, colon, text = line.partition(": ")
            if not colon or not place or "\n" in line or len(text.split()) < 2 or len(line) > 900:
                return "fault", f"an unclear problem {line!r}"
        return "refused", "\n".join(error.problems)
    except Exception:
        return "fault", traceback.format_exc()
    try:
        check(config, number)
    except Exception:
        return "fault", traceback.format_exc()
    return "sound", ""


def check(config: Config, number: int) -> None:
    """What must hold of a configuration that was not refused."""
    remarks_on(config)
    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), "utf-8")):
        show_space(config.space)
    stored = json.loads(json.dumps(config.as_dict(), allow_nan=False))
    assert from_mapping(stored) == config, "from its dict"
    assert from_run(stored, Path()) == config, "from its run"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "search.yaml")
        path.write_text(as_yaml(stored), encoding="utf-8")
        written = load(path)
    assert written.space == config.space, "from its file"
    space = config.space
    again = space_from_config(stored["space"], space.settings, stored.get("where", []))
    assert again.as_config() == space.as_config(), "the stored space"
    generator = np.random.default_rng(number)
    points = np.vstack([generator.random((6, space.dimensions)),
                        generator.integers(0, 2, (3, space.dimensions))])  # fmt: skip
    for params in space.all_params(points):
        if space.feasible(params):
            comes_back(space, params)
    trials: list[dict[str, Any]] = []
    for sampler, count in (("zoom", 7), ("zoom", 5), ("random", 4), ("grid", 4)):
        if sampler == "grid" and any(each.domain.count is None for each in space):
            continue
        every = [each for params in trials for each in space.crossings(params)]
        past = [observed(place, each, generator) for place, each in enumerate(every)]
        past = past if sampler == "zoom" else []
        new = propose(space, count, number, len(trials), 0.5, past, sampler)
        assert len(new) == count
        for params in new:
            for each in space.crossings(params):
                comes_back(space, each)
        if past or not trials:
            keys = {draw_key(space, params) for params in [*trials, *new]}
            there = settings_of(space, 1 + (len(trials) + count) * space.crossed)
            expected = min(len(trials) + count, there // space.crossed)
            assert len(keys) >= expected or space.constrained, "a setting was proposed twice"
            trials += new
    region = narrow(space, trials[:4])
    within = some(region, lambda n: generator.random((n, region.dimensions)), 4, 64)
    for params in region.all_params(within):
        if region.feasible(params):
            assert region_in(space, params), f"narrowed, and outside the space: {params}"


def observed(number: int, params: dict[str, Any], generator: np.random.Generator) -> Observation:
    """A trial with any value, or one that diverged."""
    value = float(generator.normal())
    return Observation(number, params, (UNKNOWN if generator.random() < 0.1 else (value, value),))


def region_in(space: Space, params: dict[str, Any]) -> bool:
    """Whether each value is one of the space's, be the setting whole or not."""
    return all(
        space[name].domain.contains(entry)
        for name, value in params.items()
        if name in space
        for entry in (value if space[name].per else [value])
    )


def comes_back(space: Space, params: dict[str, Any]) -> None:
    """A setting keeps every constraint, lies in the space, and is that of its own place."""
    for constraint in space.where:
        assert holds(constraint.text, {**space.settings, **params}), f"{constraint.text}: {params}"
    assert space.contains(params), f"not in its space: {params}"
    assert json.loads(json.dumps(params, allow_nan=False)) == params
    point = space.point(params)
    filled = np.where(np.isnan(point), 0.5, point)
    there = space.params(filled)
    assert close(there, params), f"{params} comes back as {there}"
    again = space.point(there)
    assert np.allclose(again, point, rtol=0, atol=1e-6, equal_nan=True), f"{point} as {again}"
    assert np.nanmin(point, initial=0) >= 0, f"{params}: {point}"
    assert np.nanmax(point, initial=1) <= 1, f"{params}: {point}"
    assert space.standard(params) == params


def close(found: Any, expected: Any) -> bool:
    """Whether values are equal but for the rounding of a place."""
    if isinstance(found, dict) and isinstance(expected, dict):
        return found.keys() == expected.keys() and all(
            close(found[name], expected[name]) for name in found
        )
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(close, found, expected))
    if isinstance(found, float) and isinstance(expected, int | float):
        return math.isclose(found, expected, rel_tol=1e-6, abs_tol=1e-6)
    return bool(found == expected) and type(found) is type(expected)


def holds(text: str, values: dict[str, Any]) -> bool:
    """What Python says of a constraint, which knows nothing of how hpsearch computes it."""
    names = {**values, "space": Entries(values), "true": True, "false": False, "null": None}
    functions = {"abs": abs, "len": len, "round": round, "log2": math.log2}
    functions |= {name: of_many(function) for name, function in (("max", max), ("min", min),
                                                                 ("sum", sum))}  # fmt: skip
    try:
        parts = list(ast.walk(ast.parse(text.strip())))
        named = {part.id for part in parts if isinstance(part, ast.Name)}
        spelled = ast.Name("space", ast.Load())
        named |= {
            part.slice.value
            for part in parts
            if isinstance(part, ast.Subscript)
            and ast.dump(part.value) == ast.dump(spelled)
            and isinstance(part.slice, ast.Constant)
        }
        if named - {*names, *functions}:
            return True  # it names what is inactive, be that looked at or not
        return bool(eval(text.strip(), {"__builtins__": {}, **functions}, names))
    except (NameError, LookupError, AttributeError, ValueError, SyntaxError):
        return True  # of what is inactive, or written as Python does not


def of_many(function: Any) -> Any:
    """A function of a list, of several numbers, or of one."""
    return lambda *given: function(given[0] if isinstance(given[0], list) else given)


class Entries(dict[str, Any]):
    """The values by their names, as `space["learning-rate"]` reads them."""


# Real searches.

SEARCHED = """\
import json, math, time, zlib
from pathlib import Path

def train(params, epochs, checkpoint_dir):
    kept = Path(checkpoint_dir, "epoch")
    first = int(kept.read_text()) if kept.exists() else 0
    luck = zlib.crc32(json.dumps(params, sort_keys=True).encode()) / 2**32
    for epoch in range(first + 1, epochs + 1):
        time.sleep(0.01)  # there is a moment to be killed in
        if luck > 0.95 and epoch == 3:
            raise ValueError("no more")
        kept.write_text(str(epoch))
        yield {"epoch": epoch, "loss": math.nan if luck < 0.05 and epoch == 2 else luck / epoch}
"""


def searches(count: int, seed: int) -> int:
    """Search sound spaces with one job, with three, and killed; how many ended otherwise."""
    faults = number = done = 0
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "own.py").write_text(SEARCHED)
        while done < count:
            chance = random.Random(f"search {seed} {number}")
            tree, number = drawn(seed, number), number + 1
            sampler = chance.choice(["zoom", "zoom", "random"])
            tree["search"] = {"trials": chance.randint(6, 14), "sampler": sampler}
            if chance.random() < 0.3:
                tree["search"]["confirm"] = {"top": 2, "seeds": 1}
            tree["name"] = f"s{number}"
            try:
                config = from_mapping(copy.deepcopy(tree), folder)
            except ConfigError:
                continue
            Path(folder, f"s{number}.yaml").write_text(as_yaml(config.as_dict()), encoding="utf-8")
            done += 1
            for fault in killed(Path(folder), f"s{number}", chance):
                faults += 1
                print(f"search of space {number - 1}: {fault}", flush=True)
    return faults


def killed(folder: Path, name: str, chance: random.Random) -> list[str]:
    """What differs between a search alone, with three jobs, and killed and resumed."""
    runs, file = folder / "runs", str(folder / f"{name}.yaml")

    def begin(run: str, jobs: int) -> Any:
        return hpsearch(folder, run, "run", file, "-j", str(jobs), "--name", run, "-q")

    start = time.monotonic()
    for run, jobs in ((f"{name}-1", 1), (f"{name}-3", 3)):
        if begin(run, jobs).wait(LONGEST):
            return [] if refused(folder, run) else [f"failed: {said(folder, run)}"]
    span = (time.monotonic() - start) / 2
    life = f"{name}-killed"
    kill(begin(life, 3), chance.choice(["parent", "all"]), chance.uniform(0.3, 0.9) * span)
    for _ in range(3):
        if finished(runs / life):
            break
        there = (runs / life / "run.json").exists()
        process = hpsearch(folder, life, "resume", life, "-q") if there else begin(life, 3)
        process.wait(LONGEST)
    if not finished(runs / life):
        return [f"does not come to an end: {said(folder, life)}"]
    return [
        f"other {what} {how}"
        for run, how in ((f"{name}-3", "with three jobs"), (life, "after kill -9"))
        for what, read in (("trials", fates), ("curves", curves), ("best/", best))
        if read(runs / run) != read(runs / f"{name}-1")
    ]


def refused(folder: Path, run: str) -> bool:
    """Whether a search ended with a message, as one does of which no trial has a value."""
    return "Traceback" not in said(folder, run) and "hpsearch: " in said(folder, run)


if __name__ == "__main__":
    sys.exit(main())
