#!/bin/bash
# SPDX-License-Identifier: PostgreSQL
# What promtool makes of /metrics, of the alerts and of the queries of the dashboard, and what the
# alerts do with numbers that are given.  promtool is taken from Debian's package, which is not
# installed: that would start a Prometheus on our own port.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/exposition.sh

if [ -z "${PGCABLE_BIN:-}" ]; then
    echo "SKIPPED: PGCABLE_BIN names no program to ask for its metrics"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cache=${XDG_CACHE_HOME:-$HOME/.cache}/pgcable
promtool=$(command -v promtool || true)
if [ -z "$promtool" ] && [ ! -x "$cache/promtool" ]; then
    mkdir -p "$cache"
    if ! (cd "$work" && apt-get -qq download prometheus &&
        dpkg-deb --fsys-tarfile prometheus_*.deb | tar -xf - ./usr/bin/promtool) > "$work/apt" 2>&1; then
        cat "$work/apt"
        echo "SKIPPED: no promtool, and apt-get could not download Debian's package prometheus"
        exit 77
    fi
    mv "$work/usr/bin/promtool" "$cache/promtool.$$"
    mv "$cache/promtool.$$" "$cache/promtool"
fi
promtool=${promtool:-$cache/promtool}

for role in all feed edge; do
    exposition "$work" "$role"
    "$promtool" check metrics < "$work/metrics"
done

cp packaging/prometheus/pgcable.rules.yml tests/prometheus/rules.test.yml "$work"
"$promtool" check rules "$work/pgcable.rules.yml"
(cd "$work" && "$promtool" test rules rules.test.yml)

# The queries of the dashboard as rules: what Grafana fills in is filled in.
python3 - packaging/grafana/pgcable.json > "$work/dashboard.rules.yml" << 'EOF_PYTHON'
import json, sys
panels = json.load(open(sys.argv[1]))["panels"]
queries = [target["expr"] for panel in panels for target in panel.get("targets", [])]
rules = [{"record": f"dashboard:query:{number}", "expr": query.replace("$__rate_interval", "5m")}
         for number, query in enumerate(queries)]
assert rules, "the dashboard has no queries"
print(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
EOF_PYTHON
"$promtool" check rules "$work/dashboard.rules.yml"
