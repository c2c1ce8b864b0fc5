# shellcheck shell=bash
# scripts/lib/cage.sh: runs a command in namespaces of its own from which
# nothing remains: mounts, processes, cgroups (and the network, if asked) end
# with it. Owns the order of that; cage-inside does the mounts. Sourced by
# in-deb13 and in-native after common.sh.
#
# The command's cgroups lie under one directory of the machine's cgroup2 tree,
# stiva-tests/PID, which is the root of its cgroup namespace.
# shellcheck disable=SC2154 # top and build come from common.sh

cage_child=
cage_group=

# The cgroup2 tree as this process sees it (hybrid or pure host).
cage_cgroup2() {
	awk '{ for (i = 7; i <= NF; i++) if ($i == "-") {
		if ($(i + 1) == "cgroup2") mnt = $5; break } }
		END { print mnt }' /proc/self/mountinfo
}

cage_remove_group() {
	local group=$1 try
	[ -d "$group" ] || return 0
	echo 1 2>/dev/null >"$group/cgroup.kill" || true
	for try in {1..100}; do
		find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
		[ -d "$group" ] || return 0
		read -rt 0.02 <> <(:) || true # the kernel is still reaping
	done
	note "cannot remove the cgroup $group (after $try tries)"
}

# Directories of cages whose keeper was killed with SIGKILL.
cage_sweep() {
	local dir pid
	for dir in "$1"/*/; do
		pid=${dir%/}
		pid=${pid##*/}
		[ ! -d "$dir" ] || [ -d "/proc/$pid" ] || cage_remove_group "${dir%/}"
	done
}

cage_end() {
	trap - EXIT INT TERM HUP
	if [ -n "$cage_child" ]; then
		kill -KILL "$cage_child" 2>/dev/null || true
		wait "$cage_child" 2>/dev/null || true
	fi
	if [ -n "$cage_group" ]; then
		cage_remove_group "$cage_group"
		rmdir "${cage_group%/*}" 2>/dev/null || true
	fi
}

# cage MODE ROOT NET CMD...: MODE native|overlay|rw, NET host|private
cage() {
	local mode=$1 root=$2 net=$3 cgroup2 status
	local -a spaces=(--mount --ipc --uts --pid --fork --kill-child=KILL --propagation private)
	shift 3
	need_root
	[ "$net" = host ] || spaces+=(--net)
	cgroup2=$(cage_cgroup2)
	[ -n "$cgroup2" ] || die "no cgroup2 hierarchy is mounted here"
	mkdir -p "$build/.cage"
	cage_sweep "$cgroup2/stiva-tests"
	trap cage_end EXIT
	trap 'cage_end; exit 130' INT
	trap 'cage_end; exit 143' TERM HUP
	cage_group=$cgroup2/stiva-tests/$BASHPID
	mkdir -p "$cage_group/self"
	# The background job would lose stdin and ignore SIGINT: give both back.
	# shellcheck disable=SC2016 # the inner bash expands
	(
		echo "$BASHPID" >"$cage_group/cgroup.procs"
		exec env --default-signal=INT,QUIT,TERM,HUP \
			setpriv --pdeathsig KILL \
			unshare --cgroup -- bash -c 'echo $$ >"$1" && shift && exec "$@"' - \
			"$cage_group/self/cgroup.procs" \
			unshare "${spaces[@]}" -- \
			bash "$top/scripts/lib/cage-inside" \
			"$mode" "$root" "$net" "$top" "$PWD" "$@"
	) <&0 &
	cage_child=$!
	status=0
	wait "$cage_child" || status=$?
	cage_child=
	cage_end
	exit "$status"
}
