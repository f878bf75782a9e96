#!/bin/bash
# The retail example on the servers that are running: a first load, then sales while the daemon runs; all 28 outputs in PostgreSQL
# and in the lake compared with independent results. The generated shop, and the records of RETAIL_DATA when it is given.
set -euo pipefail
cd "$(dirname "$0")/../.."
[[ ${SLUICE_TEST_BOOTSTRAP:-} && ${SLUICE_TEST_POSTGRES_PORT:-} ]] || exit 77
passed=0 failed=0
shop() {
    if WAVES=3 examples/retail/run.sh; then
        rm -rf examples/retail/work
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
}
unset RETAIL_DATA
shop
data=${SLUICE_RETAIL_DATA:-../shared/data/retail/topics}
if [[ -d $data ]]; then
    # The topics of the first shop are still there.
    for t in product promotions branch customers employee sales; do
        python3 -c '
import sys; sys.path.insert(0, "tests/integration")
import os, kafka
kafka.Kafka(os.environ["SLUICE_TEST_BOOTSTRAP"]).delete(sys.argv[1])' "table.public.tbl_$t"
    done
    RETAIL_DATA=$(realpath "$data") shop
else
    echo "no $data: only the generated shop"
fi
echo "$passed passed, $failed failed, 0 skipped"
((failed == 0))
