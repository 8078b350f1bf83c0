#!/bin/bash
# debian-source.sh [-s SUITE] PACKAGE...
#
# Fetches the upstream sources of Debian packages into the cache, checked by apt against the
# archive's signatures, and prints a line "PACKAGE PATH" for each: the path of the original
# tarball. What is there already is not fetched again, and needs no network.
#
#   -s SUITE  Debian suite (trixie)
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/lib-apt.sh"

suite=trixie
while getopts s: f; do
	case $f in
	s) suite=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
sources=$CACHE/source-$suite # PACKAGE/, complete when it is there

# tarball PACKAGE: the one that the maintainers of the program made.
tarball() { find "$sources/$1" -name '*.orig.tar.*' ! -name '*.asc' | head -n 1; }

missing=()
for p in "$@"; do
	[ -d "$sources/$p" ] || missing+=("$p")
done
if [ ${#missing[@]} -gt 0 ]; then
	need apt-get apt-config flock
	lock "source-$suite"
	apt_private "$suite" source
	for p in "${missing[@]}"; do
		rm -rf "$sources/$p.new"
		mkdir -p "$sources/$p.new"
		(cd "$sources/$p.new" && apt-get -qq --download-only --tar-only --only-source source "$p" >&2)
		rm -rf "${sources:?}/$p"
		mv "$sources/$p.new" "$sources/$p"
	done
fi
for p in "$@"; do
	path=$(tarball "$p")
	[ -n "$path" ] || die "the package $p has no original tarball"
	printf '%s %s\n' "$p" "$path"
done
