#!/bin/bash
# run.sh [runs|daemon|streaming]: the whole example on a real Kafka and a real MariaDB. Starts both, unless SLUICE_TEST_BOOTSTRAP and
# SLUICE_TEST_MYSQL_* name some (where database tp3 and topic transaction_log must be free; tp3 is dropped again).
# Makes the tables and the topic, and compares everything with verify.py. What was written stays in work/, made anew each time.
#
#   runs        sluice.yaml: two backlogs with a run after each, and one with nothing new; compared after each
#   daemon      daemon.yaml: two jobs under `sluice daemon`; one fails and the other goes on; old days and versions go
#   streaming   streaming.yaml: the same under way for ever, killed with kill -9 and started again
#
#   COUNT=1000   records of each backlog of runs and streaming, at most 23,000 (a day in all, 1.8 s apart)
#   SELF_TEST=1  also make sure that verify.py notices wrong values
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
mode=${1:-runs}
[[ $mode == @(runs|daemon|streaming) ]] || { echo "usage: run.sh [runs|daemon|streaming]" >&2; exit 2; }
export KAFKA_BOOTSTRAP=$SLUICE_TEST_BOOTSTRAP
# shellcheck disable=SC2153 # they come from the environment
export MYSQL_HOST=$SLUICE_TEST_MYSQL_HOST MYSQL_PORT=$SLUICE_TEST_MYSQL_PORT
export MYSQL_USER=$SLUICE_TEST_MYSQL_USER MYSQL_PASSWORD=$SLUICE_TEST_MYSQL_PASSWORD

mysql() {
    MYSQL_PWD=$MYSQL_PASSWORD mariadb --no-defaults -h "$MYSQL_HOST" -P "$MYSQL_PORT" -u "$MYSQL_USER" "$@"
}
made_database='' daemon=''
finish() {
    local status=$?
    trap - EXIT
    [[ -z $daemon ]] || kill -KILL "$daemon" 2>/dev/null || true
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
generate() { # FIRST COUNT
    step "$sluice" demo generate --brokers "$KAFKA_BOOTSTRAP" --topic transaction_log --partitions 4 \
        --first "$1" --count "$2"
}
job_run() {
    step "$sluice" -c "$here/sluice.yaml" job run transactions "$@"
}
until_true() { # WHAT COMMAND…
    local what=$1 i
    shift
    for ((i = 0; i < 600; i++)); do
        "$@" && return
        kill -0 "$daemon" 2>/dev/null || break
        sleep 0.1
    done
    tail -n 20 "$here/work/daemon.log" >&2
    echo "run.sh: $what did not come about" >&2
    return 1
}
start_daemon() { # CONFIGURATION
    printf '\n== sluice -c %s daemon &\n' "$1"
    "$sluice" -c "$here/$1" daemon 2>>"$here/work/daemon.log" &
    daemon=$!
}
stop_daemon() {
    kill -TERM "$daemon"
    wait "$daemon" || { tail -n 20 "$here/work/daemon.log" >&2; return 1; }
    daemon=''
}
logged() { # WORDS: the number of the first line with them
    grep -n -m 1 -- "$1" "$here/work/daemon.log" | cut -d : -f 1 | grep .
}
is_logged() {
    logged "$1" >/dev/null
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
: >"$here/work/daemon.log"

by_runs() {
    generate 0 "$count"
    job_run
    verify "$count"
    generate "$count" "$count"
    job_run
    verify "$count" "$count"
    job_run --json | tee "$here/work/third.json"
    grep -q '"records":0,' "$here/work/third.json"
    step "$sluice" -c "$here/sluice.yaml" lake verify
    verify ${SELF_TEST:+--self-test} "$count" "$count"
}

both_run() {
    step "$sluice" -c "$here/daemon.yaml" job run lake
    step "$sluice" -c "$here/daemon.yaml" job run warehouse
}

# 32,000 records are of 2025-10-28, what follows of the next day. By now the first of the two is older than RETAIN.
by_daemon() {
    local next=32100 sizes=(32100) i
    RETAIN=$((($(date -u +%s) - $(date -u -d 2025-10-29 +%s)) / 86400))d
    export RETAIN RETAIN_MASKED=36500d
    generate 0 $next
    start_daemon daemon.yaml
    until_true "the run of the warehouse" is_logged 'event=run.done job=warehouse'
    (($(logged 'event=run.done job=lake') < $(logged 'event=run.start job=warehouse'))) # the lake first

    generate $next 50
    mv "$here/work/data_lake/_sluice/lake" "$here/work/lost" # the lake does not know what the lake job wrote
    if step "$sluice" -c "$here/daemon.yaml" job run lake; then exit 1; fi
    step "$sluice" -c "$here/daemon.yaml" job run warehouse # goes on all the same
    mv "$here/work/lost" "$here/work/data_lake/_sluice/lake"
    next=$((next + 50))
    for ((i = 1; i <= 8; i++)); do
        generate $next 50
        both_run >/dev/null
        next=$((next + 50))
        sizes+=($((i == 1 ? 100 : 50))) # the first one brings what the run that failed left
    done
    stop_daemon
    step "$sluice" -c "$here/daemon.yaml" lake expire lake --log | tee "$here/work/deletions" | head -n 20
    step "$sluice" -c "$here/daemon.yaml" lake verify
    verify --kept-from 2025-10-29 --masked TRANSACTIONS_PROCESSED --versions 7 --deletions "$here/work/deletions" "${sizes[@]}"
}

caught_up() {
    [[ $("$sluice" -c "$here/streaming.yaml" job list --live --json | grep -c '"lag": 0,') == 2 ]]
}

by_streaming() {
    export RETAIN=36500d RETAIN_MASKED=36500d
    generate 0 "$count"
    start_daemon streaming.yaml
    until_true "the end of the first backlog" caught_up
    kill -KILL "$daemon"
    wait "$daemon" || true
    generate "$count" "$count"
    start_daemon streaming.yaml
    until_true "the end of the second backlog" caught_up
    stop_daemon
    step "$sluice" -c "$here/streaming.yaml" lake verify
    verify --newest "$count" "$count"
}

"by_$mode"
