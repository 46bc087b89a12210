# Sourced by the other scripts: makes the project's own virtual environment from the lock files.
#   ensure_environment runtime|dev      leaves $VENV/bin/python and $VENV/bin/aurigraph usable
# Does nothing when the environment already matches the lock file, so it can be run again at no cost.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
VENV="${AURIGRAPH_VENV:-$ROOT/.venv}"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# Not all locked packages have wheels for newer versions than 3.11; the others are built, if the machine can.
packages_failed() {
    local version
    version="$("$VENV/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    [ "$version" = 3.11 ] && die "the locked packages could not be installed (is a package index reachable?)"
    die "the locked packages could not be installed with Python $version. Some have no wheels for it and must be built. \
Delete $VENV and run this again with PYTHON=/path/to/python3.11, or install what building needs \
(Debian/Ubuntu: apt-get install g++ python3-dev libgmp-dev libleveldb-dev)"
}

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3 python; do
        [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$candidate"
            return 0
        fi
    done
    die "Python 3.11 or newer is needed and was not found. Install it (Debian/Ubuntu: apt-get install python3 python3-venv) or set PYTHON=/path/to/python3.11"
}

environment_stamp() { # the lock files' contents, so that a changed lock renews the environment
    cat "$ROOT"/requirements/build.lock "$ROOT/requirements/$1.lock" "$ROOT/pyproject.toml" | cksum | tr -d ' '
}

ensure_environment() {
    local kind="$1" stamp python
    stamp="$(environment_stamp "$kind")"
    [ "$(cat "$VENV/.stamp-$kind" 2>/dev/null || true)" = "$stamp" ] && return 0
    if [ ! -x "$VENV/bin/python" ]; then
        python="$(find_python)"
        say "==> making a virtual environment with $("$python" --version) in ${VENV#"$ROOT"/}"
        "$python" -m venv "$VENV" || die "could not make a virtual environment (Debian/Ubuntu: apt-get install python3-venv)"
    fi
    say "==> installing locked packages ($kind); this takes about a minute the first time"
    "$VENV/bin/python" -m pip install --quiet --no-deps --require-hashes -r "$ROOT/requirements/build.lock" \
        || die "the build tools could not be installed (is a package index reachable?)"
    "$VENV/bin/python" -m pip install --quiet --no-deps --no-build-isolation --require-hashes -r "$ROOT/requirements/$kind.lock" \
        || packages_failed
    "$VENV/bin/python" -m pip install --quiet --no-deps --no-build-isolation --editable "$ROOT" \
        || die "the project itself could not be installed"
    rm -f "$VENV"/.stamp-*
    printf '%s' "$stamp" >"$VENV/.stamp-$kind"
    if [ "$kind" = dev ]; then environment_stamp runtime >"$VENV/.stamp-runtime"; fi
    say "==> environment ready"
}
