#!/bin/bash
# Every planted bug (tests/sim/plants) must be caught by the exhaustive crash harness: it fails, and says what differs.
set -uo pipefail
dir=$(dirname "${SLUICE_BIN:?}")/plants
passed=0 failed=0
# A test that fails leaves its folder behind.
base=/dev/shm
[[ -w $base ]] || base=${TMPDIR:-/tmp}
TMPDIR=$(mktemp -d "$base/sluice-plants-XXXXXX")
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
for patch in tests/sim/plants/*.patch; do
    name=$(basename "$patch" .patch)
    # Up to the first finding. A death by a signal is none.
    log=$(env -u SLUICE_TEST_LONG "$dir/$name" 2>&1 | sed '/^\[  FAILED  \]/q')
    if grep -q '^\[  FAILED  \]' <<<"$log"; then
        echo "$name: caught: $(grep -m 1 '^ERROR' <<<"$log" | cut -c 1-300)"
        passed=$((passed + 1))
    else
        echo "$name: NOT caught"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
((failed == 0))
