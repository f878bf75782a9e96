#!/bin/bash
# compile_commands.sh SOURCE… : the compilation database for editors and clang tools. Needs TIDY_FLAGS.
set -euo pipefail
flags=$(sed 's/\\/\\\\/g; s/"/\\"/g' <<<"$TIDY_FLAGS")
comma='['
for source in "$@"; do
    printf '%s\n{"directory": "%s", "file": "%s", "command": "cc %s -c %s"}' "$comma" "$PWD" "$source" \
        "$flags" "$source"
    comma=,
done
printf '\n]\n'
