#!/bin/bash
# daemon.sh: the daemon's own cost (bench/daemon.py). Starts a real Kafka and MariaDB; PAST=n (default 10000), IDLE=seconds (default 30).
set -euo pipefail
cd "$(dirname "$0")/.."
exec tests/servers/with_servers.sh python3 bench/daemon.py "$@"
