#!/bin/bash
# The daemon under a wall clock that jumps, on a real Kafka: clock.py, with clock_shim.c preloaded.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[[ ${SLUICE_TEST_KAFKA:-} && ${SLUICE_TEST_MARIADB:-} ]] || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
read -ra cc <<<"${CC:-gcc}"
"${cc[@]}" -std=gnu17 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -fPIC -shared -o "$work/shim.so" "$here/clock_shim.c" -pthread
SLUICE_CLOCK_SHIM=$work/shim.so python3 "$here/clock.py"
