# shellcheck shell=bash
# To be sourced: runs test binaries and holds their results against a list of expected failures.
#
# A line of the list is a test's name, or the beginning of names and a "*", and the reason why it may fail. A
# reason that begins with "hangs:" keeps the test from being tried; it counts as failed. What is listed and passes
# must be taken off: a list only shrinks. Only a reason that begins with "environment:" (no network, root) lets a
# test pass as well.
#
# Set before: `expected` (the list), `limit` (seconds for a binary), `hanging` (not empty: try them all).

passed=0 total=0 unexpected=() known=() stale=()

reason() {
    awk -v name="$1" '
        $1 == name || ($1 ~ /\*$/ && index(name, substr($1, 1, length($1) - 1)) == 1) {
            $1 = ""; sub(/^ +/, ""); print; found = 1; exit
        }
        END { exit !found }' "$expected"
}

# judge_failure NAME [WHAT]: WHAT is shown beside the name of one that is not expected.
judge_failure() {
    local why
    if why=$(reason "$1"); then known+=("$1: $why"); else unexpected+=("$1${2:+ $2}"); fi
}

judge_pass() {
    local why
    if why=$(reason "$1") && [[ $why != environment:* ]]; then stale+=("$1"); fi
}

# The listed tests PREFIX::NAME that are not to be tried, as NAME.
hangs_of() {
    [[ $hanging ]] || awk -v prefix="$1::" '
        index($1, prefix) == 1 && $2 == "hangs:" { print substr($1, length(prefix) + 1) }' "$expected"
}

# run_binary PREFIX OUT BINARY: the tests of one binary, in the folder where we are. Judges them under the name
# PREFIX::TEST, and what was lost (the process died, or its time was up) under PREFIX. Sets `ok_count`,
# `all_count` and `note`; `all_count` is 0 if there was nothing to run.
run_binary() {
    local prefix=$1 out=$2 binary=$3 status=0 count ignored lost name hangs skips=() ok bad
    mapfile -t hangs < <(hangs_of "$prefix")
    if [[ ${#hangs[@]} -ne 0 ]]; then
        skips=(--exact)
        for name in "${hangs[@]}"; do skips+=(--skip "$name"); done
    fi
    timeout --kill-after=5 "$limit" "$binary" --color never "${skips[@]}" >"$out" 2>&1 </dev/null || status=$?
    # Not from the line's beginning: a test may have printed there.
    mapfile -t ok < <(sed -nE 's/^.*\btest ([^ ]+)( - should panic)? \.\.\. ok$/\1/p' "$out" | sort -u)
    mapfile -t bad < <(sed -nE 's/^.*\btest ([^ ]+)( - should panic)? \.\.\. FAILED$/\1/p' "$out" | sort -u)
    count=$(sed -nE 's/^running ([0-9]+) tests?$/\1/p' "$out" | head -1)
    ignored=$(grep -cE '^test .* \.\.\. ignored' "$out" || true)
    # Those that had not ended when the time was up, or when the process died.
    lost=$((${count:-0} - ${#ok[@]} - ${#bad[@]} - ignored))
    note=
    if [[ ${count:-0} -eq 0 && $status -eq 0 && ${#hangs[@]} -eq 0 ]]; then
        ok_count=0 all_count=0
        return
    fi
    if [[ $lost -lt 0 ]]; then lost=0; fi
    if [[ $lost -eq 0 && $status -ne 0 && ${#bad[@]} -eq 0 ]]; then lost=1; fi
    ok_count=${#ok[@]}
    all_count=$((${#ok[@]} + ${#bad[@]} + lost + ${#hangs[@]}))
    if [[ $status -eq 124 || $status -eq 137 ]]; then note=" (ended after $limit s)"
    elif [[ $lost -ne 0 ]]; then note=" (the process ended with status $status)"
    elif [[ ${#hangs[@]} -ne 0 ]]; then note=" (${#hangs[@]} not tried)"; fi
    passed=$((passed + ok_count))
    total=$((total + all_count))
    for name in "${bad[@]}" "${hangs[@]}"; do judge_failure "$prefix::$name"; done
    for name in "${ok[@]}"; do judge_pass "$prefix::$name"; done
    if [[ $lost -ne 0 ]]; then judge_failure "$prefix"; fi
    if [[ $status -eq 0 ]]; then judge_pass "$prefix"; fi
}

print_list() {
    if [[ $# -gt 1 ]]; then
        printf '%s\n' "$1"
        shift
        printf '    %s\n' "$@"
    fi
}

# print_judgement WHERE: the three lists; false if anything is on the latter two.
print_judgement() {
    # One line for those that have one reason.
    if [[ ${#known[@]} -ne 0 ]]; then
        mapfile -t known < <(printf '%s\n' "${known[@]}" | awk -F': ' '
            {
                why = substr($0, length($1) + 3)
                if (!count[why]++) { order[++reasons] = why; first[why] = $1 }
            }
            END {
                for (i = 1; i <= reasons; i++) {
                    why = order[i]
                    print first[why] (count[why] > 1 ? " and " count[why] - 1 " more" : "") ": " why
                }
            }')
    fi
    print_list 'expected failures:' "${known[@]}"
    print_list "listed in ${expected##*/}, but they pass (take them off):" "${stale[@]}"
    print_list "failed ($1):" "${unexpected[@]}"
    [[ ${#unexpected[@]} -eq 0 && ${#stale[@]} -eq 0 ]]
}
