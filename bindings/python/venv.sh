#!/usr/bin/env bash
# Makes the Python environment that the tests run in, from the versions in requirements.txt, and prints where it is.
# Safe to run again.
set -euo pipefail
cd "$(dirname "$0")"
target=${MTA_STS_PYTHON_CACHE:-/var/cache/mta-sts-engine/python}

if ! { [ -f "$target/complete" ] && cmp -s requirements.txt "$target/complete"; }; then
  echo "python: installing into $target" >&2
  python3 -m venv --clear "$target" >&2
  "$target/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement requirements.txt >&2
  cp requirements.txt "$target/complete"
fi
echo "$target"
