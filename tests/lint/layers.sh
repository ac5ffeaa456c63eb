#!/usr/bin/env bash
# Arrows point only downwards: pure files do no I/O, programs never include each other, base includes
# nothing above itself, and a service's private headers stay inside it (design.md section 2).
# usage: layers.sh [ROOT]; layers.sh --self-test
set -euo pipefail

findings=0
finding() { printf '%s\n' "$1"; findings=$((findings + 1)); }

# The rim: the files that may do I/O. All else with a .c or .h is pure.
is_rim() {
    case "$1" in
    base/io/* | */main.c | */store.[ch] | */http.[ch] | */io/*) return 0 ;;
    control-plane/ports.[ch] | control-plane/placement/* | control-plane/templates/*) return 1 ;;
    # A command-line program: all else of it asks the registry, cells and processes.
    control-plane/*) return 0 ;;
    bench/carrier.[ch] | bench/load.[ch] | bench/report.[ch]) return 0 ;;
    esac
    # A file says so itself, in its first comment, when its name does not.
    head -n 15 "$1" | grep -q 'Rim:'
}

forbidden_include='^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"](uv\.h|h2o|hiredis|libpq|postgresql/|sys/socket|netinet|sys/epoll|sys/time\.h|base/io/)'
forbidden_call='(^|[^a-zA-Z0-9_>.])(time|clock_gettime|gettimeofday|getenv|secure_getenv|clock|localtime|gmtime|localtime_r|mktime|random|rand|cc_wall_clock_us|cc_monotonic_us)[[:space:]]*\('

# base/log.c reads the clock and writes; cc_random_bytes asks the kernel: both by contract.
pure_exception() { [[ $1 == base/log.c ]]; }

includes_of() { grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$1" || true; }

without_comments() { sed -E 's://.*$::; s:/\*.*\*/::g; /^[[:space:]]*(\/\*|\*)/d; s:"([^"\\]|\\.)*":"":g' "$1"; }

rim_headers_of() {
    local header
    while IFS= read -r header; do
        if [[ -f $header && $header != base/io/* ]] && is_rim "$header"; then echo "$header"; fi
    done < <(sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"([^"]+)".*/\1/p' "$1")
}

check_pure() {
    local file=$1 line
    is_rim "$file" && return
    while IFS= read -r line; do
        finding "$file:$line: a pure file includes an I/O header"
    done < <(grep -nE "$forbidden_include" "$file" || true)
    while IFS= read -r line; do
        finding "$file: a pure file includes the rim's $line"
    done < <(rim_headers_of "$file")
    pure_exception "$file" && return
    while IFS= read -r line; do
        finding "$file: a pure file reads clock, randomness or environment: $line"
    done < <(without_comments "$file" | grep -E "$forbidden_call" || true)
}

program_of() { printf '%s\n' "${1%%/*}"; }

check_programs() {
    local file=$1 mine line other
    mine=$(program_of "$file")
    while IFS= read -r line; do
        other=$(sed -E 's/^[^"]*"([^"\/]*)\/.*$/\1/' <<<"$line")
        case "$other" in
        edge | cell | control-plane | bench)
            [[ $other == "$mine" ]] || finding "$file:$line: $mine includes $other"
            ;;
        esac
    done < <(includes_of "$file")
}

# A service is a folder of cell/; another service sees its public header
# <service>/<service>.h, and the shared words in cell/model. Pure headers of the calls service's decision
# and of flows are shared words too (calls walks flows; flows reads the model).
is_public_header() {
    local service=$1 header=$2
    [[ $service == model || $service == flows ]] && return 0
    [[ $(basename "$header" .h) == "$(basename "$service")" ]]
}

check_services() {
    local file=$1 line header service mine
    case "$file" in cell/*/*) ;; *) return ;; esac
    mine=$(cut -d/ -f2 <<<"$file")
    while IFS= read -r line; do
        header=$(sed -E 's/^[^"]*"([^"]*)".*$/\1/' <<<"$line")
        case "$header" in "$(program_of "$file")"/*/*) ;; *) continue ;; esac
        service=$(cut -d/ -f2 <<<"$header")
        [[ $service == "$mine" ]] && continue
        is_public_header "$service" "$header" || finding "$file:$line: private header of $service"
    done < <(includes_of "$file")
}

check_tree() {
    local file
    while IFS= read -r file; do
        check_pure "$file"
        check_programs "$file"
        case "$file" in cell/*) check_services "$file" ;; esac
    done < <(find base cell edge control-plane bench -name '*.[ch]' 2>/dev/null | sort)
}

self_test() {
    local script
    script=$(readlink -f "$0")
    dir=$(mktemp -d)
    trap 'rm -rf "$dir"' EXIT
    mkdir -p "$dir"/{base,edge,cell/calls,cell/events}
    expect_violation() {
        printf '%s\n' "$2" >"$dir/$1"
        if bash "$script" "$dir" >/dev/null; then
            echo "layers: self-test: not found in $1: $2"
            exit 1
        fi
        rm "$dir/$1"
    }
    bash "$script" "$dir" >/dev/null
    expect_violation edge/route.c '#include <uv.h>'
    expect_violation edge/route.c '#include "base/io/loop.h"'
    expect_violation edge/route.c '#include "cell/model/call_plan.h"'
    expect_violation base/slot.c '#include "edge/route.h"'
    expect_violation base/slot.c 'int64_t now = time(NULL);'
    expect_violation cell/calls/decide.c '  char *x = getenv("HOME");'
    expect_violation cell/calls/decide.c '#include "cell/events/spool_format.h"'
    printf '/* Rim: I/O. */\n#include <uv.h>\n' >"$dir/edge/probe.h"
    expect_violation edge/route.c '#include "edge/probe.h"'
    printf '#include "cell/events/events.h"\n' >"$dir/cell/calls/decide.c"
    bash "$script" "$dir" >/dev/null || { echo "layers: self-test: a public header was refused"; exit 1; }
}

if [[ ${1:-} == --self-test ]]; then
    self_test
    exit 0
fi
cd "${1:-$(dirname "$(readlink -f "$0")")/../..}"
check_tree
[[ $findings -eq 0 ]]
