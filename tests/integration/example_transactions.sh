#!/bin/bash
# The example, from nothing, on servers of its own: three runs, all outputs compared with independent results.
set -euo pipefail
cd "$(dirname "$0")/../.."
[[ ${SLUICE_TEST_BOOTSTRAP:-} && ${SLUICE_TEST_MYSQL_PORT:-} ]] || exit 77
env -u SLUICE_TEST_BOOTSTRAP -u SLUICE_TEST_KAFKA -u SLUICE_TEST_MYSQL_PORT -u SLUICE_TEST_MARIADB \
    examples/transactions/run.sh
rm -rf examples/transactions/work
