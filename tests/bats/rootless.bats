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
	sed -i "/^$USER_ID:/d" /etc/subuid /etc/subgid 2>/dev/null || true
	[ -z "${USER_CGROUP:-}" ] || rmdir "$USER_CGROUP" "${USER_CGROUP%/*}"
}

# the runtime as that user
user() {
	LAST="$RUNTIME_NAME $* (as user $USER_ID)"
	RUNS=$((RUNS + 1))
	OUT=$WORK/.out.$RUNS ERR=$WORK/.err.$RUNS
	status=0
	env -i PATH="$PATH" HOME="$WORK/home" XDG_RUNTIME_DIR="$WORK/run" USER_CGROUP="${USER_CGROUP:-}" \
		sh -c '[ -z "$USER_CGROUP" ] || echo $$ >"$USER_CGROUP/cgroup.procs"; exec "$@"' - \
		timeout -k 2 "${DEADLINE:-20}" "$PROBE" as $USER_ID $USER_ID \
		"$RT" --root "$ROOT" "$@" >"$OUT" 2>"$ERR" 3>&- 4>&- || status=$?
	output=$(<"$OUT") stderr=$(<"$ERR")
}
edit() {
	config "$@"
	chown $USER_ID "$BUNDLE/config.json"
}

# ranges of ids for the user, as useradd gives them
ranges() {
	[ -w /etc/subuid ] || skip "requires: a writable /etc/subuid"
	grep -q "^$USER_ID:" /etc/subuid || echo "$USER_ID:200000:65536" >>/etc/subuid
	grep -q "^$USER_ID:" /etc/subgid || echo "$USER_ID:200000:65536" >>/etc/subgid
	grep -q ":x:$USER_ID:" /etc/passwd || echo "u$USER_ID:x:$USER_ID:$USER_ID::/tmp:/bin/sh" >>/etc/passwd
}
# The user's bundle is as `spec --rootless` writes it, then the filters change it.
specs() {
	rm "$BUNDLE/config.json"
	user spec --bundle "$BUNDLE" --rootless
	exits 0
	cp "$BUNDLE/config.json" "$WORK/as-written.json"
	edit '.process.terminal = false' "$@"
}
# runs_as_user SCRIPT FILTER...: a program of the changed config
runs_as_user() {
	export SCRIPT=$1
	shift
	edit '.process.args = ["/bin/sh", "-c", env.SCRIPT]' "$@"
	user run -b "$BUNDLE" "$ID"
}
# A subtree of cgroups that is the user's: what a session's manager would give. The user's
# commands run in its child "login", so that siblings can be made.
delegates() {
	USER_CGROUP=$CG/deleg.$ID/login
	mkdir -p "$USER_CGROUP"
	# the controllers that are there, for the subtree
	sed 's/[a-z]\+/+&/g' "$CG/cgroup.controllers" >"$CG/cgroup.subtree_control" 2>/dev/null || true
	chown $USER_ID "${USER_CGROUP%/*}" "${USER_CGROUP%/*}"/cgroup.{procs,subtree_control,threads} "$USER_CGROUP" "$USER_CGROUP/cgroup.procs"
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
	ranges
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

@test "spec --rootless, then the whole life, with one id" {
	known_deviation crun "its spec maps no ids"
	specs '.process.args = ["/bin/probe", "signals", "0"]'
	is "$(jq -c .linux.uidMappings "$WORK/as-written.json")" "[{\"containerID\":0,\"hostID\":$USER_ID,\"size\":1}]"
	is "$(jq -c '[.mounts[].options[]? | select(test("^[ug]id="))]' "$WORK/as-written.json")" "[]"
	user create -b "$BUNDLE" "$ID"
	exits 0
	STDOUT=$OUT
	user list --format json
	is "$(jq -r '.[] | [.id, .status] | join(" ")' "$OUT")" "$ID created"
	user start "$ID"
	exits 0
	wait_for said ready
	user exec "$ID" sh -c 'id -u; grep "^0::" /proc/self/cgroup; exit 5'
	exits 5
	line 0
	if is_stiva; then
		user ps --format json "$ID"
		is "$(jq length "$OUT")" 1
		user pause "$ID"
		KEPT=1 refused "no cgroup"
	fi
	user state "$ID"
	is "$(jq -r .status "$OUT")" running
	user kill "$ID" TERM
	exits 0
	is "$stderr" ""
	gone() {
		user state "$ID"
		[ "$(jq -r .status "$OUT")" = stopped ]
	}
	wait_for gone
	user delete "$ID"
	exits 0
	user list -q
	prints ""
}

@test "spec --rootless, then a run, with the ranges of /etc/subuid" {
	requires newuidmap
	stiva_only
	ranges
	specs
	is "$(jq -c .linux.uidMappings "$WORK/as-written.json")" \
		"[{\"containerID\":0,\"hostID\":$USER_ID,\"size\":1},{\"containerID\":1,\"hostID\":200000,\"size\":65536}]"
	is "$(jq -c .linux.gidMappings "$WORK/as-written.json")" "$(jq -c .linux.uidMappings "$WORK/as-written.json")"
	runs_as_user 'id -u; id -G; touch /tmp/x && chown 1000:1000 /tmp/x && stat -c %u /tmp/x; stat -c %g /dev/tty; mount | grep -c devpts.*gid' \
		'.process.user = {uid: 0, gid: 0, additionalGids: [7]}' '.root.readonly = false' '.process.capabilities[] += ["CAP_CHOWN"]'
	exits 0
	line "0 7"
	line 1000
	is "$(stat -c %u "$BUNDLE/rootfs/tmp/x")" 200999
	rm "$BUNDLE/rootfs/tmp/x"
	rm -rf "$BUNDLE/config.json"
}

@test "M24: /sys without a network namespace of one's own is the host's, read-only; /proc without a pid namespace too" {
	known_deviation runc "refuses"
	known_deviation crun "1.21 does not follow for proc"
	runs_as_user 'awk "\$2 == \"/sys\" || \$2 == \"/proc\" { print \$2, \$3, substr(\$4, 1, 2) }" /proc/mounts; touch /sys/x 2>/dev/null || echo ro; readlink /proc/self/ns/net; readlink /proc/self/ns/pid; ls -d /proc/self/fd' \
		"$(without_ns pid)" '.mounts |= map(if .destination == "/sys" then {destination: "/sys", type: "sysfs", source: "sysfs", options: ["ro", "nosuid", "nodev", "noexec"]} else . end)'
	exits 0
	line "/sys sysfs ro"
	line ro
	line "/proc proc rw"
	line "$(readlink /proc/self/ns/net)"
	line "$(readlink /proc/self/ns/pid)"
	line /proc/self/fd
}

@test "M24: devpts keeps no gid that is not mapped" {
	known_deviation runc "refuses"
	runs_as_user 'grep devpts /proc/mounts; probe node /dev/pts/ptmx' \
		'.mounts |= map(if .destination == "/dev/pts" then .options += ["gid=5"] else . end)'
	exits 0
	shows_not gid=
	shows "/dev/pts/ptmx c 5:2"
}

@test "devices of a user are the host's, bound; one that the host has not is an error" {
	runs_as_user 'for i in null zero full random urandom tty; do probe node /dev/$i; done; echo x >/dev/null; probe node /dev/f' \
		'.linux.devices = [{path: "/dev/f", type: "c", major: 1, minor: 7, fileMode: 438}]'
	known_deviation runc "does not bind a device under another name"
	known_deviation crun "does not bind a device under another name"
	[ "$status" != 0 ]
	KEPT=1 refused "linux.devices[0]" "/dev/f"
	runs_as_user 'for i in null zero full random urandom tty; do probe node /dev/$i; done; head -c 1 /dev/zero | wc -c' '.linux.devices = [{path: "/dev/full", type: "c", major: 1, minor: 7}]'
	exits 0
	shows "/dev/null c 1:3 0666"
	line 1
}

@test "overlay as a user's mount, with userxattr; the bundle's root read-only" {
	local dir=$WORK/home/ov
	mkdir -p "$dir"/{lower,upper,work}
	echo low >"$dir/lower/f"
	chown -R $USER_ID:$USER_ID "$dir"
	export dir
	runs_as_user 'cat /mnt/f; echo new >/mnt/f; rm -f /mnt/none; touch /x 2>/dev/null || echo ro; grep -c "^overlay /mnt.*userxattr" /proc/mounts' '.root.readonly = true' \
		'.mounts += [{destination: "/mnt", type: "overlay", source: "overlay",
		options: ["lowerdir=" + env.dir + "/lower", "upperdir=" + env.dir + "/upper", "workdir=" + env.dir + "/work", "userxattr"]}]'
	exits 0
	is "$(xargs <"$OUT")" "low ro 1"
	is "$(<"$dir/upper/f")" new
	is "$(<"$dir/lower/f")" low
	chown -R 0:0 "$dir"
	chmod -R u+rwX "$dir"
}

@test "no cgroup of the user's own: no limits, and one warning says so" {
	stiva_only
	edit '.process.args = ["/bin/sh", "-c", "cat /proc/self/cgroup"]'
	user run -b "$BUNDLE" "$ID"
	exits 0
	is "$(grep -c "no cgroup" "$ERR")" 1
	is "$(wc -l <"$ERR")" 1
}

@test "a delegated cgroup: a sibling of the user's own, pause, resume, kill, gone afterwards" {
	delegates
	edit '.process.args = ["/bin/probe", "signals", "0"]' "$(add_ns cgroup)" \
		'.mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", "nosuid", "nodev", "noexec"]}]'
	known_deviation crun "puts it below its own cgroup"
	known_deviation runc "makes none without a path"
	user run -d -b "$BUNDLE" "$ID"
	exits 0
	STDOUT=$OUT
	wait_for said ready
	local dir=${USER_CGROUP%/*}/$ID
	is "$(wc -l <"$dir/cgroup.procs")" 1
	user pause "$ID"
	exits 0
	is "$(sed -n 's/^frozen //p' "$dir/cgroup.events")" 1
	user resume "$ID"
	exits 0
	user exec "$ID" cat /proc/self/cgroup
	line 0::/
	user delete --force "$ID"
	exits 0
	[ ! -d "$dir" ]
}

@test "a delegated cgroup: limits of a user's" {
	requires cgroup_memory cgroup_pids
	delegates
	edit '.linux.resources = {memory: {limit: 100000000}, pids: {limit: 20}}' '.process.args = ["/bin/probe", "signals", "0"]'
	known_deviation crun "puts it below its own cgroup"
	known_deviation runc "makes none without a path"
	user run -d -b "$BUNDLE" "$ID"
	exits 0
	local dir=${USER_CGROUP%/*}/$ID
	is "$(xargs <"$dir/memory.max")" 99999744
	is "$(xargs <"$dir/pids.max")" 20
	user update --pids-limit 30 "$ID"
	exits 0
	is "$(xargs <"$dir/pids.max")" 30
	user delete --force "$ID"
	exits 0
	[ ! -d "$dir" ]
}

@test "what the kernel forbids a user is an error that names it" {
	stiva_only
	edit "$(ns_path network /proc/1/ns/net)"
	user run -b "$BUNDLE" "$ID"
	refused "linux.namespaces" "/proc/1/ns/net"
	edit "$(without_ns network)" '.process.oomScoreAdj = -900'
	user run -b "$BUNDLE" "$ID"
	refused "process.oomScoreAdj"
	edit 'del(.process.oomScoreAdj)' '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 1024, hard: 500000000}]'
	user run -b "$BUNDLE" "$ID"
	refused "process.rlimits[0]" RLIMIT_NOFILE
	edit 'del(.process.rlimits)' '.linux.sysctl = {"kernel.shm_rmid_forced": "x1"}'
	user run -b "$BUNDLE" "$ID"
	refused "kernel.shm_rmid_forced"
	edit 'del(.linux.sysctl)' '.linux.cgroupsPath = "/elsewhere/x"'
	user run -b "$BUNDLE" "$ID"
	refused "cgroup" "elsewhere"
}

@test "U01: without XDG_RUNTIME_DIR and --root a user is told what to set" {
	stiva_only
	status=0
	env -i PATH="$PATH" "$PROBE" as $USER_ID $USER_ID "$RT" list >"$OUT" 2>"$ERR" 3>&- || status=$?
	output=$(<"$OUT") stderr=$(<"$ERR")
	KEPT=1 refused XDG_RUNTIME_DIR --root
}

@test "U01: root of a user namespace has the user's state directory, unless USER is root" {
	stiva_only
	mkdir -p "$WORK/run/stiva"
	chown $USER_ID "$WORK/run/stiva"
	traced() { env -i PATH="$PATH" XDG_RUNTIME_DIR="$WORK/run" "$@" "$PROBE" as $USER_ID $USER_ID unshare -r strace -f -e trace=file "$RT" state nobody 2>&1 3>&- | grep -o '"[^"]*/stiva"' | sort -u; }
	command -v strace >/dev/null || skip "requires: strace"
	traced | grep -qxF "\"$WORK/run/stiva\""
	traced USER=root | grep -qxF '"/run/stiva"'
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

@test "V67: device rules of a user's container are no obstacle" {
	edit '.process.args = ["/bin/sh", "-c", ": </dev/null && echo fine"]' \
		'.linux.resources.devices = [{allow: false, access: "rwm"}]'
	user run -b "$BUNDLE" "$ID"
	exits 0
	line fine
}
