#!/usr/bin/env bash
# Paired measurements: this tree's binary against other servers of the DynamoDB
# protocol that already run, round by round in one run of `hortus bench`, which
# prints medians, ratios and, on Linux, each server's CPU for a request.
#
#   tools/paired.sh SERVER... [-- FLAGS]      a SERVER is [NAME=]URL[@PID]
#
#   WORKLOADS  operations or mixes, as hortus bench takes them (get put update query20)
#   BENCH      more flags of hortus bench, as in "--rounds 5 --hot-key"
#   FLAGS      of hortus dev (--memory)
#
# Examples, in memory and then on disk:
#   tools/paired.sh local=http://127.0.0.1:8001@4711 dynalite=http://127.0.0.1:4567@4712
#   WORKLOADS=put tools/paired.sh local=http://127.0.0.1:8002@4713 -- --data /tmp/hortus-bench
set -euo pipefail
cd "$(dirname "$0")/.."

peers=()
while [[ $# -gt 0 && $1 != -- ]]; do peers+=(--against "$1"); shift; done
[[ ${#peers[@]} -gt 0 ]] || { sed -n '2,15p' "$0"; exit 2; }
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
# The key is in the file, so every signature is verified.
echo '[{"id":"test","secret":"test","account":"111111111111"}]' >"$work/credentials.json"
"$work/hortus" dev --port 0 --quiet --credentials "$work/credentials.json" "${flags[@]}" >"$work/out" &
server=$!
for _ in $(seq 200); do grep -q listens "$work/out" 2>/dev/null && break; sleep 0.05; done
url=$(sed -n 's/^hortus listens on //p' "$work/out")
[[ -n $url ]] || { echo "paired.sh: the server did not start" >&2; exit 1; }

# One thread for the client, so that a small machine leaves the rest to the server.
read -ra more <<<"${BENCH:-}"
read -ra workloads <<<"${WORKLOADS:-get put update query20}"
GOMAXPROCS=1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test \
  "$work/hortus" bench --endpoint "hortus=$url@$server" "${peers[@]}" "${more[@]}" "${workloads[@]}"
