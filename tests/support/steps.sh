# Runs named steps one after the other and adds up their closing lines (sourced by check.sh and .ci/run).
# shellcheck shell=bash

passed=0 failed=0 skipped=0

# A step counts what its last "N passed, N failed, N skipped" line says, else one for itself.
step() { # NAME COMMAND…
    local name=$1 log status line start=$SECONDS p f s
    shift
    log=$(mktemp)
    "$@" </dev/null 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log" | tail -n 1)
    rm -f "$log"
    read -r p _ f _ s _ <<<"${line:-$((status == 0)) passed, $((status != 0)) failed, 0 skipped}"
    ((status == 0 || f > 0)) || f=1
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    printf -- '--- %s: %s (%d s)\n' "$name" "$( ((f)) && echo FAILED || echo ok)" $((SECONDS - start))
}

finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    ((failed == 0))
    exit
}
