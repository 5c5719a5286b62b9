#!/bin/sh
# Checks and tests; installs what they need first. Leaves nothing running and nothing behind.
#
#   deploy/test.sh all | lint | e2e [further arguments for pytest]
#
# WORKERS: how many tests at once (default: the processors, 2 to 4).
set -eu
cd "$(dirname "$0")/.."
WHAT=${1:-all}
[ $# -gt 0 ] && shift
VENV=${VENV:-.venv}
case "$VENV" in /*) ;; *) VENV=$PWD/$VENV ;; esac
export VENV

deploy/install.sh test

SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
export KVMWEB_DATA_DIR="$SCRATCH/data" PYTHONDONTWRITEBYTECODE=
unset DATABASE_URL REDIS_URL KVMWEB_URL_PREFIX KVMWEB_ORIGINS KVMWEB_BIND KVMWEB_PORT || true
export PATH="$VENV/bin:$PATH:/usr/sbin:/sbin"

# The lab's namespaces need root. CI has it; at a desk sudo asks.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo -E env "PATH=$PATH" "$@"
  else "$@"
  fi
}

step() {
  name=$1
  shift
  if "$@" >"$SCRATCH/step.log" 2>&1 </dev/null; then
    printf 'ok    %s\n' "$name"
  else
    cat "$SCRATCH/step.log"
    printf 'FAIL  %s\n' "$name"
    FAILED="$FAILED $name"
  fi
}

lint() {
  step "ruff check" ruff check .
  step "ruff format" ruff format --check .
  step "mypy" mypy kvmweb deploy
  step "import contracts" lint-imports
  step "django check" python manage.py check
  step "migrations" python manage.py makemigrations --check --dry-run
  step "JavaScript syntax" javascript
}

javascript() {
  command -v node >/dev/null || return 0
  find static/js -name '*.js' -print 2>/dev/null | while read -r file; do
    node --check --experimental-default-type=module "$file" || exit 1
  done
}

workers() {
  count=${WORKERS:-$(nproc)}
  [ "$count" -lt 2 ] && count=2
  [ "$count" -gt 4 ] && count=4
  echo "$count"
}

suites() {
  for catalogue in locale/*/LC_MESSAGES/*.po; do
    [ -e "$catalogue" ] && msgfmt -o "${catalogue%.po}.mo" "$catalogue"
  done
  # A file stays on one worker, so that its servers and guests start once; the long ones go first.
  as_root pytest -n "$(workers)" --dist loadfile --no-loadscope-reorder "$@" </dev/null
}

FAILED=""
case "$WHAT" in
  lint) lint ;;
  e2e) suites tests/e2e "$@" ;;
  all)
    lint
    [ -z "$FAILED" ] || printf 'the checks above failed; running the tests all the same\n'
    suites "$@" || FAILED="$FAILED tests"
    ;;
  *) echo "test.sh: all, lint or e2e" >&2; exit 2 ;;
esac
[ -z "$FAILED" ]
