#!/bin/bash
# instructions.sh: instructions of scan + execution of J1, J3, J4 over the first 100,000 benchmark records (callgrind).
set -euo pipefail
cd "$(dirname "$0")/.."
tools=${BENCH_DIR:-build/release/bench}
work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-instructions.XXXXXX")
trap 'rm -rf "$work"' EXIT
make --no-print-directory "$tools/gen" "$tools/engine" >&2
"$tools/gen" 100000 - "$work/records.ndjson"
for job in J1 J3 J4; do
    valgrind --tool=callgrind --callgrind-out-file="$work/out" "$tools/engine" "$work/records.ndjson" 16384 1 "$job" \
        >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
    printf '%s %s instructions\n' "$job" "$(awk '/^summary:/ {print $2}' "$work/out")"
done
