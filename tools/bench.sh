#!/usr/bin/env bash
# Compares the benchmarks of the work tree with those of another commit.
# usage: tools/bench.sh REF [PACKAGE...]       BENCH=regexp and COUNT=n narrow it.
set -euo pipefail
cd "$(dirname "$0")/.."
ref=${1:?a commit to compare with}
shift
packages=("${@:-./...}")

old=$(mktemp -d)
trap 'git worktree remove --force "$old/tree" 2>/dev/null || true; rm -rf "$old"' EXIT
git worktree add --quiet --detach "$old/tree" "$ref"

run() { go test -run '^$' -bench "${BENCH:-.}" -benchmem -count 1 "${packages[@]}"; }
# Turn about, so that a machine that warms up or slows down does so for both.
for _ in $(seq "${COUNT:-10}"); do
  run >>"$old/new.txt"
  (cd "$old/tree" && run) >>"$old/old.txt"
done
go tool -modfile=tools/go.mod benchstat "$ref=$old/old.txt" "here=$old/new.txt"
