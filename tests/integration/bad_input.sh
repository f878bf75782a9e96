#!/bin/bash
# What the program does with bad input and a bad world: bad_input.py on a real Kafka and a real MariaDB.
# Arguments pick cases by a part of their name.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[[ ${SLUICE_TEST_KAFKA:-} && ${SLUICE_TEST_MARIADB:-} ]] || exit 77
exec python3 "$here/bad_input.py" "$@"
