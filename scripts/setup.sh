# Sourced by scripts/start and scripts/test with $root set to the checkout. Leaves the pinned Bun in $bun.
# POSIX sh: a fresh macOS or Debian has nothing better in common.

pinned=$(cat "$root/.bun-version")
tools="$root/.tools"

say() { printf 'larder: %s\n' "$1" >&2; }

is_pinned() { [ -x "$1" ] && [ "$(cd "$root" && "$1" --version 2>/dev/null)" = "$pinned" ]; }

# Everything arrives in a folder of our own, so that two runs at once cannot see half a file. A link and not a rename,
# because a link replaces nothing: the other run may be first, and what it started must stay where it was.
keep_bun() {
  for candidate in "$1"/node_modules/@oven/bun-*/bin/bun "$1/bin/bun"; do
    is_pinned "$candidate" || continue
    kept="$tools/bun-$pinned/bun"
    mkdir -p "$tools/bun-$pinned" || return 1
    ln "$candidate" "$kept" 2>/dev/null || is_pinned "$kept" || mv -f "$candidate" "$kept" && return 0
  done
  return 1
}

# The npm package finds its executable in an install script, which many machines do not run; so none is run and the
# executable is taken from the package of the platform.
from_bun() {
  command -v bun >/dev/null 2>&1 || return 1
  say "bringing Bun $pinned with the Bun that is installed"
  printf '{}\n' >"$1/package.json"
  (cd "$1" && bun add --silent --ignore-scripts "bun@$pinned") >&2 && keep_bun "$1"
}

from_npm() {
  command -v npm >/dev/null 2>&1 || return 1
  say "bringing Bun $pinned with npm"
  npm install --prefix "$1" --no-save --no-package-lock --no-audit --no-fund --no-update-notifier --ignore-scripts \
    --loglevel=error "bun@$pinned" >/dev/null && keep_bun "$1"
}

# SHELL=sh keeps the installer from editing the start-up files of the user's shell.
from_curl() {
  command -v curl >/dev/null 2>&1 || return 1
  command -v bash >/dev/null 2>&1 || return 1
  say "bringing Bun $pinned with its installer"
  curl -fsSL --retry 3 -o "$1/install.sh" https://bun.com/install &&
    SHELL=sh BUN_INSTALL="$1" bash "$1/install.sh" "bun-v$pinned" >"$1/install.log" 2>&1 && keep_bun "$1" && return 0
  [ -f "$1/install.log" ] && cat "$1/install.log" >&2
  return 1
}

bring_bun() {
  arrival="$tools/arrival.$$"
  trap 'rm -rf "$arrival"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  for way in from_bun from_npm from_curl; do
    rm -rf "$arrival" && mkdir -p "$arrival" || return 1
    "$way" "$arrival" && break
  done
  rm -rf "$arrival"
  trap - EXIT INT TERM
}

bun=$(command -v bun || true)
if ! is_pinned "$bun"; then
  bun="$tools/bun-$pinned/bun"
  is_pinned "$bun" || bring_bun
  if ! is_pinned "$bun"; then
    say "Bun $pinned is needed and could not be brought: install it, or npm, or curl with bash and unzip, and see that the network can be reached"
    exit 1
  fi
fi
