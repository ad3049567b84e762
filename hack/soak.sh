#!/usr/bin/env bash
# Runs every sample and tests' pipelines side by side many times, two at a time, and says how many ended well.
#
#   hack/soak.sh [COUNT]     COUNT runs of each (default 100), by $SLUICE or .build/release/sluice
#
# A fault of the optimiser shows only here: it once crashed 6 of 8 runs while every debug test was green.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
count=${1:-100}
sluice=${SLUICE:-$PWD/.build/release/sluice}
[[ -x $sluice ]] || { echo "soak: there is no $sluice (swift build -c release --product sluice)" >&2; exit 2; }

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cat >"$directory/side-by-side.yaml" <<'YAML'
apiVersion: sluice.dev/v1alpha1
kind: PipelineRun
metadata: {name: side-by-side}
spec:
  pipelineSpec:
    tasks:
      - {name: a, container: {image: x, command: ["true"]}}
      - {name: b, container: {image: x, command: ["true"]}}
      - {name: c, container: {image: x, command: ["true"]}}
YAML

pipelines=("$directory/side-by-side.yaml")
for sample in config/samples/*.yaml; do
  if grep -q '^kind: PipelineRun$' "$sample"; then pipelines+=("$PWD/$sample"); fi
done

# One line a run that did not end well, with the end of what it printed.
one() {
  local file=$1 number=$2 output status=0
  output=$("$sluice" run "$file" 2>&1) || status=$?
  if ((status != 0)) || [[ $output == *"Program crashed"* ]]; then
    printf 'soak: %s, run %s: exit code %s\n%s\n' "${file##*/}" "$number" "$status" "$(tail -5 <<<"$output")"
  fi
}
export -f one
export sluice

failures=$directory/failures
for ((number = 1; number <= count; number++)); do
  for file in "${pipelines[@]}"; do printf '%s\0%s\0' "$file" "$number"; done
done | xargs -0 -n 2 -P 2 bash -c 'one "$@"' bash >"$failures"
total=$((count * ${#pipelines[@]}))
bad=$(grep -c '^soak: ' "$failures" || true)
cat "$failures" >&2
echo "soak: $((total - bad)) of $total runs of ${#pipelines[@]} pipelines ended well, two at a time"
((bad == 0))
