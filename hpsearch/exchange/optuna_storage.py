"""Optuna's storages: a database by its URL, or a journal file by its path.

Both hold JSON and numbers. A storage in Redis, whose snapshots are pickles, is not opened.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hpsearch.errors import ExchangeError, HpsearchError
from hpsearch.exchange.needs import needs
from hpsearch.exchange.target import is_url, shown, sqlite_file
from hpsearch.store import MOST
from hpsearch.store.output import Output

SQLITE = b"SQLite format 3\0"
DATABASES = (".db", ".sqlite", ".sqlite3")


def library() -> Any:
    """Optuna itself.

    Raises:
        ExchangeError: it is not installed.
    """
    with needs("Optuna", "optuna"):
        import optuna
    return optuna


@contextmanager
def to_read(target: str) -> Iterator[Any]:
    """A storage that exists, which is left as it is.

    Raises:
        ExchangeError: there is none, or it cannot be read.
    """
    optuna = library()
    database = sqlite_file(target)
    path = database if is_url(target) else Path(target)
    if path is not None and not path.is_file():
        raise ExchangeError(
            f"{shown(target)}: must be a storage that exists, found no file {path}"
        )
    with _explained(target, "read"):
        if not is_url(target):
            _check_journal(Path(target))
            yield _journal(optuna, Path(target))
        else:
            with _connected(optuna, target, skip_table_creation=True) as storage:
                yield storage


@contextmanager
def to_write(target: str) -> Iterator[Any]:
    """A storage, a new one if there is none; what is written appears when the block ends well.

    Raises:
        ExchangeError: it cannot be written.
    """
    optuna = library()
    database = sqlite_file(target)
    if not is_url(target):
        path = Path(target)
        if path.suffix in DATABASES:
            raise ExchangeError(f"{target}: for an SQLite database write sqlite:///{target}")
        if path.is_symlink():
            raise ExchangeError(
                f"{target}: must be a file, found a link, which is not written through; name "
                f"what it leads to, {path.parent / path.readlink()}"
            )
        if path.exists():
            with _explained(target, "written to"):
                _check_journal(path)
                with _longer(optuna, path.resolve()) as storage:
                    yield storage
        else:
            with Output(path).hidden() as hidden, _explained(target, "written to"):
                yield optuna.storages.JournalStorage(_unwaiting_backend(optuna, hidden))
    elif database is not None and not database.exists():
        with (
            Output(database).hidden() as hidden,
            _explained(target, "written to"),
            _connected(optuna, f"sqlite:///{hidden}") as storage,
        ):
            _do_not_wait_for_the_disk(storage)
            yield storage
    else:  # another program's SQLite file gets no tables of Optuna's
        with (
            _explained(target, "written to"),
            _connected(optuna, target, skip_table_creation=database is not None) as storage,
            _one_transaction(storage),
        ):
            yield storage


def _journal(optuna: Any, path: Path) -> Any:
    return optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))


def _check_journal(path: Path) -> None:
    """Refuse what is no journal by its first line; Optuna itself makes empty ones.

    Optuna takes any last line for a torn one, so a text of one line for an empty journal.

    Raises:
        ExchangeError: it is none.
    """
    if not path.is_file():
        raise ExchangeError(f"{path}: must be a journal file of Optuna's, found no plain file")
    with path.open("rb") as file:
        line = file.readline(MOST)
    if line.startswith(SQLITE):
        raise ExchangeError(f"{path}: is an SQLite database; write sqlite:///{path}")
    try:
        found = json.loads(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        found = None
    if line and not (isinstance(found, dict) and "op_code" in found):
        raise ExchangeError(
            f"{path}: must be a journal file of Optuna's, found a file that begins with "
            f"{line[:40]!r}; choose another name"
        )


def _unwaiting_backend(optuna: Any, path: Path) -> Any:
    """A journal that nobody else sees: no lock, no wait for the disk; it is synced as a whole."""
    backend = optuna.storages.journal.JournalFileBackend(str(path))

    def append(logs: list[dict[str, Any]]) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(log) + "\n" for log in logs)

    backend.append_logs = append
    return backend


@contextmanager
def _longer(optuna: Any, path: Path) -> Iterator[Any]:
    """A journal that is there; what is added to it appears at once, when the block ends well.

    Raises:
        ExchangeError: somebody else added to it meanwhile.
    """
    lock = optuna.storages.journal.JournalFileSymlinkLock(str(path))
    backend = optuna.storages.journal.JournalFileBackend(str(path), lock)
    before, added = path.read_bytes(), list[dict[str, Any]]()
    known = list(backend.read_logs(0))

    def read_logs(start: int) -> Iterator[dict[str, Any]]:
        yield from known[start:]
        yield from added[max(0, start - len(known)) :]

    backend.read_logs, backend.append_logs = read_logs, added.extend
    yield optuna.storages.JournalStorage(backend)
    whole = before[: before.rfind(b"\n") + 1]  # a torn last line is none
    lock.acquire()
    try:
        if path.read_bytes() != before:
            raise ExchangeError(f"{path}: another program wrote to it meanwhile; export again")
        with Output(path, force=True).binary() as file:
            file.write(whole)
            file.writelines(json.dumps(log).encode() + b"\n" for log in added)
    finally:
        lock.release()


@contextmanager
def _one_transaction(storage: Any) -> Iterator[None]:
    """Keep back from others what is written to a database until the block has ended well.

    Each commit of Optuna's becomes the release of a savepoint.
    """
    from sqlalchemy import event

    engine = storage.engine
    if engine.dialect.name == "sqlite":  # its driver would begin, and so end, at other times
        engine.dispose()
        event.listen(engine, "connect", lambda raw, _: setattr(raw, "isolation_level", None))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    with engine.connect() as connection, connection.begin():
        storage.scoped_session.remove()
        storage.scoped_session.configure(bind=connection, join_transaction_mode="create_savepoint")
        yield
        storage.scoped_session.remove()


@contextmanager
def _connected(optuna: Any, url: str, **options: Any) -> Iterator[Any]:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    storage = optuna.storages.RDBStorage(url, **options)
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _do_not_wait_for_the_disk(storage: Any) -> None:
    """Write a hidden database without a wait for each trial; it is synced as a whole."""
    from sqlalchemy import event

    storage.engine.dispose()
    event.listen(
        storage.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=0")
    )


@contextmanager
def _explained(target: str, done: str) -> Iterator[None]:
    """Quiet logs, and one message for what Optuna, SQLAlchemy or a driver raise."""
    optuna = library()
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except HpsearchError:
        raise
    except Exception as error:  # there is no end to what a damaged storage raises
        told = error.__cause__ or error  # Optuna's own words do not say what was wrong
        reason = (str(told).splitlines() or [""])[0].replace(target, shown(target))
        raise ExchangeError(
            f"{shown(target)}: cannot be {done} as a storage of Optuna: "
            f"{type(told).__name__}: {reason[:300]}"
        ) from error
    finally:
        with suppress(Exception):
            optuna.logging.set_verbosity(before)
