#!/bin/bash
# ksqlDB's own test cases, read from where they lie (SLUICE_QTT_CASES, else ../shared/qtt/cases beside the tree; no copy is
# kept here): what tests/golden/qtt/passing.txt lists must pass, what messages.txt lists must be refused in ksqlDB's words, and
# windows of 1, 7 and 65,536 records must give the same. SLUICE_QTT_UPDATE=1 (make qtt-update) adds what passes now;
# SLUICE_QTT_UPDATE=exact rewrites the lists.
set -uo pipefail
bin=${SLUICE_BIN:?}
here=$(cd "$(dirname "$0")" && pwd)
lists=$here/qtt
cases=${SLUICE_QTT_CASES:-$here/../../../shared/qtt/cases}
if [[ ! -d $cases ]]; then
    echo "SKIPPED: ksqlDB's test cases are not at $cases (SLUICE_QTT_CASES says where they are)"
    echo "0 passed, 0 failed, $(cat "$lists"/*.txt | wc -l) skipped"
    exit 0
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export LC_ALL=C
for window in 1 7 65536; do
    "$bin" test "$cases" --json --window "$window" >"$tmp/$window" 2>"$tmp/$window.err" &
done
wait
names() { sed -n "s/^{\"file\":\"[^\"]*\",.*\"case\":\"\\(.*\\)\",\"kind\":$1.*/\\1/p" "$tmp/1" | sort -u; }
names '"[a-z]*","status":"pass"' >"$tmp/passing.txt"
names '"negative","status":"pass","message":"match"' >"$tmp/messages.txt"
if ! grep -q '^{"passed"' "$tmp/1"; then
    echo "FAILED: sluice test did not come to its end"
    cat "$tmp/1.err"
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi

passed=0 failed=0
for list in passing.txt messages.txt; do
    touch "$lists/$list"
    case ${SLUICE_QTT_UPDATE:-} in
    exact) cp "$tmp/$list" "$lists/$list" ;;
    1) sort -u -o "$lists/$list" "$lists/$list" "$tmp/$list" ;;
    esac
    comm -23 <(sort -u "$lists/$list") "$tmp/$list" >"$tmp/lost"
    n=$(wc -l <"$tmp/lost")
    failed=$((failed + n))
    passed=$((passed + $(wc -l <"$lists/$list") - n))
    sed "s/^/FAILED ($list): /" "$tmp/lost"
done
for window in 7 65536; do
    # reasons may name another record
    diff <(sed 's/,"reason".*//' "$tmp/1") <(sed 's/,"reason".*//' "$tmp/$window") >"$tmp/diff"
    n=$(grep -c '^>' "$tmp/diff")
    failed=$((failed + n))
    grep '^>' "$tmp/diff" | sed "s/^>/FAILED (windows of $window records):/" | head -n 20
done
echo "$passed passed, $failed failed, 0 skipped"
((failed == 0))
