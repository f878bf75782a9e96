#!/bin/bash
# The test runner counts passed, failed, skipped and dead tests as what they are.
set -uo pipefail
cd "$(dirname "$0")/../../.." || exit 1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0

# NAME, the fake test's body, what the runner must say last, its exit status
expect() {
    local name=$1 body=$2 want=$3 status=$4 got
    printf '#!/bin/bash\n%s\n' "$body" >"$dir/t" && chmod +x "$dir/t"
    got=$(tests/support/run_tests.sh "$dir/t")
    if [[ $? == "$status" && ${got##*$'\n'} == "$want" ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf '%s: status or line differ: %s\n' "$name" "${got##*$'\n'}"
    fi
}

group='echo "[==========] Running 3 test(s)."; echo "[       OK ] a"; echo "[  SKIPPED ] b"'
expect "a group is counted test by test" \
    "$group; echo '[==========] 3 test(s) run.'; echo '[  SKIPPED ] b'" \
    "1 passed, 0 failed, 1 skipped" 0
expect "a failed test is listed twice and counted once" \
    "$group; echo '[  FAILED  ] c'; echo '[==========] 3 test(s) run.'; echo '[  FAILED  ] c'; exit 1" \
    "1 passed, 1 failed, 1 skipped" 1
expect "a test that dies is a failure" "$group; kill -ABRT \$\$" "1 passed, 1 failed, 1 skipped" 1
expect "a failure after the last test is one" \
    "$group; echo '[==========] 3 test(s) run.'; exit 1" "1 passed, 1 failed, 1 skipped" 1
expect "a silent script is one test" "exit 0" "1 passed, 0 failed, 0 skipped" 0
expect "a script that fails is one failure" "exit 3" "0 passed, 1 failed, 0 skipped" 1
expect "exit 77 is skipped" "exit 77" "0 passed, 0 failed, 1 skipped" 0
expect "a script's own line counts" "echo '5 passed, 0 failed, 2 skipped'" "5 passed, 0 failed, 2 skipped" 0
expect "a script's own failures count" "echo '5 passed, 2 failed, 0 skipped'; exit 1" \
    "5 passed, 2 failed, 0 skipped" 1
expect "a group that ran nothing is a failure" \
    "echo '[==========] Running 0 test(s).'; echo '[==========] 0 test(s) run.'" \
    "0 passed, 1 failed, 0 skipped" 1
got=$(tests/support/run_tests.sh "$dir/absent" | tail -n 1)
[[ $got == "0 passed, 1 failed, 0 skipped" ]] && passed=$((passed + 1)) || failed=$((failed + 1))

echo "$passed passed, $failed failed, 0 skipped"
((failed == 0))
