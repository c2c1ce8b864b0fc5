#!/usr/bin/env bats
# User namespaces with id maps, made by root.
# requires: root userns cgroup2
# parallel: yes
load helpers

test_teardown() { chown -R 0:0 "$WORK" 2>/dev/null || true; }

@test "the maps of the configuration are those of the container" {
	program cat /proc/self/uid_map /proc/self/gid_map -- "$USERNS"
	open_bundle
	runs
	is "$(xargs <"$OUT")" "0 100000 65536 0 100000 65536"
}

@test "several map lines, for users and groups apart" {
	program cat /proc/self/uid_map /proc/self/gid_map -- "$USERNS" \
		'.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 10}, {containerID: 10, hostID: 300000, size: 5}]' \
		'.linux.gidMappings = [{containerID: 0, hostID: 200000, size: 65536}]'
	chown -R 100000:200000 "$BUNDLE/rootfs"
	open_bundle
	chown -R 100000:200000 "$BUNDLE/rootfs"
	runs
	is "$(xargs <"$OUT")" "0 100000 10 10 300000 5 0 200000 65536"
}

@test "root inside is the mapped user outside" {
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

@test "a user namespace without maps" {
	program true -- "$(add_ns user)"
	open_bundle
	rt run -b "$BUNDLE" "$ID"
	if is_stiva; then refused Mappings; fi
}

@test "maps without a user namespace are refused" {
	known_deviation crun "ignores them"
	known_deviation runc "ignores them"
	program true -- '.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 10}]'
	rt run -b "$BUNDLE" "$ID"
	refused uidMappings
}

@test "overlapping maps are refused" {
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

@test "devices are there though nobody may make them" {
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

@test "sysctls of the new namespaces" {
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

@test "a user namespace joined by path" {
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
