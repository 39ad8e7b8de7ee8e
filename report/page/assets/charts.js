// Figures, drawn by Plotly. Its script is in the page, compressed; the policy allows it by its digest.
const COLUMN = 430, ROW = 330; // pixels of a panel: the least width, the height
const CONFIG = {
  displaylogo: false, doubleClick: "reset", responsive: false,
  modeBarButtons: [["toImage", "zoom2d", "pan2d", "autoScale2d", "resetScale2d"]],
  toImageButtonOptions: { format: "svg" }, // a bitmap would be made from a blob, which the policy forbids
};

async function showCharts() {
  const figures = [...document.querySelectorAll("figure.curves")];
  if (!figures.length) return;
  const script = make("script");
  script.textContent = await unpacked(document.getElementById("plotly").textContent);
  document.head.append(script);
  for (const figure of figures) await new Chart(figure).start();
}

class Chart {
  constructor(figure) {
    this.element = figure.querySelector(".chart");
    this.scale = { x: "", y: "" }; // "log" or "linear"; "": as each panel has it
    this.hidden = new Set(); // of "band", "raw"
    const [data, csv] = figure.querySelectorAll("script");
    this.packed = data.textContent;
    for (const select of figure.querySelectorAll("select")) {
      select.addEventListener("change", () => {
        this.scale[select.name] = select.value;
        this.render();
      });
    }
    for (const toggle of figure.querySelectorAll("button[data-part]")) {
      toggle.addEventListener("click", () => {
        const shown = this.hidden.delete(toggle.dataset.part) || !this.hidden.add(toggle.dataset.part);
        toggle.setAttribute("aria-pressed", shown);
        this.render();
      });
    }
    const saver = figure.querySelector(".csv");
    saver.addEventListener("click", async () => save(saver.dataset.name, await unpacked(csv.textContent)));
    this.tools = figure.querySelector(".tools");
  }

  async start() {
    this.text = await unpacked(this.packed);
    await this.render();
    this.tools.hidden = false;
    let width = this.element.clientWidth;
    new ResizeObserver(() => {
      if (this.element.clientWidth === width) return;
      width = this.element.clientWidth;
      this.render();
    }).observe(this.element);
    document.addEventListener("themechange", () => this.render());
  }

  /** Plotly keeps what is zoomed and hidden as long as `uirevision` stays the same. */
  async render() {
    const { data, layout } = this.figure();
    await Plotly.react(this.element, data, layout, CONFIG);
  }

  figure() {
    const { dark } = JSON.parse(this.text);
    const { data, layout } = JSON.parse(this.text, (key, value) => (isDark() ? (dark[value] ?? value) : value));
    for (const trace of data) if (this.hidden.has(trace.meta)) trace.visible = false;
    for (const [name, axis] of Object.entries(layout)) {
      const type = this.scale[name[0]];
      if (!/^[xy]axis/.test(name) || axis.overlaying || !type || type === axis.type) continue;
      Object.assign(axis, { type, range: undefined, tickvals: undefined, dtick: undefined, uirevision: type });
    }
    const panels = layout.grid.columns;
    layout.width = this.element.clientWidth;
    const columns = Math.max(1, Math.min(panels, Math.floor(layout.width / COLUMN)));
    const rows = Math.ceil(panels / columns);
    Object.assign(layout.grid, { rows, columns });
    layout.height = rows * ROW + layout.margin.t + layout.margin.b + legendHeight(data, layout.width);
    layout.dragmode = matchMedia("(pointer: coarse)").matches ? false : "zoom"; // a finger scrolls the page
    return { data, layout };
  }
}

/** About the pixels that Plotly's legend takes below the panels: entries in columns as wide as the widest one. */
function legendHeight(data, width) {
  const widths = data.filter((trace) => trace.showlegend).map((trace) => 65 + 7.2 * trace.name.length);
  const columns = Math.max(1, Math.floor((width - 60) / Math.max(...widths)));
  const total = widths.reduce((sum, each) => sum + each, 0);
  return 10 + 19 * (total < width - 60 ? 1 : Math.ceil(widths.length / columns));
}
