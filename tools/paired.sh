#!/usr/bin/env bash
# Paired measurements: this tree's binary against other servers of the DynamoDB
# protocol that already run, A B B A, medians of several rounds.
#
#   DDBLOAD=/path/to/ddbload tools/paired.sh NAME=URL@PID [WORKLOADS [ROUNDS [SECONDS]]] [-- FLAGS OF hortus dev]
#
# DDBLOAD is a load generator with a `pair` mode that signs its requests with the
# key "test" and prints ratios. Example, in memory and then on disk:
#   tools/paired.sh local=http://127.0.0.1:28611@4711 get,put,update-counter 5 3 -- --memory
#   tools/paired.sh local=http://127.0.0.1:28612@4712 put 5 3 -- --data /tmp/hortus-bench
set -euo pipefail
cd "$(dirname "$0")/.."
: "${DDBLOAD:?set DDBLOAD to the load generator}"
peer=${1:?the peer, as NAME=URL@PID}
shift
positional=()
while [[ $# -gt 0 && $1 != -- ]]; do positional+=("$1"); shift; done
[[ ${1:-} == -- ]] && shift
flags=("$@")
[[ ${#flags[@]} -gt 0 ]] || flags=(--memory)

work=$(mktemp -d)
server=
finish() {
  [[ -z $server ]] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null || true; }
  rm -rf "$work"
}
trap finish EXIT

go build -o "$work/hortus" ./cmd/hortus
echo '[{"id":"test","secret":"test","account":"111111111111"}]' >"$work/credentials.json"
"$work/hortus" dev --port 0 --quiet --credentials "$work/credentials.json" "${flags[@]}" >"$work/out" &
server=$!
for _ in $(seq 200); do grep -q listens "$work/out" 2>/dev/null && break; sleep 0.05; done
url=$(sed -n 's/^hortus listens on //p' "$work/out")
[[ -n $url ]] || { echo "paired.sh: the server did not start" >&2; exit 1; }

# The peers are warmed up first: some of them compile while they run.
"$DDBLOAD" -endpoint "${peer#*=}" -workload get -keys 10000 -concurrency 64 -duration 5s >/dev/null
"$DDBLOAD" -endpoint "${peer#*=}" -workload put -keys 10000 -concurrency 64 -duration 5s -no-load >/dev/null
"$DDBLOAD" pair -a "hortus=$url@$server" -b "$peer" -workloads "${positional[0]:-get,put,update-counter}" \
  -concurrencies 64 -rounds "${positional[1]:-5}" -duration "${positional[2]:-3}s" -order abba
