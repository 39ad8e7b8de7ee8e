// One panel: its limits, its SVG. What the pointer and the keys do is in pointer.js.
const MOST_DIMMED = 12; // lines; to fade more of them at each move of the pointer would be slow

class Chart {
  constructor(panel, hidden) {
    Object.assign(this, { panel, hidden, view: { x: null, y: null } });
    this.lines = panel.lines.map((line) => ({ ...line, x: panel.xs[line.x] }));
    for (const line of this.lines) line.ordered = line.x.every((x, i) => i === 0 || x >= line.x[i - 1]);
    this.log = { x: panel.x_log, y: panel.y_log };
    this.show = { bands: true, smooth: true, raw: true };
    this.clip = `clip${Chart.count++}`;
    this.integers = this.lines.every((line) => line.x.every((x) => Number.isInteger(x)));
    this.svg = draw("svg", { class: "plot", tabindex: 0, role: "img", "aria-label": this.description() });
    this.over = draw("svg", { class: "over", "aria-hidden": "true" }); // apart, so that the pointer redraws no curve
    this.tip = make("div", { class: "tip", hidden: true });
    this.spoken = make("div", { class: "spoken", "aria-live": "polite" });
    this.element = make("div", { class: "panel" }, this.head(), make("div", { class: "stage" }, this.svg, this.over, this.tip, this.spoken));
    new Pointer(this);
  }

  description() {
    const { title, x_name, y_name } = this.panel;
    const what = `${title ? title + ": " : ""}${y_name} over ${x_name}, ${this.lines.length} series.`;
    return `${what} Arrow keys read the values, plus and minus zoom, 0 resets.`;
  }

  head() {
    const some = (key) => this.lines.some((line) => line[key].length);
    const redraw = (where, key) => (on) => {
      this[where][key] = on;
      this.render();
    };
    this.reset = button("Reset zoom", { hidden: true, click: () => this.zoom(null, null) });
    const tools = [this.reset, this.logTool("x"), this.logTool("y")];
    if (some("low")) tools.push(toggle("Bands", true, "the bands around the lines", redraw("show", "bands")));
    if (some("ghost")) {
      tools.push(toggle("Smoothed", true, "the smoothed lines", redraw("show", "smooth")));
      tools.push(toggle("Raw", true, "the values before smoothing", redraw("show", "raw")));
    }
    tools.push(button("CSV", { title: "save this panel's data", click: () => this.saveData() }));
    const title = this.panel.title || `${this.panel.y_name} over ${this.panel.x_name}`;
    const bar = make("div", { class: "tools", role: "group", "aria-label": `Display of ${title}` }, ...tools);
    return make("div", { class: "head" }, make("h4", {}, this.panel.title), bar);
  }

  logTool(key) {
    const name = `log ${key}`;
    const element = toggle(name, this.log[key], `logarithmic ${key} axis`, (on) => {
      this.log[key] = on;
      this.view[key] = null;
      this.render();
    });
    const values = this.lines.flatMap((line) => [...line[key], ...(key === "x" ? line.lost : [])]);
    if (!values.some((value) => value > 0)) Object.assign(element, { disabled: true, title: "no value is above zero" });
    return element;
  }

  visible() {
    return this.lines.filter((line) => !this.hidden.has(line.label));
  }

  /** What counts for the limits of y: lines and bands where shown; raw values, and crosses, may stand out. */
  shownKeys() {
    return [this.show.smooth ? "y" : "ghost", ...(this.show.bands ? ["low", "high"] : [])];
  }

  limits() {
    const { x: near, y: zoomed } = this.view;
    const across = new Extent(this.log.x), up = new Extent(this.log.y);
    const keys = this.shownKeys();
    for (const line of this.visible()) {
      line.x.forEach((x) => across.add(x));
      line.lost.forEach((x) => across.add(x));
      line.crosses.forEach(([x]) => across.add(x));
      const seen = (x) => !near || (x >= near[0] && x <= near[1]);
      for (const key of keys) (line[key].length ? line[key] : line.y).forEach((y, i) => seen(line.x[i]) && up.add(y));
    }
    const fixed = this.panel.y_range && !(this.log.y && this.panel.y_range[0] <= 0) ? this.panel.y_range : null;
    return { x: near ?? across.limits(), y: zoomed ?? fixed ?? up.limits() };
  }

  zoom(x, y) {
    for (const ends of [x, y]) {
      const fine = !ends || (ends.every(Number.isFinite) && ends[1] - ends[0] > 1e-9 * Math.abs(ends[1]));
      if (!fine || (ends === x && ends && this.log.x && ends[0] <= 0)) return;
    }
    this.view = { x, y };
    this.render();
  }

  render() {
    this.reset.hidden = !this.view.x && !this.view.y;
    const width = Math.max(240, Math.round(this.svg.parentElement.clientWidth || 480));
    const height = Math.round(Math.min(380, Math.max(230, width * 0.66)));
    const { x, y } = this.limits();
    const probe = new Axis(...y, this.log.y, height - 38, 26);
    const yTicks = probe.ticks(Math.max(3, Math.round(height / 52)), false);
    const left = 14 + 6.6 * Math.max(2, ...yTicks.map((tick) => tick.text.length));
    this.box = { left, right: width - 12, top: 26, bottom: height - 38, width, height };
    this.x = new Axis(...x, this.log.x, left, this.box.right);
    this.y = probe;
    for (const svg of [this.svg, this.over]) svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.marks = draw("g", { class: "marks" });
    this.front = draw("g", { "clip-path": `url(#${this.clip})` });
    this.read = draw("g");
    const frame = { x: left, y: 26, width: this.box.right - left, height: height - 64 };
    const inside = draw("g", { "clip-path": `url(#${this.clip})` }, this.marks);
    const clip = draw("clipPath", { id: this.clip }, draw("rect", frame));
    this.svg.replaceChildren(draw("defs", {}, clip), this.grid(yTicks), inside);
    this.over.replaceChildren(this.front, this.read);
    this.drawn = this.visible().map((line) => this.drawLine(line, this.lines.indexOf(line)));
    this.drawLost();
    this.hot(null);
  }

  grid(yTicks) {
    const { left, right, top, bottom, height } = this.box;
    const grid = draw("g", { class: "grid" });
    const text = (x, y, anchor, content, kind) => grid.append(draw("text", { x, y, "text-anchor": anchor, class: kind }, content));
    for (const tick of this.x.ticks(Math.max(3, Math.round((right - left) / 75)), this.integers && !this.log.x)) {
      const x = this.x.pixel(tick.value);
      grid.append(draw("path", { d: `M${x},${top}V${bottom}` }));
      text(x, bottom + 16, "middle", tick.text, "tick");
    }
    for (const tick of yTicks) {
      const y = this.y.pixel(tick.value);
      grid.append(draw("path", { d: `M${left},${y}H${right}` }));
      text(left - 7, y + 4, "end", tick.text, "tick");
    }
    grid.append(draw("path", { class: "axis", d: `M${left},${bottom}H${right}` }));
    text((left + right) / 2, height - 5, "middle", this.panel.x_name, "name");
    text(4, 13, "start", this.panel.y_name, "name");
    return grid;
  }

  /** Draw a line, the place-th of its panel, and return what the pointer needs: its points in pixels. */
  drawLine(line, at) {
    const [xs, ys] = [pixels(line.x, this.x), pixels(line.y, this.y)];
    const columns = this.box.right - this.box.left;
    const group = draw("g", { class: "line" });
    const path = (d, kind, style, rest = {}) => group.append(draw("path", { d, class: kind, style, ...rest }));
    if (this.show.bands && line.low.length) {
      const low = pixels(line.low, this.y, this.box.bottom + 9); // below the axis: down to its end, as matplotlib draws it
      path(outline(xs, low, pixels(line.high, this.y), columns), "band", { fill: ink(line) });
    }
    const smooth = this.show.smooth || !line.ghost.length;
    if (this.show.raw && line.ghost.length) {
      path(trace(xs, pixels(line.ghost, this.y), columns), smooth ? "ghost" : "raw", { stroke: ink(line) });
    }
    if (smooth) path(trace(xs, ys, columns), "curve", { stroke: ink(line) }, { "stroke-dasharray": dashes(line) });
    for (const i of smooth ? marked(line, at) : []) if (!Number.isNaN(xs[i] + ys[i])) group.append(this.mark(line, xs[i], ys[i]));
    this.marks.append(group);
    const [crossX, crossY] = [0, 1].map((i) => pixels(line.crosses.map((point) => point[i]), i ? this.y : this.x));
    const edged = (y) => Math.min(this.box.bottom, Math.max(this.box.top, y)); // what exploded has its cross at the edge
    const lost = [...crossX].map((x, i) => ({ x, y: edged(crossY[i]) })).filter(({ x, y }) => !Number.isNaN(x + y));
    for (const { x, y } of lost) group.append(draw("path", { d: CROSS, class: "lost", transform: place(x, y), style: { stroke: ink(line) } }));
    return { line, xs, ys: smooth ? ys : pixels(line.ghost, this.y), group, lost };
  }

  mark(line, x, y) {
    return draw("path", { d: MARKERS[line.marker] ?? MARKERS.o, transform: place(x, y), class: "marker", style: { fill: ink(line) } });
  }

  /** Crosses at the edge of the bad values, side by side inwards where several series were lost at the same x. */
  drawLost() {
    const taken = new Map();
    const { left, right, top, bottom } = this.box;
    for (const { line, lost, group } of this.drawn) {
      for (const x of pixels(line.lost, this.x)) {
        if (!(x >= left - 1 && x <= right + 1)) continue;
        const row = taken.get(Math.round(x)) ?? 0;
        taken.set(Math.round(x), row + 1);
        const y = this.panel.lost_at === "top" ? top + 7 + 11 * row : bottom - 7 - 11 * row;
        group.append(draw("path", { d: CROSS, class: "lost", transform: place(x, y), style: { stroke: ink(line) } }));
        lost.push({ x, y });
      }
    }
  }

  /** Bring one series to the front; null for none. */
  hot(label) {
    const found = this.drawn.find(({ line }) => line.label === label);
    this.marks.classList.toggle("some", Boolean(found) && this.drawn.length > 1 && this.drawn.length <= MOST_DIMMED);
    const curve = found?.group.querySelector(".curve, .raw");
    this.front.replaceChildren(...(curve ? [hotCopy(curve, "halo"), hotCopy(curve, "hot")] : []));
  }

  saveData() {
    const { title, x_name, y_name } = this.panel;
    const rows = [["series", x_name, y_name, "low", "high", "raw", "diverged"]];
    for (const line of this.lines) {
      line.x.forEach((x, i) => rows.push([line.label, x, ...["y", "low", "high", "ghost"].map((key) => line[key][i]), ""]));
      for (const x of line.lost) rows.push([line.label, x, "", "", "", "", "yes"]);
      for (const [x, y] of line.crosses) rows.push([line.label, x, y, "", "", "", "yes"]);
    }
    save(title || y_name, csv(rows));
  }
}
Chart.count = 0;

function hotCopy(curve, kind) {
  const copy = curve.cloneNode();
  copy.setAttribute("class", kind);
  return copy;
}
