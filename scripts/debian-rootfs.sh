#!/bin/bash
# debian-rootfs.sh [-a ARCH] [-s SUITE] [-o DIR] [-d] [PACKAGE...]
#
# Unpacks a Debian root file system for another architecture into a cache directory
# and prints its path. Nothing of it is executed: apt resolves and downloads, dpkg-deb
# unpacks, and the few effects of maintainer scripts that matter are redone by hand.
# Packages that are there already are not unpacked again; when all of those asked for
# are there, the script returns at once and needs no network. Further packages may be
# added by a later call.
#
#   -a ARCH   Debian architecture (riscv64)
#   -s SUITE  Debian suite (trixie)
#   -o DIR    where (${XDG_CACHE_HOME:-~/.cache}/hospes/rootfs-SUITE-ARCH)
#
#   -d        the default packages, which `make userland` needs, beside those named
#
# Without packages: the default ones, see default_packages.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/lib-apt.sh"

arch=riscv64 suite=trixie root= default=
while getopts a:s:o:d f; do
	case $f in
	a) arch=$OPTARG ;;
	s) suite=$OPTARG ;;
	o) root=$OPTARG ;;
	d) default=1 ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))

base_packages="base-files base-passwd libc6 libc-bin"
default_packages="bash busybox-static coreutils dash diffutils file findutils gawk
	grep gzip jq lua5.4 mawk musl musl-dev openssl perl procps python3 libpython3.13-testsuite
	redis-server redis-tools sed sqlite3 tar xz-utils zstd"

[ $# -gt 0 ] && [ -z "$default" ] || set -- $default_packages "$@"
root=${root:-$CACHE/rootfs-$suite-$arch}
wanted=$root/.hospes-packages   # asked for and complete, one name per line
unpacked=$root/.hospes-unpacked # .deb files that have been unpacked

# complete: whether every package asked for is there.
complete() {
	local p
	[ -f "$wanted" ] || return 1
	for p in "$@"; do
		grep -qxF -e "$p" "$wanted" || return 1
	done
}

# unpack: add to the root each .deb of the closure (stdin) that is not there yet.
unpack() {
	local deb _ n=0
	# The links of the merged /usr come first, and tar keeps them; dpkg -x would
	# replace them by directories.
	mkdir -p "$root"
	for d in bin sbin lib; do
		mkdir -p "$root/usr/$d"
		[ -e "$root/$d" ] || ln -s "usr/$d" "$root/$d"
	done
	touch "$unpacked"
	while read -r deb _; do
		grep -qxF -e "$deb" "$unpacked" && continue
		dpkg-deb --fsys-tarfile "$APT/cache/archives/$deb" |
			tar -x -p --no-same-owner --keep-directory-symlink -C "$root"
		printf '%s\n' "$deb" >>"$unpacked"
		n=$((n + 1))
	done
	say "unpacked $n packages"
}

# seed FILE SOURCE: a configuration file that a maintainer script would have copied.
seed() {
	[ -e "$root/$1" ] || [ ! -e "$root/$2" ] || cp "$root/$2" "$root/$1"
}

# alternative LINK TARGET: what update-alternatives would have set up.
alternative() {
	if [ -e "$root$2" ] && [ ! -L "$root$1" ] && [ ! -e "$root$1" ]; then
		ln -s "$2" "$root$1"
	fi
}

# configure: the effects of maintainer scripts.
configure() {
	mkdir -p "$root"/{tmp,proc,sys,dev,run,root,home,var/tmp,var/run,var/lock,var/log,var/lib}
	chmod 1777 "$root/tmp" "$root/var/tmp"
	seed etc/passwd usr/share/base-passwd/passwd.master
	seed etc/group usr/share/base-passwd/group.master
	seed etc/nsswitch.conf usr/share/libc-bin/nsswitch.conf
	printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
	alternative /usr/bin/awk /usr/bin/gawk
	alternative /usr/bin/awk /usr/bin/mawk
	alternative /usr/bin/lua /usr/bin/lua5.4
	alternative /usr/bin/nc /usr/bin/nc.openbsd
	alternative /usr/bin/cc /usr/bin/gcc
	alternative /usr/bin/c++ /usr/bin/g++
	alternative /usr/bin/sh /usr/bin/dash
	if [ -d "$root/usr/share/ca-certificates/mozilla" ]; then
		mkdir -p "$root/etc/ssl/certs"
		cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
	fi
}

# relink: absolute symbolic links become relative, so that they stay inside the root
# for emulators that map only some paths into it.
relink() {
	local link target
	find "$root" -xdev -type l -lname '/*' -printf '%p\t%l\n' |
		while IFS=$'\t' read -r link target; do
			if [ -e "$root$target" ] || [ -L "$root$target" ]; then
				ln -sfn "$(realpath -m -s --relative-to="$(dirname "$link")" "$root$target")" "$link"
			fi
		done
}

if ! complete "$@"; then
	need apt-get apt-config dpkg-deb flock realpath tar
	lock "rootfs-$suite-$arch"
fi
if ! complete "$@"; then # still, now that nobody else is at work
	apt_private "$suite" "$arch"
	# A root that grows keeps what it had, so that versions agree.
	mapfile -t all < <(printf '%s\n' $base_packages "$@" | cat - $([ -f "$wanted" ] && echo "$wanted") | sort -u)
	apt_fetch "${all[@]}"
	unpack < <(apt_closure "${all[@]}")
	configure
	relink
	printf '%s\n' "${all[@]}" >"$wanted.new"
	mv "$wanted.new" "$wanted"
	say "$(wc -l <"$unpacked") packages, $(du -sh "$root" | cut -f1)"
fi
printf '%s\n' "$root"
