#!/usr/bin/env bash
# Everything that must hold before a change lands: format, build, manifests, tests. Stops at the first failure.
#
#   hack/test.sh
#
# With KUBEBUILDER_ASSETS (a directory with etcd and kube-apiserver) or KUBECONFIG set, the end-to-end suite also runs against
# that API server.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Runs a command and says how long it took.
stage() {
  local name=$1 start=$SECONDS
  shift
  echo "== $name"
  if ! "$@"; then
    echo "test: $name failed after $((SECONDS - start)) s: $*" >&2
    exit 1
  fi
  echo "== $name: $((SECONDS - start)) s"
}

stage setup hack/setup.sh --tests
export KUBECTL=$PWD/.venv/bin/kubectl
if [[ -n ${KUBEBUILDER_ASSETS:-} ]]; then
  echo "== the end-to-end suite also runs against the API server of $KUBEBUILDER_ASSETS"
elif [[ -n ${KUBECONFIG:-} ]]; then
  echo "== the end-to-end suite also runs against the cluster of KUBECONFIG=$KUBECONFIG, and changes it"
fi

stage format swift format lint --strict --parallel --recursive Package.swift Sources Tests
stage build swift build --build-tests
# Before the tests, since it is over in seconds.
stage manifests .venv/bin/python hack/check-manifests.py --sluice .build/debug/sluice --kubectl "$KUBECTL"
# There are no XCTest tests: without the flag its empty run comes first and says that it ran nothing.
stage tests swift test --skip-build --disable-xctest
echo "== everything holds: $SECONDS s"
