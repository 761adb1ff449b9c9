"""What users read is true: commands work, options are described, links lead somewhere."""

import importlib.util
import re
import shutil
import sys
import tomllib
from pathlib import Path

import click
import pytest
import yaml

import hpsearch
from hpsearch.cli import cli
from hpsearch.config.yaml_text import read as read_yaml

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text()
GUIDE = (ROOT / "docs" / "guide.md").read_text()


@pytest.fixture(scope="module")
def outputs():
    """docs/outputs.py, which finds and runs the commands of a page."""
    spec = importlib.util.spec_from_file_location("outputs", ROOT / "docs" / "outputs.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["outputs"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["outputs"]


@pytest.fixture
def folder(tmp_path):
    """A folder with the project's configurations, as a reader has them before the first one."""
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    return tmp_path


def shrink(folder):
    """Make every configuration small: the commands are the pages' own, their searches are not."""
    for path in [*folder.glob("*.yaml"), *folder.glob("configs/*.yaml")]:
        text = re.sub(r"\btrials: \d+", "trials: 8", path.read_text())
        text = text.replace("rounds: auto", "rounds: 3")  # so few trials would make one round
        text = re.sub(r"\bmin_epochs: \d+", "min_epochs: 1", text)
        path.write_text(re.sub(r"\bepochs: \d+", "epochs: 3", text))


def statuses(example):
    """How a command may end, by what the page shows: a quick one escapes its interruption."""
    if example.interrupted_after is not None:
        return {0, 130}
    return {1} if example.output.startswith("hpsearch: ") else {0}


def run_page(outputs, page, folder):
    """Run every command of a page in small; what each printed, by command."""
    printed = {}
    for example in outputs.examples(page):
        shrink(folder)
        ran = outputs.run(example, folder)
        assert ran.status in statuses(example), f"$ {example.command}\n{ran.output}"
        assert "Traceback" not in ran.output
        printed[example.command] = ran.output
    return printed


@pytest.mark.slow
def test_every_command_of_the_readme_works_and_shows_what_it_is_there_for(outputs, folder):
    printed = run_page(outputs, README, folder)
    sums = next(text for command, text in printed.items() if "cksum" in command)
    assert len(sums.splitlines()) == 3
    assert len(set(sums.splitlines())) == 1
    assert "bit for bit" in printed["hpsearch retrain digits"]


@pytest.mark.slow
def test_every_command_of_the_guide_works_and_so_does_its_python(outputs, folder, monkeypatch):
    run_page(outputs, GUIDE, folder)
    monkeypatch.chdir(folder)
    for code in re.findall(r"(?<=```python\n).*?(?=^```$)", GUIDE, re.MULTILINE | re.DOTALL):
        names = {}
        exec(code, names)
        if "pd" in names:
            assert len(names["trials"]) == len(names["params"]) == 8


def yaml_blocks(page):
    """The YAML of a page that has keys."""
    found = re.findall(r"(?<=```yaml\n).*?(?=^```$)", page, re.MULTILINE | re.DOTALL)
    return [tree for block in found if (tree := read_yaml(block.encode(), "x")[0])]


def reports(params, epochs):
    """Train whatever there is, and report what the examples name."""
    value = (len(str(params)) % 7) / 10
    return dict.fromkeys(("val_accuracy", "val_loss", "parameters"), value)


@pytest.mark.parametrize("number", range(len(yaml_blocks(GUIDE))))
def test_every_configuration_of_the_guide_is_searched(number, tmp_path):
    tree = yaml_blocks(GUIDE)[number]
    tree.pop("data", None)
    base = {"metric": {"name": "val_accuracy"}, "space": {"x": {"min": 0, "max": 1}}}
    run = hpsearch.search(
        base
        | tree
        | {"name": "guide", "trainer": {"epochs": 3}, "parallel": {"backend": "serial"}},
        tmp_path,
        objective=reports,
        trials=9,
        progress=False,
    )
    assert run.status == "finished"
    assert len(run.trials) >= 4  # all that some of the spaces hold
    for trial in run.trials:
        assert run.config.space.feasible(trial.params)


@pytest.mark.slow
def test_every_cell_of_the_python_page_gives_what_it_is_there_for(outputs, folder):
    page = (ROOT / "docs" / "python.md").read_text()
    shown = [below for _, below in outputs.cells(page)]
    given = outputs.run_cells(page, folder)
    assert [bool(text) for text in given] == shown
    assert given[shown.index(True)].startswith("<Run 'runs/digits', finished")


def test_every_command_shows_an_output_that_is_no_crash(outputs):
    for page in (README, GUIDE):
        assert list(outputs.examples(page))
        assert "Traceback" not in page
        assert "This is a bug" not in page


def test_the_readme_shows_equal_trials_for_any_jobs_and_after_an_interruption(outputs):
    shown = next(each for each in outputs.examples(README) if "cksum" in each.command)
    assert len(set(shown.output.splitlines())) == 1


def test_the_space_in_the_readme_is_that_of_the_main_job():
    blocks = re.findall(r"(?<=```yaml\n).*?(?=^```$)", README, re.MULTILINE | re.DOTALL)
    config = yaml.safe_load((ROOT / "configs" / "digits.yaml").read_text())
    assert yaml.safe_load(blocks[0]) == {"space": config["space"]}


def test_the_lines_that_set_up_name_what_there_is():
    lines = [line for line in README.splitlines() if line.startswith("python3 -m venv")]
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("python3 -m venv .venv && .venv/bin/pip install -q ")
    *_, config = lines[0].split()
    assert "pip install -q . && .venv/bin/hpsearch run" in lines[0]
    assert (ROOT / config).is_file()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    named = {extra for page in PAGES for extra in re.findall(r"'\.\[(\w+)\]'", page.read_text())}
    assert {"test", "dev", "parquet"} <= named <= set(extras)
    _, _, tests = lines[1].rpartition(".venv/bin/")
    assert tests.startswith("python -m pytest ")
    assert f"    {tests}\n" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("page", ["docs/how_it_works.md", "CONTRIBUTING.md"])
def test_a_page_names_modules_that_there_are(page):
    named = re.findall(r"`(?:hpsearch/)?([\w/]+\.py)`", (ROOT / page).read_text())
    named = [path for path in named if not path.startswith(("NAME/", "tests/"))]
    assert len(named) > 15
    homes = {path: ROOT if path.startswith("benchmarks/") else ROOT / "hpsearch" for path in named}
    assert not [path for path, home in homes.items() if not (home / path).is_file()]


def section(page, heading):
    """What stands below a heading, up to the next of its level."""
    return page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_the_guide_describes_a_command_and_each_of_its_options(name):
    text = section(GUIDE, name)
    assert f"`hpsearch {name}" in text
    assert f"$ hpsearch {name}" in text
    params = cli.commands[name].load().params
    options = [param for param in params if isinstance(param, click.Option)]
    longest = [max(option.opts, key=len) for option in options]
    assert not [option for option in longest if not re.search(rf"`{option}\b", text)]
    short = [opt for option in options for opt in option.opts if not opt.startswith("--")]
    assert not [option for option in short if not re.search(rf"`{option}\b", GUIDE)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(file.read_text()), f"{page.name}: {target}"


def anchors(page):
    """The names by which a page's headings can be linked to, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_the_afternoons_reading_is_as_long_as_it_says():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    section = text.split("## An afternoon's reading")[1].split("The network is")[0]
    said = int(re.search(r"About ([\d,]+) lines", section)[1].replace(",", ""))
    files = re.findall(r"`(hpsearch/[a-z_/]+\.py)`", section)
    lines = sum(len((ROOT / file).read_text().splitlines()) for file in files)
    assert said == pytest.approx(lines, rel=0.15)
