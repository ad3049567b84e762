#!/usr/bin/env bash
# Says whether the Swift compiler in use still has the fault for which hack/check-sources.py refuses tuples as child results of
# task groups, elements of streams and values of continuations: under -O such a tuple is copied wrongly.
#
#   hack/compiler-fault.sh      exit 0: the compiler is sound, and the check may go; 1: it has the fault
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/compiler-fault"

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
swiftc -O -parse-as-library TupleChildResult.swift -o "$directory/program"
version=$(swiftc --version 2>&1 | grep -o 'Swift version [0-9.]*' | head -1)
for run in 1 2 3 4 5; do
  # A crash is the shell's to report as well; what it says of it is not wanted.
  result=$( (ulimit -c 0; SWIFT_BACKTRACE=enable=no timeout 60 "$directory/program") 2>/dev/null) || result="crashed (exit code $?)"
  if [[ $result != sound ]]; then
    echo "compiler-fault: $version has the fault (run $run of 5: $result)"
    exit 1
  fi
done
echo "compiler-fault: $version is sound in 5 of 5 runs: hack/check-sources.py need not refuse tuples any more"
