// The marks of a panel: curves thinned to the columns of pixels they cross, bands, markers, crosses.
const WIDTH = 1.8; // of a line, in pixels; dashes are given in it
const FEW = 8; // points that each have a marker
const MARKED = 6; // along a line of more points
const MARKERS = {
  o: "M-3.2,0a3.2,3.2 0 1,0 6.4,0a3.2,3.2 0 1,0 -6.4,0Z",
  s: "M-2.9,-2.9h5.8v5.8h-5.8Z",
  "^": "M0,-3.7L3.5,2.7H-3.5Z",
  v: "M0,3.7L3.5,-2.7H-3.5Z",
  D: "M0,-3.9L3.9,0L0,3.9L-3.9,0Z",
  P: "M-1.3,-3.6h2.6v2.3h2.3v2.6h-2.3v2.3h-2.6v-2.3h-2.3v-2.6h2.3Z",
  X: "M-3.6,-1.9L-1.9,-3.6L0,-1.7L1.9,-3.6L3.6,-1.9L1.7,0L3.6,1.9L1.9,3.6L0,1.7L-1.9,3.6L-3.6,1.9L-1.7,0Z",
};
const CROSS = "M-4,-4L4,4M-4,4L4,-4";

const ink = (line) => `var(--c${line.colour})`;
const dashes = (line) => (line.dash.length ? line.dash.map((length) => length * WIDTH).join(" ") : null);
const place = (x, y) => `translate(${x.toFixed(1)},${y.toFixed(1)})`;
const round = (pixel) => (pixel > 1e5 ? 1e5 : pixel < -1e5 ? -1e5 : Math.round(pixel * 10) / 10);

/** Pixels of a series; NaN where there is nothing to draw. floor: where values go that a log axis does not have. */
function pixels(values, axis, floor = NaN) {
  const found = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    found[i] = value === null ? NaN : axis.log && value <= 0 ? floor : axis.pixel(value);
  }
  return found;
}

/** The path through the points; of many those that are first, lowest, highest and last in two columns of pixels. */
function trace(xs, ys, columns) {
  const thin = xs.length > columns;
  const path = [];
  let pen = "M", column = NaN, first = -1, low = -1, high = -1, last = -1;
  const go = (i) => {
    path.push(pen, round(xs[i]), ",", round(ys[i]));
    pen = "L";
  };
  const flush = () => {
    if (first < 0) return;
    const [one, two] = low < high ? [low, high] : [high, low];
    go(first);
    if (one > first) go(one);
    if (two > one && two > first) go(two);
    if (last > two) go(last);
    first = -1;
  };
  for (let i = 0; i < xs.length; i++) {
    if (Number.isNaN(xs[i]) || Number.isNaN(ys[i])) {
      flush();
      pen = "M";
      continue;
    }
    const here = thin ? Math.floor(xs[i] / 2) : i;
    if (here !== column) flush();
    column = here;
    if (first < 0) first = low = high = i;
    if (ys[i] < ys[low]) low = i;
    if (ys[i] > ys[high]) high = i;
    last = i;
  }
  flush();
  return path.join("");
}

/** The outline of the band between two series, in as many pieces as gaps leave. */
function outline(xs, low, high, columns) {
  let path = "", from = 0;
  for (let i = 0; i <= xs.length; i++) {
    if (i < xs.length && !Number.isNaN(xs[i]) && !Number.isNaN(low[i]) && !Number.isNaN(high[i])) continue;
    if (i > from) {
      const [x, bottom, top] = [xs, low, high].map((all) => all.slice(from, i));
      path += trace(x, top, columns) + trace(x.reverse(), bottom.reverse(), columns).replace("M", "L") + "Z";
    }
    from = i + 1;
  }
  return path;
}

/** The points that have a marker: all of few, else some, at other places for each line, as report/figures/drawing.py has it. */
function marked(line, at) {
  const count = line.x.length;
  if (line.markers || count <= FEW) return line.x.keys();
  const found = [];
  for (let i = Math.floor((at * count) / (MARKED * 5)) % count; i < count; i += Math.ceil(count / MARKED)) found.push(i);
  return found;
}

/** The sample of a line in a legend. */
function swatch(line) {
  const children = [draw("path", { d: "M1,6H33", style: { stroke: ink(line), strokeWidth: 2 }, "stroke-dasharray": dashes(line) })];
  children.push(draw("path", { d: MARKERS[line.marker] ?? MARKERS.o, transform: place(17, 6), style: { fill: ink(line) } }));
  return draw("svg", { class: "swatch", width: 34, height: 12, viewBox: "0 0 34 12", "aria-hidden": "true" }, ...children);
}
