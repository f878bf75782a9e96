#!/bin/bash
# The recovery handbook on a real Kafka and a real MariaDB: upkeep.py. Arguments pick cases by a part of their name.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[[ ${SLUICE_TEST_KAFKA:-} && ${SLUICE_TEST_MARIADB:-} ]] || exit 77
exec python3 "$here/upkeep.py" "$@"
