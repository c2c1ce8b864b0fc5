#!/usr/bin/env bats
# `mounts add` and `mounts remove`: mounts of a container that runs (conformance U35).
# requires: root cgroup2
# parallel: yes
load helpers

test_setup() {
	mkdir "$WORK/src" "$WORK/canary" "$WORK/canary/dir"
	echo hello >"$WORK/src/test"
	echo file >"$WORK/file"
	echo canary >"$WORK/canary/file"
	canary >"$WORK/canary.before"
}
test_teardown() { chown -R 0:0 "$WORK" 2>/dev/null || true; }
canary() { (cd "$WORK/canary" && find . -printf '%p %i %m %U:%G %C@ %s\n' | sort && cat file); }
alive() { canary | diff "$WORK/canary.before" - || fail "the canary was touched"; }

# list FILTER: the list of mounts, with env.WORK
list() { jq -n "[$1]" >"$WORK/m.json"; }
add() { rt mounts add "$ID" "$WORK/m.json"; }
remove() { rt mounts remove "$ID" "$WORK/m.json"; }
BIND='{destination: "/new/dir", type: "bind", source: (env.WORK + "/src"), options: ["bind", "ro", "nosuid"]}'
mountinfo() { cut -d' ' -f4- "/proc/$(pid_of)/mountinfo"; }
table() { cut -d' ' -f4- /proc/self/mountinfo | sort; }
# in a container that runs $1 as a script and then waits, with further filters
waits() {
	local text="$1
		exec probe wait"
	shift
	script "$text" "$@"
	starts
	mountinfo >"$WORK/info.before"
	table >"$WORK/table.before"
}
as_before() {
	mountinfo | diff "$WORK/info.before" - || fail "mounts of the container"
	table | diff "$WORK/table.before" - || fail "mounts of the host"
}
KEPT=1

@test "U35: a bind, a file, a tmpfs and an mqueue come and go" {
	known_deviation crun "1.21 has no such command yet"
	known_deviation runc "has no such command"
	waits "true" "$(add_mount '{destination: "/foo", type: "tmpfs", source: "tmpfs"}')"
	list '{destination: "/foo/bar", type: "bind", source: (env.WORK + "/src"), options: ["bind", "ro", "noexec"]},
		{destination: "/foo/tmpfs", type: "tmpfs", source: "tmpfs", options: ["mode=700", "nosuid"]},
		{destination: "/foo/f", type: "bind", source: (env.WORK + "/file"), options: ["bind"]}'
	ok mounts add "$ID" "$WORK/m.json"
	ok exec "$ID" sh -c 'cat /foo/bar/test /foo/f; probe node /foo/tmpfs'
	prints $'hello\nfile\n/foo/tmpfs d 0:0 0700 0:0'
	mountinfo | grep -E ' /foo/bar ro,.*noexec'
	mountinfo | grep -E ' /foo/tmpfs rw,nosuid.* - tmpfs'
	table | diff "$WORK/table.before" -
	ok mounts remove "$ID" "$WORK/m.json"
	as_before
	rt exec "$ID" cat /foo/bar/test
	[ "$status" != 0 ]
}

@test "U35: standard input, an object with mounts, nested mounts, two on one place" {
	stiva_only
	waits "true"
	list "{destination: \"/a\", type: \"tmpfs\"}, {destination: \"/a/b/c\", source: env.WORK, options: [\"rbind\"]}, {destination: \"/a\", type: \"tmpfs\", options: [\"ro\"]}"
	jq '{mounts: .}' "$WORK/m.json" >"$WORK/object.json"
	ok mounts add "$ID" - <"$WORK/object.json"
	is "$(mountinfo | grep -c ' /a ')" 2
	ok exec "$ID" sh -c 'ls /a; touch /a/x 2>&1; true'
	prints "touch: /a/x: Read-only file system"
	ok mounts remove "$ID" - <"$WORK/m.json"
	as_before
}

@test "U35: a file system of the host's is made with the host's names" {
	stiva_only
	waits "true"
	mkdir "$WORK/l1" "$WORK/l2"
	echo one >"$WORK/l1/one"
	echo two >"$WORK/l2/two"
	list '{destination: "/ov", type: "overlay", source: "overlay", options: ["ro", "lowerdir=" + env.WORK + "/l1:" + env.WORK + "/l2"]}'
	ok mounts add "$ID" "$WORK/m.json"
	ok exec "$ID" cat /ov/one /ov/two
	prints $'one\ntwo'
	ok mounts remove "$ID" "$WORK/m.json"
	as_before
}

@test "U35: tmpcopyup, an id-mapped bind, propagation" {
	stiva_only
	waits "mkdir /data; echo old >/data/f; chmod 640 /data/f"
	list '{destination: "/data", type: "tmpfs", options: ["tmpcopyup", "ro"]},
		{destination: "/map", type: "bind", source: (env.WORK + "/src"), options: ["bind", "idmap", "slave"],
		 uidMappings: [{containerID: 0, hostID: 1234, size: 1}], gidMappings: [{containerID: 0, hostID: 5678, size: 1}]}'
	ok mounts add "$ID" "$WORK/m.json"
	ok exec "$ID" sh -c 'cat /data/f; probe node /data/f /map/test; touch /data/x 2>/dev/null || echo ro'
	prints $'old\n/data/f f 0:0 0640 0:0\n/map/test f 0:0 0644 1234:5678\nro'
	ok mounts remove "$ID" "$WORK/m.json"
	as_before
}

@test "U35: a list that fails leaves nothing, whichever of its mounts it is" {
	stiva_only
	waits "mkdir /there"
	for bad in '{destination: "/x", type: "bind", source: (env.WORK + "/none"), options: ["bind"]}' \
		'{destination: "/new/f/x", type: "tmpfs"}' '{destination: "/new/f", type: "bind", source: (env.WORK + "/src"), options: ["bind"]}' \
		'{destination: "/x", type: "tmpfs", options: ["nonesuch"]}' '{destination: "/x", type: "nonesuchfs"}' \
		'{destination: "/proc/self/attr", type: "tmpfs"}' '{destination: "/proc/sys", type: "bind", source: env.WORK, options: ["bind"]}'; do
		list "{destination: \"/there\", type: \"tmpfs\"}, {destination: \"/there/in\", type: \"tmpfs\"},
			{destination: \"/new/f\", type: \"bind\", source: (env.WORK + \"/file\"), options: [\"bind\"]}, $bad"
		add
		refused
		as_before
		[ ! -e "$BUNDLE/rootfs/new/f" ] || fail "the mount point is left"
		[ -d "$BUNDLE/rootfs/there" ]
	done
	# and what failed is not on record
	list '{destination: "/there"}'
	remove
	refused "put nothing at"
}

@test "U35: what a killed helper has left can be removed" {
	stiva_only
	requires debug_faults
	waits true
	list "$BIND" '{destination: "/new/dir", type: "tmpfs", source: "t"}'
	RUNTIME=$RUNTIME_FAULTS
	STIVA_FAULT=mounts-add.ready:kill rt mounts add "$ID" "$WORK/m.json"
	[ "$status" != 0 ]
	mountinfo | grep -q ' /new/dir .* - tmpfs'
	ok mounts remove "$ID" "$WORK/m.json"
	as_before
}

@test "U35: bad input is one line" {
	stiva_only
	waits "true"
	for text in '' '{' '[' '[1]' '{}' '[],' '[] []' '[], "x": []' '"x"' '{"mounts": 1}' '[{"destination": "/x"}]' \
		'[{"type": "tmpfs"}]' '[{"destination": "", "type": "tmpfs"}]' '[{"destination": "/x", "type": "tmpfs", "options": "ro"}]' \
		'[{"destination": "/x\u0000y", "type": "tmpfs"}]' '[{"destination": "/x\ny", "type": "tmpfs"}]' \
		'[{"destination": "/x", "type": "bind", "options": ["bind"]}]' \
		'[{"destination": "/x", "type": "tmpfs", "options": ["mode=9"]}]' \
		'[{"destination": "/x", "type": "bind", "source": "/etc", "options": ["bind", "idmap"]}]' \
		'[{"destination": "/", "type": "tmpfs"}]' '[{"destination": "/proc", "type": "proc"}]' \
		'[{"destination": "/x", "type": "proc"}]' '[{"destination": "/x", "type": "sysfs"}]' \
		'[{"destination": "/x", "type": "cgroup2"}]' '[{"destination": "/dev", "type": "tmpfs"}]' \
		'[{"destination": "/sys/../..//", "type": "tmpfs"}]' '[{"destination": "/tmp", "options": ["remount", "ro"]}]'; do
		printf '%s' "$text" >"$WORK/m.json"
		add
		refused "mounts add $ID: "
		as_before
	done
	rt mounts add "$ID" "$WORK/none.json"
	refused none.json "no such file"
	rt mounts add "$ID" "$WORK"
	refused "is a directory"
	head -c 17000000 /dev/zero >"$WORK/m.json"
	add
	refused "too large"
	list "$BIND"
	rt mounts change "$ID" "$WORK/m.json"
	refused "add or remove"
	rt mounts add "$ID"
	refused
	rt mounts add nonesuch "$WORK/m.json"
	refused "does not exist"
	printf '[]' >"$WORK/m.json"
	ok mounts add "$ID" "$WORK/m.json"
	as_before
}

@test "U35: remove takes what add has put, nothing else" {
	stiva_only
	waits "mkdir /t && mount -t tmpfs own /t; mkdir /p" "$ALL_CAPS"
	for d in /proc /proc/keys /sys /dev /dev/shm /t / /none /etc; do
		list "{destination: \"$d\"}"
		remove
		refused "$d"
	done
	# all or nothing
	list "$BIND"
	ok mounts add "$ID" "$WORK/m.json"
	list "$BIND, {destination: \"/proc/keys\"}"
	remove
	refused
	mountinfo | grep -q ' /new/dir '
	# the container has covered it, or moved it away
	ok exec "$ID" mount -t tmpfs cover /new/dir
	list "$BIND"
	remove
	refused "not there any more"
	ok exec "$ID" umount /new/dir
	ok exec "$ID" umount /new/dir
	remove
	refused "not there any more"
	ok mounts add "$ID" "$WORK/m.json"
	ok mounts remove "$ID" "$WORK/m.json"
	as_before
}

@test "U35: a container that redirects the place does not get a mask lifted" {
	stiva_only
	waits "mkdir -p /m" "$ALL_CAPS"
	list '{destination: "/m/keys", type: "bind", source: (env.WORK + "/file"), options: ["bind"]}'
	ok mounts add "$ID" "$WORK/m.json"
	ok exec "$ID" sh -c 'mv /m /n && ln -s /proc /m'
	remove
	refused "not there any more"
	ok exec "$ID" sh -c 'wc -c </proc/keys'
	prints 0
	ok exec "$ID" sh -c 'rm /m && mv /n /m'
	ok mounts remove "$ID" "$WORK/m.json"
	as_before
}

@test "U35: destinations through hostile links stay inside" {
	stiva_only
	waits "mkdir /d"
	for target in "$WORK/canary" "$WORK/canary/dir" "../../../../../../../..$WORK/canary" "/proc/1/root$WORK/canary" \
		/proc/self/cwd /proc/1/cwd /proc/self/fd/3 /proc/self/root /. / loop "$WORK/canary/new/deep"; do
		for m in '{destination: "/d/l", type: "tmpfs"}' '{destination: "/d/l/x/y", type: "tmpfs"}' \
			'{destination: "/d/l", type: "bind", source: (env.WORK + "/file"), options: ["bind"]}' \
			'{destination: "/d/l/file", type: "bind", source: (env.WORK + "/file"), options: ["bind", "dest-nofollow"]}' \
			'{destination: "/d/l/", type: "bind", source: (env.WORK + "/src"), options: ["rbind"]}'; do
			rm -rf "$BUNDLE/rootfs/d/l" "$BUNDLE/rootfs/d/loop" 2>/dev/null || true
			ln -s loop "$BUNDLE/rootfs/d/loop"
			ln -s "$target" "$BUNDLE/rootfs/d/l"
			list "$m"
			add
			alive
			table | diff "$WORK/table.before" -
			if [ "$status" = 0 ]; then
				ok mounts remove "$ID" "$WORK/m.json"
				mountinfo | diff "$WORK/info.before" -
			else
				refused
			fi
		done
	done
}

@test "U35: while the container swaps the way, nothing leads out" {
	stiva_only
	# the swapper is in the container, as hostile code is
	waits "mkdir /d; (while :; do mkdir /d/s; rmdir /d/s; ln -s $WORK/canary /d/s; rm /d/s; ln -s / /d/s; rm /d/s; ln -s ../proc /d/s; rm /d/s; done) 2>/dev/null &
		true"
	list '{destination: "/d/s/x", type: "tmpfs"}, {destination: "/d/s/f", type: "bind", source: (env.WORK + "/file"), options: ["bind"]}'
	local n=0
	for _ in {1..60}; do
		add
		alive
		table | diff "$WORK/table.before" -
		! mountinfo | grep -E ' /proc/(x|f) ' || fail "in a procfs"
		if [ "$status" = 0 ]; then n=$((n + 1)); else refused; fi
	done
	echo "$n of 60 went in" >&2
}

@test "U35: a read-only root" {
	stiva_only
	waits "true" '.root.readonly = true'
	list "$BIND"
	add
	refused /new/dir "read-only file system"
	as_before
	list '{destination: "/mnt", type: "bind", source: (env.WORK + "/src"), options: ["bind"]}'
	[ -d "$BUNDLE/rootfs/mnt" ]
	ok mounts add "$ID" "$WORK/m.json"
	ok exec "$ID" cat /mnt/test
	prints hello
	ok mounts remove "$ID" "$WORK/m.json"
	as_before
}

@test "U35: in a user namespace" {
	requires userns
	known_deviation crun "1.21 has no such command yet"
	known_deviation runc "has no such command"
	script "exec probe wait" "$USERNS" "$(add_mount '{destination: "/foo", type: "tmpfs", source: "tmpfs"}')"
	open_bundle
	chmod o+x "$WORK"
	starts
	mountinfo >"$WORK/info.before"
	list '{destination: "/foo/bar", type: "bind", source: (env.WORK + "/src"), options: ["bind", "ro"]},
		{destination: "/foo/tmpfs", type: "tmpfs", source: "tmpfs"}'
	# the source is reachable for the caller only
	chmod 700 "$WORK/src"
	chmod 700 "$WORK/file"
	ok mounts add "$ID" "$WORK/m.json"
	chmod 755 "$WORK/src"
	ok exec "$ID" sh -c 'cat /foo/bar/test; probe node /foo/tmpfs; touch /foo/tmpfs/x && echo mine'
	line hello
	line "mine"
	shows "/foo/tmpfs d"
	mountinfo | grep -E ' /foo/bar ro,'
	ok mounts remove "$ID" "$WORK/m.json"
	mountinfo | diff "$WORK/info.before" -
	if is_stiva; then
		list '{destination: "/foo/m", type: "bind", source: (env.WORK + "/src"), options: ["bind", "idmap"]}'
		ok mounts add "$ID" "$WORK/m.json"
		ok exec "$ID" probe node /foo/m/test
		prints "/foo/m/test f 0:0 0644 0:0"
	fi
}

@test "U35: an id-mapped bind has the maps of the container, whatever its config's path leads to by now" {
	requires userns
	known_deviation crun "1.21 has no such command yet"
	known_deviation runc "has no such command"
	background unshare --user sh -c 'echo up >"$WORK/up"; exec sleep 100'
	wait_for test -s "$WORK/up"
	echo 0 100000 65536 >"/proc/$JOB/uid_map"
	echo 0 100000 65536 >"/proc/$JOB/gid_map"
	script 'echo ready; exec probe wait' "$(ns_path user "/proc/$JOB/ns/user")"
	open_bundle
	starts
	kill -9 "$JOB"
	wait_for test ! -e "/proc/$JOB/ns/user"
	chown 1:2 "$WORK/src/test"
	list '{destination: "/mnt", type: "bind", source: (env.WORK + "/src"), options: ["bind", "idmap"]}'
	ok mounts add "$ID" "$WORK/m.json"
	ok exec "$ID" stat -c %u:%g /mnt/test
	prints 1:2
}

@test "U35: stopped, created, paused, unknown" {
	stiva_only
	bundle '.process.args = ["/bin/sh", "-c", "cat /new/dir/test; exec probe wait"]'
	list "$BIND"
	ok create -b "$BUNDLE" "$ID"
	STDOUT=$OUT
	ok mounts add "$ID" "$WORK/m.json"
	ok start "$ID"
	wait_for said ready
	grep -qx hello "$STDOUT"
	ok pause "$ID"
	DEADLINE=10 ok mounts remove "$ID" "$WORK/m.json"
	DEADLINE=10 ok mounts add "$ID" "$WORK/m.json"
	status_is paused
	mountinfo | grep -q ' /new/dir '
	ok resume "$ID"
	ok kill "$ID" KILL
	stopped
	add
	refused "not running"
	remove
	refused "not running"
}

@test "U35: a container without a pivot" {
	stiva_only
	script "exec probe wait"
	ok run --no-pivot -d -b "$BUNDLE" "$ID"
	STDOUT=$OUT
	wait_for said ready
	list "$BIND"
	ok mounts add "$ID" "$WORK/m.json"
	ok exec "$ID" cat /new/dir/test
	prints hello
	[ -d "$BUNDLE/rootfs/new/dir" ]
	ok mounts remove "$ID" "$WORK/m.json"
	rt exec "$ID" cat /new/dir/test
	[ "$status" != 0 ]
}

@test "U35: hundreds at once, with few file descriptors" {
	stiva_only
	waits "true"
	jq -n '[range(300) | {destination: "/many/\(.)", type: "tmpfs"}]' >"$WORK/m.json"
	ok mounts add "$ID" "$WORK/m.json"
	is "$(mountinfo | grep -c ' /many/')" 300
	ok mounts remove "$ID" "$WORK/m.json"
	as_before
}

@test "U35: two callers at once" {
	stiva_only
	waits "true"
	for i in 1 2 3 4; do
		jq -n "[range(20) | {destination: \"/c$i/\\(.)\", type: \"tmpfs\"}]" >"$WORK/c$i.json"
		background "$RUNTIME" --root "$ROOT" mounts add "$ID" "$WORK/c$i.json"
	done
	for job in "${JOBS[@]}"; do wait "$job"; done
	is "$(mountinfo | grep -cE ' /c[1-4]/')" 80
	for i in 1 2 3 4; do ok mounts remove "$ID" "$WORK/c$i.json"; done
	as_before
}

@test "U35: no process or descriptor of ours is seen in the container" {
	stiva_only
	waits "(while :; do for p in /proc/[0-9]*; do case \$(cat \$p/comm 2>/dev/null) in stiva*) echo seen >/seen ;; esac; done; done) &"
	list "$BIND"
	for _ in {1..10}; do
		ok mounts add "$ID" "$WORK/m.json"
		ok mounts remove "$ID" "$WORK/m.json"
	done
	[ ! -e "$BUNDLE/rootfs/seen" ]
}
