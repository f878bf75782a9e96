#!/bin/bash
# run.sh: every planted bug of tests/sim/plants, caught by the process-kill harness on real servers at the sites
# that fit it. Under tests/servers/with_servers.sh; by hand, as it takes minutes (README.md has the outcome).
set -uo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
cd "$root" || exit 1
sites_of() {
    case $1 in
    no_head_check) echo mysql.commit,kafka.commit ;;
    no_marker) echo topic.commit ;;
    offsets_first) echo lake.rename,mysql.commit ;;
    positions_apart | rename_before_decide) echo state.commit ;;
    unstable_file_name) echo lake.rename ;;
    *) echo "no sites known for $1" >&2; return 1 ;;
    esac
}
passed=0 failed=0
for patch in tests/sim/plants/*.patch; do
    name=$(basename "$patch" .patch)
    [[ $name != stream_* && $name != replay_* ]] || continue # endless runs and replays: tests/sim/test_plants.sh
    sites=$(sites_of "$name") || exit 1
    program=build/release/plants/$name.sluice
    make -s MODE=release "$program" || exit 1
    log=$(SLUICE_BIN=$root/$program SLUICE_CRASH_SITE=$sites tests/crash/kill.sh)
    if grep -q '^FAILED' <<<"$log"; then
        echo "$name: caught: $(grep -c '^FAILED' <<<"$log") findings, $(grep -m 1 '^FAILED' <<<"$log" | cut -c 1-300)"
        passed=$((passed + 1))
    else
        echo "$name: NOT caught"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
((failed == 0))
