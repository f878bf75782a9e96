#!/bin/bash
# The example on the servers that are running: three runs, all outputs compared with independent results, and verify.py
# with itself: each wrong value must be noticed. 34,000 records reach into a second day: two partitions.
set -euo pipefail
cd "$(dirname "$0")/../.."
[[ ${SLUICE_TEST_BOOTSTRAP:-} && ${SLUICE_TEST_MYSQL_PORT:-} ]] || exit 77
if COUNT=17000 SELF_TEST=1 examples/transactions/run.sh; then
    rm -rf examples/transactions/work
    echo "1 passed, 0 failed, 0 skipped"
else
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi
