#!/bin/bash
# install-deps.sh [-n]
#
# Installs what the tests use beyond Go, with apt, as root or through passwordless sudo.
# Does nothing when all of it is there. When it cannot install, it says what is missing
# and what is lost: each test that needs such a thing skips, with a message. It fails
# only when an installation that it tried failed.
#
#   -n  only report what is missing
set -euo pipefail

# Command, Debian package, what needs it; one row each.
table='
riscv64-linux-gnu-gcc   gcc-riscv64-linux-gnu     test guests in C, freshness of committed guests
riscv64-linux-gnu-g++   g++-riscv64-linux-gnu     benchmarks in C++
gcc                     gcc                       native side of the benchmarks and tests
g++                     g++                       native side of the benchmarks
qemu-riscv64            qemu-user                 comparison with QEMU
strace                  strace                    comparison of system call traces
gdb-multiarch           gdb-multiarch             sessions of GDB with the stub
dpkg-deb                dpkg                      Debian root file system of the userland tests
flock                   util-linux                the same
xz                      xz-utils                  the same
chromium                chromium                  the page of optimised regions, as a browser shows it
cmake                   cmake                     recipes for CMake
meson                   meson                     recipes for Meson
ninja                   ninja-build               the same
make                    make                      the same
cargo                   cargo                     recipes for Cargo
genhtml                 lcov                      the report of coverage, as lcov makes it
newuidmap               uidmap                    hospes run with several users inside
mandoc                  mandoc                    the markup of the manual page
zsh                     zsh                       completions
fish                    fish                      completions
'
cross_libc=/usr/riscv64-linux-gnu/include/stdio.h # only recommended by the compiler's package
native_libc=/usr/include/stdio.h
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

packages= uses=
missing() { # PACKAGE USE
	packages="$packages $1"
	uses="$uses  $1: $2"$'\n'
}

look() {
	packages= uses=
	local command package use
	while read -r command package use; do
		[ -z "$command" ] || command -v "$command" >/dev/null || missing "$package" "$use"
	done <<<"$table"
	[ -e "$cross_libc" ] || missing libc6-dev-riscv64-cross "test guests in C"
	[ -e "$native_libc" ] || missing libc6-dev "native side of the benchmarks and tests"
	[ -e "$keyring" ] || missing debian-archive-keyring "Debian root file system of the userland tests"
}

look
[ -n "$packages" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
	as_root="sudo -n"
	$as_root true 2>/dev/null || as_root=none
fi
if [ "${1-}" = -n ] || [ "$as_root" = none ] || ! command -v apt-get >/dev/null; then
	printf 'install-deps: not installed, tests that need them will skip:\n%s' "$uses"
	printf 'install-deps: on Debian, as root: apt-get install%s\n' "$packages"
	exit 0
fi

printf 'install-deps: installing%s\n' "$packages"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get -qq update || true # old lists may do
$as_root apt-get -qq install -y --no-install-recommends $packages >/dev/null
look
[ -z "$packages" ] || { printf 'install-deps: still missing:\n%s' "$uses"; exit 1; }
