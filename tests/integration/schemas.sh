#!/bin/bash
# Formats with schemas on a real schema registry, a real Kafka and a real MariaDB: schemas.py. Starts the registry itself unless
# SLUICE_TEST_REGISTRY_URL says where one is.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[[ ${SLUICE_TEST_KAFKA:-} && ${SLUICE_TEST_MARIADB:-} ]] || exit 77
if [[ -z ${SLUICE_TEST_REGISTRY_URL:-} ]]; then
    command -v java >/dev/null && command -v mvn >/dev/null || exit 77
    SERVERS=registry exec "$here/../servers/with_servers.sh" python3 "$here/schemas.py" "$@"
fi
exec python3 "$here/schemas.py" "$@"
