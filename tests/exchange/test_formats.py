"""What is refused, whatever the format, and what is never overwritten."""

import os
import re

import pytest

from hpsearch.errors import ExchangeError, install
from hpsearch.exchange.formats import FORMATS, export_run
from hpsearch.exchange.target import Target

FILES = [name for name, each in FORMATS.items() if each.is_file]
STORES = [name for name, each in FORMATS.items() if each.is_store]
LIBRARIES = {
    "parquet": ["pyarrow", "pyarrow.parquet"],
    "optuna": ["optuna"],
    "mlflow": ["mlflow"],
    "tensorboard": ["tensorboard", "tensorboard.compat", "tensorboard.compat.proto"],
    "onnx": ["onnx"],
}


@pytest.mark.parametrize("to", FILES)
def test_a_file_that_is_there_is_never_overwritten(made, out, to):
    path = out / "mine"
    path.write_text("precious")
    with pytest.raises(ExchangeError, match="exists already, and nothing is overwritten"):
        export_run(made(), to, str(path))
    assert path.read_text() == "precious"
    assert [each.name for each in out.iterdir()] == ["mine"]


@pytest.mark.parametrize("to", FILES)
def test_a_file_is_replaced_only_by_force(made, trained, out, to):
    run = trained() if FORMATS[to].of_model else made()
    export_run(run, to, str(out / "whole"))
    (out / "mine").write_text("old")
    export_run(run, to, str(out / "mine"), force=True)
    assert (out / "mine").read_bytes() == (out / "whole").read_bytes()


@pytest.mark.parametrize("to", [to for to in FORMATS if to not in FILES])
def test_a_study_an_experiment_or_a_folder_is_never_replaced(made, out, to):
    with pytest.raises(ExchangeError, match="what is there is never replaced"):
        export_run(made(), to, str(out / "mine"), force=True)


@pytest.mark.parametrize("to", FILES)
def test_a_folder_that_is_missing_is_named(made, out, to):
    with pytest.raises(ExchangeError, match="must be in a folder that exists"):
        export_run(made(), to, str(out / "missing" / "t"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(made, out):
    out.chmod(0o500)
    with pytest.raises(ExchangeError, match="no file can be made in"):
        export_run(made(), "csv", str(out / "t"))


@pytest.mark.parametrize("to", [to for to in FORMATS if to not in STORES])
def test_a_url_is_no_path(made, to):
    with pytest.raises(ExchangeError, match=f"{to} goes to a path, not to a URL"):
        export_run(made(), to, "sqlite:///made.db")


@pytest.mark.parametrize("to", [to for to in FORMATS if to not in STORES])
def test_a_name_is_refused_where_there_is_no_place_for_it(made, out, to):
    with pytest.raises(ExchangeError, match="a name goes with optuna, mlflow"):
        export_run(made(), to, str(out / "t"), name="other")


@pytest.mark.parametrize(("to", "modules"), LIBRARIES.items(), ids=LIBRARIES)
def test_without_a_tools_library_its_extra_is_named(made, trained, out, blocked, to, modules):
    run = trained() if FORMATS[to].of_model else made()
    blocked(*modules)
    with pytest.raises(ExchangeError, match=re.escape(install(to))):
        export_run(run, to, str(out / "t"))
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("mysql+pymysql://me:pass@word@host:3306/db?ssl_key=x", "mysql+pymysql://host:3306/db"),
        ("sqlite:///study.db", "sqlite:///study.db"),
        ("me@home.log", "me@home.log"),
    ],
)
def test_secrets_of_a_url_are_not_shown(target, message):
    assert Target(target).shown == message
