"use strict";
// Draws the figures, and sorts, filters and pages through the trials. Nothing is loaded.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const store = {
    get(key) { try { return localStorage.getItem(key); } catch { return null; } },
    set(key, value) { try { localStorage.setItem(key, value); } catch { /* a page from disk may have none */ } },
  };
  const find = (selector) => document.querySelector(selector);

  // Light or dark: the reader's choice, else the system's.
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => store.get("hpsearch-theme") || (system.matches ? "dark" : "light");
  const ink = () => getComputedStyle(root).getPropertyValue("--ink").trim();
  const themed = () => ({
    "font.color": ink(),
    "hoverlabel.bgcolor": getComputedStyle(root).getPropertyValue("--card").trim(),
    "hoverlabel.font.color": ink(),
  });
  // The weakest lines are the faintest: near the paper's colour, whichever it is.
  const faint = (trace) => {
    const scale = trace.line.colorscale.map((stop) => [...stop]);
    scale[0][1] = root.dataset.theme === "dark" ? "#3a475a" : "#c9d3e0";
    return scale;
  };
  const plots = [...document.querySelectorAll(".plot")];
  const apply = (theme) => {
    root.dataset.theme = theme;
    for (const plot of plots.filter((each) => each.dataset.drawn)) {
      Plotly.relayout(plot, themed());
      if (plot.data?.[0]?.type === "parcoords") Plotly.restyle(plot, { "line.colorscale": [faint(plot.data[0])] });
    }
  };
  root.dataset.theme = chosen();
  find("#theme")?.addEventListener("click", () => {
    const next = root.dataset.theme === "dark" ? "light" : "dark";
    store.set("hpsearch-theme", next);
    apply(next);
  });
  system.addEventListener("change", () => apply(chosen()));

  // A figure is drawn when it is about to be seen: a page of forty parameters opens at once.
  const options = { responsive: true, displaylogo: false, displayModeBar: matchMedia("(hover: hover)").matches ? "hover" : false, showSendToCloud: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
  const draw = (plot) => {
    if (plot.dataset.drawn) return;
    plot.dataset.drawn = "yes";
    const figure = data.figures[plot.dataset.figure];
    if (figure.data[0]?.type === "parcoords") figure.data[0].line.colorscale = faint(figure.data[0]);
    const layout = structuredClone(figure.layout);
    layout.font.color = ink();
    layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: "#8a93a0", activecolor: "#3f7fd9" };
    layout.hoverlabel = { ...layout.hoverlabel, bgcolor: themed()["hoverlabel.bgcolor"], font: { color: ink() } };
    Plotly.newPlot(plot, figure.data, layout, options).then(() => {
      if (figure.data[0]?.type === "parcoords") plot.on("plotly_restyle", () => brush(plot));
      if (figure.layout.dragmode === "select") {
        const choose = (event) => { brushed = event?.points?.length ? new Set(event.points.map((point) => point.customdata)) : null; show(); };
        plot.on("plotly_selected", choose);
        plot.on("plotly_deselect", () => choose());
      }
    });
  };
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { watcher.unobserve(entry.target); draw(entry.target); }
  }, { rootMargin: "600px" });
  plots.forEach((plot) => watcher.observe(plot));
  addEventListener("beforeprint", () => { root.dataset.theme = "light"; plots.forEach(draw); apply("light"); });
  addEventListener("afterprint", () => apply(chosen()));
  window.drawAll = () => plots.forEach(draw); // for those who make pictures of the page

  for (const button of document.querySelectorAll(".copy")) {
    button.addEventListener("click", async () => {
      const text = button.parentElement.querySelector("pre").textContent;
      try { await navigator.clipboard.writeText(text); } catch {
        const area = document.body.appendChild(document.createElement("textarea"));
        area.value = text; area.select(); document.execCommand("copy"); area.remove();
      }
      button.textContent = "copied";
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    });
  }

  // The trials that every brushed axis keeps; null where none is brushed.
  let brushed = null;
  const brush = (plot) => {
    const trace = plot.data[0];
    const limits = trace.dimensions.map((axis) => axis.constraintrange).map((range) =>
      range === undefined || range === null ? null : Array.isArray(range[0]) ? range : [range]);
    brushed = limits.every((range) => !range) ? null : new Set(trace.customdata.filter((_, i) =>
      limits.every((ranges, axis) => !ranges || ranges.some(([low, high]) =>
        trace.dimensions[axis].values[i] >= low && trace.dimensions[axis].values[i] <= high))));
    show();
  };

  const PAGE = 50;
  const table = data.table;
  let sorted = { column: 3, descending: table ? table.maximize : true };
  let most = PAGE;
  const key = (cell) => Array.isArray(cell) ? cell[0] : cell;
  const text = (cell) => cell === null ? "" : String(Array.isArray(cell) ? cell[1] : cell);
  const compare = (a, b) => {
    const x = key(a[sorted.column]), y = key(b[sorted.column]);
    if (x === null || y === null) return (x === null) - (y === null); // what is missing comes last
    const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
    return sorted.descending ? -order : order;
  };
  const show = () => {
    if (!table || !find("#trials")) return;
    const words = find("#filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const status = find("#status").value;
    const rows = table.rows.filter((row) => (!status || row[2] === status) && (!brushed || brushed.has(row[0])) &&
      words.every((word) => row.some((cell) => text(cell).toLowerCase().includes(word)))).sort(compare);
    const body = find("#trials tbody");
    body.replaceChildren(...rows.slice(0, most).map((row) => {
      const line = document.createElement("tr");
      if (row[2] === "running") line.className = "running";
      else if (row[0] === table.best) line.className = "best";
      line.append(...row.map((cell) => {
        const place = document.createElement("td");
        place.textContent = text(cell);
        if (text(cell).length > 36) place.title = text(cell);
        if (typeof key(cell) === "number") place.className = "number";
        return place;
      }));
      return line;
    }));
    find("#shown").textContent = `${Math.min(most, rows.length).toLocaleString("en-US")} of ${rows.length.toLocaleString("en-US")} shown` +
      (brushed ? ", those brushed above" : "") + (table.left_out ? `; ${table.left_out.toLocaleString("en-US")} weaker ones left out` : "");
    find("#more").hidden = rows.length <= most;
  };
  if (table && find("#trials")) {
    const head = find("#trials thead").appendChild(document.createElement("tr"));
    table.columns.forEach((name, column) => {
      const place = head.appendChild(document.createElement("th"));
      place.textContent = name; place.title = name; place.tabIndex = 0; place.scope = "col";
      const sort = () => {
        sorted = { column, descending: sorted.column === column ? !sorted.descending : false };
        [...head.children].forEach((other) => other.removeAttribute("aria-sort"));
        place.setAttribute("aria-sort", sorted.descending ? "descending" : "ascending");
        show();
      };
      place.addEventListener("click", sort);
      place.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
    });
    head.children[3].setAttribute("aria-sort", sorted.descending ? "descending" : "ascending");
    for (const [id, name] of [["#filter", "input"], ["#status", "change"]])
      find(id).addEventListener(name, () => { most = PAGE; show(); });
    find("#more").addEventListener("click", () => { most += 10 * PAGE; show(); });
    show();
  }

  // An unfinished run's page loads itself again, but not under the hands of who uses it.
  if (data.refresh) {
    let touched = 0;
    for (const name of ["pointerdown", "keydown", "input"]) addEventListener(name, () => { touched = Date.now(); });
    const timer = setInterval(() => {
      if (brushed || Date.now() - touched <= 20000 || find("#filter")?.value) return;
      clearInterval(timer); // a second load would break off a slow first one
      location.reload();
    }, 1000 * data.refresh);
  }
})();
