#!/bin/bash
# The example on the servers that are running. Three runs, all outputs compared with independent results, and verify.py
# with itself: each wrong value must be noticed; 34,000 records reach into a second day: two partitions. Then under the daemon, where one job fails, and
# days and versions expire; then as endless runs that are killed.
set -euo pipefail
cd "$(dirname "$0")/../.."
[[ ${SLUICE_TEST_BOOTSTRAP:-} && ${SLUICE_TEST_MYSQL_PORT:-} ]] || exit 77
passed=0 failed=0
example() { # MODE
    if examples/transactions/run.sh "$1"; then
        rm -rf examples/transactions/work
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
    python3 -c '
import sys; sys.path.insert(0, "tests/integration")
import os, kafka
kafka.Kafka(os.environ["SLUICE_TEST_BOOTSTRAP"]).delete("transaction_log")'
}
COUNT=17000 SELF_TEST=1 example runs
example daemon
COUNT=3000 example streaming
echo "$passed passed, $failed failed, 0 skipped"
((failed == 0))
