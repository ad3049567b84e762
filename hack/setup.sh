#!/usr/bin/env bash
# Installs what building Sluice needs on Debian 12 and is not there yet. Swift is expected to be there.
#
#   hack/setup.sh            what `swift build` and the sluice command need
#   hack/setup.sh --tests    also .venv/ with what hack/test.sh needs (hack/requirements.txt)
#
# To be run as often as you like: when nothing is missing it changes nothing and takes a moment.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  echo "setup: $*" >&2
  exit 1
}

tests=no
for argument; do
  case $argument in
    --tests) tests=yes ;;
    -h | --help)
      sed -n '2,/^set /{/^set /d; s/^# \{0,1\}//; p}' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    *) fail "unknown argument $argument (expected --tests or nothing)" ;;
  esac
done

# What is missing, by what is asked of it rather than by the name of a package: another distribution may have it too.
has() { command -v "$1" >/dev/null 2>&1; }
has_library() { has pkg-config && pkg-config --exists "$1"; }
# libcurl over GnuTLS takes no client certificate from memory, which kubeconfig files need.
has_curl() { has_library libcurl && { ! has curl-config || [[ $(curl-config --ssl-backends) == *OpenSSL* ]]; }; }

packages=()
has git || packages+=(git)
has pkg-config || packages+=(pkg-config)
has_curl || packages+=(libcurl4-openssl-dev)
has_library openssl || packages+=(libssl-dev)
has_library sqlite3 || packages+=(libsqlite3-dev)
has openssl || packages+=(openssl)
# Gives the containers of the process node private process trees and volumes.
has bwrap || packages+=(bubblewrap)
# The samples, and the checks of the manifests.
has python3 || packages+=(python3)
# Schedules.
[[ -e ${TZDIR:-/usr/share/zoneinfo}/Europe/Berlin ]] || packages+=(tzdata)
[[ -e /etc/ssl/certs/ca-certificates.crt || -e /etc/pki/tls/certs/ca-bundle.crt ]] || packages+=(ca-certificates)
if [[ $tests = yes ]]; then
  python3 -c 'import venv, ensurepip' 2>/dev/null || packages+=(python3-venv)
fi

if ((${#packages[@]})); then
  has apt-get || fail "these Debian packages or their like are missing, and there is no apt-get to install them: ${packages[*]}"
  root=()
  if ((EUID != 0)); then
    has sudo || fail "these packages are missing, and installing them needs root or sudo: ${packages[*]}"
    root=(sudo)
  fi
  echo "setup: installing ${packages[*]}" >&2
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  apt() { "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -qq "$@" </dev/null >"$log" 2>&1; }
  # The package lists of a fresh machine are empty or old.
  apt install --no-install-recommends "${packages[@]}" ||
    { apt update && apt install --no-install-recommends "${packages[@]}"; } || {
    cat "$log" >&2
    fail "apt-get could not install ${packages[*]}"
  }
fi

has swift || fail "Swift 6.2 or newer is needed, and there is no swift on the PATH (see https://www.swift.org/install)"
version=$(swift --version 2>&1) || fail "swift does not run: $version"
[[ $version =~ Swift\ version\ ([0-9]+)\.([0-9]+) ]] || fail "swift --version says no version: $version"
major=${BASH_REMATCH[1]} minor=${BASH_REMATCH[2]}
((major > 6 || (major == 6 && minor >= 2))) || fail "Swift 6.2 or newer is needed, and swift on the PATH is $major.$minor"

if [[ $tests = yes ]]; then
  # The stamp is written last: a virtual environment that was left half made is made again.
  stamp=.venv/requirements.txt
  if ! cmp -s hack/requirements.txt "$stamp" || ! .venv/bin/python -c 'import yaml' 2>/dev/null; then
    echo "setup: making .venv" >&2
    rm -rf .venv
    python3 -m venv .venv || fail "python3 could not make .venv"
    .venv/bin/pip install --quiet --disable-pip-version-check --requirement hack/requirements.txt >&2 ||
      fail "pip could not install what hack/requirements.txt names"
    cp hack/requirements.txt "$stamp"
  fi
fi
