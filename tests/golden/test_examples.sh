#!/bin/bash
# The examples of docs/sql-examples.md are true, whatever the window.
set -uo pipefail
bin=${SLUICE_BIN:?}
cd "$(dirname "$0")/../.." || exit 1
passed=0 failed=0
for window in 1 7 65536; do
    read -r p f < <("$bin" test docs/examples/sql.json --json --window "$window" | sed -nE 's/^\{"passed":([0-9]+),"failed":([0-9]+).*/\1 \2/p')
    passed=$((passed + ${p:-0})) failed=$((failed + ${f:-1}))
done
((failed == 0)) || "$bin" test docs/examples/sql.json
echo "$passed passed, $failed failed, 0 skipped"
((failed == 0))
