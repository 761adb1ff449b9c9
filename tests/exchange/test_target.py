"""What is written appears whole, and never over something that is there."""

import os

import pytest

from hpsearch.errors import ExchangeError
from hpsearch.exchange.export import FORMATS, export
from hpsearch.exchange.target import new_file, new_folder, shown

FILES = ("csv", "parquet")


@pytest.mark.parametrize("to", FILES)
def test_a_file_that_is_there_is_never_overwritten(made, out, to):
    path = out / "mine"
    path.write_text("precious")
    with pytest.raises(ExchangeError, match="exists already, and nothing is overwritten"):
        export(made(), to, str(path))
    assert path.read_text() == "precious"
    assert [each.name for each in out.iterdir()] == ["mine"]


def test_a_link_that_leads_nowhere_counts_as_there(out):
    (out / "mine").symlink_to("nowhere")
    with pytest.raises(ExchangeError, match="exists already"), new_file(out / "mine"):
        pass


def test_a_file_that_appears_meanwhile_is_not_overwritten(out):
    def write():
        with new_file(out / "mine") as hidden:
            hidden.write_text("ours")
            (out / "mine").write_text("theirs")

    with pytest.raises(ExchangeError, match="exists already"):
        write()
    assert (out / "mine").read_text() == "theirs"


@pytest.mark.parametrize("new", [new_file, new_folder])
def test_what_fails_half_way_leaves_nothing(out, new):
    with pytest.raises(ValueError, match="half way"), new(out / "mine"):
        raise ValueError("half way")
    assert list(out.iterdir()) == []


def test_an_empty_folder_is_filled_and_another_refused(out):
    (out / "empty").mkdir()
    with new_folder(out / "empty") as hidden:
        (hidden / "file").touch()
    assert (out / "empty" / "file").exists()
    with pytest.raises(ExchangeError, match="exists already"), new_folder(out / "empty"):
        pass


@pytest.mark.parametrize("to", FILES)
def test_a_folder_that_is_missing_is_named(made, out, to):
    with pytest.raises(ExchangeError, match="must be in a folder that exists"):
        export(made(), to, str(out / "missing" / "t"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(made, out):
    out.chmod(0o500)
    with pytest.raises(ExchangeError, match="cannot be written: Permission denied"):
        export(made(), "csv", str(out / "t"))


@pytest.mark.parametrize("to", ["csv", "parquet", "tensorboard"])
def test_a_url_is_no_path(made, to):
    with pytest.raises(ExchangeError, match=f"{to} goes to a path, not to a URL"):
        export(made(), to, "sqlite:///made.db")


@pytest.mark.parametrize("to", [to for to in FORMATS if to not in ("optuna", "mlflow")])
def test_a_name_is_refused_where_there_is_no_place_for_it(made, out, to):
    with pytest.raises(ExchangeError, match="a name goes with optuna, mlflow"):
        export(made(), to, str(out / "t"), name="other")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("mysql+pymysql://me:pass@word@host:3306/db?ssl_key=x", "mysql+pymysql://host:3306/db"),
        ("sqlite:///study.db", "sqlite:///study.db"),
        ("me@home.log", "me@home.log"),
    ],
)
def test_secrets_of_an_address_are_not_shown(target, message):
    assert shown(target) == message
