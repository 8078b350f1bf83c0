#!/bin/bash
# failures.sh LOG LINES: what failed, of the output of a step of .ci/run, in few lines: of go test the tests that failed
# with the beginning of what they say, and those that hung with where; else the end of the output.
set -uo pipefail
log=$1 lines=$2

found=$(awk '
# Lines that follow another one belong to it as long as they are indented, up to a limit.
function begin(limit) { print; left = limit }
/^ *--- FAIL/ { begin(12); next }
plain > 0 { plain--; if (NF) print; next }
/^panic: test timed out/ { timed = running = 1; shown = 0; print; next }
running && NF == 0 { running = 0; next }
running { print; next }
# A goroutine of the dump, if a test is in it: its state, and where that test is.
timed && /^goroutine [0-9]+ / { head = $0; next }
/^[^ \t]/ && head != "" && !/^(FAIL|ok|---|panic)/ { call = $0 }
/_test\.go:[0-9]+/ && head != "" && shown < 8 {
	if (head != last) { print head; last = head; shown++; }
	print "    " call; print; next
}
/^(panic|fatal error|unexpected fault|runtime): / { begin(0); plain = 15; next }
/^(ok|FAIL)[ \t]/ { timed = 0; head = "" }
/^(FAIL|# |make: \*\*\*|\*\*\* )/ { begin(12); next }
/^[^ \t]+\.go:[0-9]+:[0-9]+: / { if (++bad <= 15) print; next }
/^[ \t]/ && left > 0 { print; if (--left == 0) print "    ..."; next }
/^[^ \t]/ { left = 0 }
' "$log")
# What make says of it is not enough.
if [ "$(grep -cvE '^(make: \*\*\*|FAIL$)' <<<"$found")" -lt 1 ] || [ -z "$found" ]; then
	tail -n "$lines" "$log"
	exit
fi
head -n "$((lines - 2))" <<<"$found"
awk '
/^ *--- FAIL: / { failed = failed " " $3 }
/^panic: test timed out/ { running = 1; next }
running && NF == 0 { running = 0 }
running && $1 != "running" { hung = hung " " $1 }
/^FAIL\t/ { packages = packages " " $2 }
/^FAIL [^\t]/ { failed = failed " " $2 }
END {
	if (failed != "") print substr("failed:" failed, 1, 1000)
	if (hung != "") print substr("hung:" hung, 1, 1000)
	if (packages != "") print substr("in:" packages, 1, 1000)
}' "$log"
