#!/usr/bin/env bats
# User namespaces with id maps, made by root.
# requires: root userns cgroup2
# parallel: yes
load helpers

test_teardown() { chown -R 0:0 "$WORK" 2>/dev/null || true; }

@test "N04: the maps of the configuration are those of the container" {
	program cat /proc/self/uid_map /proc/self/gid_map -- "$USERNS"
	open_bundle
	runs
	is "$(xargs <"$OUT")" "0 100000 65536 0 100000 65536"
}

@test "N04: several map lines, for users and groups apart" {
	program cat /proc/self/uid_map /proc/self/gid_map -- "$USERNS" \
		'.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 10}, {containerID: 10, hostID: 300000, size: 5}]' \
		'.linux.gidMappings = [{containerID: 0, hostID: 200000, size: 65536}]'
	chown -R 100000:200000 "$BUNDLE/rootfs"
	open_bundle
	chown -R 100000:200000 "$BUNDLE/rootfs"
	runs
	is "$(xargs <"$OUT")" "0 100000 10 10 300000 5 0 200000 65536"
}

@test "N04: root inside is the mapped user outside" {
	program probe wait -- "$USERNS"
	open_bundle
	starts
	is "$(sed -n 's/^Uid:\t//p' "/proc/$(pid_of)/status" | xargs)" "100000 100000 100000 100000"
	ok exec "$ID" probe ids
	line "uid 0 0 0"
	ok exec -u 1000:1000 "$ID" probe ids
	line "uid 1000 1000 1000"
}

@test "setgroups is allowed and additional groups are set" {
	program probe ids -- "$USERNS" '.process.user.additionalGids = [7, 2000]'
	open_bundle
	runs
	[[ $output == *groups*7*2000* ]]
}

@test "a user that is not mapped is refused" {
	program true -- "$USERNS" '.process.user.uid = 70000'
	open_bundle
	rt run -b "$BUNDLE" "$ID"
	refused uid
}

@test "N04: a user namespace without maps" {
	program true -- "$(add_ns user)"
	open_bundle
	rt run -b "$BUNDLE" "$ID"
	if is_stiva; then refused Mappings; fi
}

@test "N04: more than 340 lines are refused, 340 are not" {
	known_deviation crun "passes them to the kernel"
	known_deviation runc "passes them to the kernel"
	program sh -c 'wc -l </proc/self/uid_map' -- "$USERNS" \
		'.linux.uidMappings = [range(340) | {containerID: ., hostID: (1000 + 2 * .), size: 1}]'
	open_bundle
	chown -R 1000:100000 "$BUNDLE/rootfs"
	runs
	prints 340
	config '.linux.uidMappings += [{containerID: 340, hostID: 200000, size: 1}]'
	rt run -b "$BUNDLE" "$ID"
	refused linux.uidMappings
}

@test "N04: identity maps without a user namespace are what is so anyway" {
	known_deviation runc "refuses them"
	program cat /proc/self/uid_map -- '.linux.uidMappings = [{containerID: 0, hostID: 0, size: 4294967295}] |
		.linux.gidMappings = .linux.uidMappings'
	runs
	is "$(xargs <"$OUT")" "0 0 4294967295"
}

@test "N04: maps without a user namespace are refused" {
	known_deviation crun "ignores them"
	known_deviation runc "ignores them"
	program true -- '.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 10}]'
	rt run -b "$BUNDLE" "$ID"
	refused uidMappings
}

@test "N04: overlapping maps are refused" {
	known_deviation runc "1.1 leaves the cgroup now and then"
	program true -- "$USERNS" '.linux.uidMappings = [{containerID: 0, hostID: 1, size: 10}, {containerID: 5, hostID: 100, size: 10}]'
	open_bundle
	rt run -b "$BUNDLE" "$ID"
	refused uidMappings
}

@test "proc, sys, devpts and mqueue work in a user namespace" {
	program probe mount /proc /sys /dev/pts /dev/mqueue /sys/fs/cgroup -- "$USERNS"
	open_bundle
	runs
	shows "/proc 9fa0"
	shows "/sys 62656572 ro"
	shows "/dev/pts 1cd1"
	shows "/sys/fs/cgroup 63677270"
}

@test "D05 D06: devices are there though nobody may make them" {
	script 'probe node /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty; echo x >/dev/null && head -c 1 /dev/zero | wc -c' "$USERNS"
	open_bundle
	runs
	shows "/dev/null c 1:3"
	shows "/dev/tty c 5:0"
	line 1
}

@test "capabilities are those of the namespace" {
	program probe syscall sethostname /x 1 -- "$USERNS" \
		'(.process.capabilities[]) |= (. + ["CAP_SYS_ADMIN"])'
	open_bundle
	runs
	prints "sethostname ok"
}

@test "L01 N12: sysctls of the new namespaces" {
	program cat /proc/sys/net/ipv4/ip_forward -- "$USERNS" '.linux.sysctl = {"net.ipv4.ip_forward": "1"}'
	open_bundle
	runs
	prints 1
}

@test "masked and read-only paths hold in a user namespace" {
	script 'cat /proc/keys | wc -c; ls /sys/firmware | wc -l; probe mount /proc/sys' "$USERNS"
	open_bundle
	runs
	is "$(head -n 2 "$OUT" | xargs)" "0 0"
	shows '/proc/sys 9fa0 ro'
}

@test "N03 N05: a user namespace joined by path" {
	background unshare --user sh -c 'echo up >"$WORK/up"; exec sleep 100'
	wait_for test -s "$WORK/up"
	echo 0 100000 65536 >"/proc/$JOB/uid_map"
	echo 0 100000 65536 >"/proc/$JOB/gid_map"
	program readlink /proc/self/ns/user -- "$(ns_path user "/proc/$JOB/ns/user")"
	open_bundle
	rt run -b "$BUNDLE" "$ID"
	if is_stiva || [ "$status" = 0 ]; then
		exits 0
		prints "$(readlink "/proc/$JOB/ns/user")"
	fi
}

@test "tmpfs options uid= and gid= are ids of the container" {
	program probe node /mnt -- "$USERNS" \
		"$(add_mount '{destination: "/mnt", type: "tmpfs", source: "tmpfs", options: ["uid=12", "gid=34", "mode=700"]}')"
	open_bundle
	runs
	known_deviation runc "1.1 gives it the mode of the mount point"
	shows "/mnt d 0:0 0700 12:34"
}

@test "the root folder is not reachable for the mapped root" {
	program true -- "$USERNS"
	chmod 700 "$WORK"
	chown 0:0 "$WORK"
	rt run -b "$BUNDLE" "$ID"
	if is_stiva && [ "$status" != 0 ]; then refused; fi
}

@test "a terminal in a user namespace belongs to its user" {
	program probe node /dev/console /dev/pts/0 -- "$USERNS" '.process.terminal = true'
	open_bundle
	"$PROBE" pty "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >"$OUT" 2>&1
	output=$(tr -d '\r' <"$OUT")
	[ "$RUNTIME_NAME" = crun ] || shows "/dev/pts/0 c 136:0 0620 0:5"
}

@test "delete of a container in a user namespace leaves nothing" {
	program probe hang 3 -- "$USERNS"
	open_bundle
	starts
	ok delete --force "$ID"
	absent
}

# a user namespace of somebody else's, with the maps of USERNS; its pid is $JOB
held_userns() {
	background unshare --user sh -c 'echo up >"$WORK/up"; exec sleep 100'
	wait_for test -s "$WORK/up"
	echo 0 100000 65536 >"/proc/$JOB/uid_map"
	echo 0 100000 65536 >"/proc/$JOB/gid_map"
}

@test "N05: maps beside a joined user namespace: equal ones are fine, others are refused" {
	known_deviation crun "does not compare them"
	known_deviation runc "1.1 refuses all of them"
	held_userns
	program cat /proc/self/uid_map -- "$USERNS" "$(ns_path user "/proc/$JOB/ns/user")"
	open_bundle
	runs
	is "$(xargs <"$OUT")" "0 100000 65536"
	config '.linux.uidMappings[0].hostID = 100001'
	rt run -b "$BUNDLE" "$ID"
	refused linux.uidMappings
	config '.linux.uidMappings[0].hostID = 100000' '.linux.gidMappings[0].size = 1000'
	rt run -b "$BUNDLE" "$ID"
	refused linux.gidMappings
	is "$(xargs <"/proc/$JOB/uid_map")" "0 100000 65536"
}

@test "N03: the user namespace is joined first, the others then with its powers" {
	held_userns
	background nsenter -t "$JOB" -U -S 0 -G 0 unshare --net --ipc --uts sh -c 'hostname inner; exec sleep 100'
	HOLD=$JOB
	named() { [ "$(nsenter -t "$HOLD" -u hostname)" = inner ]; }
	wait_for named
	script 'hostname; for n in user net ipc uts; do readlink /proc/self/ns/$n; done' 'del(.hostname)' \
		"$(ns_path user "/proc/$HOLD/ns/user")" "$(ns_path network "/proc/$HOLD/ns/net")" \
		"$(ns_path ipc "/proc/$HOLD/ns/ipc")" "$(ns_path uts "/proc/$HOLD/ns/uts")"
	open_bundle
	runs
	prints "inner
$(readlink "/proc/$HOLD/ns/user")
$(readlink "/proc/$HOLD/ns/net")
$(readlink "/proc/$HOLD/ns/ipc")
$(readlink "/proc/$HOLD/ns/uts")"
}

@test "N12: a network namespace of the host's user namespace: its sysctls are an error, not a silence" {
	background unshare --net sh -c 'echo up >"$WORK/up"; exec sleep 100'
	wait_for test -s "$WORK/up"
	program true -- "$USERNS" "$(ns_path network "/proc/$JOB/ns/net")" '.linux.sysctl = {"net.ipv4.ip_forward": "1"}' \
		'.mounts |= map(select(.type != "sysfs"))'
	open_bundle
	rt run -b "$BUNDLE" "$ID"
	refused net.ipv4.ip_forward
	is "$(nsenter -t "$JOB" -n cat /proc/sys/net/ipv4/ip_forward)" 0
}

@test "L01 R48: user.* belongs to a user namespace of the container's own" {
	known_deviation crun "1.21 has no user.*"
	known_deviation runc "1.1 has no user.*"
	program cat /proc/sys/user/max_uts_namespaces -- "$USERNS" '.linux.sysctl = {"user.max_uts_namespaces": "7"}'
	open_bundle
	runs
	prints 7
	program true -- '.linux.sysctl = {"user.max_uts_namespaces": "7"}'
	rt run -b "$BUNDLE" "$ID"
	refused user.max_uts_namespaces
	[ "$(</proc/sys/user/max_uts_namespaces)" != 7 ]
}

@test "N11: a time namespace in a user namespace" {
	known_deviation crun "1.21 may not write the offsets then"
	known_deviation runc "1.1 has no time namespace"
	program cat /proc/self/timens_offsets -- "$USERNS" "$(add_ns time)" \
		'.linux.timeOffsets = {monotonic: {secs: 7881, nanosecs: 2718281}, boottime: {secs: 1337, nanosecs: 3141519}}'
	open_bundle
	runs
	is "$(xargs <"$OUT")" "monotonic 7881 2718281 boottime 1337 3141519"
}

@test "D04 R34: devices have the mode and the owner that the configuration says, wherever they are" {
	known_deviation crun "1.21 binds the host's as it is"
	known_deviation runc "binds the host's as it is"
	script 'probe node /dev/full /dev/foo /opt/sub/bar /dev/pipe; probe open rw /dev/full' "$USERNS" '.linux.devices = [
		{type: "c", path: "/dev/full", major: 1, minor: 7}, {type: "b", path: "/dev/foo", major: 1, minor: 5, uid: 10, gid: 11, fileMode: 111},
		{type: "u", path: "/opt/sub/bar", major: 1, minor: 3, uid: 10}, {type: "p", path: "/dev/pipe", uid: 12, gid: 34, fileMode: 416}]'
	umask 077
	open_bundle
	runs
	prints '/dev/full c 1:7 0666 0:0
/dev/foo b 1:5 0157 10:11
/opt/sub/bar c 1:3 0666 10:0
/dev/pipe p 0:0 0640 12:34
/dev/full ok'
	config '.linux.devices[1].uid = 70000'
	rt run -b "$BUNDLE" "$ID"
	refused 'linux.devices[1].uid'
}

@test "R34: mode and owner of a device with the identity map" {
	known_deviation runc "binds the host's, which is not there"
	program probe node /dev/foo /dev/zero -- '.linux.namespaces += [{type: "user"}] |
		.linux.uidMappings = [{containerID: 0, hostID: 0, size: 4294967295}] | .linux.gidMappings = .linux.uidMappings' \
		'.linux.devices = [{type: "b", path: "/dev/foo", major: 1, minor: 5, uid: 10, gid: 11, fileMode: 111}]'
	runs
	prints $'/dev/foo b 1:5 0157 10:11\n/dev/zero c 1:5 0666 0:0'
}

@test "R34: bind mounts that only the host's root reaches, and exec" {
	mkdir -p "$WORK/secret/dir"
	echo text >"$WORK/secret/dir/foo"
	chmod 700 "$WORK/secret"
	export WORK
	program probe wait -- "$USERNS" "$(add_mount '{source: "\(env.WORK)/secret/dir", destination: "/mnt/one", options: ["bind"]}')" \
		"$(add_mount '{source: "\(env.WORK)/secret/dir", destination: "/mnt/two", options: ["bind", "ro"]}')"
	open_bundle
	chmod 700 "$WORK/secret"
	starts
	ok exec "$ID" cat /mnt/one/foo /mnt/two/foo
	prints $'text\ntext'
}
