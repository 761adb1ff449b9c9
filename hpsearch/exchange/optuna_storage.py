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

from hpsearch.errors import ExchangeError
from hpsearch.exchange.target import Target, do_not_wait_for_the_disk, needs
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
def to_read(target: Target) -> Iterator[Any]:
    """A storage that exists; it is not changed.

    Raises:
        ExchangeError: there is none, or it cannot be read.
    """
    optuna = library()
    path = target.sqlite_file if target.is_url else target.path
    if path is not None and not path.is_file():
        raise ExchangeError(f"{target.shown}: must be a storage that exists, found no file {path}")
    with target.explained("read as a storage of Optuna", by_cause=True), _quiet(optuna):
        if target.is_url:
            with _connected(optuna, target.text, skip_table_creation=True) as storage:
                yield storage
        else:
            _check_journal(target.path)
            backend = optuna.storages.journal.JournalFileBackend(target.text)
            yield optuna.storages.JournalStorage(backend)


@contextmanager
def to_write(target: Target) -> Iterator[Any]:
    """A storage, a new one if there is none; what is written appears when the block ends well.

    Raises:
        ExchangeError: it cannot be written.
    """
    optuna, opened = library(), _database if target.is_url else _journal
    with (
        target.explained("written to as a storage of Optuna", by_cause=True),
        _quiet(optuna),
        opened(optuna, target) as storage,
    ):
        yield storage


@contextmanager
def _database(optuna: Any, target: Target) -> Iterator[Any]:
    """A database: one transaction; a new SQLite file is written under a hidden name."""
    file = target.sqlite_file
    if file is not None and not file.exists():
        from sqlalchemy import event

        with (
            Output(file).hidden() as hidden,
            _connected(optuna, f"sqlite:///{hidden}") as storage,
        ):
            storage.engine.dispose()
            event.listen(storage.engine, "connect", do_not_wait_for_the_disk)
            yield storage
    else:  # another program's SQLite file gets no tables of Optuna's
        with (
            _connected(optuna, target.text, skip_table_creation=file is not None) as storage,
            _one_transaction(storage),
        ):
            yield storage


@contextmanager
def _journal(optuna: Any, target: Target) -> Iterator[Any]:
    """A journal file; a new one is written under a hidden name."""
    path = target.path
    if path.suffix in DATABASES:
        raise ExchangeError(f"{path}: for an SQLite database write sqlite:///{path}")
    if path.is_symlink():
        raise ExchangeError(
            f"{path}: must be a file, found a link, which is not written through; name "
            f"what it leads to, {path.parent / path.readlink()}"
        )
    if path.exists():
        _check_journal(path)
        with _longer(optuna, path.resolve()) as storage:
            yield storage
    else:
        with Output(path).hidden() as hidden:
            yield optuna.storages.JournalStorage(_unsynced_backend(optuna, hidden))


def _check_journal(path: Path) -> None:
    """Judge by its first line whether a file is a journal; an empty one is, as Optuna makes it.

    Optuna would take a text of one line for an empty journal, whose last line is torn.

    Raises:
        ExchangeError: the file is no journal.
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


def _unsynced_backend(optuna: Any, path: Path) -> Any:
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
    old = list(backend.read_logs(0))

    def read_logs(start: int) -> Iterator[dict[str, Any]]:
        yield from old[start:]
        yield from added[max(0, start - len(old)) :]

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
    """A database, whose connections are closed at the end."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    storage = optuna.storages.RDBStorage(url, **options)
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Neither Optuna's logs nor warnings; its level is as before at the end."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        with suppress(Exception):
            optuna.logging.set_verbosity(before)
