// A figure: its panels side by side, and legends whose entries show and hide series.
function showFigure(element) {
  const panels = JSON.parse(element.querySelector("script").textContent);
  const most = panels.reduce((best, panel) => (panel.lines.length > best.lines.length ? panel : best));
  const names = new Set(most.lines.map((line) => line.label));
  const shared = panels.every((panel) => panel.lines.every((line) => names.has(line.label)));
  const hidden = new Set();
  const charts = panels.map((panel) => new Chart(panel, shared ? hidden : new Set()));
  const grid = make("div", { class: "panels" });
  charts.forEach((chart) => grid.append(chart.element));
  const parts = [grid];
  if (shared) parts.push(legend(most, hidden, charts));
  else charts.forEach((chart) => chart.element.append(legend(chart.panel, chart.hidden, [chart])));
  if (panels.some((panel) => panel.thinned)) {
    parts.push(make("p", { class: "below" }, "Long lines are thinned to 4,000 points; their extremes are kept."));
  }
  element.prepend(...parts);
  drawWhenNear(element, charts);
}

/** Figures far below wait until they come near, so that a long page opens at once; all are drawn before printing. */
function drawWhenNear(element, charts) {
  let ready = false;
  const render = () => charts.forEach((chart) => chart.render());
  const begin = () => {
    if (ready) return;
    ready = true;
    render();
    const widths = new ResizeObserver(() => requestAnimationFrame(render));
    charts.forEach((chart) => widths.observe(chart.svg.parentElement));
  };
  const watch = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watch.disconnect();
    begin();
  }, { rootMargin: "800px" });
  watch.observe(element);
  addEventListener("beforeprint", begin);
}

function legend(panel, hidden, charts) {
  const labels = panel.lines.map((line) => line.label);
  const list = make("ul", { class: "legend", "aria-label": "Series: show or hide" });
  const update = () => {
    for (const entry of list.querySelectorAll("[data-series]")) {
      entry.setAttribute("aria-pressed", !hidden.has(entry.dataset.series));
    }
    charts.forEach((chart) => chart.render());
  };
  const only = (label) => {
    const alone = labels.every((other) => hidden.has(other) === (other !== label));
    hidden.clear();
    if (!alone) labels.filter((other) => other !== label).forEach((other) => hidden.add(other));
    update();
  };
  const flip = (label) => {
    if (!hidden.delete(label)) hidden.add(label);
    update();
  };
  if (labels.length > 6) list.append(make("li", {}, allOrNone(labels, hidden, update)));
  for (const line of panel.lines) list.append(make("li", {}, entryOf(line, flip, only, charts)));
  const note = panel.note ? make("p", { class: "note" }, panel.note) : null;
  return make("div", { class: "key" }, note, list);
}

function entryOf(line, flip, only, charts) {
  const heat = (label) => () => charts.forEach((chart) => chart.drawn && chart.hot(label));
  const act = (event) => (event.shiftKey ? only(line.label) : flip(line.label));
  const entry = button("", {
    "data-series": line.label, "aria-pressed": true, title: "Click: show or hide. Double click or Shift: only this one.",
    click: act, dblclick: () => only(line.label),
    pointerenter: heat(line.label), pointerleave: heat(null), focus: heat(line.label), blur: heat(null),
  });
  entry.append(swatch(line), make("span", {}, line.label));
  return entry;
}

function allOrNone(labels, hidden, update) {
  return button("All / none", { class: "all", click: () => {
    const some = hidden.size > 0;
    hidden.clear();
    if (!some) labels.forEach((label) => hidden.add(label));
    update();
  } });
}
