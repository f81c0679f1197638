#!/usr/bin/env bash
# Runs each fuzz target of the module in turn, for a time each.
# usage: tools/fuzz.sh [TIME [PACKAGE...]]     TIME as Go writes it: 60s, 5m.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-60s}
shift || true

# Runs one target. Go's fuzzer now and then takes its own end of time for a
# failure ("context deadline exceeded"): it then names no failing input, and
# the target gets another run. To make an input smaller is bounded by runs and
# not by time, or it takes all of a short one.
fuzz() { # package target
  local output attempt
  output=$(mktemp)
  for attempt in 1 2 3; do
    if go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 100x "$1" 2>&1 | tee "$output"; then
      rm "$output"
      return 0
    fi
    if ! grep -q '^ *context deadline exceeded$' "$output" || grep -q 'Failing input written' "$output"; then
      break
    fi
    echo "fuzz: run $attempt ended by its time alone"
  done
  rm "$output"
  return 1
}

packages=$(go list -f '{{.ImportPath}} {{.Dir}}' "${@:-./...}")
targets=0 failed=()
while read -r package dir; do
  while read -r target; do
    targets=$((targets + 1))
    echo "fuzz $package $target for $time"
    fuzz "$package" "$target" || failed+=("$package $target")
  done < <(cat "$dir"/*_test.go 2>/dev/null | sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' | sort)
done <<<"$packages"

echo "fuzz: $targets targets, ${#failed[@]} failed"
((targets > 0)) || exit 1
if ((${#failed[@]})); then
  printf 'failed: %s\n' "${failed[@]}"
  echo 'The input is under the testdata/fuzz of its package: commit it with the fix.'
  exit 1
fi
