// What happens when the page has been read.
function followTheme() {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const switcher = document.getElementById("theme");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const say = () => (switcher.textContent = dark() ? "Light" : "Dark");
  switcher.setAttribute("title", "light or dark page");
  switcher.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    say();
  });
  system.addEventListener("change", say);
  switcher.hidden = false;
  say();
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
document.querySelector(".caution")?.setAttribute("id", "caution");
document.querySelectorAll("figure.curves").forEach(showFigure);
document.querySelectorAll("div.table").forEach(showTable);
document.querySelectorAll("div.runs").forEach(showRuns);
