#!/usr/bin/env bats
# Another user than root: a user namespace of his own, no cgroup, no privileges.
# requires: root rootless userns
# parallel: yes
load helpers

USER_ID=1234

# a bundle of the user's own, from the runtime's `spec --rootless` shape
test_setup() {
	mkdir "$WORK/home"
	cp "$RUNTIME" "$WORK/home/$RUNTIME_NAME"
	RT=$WORK/home/$RUNTIME_NAME
	ROOT=$WORK/home/state
	bundle "$(add_ns user)" "$(without_ns network)" "$(without_ns cgroup)" \
		".linux.uidMappings = [{containerID: 0, hostID: $USER_ID, size: 1}] | .linux.gidMappings = [{containerID: 0, hostID: $USER_ID, size: 1}]" \
		'del(.linux.resources)' '(.mounts[].options // empty) |= map(select(startswith("gid=") | not))' \
		'.mounts |= map(select(.type != "cgroup" and .type != "sysfs"))' \
		'.mounts += [{destination: "/sys", type: "none", source: "/sys", options: ["rbind", "nosuid", "noexec", "nodev", "ro"]}]'
	mkdir "$WORK/run"
	chown -R --no-dereference $USER_ID:$USER_ID "$WORK/bundle" "$WORK/home" "$WORK/run"
	chmod 755 "$WORK" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$WORK/home"
}
test_teardown() {
	user delete --force "$ID" || true
	rm -rf "${WORK:?}/home"
}

# the runtime as that user
user() {
	LAST="$RUNTIME_NAME $* (as user $USER_ID)"
	RUNS=$((RUNS + 1))
	OUT=$WORK/.out.$RUNS ERR=$WORK/.err.$RUNS
	status=0
	env -i PATH="$PATH" HOME="$WORK/home" XDG_RUNTIME_DIR="$WORK/run" timeout -k 2 20 "$PROBE" as $USER_ID $USER_ID \
		"$RT" --root "$ROOT" "$@" >"$OUT" 2>"$ERR" 3>&- 4>&- || status=$?
	output=$(<"$OUT") stderr=$(<"$ERR")
}
edit() {
	config "$@"
	chown $USER_ID "$BUNDLE/config.json"
}

@test "a user runs a container" {
	edit '.process.args = ["/bin/sh", "-c", "id -u; cat /proc/self/uid_map; echo fine >/made; probe node /dev/null"]'
	user run -b "$BUNDLE" "$ID"
	exits 0
	line 0
	is "$(sed -n 2p "$OUT" | xargs)" "0 $USER_ID 1"
	shows "/dev/null c 1:3"
	is "$(stat -c %u "$BUNDLE/rootfs/made")" "$USER_ID"
}

@test "create, start, exec, kill, delete by a user" {
	edit '.process.args = ["/bin/probe", "signals", "0"]'
	user create -b "$BUNDLE" "$ID"
	exits 0
	STDOUT=$OUT
	user start "$ID"
	exits 0
	wait_for said ready
	user exec "$ID" probe ids
	exits 0
	line "uid 0 0 0"
	user state "$ID"
	is "$(jq -r .status "$OUT")" running
	user kill "$ID" TERM
	exits 0
	gone() {
		user state "$ID"
		[ "$(jq -r .status "$OUT")" = stopped ]
	}
	wait_for gone
	user delete "$ID"
	exits 0
	[ ! -e "$ROOT/$ID" ]
}

@test "exit statuses and output are those of the program" {
	edit '.process.args = ["/bin/sh", "-c", "echo out; echo err >&2; exit 33"]'
	user run -b "$BUNDLE" "$ID"
	exits 33
	prints out
}

@test "additional groups without setgroups are refused" {
	known_deviation crun "leaves them out silently"
	edit '.process.user.additionalGids = [0]'
	user run -b "$BUNDLE" "$ID"
	is_stiva || [ "$status" != 0 ]
	if is_stiva; then KEPT=1 refused additionalGids; fi
}

@test "limits without a delegated cgroup are refused, not left out" {
	known_deviation crun "leaves them out"
	edit '.linux.resources.memory.limit = 100000000'
	user run -b "$BUNDLE" "$ID"
	[ "$status" != 0 ]
	if is_stiva; then KEPT=1 refused; fi
}

@test "N06: without a user namespace there is a hint" {
	known_deviation crun "makes one"
	edit "$(without_ns user)" 'del(.linux.uidMappings, .linux.gidMappings)'
	user run -b "$BUNDLE" "$ID"
	[ "$status" != 0 ]
	if is_stiva; then KEPT=1 refused "user namespace"; fi
}

@test "a mapping of ids that the user has not is refused" {
	edit '.linux.uidMappings = [{containerID: 0, hostID: 0, size: 1}]'
	user run -b "$BUNDLE" "$ID"
	[ "$status" != 0 ]
	if is_stiva; then KEPT=1 refused; fi
}

@test "N04: a user namespace without maps gets the caller's own ids" {
	known_deviation runc "wants maps"
	edit 'del(.linux.uidMappings, .linux.gidMappings)' '.process.args = ["/bin/probe", "ids"]'
	user run -b "$BUNDLE" "$ID"
	exits 0
	line "uid 0 0 0"
}

@test "N04: ranges of /etc/subuid are mapped by newuidmap" {
	known_deviation runc "refuses every additional group"
	requires newuidmap
	[ -w /etc/subuid ] || skip "requires: a writable /etc/subuid"
	grep -q "^$USER_ID:" /etc/subuid || echo "$USER_ID:200000:65536" >>/etc/subuid
	grep -q "^$USER_ID:" /etc/subgid || echo "$USER_ID:200000:65536" >>/etc/subgid
	grep -q ":x:$USER_ID:" /etc/passwd || echo "u$USER_ID:x:$USER_ID:$USER_ID::/tmp:/bin/sh" >>/etc/passwd
	edit ".linux.uidMappings = [{containerID: 0, hostID: $USER_ID, size: 1}, {containerID: 1, hostID: 200000, size: 65536}]" \
		".linux.gidMappings = [{containerID: 0, hostID: $USER_ID, size: 1}, {containerID: 1, hostID: 200000, size: 65536}]" \
		'.process.args = ["/bin/probe", "ids"]' '.process.user = {uid: 1000, gid: 1000, additionalGids: [7]}'
	user run -b "$BUNDLE" "$ID"
	exits 0
	line "uid 1000 1000 1000"
	[[ $output == *groups*7* ]]
}

@test "U01: the default root folder is in XDG_RUNTIME_DIR" {
	edit '.process.args = ["/bin/probe", "wait"]'
	env -i PATH="$PATH" XDG_RUNTIME_DIR="$WORK/run" "$PROBE" as $USER_ID $USER_ID "$RT" create -b "$BUNDLE" "$ID" >/dev/null 3>&-
	[ -d "$WORK/run/$RUNTIME_NAME/$ID" ]
	# sticky: systemd-tmpfiles leaves it alone
	! is_stiva || is "$(stat -c %a "$WORK/run/stiva")" 1700
	env -i PATH="$PATH" XDG_RUNTIME_DIR="$WORK/run" "$PROBE" as $USER_ID $USER_ID "$RT" delete --force "$ID" 3>&-
	[ ! -d "$WORK/run/$RUNTIME_NAME/$ID" ]
}

@test "D05: devices are bound from the host, and their type and numbers are proved" {
	edit '.linux.devices = [{type: "c", path: "/dev/full", major: 1, minor: 7}]' '.process.args = ["/bin/probe", "node", "/dev/full", "/dev/null"]'
	user run -b "$BUNDLE" "$ID"
	exits 0
	shows "/dev/full c 1:7"
	shows "/dev/null c 1:3"
	for d in '{type: "c", path: "/dev/full", major: 1, minor: 5}' '{type: "c", path: "/dev/nonesuch", major: 1, minor: 5}'; do
		edit ".linux.devices = [$d]"
		user run -b "$BUNDLE" "$ID"
		[ "$status" != 0 ]
		if is_stiva; then KEPT=1 refused 'linux.devices[0]'; fi
	done
}

@test "a terminal for a user" {
	edit '.process.terminal = true' '.process.args = ["/bin/probe", "tty"]'
	chmod 666 "$WORK"/.out.* 2>/dev/null || true
	env -i PATH="$PATH" XDG_RUNTIME_DIR="$WORK/run" "$PROBE" as $USER_ID $USER_ID "$PROBE" pty "$RT" --root "$ROOT" run -b "$BUNDLE" "$ID" 3>&- | tr -d '\r' >"$WORK/o"
	grep -qx "isatty 1 1 1" "$WORK/o" || fail "$(<"$WORK/o")"
}

@test "U35: a user adds a tmpfs to a running container; a bind is refused with the reason" {
	stiva_only
	edit '.process.args = ["/bin/sh", "-c", "exec probe wait"]'
	user run -d -b "$BUNDLE" "$ID"
	exits 0
	STDOUT=$OUT
	wait_for said ready
	echo '[{"destination": "/new/dir", "type": "tmpfs", "options": ["mode=755"]}]' >"$WORK/run/m.json"
	user mounts add "$ID" "$WORK/run/m.json"
	exits 0
	user exec "$ID" sh -c 'touch /new/dir/x && probe mount /new/dir'
	shows "/new/dir 1021994"
	user mounts remove "$ID" "$WORK/run/m.json"
	exits 0
	user exec "$ID" ls /new/dir
	prints ""
	echo '[{"destination": "/b", "type": "bind", "source": "/etc", "options": ["bind"]}]' >"$WORK/run/m.json"
	KEPT=1
	user mounts add "$ID" "$WORK/run/m.json"
	refused /b "operation not permitted" "root"
}
