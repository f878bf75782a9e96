#!/bin/bash
# docs_diff.sh [--write] : pages that are printed (tests/lint/docs: page, then the arguments of ./sluice, or "!" and a
# command) must be what is printed. --write regenerates them.
set -euo pipefail
cd "$(dirname "$0")/../.."
list=tests/lint/docs
status=0
[[ -f $list ]] || exit 0
while read -r page arguments; do
    [[ -n $page && $page != \#* ]] || continue
    read -r -a argv <<<"$arguments"
    if [[ ${argv[0]} == ! ]]; then
        argv=("${argv[@]:1}")
    else
        argv=(./sluice "${argv[@]}")
    fi
    if [[ ${1:-} == --write ]]; then
        mkdir -p "$(dirname "$page")"
        "${argv[@]}" </dev/null >"$page.tmp" && mv "$page.tmp" "$page"
    elif ! diff -u "$page" <("${argv[@]}" </dev/null) >/dev/null; then
        echo "$page: differs from what \`${argv[*]}\` prints; run \`make docs\`"
        status=1
    fi
done <"$list"
exit $status
