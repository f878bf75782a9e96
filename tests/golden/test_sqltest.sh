#!/bin/bash
# `sluice test` over tests/golden/sqltest: what it prints, for people and as JSON, is what stands beside each file.
# SLUICE_GOLDEN_UPDATE=1 rewrites it (make golden-update).
set -uo pipefail
bin=${SLUICE_BIN:?}
dir=$(cd "$(dirname "$0")/sqltest" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0

agree() { # NAME EXPECTED ACTUAL
    if [[ ${SLUICE_GOLDEN_UPDATE:-} == 1 && $2 == "$dir"/* ]]; then
        cp "$3" "$2"
    fi
    if diff -u "$2" "$3"; then
        passed=$((passed + 1))
    else
        echo "FAILED: $1"
        failed=$((failed + 1))
    fi
}

for file in "$dir"/*.json "$dir"/*.sql; do
    [[ -e $file ]] || continue
    name=$(basename "$file")
    { "$bin" test "$file"; echo "exit $?"; } >"$tmp/text" 2>&1
    "$bin" test "$file" --json >"$tmp/json" 2>/dev/null
    agree "$name as text" "$dir/$name.text" "$tmp/text"
    agree "$name as JSON" "$dir/$name.jsonl" "$tmp/json"
    for window in 7 65536; do
        "$bin" test "$file" --json --window "$window" >"$tmp/window" 2>/dev/null
        agree "$name in windows of $window" "$tmp/json" "$tmp/window"
    done
done
"$bin" test "$dir" --filter "shop - windows" --json >"$tmp/one" 2>/dev/null
grep -c '"case"' "$tmp/one" >"$tmp/count"
echo 1 >"$tmp/want"
agree "--filter keeps what holds the text" "$tmp/want" "$tmp/count"
echo "$passed passed, $failed failed, 0 skipped"
((failed == 0))
