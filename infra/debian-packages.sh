#!/usr/bin/env bash
# Installs what the stack and its tests need from Debian, as root, and only what is missing; else says what to install.
set -euo pipefail

missing=()
command -v java >/dev/null || missing+=(openjdk-17-jre-headless)
command -v mvn >/dev/null || missing+=(maven)
command -v kcat >/dev/null || missing+=(kcat) # the tests read and write topics with a tool that is not ours
command -v chromium-headless-shell >/dev/null || missing+=(chromium-headless-shell) # the page is tested in a real browser
((${#missing[@]})) || exit 0
if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
    echo "missing Debian packages: ${missing[*]}; install them first" >&2
    exit 1
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
