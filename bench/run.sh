#!/bin/bash
# run.sh: the benchmark (bench/README.md says what and how). Starts a real Kafka and MariaDB, produces the records, runs pairs of
# the raw consumer and each job, checks the answers, prints a table. PAIRS=n (default 7), RECORDS=n (default 2000000).
set -euo pipefail
cd "$(dirname "$0")/.."
exec tests/servers/with_servers.sh python3 bench/run.py "$@"
