#!/usr/bin/env bash
# Compiles the Java package and its example without warnings and runs their tests. Needs `npm run build` and node; arguments go to Maven.
# With MTA_STS_VECTOR_REPORT=FILE it writes how many vectors of each file passed and failed.
set -euo pipefail
cd "$(dirname "$0")"
target=${MTA_STS_JAVA_CACHE:-/var/cache/mta-sts-engine/java}
exec mvn --quiet --batch-mode -f reactor.xml -Dtarget.directory="$target" clean test "$@"
