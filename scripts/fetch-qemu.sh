#!/bin/bash
# fetch-qemu.sh [-s SUITE] [-g GUEST]
#
# Fetches the newest qemu-user of Debian for *this* machine into the cache, beside
# whatever qemu is installed, and prints the path of qemu-GUEST. It is the outside truth
# of the instruction tests: Debian bookworm's 7.2 does not know Zfa, Zcb, Zacas, Zabha,
# Zimop and Zcmop. The .deb is unpacked, not installed; Debian links qemu-user statically
# since trixie, so that it runs on older systems too. Returns at once when it is there.
#
#   -s SUITE  Debian suite (trixie)
#   -g GUEST  qemu's name of the guest (riscv64)
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/lib-apt.sh"

suite=trixie guest=riscv64
while getopts s:g: f; do
	case $f in
	s) suite=$OPTARG ;;
	g) guest=$OPTARG ;;
	*) exit 2 ;;
	esac
done

root=$CACHE/qemu-$suite
qemu=$root/usr/bin/qemu-$guest

if [ ! -x "$qemu" ]; then
	need apt-get apt-config dpkg dpkg-deb flock
	lock "qemu-$suite"
fi
if [ ! -x "$qemu" ]; then # still, now that nobody else is at work
	apt_private "$suite" "$(dpkg --print-architecture)"
	(cd "$APT/cache/archives" && apt-get -qq download qemu-user >&2)
	rm -rf "$root" "$root.new"
	dpkg-deb -x "$APT"/cache/archives/qemu-user_*.deb "$root.new"
	"$root.new/usr/bin/qemu-$guest" --version >&2 ||
		die "qemu-user of Debian $suite does not run here"
	mv "$root.new" "$root"
fi
printf '%s\n' "$qemu"
