#!/bin/bash
# run.sh: the whole example on a real Kafka and a real PostgreSQL. Starts both, unless SLUICE_TEST_BOOTSTRAP and
# SLUICE_TEST_POSTGRES_* name some (where database retail and topics table.public.* must be free). Loads the shop's tables, runs the
# job, compares all 28 outputs with verify.py; then the shop goes on selling while `sluice daemon` runs the job every two
# seconds, and everything is compared again. What was written stays in work/, made anew each time.
#
#   RETAIL_DATA=DIR  records of your own instead of generated ones: DIR/table.public.<table>.jsonl as generate.py writes them
#   WAVES=5          how often the shop sells while the daemon runs
#   SLUICE_BIN       the program (default: the one of this tree)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
if [[ -z ${SLUICE_TEST_BOOTSTRAP:-} || -z ${SLUICE_TEST_POSTGRES_PORT:-} ]]; then
    SERVERS="kafka postgres" exec "$root/tests/servers/with_servers.sh" "$here/run.sh"
fi
sluice=$(realpath "${SLUICE_BIN:-$root/sluice}")
[[ -x $sluice ]] || { echo "run.sh: no $sluice: run make first" >&2; exit 1; }
# shellcheck disable=SC2153 # they come from the environment
export SLUICE_BIN=$sluice KAFKA_BOOTSTRAP=$SLUICE_TEST_BOOTSTRAP
# shellcheck disable=SC2153
export POSTGRES_HOST=$SLUICE_TEST_POSTGRES_HOST POSTGRES_PORT=$SLUICE_TEST_POSTGRES_PORT
# shellcheck disable=SC2153
export POSTGRES_USER=$SLUICE_TEST_POSTGRES_USER POSTGRES_PASSWORD=$SLUICE_TEST_POSTGRES_PASSWORD
tables=(product promotions branch customers employee sales)
sql() { # DATABASE STATEMENT
    PGPASSWORD=$POSTGRES_PASSWORD psql -X -q -At -h "$POSTGRES_HOST" -p "$POSTGRES_PORT" -U "$POSTGRES_USER" -d "$1" -c "$2"
}
made_database='' daemon=''
finish() {
    local status=$?
    trap - EXIT
    [[ -z $daemon ]] || kill -KILL "$daemon" 2>/dev/null || true
    [[ -z $made_database ]] || sql postgres 'DROP DATABASE retail' || true
    ((status == 0)) || echo "run.sh: FAILED" >&2
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP
step() {
    printf '\n== %s\n' "${*//"$root"\//}"
    "$@"
}
# Key and value of each line, without their JSON around.
load() { # FOLDER TABLE
    local topic=table.public.tbl_$2
    [[ -f $1/$topic.jsonl ]] || return 0
    python3 -c '
import json, sys
for line in open(sys.argv[1], encoding="utf-8"):
    at = line.index("\"value\":") + 8  # the text as it is: 2.0 stays 2.0
    print(json.loads(line)["key"], line[at:line.rindex("}")].strip(), sep="\t")' "$1/$topic.jsonl" |
        kcat -P -b "$KAFKA_BOOTSTRAP" -t "$topic" -p 0 -K '\t'
}
rm -rf "$here/work"
mkdir "$here/work"
[[ -z $(sql postgres "SELECT 1 FROM pg_database WHERE datname = 'retail'") ]] || { echo "run.sh: there is a database retail already" >&2; exit 1; }
sql postgres 'CREATE DATABASE retail'
made_database=yes
data=${RETAIL_DATA:-}
if [[ -z $data ]]; then
    data=$here/work/topics
    step python3 "$here/generate.py" "$data"
fi
for t in "${tables[@]}"; do
    # Makes the topic, with one partition and without records.
    "$sluice" demo generate --brokers "$KAFKA_BOOTSTRAP" --topic "table.public.tbl_$t" --partitions 1 --count 0 >/dev/null
    load "$data" "$t"
done
step "$sluice" -c "$here/sluice.yaml" job run retail
step python3 "$here/verify.py" "$data"
step "$sluice" -c "$here/sluice.yaml" job run retail # nothing new

echo
echo "== sluice daemon, while the shop goes on selling"
"$sluice" -c "$here/sluice.yaml" daemon >"$here/work/daemon.log" 2>&1 &
daemon=$!
sold=("$data")
for ((wave = 1; wave <= ${WAVES:-5}; wave++)); do
    folder=$here/work/wave$wave
    python3 "$here/generate.py" "$folder" --sales $((1000000 + wave * 100)) $((wave * 7))
    load "$folder" sales
    sold+=("$folder")
    sleep 1
done
# Until nothing is left to read, or a minute: whatever is missing then is what verify.py tells.
for ((i = 0; i < 300; i++)); do
    "$sluice" -c "$here/sluice.yaml" job list --live --json | grep -q '"lag": 0' && break
    sleep 0.2
done
kill -TERM "$daemon"
wait "$daemon" || { tail -n 20 "$here/work/daemon.log"; exit 1; }
daemon=''
step python3 "$here/verify.py" "${sold[@]}"
step "$sluice" -c "$here/sluice.yaml" lake verify
