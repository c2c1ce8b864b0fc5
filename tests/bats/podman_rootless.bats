#!/usr/bin/env bats
# podman of a normal user on this runtime: in a plain login (no systemd, no cgroup of the
# user's own), and in a session of systemd's.
# requires: root rootless userns podman newuidmap
load helpers
load engines

USER_NAME=rl USER_ID=1500

# The user, the user's home with an image in it, and what a login's environment holds.
setup_file() {
	TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
	export TOP STORE=$BATS_FILE_TMPDIR/rl
	make_user
	local runtime words=() session=''
	runtime=$(engine_runtime)
	printf '%s\n' '[engine]' "runtime_supports_nocgroup = [\"${runtime##*/}\"]" "[engine.runtimes]" \
		"${runtime##*/} = [\"$runtime\"]" '[containers]' >"$STORE/containers.conf"
	has cgroup_pids || echo 'pids_limit = 0' >>"$STORE/containers.conf"
	words=(env -i "HOME=$STORE/home" PATH=/usr/bin:/bin:/usr/sbin "USER=$USER_NAME" LC_ALL=C.UTF-8
		"CONTAINERS_CONF_OVERRIDE=$STORE/containers.conf")
	if has systemd; then
		open_session
		words+=("XDG_RUNTIME_DIR=/run/user/$USER_ID" "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/$USER_ID/bus")
		session=$SESSION
	fi
	export ENGINE="$BATS_FILE_TMPDIR/as-user ${words[*]} podman --storage-driver vfs --runtime ${runtime##*/}"
	# a program that enters the session's cgroup, if there is one, and becomes the user
	printf '#!/bin/sh\n%s\ncd "%s"\nexec setpriv --reuid %s --regid %s --clear-groups -- "$@"\n' \
		"${session:+echo \$\$ >$session/cgroup.procs}" "$STORE/home" $USER_ID $USER_ID >"$BATS_FILE_TMPDIR/as-user"
	chmod 755 "$BATS_FILE_TMPDIR/as-user"
	tar -C "$TOP/build/batsroot" --exclude='./dev/*' -cf - . | $ENGINE import --quiet - stiva-test >/dev/null 3>&-
}

make_user() {
	getent passwd $USER_ID >/dev/null || useradd --no-create-home --home-dir "$STORE/home" --uid $USER_ID --shell /bin/bash $USER_NAME
	grep -q "^$USER_NAME:" /etc/subuid || echo "$USER_NAME:300000:65536" >>/etc/subuid
	grep -q "^$USER_NAME:" /etc/subgid || echo "$USER_NAME:300000:65536" >>/etc/subgid
	mkdir -p "$STORE/home"
	chown $USER_ID:$USER_ID "$STORE/home"
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/file" "$BATS_FILE_TMPDIR" "$STORE"
}

# A login of the user's, whose scope the commands of the tests enter.
open_session() {
	loginctl enable-linger $USER_NAME
	su --login $USER_NAME -c 'exec sleep infinity' <>/dev/null >&0 2>&0 3>&- 4>&- &
	export LOGIN=$!
	local end=$((SECONDS + 60))
	until [ -S "/run/user/$USER_ID/bus" ] && SESSION=$(find "/sys/fs/cgroup/user.slice/user-$USER_ID.slice" -maxdepth 1 -name 'session-*.scope' | head -n 1) &&
		[ -n "$SESSION" ]; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

teardown_file() {
	quiet system migrate # ends the process that holds podman's user namespace
	[ -z "${LOGIN:-}" ] || kill "$LOGIN"
	! has systemd || loginctl disable-linger $USER_NAME
	rm -rf "/tmp/storage-run-$USER_ID" "/tmp/podman-run-$USER_ID"
}

test_setup() {
	NAME=c$$
	OPTS=(--network none --name "$NAME")
}
test_teardown() { quiet rm --force --time 0 "$NAME"; }

# a container that waits, in the background
waits() {
	good run -d "${OPTS[@]}" "$@" stiva-test probe signals 3
	wait_for logged ready
}
logged() { [[ $($ENGINE logs "$NAME" 2>&1 3>&-) == *"$1"* ]]; }

@test "rootless run: ids, output, status" {
	good run --rm "${OPTS[@]}" stiva-test sh -c 'id -u; cat /proc/self/uid_map; id -u user'
	is "$(sed -n '1p;$p' "$OUT" | xargs)" "0 1000"
	is "$(sed -n '2p' "$OUT" | xargs)" "0 $USER_ID 1"
	eng run --rm "${OPTS[@]}" stiva-test sh -c 'exit 42'
	exits 42
}

@test "E01 E03: rootless run: 127 not found, 126 not executable" {
	eng run --rm "${OPTS[@]}" stiva-test nonesuch
	exits 127
	eng run --rm "${OPTS[@]}" stiva-test /etc/passwd
	exits 126
}

@test "U01: the state of a user's podman is in the user's runtime directory" {
	is_stiva || skip "requires: stiva"
	waits
	good inspect --format '{{.ID}}' "$NAME"
	local found
	found=$(find "/tmp/storage-run-$USER_ID" "/run/user/$USER_ID" -maxdepth 2 -path "*/stiva/$output" 2>/dev/null || true)
	[ -n "$found" ] || fail "no state of $output"
	[ ! -e "/run/stiva/$output" ]
}

@test "rootless exec: output, status, user, terminal; run -it" {
	talks run --rm -it "${OPTS[@]}" stiva-test
	waits
	eng exec "$NAME" sh -c 'echo inside; exit 21'
	exits 21
	prints inside
	good exec --user 1000:1000 --workdir /tmp "$NAME" sh -c 'id -u; pwd'
	is "$(xargs <"$OUT")" "1000 /tmp"
	eng exec "$NAME" nonesuch
	exits 127
	talks exec -it "$NAME"
}

@test "rootless kill, stop, start again, logs, top" {
	waits
	good kill --signal USR1 "$NAME"
	wait_for logged USR1
	good top "$NAME" args
	shows "probe signals"
	good stop --time 10 "$NAME"
	good inspect --format '{{.State.Status}} {{.State.ExitCode}}' "$NAME"
	prints "exited 3"
	good start "$NAME"
	good kill "$NAME"
	good wait "$NAME"
	prints 137
}

@test "rootless --userns keep-id, host, nomap, auto, --user" {
	good run --rm "${OPTS[@]}" --userns keep-id stiva-test sh -c 'id -u; cat /proc/self/uid_map'
	line $USER_ID
	is "$(sed -n 3p "$OUT" | xargs)" "$USER_ID 0 1"
	good run --rm "${OPTS[@]}" --userns host stiva-test cat /proc/self/uid_map
	is "$(head -n 1 "$OUT" | xargs)" "0 $USER_ID 1"
	good run --rm "${OPTS[@]}" --userns nomap stiva-test cat /proc/self/uid_map
	is "$(xargs <"$OUT")" "0 1 65536"
	good run --rm "${OPTS[@]}" --userns auto:size=1000 --user 7 stiva-test id -u
	prints 7
}

@test "rootless volumes, --read-only, --tmpfs" {
	mkdir "$STORE/home/vol.$$"
	chown $USER_ID:$USER_ID "$STORE/home/vol.$$"
	good run --rm "${OPTS[@]}" --read-only -v "$STORE/home/vol.$$:/vol" -v "$STORE/home/vol.$$:/ro:ro" --userns keep-id stiva-test \
		sh -c 'touch /x 2>/dev/null || echo ro; echo data >/vol/file; cat /ro/file; touch /ro/y 2>/dev/null || echo ro2; touch /tmp/z && echo tmp'
	is "$(xargs <"$OUT")" "ro data ro2 tmp"
	is "$(stat -c %u "$STORE/home/vol.$$/file")" $USER_ID
}

@test "rootless --network host, --pid host: /sys and /proc are bound, read-only where they must be" {
	good run --rm --name "$NAME" --network host --pid host stiva-test \
		sh -c 'awk "\$2 == \"/sys\" || \$2 == \"/proc\" { print \$2, substr(\$4, 1, 2) }" /proc/mounts; touch /sys/x 2>/dev/null || echo ro; readlink /proc/self/ns/pid; readlink /proc/self/ns/net'
	line "/sys ro"
	line "/proc rw"
	line ro
	line "$(readlink /proc/self/ns/pid)"
	line "$(readlink /proc/self/ns/net)"
}

@test "rootless devices are bound: null, random, tty; --privileged, --device" {
	good run --rm "${OPTS[@]}" stiva-test sh -c 'echo x >/dev/null && head -c 3 /dev/urandom | wc -c; probe node /dev/tty'
	shows 3
	shows "/dev/tty c 5:0"
	good run --rm "${OPTS[@]}" --privileged stiva-test probe node /dev/full
	shows "/dev/full c 1:7"
}

@test "C17 U07: rootless --cgroups disabled, by the drop-in's list" {
	is_stiva || known_deviation "$RUNTIME_NAME" "the list of names is podman's own"
	good run --rm "${OPTS[@]}" --cgroups disabled stiva-test grep '^0::' /proc/self/cgroup
}

@test "without a cgroup of the user's own a limit is an error, and pause says why" {
	stiva_only
	! has systemd || skip "requires: no session"
	eng run --rm "${OPTS[@]}" --memory 64m stiva-test true
	[ "$status" != 0 ]
	complains "linux.resources.memory"
	waits
	eng pause "$NAME"
	[ "$status" != 0 ]
	complains "no cgroup"
}

@test "a pod of a user's" {
	eng pod create --infra=false --name "p$$"
	[ "$status" = 0 ] || skip "requires: pods without an infra image"
	good run --rm "${OPTS[@]}" --pod "p$$" stiva-test echo podded
	prints podded
	good pod rm --force "p$$"
}

@test "in a session of systemd's: limits, the scope, exec, a terminal, stats, pause, update" {
	requires systemd cgroup_memory cgroup_cpu
	good run --rm "${OPTS[@]}" --memory 64m --cpus 0.5 --userns keep-id -v "$STORE/home:/vol" stiva-test \
		sh -c 'cd /sys/fs/cgroup; cat memory.max cpu.max pids.max; id -u; touch /vol/made'
	is "$(xargs <"$OUT")" "67108864 50000 100000 2048 $USER_ID"
	is "$(stat -c %u "$STORE/home/made")" $USER_ID
	talks run --rm -it "${OPTS[@]}" stiva-test
	waits --memory 64m
	good inspect --format '{{.State.Pid}}' "$NAME"
	[[ $(<"/proc/$output/cgroup") == "0::/user.slice/user-$USER_ID.slice/user@$USER_ID.service/user.slice/libpod-"* ]] ||
		fail "in $(<"/proc/$output/cgroup")"
	good exec "$NAME" cat /sys/fs/cgroup/memory.max
	prints 67108864
	good stats --no-stream --format '{{.Name}} {{.MemLimit}}' "$NAME"
	shows "$NAME"
	good pause "$NAME"
	good unpause "$NAME"
	good update --memory 128m "$NAME"
	good exec "$NAME" cat /sys/fs/cgroup/memory.max
	prints 134217728
}
