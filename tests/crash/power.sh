#!/bin/bash
# power.sh: the power-cut harness. A run on a real Kafka, or a command upon the lake (power_acts.py), is watched by a preloaded library
# (shim.c) that writes down every change to the state directory, the lake and an SQLite warehouse. At many points of it the
# disk loses what was not synced (disk.py): keeps of it nothing, everything, or one of 32 random subsets. From each image that leaves, runs
# and commands go on until done; lake, tables, heads, dead letters and archives must be those of the undisturbed run.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [[ -z ${SLUICE_TEST_BOOTSTRAP:-} ]]; then
    echo "no servers: run it under tests/servers/with_servers.sh"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
read -ra cc <<<"${CC:-gcc}"
"${cc[@]}" -std=gnu17 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -fPIC -shared -o "$work/shim.so" "$here/shim.c" -ldl -pthread
export SLUICE_POWER_SHIM=$work/shim.so
python3 "$here/power.py" | tee "$work/log"
read -r passed _ failed _ < <(tail -n 1 "$work/log")

# A harness that finds nothing in a program with a bug proves nothing in one without.
for program in ${SLUICE_POWER_PLANTS:-}; do
    plant=$(basename "$program")
    acts=fresh,second subsets=32
    case ${plant%%_*} in # the act that its name begins with
    compact | expire | export | restore | replay | backfill) acts=${plant%%_*} subsets=0 ;;
    esac
    if SLUICE_BIN=$program SLUICE_POWER_STOP=1 SLUICE_POWER_ACTS=$acts SLUICE_POWER_SUBSETS=$subsets \
        python3 "$here/power.py" >"$work/$plant"; then
        echo "FAILED: the planted bug $plant was not noticed"
        failed=$((failed + 1))
    else
        echo "$plant: noticed: $(grep -m 1 '^FAILED' "$work/$plant" | cut -c 1-200)"
        passed=$((passed + 1))
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
((failed == 0))
