# shellcheck shell=bash
# scripts/lib/common.sh: what every script of the project shares.
# Owns: the project's top folder, messages, the package mirror (read from the
# machine's apt sources, never written into a file) and the cache of Debian
# roots under build/.  Sourced, never run.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
build=$top/build

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

note() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

need_root() {
	[ "$(id -u)" = 0 ] || die "must be run as root (namespaces, mounts and mmdebstrap need it)"
}

need_command() {
	local c
	for c in "$@"; do
		command -v "$c" >/dev/null || die "$c is missing: run 'scripts/deps check' as root"
	done
}

# The machine's Debian mirror. apt itself reads its sources, so deb822 and
# one-line format, trusted lists and options all work.
mirror() {
	local codename uri
	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && printf %s "${VERSION_CODENAME:-}")
	# shellcheck disable=SC2016 # apt's own variables
	uri=$(apt-get indextargets --no-release-info \
		--format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
		awk -v want="$codename" '$2 == "main" && $1 == want { print $3; exit }')
	[ -n "$uri" ] || die "no Debian mirror for '$codename' in this machine's apt sources"
	printf '%s\n' "$uri"
}

# One hash (12 digits) of files and words.
hash_of() {
	local arg
	for arg in "$@"; do
		if [ -f "$arg" ]; then cat "$arg"; else printf '%s\n' "$arg"; fi
	done | sha256sum | cut -c1-12
}

# cached NAME HASH BUILDER...: build/NAME becomes a link to build/NAME-HASH,
# which BUILDER makes at the path given to it as its last argument. One builder
# at a time (flock); a broken build never becomes visible (rename).
cached() {
	local name=$1 hash=$2 out tmp began status
	shift 2
	out=$build/$name-$hash
	if [ -e "$out" ] && [ "$(readlink "$build/$name")" = "${out##*/}" ]; then
		return
	fi
	mkdir -p "$build"
	exec {cache_lock}>"$build/.$name.lock"
	flock "$cache_lock"
	if [ ! -e "$out" ]; then
		tmp=$build/.new-$name
		rm -rf --one-file-system "$tmp"
		began=$SECONDS
		note "building build/$name (once) ..."
		# not 'if builder': a condition would switch errexit off inside it
		set +e
		(set -e && "$@" "$tmp") </dev/null
		status=$?
		set -e
		if [ "$status" != 0 ]; then
			rm -rf --one-file-system "$tmp"
			die "could not build build/$name"
		fi
		mv -T "$tmp" "$out"
		note "build/$name is ready after $((SECONDS - began)) s"
		# what older inputs made, unless a test may still stand in it
		find "$build" -maxdepth 1 -name "$name-????????????" ! -path "$out" \
			-mmin +60 -exec rm -rf --one-file-system {} +
	fi
	ln -sfn "${out##*/}" "$build/.$name.link"
	mv -T "$build/.$name.link" "$build/$name"
	exec {cache_lock}>&-
}

# bootstrap SUITE VARIANT PACKAGES(comma separated) MMDEBSTRAP-OPTIONS... DIR
bootstrap() {
	local suite=$1 variant=$2 packages=$3 dir=${!#} exclude
	shift 3
	set -- "${@:1:$#-1}"
	need_command mmdebstrap
	for exclude in doc man info locale lintian bug; do
		set -- "$@" --dpkgopt="path-exclude=/usr/share/$exclude/*"
	done
	# In a mount namespace of its own: its mounts would come and go in the tables that tests compare.
	LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin TMPDIR=/tmp \
		unshare --mount --propagation private mmdebstrap --quiet --mode=root --variant="$variant" \
		--aptopt='Acquire::Check-Valid-Until "false"' \
		--aptopt='Acquire::Languages "none"' \
		--aptopt='Acquire::Retries "3"' \
		--keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
		--include="$packages" "$@" "$suite" "$dir" "$(mirror)"
}
