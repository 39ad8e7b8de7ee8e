// The list of runs: filtered, sorted, and each with the texts of its folder in a dialog.
const AT_ONCE = 100; // rows shown before one asks for all
const TITLES = { "config.yaml": "Configuration", "environment.json": "Environment", "status.json": "Status", "log.txt": "Console log", "sample.txt": "Sample" };

function showRuns(element) {
  const data = JSON.parse(element.querySelector("script").textContent);
  new RunList(element, data);
}

class RunList {
  constructor(element, data) {
    Object.assign(this, { data, all: false, order: null, words: [], status: null });
    const tasks = new Set(data.rows.map((row) => row.task));
    const metrics = new Set(data.rows.map((row) => row.metric));
    const metric = metrics.size === 1 ? ` ${[...metrics][0]}` : "";
    const valued = (row, value) => (value === null ? "-" : exact(value) + (metric ? "" : ` ${row.metric}`));
    this.columns = [
      ...(tasks.size > 1 ? [["task", (row) => row.task]] : []),
      ["setting", (row) => row.setting], ["seed", (row) => String(row.seed ?? "-")], ["status", (row) => row.status],
      [`val${metric}, best epoch`, (row) => valued(row, row.validation)], [`test${metric}`, (row) => valued(row, row.test)],
      ["epochs", (row) => (row.epochs === null ? "-" : String(row.epochs))],
      ["s of training", (row) => (row.seconds === null ? "-" : row.seconds.toFixed(1))],
    ];
    this.numeric = this.columns.map(([, textOf]) => comparison(data.rows.map(textOf)).numeric);
    this.sheet = new Sheet(data);
    this.build(element);
    this.update();
  }

  build(element) {
    const input = make("input", { type: "search", placeholder: "Filter, e.g. adam lr=0.1", "aria-label": "Filter runs" });
    input.addEventListener("input", () => {
      this.words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      this.all = false;
      this.update();
    });
    this.count = make("span", { class: "count", role: "status" });
    const heads = this.columns.map(([name], i) => make("th", { scope: "col", class: this.numeric[i] ? "number" : null }, name));
    sortable(heads, (column, direction) => {
      this.order = direction ? [column, direction] : null;
      this.update();
    });
    this.body = make("tbody");
    this.more = button("", { class: "more", hidden: true, click: () => {
      this.all = true;
      this.update();
    } });
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), this.body);
    const scroll = make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Runs" }, table);
    const bar = make("div", { class: "filter" }, input, ...this.chips(), this.count);
    element.append(bar, scroll, this.more, this.sheet.dialog);
  }

  /** A button for each status that occurs, with its count. */
  chips() {
    const counts = new Map();
    for (const { status } of this.data.rows) counts.set(status, (counts.get(status) ?? 0) + 1);
    if (counts.size < 2) return [];
    const chips = [...counts].map(([status, count]) => {
      const chip = button(`${status} ${count}`, { "aria-pressed": false, class: "chip" });
      chip.addEventListener("click", () => {
        this.status = this.status === status ? null : status;
        chips.forEach((each) => each.setAttribute("aria-pressed", each === chip && this.status === status));
        this.update();
      });
      return chip;
    });
    return chips;
  }

  matches(row) {
    const text = `${row.folder} ${row.task} ${row.setting} seed=${row.seed} ${row.status}`.toLowerCase();
    return (this.status === null || row.status === this.status) && this.words.every((word) => text.includes(word));
  }

  update() {
    const { rows } = this.data;
    let found = rows.filter((row) => this.matches(row));
    if (this.order) found = sorted(found, this.columns[this.order[0]][1], this.order[1]);
    const shown = this.all ? found : found.slice(0, AT_ONCE);
    this.count.textContent = found.length === rows.length ? `${rows.length} runs` : `${found.length} of ${rows.length} runs`;
    this.body.replaceChildren(...shown.map((row, i) => this.line(row, i, found)));
    this.more.hidden = shown.length === found.length;
    this.more.textContent = `Show all ${found.length}`;
  }

  line(row, index, found) {
    const cells = this.columns.map(([name, textOf], i) => {
      const text = textOf(row);
      const inner = name === "setting" ? button(text, { class: "open", "aria-haspopup": "dialog" }) : text;
      const kind = name === "status" ? `status ${["done", "running"].includes(text) ? text : "bad"}` : this.numeric[i] ? "number" : null;
      return make("td", { class: kind }, inner);
    });
    return make("tr", { click: () => this.sheet.open(found, index) }, ...cells);
  }
}

/** The dialog of one run. */
class Sheet {
  constructor(data) {
    Object.assign(this, { data, tab: 0 });
    this.title = make("h3", { id: `run${Sheet.count++}` });
    this.where = make("p", { class: "where" });
    this.text = make("pre", { tabindex: 0, role: "tabpanel" });
    this.tabs = data.names.map((name, i) =>
      button(TITLES[name] ?? name, { role: "tab", click: () => this.choose(i), keydown: (event) => this.key(event) }));
    const bar = make("div", { class: "tabs", role: "tablist", "aria-label": "Files of the run" }, ...this.tabs);
    this.before = button("← Previous", { click: () => this.turn(-1) });
    this.after = button("Next →", { click: () => this.turn(1) });
    const close = button("Close", { click: () => this.dialog.close() });
    const head = make("div", { class: "head" }, make("div", {}, this.title, this.where), make("div", { class: "tools" }, this.before, this.after, close));
    this.dialog = make("dialog", { "aria-labelledby": this.title.id }, head, bar, this.text);
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
  }

  open(rows, index) {
    Object.assign(this, { rows, index });
    this.show();
    if (!this.dialog.open) this.dialog.showModal();
  }

  turn(by) {
    this.index += by;
    this.show();
  }

  choose(tab) {
    this.tab = tab;
    this.show();
  }

  key(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    this.choose((this.tab + by + this.tabs.length) % this.tabs.length);
    this.tabs[this.tab].focus();
  }

  async show() {
    const row = this.rows[this.index];
    this.title.textContent = `${row.setting}, seed ${row.seed ?? "-"}`;
    this.where.textContent = `${row.status} · ${row.folder}`;
    this.before.disabled = this.index === 0;
    this.after.disabled = this.index === this.rows.length - 1;
    this.tabs.forEach((tab, i) => {
      tab.setAttribute("aria-selected", i === this.tab);
      tab.tabIndex = i === this.tab ? 0 : -1;
    });
    this.text.setAttribute("aria-label", TITLES[this.data.names[this.tab]]);
    const wanted = this.data.texts[row.texts[this.tab]];
    const text = await unpacked(wanted);
    if (wanted !== this.data.texts[this.rows[this.index].texts[this.tab]]) return; // another run was opened meanwhile
    this.text.textContent = text;
    this.text.classList.toggle("prose", this.data.names[this.tab] === "sample.txt"); // whose lines are paragraphs
    const end = this.data.names[this.tab] === "log.txt"; // what happened last stands at a log's end
    this.text.scrollTop = end ? this.text.scrollHeight : 0;
  }
}
Sheet.count = 0;
