#!/bin/bash
# fuzz.sh BINARY SECONDS : runs one libFuzzer binary from the committed corpus; new inputs go to a work folder
# beside the binary, a crashing one is kept there and named.
set -euo pipefail
binary=$1 seconds=$2
name=${binary##*/fuzz_}
work=${binary}_work
mkdir -p "$work/found" "tests/fuzz/corpus/$name"
echo "fuzz: $name for $seconds s"
options=(-max_total_time="$seconds" -print_final_stats=0 -verbosity=0 -artifact_prefix="$work/" -timeout=10)
[[ ! -f tests/fuzz/$name.dict ]] || options+=(-dict="tests/fuzz/$name.dict")
"$binary" "${options[@]}" "$work/found" "tests/fuzz/corpus/$name" || {
    echo "fuzz: $name failed; the input is in $work" >&2
    exit 1
}
