# Completion of the programs of rpcbroker for bash: flags, some of their values, files, and the methods that the broker
# knows at this moment. Installed where bash-completion finds it; without that: source it.
#
# What a program takes is read from its --help. Names of methods come from strangers: they are never expanded, and are
# quoted where they would mean something to the shell.

# Sets words (those before the cursor, the one at it last), which bash also breaks at characters such as : = @.
_rpc_words() {
    local line=$COMP_LINE word i
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((i > 0)) && [[ $line != [[:space:]]* ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
        line=${line#"${line%%[![:space:]]*}"}
        line=${line#"$word"}
    done
}

# Sets takes: for each flag of the program what it takes, "" for a switch.
_rpc_flags() {
    local line flag='^ +(-h,)?(--[a-z-]+)( ([A-Z=:]+))?( |$)'
    takes=()
    while IFS= read -r line; do
        [[ $line =~ $flag ]] && takes[${BASH_REMATCH[2]}]=${BASH_REMATCH[4]}
    done < <("$program" --help 2>/dev/null)
}

# Sets flag (whose value the cursor is at, if any), current (what is typed of the word or of the value), arguments
# (those before the cursor) and view; and where (what says which broker to ask).
_rpc_parse() {
    local word unquoted value_of= last=$((${#words[@]} - 1)) i
    arguments=() where=() flag= view=services
    for ((i = 1; i < last; i++)); do
        word=${words[i]} unquoted=${words[i]//[\"\']/}
        if [[ -n $value_of ]]; then
            _rpc_note_value "$value_of" "$unquoted"
            value_of=
        elif [[ $word == --*=* ]]; then
            _rpc_note_value "${word%%=*}" "${unquoted#*=}"
        elif [[ $word == --* ]]; then
            [[ -n ${takes[$word]-} ]] && value_of=$word
        else
            arguments+=("$word")
        fi
        [[ $word == --@(list|names) ]] && arguments+=("$word") # no method beside it
    done
    flag=$value_of current=${words[last]}
    [[ -z $flag && $current == --*=* ]] && flag=${current%%=*} current=${current#*=}
}

_rpc_note_value() {
    case $1 in
        --broker | --config) where+=("$1" "$2") ;;
        --view) view=$2 ;;
        --describe) arguments+=("$2") ;;
    esac
}

# Adds what of its arguments begins with what is typed.
_rpc_offer() {
    local word
    for word in "$@"; do
        [[ $word == "$current"* ]] && replies+=("$(printf %q "$word")")
    done
}

_rpc_offer_methods() {
    local names
    mapfile -t names < <(RPC_LOG_LEVEL=off "${program/%rpc-bench/rpc-call}" "${where[@]}" --timeout 300ms --names 2>/dev/null)
    _rpc_offer "${names[@]}"
    [[ -n $current ]] && _rpc_offer rpc.{calls,describe,drain,ping,services,stats,workers}
}

# Adds files whose name begins with $2; $1 stands before each of them.
_rpc_offer_files() {
    local file
    while IFS= read -r file; do
        [[ -d $file ]] && file+=/
        replies+=("$1$(printf %q "$file")")
    done < <(compgen -f -- "$2")
    [[ ${#replies[@]} == 1 && ${replies[0]} == */ ]] && compopt -o nospace 2>/dev/null
}

_rpc_offer_value() {
    case $flag in
        --log-level) _rpc_offer trace debug info warn error off ;;
        --log-format) _rpc_offer text json ;;
        --shape) _rpc_offer latency pipelined clients payload mixed all ;;
        --format) _rpc_offer text json csv ;;
        --transport) _rpc_offer tcp ipc ;;
        --view) _rpc_offer services methods workers clients ;;
        --sort) _rpc_offer $("$program" --help 2>/dev/null | sed -n "s/^ *$view: //p" | tr -d ,) ;;
        --describe) _rpc_offer_methods ;;
        --json) [[ $current == @* ]] && _rpc_offer_files @ "${current#@}" ;;
        *) [[ ${takes[$flag]-} == FILE ]] && _rpc_offer_files "" "$current" ;;
    esac
}

_rpc_program() {
    local program=$1 words arguments where flag current view replies=()
    local -A takes
    _rpc_words
    _rpc_flags
    _rpc_parse
    if [[ -n $flag ]]; then
        _rpc_offer_value
    elif [[ $current == -* ]]; then
        _rpc_offer "${!takes[@]}"
    elif [[ $current == @* ]]; then
        _rpc_offer_files @ "${current#@}"
    elif [[ ${program##*/} == rpc-@(call|bench) && ${#arguments[@]} == 0 ]]; then
        _rpc_offer_methods
    fi
    # bash replaces only what follows the last : or =, which it breaks words at; at @, too, but that it replaces as well.
    local whole=${words[${#words[@]} - 1]} typed=${COMP_WORDS[COMP_CWORD]}
    [[ $typed == [:=] ]] && typed=
    local before=${whole%"$typed"}
    before=${before%@}
    [[ $whole == --*=* ]] && replies=("${replies[@]/#/${whole%%=*}=}")
    COMPREPLY=("${replies[@]#"$before"}")
}

complete -F _rpc_program rpc-broker rpc-worker rpc-call rpc-top rpc-bench rpc-keygen rpc-gateway
