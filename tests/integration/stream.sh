#!/bin/bash
# Endless runs on a real Kafka and a real MariaDB: stream.py. Arguments pick cases by a part of their name.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[[ ${SLUICE_TEST_KAFKA:-} && ${SLUICE_TEST_MARIADB:-} ]] || exit 77
exec python3 "$here/stream.py" "$@"
