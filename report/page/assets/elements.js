// Elements of HTML, made without ever parsing text as markup.
const make = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name === "style") Object.assign(element.style, value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

const button = (text, attributes) => make("button", { type: "button", ...attributes }, text);

/** Numbers as a reader wants them: few digits, powers of ten where zeros would have to be counted. */
function brief(value, digits = 4) {
  if (value === null || value === undefined) return "";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) {
    const [head, power] = value.toExponential(digits - 1).split("e");
    const short = String(Number(head));
    return (short === "1" ? "" : short === "-1" ? "−" : short.replace("-", "−") + "×") + "10" + raised(Number(power));
  }
  const text = Number(value.toPrecision(Math.max(digits, size >= 1 ? Math.floor(Math.log10(size)) + 1 : 0)));
  return text.toLocaleString("en-US", { maximumFractionDigits: 12 }).replace("-", "−");
}

/** A measured value, to four digits. */
function exact(value) {
  const size = Math.abs(value ?? 0);
  return value !== null && value !== undefined && size >= 1e-3 && size < 1000 && !Number.isInteger(value)
    ? value.toPrecision(4).replace("-", "−") : brief(value);
}

const raised = (power) => String(power).replace(/./g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit] ?? "⁻");

function save(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  make("a", { href: address, download: fileName(name) }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

const fileName = (name) => (name.replace(/[^\p{L}\p{N}]+/gu, "_").replace(/^_+|_+$/g, "") || "data") + ".csv";

/** The inverse of `packed` in embedded.py. */
async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).text();
}
