#!/bin/sh
# Writes report.html as C: what stands before the line that is only {{document}}, and what stands after it.
# usage: embed_page.sh FILE
set -eu

as_text() { sed 's/\\/\\\\/g; s/"/\\"/g; s/^/    "/; s/$/\\n"/'; }

printf '#include "bench/report_page.h"\n\nconst char bench_report_page_head[] =\n'
sed '/^{{document}}$/,$d' "$1" | as_text
printf '    "";\n\nconst char bench_report_page_tail[] =\n'
sed '1,/^{{document}}$/d' "$1" | as_text
printf '    "";\n'
