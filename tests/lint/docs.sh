#!/usr/bin/env bash
# Relative links of README.md and docs/ resolve: to a file, and to a heading when they name one.
# usage: docs.sh [ROOT]; docs.sh --self-test
set -euo pipefail

findings=0
finding() { printf '%s\n' "$1"; findings=$((findings + 1)); }

# GitHub's anchor of a heading: lower case, punctuation dropped, spaces to hyphens.
anchors_of() {
    sed -nE 's/^#{1,6} +(.*)$/\1/p' "$1" | tr '[:upper:]' '[:lower:]' | sed -E 's/[^a-z0-9 _-]//g; s/ /-/g'
}

check_link() {
    local file=$1 link=$2 path anchor target
    case "$link" in http://* | https://* | mailto:*) return ;; esac
    path=${link%%#*}
    anchor=''
    [[ $link == *#* ]] && anchor=${link#*#}
    target=$file
    [[ -n $path ]] && target=$(dirname "$file")/$path
    if [[ ! -e $target ]]; then
        finding "$file: no such file: $link"
    elif [[ -n $anchor ]] && ! anchors_of "$target" | grep -qxF -- "$anchor"; then
        finding "$file: no such heading: $link"
    fi
}

check_tree() {
    local file link
    while IFS= read -r file; do
        while IFS= read -r link; do
            check_link "$file" "$link"
        done < <(sed -E '/^```/,/^```/d; s/`[^`]*`//g' "$file" | grep -oE '\]\([^) ]+\)' | sed -E 's/^\]\((.*)\)$/\1/' || true)
    done < <(find README.md docs -name '*.md' 2>/dev/null | sort)
}

self_test() {
    local script
    script=$(readlink -f "$0")
    dir=$(mktemp -d)
    trap 'rm -rf "$dir"' EXIT
    mkdir "$dir/docs"
    printf '# A title\n[ok](docs/a.md#part-one) [web](https://example.com)\n' >"$dir/README.md"
    printf '# a\n## Part one\n' >"$dir/docs/a.md"
    bash "$script" "$dir" || { echo "docs: self-test: a good link was refused"; exit 1; }
    printf '[x](docs/none.md)\n' >"$dir/README.md"
    if bash "$script" "$dir" >/dev/null; then echo "docs: self-test: a dead link passed"; exit 1; fi
    printf '[x](docs/a.md#part-two)\n' >"$dir/README.md"
    if bash "$script" "$dir" >/dev/null; then echo "docs: self-test: a dead heading passed"; exit 1; fi
}

if [[ ${1:-} == --self-test ]]; then
    self_test
    exit 0
fi
cd "${1:-$(dirname "$(readlink -f "$0")")/../..}"
check_tree
[[ $findings -eq 0 ]]
