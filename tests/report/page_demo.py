"""A page with every kind of content, from hand-made run folders."""

import math

from run_folders import write_run

from report.figures.panel import Line, Panel
from report.figures.series_style import style_of
from report.page.content import Figure, Notes, Page, Picture, Runs, Section
from report.tables.table import Table
from results.find import load_runs as load

EVIL = "</script><img src=x onerror=alert(1)><b>é 😀"
OPTIMIZERS = ("sgd", "momentum", "adam", "aggmo", "adamw")
LOG = "\x1b[32mepoch 1\x1b[0m  loss 2.1\rhalf\rwhole line\n</script><img src=x onerror=alert(1)>\nlast line é 😀\n"


def write_folders(root):
    for i, name in enumerate(OPTIMIZERS):
        for seed in range(2):
            folder = write_run(root, f"{name},lr=0.1", seed, 0.6 + 0.07 * i + 0.01 * seed, optimizer=name)
            (folder / "log.txt").write_text(f"{name} seed {seed}\n{LOG}", encoding="utf-8")
    lost = write_run(root, "sgd,lr=10", 0, 0.1, "diverged", "sgd", lr=10.0, found={"best": None})
    (lost / "log.txt").write_bytes(b"\xff\xfe broken\x00\n" * 20_000)
    return load(root)


def curves(epochs=40, bands=True):
    panels = []
    for title, y_name, start, end, log in (
        ("Training", "training loss", 2.3, 0.02, True), ("Validation", "validation accuracy", 0.1, 0.97, False),
    ):  # fmt: skip
        lines = []
        for i, name in enumerate(OPTIMIZERS):
            x = list(range(1, epochs + 1))
            y = [end + (start - end) * math.exp(-e * (0.06 + 0.04 * i)) for e in x]
            wide = [abs(start - end) * 0.04 * math.exp(-e / 30) for e in x]
            low, high = [[v + sign * w for v, w in zip(y, wide, strict=True)] for sign in (-1, 1)]
            rough = [v + w * math.sin(7 * e) for v, w, e in zip(y, wide, x, strict=True)]
            raw = rough if log else ()
            lines.append(Line(name, style_of(name), x, y, low if bands else (), high if bands else (), raw))
        panels.append(Panel(title, "epoch", y_name, lines, y_log=log, note="mean and range of 2 seeds"))
    return panels


def sensitivity():
    rates = [10.0**k for k in range(-4, 2)]
    lines = []
    for i, name in enumerate(OPTIMIZERS):
        y = [0.95 * math.exp(-((math.log10(lr) + 3 - 0.6 * i) ** 2) / 3) for lr in rates]
        y[-1] = math.nan if i < 3 else y[-1]
        low, high = [v - 0.03 for v in y], [v + 0.03 for v in y]
        lines.append(
            Line(name, style_of(name), rates, y, low, high, diverged_at=rates[-1:] if i < 3 else (), markers=True)
        )
    names = ("learning rate", "validation accuracy, last epoch")
    return Panel(
        "", *names, lines, x_log=True, y_range=(0, 1), note="mean and range of 2 seeds", diverged_edge="bottom"
    )


def results():
    cells = [
        (name, f"{0.6 + 0.07 * i:.4f} ± 0.0071", f"{12 - i} of 15", "-" if i == 2 else str(10 ** (i + 1)))
        for i, name in enumerate(OPTIMIZERS)
    ]
    notes = ["mean ± standard deviation over seeds"]
    return Table(
        "Best setting of each optimizer, chosen by the mean over seeds of validation",
        ["optimizer", "validation", "finished", "epochs to target"],
        cells,
        notes,
    )


def demo(root):
    """The page. Its runs' folders and its picture are written below `root`."""
    runs = write_folders(root)
    picture = root / "picture.png"
    draw_picture(picture)
    text = "Each optimizer has its best setting.\n\nTest was looked at once, with the best weights of `status.json`."
    warnings = Notes(["sgd's best value lies on the edge of its grid."])
    caption = "A cross marks a rate at which a run diverged."
    sections = [
        Section("Curves", text, [Figure(curves(), "Loss and accuracy by epoch."), warnings]),
        Section("Learning rate", "How much it matters.", [Figure([sensitivity()], caption)]),
        Section("Results", "", [results(), Notes([f"Names are shown as they are: {EVIL}"], warning=False)]),
        Section("Pictures", "", [Picture(picture, "What the autoencoder makes of its input.")]),
        Section("Runs", "Each opens its configuration, environment, status and log.", [Runs(runs)]),
    ]
    facts = [("runs", "11"), ("optimizers", "5"), ("best validation accuracy", "0.89"), ("diverged", "1")]
    return Page("Optimizers on digits", "11 runs of `task=digits`, an MLP with 17,226 parameters", sections, facts)


def draw_picture(path):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Drawing

    figure = Drawing(figsize=(5, 2))
    FigureCanvasAgg(figure)
    figure.subplots().imshow([[i * j % 7 for i in range(30)] for j in range(10)])
    figure.savefig(path)
