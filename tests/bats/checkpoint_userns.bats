#!/usr/bin/env bats
# checkpoint, restore, migrate: a container with a user namespace of its own. CRIU needs CAP_SYS_RESOURCE for its
# processes, so that this is for the virtual machine (in seconds there, on a busy machine: 13, 6, 11).
# requires: root cgroup2 criu userns cap_sys_resource
load helpers
load hosts

test_setup() {
	stiva_only
	IMG=$WORK/images
	[ ! -w /sys/class/net/lo/flags ] || ip link set lo up 2>/dev/null || true
}
test_teardown() {
	umount "$WORK/net" 2>/dev/null || true
	hosts_down
}

pid_of() { "$RUNTIME" --root "$ROOT" state "$ID" | jq .pid; }
maps() { cat "/proc/$(pid_of)/uid_map" "/proc/$(pid_of)/gid_map"; }
# what a process of the container sees: its user, its files' owners, devices that were bound, what is masked
SEES='id -u; id -g; cat /data/mine; stat -c "%n %u:%g" /data/mine /dev/null /dev/mine; stat -c %t:%T /dev/mine
	echo x >/dev/null; head -c 2 /dev/mine | wc -c; wc -c </proc/kcore; hostname; cat /sys/class/net/lo/flags; ls /proc/self/fd | wc -l'
# refused_with FILTER TEXT: a restore with another config.json is refused, and leaves nothing
refused_with() {
	cp "$BUNDLE/config.json" "$WORK/config.json"
	config "$1"
	rt restore -d -b "$BUNDLE" --image-path "$IMG" "$ID"
	refused "$2"
	cp "$WORK/config.json" "$BUNDLE/config.json"
}

@test "a user and a network namespace: maps, users, devices, id-mapped mounts and masks come back, under no other maps" {
	local before seen last
	mkdir "$WORK/data"
	echo data >"$WORK/data/mine"
	chown 1000:1000 "$WORK/data" "$WORK/data/mine"
	script 'i=0; while :; do i=$((i + 1)); echo $i >>/data/count; sleep 0.02; done' "$USERNS" \
		'.process.user = {uid: 1000, gid: 1000}' '.linux.devices = [{path: "/dev/mine", type: "c", major: 1, minor: 5,
			fileMode: 420, uid: 7, gid: 8}]' \
		"$(add_mount '{destination: "/data", type: "bind", source: (env.WORK + "/data"), options: ["bind", "idmap"]}')"
	open_bundle
	"$RUNTIME" --root "$ROOT" run -d -b "$BUNDLE" "$ID" >/dev/null 2>&1 3>&- 4>&-
	wait_for grep -qsx 3 "$WORK/data/count"
	before=$(maps)
	ok exec "$ID" sh -c "$SEES"
	seen=$output
	ok checkpoint --image-path "$IMG" "$ID"
	last=$(tail -n 1 "$WORK/data/count")
	ok delete "$ID"
	refused_with '.linux.uidMappings[0].size = 65535' "linux.uidMappings: the images are of a container with other mappings"
	refused_with "$(without_ns user) | del(.linux.uidMappings, .linux.gidMappings) | del(.mounts[-1])" \
		"linux.namespaces: the images are of a container with a user namespace"
	is "$(tail -n 1 "$WORK/data/count")" "$last"
	"$RUNTIME" --root "$ROOT" restore -d -b "$BUNDLE" --image-path "$IMG" "$ID" >/dev/null 2>"$WORK/err" 3>&- 4>&- ||
		fail "$(<"$WORK/err")"
	wait_for grep -qx $((last + 3)) "$WORK/data/count"
	awk '$1 != NR { exit 1 }' "$WORK/data/count" || fail "numbers are lost or twice"
	is "$(maps)" "$before"
	ok exec "$ID" sh -c "$SEES"
	is "$output" "$seen"
	# the network is of this user namespace, and lo is up
	nsenter -t "$(pid_of)" -U -n -S 0 -G 0 sh -c 'ip link set lo down && ip link set lo up'
}

@test "a user namespace with a terminal in a network namespace that is joined" {
	touch "$WORK/net"
	unshare "--net=$WORK/net" ip link set lo up
	script 'echo ready; while read -r line; do echo "heard $line"; done' "$USERNS" '.process.terminal = true' \
		"$(ns_path network "$WORK/net")"
	open_bundle
	config '.mounts |= map(if .destination == "/sys" then {destination: "/sys", type: "bind", source: "/sys",
		options: ["bind", "ro", "nosuid", "noexec", "nodev"]} else . end)'
	background "$PROBE" console "$WORK/sock" >"$WORK/got"
	wait_for test -S "$WORK/sock"
	ok run -d --console-socket "$WORK/sock" -b "$BUNDLE" "$ID"
	wait_for grep -q ready "$WORK/got"
	ok checkpoint --image-path "$IMG" "$ID"
	rm -f "$WORK/sock"
	ok delete "$ID"
	mkfifo "$WORK/keys"
	exec 6<>"$WORK/keys"
	"$PROBE" console "$WORK/sock" <"$WORK/keys" >"$WORK/got2" 3>&- 4>&- 6>&- &
	JOBS+=($!)
	wait_for test -S "$WORK/sock"
	ok restore -d --console-socket "$WORK/sock" -b "$BUNDLE" --image-path "$IMG" "$ID"
	echo hello >&6
	wait_for grep -q "heard hello" "$WORK/got2"
	exec 6>&-
	is "$(stat -L -c %i "/proc/$(pid_of)/ns/net")" "$(stat -c %i "$WORK/net")"
	is "$(maps | awk '{ print $1, $2, $3 }' | sort -u)" "0 100000 65536"
	ok delete --force "$ID"
}

@test "a user namespace goes to another host" {
	hosts_up
	chmod o+x "$HOSTS" "$HOSTS/one" "$HOSTS/two"
	script "$COUNTS" '.root.readonly = false' '.linux.cgroupsPath = "/" + env.ID' "$USERNS"
	open_bundle
	bundle_on one c
	on one "$RUNTIME" run -d -b /srv/c "$ID" >/dev/null 2>&1
	wait_for has_counted one 5
	DEADLINE=60 ok_on one migrate --rsh "$RSH" "$ID" two
	handed_over
	runs_on two
	absent_on one
	is "$(stat -c %u "$HOSTS/two/c/rootfs/count")" 100000
}
