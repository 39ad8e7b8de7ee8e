// What happens when the page has been read.
const system = matchMedia("(prefers-color-scheme: dark)");
let printing = false;

/** Whether the page is dark: as the reader chose, else as the system is; never on paper. */
function isDark() {
  const { theme } = document.documentElement.dataset;
  return !printing && (theme ? theme === "dark" : system.matches);
}

function followTheme() {
  const switcher = document.getElementById("theme");
  const update = () => {
    switcher.textContent = isDark() ? "Light" : "Dark";
    document.dispatchEvent(new Event("themechange"));
  };
  const print = (on) => () => {
    printing = on;
    update();
  };
  switcher.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    update();
  });
  system.addEventListener("change", update);
  addEventListener("beforeprint", print(true));
  addEventListener("afterprint", print(false));
  switcher.hidden = false;
  update();
}

/** Mark in the contents what is being read. */
function followSections() {
  const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.getAttribute("href").slice(1), link]));
  if (!links.size) return;
  const seen = new Set();
  const watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) isIntersecting ? seen.add(target.id) : seen.delete(target.id);
    const current = [...links.keys()].find((id) => seen.has(id));
    if (!current) return;
    links.forEach((link, id) => (id === current ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
  }, { rootMargin: "-10% 0px -70% 0px" });
  document.querySelectorAll("main section").forEach((section) => watch.observe(section));
}

followTheme();
followSections();
document.querySelector(".warning")?.setAttribute("id", "warning");
document.querySelectorAll("div.table").forEach(showTable);
document.querySelectorAll("div.runs").forEach(showRuns);
showCharts();
