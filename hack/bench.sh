#!/usr/bin/env bash
# Builds everything optimised, runs the benchmarks, and prints their figures as one JSON object.
#
#   hack/bench.sh [NAME...]      default: engineStep, expressions, simulate, localRun, localUp, clientRequests, gangQueue
#
# Figures hold only side by side, from one machine that does nothing else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
hack/setup.sh
swift build --configuration release --product sluice >&2
swift build --configuration release --package-path Benchmarks >&2
exec Benchmarks/.build/release/benchmarks "$@"
