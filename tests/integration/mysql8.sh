#!/bin/bash
# mysql8.sh: a real MySQL 8.0 in MariaDB's place: the warehouse contract, what only such a server can do wrong (both in
# test_sink_mysql), and the transactions example with its warehouse there.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
test=${SLUICE_BIN:+$(dirname "$SLUICE_BIN")}
export SINK_TEST=${test:-$root/build/debug}/tests/integration/test_sink_mysql
if [[ ! -x $SINK_TEST ]] || ! command -v mvn >/dev/null; then
    echo "no test program, or no maven: make integration builds it"
    exit 77
fi
unset SLUICE_TEST_BOOTSTRAP SLUICE_TEST_MYSQL_PORT
SERVERS="kafka mysql8" "$root/tests/servers/with_servers.sh" bash -c "
    set -euo pipefail
    \"\$SINK_TEST\"
    COUNT=1000 '$root/examples/transactions/run.sh'
    rm -rf '$root/examples/transactions/work'
    echo '1 passed, 0 failed, 0 skipped'"
