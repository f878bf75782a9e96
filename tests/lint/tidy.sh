#!/bin/bash
# tidy.sh changed|all SOURCE… : clang-tidy over the sources, one file per call (version 14 reports wrongly when
# given several). changed: only what differs from origin/main, and on main itself what the last four hours of
# commits touched; a changed header stands for the source beside it. Needs TIDY_FLAGS.
set -euo pipefail
which=$1
shift

changed() {
    local base head
    head=$(git rev-parse HEAD)
    base=$(git merge-base HEAD origin/main 2>/dev/null || echo "$head")
    if [[ $base == "$head" ]]; then
        git log --since="$(($(git log -1 --format=%ct) - 4 * 3600))" --name-only --format=
    else
        git diff --name-only "$base"
    fi
    git diff --name-only HEAD
    git ls-files --others --exclude-standard
}

files=("$@")
if [[ $which == changed ]] && git rev-parse HEAD >/dev/null 2>&1; then
    mapfile -t files < <(comm -12 <(printf '%s\n' "$@" | sort) <(changed | sed 's/\.h$/.c/' | sort -u))
fi
((${#files[@]})) || exit 0
# shellcheck disable=SC2016 # $TIDY_FLAGS is split by the inner shell, on purpose
printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "${JOBS:-2}" bash -c '
    eval "flags=($TIDY_FLAGS)"
    out=$(clang-tidy --quiet "$1" -- "${flags[@]}" 2>&1) && exit 0
    # A finding inside a system header that was inlined (xxhash.h) cannot be repaired or marked there.
    found=$(grep -E "(error|warning): " <<<"$out")
    [[ -n $found ]] && ! grep -qv "^/usr/" <<<"$found" && exit 0
    grep -v "warnings generated\|Suppressed\|Use -header-filter" <<<"$out"
    exit 1' tidy
