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
# The build that is there, brought up to date; where there is none, the debug build, which is ready in half the time. What it
# says goes to stderr: stdout is the run's.
configuration=debug
[[ -x .build/release/sluice ]] && configuration=release
echo "demo: building sluice ($configuration; the first time takes some minutes)" >&2
swift build --configuration "$configuration" --product sluice >&2
exec ".build/$configuration/sluice" run "$file"
