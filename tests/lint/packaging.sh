#!/bin/bash
# SPDX-License-Identifier: PostgreSQL
# What is in packaging/ and cannot be run everywhere names only files, settings and services that
# there are.
set -euo pipefail
cd "$(dirname "$0")/../../packaging"

if [ -z "${PGCABLE_BIN:-}" ]; then
    echo "SKIPPED: PGCABLE_BIN names no program to ask for its settings"
    exit 77
fi
status=0
complain() {
    printf 'packaging/%s\n' "$1"
    status=1
}
settings=$("$PGCABLE_BIN" --help-settings | sed -nE 's/^([a-z][a-z0-9_]+)([[:space:]].*)?$/\1/p')

# is_setting NAME: as it is, or as the file that holds it
is_setting() {
    grep -qxF -e "$1" -e "${1%_file}" <<< "$settings"
}

# Files that are copied into the image, from the top folder.
while read -r source; do
    [ -e "../$source" ] || complain "Containerfile: COPY $source: there is no such file"
done < <(sed -nE 's/^COPY ([^-].*) [^ ]+$/\1/p' Containerfile | tr ' ' '\n')

# PGCABLE_LISTEN_PORT in the environment, "listen_port" in a comment.
while IFS=: read -r file name; do
    name=${name#PGCABLE_}
    is_setting "${name,,}" || complain "$file: \"${name,,}\" is no setting"
done < <(grep -oE 'PGCABLE_[A-Z0-9_]+' Containerfile compose.yml &&
    grep -rhoE '^[[:space:]]*#.*' frontends | grep -oE '"[a-z]+_[a-z_]+"' | tr -d '"' |
    sed 's/^/frontends:/')

# A number that nobody explained is cargo cult.
awk '/^#/ { told = 1; next }
    !NF { told = 0; next }
    !told { print "packaging/sysctl.d/pgcable.conf: " $0 ": no word on why"; bad = 1 }
    !/^-?[a-z0-9_]+(\.[a-z0-9_]+)+ = [0-9][0-9, ]*$/ {
        print "packaging/sysctl.d/pgcable.conf: " $0 ": no setting of the kernel"; bad = 1
    }
    { told = 0 }
    END { exit bad }' sysctl.d/pgcable.conf || status=1

# Debian's, if another one comes first and cannot.
python=python3
"$python" -c 'import yaml' 2> /dev/null || python=/usr/bin/python3
"$python" - << 'END' || status=1
import os, re, sys, yaml
told = []
compose = yaml.safe_load(open('compose.yml'))
services = compose['services']
for name, service in services.items():
    for other in service.get('depends_on', {}):
        if other not in services:
            told.append(f'{name} depends on {other}, which is no service')
    for kind in 'secrets', 'volumes':
        for used in service.get(kind, []):
            if used.split(':')[0] not in compose[kind]:
                told.append(f'{name} uses {used}, which is not among the {kind}')
    for used in re.findall(r'/run/secrets/(\w+)', str(service)):
        if used not in service.get('secrets', []):
            told.append(f'{name} reads {used}, which is not among its secrets')
    build = service.get('build')
    if build and not os.path.exists(os.path.join('..', build['context'], build['dockerfile'])):
        told.append(f'{name}: there is no {build["dockerfile"]}')
print(''.join(f'packaging/compose.yml: {line}\n' for line in told), end='')
sys.exit(bool(told))
END
exit $status
