#!/usr/bin/env bats
# id-mapped bind mounts: the options idmap, ridmap, idmap=..., and mounts[].uidMappings (M18, M19).
# requires: root cgroup2
# parallel: yes
load helpers

test_setup() {
	mkdir -p "$WORK/src/sub"
	touch "$WORK/src/f" "$WORK/src/g"
	chown 1:2 "$WORK/src/g"
	mount -t tmpfs sub "$WORK/src/sub"
	touch "$WORK/src/sub/h"
}
test_teardown() {
	umount "$WORK/src/sub" 2>/dev/null || true
	chown -R 0:0 "$WORK" 2>/dev/null || true
}

# map OPTIONS [UIDS GIDS]: a bind of src at /mnt; maps as [C, H, S] lists
map() {
	local m="{destination: \"/mnt\", type: \"bind\", source: (env.WORK + \"/src\"), options: $1"
	local each='| map({containerID: .[0], hostID: .[1], size: .[2]})'
	[ $# = 1 ] || m+=", uidMappings: ($2 $each)${3:+, gidMappings: ($3 $each)}"
	add_mount "$m}"
}
# the owners that a container with this mount sees
owners() {
	program sh -c 'cd /mnt; stat -c "%n %u:%g" f g sub/* 2>/dev/null; touch new && stat -c "%n %u:%g" new' -- "$@"
	! printf '%s' "$*" | grep -q 'type: "user"' || open_bundle
	rt run -b "$BUNDLE" "$ID"
}

@test "M18 M19: idmap with mappings, without a user namespace" {
	known_deviation runc "1.1 has none"
	owners "$(map '["bind", "idmap"]' '[[0, 1000, 10]]' '[[0, 2000, 10]]')"
	line "f 1000:2000"
	line "g 1001:2002"
	# the caller has no id there
	complains "Value too large"
	[ ! -e "$WORK/src/new" ]
}

@test "M19: mappings without the option do the same, several lines, users and groups apart" {
	known_deviation runc "1.1 has none"
	owners "$(map '["bind"]' '[[0, 1000, 1], [1, 5000, 1]]' '[[0, 2000, 1], [2, 7000, 5]]')"
	line "f 1000:2000"
	line "g 5000:7000"
}

@test "M18: idmap takes the container's user namespace when there are no mappings" {
	known_deviation runc "1.1 has none"
	requires userns
	owners "$USERNS" "$(map '["bind", "idmap"]')"
	exits 0
	line "f 0:0"
	line "g 1:2"
	line "new 0:0"
	is "$(stat -c %u:%g "$WORK/src/new")" 0:0
	# not without it
	owners "$USERNS" "$(map '["bind"]')"
	line "f 65534:65534"
}

@test "M18 M19: mappings in a user namespace are of the host" {
	known_deviation runc "1.1 has none"
	requires userns
	owners "$USERNS" "$(map '["bind", "idmap"]' '[[0, 100000, 65536]]' '[[0, 100000, 65536]]')"
	exits 0
	line "f 0:0"
	line "g 1:2"
	owners "$USERNS" "$(map '["bind", "idmap"]' '[[0, 101000, 100]]' '[[0, 102000, 100]]')"
	line "f 1000:2000"
	line "g 1001:2002"
	# and the source may lie where mapped root cannot go
	chmod 700 "$WORK/src"
	owners "$USERNS" "$(map '["bind", "idmap"]' '[[0, 100000, 65536]]' '[[0, 100000, 65536]]')"
	line "f 0:0"
}

@test "M18: a joined user namespace" {
	known_deviation runc "1.1 has none"
	requires userns
	unshare -U sleep 60 &
	JOBS+=($!)
	local pid=$!
	wait_for sh -c "[ \"\$(readlink /proc/$pid/ns/user)\" != \"\$(readlink /proc/self/ns/user)\" ]"
	echo "0 100000 65536" >/proc/$pid/uid_map
	echo "0 100000 65536" >/proc/$pid/gid_map
	program sh -c 'stat -c "%n %u:%g" /mnt/g' -- "$(ns_path user "/proc/$pid/ns/user")" "$(map '["bind", "idmap"]')"
	open_bundle
	runs
	prints "/mnt/g 1:2"
}

@test "M18: idmap leaves the mounts below alone, ridmap maps them" {
	known_deviation crun "1.21: ridmap does not reach the mounts below"
	known_deviation runc "1.1 has none"
	owners "$(map '["rbind", "idmap"]' '[[0, 1000, 10]]' '[[0, 2000, 10]]')"
	line "f 1000:2000"
	line "sub/h 0:0"
	owners "$(map '["rbind", "ridmap"]' '[[0, 1000, 10]]' '[[0, 2000, 10]]')"
	line "f 1000:2000"
	line "sub/h 1000:2000"
	# of the two the stronger one
	owners "$(map '["rbind", "idmap", "ridmap"]' '[[0, 1000, 10]]' '[[0, 2000, 10]]')"
	line "sub/h 1000:2000"
}

@test "M18 A19: crun's idmap=uids=C-H-S#...;gids=..., with @ for ids of the container" {
	known_deviation runc "has no such option"
	owners "$(map '["bind", "idmap=uids=0-1000-1#1-5000-1;gids=0-2000-10"]')"
	line "f 1000:2000"
	line "g 5000:2002"
	owners "$(map '["rbind", "ridmap=uids=0-1000-1;gids=0-2000-10"]')"
	line "sub/h 1000:2000"
	requires userns
	# @: the second number is an id of the container, 7 of it is 100007 of the host
	owners "$USERNS" "$(map '["bind", "idmap=uids=@0-7-10;gids=@0-8-10"]')"
	line "f 7:8"
	line "g 8:10"
	owners "$USERNS" "$(map '["bind", "idmap=uids=0-100009-10;gids=@0-8-10"]')"
	line "f 9:8"
}

@test "M18 M19: other flags and propagation go with it" {
	known_deviation crun "1.21 loses the propagation"
	known_deviation runc "1.1 has none"
	program grep ' /mnt ' /proc/self/mountinfo -- "$(map '["bind", "idmap", "ro", "noexec", "shared"]' '[[0, 1000, 10]]' '[[0, 2000, 10]]')"
	runs
	shows " ro,noexec,relatime,idmapped shared:"
}

@test "M19 R34: what cannot be mapped is an error, never a plain mount" {
	known_deviation crun "1.21 mounts plainly"
	known_deviation runc "1.1 has none"
	while IFS= read -r filter; do
		program true -- "$filter"
		rt run -b "$BUNDLE" "$ID"
		refused "mounts[7]"
	done <<-E
		$(map '["bind", "idmap"]')
		$(map '["rbind", "ridmap"]')
		$(map '["bind", "idmap"]' '[[0, 1000, 10]]')
		$(map '["bind"]' '[[0, 1000, 10]]')
		$(map '["bind", "idmap"]' '[]' '[[0, 1000, 10]]')
		$(map '["bind", "idmap"]' '[[0, 1000, 10], [5, 2000, 10]]' '[[0, 1000, 10]]')
		$(map '["bind", "idmap"]' '[[0, 4294967290, 10]]' '[[0, 1000, 10]]')
		$(map '["bind", "idmap"]' '[[0, 1000, 0]]' '[[0, 1000, 10]]')
		$(map '["bind", "idmap="]')
		$(map '["bind", "idmap=uids=0-1-1"]')
		$(map '["bind", "idmap=gids=0-1-1"]')
		$(map '["bind", "idmap=uids=0-1;gids=0-1-1"]')
		$(map '["bind", "idmap=uids=0-1-1-1;gids=0-1-1"]')
		$(map '["bind", "idmap=uids=a-1-1;gids=0-1-1"]')
		$(map '["bind", "idmap=uids=0-1-1;gids=0-1-1;x=0-1-1"]')
		$(map '["bind", "idmap=uids=0-1-1#0-5-1;gids=0-1-1"]')
		$(map '["bind", "idmap=uids=0-1-0;gids=0-1-1"]')
		$(map '["bind", "idmap=uids=@0-0-1;gids=@0-0-1"]')
		$(add_mount '{destination: "/mnt", type: "tmpfs", source: "t", options: ["idmap"], uidMappings: [{containerID: 0, hostID: 1, size: 1}], gidMappings: [{containerID: 0, hostID: 1, size: 1}]}')
		$(add_mount '{destination: "/mnt", type: "bind", source: "/proc", options: ["bind", "idmap"], uidMappings: [{containerID: 0, hostID: 1, size: 1}], gidMappings: [{containerID: 0, hostID: 1, size: 1}]}')
	E
	requires userns
	# an id that the container has not
	for range in 0-70000-1 0-65530-10 0-0-70000 0-4294967290-10; do
		program true -- "$USERNS" "$(map "[\"bind\", \"idmap=uids=@$range;gids=@0-0-1\"]")"
		open_bundle
		rt run -b "$BUNDLE" "$ID"
		refused "mounts[7]"
	done
}

@test "M18 R34: the same folder twice with different maps, and plain" {
	known_deviation runc "1.1 has none"
	program sh -c 'stat -c "%n %u:%g" /mnt/f /b/f /c/f' -- "$(map '["bind"]' '[[0, 1000, 10]]' '[[0, 2000, 10]]')" \
		"$(map '["bind"]' '[[0, 3000, 10]]' '[[0, 4000, 10]]' | sed 's|/mnt|/b|')" \
		"$(map '["bind"]' | sed 's|/mnt|/c|')"
	runs
	prints $'/mnt/f 1000:2000\n/b/f 3000:4000\n/c/f 0:0'
}
