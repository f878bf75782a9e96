#!/bin/bash
# free_port.sh : prints a TCP port of 127.0.0.1 that nobody uses at the moment.
set -euo pipefail
# shellcheck source=tests/servers/lib.sh
source "$(dirname "$0")/lib.sh"
free_port
