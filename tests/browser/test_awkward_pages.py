"""Runs of all sorts in a real browser: nothing in their text is taken for code."""

import json
from dataclasses import replace

import pytest

from hpsearch.report.comparison import compare
from hpsearch.report.findings import findings, write_report
from hpsearch.report.html.compare import write_comparison
from hpsearch.store import RunDirectory
from hpsearch.store.output import Output

HOSTILE = '<script>document.title="taken"</script><img src=x onerror="boom()">{{ y }} %{x}' + (
    "\U0001f98a ' \" </script> a\nb " + "long" * 50
)


@pytest.fixture
def copied(real_run, tmp_path):
    """A copy of the real run whose records may be changed: fate(line) does it."""

    def copy(change=lambda line: line, name="copy", **info):
        folder = tmp_path / name
        folder.mkdir()
        for file in ("config.yaml", "run.json", "trials.jsonl", "curves.jsonl", "timeline.jsonl"):
            (folder / file).write_bytes((real_run / file).read_bytes())
        lines = [json.loads(line) for line in (real_run / "trials.jsonl").read_text().splitlines()]
        changed = [new for line in lines if (new := change(line)) is not None]
        (folder / "trials.jsonl").write_text("".join(json.dumps(line) + "\n" for line in changed))
        run = RunDirectory(folder)
        run.update(**info)
        return run

    return copy


def failed(line):
    lost = {"status": "failed", "error": f"ValueError: {HOSTILE}", "value": None, "metrics": {}}
    return {**line, **lost}


def test_hostile_text_is_shown_and_not_obeyed(show, copied, real_run):
    info = RunDirectory(real_run).info
    classes = [HOSTILE, *info.data.classes[1:]]
    run = copied(lambda line: failed(line) if line["number"] % 3 == 0 else line,
                 data=replace(info.data, classes=classes))  # fmt: skip
    run.best.mkdir()
    outcome = json.loads((real_run / "best" / "result.json").read_text())
    (run.best / "result.json").write_text(json.dumps(outcome))
    run.config.write_text(HOSTILE)
    page = show(write_report(run), width=380)
    assert page.title().startswith("copy")
    assert page.locator("img").count() == 0
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 380
    page.fill("#filter", "<script>")
    assert page.locator("#trials tbody tr").count() > 0
    assert "<script>" in page.locator("#configuration pre").text_content()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda line: None, "running"),
        (lambda line: line if line["number"] == 0 else None, "interrupted"),
        (failed, "failed"),
    ],
    ids=["no trial yet", "one trial", "all failed"],
)
def test_an_awkward_run_has_a_page_without_errors(show, copied, change, status):
    run = copied(change, status=status)
    with run.writing():  # a run that nobody writes to does not run
        page = show(write_report(run))
    assert page.locator(".status").text_content() == status


@pytest.mark.slow
@pytest.mark.parametrize(("hosts", "drawn"), [(2, ".bars .point"), (300, ".hm image")])
def test_the_workers_of_a_cluster_are_drawn_and_fit_a_phone(show, copied, span, hosts, drawn):
    run = copied()
    with run.writing() as writer:
        for host in range(hosts):
            worker = f"node-{host}/{HOSTILE}"
            writer.worked(span(worker=worker, start=1.0, end=3.0 + host % 5))
            writer.worked(span(worker=worker, start=4.0 + host % 5, end=12.0, lost=True))
    page = show(write_report(run), width=380)
    assert page.locator(f"#timeline {drawn}").count() > 0
    assert page.locator("img").count() == 0
    assert f"; {hosts} pieces (" in page.locator("#timeline").text_content()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 380


def test_a_page_of_a_running_search_loads_itself_again(copied, chromium):
    run = copied(status="running")
    write_report(run, refresh=1)
    page = chromium.new_page()
    page.goto(run.report.path.resolve().as_uri(), wait_until="commit")
    shown = "() => document.readyState != 'loading' && JSON.parse(data.textContent).refresh"
    page.wait_for_function(f"{shown} === 1")
    write_report(run, refresh=None)
    page.wait_for_function(f"{shown} === null")
    page.close()


def test_a_comparison_draws_each_run_and_fits_a_phone(show, copied, tmp_path):
    runs = [findings(copied(name="one")), findings(copied(name="two", parent="one"))]
    write_comparison(compare(runs), Output(tmp_path / "both.html"))
    page = show(tmp_path / "both.html", width=380)
    assert page.locator(".plot").count() == 2
    assert page.locator("#outcomes th").all_text_contents() == ["", "one", "two"]
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 380
