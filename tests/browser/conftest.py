"""The report in a real browser: Debian's Chromium without a network, driven by playwright."""

import contextlib
import io
import os
import shutil
import sys

import pytest

DRAWN = "() => [...document.querySelectorAll('.plot')].every(p => p.querySelector('.main-svg'))"


def browser_path():
    """Where Chromium is; None where there is none."""
    return os.environ.get("BROWSER_PATH") or shutil.which("chromium") or shutil.which("chrome")


def unable(reason):
    """No browser is no reason to pass where everything must hold."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


@pytest.fixture(scope="session")
def chromium():
    """A browser without a window."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        unable("needs playwright: pip install 'hpsearch[test]'")
    if browser_path() is None:
        unable("needs Chromium: apt-get install chromium, or name it in BROWSER_PATH")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=browser_path(),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking",
                  "--disable-component-update", "--disable-sync"],
        )  # fmt: skip
        yield browser
        browser.close()


@pytest.fixture
def show(chromium):
    """Open a file offline and draw all of it; complains of any request and any script error."""
    with contextlib.ExitStack() as stack:
        watched = []

        def opened(path, width=1200, height=900, dark=False):
            context = chromium.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if dark else "light",
                offline=True,
            )
            stack.callback(context.close)
            requests, errors = [], []
            watched.append((path.resolve().as_uri(), requests, errors))
            page = context.new_page()
            page.on("request", lambda request: requests.append(request.url))
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on(
                "console", lambda said: errors.append(said.text) if said.type == "error" else 0
            )
            page.goto(path.resolve().as_uri())
            page.evaluate("() => window.drawAll()")
            page.wait_for_function(DRAWN)
            return page

        yield opened
        for address, requests, errors in watched:
            assert [url for url in requests if not url.startswith(("data:", "blob:"))] == [address]
            assert errors == []


def searched(folder, name, trainer, space, more=""):
    """The folder of a real search and its report, made by the command line."""
    from hpsearch.cli import main

    config = folder / f"{name}.yaml"
    config.write_text(
        f"name: digits\ndata: {{source: digits}}\ntrainer: {trainer}\n{more}space:\n"
        + "".join(f"  {line}\n" for line in space)
        + "search: {trials: 24}\n"
    )
    words = ["hpsearch", "run", str(config), f"--name={name}", f"--runs-dir={folder}",
             "--backend=serial", "--quiet"]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", words)
        with contextlib.redirect_stdout(io.StringIO()), pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 0
    return folder / name


@pytest.fixture(scope="session")
def real_run(tmp_path_factory):
    """A search with one metric."""
    space = (
        "learning_rate: {scale: log, min: 1e-4, max: 1}",
        "hidden_units: {type: int, scale: log, min: 8, max: 32, per: hidden_layers}",
        "hidden_layers: {type: int, min: 1, max: 2}",
        "optimizer: {values: [momentum, adam]}",
        "momentum: {scale: 1-10^r, min: 0.9, max: 0.999, when: {optimizer: momentum}}",
    )
    folder = tmp_path_factory.mktemp("real")
    return searched(folder, "real", "{kind: network, epochs: 3}", space)


@pytest.fixture(scope="session")
def front_run(tmp_path_factory):
    """A search with three objectives."""
    space = (
        "learning_rate: {scale: log, min: 1e-4, max: 1}",
        "hidden_units: {type: int, scale: log, min: 4, max: 64}",
    )
    metric = (
        "metric: [{name: val_accuracy}, {name: parameters, goal: minimize},"
        " {name: val_loss, goal: minimize}]\n"
    )
    folder = tmp_path_factory.mktemp("front")
    return searched(folder, "front", "{kind: network, epochs: 1}", space, metric)
