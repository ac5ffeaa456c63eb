#!/usr/bin/env bash
# Functions and habits that never enter the tree (style.md).
# usage: banned.sh [ROOT]; banned.sh --self-test
set -euo pipefail

findings=0
finding() { printf '%s\n' "$1"; findings=$((findings + 1)); }

report() {
    local what=$1 line
    while IFS= read -r line; do
        finding "$line: $what"
    done
}

sources() { find base cell edge control-plane bench tests "$@" -not -path '*/__pycache__/*' 2>/dev/null | sort; }

banned_c='(^|[^a-zA-Z0-9_>.])(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|strtok|getaddrinfo|gethostbyname|system|popen)[[:space:]]*\('

check_c() {
    local files
    mapfile -t files < <(sources -name '*.[ch]')
    [[ ${#files[@]} -eq 0 ]] && return
    report 'banned function' < <(grep -nHE "$banned_c" "${files[@]}" | grep -vE ':[0-9]+:[[:space:]]*(\*|/\*|//)' || true)
    report 'commented-out code' < <(grep -nHE '^[[:space:]]*//.*;[[:space:]]*$' "${files[@]}" || true)
}

check_sleep() {
    local files
    mapfile -t files < <(find tests \( -name '*.py' -o -name '*.c' -o -name '*.sh' \) -not -path 'tests/lint/*' 2>/dev/null | sort)
    [[ ${#files[@]} -eq 0 ]] && return
    report 'tests wait for conditions, they do not sleep' < <(
        grep -nHE '(^|[^a-zA-Z_])(time\.sleep|sleep|usleep|nanosleep)[[:space:]]*\(|^[[:space:]]*sleep [0-9]' "${files[@]}" |
            grep -vE 'tests/support/wait\.py:' || true)
}

check_words() {
    local files
    mapfile -t files < <(
        sources \( -name '*.[ch]' -o -name '*.py' -o -name '*.sh' -o -name '*.sql' -o -name '*.build' \) -not -path 'tests/lint/*'
        find docs README.md dev .ci -type f 2>/dev/null | sort
    )
    [[ ${#files[@]} -eq 0 ]] && return
    report 'unfinished' < <(grep -nHE '(^|[^A-Za-z])(TODO|FIXME)([^A-Za-z]|$)' "${files[@]}" || true)
}

self_test() {
    local script
    script=$(readlink -f "$0")
    dir=$(mktemp -d)
    trap 'rm -rf "$dir"' EXIT
    mkdir -p "$dir"/{base,tests/scenario}
    expect_violation() {
        printf '%s\n' "$2" >"$dir/$1"
        if bash "$script" "$dir" >/dev/null; then
            echo "banned: self-test: not found in $1: $2"
            exit 1
        fi
        rm "$dir/$1"
    }
    bash "$script" "$dir" >/dev/null
    expect_violation base/a.c '    strcpy(a, b);'
    expect_violation base/a.c '    int n = atoi(text);'
    expect_violation base/a.c '    sprintf(out, "x");'
    expect_violation base/a.c '    int r = getaddrinfo(a, b, c, d);'
    expect_violation base/a.c '    // free(thing);'
    expect_violation base/a.c '/* TO''DO: later */'
    expect_violation tests/scenario/a.py '    time.sleep(1)'
    printf '    snprintf(out, 4, "x"); x->system(1);\n' >"$dir/base/a.c"
    bash "$script" "$dir" >/dev/null || { echo "banned: self-test: snprintf was refused"; exit 1; }
}

if [[ ${1:-} == --self-test ]]; then
    self_test
    exit 0
fi
cd "${1:-$(dirname "$(readlink -f "$0")")/../..}"
check_c
check_sleep
check_words
[[ $findings -eq 0 ]]
