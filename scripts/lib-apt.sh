# lib-apt.sh: sourced by the scripts beside it. It has apt resolve and fetch packages of
# another Debian suite or architecture without touching this machine's package state:
# private lists, an empty dpkg status, a private download cache. dpkg-deb unpacks;
# no maintainer script and no foreign program runs.

# Everything fetched or unpacked lives under here and may be deleted at any time.
CACHE=${HOSPES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hospes}
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

say() { printf '%s\n' "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }

# need COMMAND...: stop with a clear message if one is missing.
need() {
	local c
	for c in "$@"; do
		command -v "$c" >/dev/null || die "needs the command $c (Debian or a derivative)"
	done
	[ -e "$KEYRING" ] || die "needs the package debian-archive-keyring"
}

# lock NAME: one process at a time works on a part of the cache, until this one ends.
lock() {
	mkdir -p "$CACHE"
	exec 9>"$CACHE/$1.lock"
	flock 9
}

# debian_mirror: the URI of the Debian archive that this machine's own apt uses.
debian_mirror() {
	local uri
	uri=$(env -u APT_CONFIG apt-get indextargets 'Created-By: Packages' --format '$(REPO_URI)' |
		grep -E '/debian/?$' | head -n 1) || true
	[ -n "$uri" ] || die "no Debian archive in this machine's apt sources"
	printf '%s\n' "$uri"
}

# apt_private SUITE ARCH: set up (and export APT_CONFIG for) a private apt whose world
# is one suite and one architecture with nothing installed; for the architecture "source",
# source packages. Sets APT, its directory.
apt_private() {
	local suite=$1 arch=$2 mirror type=deb
	[ "$arch" != source ] || type=deb-src
	mirror=$(debian_mirror)
	APT=$CACHE/apt/$suite-$arch
	mkdir -p "$APT"/{state/lists/partial,cache/archives/partial,empty/partial,etc/parts}
	: >"$APT/status"
	printf '%s [signed-by=%s] %s %s main\n' "$type" "$KEYRING" "$mirror" "$suite" >"$APT/etc/sources.list"
	{
		# How this machine reaches its mirrors (proxies, retries) is kept.
		env -u APT_CONFIG apt-config dump | grep -E '^Acquire::(https?|Retries|ForceIPv)' || true
		cat <<-CONF
			APT::Architecture "$arch";
			APT::Architectures { "$arch"; };
			APT::Install-Recommends "false";
			APT::Get::Assume-Yes "true";
			APT::Sandbox::User "";
			Acquire::Languages "none";
			Debug::NoLocking "true";
			Dir::State "$APT/state";
			Dir::State::status "$APT/status";
			Dir::Cache "$APT/cache";
			Dir::Etc "$APT/etc";
			Dir::Etc::sourcelist "$APT/etc/sources.list";
			Dir::Etc::sourceparts "-";
			Dir::Etc::parts "$APT/etc/parts";
			Dir::Etc::preferencesparts "$APT/etc/parts";
			Dir::Etc::trustedparts "/usr/share/keyrings";
		CONF
	} >"$APT/apt.conf"
	export APT_CONFIG=$APT/apt.conf
	say "reading the package lists of Debian $suite/$arch from $mirror"
	apt-get -qq update >&2
}

# apt_closure PACKAGE...: print the .debs of these packages and all they depend on,
# as lines "FILE PACKAGE". (--print-uris leaves out what the cache has, so it gets an
# empty one.)
apt_closure() {
	apt-get -qq -o Dir::Cache::archives="$APT/empty" --print-uris install "$@" |
		awk '{ split($2, f, "_"); print $2, f[1] }' | sort
}

# apt_fetch PACKAGE...: download the closure into $APT/cache/archives.
apt_fetch() {
	say "fetching $# packages and what they depend on"
	apt-get -qq --download-only install "$@" >&2
}
