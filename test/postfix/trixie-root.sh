#!/usr/bin/env bash
# Makes a Debian trixie root that holds Postfix >= 3.10.5, once, in a cache directory outside the checkout:
#   trixie-root.sh [DIRECTORY]     default $MTA_STS_TRIXIE_ROOT, else /var/cache/mta-sts-engine/trixie
# Prints nothing when there is nothing to do.
set -euo pipefail
. "$(dirname "$0")/../roots/debian-root.sh"

root=${1:-${MTA_STS_TRIXIE_ROOT:-/var/cache/mta-sts-engine/trixie}}
# 3.10.5 is the first 3.10 that checks MX host names against mx_host_pattern.
oldest=3.10.5

postfix_version() {
  sed -n '/^Package: postfix$/,/^$/ s/^Version: //p' "$1/var/lib/dpkg/status" 2>/dev/null || true
}

good() {
  local version
  version=$(postfix_version "$1")
  [ -n "$version" ] && dpkg --compare-versions "$version" ge "$oldest"
}

finish() {
  true
}

debian_root trixie "$root" postfix
