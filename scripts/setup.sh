# Sourced by scripts/run and scripts/test. `set_up FILE...` installs the requirement files into .venv, or finds within
# milliseconds that it has. .venv/.installed-FILE keeps the text of the files up to FILE and is written last, so that
# the next call repeats what failed. $PYTHON names the interpreter; without it, .venv keeps its own, at first python3.

say() { printf 'setup: %s\n' "$*" >&2; }

set_up() {
    if up_to_date "$@"; then return; fi
    { # one call at a time, where the system has flock
        if type flock >/dev/null 2>&1; then flock -n 9 || { say "waiting for another call ..." && flock 9; }; fi
        if ! up_to_date "$@"; then install "$@"; fi
    } 9>.venv.lock
}

up_to_date() { venv_fits && [[ $(cat -- "$@") == "$(cat ".venv/.installed-${!#}" 2>/dev/null)" ]]; }

venv_fits() {
    [[ -x .venv/bin/python && -f .venv/.installed-requirements.txt ]] &&
        { [[ -z ${PYTHON:-} ]] || grep -qxF "executable = $(real_python 2>/dev/null)" .venv/pyvenv.cfg; }
}

real_python() { # prints its path
    "${PYTHON:-python3}" -c 'import os, sys
if sys.version_info < (3, 11): sys.exit("setup: this is Python %d.%d" % sys.version_info[:2])
try: import ensurepip, venv
except ImportError: sys.exit("setup: the module venv is missing; on Debian and Ubuntu: sudo apt install python3-venv")
print(os.path.realpath(sys._base_executable))' ||
        { say "${PYTHON:-python3} can't be used: set PYTHON to a Python 3.11 to 3.13 that has venv" && exit 1; }
}

install() {
    local files=("$@")
    if ! venv_fits; then make_venv; fi
    for file in .venv/.installed-*; do : >"$file"; done
    say "installing $* into .venv (about 6 GB on Linux at first) ..."
    .venv/bin/python -m pip install --disable-pip-version-check --no-input "${files[@]/#/-r}" >&2 ||
        { say "pip could not install $*; the next call tries again" && exit 1; }
    for i in "${!files[@]}"; do cat -- "${files[@]:0:i+1}" >".venv/.installed-${files[i]}"; done
}

make_venv() {
    local python && python=$(real_python) || exit 1
    if [[ -e .venv && ! -f .venv/.installed-requirements.txt ]]; then
        say "this script did not make the .venv here; move it away and try again: mv .venv .venv.mine" && exit 1
    fi
    trap 'rm -rf .venv' EXIT # half made, it would look like one of the user's
    rm -rf .venv && "$python" -m venv .venv >&2 && : >.venv/.installed-requirements.txt && trap - EXIT
}
