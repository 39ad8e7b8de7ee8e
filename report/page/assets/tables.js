// Tables that sort by a click on a header: numbers as numbers ("0.93 ± 0.01", "12 of 15"), "-" always last.
const NOTHING = /^(?:[-–—]|n\/a|nan|none|)$/i;

/** The first number of a cell that begins with one, a word or a sign before it allowed; null for any other. */
function number(text) {
  const cell = text.trim();
  const found = /^(?:[a-z_%]{1,12}\s+)?[<>≤≥≈~([]?\s*([-+−]?(?:inf\b|∞|(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?(?:e[-+−]?\d+)?|\.\d+))(?![\w.-]*[a-z]{3})/i.exec(cell);
  if (!found) return null;
  const plain = found[1].replace("−", "-").replaceAll(",", "").replace(/∞|inf/i, "Infinity");
  return Number(plain);
}

/** How a column's cells are compared. */
function comparison(texts) {
  const values = texts.filter((text) => !NOTHING.test(text.trim()));
  const numeric = values.length > 0 && values.filter((text) => number(text) !== null).length * 2 > values.length;
  const words = (a, b) => a.localeCompare(b, "en", { numeric: true });
  const both = (a, b) => (number(a) ?? Infinity) - (number(b) ?? Infinity) || words(a, b);
  return { numeric, compare: numeric ? both : words };
}

/** rank: 0 a value, 1 a word among numbers, 2 nothing: whichever way is sorted, these stay in this order. */
const rank = (text, numeric) => (NOTHING.test(text.trim()) ? 2 : numeric && number(text) === null ? 1 : 0);

function sorted(rows, textOf, direction) {
  const { numeric, compare } = comparison(rows.map(textOf));
  const keyed = rows.map((row) => ({ row, text: textOf(row), rank: rank(textOf(row), numeric) }));
  keyed.sort((a, b) => a.rank - b.rank || (a.rank === 0 ? direction : 1) * compare(a.text, b.text));
  return keyed.map(({ row }) => row);
}

/** Make the headers buttons; `order(column, direction)` puts the rows in order, direction 0 in their first one. */
function sortable(heads, order) {
  heads.forEach((head, column) => {
    const name = head.textContent;
    const press = () => {
      const next = { none: 1, ascending: -1, descending: 0 }[head.getAttribute("aria-sort") ?? "none"];
      heads.forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", { 1: "ascending", [-1]: "descending", 0: "none" }[next]);
      order(column, next);
    };
    head.setAttribute("aria-sort", "none");
    head.replaceChildren(make("button", { type: "button", class: "sort", title: `sort by ${name}`, click: press }, ...head.childNodes));
  });
}

function showTable(element) {
  const table = element.querySelector("table");
  const [body] = table.tBodies;
  const first = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const cell = (column) => (row) => row.cells[column]?.textContent ?? "";
  heads.forEach((head, column) => {
    if (!comparison(first.map(cell(column))).numeric) return;
    for (const each of [head, ...first.map((row) => row.cells[column])]) each?.classList.add("number");
  });
  sortable(heads, (column, direction) => body.append(...(direction ? sorted(first, cell(column), direction) : first)));
  const title = table.caption.textContent;
  const text = JSON.parse(element.querySelector("script").textContent);
  element.prepend(make("div", { class: "tools" }, button("CSV", { title: "save this table", click: () => save(title, text) })));
  const scroll = element.querySelector(".scroll");
  for (const [name, value] of Object.entries({ tabindex: 0, role: "region", "aria-label": title || "Table" })) scroll.setAttribute(name, value);
}
