#!/bin/bash
# fuzz.sh DURATION: run every fuzz target of the module for DURATION (such as 20s) each.
set -euo pipefail
cd "$(dirname "$0")/.."
duration=${1:?usage: fuzz.sh DURATION}
n=0
while IFS=: read -r file target; do
	echo "$target in ${file%/*}"
	go test -run '^$' -fuzz "^$target\$" -fuzztime "$duration" "./${file%/*}"
	n=$((n + 1))
done < <(grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed 's/func //; s|^\./||')
echo "fuzz: $n targets, $duration each"
