#!/bin/bash
# kill.sh: the process-kill harness on a real Kafka and a real MariaDB. Every fault site of a run, at its first, a
# middle and its last occurrence, x {crash before, crash after, error, reply lost}: run with the fault, run again
# until done, compare lake, tables, heads and offsets with an undisturbed run. One broker; a topic, a group, a database per case.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [[ -z ${SLUICE_TEST_BOOTSTRAP:-} || -z ${SLUICE_TEST_MYSQL_PORT:-} ]]; then
    echo "no servers: run it under tests/servers/with_servers.sh"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
exec python3 "$here/kill.py"
