#!/usr/bin/env bats
# pause and resume.
# requires: root cgroup2
# parallel: yes
load helpers

# counts up in a file as long as it runs
counter() {
	script 'echo ready; i=0; while :; do i=$((i+1)); echo $i >/count; done'
	starts
	wait_for test -s "$BUNDLE/rootfs/count"
}
count() { cat "$BUNDLE/rootfs/count"; }

@test "U29 U90: pause stops the processes, resume lets them go on" {
	counter
	ok pause "$ID"
	is "$(status_of)" paused
	grep -qx 'frozen 1' "$(cgroup_of)/cgroup.events"
	one=$(count)
	sleep 0.03
	is "$(count)" "$one"
	ok resume "$ID"
	is "$(status_of)" running
	moved() { [ "$(count)" != "$one" ]; }
	wait_for moved
}

@test "U29 U90: pause twice is no error" {
	known_deviation runc "a second pause is an error"
	program probe wait
	starts
	ok pause "$ID"
	ok pause "$ID"
	is "$(status_of)" paused
	ok resume "$ID"
	is "$(status_of)" running
}

@test "U29 U90: resume of a running container" {
	program probe wait
	starts
	rt resume "$ID"
	is "$(status_of)" running
	if is_stiva; then exits 0; fi
}

@test "U90: pause of a stopped or unknown container is refused" {
	program true
	rt pause "$ID"
	refused "does not exist"
	rt resume "$ID"
	refused "does not exist"
	ok create -b "$BUNDLE" "$ID"
	ok start "$ID"
	stopped
	rt pause "$ID"
	KEPT=1 refused
	rt resume "$ID"
	KEPT=1 refused
}

@test "U91: pause of a created container: start is refused until it is resumed" {
	stiva_only
	program probe wait
	ok create -b "$BUNDLE" "$ID"
	ok pause "$ID"
	is "$(status_of)" created
	rt start "$ID"
	KEPT=1 refused paused
	ok resume "$ID"
	ok start "$ID"
	is "$(status_of)" running
}

@test "signals to a paused container come when it is resumed" {
	program probe signals 0
	starts
	ok pause "$ID"
	ok kill "$ID" TERM
	is "$(status_of)" paused
	ok resume "$ID"
	stopped
}

@test "pause and resume print nothing" {
	program probe wait
	starts
	ok pause "$ID"
	prints ""
	is "$stderr" ""
	ok resume "$ID"
	prints ""
	is "$stderr" ""
}
