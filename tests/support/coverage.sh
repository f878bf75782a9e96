#!/bin/bash
# coverage.sh OBJDIR SOURCE… : line coverage per source and in total, from the last run of that build.
set -euo pipefail
objdir=$1
shift
for source in "$@"; do
    # gcov also reports headers; the file of the object is the one that counts here.
    gcov -n "$objdir/${source%.c}.gcda" 2>/dev/null | awk -v s="$source" '
        /^File / { ours = index($0, "'\''" s "'\''") }
        ours && /^Lines executed:/ { split($0, a, /[:% ]+/); print s, a[3], a[5]; ours = 0; seen = 1 }
        END { if (!seen) print s, 0, 0 }'
done | awk '
    { printf "%6.1f %%  %5d lines  %s\n", $2, $3, $1; hit += $2 * $3 / 100; all += $3 }
    END { printf "%6.1f %%  %5d lines  total\n", all ? 100 * hit / all : 0, all }'
