#!/bin/bash
# debian-world.sh [-e EMULATOR] [-p PACKAGE]... [-b DIR] [-u UID] [-n] [--] [COMMAND...]
#
# Runs a command (an absolute path) of another architecture's Debian in a small world of its
# own: a chroot with /proc, /dev, a devpts, loopback network and nothing else of this machine.
# What the command changes is thrown away. The Debian is a complete one: its packages are
# installed by its own dpkg, maintainer scripts and all, which runs under the emulator.
#
#   -e EMULATOR  command that runs a foreign program (./hospes); a static binary, with options
#   -p PACKAGE   to be there as well; may be a list. Packages stay installed for later calls.
#   -b DIR       becomes /work, the current directory of the command, read and write
#   -u UID       user and group ID that the command runs as (0)
#   -n           install only; no command runs
#   -q           print the installed packages with their versions instead
#
# The world needs root, or user namespaces with subordinate IDs (newuidmap, /etc/subuid); and
# a cache on a file system that can be a layer of overlayfs, which overlayfs itself, as that
# of a container, cannot. When it cannot have them, the script says so and ends with status 77.
#
# The installed system is a stack of overlay layers in the cache, one for each time that
# packages were added. A layer never changes, so worlds go on while another one is added.
set -euo pipefail
self=$(readlink -f "$0")
. "$(dirname "$self")/lib-apt.sh"

export suite=trixie arch=riscv64
export worlds=$CACHE/world-$suite-$arch # layers/N, one directory each; runs/, scratch
base_packages="?essential apt iproute2 procps"
umask 022

# layers: the stack in the order of overlayfs, the topmost first; relative to layers/.
layers() { [ ! -s "$worlds/stack" ] || tac "$worlds/stack" | paste -sd:; }

# as_root COMMAND...: run it in namespaces of its own, as a user who may mount and chown.
as_root() {
	local own="--mount --pid --fork --kill-child --ipc --uts --net --propagation private"
	if [ "$(id -u)" = 0 ]; then
		unshare $own "$@" 9>&-
	else
		unshare --user --map-root-user --map-auto --setuid 0 --setgid 0 $own "$@" 9>&-
	fi
}

# --- inside the namespaces ---

# mount_devices: what every program expects in /dev.
mount_devices() {
	local n
	mount -t tmpfs -o mode=755 tmpfs dev
	for n in null zero full random urandom tty; do
		: >dev/$n
		mount --bind /dev/$n dev/$n
	done
	mkdir dev/pts dev/shm dev/mqueue
	mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
	mount -t tmpfs -o mode=1777 tmpfs dev/shm
	mount -t mqueue mqueue dev/mqueue
	ln -s pts/ptmx dev/ptmx
	ln -s /proc/self/fd dev/fd
	for n in 0/stdin 1/stdout 2/stderr; do ln -s "/proc/self/fd/${n%/*}" "dev/${n#*/}"; done
}

# own_xattr: the mount option by which overlayfs marks files as a user may.
own_xattr() { [ "$(readlink /proc/self/ns/user)" = "$host_userns" ] || echo ,userxattr; }

# mount_root SCRATCH: the stack with a writable layer SCRATCH/upper, as the current directory.
mount_root() {
	mkdir -p "$1"/{upper,work,root}
	cd "$worlds/layers"
	mount -t overlay -o "lowerdir=$(layers),workdir=$1/work,upperdir=$1/upper$(own_xattr)" overlay "$1/root"
	cd "$1/root"
}

# furnish DIR: what is not in a file system of its own, and /work.
furnish() {
	mkdir -p proc dev sys tmp run work
	chmod 1777 tmp
	mount -t proc proc proc
	mount -t sysfs -o ro sysfs sys 2>/dev/null || mount --rbind /sys sys
	mount -t tmpfs -o mode=755 tmpfs run
	mkdir -m 1777 run/lock
	mount_devices
	[ -z "$1" ] || mount --bind "$1" work
	echo world >/proc/sys/kernel/hostname
	cp "${emulator%% *}" hospes
}

# guest ARGUMENTS...: a foreign program in the chroot that is the current directory.
guest() {
	local options=
	[ "$emulator" = "${emulator%% *}" ] || options=${emulator#* }
	env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TZ=UTC \
		TERM="${world_term-dumb}" DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true USER=root SHELL=/bin/sh \
		chroot --userspec="${uid-0}:${uid-0}" . /hospes $options /usr/bin/env -C /work -- "$@"
}

# inside_probe DIR: status 3 when an overlay cannot have its upper layer there.
inside_probe() {
	mkdir -p "$1"/{lower,upper,work,root}
	mount -t overlay -o "lowerdir=$1/lower,upperdir=$1/upper,workdir=$1/work$(own_xattr)" overlay "$1/root" 2>/dev/null || return 3
	# A file system without what overlayfs needs to hide a file makes it read-only.
	touch "$1/root/file" 2>/dev/null || return 3
}

# inside_run SCRATCH DIR COMMAND...
inside_run() {
	mount_root "$1"
	furnish "$2"
	shift 2
	uid=0 guest /sbin/ip link set lo up
	close_inherited
	guest "$@"
}

# close_inherited: descriptors of whoever called the script are no part of the world. (255
# is bash's own, and closed on execution.)
close_inherited() {
	local fd
	for fd in /proc/self/fd/*; do # not $$, which is of another PID namespace than /proc
		fd=${fd##*/}
		[ "$fd" -le 2 ] || [ "$fd" = 255 ] || eval "exec $fd>&-"
	done
}

dpkg_guest() { guest /usr/bin/dpkg --force-unsafe-io --force-confdef --force-confold --force-depends "$@"; }

# first_stage FS DEBS: what dpkg itself needs to run is unpacked without it.
first_stage() {
	local deb d
	for d in bin sbin lib; do
		mkdir -p "usr/$d"
		ln -s "usr/$d" "$d"
	done
	for deb in "$1"/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x -p --numeric-owner --keep-directory-symlink
	done
	mkdir -p var/lib/dpkg
	: >var/lib/dpkg/status
	echo "$arch" >var/lib/dpkg/arch
	ln -sf mawk usr/bin/awk
	printf '#!/bin/sh\nexit 101\n' >usr/sbin/policy-rc.d
	chmod +x usr/sbin/policy-rc.d
	echo world >etc/hostname
	printf '127.0.0.1 localhost world\n::1 localhost\n' >etc/hosts
}

# inside_install SCRATCH DEBS: install all .debs of a directory; on an empty stack as
# debootstrap does, in SCRATCH/upper itself.
inside_install() {
	local p
	if [ -n "$(layers)" ]; then
		mount_root "$1"
	else
		mkdir -p "$1/upper"
		mount --bind "$1/upper" "$1/upper"
		cd "$1/upper"
		first_stage "$2"
	fi
	furnish "$2"
	if [ -z "$(layers)" ]; then
		for p in base-passwd base-files dpkg libc6 perl-base mawk debconf; do
			dpkg_guest --install "/work/$p.deb"
		done
	fi
	dpkg_guest --unpack --recursive /work
	dpkg_guest --configure --pending
	[ -z "$(guest /usr/bin/dpkg --audit)" ] || die "dpkg --audit finds fault with the installation"
	rm -f hospes
}

# --- outside ---

# scratch: a directory of its own under runs/, removed at the end. Those that a killed
# script left behind are removed as well.
scratch() {
	local d
	mkdir -p "$worlds/runs"
	exec 7>"$worlds/runs.lock" # no directory is seen before it is locked
	flock 7
	for d in "$worlds"/runs/*/; do
		[ -d "$d" ] && flock -n "$d" true && as_root rm -rf "$d"
	done
	run=$(mktemp -d "$worlds/runs/XXXXXX")
	exec 9<"$run"
	flock 9
	exec 7>&-
	trap 'as_root rm -rf "$run"' EXIT
}

# plain DEB FILE: the same package, uncompressed: a decoder under an emulator is slow.
plain() {
	local member
	dpkg-deb --ctrl-tarfile "$1" >"$run/control.tar"
	dpkg-deb --fsys-tarfile "$1" >"$run/data.tar"
	printf '2.0\n' >"$run/debian-binary"
	printf '!<arch>\n' >"$2"
	for member in debian-binary control.tar data.tar; do
		printf '%-16s%-12s%-6s%-6s%-8s%-10s`\n' "$member" 0 0 0 100644 "$(stat -c %s "$run/$member")" >>"$2"
		cat "$run/$member" >>"$2"
	done
	rm "$run"/{debian-binary,control.tar,data.tar}
}

# complete PACKAGE...: whether all of them have been installed.
complete() {
	local p
	[ -s "$worlds/stack" ] || return 1
	for p in "$@"; do
		grep -qxF -e "$p" "$worlds/wanted" || return 1
	done
}

# top_status: the dpkg status file of the stack's topmost layer that has one.
top_status() {
	local n
	for n in $(layers | tr : ' '); do
		[ ! -e "$worlds/layers/$n/var/lib/dpkg/status" ] || { echo "$worlds/layers/$n/var/lib/dpkg/status"; return; }
	done
	echo /dev/null
}

# outdated PACKAGE...: whether installing them would change what is there already.
outdated() {
	cat "$(top_status)" >"$APT/status"
	apt-get -s install "$@" | grep -qE '^(Remv|Inst [^ ]+ \[)'
}

# add_layer PACKAGE...: put a layer on the stack in which they are installed.
add_layer() {
	local n deb package
	n=$(($(wc -l <"$worlds/stack") + 1))
	cat "$(top_status)" >"$APT/status"
	apt_fetch "$@"
	rm -rf "$run/debs"
	mkdir "$run/debs"
	while read -r deb package; do
		plain "$APT/cache/archives/$deb" "$run/debs/$package.deb"
	done < <(apt_closure "$@")
	if [ -n "$(ls "$run/debs")" ]; then
		say "installing $(ls "$run/debs" | wc -l) packages under the emulator"
		if ! as_root bash "$self" --inside install "$run" "$run/debs" >"$worlds/install.log" 2>&1 </dev/null; then
			tail -n 40 "$worlds/install.log" >&2
			die "the installation failed; see $worlds/install.log"
		fi
		mkdir -p "$worlds/layers"
		mv "$run/upper" "$worlds/layers/$n"
		echo "$n" >>"$worlds/stack"
	fi
	printf '%s\n' "$@" >>"$worlds/wanted"
}

# grow PACKAGE...: have them installed. When that would change what is there already, the
# world is made anew with all that it had.
grow() {
	local all
	exec 8>"$worlds.lock"
	flock 8
	if complete "$@"; then
		return
	fi
	need apt-get apt-config dpkg-deb flock tar unshare
	lock "rootfs-$suite-$arch" # apt's directory is the same
	apt_private "$suite" "$arch"
	scratch
	mkdir -p "$worlds"
	touch "$worlds/stack" "$worlds/wanted"
	all=$(printf '%s\n' "$@" | cat - "$worlds/wanted" | sort -u)
	if [ ! -s "$worlds/stack" ] || outdated "$@"; then
		: >"$worlds/stack"
		: >"$worlds/wanted"
		rm -rf "$worlds/layers"
		add_layer $base_packages
		set -- $all
	fi
	[ $# = 0 ] || add_layer "$@"
}

case ${1-} in
--inside)
	"inside_$2" "${@:3}"
	exit
	;;
--grow) # a process of its own: `set -e` is off behind ||
	export emulator=$2
	grow "${@:3}"
	exit
	;;
esac

emulator=./hospes packages=() dir='' run='' only_install='' query=''
export uid=0
[ -d "$CACHE" ] || mkdir -p "$CACHE"
while getopts e:p:b:u:nq f; do
	case $f in
	e) emulator=$OPTARG ;;
	p) packages+=($OPTARG) ;;
	b) dir=$(realpath "$OPTARG") ;;
	u) uid=$OPTARG ;;
	n) only_install=1 ;;
	q) query=1 ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- /bin/bash
if [ -n "$query" ]; then
	awk '/^Package:/ { p = $2 } /^Status:/ { ok = $4 == "installed" } /^Version:/ && ok { print p, $2 }' "$(top_status)"
	exit
fi
read -r word options <<<"$emulator"
emulator="$(realpath "$word")${options:+ $options}"
host_userns=$(readlink /proc/self/ns/user)
export host_userns emulator

# unable WHY: there can be no world here.
unable() { say "no world: $*"; exit 77; }

as_root mount --bind / / 2>/dev/null || unable "no root and no user namespaces with subordinate IDs"
scratch
status=0
as_root bash "$self" --inside probe "$run/probe" || status=$?
[ "$status" != 3 ] || unable "the cache $CACHE is on $(stat -f -c %T "$CACHE"), which cannot be a layer of overlayfs (HOSPES_CACHE names another)"
[ "$status" = 0 ] || die "cannot try a mount"
complete "${packages[@]}" || bash "$self" --grow "$emulator" "${packages[@]}"
[ -z "$only_install" ] || exit 0
as_root bash "$self" --inside run "$run" "$dir" "$@" || status=$?
exit $status
