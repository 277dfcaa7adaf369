# SPDX-License-Identifier: PostgreSQL
# Completion for bash: verbs, options and settings as the program itself lists them.

_pgcable() {
    local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local verb='' i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            -c | --config | -d) i=$((i + 1)) ;;
            -*) ;;
            *) verb=${COMP_WORDS[i]} && break ;;
        esac
    done
    COMPREPLY=()
    case $before in
        -c | --config | --*_file | --*_key | --*_certificate | --*_ca | --*_credentials)
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return
            ;;
    esac
    if [[ $word == -* ]]; then
        # shellcheck disable=SC2086 # a verb is one word, or there is none
        mapfile -t COMPREPLY < <(compgen -W "$(
            "$program" $verb --help 2> /dev/null |
                sed -nE 's/^  (-[-a-z]*[a-z])(, (--[a-z]+))?.*/\1 \3/p'
            "$program" --help-settings | sed -nE 's/^([a-z0-9_]+) =.*/--\1/p'
        )" -- "$word")
    elif [[ -z $verb ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(
            "$program" --help | sed -nE 's/^  ([a-z]+) .*/\1/p'
        )" -- "$word")
    elif [[ $verb == attach || $verb == detach ]]; then
        mapfile -t COMPREPLY < <(compgen -W \
            'member room participant message thread thread_participant notification' -- "$word")
    fi
}
complete -o default -F _pgcable pgcable
