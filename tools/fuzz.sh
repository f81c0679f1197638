#!/usr/bin/env bash
# Runs each fuzz target of the module in turn, for a time each.
# usage: tools/fuzz.sh [TIME [PACKAGE...]]     TIME as Go writes it: 60s, 5m.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-60s}
shift || true

packages=$(go list -f '{{.ImportPath}} {{.Dir}}' "${@:-./...}")
targets=0 failed=()
while read -r package dir; do
  while read -r target; do
    targets=$((targets + 1))
    echo "fuzz $package $target for $time"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package" || failed+=("$package $target")
  done < <(cat "$dir"/*_test.go 2>/dev/null | sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' | sort)
done <<<"$packages"

echo "fuzz: $targets targets, ${#failed[@]} failed"
((targets > 0)) || exit 1
if ((${#failed[@]})); then
  printf 'failed: %s\n' "${failed[@]}"
  echo 'The input is under the testdata/fuzz of its package: commit it with the fix.'
  exit 1
fi
