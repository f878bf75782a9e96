#!/bin/bash
# The demo as a newcomer sees it: the real program, no server. Checks the report, the files, and the commands it names.
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
    fi
}
has() { grep -qE -- "$1" "$2"; }
sluice() { "$bin" -c sluice-demo/sluice.yaml "$@"; }
rows() { sluice lake cat "$1" | wc -l; }

seconds=$SECONDS
"$bin" demo >report 2>messages </dev/null
check "the demo exits 0" test $? -eq 0
cat messages
check "it takes less than 60 s even in a slow build" test $((SECONDS - seconds)) -lt 60
check "the report has at most 40 lines" test "$(wc -l <report)" -le 40
check "nothing on stderr" test ! -s messages
check "no line of the report ends in a blank" bash -c '! grep -q " $" report'
check "both runs took 5,000 records" test "$(grep -cE '^run [12]: 5,000 records' report)" -eq 2
check "the receipts balance" test "$(grep -c '5,000 records = 5,000 decoded + 0 null + 0 dead; 0 absent, 0 lost' report)" -eq 2
check "the lake was verified" has 'all as their manifests say' report
check "all records are in the flat stream" has 'streams/TRANSACTIONS_FLAT +5 by year,month,day,hour +10,000 ' report
check "the table's rows are SQLite's rows" has 'tables/TRANSACTION_LIFECYCLE +version=2 +9,000 .* transaction_lifecycle +9,000$' report
check "the configuration is written" test -f sluice-demo/sluice.yaml
check "the SQL is written" test -f sluice-demo/sql/transactions.sql
check "the warehouse is there" test -f sluice-demo/warehouse.db
check "the state is private" test "$(stat -c %a sluice-demo/state)" = 700

# What the report says to try works without the broker.
grep -F -- ' -c sluice-demo/sluice.yaml ' report | sed -E 's/^  //; s/  .*//' >commands
check "the report names commands" test "$(wc -l <commands)" -ge 6
while read -r line; do
    check "works: ${line##*.yaml }" bash -c "$line >out 2>&1 </dev/null && test -s out"
done <commands

check "flat = blacklisted + processed" test "$(rows TRANSACTIONS_FLAT)" -eq $(($(rows TRANSACTIONS_BLACKLISTED) - 1 + $(rows TRANSACTIONS_PROCESSED)))
states=0
for s in COMPLETED PENDING FAILED PROCESSING CANCELLED; do
    states=$((states + $(rows TRANSACTIONS_$s)))
done
check "processed = its five states" test "$(rows TRANSACTIONS_PROCESSED)" -eq "$states"
check "people are masked" bash -c "! '$bin' -c sluice-demo/sluice.yaml lake cat TRANSACTIONS_PROCESSED | grep -q USER-"

# Somebody works on the job.
coproc owner { python3 -c '
import fcntl, sys
f = open("sluice-demo/state/transactions/0/data.mdb")
fcntl.flock(f, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()'; }
read -r _ <&"${owner[0]}"
check "a process that works on the job is named" bash -c "'$bin' -c sluice-demo/sluice.yaml job list | grep -q 'running, process [0-9]'"
eval "exec ${owner[1]}>&-"
# shellcheck disable=SC2154 # coproc sets it
wait "$owner_PID"
check "and nobody afterwards" bash -c "'$bin' -c sluice-demo/sluice.yaml job list | grep -q 'no daemon '"

# What the next run would refuse, the check refuses.
check "the job checks" bash -c "'$bin' -c sluice-demo/sluice.yaml job check transactions | grep -q 'is fine'"
check "with the policy of each table" bash -c "'$bin' -c sluice-demo/sluice.yaml job check transactions | grep -q 'sqlite, exact, schema: fail'"
check "no table was added" bash -c "! '$bin' -c sluice-demo/sluice.yaml job check transactions | grep -q 'was added'"
awk '/TOTAL_PAR_TRANSACTION_TYPE:/ { print; print "        warehouse: { to: local }"; next } { print }' \
    sluice-demo/sluice.yaml >sluice-demo/added.yaml
check "an added table would be filled" bash -c "'$bin' -c sluice-demo/added.yaml job check transactions | grep -q 'TOTAL_PAR_TRANSACTION_TYPE was added: the next run fills it'"
cp sluice-demo/sql/transactions.sql good.sql
sed -i 's/SUM(amount)/MAX(amount)/' sluice-demo/sql/transactions.sql
check "the SQL is another one" bash -c '! cmp -s good.sql sluice-demo/sql/transactions.sql'
sluice job check transactions >out 2>err
check "an aggregate that changed is 3" test $? -eq 3
check "and says what the next run says" has 'next run of job transactions would refuse: .*stored state' err
check "it is not fine" bash -c '! grep -q "is fine" out'
mv good.sql sluice-demo/sql/transactions.sql

# A changed byte is found: exit 1, and the file is named.
file=$(find sluice-demo/data_lake/streams/TRANSACTIONS_FLAT -name '*.gz' | head -n 1)
printf 'x' | dd of="$file" bs=1 seek=20 conv=notrunc status=none
check "lake stat --json counts as lake ls --json does" bash -c "
    sum() { python3 -c 'import json,sys; print(sum(x[\"rows\"] for x in json.load(sys.stdin)))'; }
    test \$('$bin' -c sluice-demo/sluice.yaml lake stat --json TRANSACTIONS_PROCESSED | sum) = \\
         \$('$bin' -c sluice-demo/sluice.yaml lake ls --json TRANSACTIONS_PROCESSED | sum)"
sluice lake verify >out 2>&1
check "verify fails on a changed file" test $? -eq 1
check "verify names the file" has "${file#sluice-demo/data_lake/}" out
for cmd in verify ls stat; do
    sluice lake "$cmd" NOPE >out 2>err
    check "lake $cmd of no output is 3" test $? -eq 3
    check "and says so" has "the lake has no output NOPE" err
done

# Again in the same place: replaced, the same rows.
"$bin" demo >report2 2>&1 </dev/null
check "a second demo exits 0" test $? -eq 0
check "a second demo has the same tables" diff <(sed -n '/^LAKE/,/^$/p' report) <(sed -n '/^LAKE/,/^$/p' report2)

mkdir other && echo mine >other/file
"$bin" demo --dir other >out 2>&1 </dev/null
check "a foreign directory is refused" test $? -eq 3
check "a foreign directory is untouched" test "$(ls -A other)" = file

echo "$passed passed, $failed failed, 0 skipped"
((failed == 0))
