# Sourced by the scripts that make Debian roots for tests. They define two functions:
#   good ROOT     is this root complete?
#   finish ROOT   completes one that debootstrap has made; may be `true`
# A root is built beside its final place and renamed, so a root that exists is complete. Nothing is printed when there
# is nothing to do. Packages come from the mirror this machine's apt uses.
# shellcheck shell=bash

fail() {
  echo "debian-root: $*" >&2
  exit 1
}

debian_mirror() {
  local mirrors
  mapfile -t mirrors < <(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian')
  [ -n "${mirrors[0]:-}" ] || fail "apt knows no Debian mirror; run 'apt-get update' first"
  echo "${mirrors[0]}"
}

# Runs a command inside a root. What it mounts, it mounts in a mount namespace that ends with it.
inside() {
  local root=$1
  shift
  DEBIAN_FRONTEND=noninteractive unshare --mount chroot "$root" "$@"
}

# debian_root SUITE ROOT PACKAGES: PACKAGES are separated by commas.
debian_root() {
  local suite=$1 root=$2 packages=$3 mirror new log
  good "$root" && return 0
  [ "$(id -u)" -eq 0 ] || fail "$root is missing; run this script as root"

  mkdir -p "$(dirname "$root")"
  exec 9>"$root.lock"
  flock 9
  good "$root" && return 0 # another process built it while we waited
  mirror=$(debian_mirror)

  rm -rf --one-file-system "$root".new.* # left by a build that was killed; nobody else builds while we hold the lock
  new=$root.new.$$
  log=$root.log
  # shellcheck disable=SC2064 # the directory is this one
  trap "rm -rf --one-file-system '$new'" EXIT

  # In two stages, so that the rule against starting services is in place before any package is configured.
  echo "debian-root: building $root"
  debootstrap --foreign --variant=minbase --include="$packages" "$suite" "$new" "$mirror" >"$log" 2>&1 9>&- ||
    fail "download failed: $(tail -n 3 "$log")"
  printf '#!/bin/sh\nexit 101\n' >"$new/usr/sbin/policy-rc.d"
  chmod 755 "$new/usr/sbin/policy-rc.d"
  inside "$new" /debootstrap/debootstrap --second-stage >>"$log" 2>&1 9>&- ||
    fail "installation failed: $(tail -n 3 "$log")"
  # Files that the tests cover with bind mounts must exist.
  touch "$new/etc/resolv.conf" "$new/etc/hosts"
  (finish "$new") >>"$log" 2>&1 9>&- || fail "installation failed: $(tail -n 3 "$log")"
  rm -rf "$new"/var/cache/apt/archives/*.deb "$new"/var/lib/apt/lists/*

  good "$new" || fail "the mirror's packages for $root are not the ones that the tests are for: see $log"
  rm -rf --one-file-system "$root"
  mv -T "$new" "$root"
  trap - EXIT
}
