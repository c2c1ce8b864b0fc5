#!/usr/bin/env bats
# delete: from every state, with force, and what is left (nothing).
# requires: root cgroup2
# parallel: yes
load helpers

@test "U24: delete of a stopped container leaves nothing" {
	program true
	ok create -b "$BUNDLE" "$ID"
	ok start "$ID"
	stopped
	ok delete "$ID"
	prints ""
	absent
	rt state "$ID"
	refused
}

@test "U86: delete of a running container is refused" {
	program probe wait
	starts
	rt delete "$ID"
	KEPT=1 refused "$ID" running
	is "$(status_of)" running
}

@test "U86: delete of a paused container is refused" {
	program probe wait
	starts
	ok pause "$ID"
	rt delete "$ID"
	KEPT=1 refused "$ID" paused
	is "$(status_of)" paused
}

@test "delete of a created container ends it" {
	program probe wait
	ok create -b "$BUNDLE" "$ID"
	ok delete "$ID"
	absent
}

@test "U87: delete --force in every state" {
	program probe hang 2
	ok create -b "$BUNDLE" "$ID"
	ok delete --force "$ID"
	absent
	starts
	ok delete -f "$ID"
	absent
	starts
	ok pause "$ID"
	ok delete -f "$ID"
	absent
	starts
	ok kill "$ID" KILL
	stopped
	ok delete -f "$ID"
	absent
}

@test "delete --force ends processes outside of the pid namespace too" {
	known_deviation runc "1.1 kills only init"
	program probe hang 5 -- "$(without_ns pid)"
	starts
	mapfile -t pids <"$(cgroup_of)/cgroup.procs"
	is "${#pids[@]}" 6
	ok delete --force "$ID"
	absent
	for pid in "${pids[@]}"; do
		[ ! -d "/proc/$pid" ] || grep -q 'State:.*[ZX]' "/proc/$pid/status"
	done
}

@test "E07 U87: delete of an unknown container" {
	rt delete "$ID"
	refused "does not exist"
	ok delete --force "$ID"
	prints ""
	if is_stiva; then is "$stderr" ""; fi
}

@test "U89: delete removes cgroups which the container made" {
	script 'mkdir /sys/fs/cgroup/a /sys/fs/cgroup/a/b && echo $$ >/sys/fs/cgroup/a/b/cgroup.procs;
		probe wait' "$ALL_CAPS" \
		'(.mounts[] | select(.destination == "/sys/fs/cgroup") | .options) = ["nosuid"]'
	starts
	ok delete --force "$ID"
	absent
}

@test "delete does not remove what is not its own" {
	program true -- '.linux.cgroupsPath = "/\(env.ID)-parent/child"'
	mkdir "$CG/$ID-parent" "$CG/$ID-parent/other"
	ok create -b "$BUNDLE" "$ID"
	[ -d "$CG/$ID-parent/child" ]
	ok delete --force "$ID"
	[ -d "$CG/$ID-parent/other" ]
	[ ! -d "$CG/$ID-parent/child" ]
	rmdir "$CG/$ID-parent/other" "$CG/$ID-parent"
	[ -d "$BUNDLE/rootfs/bin" ]
}

@test "U88: delete --regex" {
	known_deviation runc "has no --regex"
	program probe hang 0
	ok run -d -b "$BUNDLE" "$ID-1"
	ok run -d -b "$BUNDLE" "$ID-2"
	ok run -d -b "$BUNDLE" "${ID}x"
	ok delete --force --regex "^$ID-[0-9]\$"
	absent "$ID-1"
	absent "$ID-2"
	known_deviation crun "1.8 sometimes stops the others"
	is "$(status_of "${ID}x")" running
}

@test "U88: delete -r with a broken expression" {
	stiva_only
	rt delete --force --regex '*['
	refused
}

@test "delete when the bundle has gone" {
	program probe wait
	starts
	rm -rf "$BUNDLE"
	ok delete --force "$ID"
	absent
}

@test "delete of a container in a cgroup which somebody removed" {
	program probe hang 0
	starts
	kill -KILL "$(pid_of)"
	stopped
	rmdir "$(cgroup_of)"
	ok delete "$ID"
	absent
}

@test "the id can be used again at once" {
	program probe wait
	for _ in 1 2 3; do
		ok create -b "$BUNDLE" "$ID"
		ok delete --force "$ID"
	done
	absent
}
