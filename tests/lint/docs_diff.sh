#!/bin/bash
# docs_diff.sh [--write] : pages that the program prints about itself (tests/lint/docs: page, then arguments)
# must be what it prints. --write regenerates them.
set -euo pipefail
cd "$(dirname "$0")/../.."
list=tests/lint/docs
status=0
[[ -f $list ]] || exit 0
while read -r page arguments; do
    [[ -n $page && $page != \#* ]] || continue
    read -r -a argv <<<"$arguments"
    if [[ ${1:-} == --write ]]; then
        mkdir -p "$(dirname "$page")"
        ./sluice "${argv[@]}" </dev/null >"$page.tmp" && mv "$page.tmp" "$page"
    elif ! diff -u "$page" <(./sluice "${argv[@]}" </dev/null) >/dev/null; then
        echo "$page: differs from \`sluice $arguments\`; run \`make docs\`"
        status=1
    fi
done <"$list"
exit $status
