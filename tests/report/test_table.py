"""A table reads the same as Markdown, CSV and LaTeX, and numbers have the digits that they bear."""

import csv
import io
import shutil
import subprocess

import pytest

from report.tables.table import Table
from report.tables.text import Spread, count, number, scale, with_deviation

TABLE = Table(
    "digits: test acc (%) of a_b",
    ["optimizer", "n", "test acc (%)"],
    [["adam|x", "3", Spread([0.5, 0.7], 100)], ["a_b & c", "12", Spread([0.25], 100)], ["none", "0", "-"]],
    ["Means of 100 % ≥ 3 [sic]"],
)


def test_markdown_is_aligned_and_escapes_bars():
    assert TABLE.markdown().splitlines() == [
        "| optimizer |   n | test acc (%) |",
        "| --------- | --: | -----------: |",
        "| adam\\|x   |   3 |      60 ± 14 |",
        "| a_b & c   |  12 |        25.00 |",
        "| none      |   0 |            - |",
    ]
    assert TABLE.text().startswith("digits: test acc (%) of a_b\n\n| opt") and TABLE.text().endswith("[sic]")


def test_cells_of_several_lines_become_one():
    assert Table("", ["a"], [["one\ntwo"]]).markdown().splitlines()[2] == "| one two |"


@pytest.mark.parametrize(
    ("cells", "numeric"),
    [
        (["1 ± 2", "-"], True),
        (["(1.20 ± 0.30)e-09", "<0.001"], True),
        (["3 to 5", "2 of 3"], True),
        (["5 ± 0 (2 of 3)"], True),
        (["[-1, 2]"], False),
        (["2 done, 1 diverged"], False),
        (["3", "none"], False),
        (["-", ""], False),
        ([], False),
    ],
)
def test_columns_of_numbers_are_told_from_text(cells, numeric):
    assert Table("", ["x"], [[cell] for cell in cells]).numeric() == [numeric]


def test_csv_has_unrounded_means_and_deviations_in_columns_of_their_own():
    rows = list(csv.reader(io.StringIO(TABLE.csv())))
    assert rows[0] == ["optimizer", "n", "test acc (%)", "test acc (%) std"]
    assert rows[1][:2] == ["adam|x", "3"] and list(map(float, rows[1][2:])) == pytest.approx([60, 200**0.5])
    assert rows[2:] == [["a_b & c", "12", "25.0", ""], ["none", "0", "-", ""]]


LATEX = r"""% needs \usepackage{booktabs}
\begin{table}
  \centering
  \caption{digits: test acc (\%) of a\_b.}
  \label{tab:digits-test-acc-of-a-b}
  \begin{tabular}{lrr}
    \toprule
    optimizer & n & test acc (\%) \\
    \midrule
    adam\textbar{}x & 3 & 60 $\pm$ 14 \\
    a\_b \& c & 12 & 25.00 \\
    none & 0 & - \\
    \bottomrule
  \end{tabular}
  \par\smallskip\parbox{\linewidth}{\footnotesize Means of 100 \% $\geq$ 3 {[}sic{]}.}
\end{table}
"""


def test_latex_is_booktabs_with_everything_escaped():
    assert TABLE.latex() == LATEX
    odd = Table("", ["x"], [['\\ ~ ^ # $ { } < > ≈ "']]).latex()
    assert r"\textbackslash{} \textasciitilde{} \textasciicircum{} \# \$ \{ \} $<$ $>$ $\approx$ ''" in odd


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no TeX on this machine")
def test_latex_compiles(tmp_path):
    source = (
        "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n" + TABLE.latex() + "\\end{document}\n"
    )
    (tmp_path / "t.tex").write_text(source)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("mean", "deviation", "shown"),
    [
        (0.93403, 0.0159, "0.934 ± 0.016"),
        (0.93403, 0.00999, "0.934 ± 0.010"),
        (0.5, 0.0996, "0.50 ± 0.10"),
        (-12.345, 1.25, "-12.3 ± 1.2"),
        (1234.5, 345.6, "1234 ± 346"),
        (7.0, 0.0, "7 ± 0"),
        (0.86806, 0.0, "0.8681 ± 0"),
        (3.2e-9, 4.56e-10, "(3.20 ± 0.46)e-09"),
        (2e-9, 5e-9, "(2.0 ± 5.0)e-09"),
        (1.5e9, 2.5e7, "(1.500 ± 0.025)e+09"),
        (0.5, 1e-10, "0.50000000 ± 1.0e-10"),
        (0.25, None, "0.2500"),
        (0.25, float("nan"), "0.2500"),
        (0.0, 0.0, "0 ± 0"),
    ],
)
def test_means_have_the_digits_of_their_deviations(mean, deviation, shown):
    assert with_deviation(mean, deviation) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.99999, "1.000"), (12.3456, "12.35"), (123456.0, "123456"), (1e-12, "1.000e-12"), (0.0, "0"), (9, "9")],
)
def test_numbers_alone_have_four_digits(value, shown):
    assert number(value) == shown


def test_spreads_are_means_with_sample_deviations():
    found = Spread([1, 2, 3, 4])
    assert (found, found.mean, found.deviation) == ("2.5 ± 1.3", 2.5, pytest.approx((5 / 3) ** 0.5))
    assert (Spread([9]), Spread([9]).deviation, Spread([9, 9])) == ("9", None, "9 ± 0")
    assert count([5, 5]) == "5" and count([3, 5, 4]) == "3 to 5"


def test_only_fractions_are_shown_in_percent():
    assert scale("acc", True) == ("acc (%)", 100) and scale("acc", False) == ("acc", 1)
    assert scale("mse", True) == ("mse", 1)
