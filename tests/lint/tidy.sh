#!/bin/bash
# tidy.sh changed|all SOURCE… : clang-tidy over the sources, one file per call (version 14 reports wrongly when
# given several). A file that was clean is not looked at again until its preprocessed text, the flags or
# .clang-tidy change (stamps in build/tidy). changed: only what differs from origin/main, and on main itself what
# the last four hours of commits touched, newest commit first; a changed header stands for the source beside it.
# Under CI `changed` starts no file after TIDY_SECONDS (420) and says how many it left to `all`. Needs TIDY_FLAGS.
set -euo pipefail
which=$1
shift

changed() {
    local base head
    git diff --name-only HEAD
    git ls-files --others --exclude-standard
    head=$(git rev-parse HEAD)
    base=$(git merge-base HEAD origin/main 2>/dev/null || echo "$head")
    if [[ $base == "$head" ]]; then
        git log --since="$(($(git log -1 --format=%ct) - 4 * 3600))" --name-only --format=
    else
        git log "$base..HEAD" --name-only --format=
    fi
}

export TIDY_STAMPS=${BUILD:-build}/tidy TIDY_UNTIL=
files=("$@")
if [[ $which == changed ]] && git rev-parse HEAD >/dev/null 2>&1; then
    # In the order of the second input: what changed last comes first.
    mapfile -t files < <(awk 'FNR == NR { known[$0]; next } { sub(/[.]h$/, ".c") } ($0 in known) && !seen[$0]++' \
        <(printf '%s\n' "$@") <(changed))
    [[ ${CI:-} == true ]] && TIDY_UNTIL=$(($(date +%s) + ${TIDY_SECONDS:-420}))
fi
((${#files[@]})) || exit 0
mkdir -p "$TIDY_STAMPS"
left=$(mktemp)
trap 'rm -f "$left"' EXIT
status=0
# shellcheck disable=SC2016 # $TIDY_FLAGS is split by the inner shell, on purpose
printf '%s\0' "${files[@]}" | TIDY_LEFT=$left xargs -0 -n 1 -P "${JOBS:-2}" bash -c '
    set -o pipefail
    eval "flags=($TIDY_FLAGS)"
    stamp=$TIDY_STAMPS/${1//\//_}
    now=$({ clang -E -C "${flags[@]}" "$1" && echo "$TIDY_FLAGS" && cat .clang-tidy; } 2>/dev/null | sha256sum) &&
        [[ -f $stamp && $(<"$stamp") == "$now" ]] && exit 0
    [[ -n $TIDY_UNTIL ]] && (($(date +%s) >= TIDY_UNTIL)) && echo "$1" >>"$TIDY_LEFT" && exit 0
    if out=$(clang-tidy --quiet "$1" -- "${flags[@]}" 2>&1); then
        echo "$now" >"$stamp"
        exit 0
    fi
    # A finding inside a system header that was inlined (xxhash.h) cannot be repaired or marked there.
    found=$(grep -E "(error|warning): " <<<"$out")
    [[ -n $found ]] && ! grep -qv "^/usr/" <<<"$found" && echo "$now" >"$stamp" && exit 0
    grep -v "warnings generated\|Suppressed\|Use -header-filter" <<<"$out"
    exit 1' tidy || status=$?
[[ ! -s $left ]] || echo "clang-tidy: time is up, $(wc -l <"$left") changed files left to \`make lint-all\`"
exit $status
