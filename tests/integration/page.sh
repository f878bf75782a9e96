#!/bin/bash
# The daemon's admin server and its web page, in a headless Chromium on a real Kafka and MariaDB: page.py.
# SLUICE_SCREENSHOTS=dir keeps pictures of the pages there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[[ ${SLUICE_TEST_KAFKA:-} && ${SLUICE_TEST_MARIADB:-} ]] || exit 77
exec python3 "$here/page.py" "$@"
