#!/usr/bin/env bash
# Builds sluice and runs a pipeline on this machine, with no cluster: real processes, real data.
#
#   hack/demo.sh [FILE]      default: config/samples/train-on-shards.yaml
#
# Exits as `sluice run` does: 0 when the run Succeeded, 1 when not, 2 for a bad file.
set -euo pipefail
directory=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
file=${1:-$PWD/config/samples/train-on-shards.yaml}
[[ $file = /* ]] || file=$directory/$file

hack/setup.sh
# A debug build takes half the time of an optimised one, and the tests use it again. What it says goes to stderr: stdout is
# the run's.
echo "demo: building sluice (the first time takes some minutes)" >&2
swift build --product sluice >&2
exec .build/debug/sluice run "$file"
