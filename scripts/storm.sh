#!/bin/bash
# storm.sh [RUNS]
#
# Runs test/syscalls/fork_storm.c at full length RUNS times (5) with ./hospes, half of them
# under GOGC=5: no fork may fail, hang, or be lost. It takes minutes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
riscv64-linux-gnu-gcc -static -O1 -pthread -w -o "$dir/storm" test/syscalls/fork_storm.c
want='forks: 0 failures
spawns: 0 failures
files 0, ticked 1, wrong 0, children left 0'
for ((run = 1; run <= ${1:-5}; run++)); do
	gogc=$((run % 2 ? 100 : 5))
	start=$SECONDS
	got=$(GOGC=$gogc timeout 1800 ./hospes "$dir/storm" 5000 2000) || got+="
exit status $?"
	if [ "$got" != "$want" ]; then
		printf 'run %d (GOGC=%d) failed:\n%s\n' $run $gogc "$got"
		exit 1
	fi
	printf 'run %d (GOGC=%d): ok, %d s\n' $run $gogc $((SECONDS - start))
done
