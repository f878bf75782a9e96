#!/bin/bash
# objects.sh globals|banned OBJDIR SOURCE… : what the debug objects show: mutable file-scope variables that
# are not in globals.allow, and calls of banned functions.
set -euo pipefail
here=$(dirname "$0")
what=$1 objdir=$2
shift 2

symbols() { # -> "source symbol", one per finding candidate
    local source
    for source in "$@"; do
        case $what in
        globals) objdump -t "$objdir/${source%.c}.o" | awk -v s="$source" '
            / O \.(data|bss|tdata|tbss|data\.rel|data\.rel\.local)\t/ { sub(/\..*/, "", $NF); print s, $NF }' ;;
        banned) nm -u "$objdir/${source%.c}.o" | awk -v s="$source" '{ sub(/@.*/, "", $NF); print s, $NF }' ;;
        esac
    done
}

allow=$here/globals.allow
[[ $what == globals ]] || allow=$here/banned
symbols "$@" | awk -v what="$what" '
    FNR == NR { sub(/#.*/, ""); if (NF) { known[$1]; for (i = 2; i <= NF; i++) pair[$1, $i] } next }
    what == "globals" && !(($1, $2) in pair) { print $1 ": mutable file-scope variable " $2; bad++ }
    what == "banned" && ($2 in known) && !(($2, $1) in pair) { print $1 ": calls " $2; bad++ }
    END { exit bad > 0 }' "$allow" -
