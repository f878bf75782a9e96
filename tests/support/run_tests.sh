#!/bin/bash
# run_tests.sh TEST... : runs test binaries (and *.sh scripts) side by side, prints what a failing one
# printed, and ends with "N passed, N failed, N skipped" over all of them. JOBS, TEST_TIMEOUT (seconds).
set -uo pipefail

export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export ASAN_OPTIONS=${ASAN_OPTIONS:-strict_string_checks=1:detect_stack_use_after_return=1}

# Counts of one finished test from its log: cmocka's lines between "Running" and "run.", or the closing
# line that a script or a fuzz replay prints itself. A test that died counts as one more failure.
count() { # LOG STATUS -> "passed failed skipped"
    awk -v status="$2" '
        /^\[=+\] Running/ { inside = groups = 1 }
        /^\[=+\] .* run\.$/ { inside = 0 }
        inside && /^\[ +OK \] / { passed++ }
        inside && /^\[  FAILED  \] / { failed++ }
        inside && /^\[  SKIPPED \] / { skipped++ }
        /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { own = 1; p = $1; f = $3; s = $5 }
        END {
            if (own) { passed += p; failed += f; skipped += s }
            if (status == 77 && !own) { skipped++; status = 0 }
            if (status != 0 && !failed) failed++
            if (!passed && !failed && !skipped) { if (groups) failed++; else passed++ }
            print passed + 0, failed + 0, skipped + 0
        }' "$1"
}

run_one() { # TEST
    local test=$1 log status start=$SECONDS passed failed skipped
    local -a args=()
    log=${LOGS:?}/$(tr '/' '_' <<<"$test").log
    case $test in
    */tests/fuzz/fuzz_*) args=("tests/fuzz/corpus/${test##*/fuzz_}") ;;
    esac
    # shellcheck disable=SC2086 # WRAP is a command with its arguments
    timeout -k 10 "${TEST_TIMEOUT:-600}" ${WRAP:-} "$(realpath "$test")" "${args[@]}" >"$log" 2>&1 </dev/null
    status=$?
    read -r passed failed skipped < <(count "$log" "$status")
    echo "$passed $failed $skipped" >"$log.count"
    if ((failed > 0)); then
        printf '%s: FAILED (exit %s)\n%s\n' "$test" "$status" "$(tail -n 200 "$log")"
    elif ((skipped > 0)); then
        printf '%s: %s skipped\n%s\n' "$test" "$skipped" "$(grep -i 'skip' "$log" | tail -n 20)"
    elif ((SECONDS - start >= 10)); then
        echo "$test: $((SECONDS - start)) s"
    fi
}

if [[ ${1:-} == --one ]]; then
    run_one "$2"
    exit 0
fi
LOGS=$(mktemp -d)
export LOGS
trap 'rm -rf "$LOGS"' EXIT
(($# == 0)) || printf '%s\0' "$@" | xargs -0 -n 1 -P "${JOBS:-2}" "$0" --one
find "$LOGS" -name '*.count' -exec cat {} + | awk -v want=$# '
    { passed += $1; failed += $2; skipped += $3; seen++ }
    END {
        failed += want - seen
        printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
        exit failed > 0 || (want > 0 && passed + skipped == 0)
    }'
