"""What a command says of itself."""

import subprocess
import sys

import click
import pytest

from hpsearch.cli import cli

COMMANDS = sorted(cli.commands)
LOADED = {name: cli.commands[name].load() for name in COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help(name):
    command = LOADED[name]
    assert command.help
    options = [param for param in command.params if isinstance(param, click.Option)]
    assert not [option.name for option in options if not option.help]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_is_explained_in_the_help(name):
    command = LOADED[name]
    arguments = [param.make_metavar(click.Context(command)).strip("[]")
                 for param in command.params if isinstance(param, click.Argument)]  # fmt: skip
    assert not [argument for argument in arguments if argument not in str(command.help)]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_eighty_columns(hpsearch, name):
    said = hpsearch(name, "--help")
    assert said.status == 0
    assert max(map(len, said.out.splitlines())) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_has_the_first_sentence_of_each_help(name):
    listed = cli.commands[name].get_short_help_str(80)
    assert LOADED[name].get_short_help_str(80) == listed
    assert LOADED[name].name == name


def test_the_list_of_commands_is_not_cut_short(hpsearch):
    said = hpsearch("--help")
    assert said.status == 0
    assert "..." not in said.out.partition("Commands:")[2]
    assert [name for name in COMMANDS if f"  {name} " not in said.out] == []


def test_hpsearch_alone_shows_its_help_as_wrong_usage(hpsearch):
    said = hpsearch()
    assert said.status == 2
    assert "Commands:" in said.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rnu"], "Did you mean 'run'?"),
        (["run"], "Missing argument 'CONFIG'"),
        (["run", "c.yaml", "--job", "2"], "Did you mean '--jobs'?"),
        (
            ["run", "c.yaml", "--jobs", "two"],
            "'--jobs' / '-j': must be a whole number, found 'two'",
        ),
        (["report", "--format", "xml"], "'xml' is not one of 'text', 'json', 'csv'"),
        (["report", "--top", "0"], "'--top': must be a whole number of at least 1, found '0'"),
    ],
)
def test_wrong_usage_is_told_with_status_2(hpsearch, words, message):
    said = hpsearch(*words)
    assert said.status == 2
    assert message in said.err
    assert said.out == ""


def test_the_version_is_told(hpsearch):
    assert hpsearch("--version").out.startswith("hpsearch 0.")


def test_the_list_of_commands_imports_no_command_and_nothing_heavy():
    code = (
        "import sys; sys.argv = ['hpsearch', '--help']\n"
        "from hpsearch.cli import main\n"
        "try: main()\n"
        "except SystemExit: print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert {name for name in loaded if name.startswith("hpsearch.cli")} == {"hpsearch.cli"}
    heavy = {
        "numpy",
        "pydantic",
        "msgspec",
        "pandas",
        "rich",
        "yaml",
        "joblib",
        "tqdm",
        "jaxtyping",
    }
    assert not loaded & heavy


@pytest.mark.slow
def test_python_without_docstrings_gives_the_same_help():
    code = (
        "from inspect import cleandoc\nfrom hpsearch.cli import cli\n"
        "for command in (cli, *(lazy.load() for lazy in cli.commands.values())):\n"
        "    print(cleandoc(command.help))"
    )
    told = [
        subprocess.run([sys.executable, *flags, "-c", code], capture_output=True, check=True)
        for flags in ((), ("-OO",))
    ]
    assert told[0].stdout == told[1].stdout
    assert b"Search the space that CONFIG describes" in told[0].stdout
