"""Every mistake gets one message: where, what must hold, what was found, what to do."""

import re

import pytest

from hpsearch.config import from_mapping, load, yaml_text
from hpsearch.errors import ConfigError

RATE = "{scale: log, min: 1e-4, max: 1}"
DECAY = "{min: 0, max: 1}"
BATCH = "{values: [32, 64, 128, 256]}"
UNITS = "{type: int, scale: log, min: 16, max: 128, per: hidden_layers}"
LAYERS = "{type: int, min: 1, max: 3}"
BETA1 = "{scale: 1-10^r, min: 0.9, max: 0.999, when: {optimizer: adam}}"
SEARCH = "{trials: 64,"
FIXED = "epochs: 30}"


def test_all_problems_are_told_at_once_in_the_order_of_the_file(problems):
    told = problems(
        ("seed: 0", "sed: 0"),
        ("validation: 0.2", "validation: 1.2"),
        (RATE, "{scael: log, min: 1e-4, max: 1}"),
        ("  momentum:  ", "  momentun:  "),
        ("rounds: auto", "rounds: 99"),
    )
    assert told == [
        "c.yaml:4:1: sed: unknown key (did you mean 'seed'?)",
        "c.yaml:8:15: data.validation: must be a fraction of all rows, above 0 and below 1, "
        "found 1.2",
        "c.yaml:16:25: space.learning_rate.scael: unknown key (did you mean 'scale'?)",
        "c.yaml:22:3: space.momentun: the network has no such hyperparameter "
        "(did you mean 'momentum'?)",
        "c.yaml:25:30: search.rounds: must be at most trials (64), found 99",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        # ranges
        (RATE, "{min: 1, max: 1e-4}", "min: must be below max, found min 1 and max 0.0001"),
        (RATE, "{min: 1, max: 1}", "equals min; to fix the parameter write value: 1"),
        (RATE, "{scale: log, min: 0, max: 1}", "min: must be above 0 on the log scale, found 0"),
        (RATE, "{scale: log, min: -4, max: 0}", "not exponents: min: 1e-4, max: 1e0?"),
        (RATE, "{min: 1e-4}", "space.learning_rate: a range needs min and max; max is missing"),
        (RATE, "{scale: log}", "a range needs min and max; min is missing"),
        (RATE, "{}", "space.learning_rate: needs min and max, or values, or value"),
        (RATE, "{min: .nan, max: 1}", "min: must be a finite number, found nan"),
        (RATE, "{min: 0.1, max: .inf}", "max: must be a finite number, found inf"),
        (RATE, "{min: '1e-4', max: 1}", "(write numbers without quotes, commas and underscores)"),
        (RATE, "{min: 10^-4, max: 1}", "(write 10^-3 as 1e-3)"),
        (RATE, "{min: true, max: 1}", "min: must be a finite number, found true"),
        (RATE, "{min: 1000, max: 1000.0000000000001, scale: log}", "is too near min"),
        (BETA1, "{scale: 1-10^r, min: 0.9, max: 1}", "must be below 1 on the 1-10^r scale"),
        (RATE, "{scale: loguniform, min: 1, max: 2}", "scale: must be linear, log, 1-10^r or 10^r,"
         " found 'loguniform' (did you mean 'log'?)"),
        (BETA1, "{scale: reverse_log, min: 0.9, max: 0.99}", "a log scale mirrored between"),
        (BETA1, "{scale: inv_log_uniform, min: 0.9, max: 0.99}", "value = 1 - 10^r"),
        # whole numbers and steps
        (LAYERS, "{type: int, min: 1.5, max: 3}", "min: must be whole, as the parameter is"),
        (LAYERS, "{type: float, min: 1, max: 3}", "type: must be int, found 'float'"),
        (BATCH, "{type: int, min: 1, max: 1e16}", "whole numbers go to 9,007,199,254,740,992"),
        (
            BATCH,
            "{type: int, scale: log, min: 4503599627370496, max: 4503599627370498}",
            "max: is too near min for the log scale; linear tells them apart",
        ),
        (DECAY, "{min: 0, max: 1, step: 0}", "step: must be above 0, found 0"),
        (DECAY, "{min: 0, max: 1, step: 3}", "step: must fit between min and max: 3 leaves one"),
        (DECAY, "{min: 0, max: 1, step: 1e-300}", "step: must leave at most 1,000,000,000 values"),
        (DECAY, "{min: 1e17, max: 1.0000000001e17, step: 1.5}", "is too small beside 1.0000000"),
        # normal laws
        (RATE, "{normal: {mean: 0, deviation: 0}}", "must be a number above 0, found 0"),
        (RATE, "{normal: {mean: -2, deviation: 1}, scale: log}",
         "normal.mean: must be above 0 on the log scale, found -2; it is a true value, not an "
         "exponent: mean: 1e-2?"),
        (BETA1, "{normal: {mean: 1.5, deviation: 1}, scale: 1-10^r}", "mean: must be below 1 on"),
        (RATE, "{normal: true}", "must be a mapping with keys mean, deviation; found true"),
        (RATE, "{normal: [0, 1]}", "a mapping with keys mean, deviation; found a list"),
        (RATE, "{normal: {mean: 1}}", "normal.deviation: missing; for example deviation: 0.5"),
        (RATE, "{normal: {mean: 1, devation: 1}}", "unknown key (did you mean 'deviation'?)"),
        (RATE, "{normla: {mean: 1, deviation: 1}}", "unknown key (did you mean 'normal'?)"),
        (RATE, "{normal: {mean: .inf, deviation: 1}}", "mean: must be a finite number, found inf"),
        (RATE, "{normal: {mean: 1, deviation: '1'}}", "(write numbers without quotes, commas"),
        (RATE, "{normal: {mean: 1, deviation: 1e-15}}", "too small beside the mean 1 for floats"),
        (RATE, "{normal: {mean: 1, deviation: 999}, scale: log}", "from 0 to inf, which is no"),
        (LAYERS, "{normal: {mean: 3, deviation: 0.1}}", "from 3 to 3, which is no linear range"),
        (RATE, "{normal: {mean: 1, deviation: 1}, min: 6}", "from 6 to 5, which is no linear"),
        (RATE, "{normal: {mean: 1, deviation: 1}, min: 50, max: 60}",
         "lies 49 deviations from the nearest bound (50), at most 30 may"),
        (RATE, "{normal: {mean: 1, deviation: 1}, values: [1, 2]}", "belongs to a range"),
        (RATE, "{normal: {mean: 0.1, deviation: 0.1}}",
         "learning_rate.normal: goes 4 deviations from the mean where there is no bound, and "
         "learning_rate must be a number > 0, not -0.3; set min and max"),
        # choices and single values
        (BATCH, "{values: []}", "must be a list of at least one value, found an empty list"),
        (BATCH, "{values: 3}", "values: must be a list such as [16, 32, 64], found 3"),
        (BATCH, "{values: [{a: 1}]}", "values[0]: must be an integer >= 1, not a mapping"),
        (BATCH, "{values: [[[1]]]}", "each value a finite number, text, true, false, null, or a"),
        (BATCH, "{values: [1, [[1]]]}", "found a list; values[1] is none of them"),
        (BATCH, "{values: [{a: {b: 1}}]}", "null, or a list or mapping of these, found a"),
        (UNITS, "{values: [{a: 1}, 8], per: hidden_layers}", "values[0]: must be single values"),
        (BETA1, "{value: 0.9, when: {optimizer: {a: 1}}}", "when: must be a mapping of names to"),
        (BATCH, "{values: [32, 64, 32.0]}", "space.batch_size.values[2]: 32.0 is listed twice"),
        (BATCH, "{values: [32, 64], min: 3}", "min: belongs to a range (min, max), but 'values'"),
        (BATCH, "{values: [32, 64], scale: log}", "scale: belongs to a range (min, max)"),
        (BATCH, "{values: [32, 64, 48], ordered: true}", "ordered: needs numbers in ascending o"),
        (BATCH, "{values: [32, 64], guess: 48}", "guess: must be one of 32, 64, found 48"),
        (RATE, "{min: 0.1, max: 1, guess: 3}", "guess: must be a value from 0.1 to 1.0, found 3"),
        (BATCH, "{value: 32, guess: 32}", "guess: is for what is searched"),
        (BATCH, "{values: [32, 64], cross: true, guess: 32}", "guess: helps nothing where every"),
        (RATE, "{min: 0.1, max: 1, gues: 0.3}", "(did you mean 'guess'?)"),
        (BATCH, "{values: [32, auto], ordered: true}", "ordered: needs values of one kind"),
        (BATCH, "{values: [false, true], ordered: true}", "and no true or false; drop it"),
        (BATCH, "{min: 32, max: 64, ordered: true}", "ordered: is about the order of 'values'"),
        (BATCH, "{values: [32, 64], ordered: 1}", "ordered: must be true or false, found 1"),
        (BATCH, "{values: [32, 64], orderd: true}", "(did you mean 'ordered'?)"),
        (BATCH, "{values: [32, 64], value: 3}", "'values' searches it; keep one of them"),
        (BATCH, "{value: 64, step: 2}", "step: belongs to a range (min, max), but 'value' fixes"),
        (BATCH, "64", "to fix it write {value: 64}, or fix it in 'trainer'"),
        (BATCH, "[32, 64]", "for a choice write {values: [...]}"),
        (BATCH, "", "space.batch_size: must be a mapping with min and max, or values, or value"),
        # what the trainer can take
        (RATE, "{min: -1, max: 1}", "space.learning_rate.min: must be a number > 0, not -1"),
        (BETA1, "{value: 1}", "space.beta1.value: must be a number >= 0 and < 1, not 1"),
        (BATCH, "{values: [64, 2.5]}", "batch_size.values[1]: must be an integer >= 1, not 2.5"),
        (BATCH, "{values: [1, 64]}", "in some trials: must be at least 2 with batch norm"),
        ("[momentum, adam]", "[momentum, adamm, adam]", "(did you mean 'adam'?)"),
        (FIXED, "epochs: 30, learning_rte: 1}", "12:38: trainer.learning_rte: the network has no "
         "such hyperparameter (did you mean 'learning_rate'?)"),
        (FIXED, "epochs: 0}", "trainer.epochs: must be an integer >= 1, not 0"),
        (FIXED, "epochs: 3, l2: {min: 0, max: 1}}", "to search it, move it to 'space'"),
        (FIXED, "epochs: 3, l2: .inf}", "trainer.l2: must be one finite value, found inf"),
        (FIXED, "epochs: 3, batch_size: 8}", "space.batch_size: is fixed in 'trainer' too"),
        (BATCH, BATCH + "\n  epochs: {min: 1, max: 3}", "space.epochs: is the length of a full"),
        (UNITS, "{values: [[8, 8], [16, 16]]}", "in some trials: must have hidden_layers = "),
        # per
        (UNITS, "{min: 16, max: 128, per: hiden_layers}", "(did you mean 'hidden_layers'?)"),
        (UNITS, "{min: 16, max: 128, per: learning_rate}", "must name one whole number of 0"),
        (UNITS, "{min: 16, max: 128, per: hidden_units}", "per: names the parameter itself"),
        (DECAY, "{min: 0, max: 1, per: hidden_layers}", "but learning_rate_decay is one value"),
        (UNITS, "{values: [[8], [9]], per: hidden_layers}", "values[0]: must be single values"),
        (UNITS, "{min: 1, max: 9, per: batch_norm}", "trainer: {batch_norm: true}"),
        (LAYERS, "{values: [1, 2], cross: true}", "crossed, so lists of its length cannot be"),
        # when
        (BETA1, "{value: 0.9, when: {optimiser: adam}}", "(did you mean 'optimizer'?)"),
        (BETA1, "{value: 0.9, when: {beta1: 0.9}}", "when.beta1: names the parameter itself"),
        (BETA1, "{value: 0.9, when: {optimizer: sgd}}", "space.optimizer is never 'sgd'; it is one"
         " of 'momentum', 'adam'"),
        (BETA1, "{value: 0.9, when: {optimizer: [adam, adam]}}", "optimizer[1]: 'adam' is listed"),
        (BETA1, "{value: 0.9, when: {hidden_layers: 4}}", "is never 4; it lies between 1 and 3"),
        (BATCH, f"{{values: {list(range(1, 300))}}}\n  l2: {{value: 0, when: {{batch_size: 0}}}}",
         "is never 0; it is one of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,"
         " 19, 20, ... (299 in all)"),
        (BETA1, "{value: 0.9, when: {hidden_layers: true}}", "space.hidden_layers is never true"),
        (BETA1, "{value: 0.9, when: {epochs: 31}}", "trainer.epochs is never 31; it is 30"),
        (BETA1, "{value: 0.9, when: {learning_rate: 1}}", "space.learning_rate is a range"),
        (BETA1, "{value: 0.9, when: {hidden_units: 16}}", "space.hidden_units is a list"),
        (BETA1, "{value: 0.9, when: {}}", "when: must be a mapping of names to a value or values"),
        (LAYERS, "{min: 1, max: 3, when: {hidden_units: 16}}", "a circle of 'per' and 'when': "
         "hidden_layers -> hidden_units -> hidden_layers"),
        ("[momentum, adam]", "[momentum, adam], cross: true", "would lack a partner in each pair"),
        (DECAY, "{min: 0, max: 1, cross: true}", "so it needs 'values', at least two"),
        ("[momentum, adam]", "[momentum, adam], cross: true, when: {hidden_layers: 1}",
         "space.optimizer.cross: trains each draw with every value, but with 'when' some draws"),
        (UNITS, "{values: [16, 32], per: hidden_layers, cross: true}",
         "space.hidden_units.cross: compares single values, but 'per' makes lists"),
        # halving and confirmation
        (SEARCH, "{halving: 3,", "search.halving: must be true, false, or a mapping with keys "
         "min_epochs, factor; found 3"),
        (SEARCH, "{halving: null,", "or a mapping with keys min_epochs, factor; found null"),
        (SEARCH, "{halving: {min_epoch: 3},", "c.yaml:25:20: search.halving.min_epoch: unknown key"
         " (did you mean 'min_epochs'?)"),
        (SEARCH, "{halving: {factor: 1},", "c.yaml:25:28: search.halving.factor: must be a whole "
         "number from 2 to"),
        (SEARCH, "{halving: {min_epochs: 0},", "search.halving.min_epochs: must be a whole number "
         "from 1 to 1,000,000, or null, found 0"),
        (SEARCH, "{halving: {min_epochs: 31},", "search.halving.min_epochs: must be at most "
         "trainer.epochs (30), found 31"),
        (SEARCH, "{pruner: true,", "search.pruner: unknown key (did you mean 'halving'?)"),
        (SEARCH, "{screen: 1,", "search.screen: must be true or false, found 1"),
        (SEARCH, "{confirm: yes,", "must be true, false, or a mapping with keys top, seeds, share;"
         " found 'yes'"),
        (SEARCH, "{confirm: {top: 0},", "search.confirm.top: must be a whole number from 1 to"),
        (SEARCH, "{confirm: {seeds: 0},", "confirm.seeds: must be a whole number from 1 to"),
        (SEARCH, "{confirm: {share: 0},", "search.confirm.share: must be a fraction of the planned"
         " epochs, above 0 and at most 1, found 0"),
        (SEARCH, "{confirm: {share: 1.1},", "above 0 and at most 1, found 1.1"),
        (SEARCH, "{folds: 1,", "search.folds: must be a whole number from 2 to 1,000, or null"),
        (SEARCH, "{repeats: 0,", "search.repeats: must be a whole number from 1 to 1,000, found"),
        # the other sections
        ("goal: maximize", "at: first", "metric.at: must be last or best, found 'first'"),
        ("val_accuracy", "test_accuracy", "a search that looks at them overfits them. Use "
         "val_accuracy"),
        ("val_accuracy", "val_acuracy", "(did you mean 'val_accuracy'?); known: train_loss, val"),
        ("maximize", "minimize", "val_accuracy is better when higher: write maximize"),
        ("maximize", "max", "metric.goal: must be minimize or maximize, found 'max'"),
        ("test: 0.2", "test: 0.8", "leave no rows to train on"),
        ("source: digits  ", "sorce: digits  ", "missing; for example source: digits"),
        ("standardize: true", "standardize: yes", "must be true or false, found 'yes'"),
        ("name: digits", "name: ../digits", "name: must be at most 100 letters"),
        ("seed: 0", "seed: -1", "seed: must be a whole number from 0 to"),
        ("kind: network", "kind: kers", "did you mean 'keras'?"),
        (SEARCH, "{trials: 0,", "search.trials: must be a whole number from 1 to 1,000,000"),
        (SEARCH, "{n_trials: 9,", "search.n_trials: unknown key (did you mean 'trials'?)"),
        ("trial_timeout: null", "trial_timeout: 10:00", "a text such as 90s, 10m, 1h30m or 1d"),
        ("backend: local", "backend: slurm", "must be local, serial, dask or joblib"),
        ("backend: local", "scheduler: tcp://h:1", "parallel.scheduler: is for backend dask"),
        ("backend: local", "backend: dask, scheduler: 'tcp://h:1', scheduler_file: s.json",
         "parallel.scheduler_file: says where the scheduler is, as 'scheduler' does; keep one"),
        ("backend: local", "engine: ray", "parallel.engine: is for backend joblib, found backend"),
        ("backend: local", "tls: 1", "true, false, or a mapping with keys ca_file, cert, key"),
        ("jobs: auto", "devices: 0", "parallel.devices: must be a list of different values such as"
         " [0, 1], found 0"),
        ("jobs: auto", "devices: []", "must be a list of different values such as [0, 1]"),
        ("jobs: auto", "devices: [1, 1.0]", "such as [0, 1], found a list with 1.0 twice"),
        ("jobs: auto", "devices: [0, -1]", "must be a list, each entry a whole number from 0 to "
         "10,000, found a list with -1"),
        ("jobs: auto", "devices: [true]", "found a list with true"),
        ("jobs: auto", "memory: 2GB", "parallel.memory: must be a number of bytes, or a text such"
         " as 512M, 2G or 1.5GiB, found '2GB'"),
        ("jobs: auto", "memory: 2", "must be 64M (67,108,864 bytes) or more, found 2"),
        ("jobs: auto", "memory: 63.9M", "must be 64M (67,108,864 bytes) or more, found '63.9M'"),
        ("jobs: auto", "memory: 1e300", "must be a number of bytes, or a text"),
        ("jobs: auto", "memory: " + "9" * 400 + "T", "must be a number of bytes, or a text"),
        ("jobs: auto", "memory: true", "found true"),
        ("jobs: auto", "jobs: 0", "whole number from 1 to 10,000, auto, or -1, found 0"),
        ("jobs: auto", "jobs: true", "whole number from 1 to 10,000, auto, or -1, found true"),
        ("seed: 0", "seed: 0\ntrials: 3", "5:1: trials: unknown key (did you mean 'search.tri"),
    ],
)  # fmt: skip
def test_a_mistake_is_told(problems, old, new, message):
    told = problems((old, new))
    assert any(message in line for line in told), told
    assert all(re.match(r"c\.yaml(:\d+:\d+)?: [a-z]\S*: \S", line) for line in told), told


@pytest.mark.parametrize("given", ["true", "{factor: 2}"])
def test_halving_that_would_break_the_pairs_of_a_crossed_choice_is_told(problems, given):
    crossed = "{values: [true, false], cross: true}"
    told = problems(
        (DECAY, f"{DECAY}\n  batch_norm: {crossed}"),
        (SEARCH, f"{{trials: 64, halving: {given},"),
    )
    assert told == [
        "c.yaml:26:31: search.halving: must be false, for space.batch_norm is crossed, and a pair "
        "must be trained equally long; drop one of them"
    ]


def test_every_problem_of_a_part_inside_a_part_is_told(problems):
    told = problems((SEARCH, "{trials: 0, confirm: {top: 0, seed: 3}, halving: {factor: 1.5},"))
    assert [line.split(": ")[1] for line in told] == [
        "search.trials",
        "search.confirm.top",
        "search.confirm.seed",
        "search.halving.factor",
    ]


def test_a_circle_is_told_once(problems):
    told = problems(
        (BATCH, "{values: [1, 2], when: {optimizer: adam}}"),
        ("{values: [momentum, adam]}", "{values: [momentum, adam], when: {batch_size: 2}}"),
    )
    circle = "a circle of 'per' and 'when': batch_size -> optimizer -> batch_size"
    assert [line for line in told if "circle" in line] == [
        f"c.yaml:19:24: space.batch_size: {circle}"
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; `hpsearch init` writes a configuration to start from"),
        (b"# only a comment\n", "is empty"),
        (b"[1, 2]", "1:1: a configuration is a mapping with keys such as data, space and search"),
        (
            b"hello",
            "found 'hello'; if these are data, write a configuration for them: hpsearch init",
        ),
        (b"\x89PNG\r\n\x1a\n\x00", "a configuration is YAML text in UTF-8"),
        (b"data: {source: digits}", "space: names no hyperparameter to search"),
        (b"space: {l2: {min: 0, max: 1}}", "data: missing; trainer.kind network needs rows"),
        (b"data: 3\nspace: 4\nsearch: 5\nparallel: 6\ntrainer: 7\nmetric: 8", "space: must be a"),
    ],
)
def test_a_file_that_is_no_configuration_is_told(tmp_path, content, message):
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        load(path)
    assert message in str(error.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: no such file"):
        load(tmp_path / "nowhere.yaml")
    with pytest.raises(ConfigError, match="a configuration is a file, this is a folder"):
        load(tmp_path)
    with pytest.raises(ConfigError, match="cannot be read: "):
        load("null\0byte")


def test_lists_too_long_for_a_search_are_refused():
    units = {"min": 1, "max": 9, "per": "hidden_layers"}
    tree = {
        "data": {"source": "digits"},
        "trainer": {"hidden_layers": 100},
        "space": {"hidden_units": units, "l2": {"min": 0, "max": 1}},
    }
    assert from_mapping(tree).space.dimensions == 101
    tree["trainer"] = {"hidden_layers": 10**6}
    with pytest.raises(ConfigError, match=r"trainer\.hidden_layers: must be an integer"):
        from_mapping(tree)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("exclude: [b], columns: [a]", "data.exclude: cannot stand beside data.columns"),
        ("exclude: [a, y]", "data.exclude: names 'y', the column to predict (data.target)"),
        ("exclude: a", "data.exclude: must be a list of different values such as [customer_id]"),
        ("columns: []", "data.columns: must be a list of different values such as [age, height]"),
        ("missing_values: [true]", "data.missing_values: must be a list, each entry a text or a"),
        ("decimal: ;", 'data.decimal: must be "." or ",", found \';\''),
    ],
)
def test_columns_and_signs_that_cannot_be_meant_are_told(data, message):
    text = f"data: {{source: a.csv, target: y, {data}}}\nspace: {{l2: {{min: 0, max: 1}}}}"
    tree, _, _ = yaml_text.read(text.encode(), "x.yaml")
    with pytest.raises(ConfigError) as told:
        from_mapping(tree)
    assert message in str(told.value)


@pytest.mark.parametrize(
    ("parallel", "message"),
    [
        ("backend: ray", "backend: must be local, serial, dask or joblib, found 'ray' (an engine: "
         "write backend: joblib, engine: ray)"),
        ("backend: joblib, engine: dask", "engine: dask is a backend of its own"),
        ("backend: joblib, engine: multiprocessing", "process that died; take loky"),
        ("backend: joblib, devices: [0]", "devices: no engine of joblib's heeds it; drop it, or"),
        ("backend: joblib, memory: 2G", "memory: no engine of joblib's heeds it; drop it, or"),
    ],
)  # fmt: skip
def test_what_an_engine_of_joblibs_cannot_do_is_told(problems, parallel, message):
    (told,) = problems(("jobs: auto, backend: local", parallel))
    assert message in told


def test_threads_are_for_the_network_alone():
    with pytest.raises(ConfigError, match=r"trials of a function change the process .*take loky"):
        from_mapping(
            {
                "trainer": {"kind": "function", "function": "m.py:train"},
                "metric": {"name": "loss"},
                "space": {"x": {"min": 0, "max": 1}},
                "parallel": {"backend": "joblib", "engine": "threading"},
            }
        )
