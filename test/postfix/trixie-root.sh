#!/usr/bin/env bash
# Makes a Debian trixie root that holds Postfix >= 3.10.5, once, in a cache directory outside the checkout:
#   trixie-root.sh [DIRECTORY]     default $MTA_STS_TRIXIE_ROOT, else /var/cache/mta-sts-engine/trixie
# Packages come from the mirror this machine's apt uses. The root is built beside its final place and renamed, so
# a root that exists is complete. Prints nothing when there is nothing to do.
set -euo pipefail

root=${1:-${MTA_STS_TRIXIE_ROOT:-/var/cache/mta-sts-engine/trixie}}
# 3.10.5 is the first 3.10 that checks MX host names against mx_host_pattern.
oldest=3.10.5

fail() {
  echo "trixie-root: $*" >&2
  exit 1
}

postfix_version() {
  sed -n '/^Package: postfix$/,/^$/ s/^Version: //p' "$1/var/lib/dpkg/status" 2>/dev/null || true
}

good() {
  local version
  version=$(postfix_version "$1")
  [ -n "$version" ] && dpkg --compare-versions "$version" ge "$oldest"
}

good "$root" && exit 0
[ "$(id -u)" -eq 0 ] || fail "$root is missing; run this script as root"

mkdir -p "$(dirname "$root")"
exec 9>"$root.lock"
flock 9
good "$root" && exit 0 # another process built it while we waited

mapfile -t mirrors < <(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian')
mirror=${mirrors[0]:-}
[ -n "$mirror" ] || fail "apt knows no Debian mirror; run 'apt-get update' first"

rm -rf --one-file-system "$root".new.* # left by a build that was killed; nobody else builds while we hold the lock
new=$root.new.$$
log=$root.log
trap 'rm -rf --one-file-system "$new"' EXIT

# In two stages, so that the rule against starting services is in place before any package is configured.
echo "trixie-root: building $root (about 30 s)"
debootstrap --foreign --variant=minbase --include=postfix trixie "$new" "$mirror" >"$log" 2>&1 9>&- ||
  fail "download failed: $(tail -n 3 "$log")"
printf '#!/bin/sh\nexit 101\n' >"$new/usr/sbin/policy-rc.d"
chmod 755 "$new/usr/sbin/policy-rc.d"
# What the second stage mounts, it mounts in a mount namespace that ends with it.
unshare --mount chroot "$new" /debootstrap/debootstrap --second-stage >>"$log" 2>&1 9>&- ||
  fail "installation failed: $(tail -n 3 "$log")"
rm -rf "$new"/var/cache/apt/archives/*.deb "$new"/var/lib/apt/lists/*
# Files that the tests cover with bind mounts must exist.
touch "$new/etc/resolv.conf" "$new/etc/hosts"

good "$new" || fail "the mirror has postfix $(postfix_version "$new"), older than $oldest"
rm -rf --one-file-system "$root"
mv -T "$new" "$root"
echo "trixie-root: postfix $(postfix_version "$root") is ready"
