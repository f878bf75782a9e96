#!/bin/bash
# soak.sh MINUTES [RATE [SEED]]: daemons, streaming, backfills and kills for hours, on a real Kafka and a real MariaDB of their own;
# soak.py says what is done and what is checked. Everything is niced: it may run beside other work.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
SERVERS="kafka mariadb" exec nice -n 10 "$here/../servers/with_servers.sh" python3 "$here/soak.py" "$@"
