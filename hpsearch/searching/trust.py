"""Whose code a run may run: code that carries the user's seal, or has their word.

A run directory may come from a stranger, and what its run.json says may be forged. So a run that
trains a function, a command or a Keras model of the user's carries a seal: an HMAC over all that
names this code and what may stand in its places, with a key that no run directory holds. Whoever
lacks the key cannot make one that fits. docs/guide.md, "What runs code", tells users.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from hpsearch.config import Config
from hpsearch.errors import RunError
from hpsearch.messages import expanded
from hpsearch.store import RunDirectory, RunInfo, is_run
from hpsearch.store.files import plain
from hpsearch.trainers.kinds import kind_named, kind_of

BYTES = 32  # of the key
TRUST = "HPSEARCH_TRUST"
STATE = "HPSEARCH_STATE_DIR"


def permit(run: RunDirectory, info: RunInfo, config: Config, trust: bool = False) -> bool:
    """Refuse to run the code that a run names, as `check` does, and seal it if it is trusted.

    The arguments are those of `check`.
    """
    may_seal = check(run, info, config, trust)
    if trust and needs_seal(info):
        with suppress(RunError, OSError), run.writing():  # read-only, or another one is at it
            info = run.info
            run.write_info(replace(info, seal=seal(info)))
    return may_seal


def check(run: RunDirectory, info: RunInfo, config: Config, trust: bool = False) -> bool:
    """Refuse to run the code that a run names, unless the user's seal or word is there.

    Args:
        run: names the code.
        info: what its run.json says.
        config: what is about to be trained or used, which follows from the run.
        trust: the user's word for this run; HPSEARCH_TRUST=1 is one for all, but seals nothing.

    Returns:
        Whether what comes of it may carry a seal, too.

    Raises:
        RunError: there is neither, or others can read the key.
    """
    if kind_of(config.trainer).code is None:
        return True
    if os.environ.get(TRUST) == "1":
        return False
    inside = lies_in_a_run(run, config)
    if not inside and (trust or is_sealed(info)):
        return True
    if trust:
        return False
    found, often = (
        ("which lies inside a run directory", "every time")
        if inside
        else (
            "and run.json has no seal of yours (it comes from somebody else, another machine or "
            "an older version, or was changed)",
            "once",
        )
    )
    raise RunError(
        f"{run.path}: would run {named(config)}, {found}; look at it, and if you trust it, say "
        f"--trust, {often} (in Python: trust=True; for CI: {TRUST}=1)"
    )


def check_cluster(
    run: RunDirectory, info: RunInfo, before: Config, config: Config, trust: bool = False
) -> None:
    """Refuse to speak to a scheduler that a run names, unless the user's seal or word is there.

    Whoever runs a scheduler can run code on this machine. One that the user names now, by an
    option, is the user's word.

    Args:
        run: names it.
        info: what its run.json says.
        before: the run's own configuration, as its files have it.
        config: what is about to be trained, with the user's options.
        trust: the user's word for this run; HPSEARCH_TRUST=1 is one for all.

    Raises:
        RunError: there is neither, or others can read the key.
    """
    own, asked = (_scheduler(each.as_dict()) for each in (before, config))
    if asked is None or asked != own or trust or os.environ.get(TRUST) == "1":
        return
    if own == _scheduler(info.config) and is_sealed(info):  # config.yaml carries no seal
        return
    address = own.get("scheduler") or own.get("scheduler_file")
    raise RunError(
        f"{run.path}: would speak to the Dask scheduler {address}, which could run code here, and "
        "which carries no seal of yours (the run comes from somebody else or another machine, or "
        "was changed); name your own with --scheduler ADDRESS, train here with --backend local, "
        f"or if you trust it, say --trust (in Python: trust=True; for CI: {TRUST}=1)"
    )


def _scheduler(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What a configuration says of a scheduler that runs already; None if it names none."""
    parallel = config.get("parallel") or {}
    keys = ("scheduler", "scheduler_file", "tls")
    found = {key: parallel[key] for key in keys if parallel.get(key) is not None}
    runs_already = found.keys() & {"scheduler", "scheduler_file"}
    return found if parallel.get("backend") == "dask" and runs_already else None


def named(config: Config) -> str:
    """The code of the user's that a configuration names, for a message."""
    options, code = config.trainer.options, kind_of(config.trainer).code
    assert code is not None
    where = f" in {options['folder']}" if "folder" in options else ""
    return f"the {code.noun} {options[code.key]!r}{where}"


def lies_in_a_run(run: RunDirectory, config: Config) -> bool:
    """Whether a file of the named code lies in the run's folder or in that of one beside it.

    An unpacked archive puts files there. Links and `..` are followed before anything is compared.
    """
    own, code = _followed(run.path), kind_of(config.trainer).code
    places = () if code is None else code.places(config.trainer.options)
    return any(
        folder == own or (folder.parent == own.parent and is_run(folder))
        for place in map(_followed, places)
        for folder in (place, *place.parents)
    )


def _followed(path: Path) -> Path:
    try:
        return Path(os.path.realpath(path))  # Path.resolve() raises where links lead in a circle
    except ValueError:  # a null byte
        return path


def is_sealed(info: RunInfo) -> bool:
    """Whether run.json carries the user's seal, and all that it seals is as it was."""
    if info.seal is None:
        return False
    key = _key()
    return key is not None and hmac.compare_digest(_digest(key, info), info.seal.encode())


def seal(info: RunInfo) -> str | None:
    """The user's seal for run.json; None where their key cannot be kept, or nothing is sealed.

    Raises:
        RunError: there is a key that others can read.
    """
    if not needs_seal(info):
        return None
    with suppress(OSError, RuntimeError):  # RuntimeError: nobody knows the home folder
        key = _key() or _new_key()
        return _digest(key, info).decode()
    return None


def unsealed(run: RunDirectory, info: RunInfo) -> str | None:
    """What to say of a run whose code could not be sealed; None if there is nothing to say."""
    if info.seal or os.environ.get(TRUST) == "1" or not needs_seal(info) or seal(info):
        return None
    return (
        f"{run.path}: has no seal, for no key can be kept in {_folder_told()}; to go on with it "
        f"say --trust, or let {STATE} name a folder that can be written"
    )


def needs_seal(info: RunInfo) -> bool:
    """Whether a run names code, or a scheduler that could run some."""
    trainer = info.config.get("trainer") or {}
    if _scheduler(info.config) is not None:
        return True
    return kind_named(trainer.get("kind", "network")).variant(trainer).code is not None


def _digest(key: bytes, info: RunInfo) -> bytes:
    """The seal of what decides which code runs, and which values it may be given in its places.

    It belongs to one run by its time of creation, not by its path: a run may be moved.
    """
    config = info.config
    sealed = {
        "seal": 1,  # the version of this list
        "created": info.created,
        "trainer": config.get("trainer"),
        "space": config.get("space"),
        "start": (config.get("search") or {}).get("start"),
    }
    if (scheduler := _scheduler(config)) is not None:
        sealed["scheduler"] = scheduler
    text = json.dumps(plain(sealed), sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), "sha256").hexdigest().encode()


def state_folder() -> Path:
    """The folder of the user's for what no run holds, as the platform has it.

    Raises:
        RuntimeError: nobody knows the home folder.
    """
    if given := os.environ.get(STATE):
        return Path(expanded(given)).absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "hpsearch"
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    return (state if state.is_absolute() else Path.home() / ".local" / "state") / "hpsearch"


def _folder_told() -> str:
    try:
        return str(state_folder())
    except RuntimeError:
        return "the home folder, which is unknown"


def _key() -> bytes | None:
    """The user's key; None if there is none yet.

    Raises:
        RunError: it is no file of the user's own that only they can read.
    """
    try:
        path = state_folder() / "key"
    except RuntimeError:  # there is no home folder to keep one in
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        why = "a link" if path.is_symlink() else f"that {error.strerror}"
        raise _unfit(path, why) from None
    status = os.fstat(descriptor)
    try:
        if not stat.S_ISREG(status.st_mode):
            raise _unfit(path, "something that is no file")
        if status.st_uid != os.geteuid():
            raise _unfit(path, f"one of user {status.st_uid}")
        if status.st_mode & 0o077:
            raise _unfit(path, f"mode {stat.S_IMODE(status.st_mode):04o}")
        key = os.read(descriptor, BYTES + 1)
    finally:
        os.close(descriptor)
    if len(key) != BYTES:
        raise _unfit(path, f"another length than {BYTES} bytes")
    return key


def _unfit(path: Path, found: str) -> RunError:
    return RunError(
        f"{path}: the key that seals runs must be a file of your own that nobody else can read "
        f"(mode 0600), found {found}; remove it, and say --trust once for runs that it sealed"
    )


def _new_key() -> bytes:
    """Make the user's key; it appears whole, and the one that another process made first stays.

    Raises:
        OSError: it cannot be written there.
    """
    folder = state_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = folder / f".key-{secrets.token_hex(8)}"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(BYTES))
            file.flush()
            os.fsync(descriptor)
        with suppress(FileExistsError):
            os.link(new, folder / "key")  # unlike a rename, it never replaces
    finally:
        new.unlink(missing_ok=True)
    key = _key()
    if key is None:
        raise FileNotFoundError(folder / "key")
    return key
