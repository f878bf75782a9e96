#!/bin/bash
# apply.sh PATCH OUT: the one source that the patch names, with the bug planted, as OUT.
set -euo pipefail
source=$(sed -n 's,^+++ b/,,p' "$1")
mkdir -p "$(dirname "$2")"
if ! patch -s -F 0 -o "$2" "$source" <"$1"; then
    echo "$1 does not apply to $source any more: plant the bug anew (diff -U2)" >&2
    exit 1
fi
