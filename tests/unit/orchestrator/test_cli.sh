#!/bin/bash
# The command line of the real program: exit codes, help, suggestions, what goes to stdout and what to stderr.
set -uo pipefail
bin=${SLUICE_BIN:?}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
passed=0 failed=0

check() { # NAME COMMAND...
    local name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        echo "FAILED: $name"
        failed=$((failed + 1))
        head -n 5 out err
    fi
}
exits() { # CODE ARGS... : out and err keep what was printed
    local want=$1 got
    shift
    "$bin" "$@" >out 2>err </dev/null
    got=$?
    ((got == want)) || echo "exit $got instead of $want: $*"
    ((got == want))
}
has() { grep -qF -- "$1" "$2"; }

cat >sluice.yaml <<'YAML'
kafka: { bootstrap.servers: "127.0.0.1:1" }
lake: { path: ./lake }
warehouses: { w: "mysql://u:${env:CLI_TEST_SECRET}@127.0.0.1:1/d" }
jobs:
  j:
    sql: [j.sql]
    outputs: { T: { lake: { snapshot: true } } }
YAML
cat >j.sql <<'SQL'
CREATE STREAM s (a INT, b STRING) WITH (KAFKA_TOPIC = 's', VALUE_FORMAT = 'JSON');
CREATE TABLE t AS SELECT b, COUNT(*) AS n FROM s GROUP BY b;
SQL
export CLI_TEST_SECRET=a-very-secret-word

# Exit codes.
check "no arguments: usage" exits 2
check "help" exits 0 help
check "--help" exits 0 --help
check "--version" exits 0 --version
check "version on stdout" has "sluice " out
check "functions" exits 0 sql functions
check "one a line" has "SUBSTRING  " out
check "one function, any case" exits 0 sql functions substring
check "its overloads" has "SUBSTRING(BYTES, from INTEGER[, length INTEGER]) -> BYTES" out
check "its example" has "SUBSTRING('stream', 2, 3) = tre" out
check "an aggregate" exits 0 sql functions count
check "no such function" exits 3 sql functions substrin
check "the near one" has "did you mean SUBSTRING?" err
check "help of a command" exits 0 help lake cat
check "is what its --help says" has "usage: sluice lake cat" out
check "help of a noun" exits 0 help lake
check "lists its commands" has "lake verify" out
check "help of no command" exits 2 help zzz
check "a noun alone is usage" exits 2 lake
check "a noun lists its commands" has "lake verify" out
check "a noun with --help" exits 0 job --help
check "a word too few" exits 2 job run
check "a word too many" exits 2 job run a b
check "an unknown option" exits 2 job list --bogus
check "names the command's help" has "sluice job list --help" err
check "an option without its value" exits 2 run list --last
check "a flag with a value" exits 2 job list --json=1
check "-c without a file" exits 2 job list -c
check "-c alone" exits 2 -c
check "says what it wants" has "-c wants a file" err
check "a reload without a daemon" exits 3 daemon reload
check "says that none runs" has "no daemon runs on the state directory" err
check "a lake before the first run" exits 0 lake ls
check "says so" has "nothing is published yet" out
check "rows of it are none" exits 3 lake cat T
check "as JSON" exits 0 lake ls --json
check "is an empty list" has "[]" out
check "a value that is no number" exits 2 run list --last x
check "a word that is no number" exits 2 run show j x
check "a word that is no batch" exits 2 dlq show j x
check "a limit that is no number" exits 2 dlq show j --limit x
check "a time that is none" exits 2 job backfill j --from yesterday
check "ranges that exclude each other" exits 2 job backfill j --from 2025-10-28 --batch 3
check "a range of times without one" exits 2 job backfill j --from 2025-10-29 --to 2025-10-28
check "a range of offsets without one" exits 2 job backfill j --from-offset 5 --to-offset 5
check "batches that are none" exits 2 dlq replay j --batch 5..3
check "names that command's help" has "sluice dlq replay --help" err
check "a choice that is missing" exits 2 job reset j
check "an unknown command" exits 2 job rum
check "suggests the nearest command" has 'did you mean "job run"?' err
check "nothing of an error on stdout" test ! -s out
check "nothing near, no suggestion" exits 2 zzzzzzzzzz
check "no suggestion then" bash -c '! grep -q "did you mean" err'
check "no configuration file" exits 3 -c absent.yaml job list
check "names the file" has "absent.yaml" err
check "an unknown job" exits 3 job show jj
check "suggests the job" has 'j' err
check "SQL refused" bash -c 'cp j.sql good.sql; echo "SELECT nonsense" >>j.sql'
check "bad SQL is 3" exits 3 job check j
check "SQL errors have a place" grep -qE 'j\.sql:[0-9]+:[0-9]+' err
mv good.sql j.sql
check "a good job checks" exits 0 job check j
check "explain" exits 0 job explain j
check "explain says the order" has "order: free" out
check "a table has no partitions" bash -c 'sed "s/{ snapshot: true }/{ partition_by: [NOPE] }/" sluice.yaml >part.yaml'
check "which is 3" exits 3 -c part.yaml job check j
check "and said" has "partition_by is for streams" err
sed 's/T: { lake: { snapshot: true } }/S: { warehouse: { to: w, mode: upsert } }/' sluice.yaml >keyless.yaml
check "a stream without KEY columns has nothing to be put by" exits 3 -c keyless.yaml job check j
check "and says how to name it" has "key: [COLUMN" err
sed 's/mode: upsert/key: [a]/' keyless.yaml >keyed.yaml
check "appended rows have no key" exits 3 -c keyed.yaml job check j
check "and what it would need" has "add mode: upsert" err
sed 's/mode: upsert/mode: upsert, key: [a, NOPE]/' keyless.yaml >nope.yaml
check "a key column that is not there" exits 3 -c nope.yaml job check j
check "is named" has "has no column NOPE" err
sed 's/mode: upsert/mode: upsert, key: [a]/' keyless.yaml >upsert.yaml
check "an upserted stream is aligned" exits 0 -c upsert.yaml job explain j
check "its explain says so" has "order: aligned" out
sed 's/{ lake: { snapshot: true } }/{ warehouse: { to: w, mode: append } }/' sluice.yaml >append.yaml
check "a table is not appended to" exits 3 -c append.yaml job check j
check "and said so" has "it is upserted" err
check "job list of a job that never ran" exits 0 job list
check "says never" has "never" out
check "job list --json is JSON" bash -c "'$bin' job list --json | python3 -m json.tool >/dev/null"
check "run list without runs" exits 0 run list
check "a run that is not there" exits 3 run show j 7
check "dead letters: none" exits 0 dlq ls
check "dlq ls --json is JSON" test "$("$bin" dlq ls --json)" = "[]"
mkdir -p state/j/0/dead_letters
echo '{"reason":"skipped","batch":2,"output":"w/o/O","op":"put","row":{}}' >state/j/0/dead_letters/2.skipped.jsonl
check "rows that were skipped are dead letters" bash -c "'$bin' dlq ls --json | grep -q '\"skipped\": true'"
check "and shown" exits 0 dlq show j 2
check "with their reason" has '"reason":"skipped"' out
rm -r state/j
check "an archive that is not there" exits 3 lake restore nix.tar
check "says so" has "cannot open nix.tar: No such file or directory" err
check "config show" exits 0 config show
check "with the limits" has "jobs.j.limits.batch_records: 2000000" out
check "secrets are hidden" bash -c '! grep -q very-secret out'
check "--config works behind the command" exits 0 job list --config sluice.yaml
check "-c works before the command" exits 0 -c sluice.yaml job list
check "a wrong key" bash -c 'sed "s/bootstrap.servers/boostrap.servers/; s/snapshot/snapshto/" sluice.yaml >bad.yaml'
check "is 3" exits 3 -c bad.yaml job list
check "with file, line and column" grep -qE 'bad\.yaml:[0-9]+:[0-9]+' err
check "and the nearest key" has "snapshot" err

# Help of every command.
"$bin" help | sed -n '/^commands:/,/^$/p' | sed -nE 's/^  ([a-z]+( [a-z]+)?)  +.*/\1/p' >commands
check "the commands are listed" test "$(wc -l <commands)" -ge 17
while read -r command; do
    # shellcheck disable=SC2086 # a command is one or two words
    check "help of $command" exits 0 $command --help
    check "usage of $command" has "usage: sluice $command" out
    check "help of $command is short" test "$(wc -l <out)" -lt 40
    check "examples of $command" test "$(sed -n '/^examples:/,$p' out | grep -cE '^  sluice ')" -ge 2
done <commands

# Remote trouble that is worth another run. The broker is a port that nobody listens on; both wait for it, side by side.
"$bin" demo generate --brokers 127.0.0.1:1 --count 1 >generate.out 2>&1 </dev/null &
generate=$!
check "no broker is 4" exits 4 job run j
check "says what to check" has "bootstrap.servers" err
wait "$generate"
check "generating without a broker is 4" test $? -eq 4
check "and says what to check" has "--brokers" generate.out
check "without the client's own log" test "$(wc -l <generate.out)" -eq 2

echo "$passed passed, $failed failed, 0 skipped"
((failed == 0))
