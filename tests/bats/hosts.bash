# shellcheck shell=bash
# shellcheck disable=SC2016 # inner shells expand
# tests/bats/hosts.bash: two hosts on one machine for the tests of migration: `one` and `two`, each with
# mount, network, UTS, IPC and cgroup namespaces, /run, /srv and a cgroup tree of its own, joined by a
# veth pair (10.77.0.1 and .2, eth0 on both). What stands for ssh is $RSH ("stiva migrate --rsh $RSH ID two"):
# it enters the other host and runs the command's text there by a shell, as ssh does, and its line goes
# through `probe wire` (tests/probe/p_wire.c), which a test may tell what to harm. Loaded after helpers.
#
#   hosts_up; hosts_down            a test that has called the first calls the other in test_teardown
#   wire WORD...                    settings and rules of the lines that are opened from now on
#   net_is MS [BYTES_PER_SECOND]    their delay each way, and rate (probe slow: kernels without netem are many)
#   over_tcp                        they are TCP connections over the veth pair
#   on HOST CMD...                  runs it there; rt_on, ok_on HOST ARGS...: the runtime, as rt and ok
#   bundle_on HOST NAME             moves $BUNDLE to /srv/NAME there
#   counts_on HOST FILTER...        a container that counts in /count, 50 times a second, of the bundle /srv/c (or runs $COUNTER)
#   handed_over                     asserts that two counts on where one stood, and one has not counted since
# What is below $HOSTS/HOST is /srv on it; $WIRE is the log of all lines. For rules (`run-at=`): $HOSTS/kill
# HOST COMM [SIGNAL] ends the processes of that name there ("stiva", "criu").

hosts_up() {
	local host
	HOSTS=$WORK/hosts
	RSH=$HOSTS/rsh WIRE=$HOSTS/wire.log
	mkdir -p "$HOSTS/one" "$HOSTS/two"
	: >"$WIRE"
	NET=() VIA=()
	wire
	make_entrances
	for host in one two; do make_host $host; done
	nsenter -t "$(<"$HOSTS/one.pid")" -n ip link add eth0 type veth peer name eth0 netns "$(<"$HOSTS/two.pid")"
	on one ip address add 10.77.0.1/24 dev eth0
	on two ip address add 10.77.0.2/24 dev eth0
	for host in one two; do on $host ip link set eth0 up; done
}

# The keeper of a host's namespaces, in the host's own cgroup.
make_host() {
	local group=$CG/hosts-$ID/$1
	mkdir -p "$group/self"
	(
		echo "$BASHPID" >"$group/cgroup.procs"
		exec unshare --cgroup -- bash -c 'echo $$ >"$1/self/cgroup.procs" && shift && exec "$@"' - "$group" \
			unshare --mount --net --uts --ipc --propagation private -- bash -ec '
				mount -t tmpfs -o mode=755 tmpfs /run
				mount --bind "$1/$2" /srv
				mount -t cgroup2 cgroup2 /sys/fs/cgroup
				hostname "$2"
				ip link set lo up
				echo $$ >"$1/$2.new"
				mv "$1/$2.new" "$1/$2.pid"
				exec sleep infinity' - "$HOSTS" "$1"
	) </dev/null 3>&- 4>&- &
	disown # hosts_down ends it
	wait_for test -e "$HOSTS/$1.pid"
}

# enter HOST CMD...: from wherever it is called; rsh [USER@]HOST CMD...
make_entrances() {
	cat >"$HOSTS/enter" <<-END
		#!/bin/bash
		host=\$1 pid=\$(<"$HOSTS/\$1.pid") && shift
		exec nsenter -t $$ -m -C -- bash -c 'echo \$\$ >"\$1" && shift && exec "\$@"' - \\
			"$CG/hosts-$ID/\$host/self/cgroup.procs" \\
			nsenter -t "\$pid" -m -n -u -i -C --wdns=/srv -- env -i HOME=/root LANG=C.UTF-8 \\
			PATH="${RUNTIME%/*}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" "\$@"
	END
	cat >"$HOSTS/rsh" <<-END
		#!/bin/bash
		host=\${1##*@} && shift
		if [ ! -e "$HOSTS/\$host.pid" ]; then
			echo "ssh: Could not resolve hostname \$host: Name or service not known" >&2
			exit 255
		fi
		if [ -e "$HOSTS/\$host.down" ]; then
			echo "ssh: connect to host \$host port 22: Connection refused" >&2
			exit 255
		fi
		mapfile -t wire <"$HOSTS/wire"
		exec "$PROBE" wire "\${wire[@]}" -- ${NET[*]} "$HOSTS/enter" "\$host" sh -c "\$*"
	END
	cat >"$HOSTS/kill" <<-END
		#!/bin/bash
		[ -n "\${OUTSIDE:-}" ] || OUTSIDE=1 exec nsenter -t $$ -m -- "\$0" "\$@"
		status=1
		for pid in \$(find "$CG/hosts-$ID/\$1" -name cgroup.procs -exec cat {} +); do
			[ "\$(cat "/proc/\$pid/comm" 2>/dev/null)" = "\$2" ] || continue
			kill -"\${3:-KILL}" "\$pid" && status=0
		done
		exit \$status
	END
	chmod +x "$HOSTS/enter" "$HOSTS/rsh" "$HOSTS/kill"
}

hosts_down() {
	local host try
	[ -d "${HOSTS:-}" ] || return 0
	rm -f "$HOSTS/one.pid" "$HOSTS/two.pid"
	for host in one two; do
		[ ! -e "$CG/hosts-$ID/$host" ] || echo 1 >"$CG/hosts-$ID/$host/cgroup.kill"
	done
	for try in {1..200}; do
		find "$CG/hosts-$ID" -depth -type d -exec rmdir {} + 2>/dev/null || true
		[ -d "$CG/hosts-$ID" ] || return 0
		sleep 0.02
	done
	fail "cgroups of the hosts are left after $try tries"
}

on() { "$HOSTS/enter" "$@" 3>&- 4>&-; }

net_is() {
	NET=("$PROBE" slow "$1" "${2:-0}" --)
	make_entrances
}
over_tcp() {
	VIA=("via=/proc/$(<"$HOSTS/two.pid")/ns/net,10.77.0.2")
	wire
}
wire() { printf '%s\n' "log=$WIRE" "${VIA[@]}" "$@" >"$HOSTS/wire"; }
# passed '>' COMMIT: such a frame has passed; carried_out RULE
passed() { grep -qE "^[$1] $2 " "$WIRE"; }
carried_out() { grep -qxF -- "! $1" "$WIRE" || fail "not carried out: $1: $(tail -n 20 "$WIRE")"; }

# As rt and ok.
rt_on() {
	local host=$1
	shift
	LAST="$RUNTIME_NAME $* (on $host)"
	RUNS=$((RUNS + 1))
	OUT=$WORK/.out.$RUNS ERR=$WORK/.err.$RUNS
	status=0
	timeout -k 2 "${DEADLINE:-20}" "$HOSTS/enter" "$host" "$RUNTIME" "$@" >"$OUT" 2>"$ERR" 3>&- 4>&- || status=$?
	{ output=$(<"$OUT") stderr=$(<"$ERR"); } 2>/dev/null
}
ok_on() {
	rt_on "$@"
	[ "$status" = 0 ] || fail "$LAST: exit status $status: $stderr"
}
status_on() { on "$1" "$RUNTIME" state "${2:-$ID}" 2>/dev/null | jq -r .status; }
# runs_on HOST: whether the container does (for wait_for)
runs_on() { [ "$(status_on "$1" "${2:-$ID}")" = running ]; }
is_frozen_on() { grep -qx 'frozen 1' "$CG/hosts-$ID/$1/${2:-$ID}/cgroup.events"; }
absent_on() {
	[ ! -e "/proc/$(<"$HOSTS/$1.pid")/root/run/stiva/${2:-$ID}" ] &&
		[ -z "$(find "$CG/hosts-$ID/$1" -type d -name "*${2:-$ID}*" ! -path "$CG/hosts-$ID/$1")" ]
}

bundle_on() { mv "$BUNDLE" "$HOSTS/$1/$2" && BUNDLE=/srv/$2; }

COUNTS='i=0; while :; do i=$((i + 1)); echo $i >>/count; sleep 0.02; done'
counts_on() {
	local host=$1
	shift
	script "${COUNTER:-$COUNTS}" '.root.readonly = false' '.linux.cgroupsPath = "/" + env.ID' "$@"
	bundle_on "$host" c
	# files of this test as its output would be wanted again on the other host
	on "$host" "$RUNTIME" run -d -b /srv/c "$ID" >/dev/null 2>&1
	wait_for has_counted "$host" 5
}
count_on() { tail -n 1 "$HOSTS/$1/c/rootfs/count" 2>/dev/null; }
# has_counted HOST N: beyond N (for wait_for)
has_counted() { [ "$(($(count_on "$1") + 0))" -gt "$2" ]; }
handed_over() {
	local one=$HOSTS/one/c/rootfs/count two=$HOSTS/two/c/rootfs/count last
	last=$(count_on one)
	wait_for has_counted two "$((last + 5))" || return 1
	cmp -n "$(stat -c %s "$one")" "$one" "$two" || fail "both have counted" || return 1
	is "$(count_on one)" "$last" "one counts on" || return 1
	awk '$1 != NR { exit 1 }' "$two" || fail "not every number is there once: $(tail -n 20 "$two")"
}
