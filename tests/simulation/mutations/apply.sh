#!/usr/bin/env bash
# Each patch here applies to the sources as they are; none is written to.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
failed=0
for patch in "$here"/*.patch; do
    patch --dry-run --silent --force -p1 -d "$here/../../.." <"$patch" || {
        echo "$(basename "$patch") does not apply"
        failed=1
    }
done
exit "$failed"
