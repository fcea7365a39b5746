#!/usr/bin/env bash
# Installs the releases of Haraka that the tests run, from the lockfiles beside this script, into
# /var/cache/mta-sts-engine/haraka-VERSION. Safe to run again.
set -euo pipefail
cd "$(dirname "$0")/releases"
cache=${MTA_STS_HARAKA_CACHE:-/var/cache/mta-sts-engine}

for release in *; do
  target=$cache/haraka-$release
  if [ -f "$target/complete" ] && cmp -s "$release/package-lock.json" "$target/package-lock.json"; then continue; fi
  echo "haraka: installing $release into $target"
  mkdir -p "$target"
  rm -f "$target/complete"
  cp "$release/package.json" "$release/package-lock.json" "$target/"
  # Optional parts are left out: one of them is compiled.
  (cd "$target" && npm ci --omit=optional --ignore-scripts --no-audit --no-fund --loglevel=error)
  touch "$target/complete"
done
