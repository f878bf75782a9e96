#!/bin/bash
# sink_mysql8.sh: the warehouse contract, and what only such a server can do wrong, on a real MySQL 8.0 (test_sink_mysql has
# them; with_servers.sh gives it MariaDB).
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
test=${SLUICE_BIN:+$(dirname "$SLUICE_BIN")}
test=${test:-$root/build/debug}/tests/integration/test_sink_mysql
if [[ ! -x $test ]] || ! command -v mvn >/dev/null; then
    echo "no test program, or no maven: make integration builds it"
    exit 77
fi
dir=$(mktemp -d)
port=$("$root/tests/servers/free_port.sh")
export MYSQL_USER=sluice MYSQL_PASSWORD=sluice-test
stop() { "$root/tests/servers/mysql8.sh" kill "$dir" "$port" && rm -rf "$dir"; }
trap stop EXIT
"$root/tests/servers/mysql8.sh" start "$dir" "$port"
SLUICE_TEST_MYSQL_HOST=127.0.0.1 SLUICE_TEST_MYSQL_PORT=$port SLUICE_TEST_MYSQL_USER=$MYSQL_USER \
    SLUICE_TEST_MYSQL_PASSWORD=$MYSQL_PASSWORD "$test"
