// What the pointer and the keys do with a panel: a crosshair with the values there, zooming by a drag.
const MOST_ROWS = 12; // of the list of values; the nearest ones are shown

class Pointer {
  constructor(chart) {
    Object.assign(this, { chart, drag: null, at: null });
    const on = (name, act) => chart.svg.addEventListener(name, act);
    on("pointermove", (event) => this.move(event));
    on("pointerdown", (event) => this.down(event));
    on("pointerup", (event) => this.up(event));
    on("pointercancel", () => this.leave());
    on("pointerleave", () => this.drag || this.leave());
    on("dblclick", () => chart.zoom(null, null));
    on("keydown", (event) => this.key(event));
    on("blur", () => this.leave());
  }

  place(event) {
    const { left, top, width } = this.chart.svg.getBoundingClientRect();
    const scale = this.chart.box.width / width;
    return [(event.clientX - left) * scale, (event.clientY - top) * scale];
  }

  move(event) {
    this.last = this.place(event);
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = null;
      if (this.drag) this.stretch(...this.last);
      else if (this.last) this.inspect(...this.last);
    });
  }

  down(event) {
    const [x, y] = this.place(event);
    if (event.pointerType === "touch") this.inspect(x, y);
    else if (event.button === 0) {
      this.drag = { x, y };
      this.chart.svg.setPointerCapture(event.pointerId);
    }
  }

  /** The rectangle of a drag; one that is flat or narrow leaves the other axis free. */
  rectangle(x, y) {
    const { left, right, top, bottom } = this.chart.box;
    const inside = (value, low, high) => Math.min(high, Math.max(low, value));
    const across = [inside(this.drag.x, left, right), inside(x, left, right)].sort((a, b) => a - b);
    const down = [inside(this.drag.y, top, bottom), inside(y, top, bottom)].sort((a, b) => a - b);
    const [wide, high] = [across[1] - across[0], down[1] - down[0]];
    return { x: wide > 12 ? across : null, y: high > 24 || (wide <= 12 && high > 12) ? down : null };
  }

  stretch(x, y) {
    const { left, right, top, bottom } = this.chart.box;
    const found = this.rectangle(x, y);
    const [[x0, x1], [y0, y1]] = [found.x ?? [left, right], found.y ?? [top, bottom]];
    this.hide();
    if (!found.x && !found.y) return;
    this.chart.read.replaceChildren(draw("rect", { class: "zoom", x: x0, y: y0, width: x1 - x0, height: y1 - y0 }));
  }

  up(event) {
    if (!this.drag) return;
    const { x, y } = this.rectangle(...this.place(event));
    this.drag = null;
    const { chart } = this;
    const values = (axis, pair, old) => (pair ? pair.map((pixel) => axis.value(pixel)).sort((a, b) => a - b) : old);
    if (x || y) chart.zoom(values(chart.x, x, chart.view.x), values(chart.y, y, chart.view.y));
    this.hide();
  }

  leave() {
    this.last = this.drag = null;
    this.hide();
  }

  hide() {
    const { chart } = this;
    chart.tip.hidden = true;
    chart.read.replaceChildren();
    chart.hot(null);
  }

  /** The points that belong to the place: of each series the one at the crosshair's x. */
  inspect(x, y) {
    const { left, right, top, bottom } = this.chart.box;
    const points = this.points();
    const near = points.filter((point) => point.x >= left - 1 && point.x <= right + 1);
    if (!near.length || x < left - 8 || x > right + 8 || y > bottom + 8 || y < top - 8) return this.hide();
    const distance = near[0].drawn.line.ordered
      ? (point) => Math.abs(point.x - x) * 1000 + Math.abs(point.y - y)
      : (point) => Math.hypot(point.x - x, point.y - y);
    const first = near.reduce((best, point) => (distance(point) < distance(best) ? point : best));
    this.show(first, this.column(near, first), y);
  }

  /** All that can be read, in pixels, made once for each drawing; i is -1 where a run diverged. */
  points() {
    const { drawn } = this.chart;
    if (this.known?.drawn === drawn) return this.known.found;
    const found = [];
    for (const each of drawn) {
      each.xs.forEach((x, i) => Number.isNaN(x + each.ys[i]) || found.push({ drawn: each, i, x, y: each.ys[i] }));
      each.lost.forEach(({ x, y }) => found.push({ drawn: each, i: -1, x, y }));
    }
    this.known = { drawn, found };
    return found;
  }

  /** One point of each series, at most half of its own spacing (and at least 2 pixels) from the crosshair. */
  column(points, first) {
    const nearest = new Map();
    for (const point of points) {
      const away = Math.abs(point.x - first.x);
      const spacing = (this.chart.box.right - this.chart.box.left) / Math.max(point.drawn.xs.length, 1) / 2;
      const key = point.drawn.line.label + (point.i < 0 ? "\0lost" : "");
      if (away <= Math.max(2, point.drawn.line.ordered ? spacing : 0) && !(away >= nearest.get(key)?.away)) {
        nearest.set(key, { ...point, away });
      }
    }
    return [...nearest.values()];
  }

  show(first, column, y) {
    const { chart } = this;
    const close = column.reduce((best, point) => (Math.abs(point.y - y) < Math.abs(best.y - y) ? point : best));
    const rows = column.sort((a, b) => Math.abs(a.y - y) - Math.abs(b.y - y)).slice(0, MOST_ROWS).sort((a, b) => a.y - b.y);
    const { top, bottom } = chart.box;
    const marks = rows.filter((point) => point.i >= 0 && point.y >= top - 1 && point.y <= bottom + 1);
    chart.read.replaceChildren(
      draw("path", { class: "hair", d: `M${first.x},${top}V${bottom}` }),
      ...marks.map((point) => draw("circle", { cx: point.x, cy: point.y, r: 3.6, style: { fill: ink(point.drawn.line) } })),
    );
    chart.hot(close.drawn.line.label);
    this.fillTip(first, rows, close, column.length - rows.length);
    this.at = close;
  }

  xOf({ drawn, i, x }) {
    return i < 0 ? this.chart.x.value(x) : drawn.line.x[i];
  }

  fillTip(first, rows, close, more) {
    const { tip, panel, box, show } = this.chart;
    const list = make("table", {});
    for (const point of rows) {
      const { line } = point.drawn;
      const raw = !show.smooth && line.ghost.length;
      const value = point.i < 0 ? "diverged" : exact((raw ? line.ghost : line.y)[point.i]);
      const band = point.i >= 0 && show.bands && line.low.length ? `${exact(line.low[point.i])} to ${exact(line.high[point.i])}` : "";
      const cells = [make("td", {}, swatch(line)), make("th", { scope: "row" }, line.label), make("td", {}, value), make("td", { class: "range" }, band)];
      list.append(make("tr", { class: point === close ? "close" : null }, ...cells));
    }
    tip.replaceChildren(make("div", { class: "where" }, `${panel.x_name} ${brief(this.xOf(first), 6)}`), list);
    if (more > 0) tip.append(make("div", { class: "more" }, `and ${more} more further away`));
    tip.hidden = false;
    const scale = this.chart.svg.getBoundingClientRect().width / box.width;
    const [at, wide] = [first.x * scale, tip.offsetWidth];
    const room = box.width * scale - wide;
    const left = at + 14 + wide <= box.width * scale ? at + 14 : at - 14 - wide;
    tip.style.left = `${left >= 0 ? left : Math.max(0, Math.min(room, at - wide / 2))}px`;
    tip.style.top = left >= 0 ? `${box.top * scale}px` : `${(box.bottom + 22) * scale}px`;
  }

  key(event) {
    const { chart } = this;
    const act = {
      ArrowRight: () => this.step(1), ArrowLeft: () => this.step(-1),
      ArrowDown: () => this.turn(1), ArrowUp: () => this.turn(-1),
      "+": () => this.magnify(0.5), "=": () => this.magnify(0.5), "-": () => this.magnify(2),
      0: () => chart.zoom(null, null), Escape: () => this.leave(),
    }[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  }

  /** The next or previous point of the series that was read last; of the first one at the start. */
  step(by) {
    const points = this.points();
    const drawn = (this.at && this.chart.drawn.find((each) => each.line === this.at.drawn.line)) ?? points[0]?.drawn;
    const own = points.filter((point) => point.drawn === drawn);
    const now = this.at ? own.findIndex((point) => point.i === this.at.i) : by > 0 ? -1 : own.length;
    this.read(own[Math.min(own.length - 1, Math.max(0, now + by))], points);
  }

  /** Another series at the same x. */
  turn(by) {
    if (!this.at) return this.step(1);
    const column = this.column(this.points(), this.at).sort((a, b) => a.y - b.y);
    const now = column.findIndex((point) => point.drawn.line === this.at.drawn.line);
    this.read(column[Math.min(column.length - 1, Math.max(0, now + by))], this.points());
  }

  read(point, points) {
    if (!point) return;
    this.show(point, this.column(points, point), point.y);
    const { line } = point.drawn;
    const band = point.i >= 0 && line.low.length ? `, from ${exact(line.low[point.i])} to ${exact(line.high[point.i])}` : "";
    const value = point.i < 0 ? "diverged" : exact(line.y[point.i]) + band;
    this.chart.spoken.textContent = `${line.label}, ${this.chart.panel.x_name} ${brief(this.xOf(point), 6)}: ${value}`;
  }

  magnify(by) {
    const { box, x } = this.chart;
    const middle = this.at ? x.pixel(this.xOf(this.at)) : (box.left + box.right) / 2;
    const ends = [box.left, box.right].map((end) => x.value(middle + (end - middle) * by));
    this.chart.zoom(ends, null);
  }
}
