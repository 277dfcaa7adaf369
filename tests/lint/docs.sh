#!/bin/bash
# SPDX-License-Identifier: PostgreSQL
# The pages in Markdown lead only where there is something, all of them can be reached from
# README.md, and they name only files, verbs, options, settings and functions that there are.  That
# all settings, metrics, limits, verbs, events, reasons and close codes are documented is checked by
# the lints options, metrics, limits and manual.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${PGCABLE_BIN:-}" ]; then
    echo "SKIPPED: PGCABLE_BIN names no program to ask for its verbs and settings"
    exit 77
fi

python3 - "$PGCABLE_BIN" << 'END'
import fnmatch, json, os, re, subprocess, sys

FENCE = re.compile(r'^( *)```(.*?)\n(.*?)^\1```$', re.M | re.S)
NOT_OURS = {'session_replication_role', 'schema_format', 'db_table'}  # settings of others

told = []
counted = dict.fromkeys(('links', 'commands', 'settings', 'functions', 'files'), 0)

def check(page, kind, good, why):
    counted[kind] += 1
    if not good:
        told.append(f'{page}: {why}')

class Page:
    def __init__(self, name):
        self.name = name
        text = open(name, encoding='utf-8').read()
        prose = FENCE.sub('', text)
        self.text = text
        self.headings = {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')
                         for heading in re.findall(r'^#+ (.*)$', prose, re.M)}
        self.links = [link for link in re.findall(r'\]\(([^)\s]+)\)', re.sub(r'`[^`\n]*`', '', prose))
                      if not re.match(r'[a-z]+:', link)]
        # (language, text) of each fence, and of each `span`
        self.code = [(fence[2].partition(' ')[0], fence[3]) for fence in FENCE.finditer(text)]
        self.code += [('', span) for span in re.findall(r'`([^`\n]+)`', prose)]

    def target(self, link):
        path = link.partition('#')[0]
        return os.path.normpath(os.path.join(os.path.dirname(self.name), path)) if path else self.name

pages = {name: Page(name) for name in
         (os.path.relpath(os.path.join(folder, name))
          for folder, _, names in os.walk('.') for name in names
          if name.endswith('.md') and not re.search(r'/(node_modules|build|\.git)(/|$)', folder))}

def check_links(page):
    for link in page.links:
        target, anchor = page.target(link), link.partition('#')[2]
        check(page.name, 'links', os.path.exists(target), f'{link} leads nowhere')
        if anchor and target in pages:
            check(page.name, 'links', anchor in pages[target].headings, f'{link}: there is no such heading')

def check_reached():
    reached, new = set(), {'README.md'}
    while new:
        reached |= new
        targets = {pages[name].target(link) for name in new for link in pages[name].links}
        new = {name for name in pages if {name, os.path.dirname(name)} & targets} - reached
    for name in sorted(set(pages) - reached):
        told.append(f'{name}: no link leads here from README.md')

def asked(*args):
    return subprocess.run([sys.argv[1], *args], check=True, capture_output=True, text=True).stdout

general = asked('--help')
verbs = {verb: general + asked(verb, '--help') for verb in re.findall(r'^  ([a-z]+) ', general, re.M)}
settings = set(re.findall(r'^([a-z][a-z0-9_]+) =', asked('--help-settings'), re.M))
settings |= {f'{setting}_file' for setting in settings if re.search('secret|token|url', setting)}
functions = set(re.findall(r'\bpgcable\.(\w+)\(', open('sql/expected/schema.sql').read()))

def check_commands(page, text):
    for command in re.findall(r'(?:^|[\s/;])pgcable((?: [^\s|<>;&]+)(?: +[^\s|<>;&]+)*)', text, re.M):
        verb, *words = command.split()
        if not re.fullmatch(r'[a-z]+', verb) or 'schema pgcable' in text:
            continue  # an option, "pgcable VERB", or what is in SQL
        check(page, 'commands', verb in verbs, f'"pgcable {verb}": there is no such verb')
        for option in (word.partition('=')[0] for word in words if word.startswith('-')):
            known = re.search(rf'(^|[ ,]){re.escape(option)}(?![\w-])', verbs.get(verb, ''), re.M)
            check(page, 'commands', known or option[2:] in settings,
                  f'"pgcable {verb} {option}": there is no such option')

def check_names(page, language, text):
    for name in re.findall(r'\bpgcable\.(\w+)\(', text):
        check(page, 'functions', name in functions, f'there is no function pgcable.{name}()')
    if language in ('', 'ini'):
        for name in re.findall(r'^ *([a-z]+(?:_[a-z0-9]+)+) = ?', text, re.M):
            check(page, 'settings', name in settings | NOT_OURS, f'"{name}" is no setting')
    for name in re.findall(r'(?:^|[\s(])(?:\./)?((?:packaging|tests|sql|src|include)/[\w./-]*\w)', text):
        check(page, 'files', os.path.exists(name), f'there is no {name}')

# The table of channels against the contract, both ways.
def check_events():
    name = 'packaging/EVENTS.md'
    rows = re.findall(r'^\| `([\w:]+Channel)`[^|]*\|[^|]*\| (.*) \|$', pages[name].text, re.M)
    documented = {(channel, event) for channel, events in rows for event in events.split(', ')}
    contract = json.load(open('packaging/types/contract.json'))
    known = {(one['channel'], event['event']) for one in contract['channels'] for event in one['events']}
    for channel, event in sorted(documented ^ known):
        told.append(f'{name}: {channel} {event} is not in both, page and contract')

def check_shipped():
    shipped = open('packaging/debian/pgcable.docs').read().split()
    for name in pages:
        if os.path.dirname(name) == 'packaging' and not any(fnmatch.fnmatch(name, one) for one in shipped):
            told.append(f'packaging/debian/pgcable.docs: {name} is missing')

for page in pages.values():
    check_links(page)
    for language, text in page.code:
        check_commands(page.name, text)
        check_names(page.name, language, text)
check_reached()
check_events()
check_shipped()
told += [f'only {count} {kind} found, which cannot be' for kind, count in counted.items() if count < 10]
print(''.join(line + '\n' for line in told), end='')
sys.exit(bool(told))
END
