#!/usr/bin/env bash
# Types and tests of the Python package. Needs `npm run build`, node and what venv.sh installs; arguments go to pytest.
# With MTA_STS_VECTOR_REPORT=FILE it writes how many vectors of each file passed and failed.
set -euo pipefail
cd "$(dirname "$0")"
venv=$(bash venv.sh)
export PYTHONDONTWRITEBYTECODE=1
"$venv/bin/mypy" --cache-dir "$venv/mypy"
exec "$venv/bin/pytest" --quiet -o cache_dir="$venv/pytest" "$@"
