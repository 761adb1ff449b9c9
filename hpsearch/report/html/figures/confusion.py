"""Which classes the winner takes for which, on the test rows."""

from __future__ import annotations

from hpsearch.report.html.figures.style import Figure, axis, figure
from hpsearch.report.html.text import in_plot
from hpsearch.report.summary import Summary

MOST_NUMBERS = 25  # classes; in a larger matrix numbers would not fit
FAINT, STRONG = "rgba(63,127,217,0.03)", "rgba(47,98,184,0.95)"


def matrix(summary: Summary) -> Figure | None:
    """Counts, coloured by their share of the true class; None without test rows."""
    test = summary.test
    if test is None or not test.get("confusion"):
        return None
    names = [in_plot(name, 16) for name in test.get("classes", summary.info["data"]["classes"])]
    counts = test["confusion"]
    shares = [[n / max(1, sum(row)) for n in row] for row in counts]
    places = list(range(len(names)))
    ticks = {"tickvals": places, "ticktext": names}
    trace = {
        "type": "heatmap", "z": shares, "x": places, "y": places, "zmin": 0, "zmax": 1,
        "colorscale": [[0, FAINT], [0.04, "rgba(229,138,31,0.55)"], [0.3, "rgba(214,69,69,0.75)"],
                       [0.5, "rgba(63,127,217,0.75)"], [1, STRONG]],
        "showscale": False, "xgap": 1, "ygap": 1, "customdata": counts,
        "text": [[str(n) if n else "" for n in row] for row in counts],
        "hovertemplate": "%{customdata} rows, %{z:.1%} of the class<extra></extra>",
    }  # fmt: skip
    if len(names) <= MOST_NUMBERS:
        trace["texttemplate"] = "%{text}"
    return figure(
        [trace],
        None,
        height=min(760, 150 + 30 * len(names)),
        xaxis=axis("taken for", **ticks, showgrid=False, constrain="domain"),
        yaxis=axis("true class", **ticks, showgrid=False, autorange="reversed"),
    )
