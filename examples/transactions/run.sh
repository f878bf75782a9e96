#!/bin/bash
# run.sh: the whole example on a real Kafka and a real MariaDB (or MySQL 8). Starts both, unless SLUICE_TEST_BOOTSTRAP and
# SLUICE_TEST_MYSQL_* name some (where database tp3 and topic transaction_log must be free; tp3 is dropped again).
# Makes the tables and the topic, produces two backlogs with a run after each, runs once more with nothing new, and
# compares everything with verify.py after each. What was written stays in work/, made anew each time.
#
#   COUNT=1000   records of each backlog, at most 23,000 (a day in all, 1.8 s apart)
#   SELF_TEST=1  also make sure that verify.py notices wrong values
#   SERVERS      "kafka mysql8" starts a MySQL 8 instead (fetched once, with maven)
#   SLUICE_BIN   the program (default: the one of this tree)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
if [[ -z ${SLUICE_TEST_BOOTSTRAP:-} || -z ${SLUICE_TEST_MYSQL_PORT:-} ]]; then
    SERVERS=${SERVERS:-kafka mariadb} exec "$root/tests/servers/with_servers.sh" "$here/run.sh"
fi
sluice=$(realpath "${SLUICE_BIN:-$root/sluice}")
[[ -x $sluice ]] || { echo "run.sh: no $sluice: run make first" >&2; exit 1; }
count=${COUNT:-1000}
export KAFKA_BOOTSTRAP=$SLUICE_TEST_BOOTSTRAP
# shellcheck disable=SC2153 # they come from the environment
export MYSQL_HOST=$SLUICE_TEST_MYSQL_HOST MYSQL_PORT=$SLUICE_TEST_MYSQL_PORT
export MYSQL_USER=$SLUICE_TEST_MYSQL_USER MYSQL_PASSWORD=$SLUICE_TEST_MYSQL_PASSWORD

mysql() {
    MYSQL_PWD=$MYSQL_PASSWORD mariadb --no-defaults -h "$MYSQL_HOST" -P "$MYSQL_PORT" -u "$MYSQL_USER" "$@"
}
made_database=
finish() {
    local status=$?
    trap - EXIT
    [[ -z $made_database ]] || mysql -e 'DROP DATABASE tp3' || true
    ((status == 0)) || echo "run.sh: FAILED" >&2
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

step() {
    printf '\n== %s\n' "${*//"$root"\//}"
    "$@"
}
generate() { # FIRST
    step "$sluice" demo generate --brokers "$KAFKA_BOOTSTRAP" --topic transaction_log --partitions 4 \
        --first "$1" --count "$count"
}
job_run() {
    step "$sluice" -c "$here/sluice.yaml" job run transactions "$@"
}
verify() {
    step python3 "$here/verify.py" "$@"
}
if [[ -n $(mysql -N -e "SHOW DATABASES LIKE 'tp3'") ]]; then
    echo "run.sh: the server has a database tp3 already" >&2
    exit 1
fi
# Not asked for by its name: that may create it. Not grep -q: kcat must not die of a closed pipe.
if kcat -b "$KAFKA_BOOTSTRAP" -L -m 10 | grep 'topic "transaction_log"'; then
    echo "run.sh: the broker has a topic transaction_log already" >&2
    exit 1
fi
made_database=yes
# The collation that neither folds nor pads: MariaDB's, MySQL's, and the only binary one of MySQL before 8.0.17.
collation=$(mysql -N -e "SELECT collation_name FROM information_schema.collations WHERE collation_name IN
    ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin')")
sed "s/utf8mb4_nopad_bin/${collation:-utf8mb4_bin}/" "$here/schema.sql" | mysql

rm -rf "$here/work"
mkdir "$here/work"
generate 0
job_run
verify "$count"
generate "$count"
job_run
verify "$count" "$count"
job_run --json | tee "$here/work/third.json"
grep -q '"records":0,' "$here/work/third.json"
step "$sluice" -c "$here/sluice.yaml" lake verify
verify ${SELF_TEST:+--self-test} "$count" "$count"
