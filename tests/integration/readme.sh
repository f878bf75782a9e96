#!/bin/bash
# The README's five minutes, taken from its own text, against a real broker.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
bin=${SLUICE_BIN:-$root/sluice}
if [[ -z ${SLUICE_TEST_BOOTSTRAP:-} ]]; then
    echo "no servers: run it under tests/servers/with_servers.sh"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
ln -s "$bin" sluice
topic=readme_$$_$RANDOM
block() { awk -v lang="$1" '$0 == "```" lang {on = 1; next} $0 == "```" {on = 0} on' "$root/README.md"; }
block sql | sed "s/'transaction_log'/'$topic'/" >totals.sql
block yaml | sed "s/127.0.0.1:9092/$SLUICE_TEST_BOOTSTRAP/" >sluice.yaml

passed=0 failed=0
check() { # NAME COMMAND...
    local name=$1
    shift
    if "$@" >out 2>&1; then
        passed=$((passed + 1))
    else
        echo "FAILED: $name"
        cat out
        failed=$((failed + 1))
    fi
}
says() { # TEXT COMMAND...
    local text=$1
    shift
    "$@" >said 2>&1
    local status=$?
    cat said
    ((status == 0)) && grep -qF -- "$text" said
}
check "check" says "is fine" ./sluice job check totals
check "generate" ./sluice demo generate --brokers "$SLUICE_TEST_BOOTSTRAP" --topic "$topic" --count 5000
check "the first run takes the backlog" says "5,000 records" ./sluice job run totals
check "the second finds nothing" says "nothing new" ./sluice job run totals
check "run list" says "done" ./sluice run list
check "run show" says '"ranges"' ./sluice run show totals 1
check "lake ls" says "streams/FAILED" ./sluice lake ls
check "lake cat" says '"CURRENCY":"EUR"' ./sluice lake cat TOTALS
check "lake verify" says "0 wrong" ./sluice lake verify
check "dlq ls" says "no dead letters" ./sluice dlq ls
echo "$passed passed, $failed failed, 0 skipped"
((failed == 0))
