#!/bin/bash
# check.sh LINT… : what `make check` does, step by step; every step runs, whatever failed before it.
set -uo pipefail
# shellcheck source=tests/support/steps.sh
source "$(dirname "$0")/steps.sh"

for lint in "$@"; do
    step "$lint" make "$lint"
done
step "unit and simulation under ASan and UBSan" make asan
step "threads under TSan" make tsan
step "fault and simulation, long" make long
step "integration with a real Kafka and MariaDB" make integration
finish
