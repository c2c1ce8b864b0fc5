#!/usr/bin/env bats
# podman with this runtime, as its users have it: exit statuses, terminals, signals.
# requires: root podman
load helpers
load engines

# one image for the whole file, imported into a storage of the file's own
setup_file() {
	TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
	export TOP
	export STORE=$BATS_FILE_TMPDIR/store
	mkdir -p "$STORE"
	local runtime
	runtime=$(engine_runtime)
	# as contrib/containers.conf.d has it; and podman's default limit of tasks needs a controller
	# that not each tier has
	printf '%s\n' '[engine]' "runtime_supports_nocgroup = [\"${runtime##*/}\"]" '[engine.runtimes]' \
		"${runtime##*/} = [\"$runtime\"]" '[containers]' >"$STORE/containers.conf"
	has cgroup_pids || echo 'pids_limit = 0' >>"$STORE/containers.conf"
	export CONTAINERS_CONF_OVERRIDE=$STORE/containers.conf
	P="podman --root $STORE/root --runroot $STORE/run --storage-driver vfs --runtime ${runtime##*/} --cgroup-manager cgroupfs --events-backend file --tmpdir $STORE/tmp"
	export P ENGINE=$P
	# the small root, so that a copy by vfs costs nothing; the big one when it was asked for
	tar -C "${STIVA_PODMAN_ROOT:-$TOP/build/batsroot}" -cf - . | $P import --quiet - stiva-test 3>&-
}
teardown_file() {
	$P rm --all --force --time 0 >/dev/null 2>&1 3>&- || true
	umount -l "$STORE"/root/* 2>/dev/null || true
}

test_setup() {
	NAME=c$$
	OPTS=(--network none --name "$NAME")
}
test_teardown() { $P rm --force --time 0 "$NAME" >/dev/null 2>&1 3>&- || true; }

# a container that waits, in the background
waits() {
	good run -d "${OPTS[@]}" "$@" stiva-test probe signals 3
	logged() { [[ $($P logs "$NAME" 2>&1 3>&-) == *"$1"* ]]; }
	wait_for logged ready
}

@test "run gives the output and the exit status" {
	good run --rm "${OPTS[@]}" stiva-test echo hello
	prints hello
	for code in 0 1 42; do
		eng run --rm "${OPTS[@]}" stiva-test sh -c "exit $code"
		exits $code
	done
}

@test "E01 E02 E03: podman's own statuses: 127 not found, 126 not executable, 125 its own" {
	eng run --rm "${OPTS[@]}" stiva-test nonesuch
	exits 127
	complains nonesuch
	eng run --rm "${OPTS[@]}" stiva-test /no/such
	exits 127
	eng run --rm "${OPTS[@]}" stiva-test /etc/passwd
	exits 126
	eng run --rm "${OPTS[@]}" stiva-test /etc
	exits 126
	eng run --rm "${OPTS[@]}" --nonesuch stiva-test true
	exits 125
}

@test "stdin goes in" {
	echo input >"$WORK/in"
	good run --rm -i "${OPTS[@]}" stiva-test cat <"$WORK/in"
	prints input
}

@test "run --detach, ps, logs, inspect, stop, rm" {
	waits
	good ps --format '{{.Names}} {{.State}}'
	line "$NAME running"
	good inspect --format '{{.State.Status}} {{.OCIRuntime}}' "$NAME"
	shows "running"
	good stop --time 5 "$NAME"
	good inspect --format '{{.State.Status}} {{.State.ExitCode}}' "$NAME"
	prints "exited 3"
	good logs "$NAME"
	shows TERM
	good rm "$NAME"
	good ps --all --format '{{.Names}}'
	shows_not "$NAME"
}

@test "kill with signals" {
	waits
	good kill --signal USR1 "$NAME"
	wait_for logged USR1
	good kill "$NAME"
	good wait "$NAME"
	prints 137
}

@test "exec: output, status, user, environment, folder" {
	waits
	good exec "$NAME" echo inside
	prints inside
	eng exec "$NAME" sh -c 'exit 21'
	exits 21
	good exec --user 1000:1000 -e X=y --workdir /tmp "$NAME" sh -c 'id -u; echo $X; pwd'
	is "$(xargs <"$OUT")" "1000 y /tmp"
	eng exec "$NAME" nonesuch
	exits 127
	eng exec "$NAME" /etc/passwd
	exits 126
	good exec --detach "$NAME" sh -c 'echo made >/tmp/made'
	made() { [ "$($P exec "$NAME" cat /tmp/made 2>/dev/null 3>&-)" = made ]; }
	wait_for made
}

# podman tells conmon the size of its terminal beside the start of the program, which may look before that.
@test "run -it on a terminal" {
	# shellcheck disable=SC2086 # words
	PROBE_DEADLINE=60 "$PROBE" pty -s 31x91 -e ready $'type:word\n' $P run --rm -it "${OPTS[@]}" stiva-test sh -c 'until [ "$(stty size)" = "31 91" ]; do sleep 0.1; done; stty size; echo ready; read x; echo "<$x>"; exit 8' \
		2>"$WORK/e" 3>&- | tr -d '\r' >"$WORK/o" || true
	is "${PIPESTATUS[0]}" 8
	grep -qx '<word>' "$WORK/o"
	grep -qx '31 91' "$WORK/o"
}

@test "exec -it on a terminal" {
	waits
	# shellcheck disable=SC2086 # words
	PROBE_DEADLINE=60 "$PROBE" pty -e ready $'type:word\n' $P exec -it "$NAME" sh -c 'tty; echo ready; read x; echo "<$x>"; exit 9' \
		2>"$WORK/e" 3>&- | tr -d '\r' >"$WORK/o" || true
	is "${PIPESTATUS[0]}" 9
	grep -qx '<word>' "$WORK/o"
	grep -q '^/dev/pts/' "$WORK/o"
}

@test "pause and unpause" {
	waits
	good pause "$NAME"
	good inspect --format '{{.State.Status}}' "$NAME"
	prints paused
	eng exec "$NAME" true
	[ "$status" != 0 ]
	good unpause "$NAME"
	good exec "$NAME" true
}

@test "top shows the processes" {
	waits
	good top "$NAME" pid args
	shows "probe signals"
}

@test "--read-only, --tmpfs and volumes" {
	mkdir "$WORK/vol"
	good run --rm "${OPTS[@]}" --read-only -v "$WORK/vol:/vol" -v "$WORK/vol:/ro:ro" stiva-test \
		sh -c 'touch /x 2>/dev/null || echo ro; echo data >/vol/file; cat /ro/file; touch /ro/y 2>/dev/null || echo ro2; touch /tmp/z && echo tmp'
	is "$(xargs <"$OUT")" "ro data ro2 tmp"
	is "$(<"$WORK/vol/file")" data
}

@test "--user, --cap-drop, --security-opt, --ulimit" {
	good run --rm "${OPTS[@]}" --user 1000:1000 --cap-drop ALL --security-opt no-new-privileges --ulimit nofile=100:200 stiva-test \
		sh -c 'probe ids; probe caps; probe rlimit nofile'
	line "uid 1000 1000 1000"
	line "bounding 0"
	line "nnp 1"
	line "nofile 100 200"
}

@test "podman's default seccomp profile is in force" {
	good run --rm "${OPTS[@]}" stiva-test sh -c 'grep Seccomp: /proc/self/status; probe syscall swapon /x 0'
	line $'Seccomp:\t2'
	line "swapon EPERM"
}

@test "a memory limit" {
	requires cgroup_memory
	good run --rm "${OPTS[@]}" --memory 64m stiva-test cat /sys/fs/cgroup/memory.max
	prints 67108864
}

@test "podman stats" {
	requires cgroup_memory
	waits --memory 64m
	good stats --no-stream --format '{{.Name}}' "$NAME"
	prints "$NAME"
}

@test "--pid host, --ipc host, --uts host" {
	good run --rm "${OPTS[@]}" --uts host stiva-test hostname
	prints "$(hostname)"
	good run --rm "${OPTS[@]}" --pid host --ipc host stiva-test readlink /proc/self/ns/pid
	prints "$(readlink /proc/self/ns/pid)"
}

@test "a user namespace" {
	requires userns
	eng run --rm "${OPTS[@]}" --uidmap 0:100000:65536 --gidmap 0:100000:65536 stiva-test cat /proc/self/uid_map
	exits 0
	is "$(xargs <"$OUT")" "0 100000 65536"
}

@test "--init and the signal proxy" {
	command -v catatonit >/dev/null || skip "requires: catatonit"
	good run --rm "${OPTS[@]}" --init stiva-test cat /proc/1/comm
	shows init
}

@test "restart of a stopped container" {
	good run "${OPTS[@]}" stiva-test echo one
	good start --attach "$NAME"
	prints one
	good rm "$NAME"
}

@test "a container in a pod shares its namespaces" {
	eng pod create --infra=false --name "p$$"
	[ "$status" = 0 ] || skip "requires: pods without an infra image"
	good run --rm --network none --pod "p$$" --name "$NAME" stiva-test echo podded
	prints podded
	good pod rm --force "p$$"
}

@test "C17 U07: --cgroups disabled, for a name on the drop-in's list" {
	known_deviation runc "has no way without a cgroup"
	good run --rm "${OPTS[@]}" --cgroups disabled stiva-test grep '^0::' /proc/self/cgroup
	shows_not libpod
}

@test "a health check" {
	waits --health-cmd "echo fine" --health-interval disable
	good healthcheck run "$NAME"
	good inspect --format '{{.State.Health.Status}}' "$NAME"
	prints healthy
}

# running: podman's word on the container
is_up() { [ "$($P inspect --format '{{.State.Running}}' "$NAME" 2>/dev/null 3>&-)" = "$1" ]; }

@test "container checkpoint and restore, in place and by an archive" {
	requires criu
	is_stiva || skip "requires: stiva"
	good run -d "${OPTS[@]}" stiva-test sh -c 'echo ready; while :; do sleep 0.05; done'
	logged() { [[ $($P logs "$NAME" 2>&1 3>&-) == *"$1"* ]]; }
	wait_for logged ready
	good container checkpoint "$NAME"
	wait_for is_up false
	good container restore "$NAME"
	is_up true
	good exec "$NAME" true
	good container checkpoint --leave-running "$NAME"
	good exec "$NAME" true
	good container checkpoint --export "$WORK/archive.tar.gz" "$NAME"
	good rm "$NAME"
	good container restore --import "$WORK/archive.tar.gz"
	is_up true
	good exec "$NAME" true
}

@test "U55: --sdnotify container: the program's word reaches the caller's socket" {
	"$PROBE" notifyd "$WORK/notify" 2 >"$WORK/notified" 3>&- 4>&- &
	JOBS+=($!)
	wait_for test -S "$WORK/notify"
	NOTIFY_SOCKET=$WORK/notify good run -d "${OPTS[@]}" --sdnotify container stiva-test sh -c 'probe notify READY=1; probe wait'
	notified() { grep -q READY=1 "$WORK/notified"; }
	wait_for notified
}

@test "U30 U100: podman update changes the limits of a running container" {
	requires cgroup_memory cgroup_pids
	waits --memory 64m
	good update --memory 128m --pids-limit 77 "$NAME"
	good exec "$NAME" sh -c 'cd /sys/fs/cgroup; cat memory.max pids.max'
	is "$(xargs <"$OUT")" "134217728 77"
}

@test "C03 U06: the systemd manager: a scope below machine.slice, limits, stats, pause, nothing left" {
	requires systemd cgroup_memory
	ENGINE=${P/--cgroup-manager cgroupfs/--cgroup-manager systemd}
	P=$ENGINE
	waits --memory 64m --cpus 0.5
	good inspect --format '{{.State.Pid}}' "$NAME"
	[[ $(<"/proc/$output/cgroup") == "0::/machine.slice/libpod-"*.scope* ]] || fail "in $(<"/proc/$output/cgroup")"
	good exec "$NAME" sh -c 'cd /sys/fs/cgroup; cat memory.max cpu.max'
	is "$(xargs <"$OUT")" "67108864 50000 100000"
	good stats --no-stream --format '{{.Name}}' "$NAME"
	prints "$NAME"
	good pause "$NAME"
	good unpause "$NAME"
	good update --memory 128m "$NAME"
	good exec "$NAME" cat /sys/fs/cgroup/memory.max
	prints 134217728
	good rm --force --time 0 "$NAME"
}

@test "contrib: podman takes the drop-in, and knows the runtime by its name" {
	stiva_only
	# shellcheck disable=SC2153 # helpers.bash has it
	sed "s|/usr/local/bin/stiva|$RUNTIME|" "$TOP/contrib/containers.conf.d/50-stiva.conf" >"$WORK/conf"
	has cgroup_pids || printf '%s\n' '[containers]' 'pids_limit = 0' >>"$WORK/conf"
	export CONTAINERS_CONF_OVERRIDE=$WORK/conf
	good info --format '{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}}'
	prints "stiva $RUNTIME"
	good run --rm "${OPTS[@]}" --cgroups disabled stiva-test echo fine
	prints fine
}

@test "the annotation stiva.view shows a container of podman's its own memory and CPUs" {
	requires lxcfs
	stiva_only
	local lx=$WORK/lxcfs
	mkdir "$lx"
	background lxcfs -f -p "$WORK/lxcfs.pid" "$lx" >"$WORK/lxcfs.log" 2>&1
	wait_for test -e "$lx/proc/meminfo"
	eng run --rm "${OPTS[@]}" --annotation stiva.view=true stiva-test sh -c \
		'cat /proc/meminfo >/dev/null && sed -n "s/.* \([^ ]*\) ro,[^ ]* .*- fuse.lxcfs .*/\1/p" /proc/self/mountinfo'
	umount -l "$lx"
	rm -rf /run/lxcfs
	exits 0
	line /proc/meminfo
	line /sys/devices/system/cpu
	is "$stderr" ""
}
