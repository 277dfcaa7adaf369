# SPDX-License-Identifier: PostgreSQL
# Completion for fish: verbs, options and settings as the program itself lists them.

function __pgcable_verb
    for word in (commandline -opc)[2..-1]
        string match -q -- '-*' $word; or begin
            echo $word
            return
        end
    end
end

function __pgcable_verbs
    pgcable --help | string replace -rf '^  ([a-z]+) +(.*)' '$1\t$2'
end

function __pgcable_options
    pgcable (__pgcable_verb) --help 2>/dev/null |
        string replace -rf '^  (-[-a-z]*[a-z])(?:,? \S+)*?  +(.*)' '$1\t$2'
    pgcable --help-settings | string replace -rf '^([a-z0-9_]+) =.*' -- '--$1\ta setting'
end

complete -c pgcable -n 'test -z (__pgcable_verb)' -fa '(__pgcable_verbs)'
complete -c pgcable -n 'string match -q -- "-*" (commandline -ct)' -fa '(__pgcable_options)'
complete -c pgcable -n 'contains -- (__pgcable_verb) attach detach' \
    -fa 'member room participant message thread thread_participant notification'
complete -c pgcable -s c -l config -r -d 'read settings from a file'
