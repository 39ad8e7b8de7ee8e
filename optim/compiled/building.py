"""C text, compiled by the machine's own compiler and loaded. No Python headers and no torch ones: it takes 0.2 s."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from .source import Source

CHUNK = 16384  # elements that one thread takes at a time

_HEAD = """#include <math.h>
#include <stdint.h>

struct tensor {
  void **x;
  const double *h;
  double *sums, *rows, *out;
  int64_t num_rows, cols, first_chunk, num_chunks, program;
};
struct chunk { int64_t tensor, begin, end; };
typedef void (*function)(const struct tensor *, int64_t, int64_t, double *);
"""

_RUN = """
void run{phase}(int64_t num_tensors, const struct tensor *tensors, int64_t num_chunks, const struct chunk *chunks,
          double *part, int64_t threads) {{
  #pragma omp parallel num_threads(threads)
  {{
{rounds}  }}
}}
"""
_OVER_CHUNKS = """    #pragma omp for schedule(dynamic, 4)
    for (int64_t i = 0; i < num_chunks; i++) {{
      const int64_t c = {order};
      const struct tensor *t = tensors + chunks[c].tensor;
      if ({table}[t->program]) {table}[t->program](t, chunks[c].begin, chunks[c].end, part + c * PARTS);
    }}
"""
_OVER_TENSORS = """    #pragma omp for
    for (int64_t n = 0; n < num_tensors; n++) {{
      const struct tensor *t = tensors + n;
      if ({table}[t->program]) {table}[t->program](t, 0, 0, part + t->first_chunk * PARTS);
    }}
"""


def text(phases: Sequence[Sequence[Source]]) -> str:
    """All programs of all phases, and a function run<phase> for each."""
    lines, loops = [_HEAD], 0
    for number, phase in enumerate(phases):
        # each chunk has as many parts of sums
        lines += ["#undef PARTS", f"#define PARTS {max(len(source.sums) for source in phase)}"]
        lines += [source.text.replace("@", f"p{number}_{i}") for i, source in enumerate(phase)]
        rounds = ""
        steps = [f"{what}{k}" for k in range(max(s.rounds for s in phase)) for what in ("loop", "combine")]
        for step in [*steps, "finish"]:
            if not any(step in source.functions for source in phase):
                continue
            table = f"{step}_{number}"
            entries = [f"p{number}_{i}_{step}" if step in s.functions else "0" for i, s in enumerate(phase)]
            lines.append(f"static const function {table}[] = {{{', '.join(entries)}}};")
            if step.startswith("loop"):
                # every second loop goes backwards: it starts with what the one before has left in the cache
                rounds += _OVER_CHUNKS.format(table=table, order="num_chunks - 1 - i" if loops % 2 else "i")
                loops += 1
            else:
                rounds += _OVER_TENSORS.format(table=table)
        lines.append(_RUN.format(phase=number, rounds=rounds))
    return "\n".join(lines)


def compiler() -> str | None:
    """The C compiler: $CC, else cc, gcc or clang, as far as there is one."""
    return next(filter(None, map(shutil.which, filter(None, (os.environ.get("CC"), "cc", "gcc", "clang")))), None)


@cache
def load(source: str) -> ctypes.CDLL:
    """Compile and load; the same text once in a process. RuntimeError with what the compiler said."""
    command = compiler()
    assert command is not None
    with tempfile.TemporaryDirectory(prefix="optim-") as folder:
        path, library = Path(folder, "step.c"), Path(folder, "step.so")
        path.write_text(source)
        said = ""
        # -fno-math-errno: a root may be a vector instruction. What a compiler has not is left out.
        for options in (["-march=native", "-fopenmp"], ["-fopenmp"], ["-march=native"], []):
            flags = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared", *options]
            done = subprocess.run(
                [command, *flags, str(path), "-o", str(library), "-lm"], capture_output=True, text=True
            )
            if done.returncode == 0:
                return ctypes.CDLL(str(library))
            said = said or done.stderr
    raise RuntimeError(f"{command} could not compile the step: {said.strip()[:1000]}")


def runner(library: ctypes.CDLL, phase: int) -> Callable[..., None]:
    run = getattr(library, f"run{phase}")
    run.argtypes, run.restype = [ctypes.c_int64, ctypes.c_void_p] * 2 + [ctypes.c_void_p, ctypes.c_int64], None
    return run
