#!/bin/bash
# run.sh : the example from nothing: starts a real Kafka and a real MariaDB, produces 1,000 transactions, runs the job, produces a
# second backlog, runs it again, and a third time without news; after each run every output is compared with what verify.py
# computes by itself. What it wrote stays in work/. Servers in the environment (tests/servers/with_servers.sh) are used as they are.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
sluice=${SLUICE_BIN:-$root/sluice}
if [[ ! -x $sluice ]]; then
    echo "run.sh: no $sluice: run make first" >&2
    exit 2
fi
if [[ -z ${SLUICE_TEST_BOOTSTRAP:-} || -z ${SLUICE_TEST_MYSQL_PORT:-} ]]; then
    exec "$root/tests/servers/with_servers.sh" "$here/run.sh" "$@"
fi
export KAFKA_BOOTSTRAP=$SLUICE_TEST_BOOTSTRAP
# shellcheck disable=SC2153 # from with_servers.sh
export MYSQL_HOST=$SLUICE_TEST_MYSQL_HOST MYSQL_PORT=$SLUICE_TEST_MYSQL_PORT
export MYSQL_USER=$SLUICE_TEST_MYSQL_USER MYSQL_PASSWORD=$SLUICE_TEST_MYSQL_PASSWORD
topic=transaction_log first=1000 second=${SECOND:-500}

rm -rf "$here/work"
mkdir -p "$here/work"
sql() {
    MYSQL_PWD=$MYSQL_PASSWORD mariadb --no-defaults -h "$MYSQL_HOST" -P "$MYSQL_PORT" -u "$MYSQL_USER" "$@"
}
sql -e 'DROP DATABASE IF EXISTS tp3'
sql <"$here/schema.sql"

step() {
    printf '\n== %s\n' "$*"
}
job_run() {
    "$sluice" -c "$here/sluice.yaml" job run transactions
}
generate() { # FIRST COUNT
    "$sluice" demo generate --brokers "$KAFKA_BOOTSTRAP" --topic "$topic" --first "$1" --count "$2" --partitions 4
}

step "$first transactions, first run"
generate 0 "$first"
job_run
python3 "$here/verify.py" "$first" "$here/work"

step "$second more, second run"
generate "$first" "$second"
job_run
python3 "$here/verify.py" $((first + second)) "$here/work"

step "nothing new, third run"
job_run
python3 "$here/verify.py" $((first + second)) "$here/work"
"$sluice" -c "$here/sluice.yaml" lake verify
