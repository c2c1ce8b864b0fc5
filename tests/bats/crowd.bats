#!/usr/bin/env bats
# crowd: pause and kill of a container full of processes that fork without an end. Not parallel: they take
# all CPUs.
# requires: root cgroup2
load helpers

test_setup() { stiva_only; }

# A container full of a thousand processes that fork for ever; its filters
bomb() {
	program probe bomb -- "$@"
	DEADLINE=60 starts full
	[ "$(wc -l <"$(cgroup_of)/cgroup.procs")" -ge 900 ]
	ok pause "$ID"
	grep -qx "frozen 1" "$(cgroup_of)/cgroup.events"
	ok resume "$ID"
	cgroup=$(cgroup_of)
	began=${EPOCHREALTIME/[.,]/}
	ok kill --all "$ID" KILL
	echo "# kill --all of $1: $((${EPOCHREALTIME/[.,]/} - began)) us"
	# none is left when it returns
	grep -qx "populated 0" "$cgroup/cgroup.events"
	refute grep -q . "$cgroup/cgroup.procs"
	is "$(status_of)" stopped
}

@test "U81: pause, then kill --all of a thousand processes that fork: all frozen, none is left" {
	bomb '.process.user = {uid: 54321, gid: 54321} | .process.rlimits = [{type: "RLIMIT_NPROC", soft: 1000, hard: 1000}]'
}

@test "U81: the same under pids.limit, without a pid namespace" {
	requires cgroup_pids
	bomb "$(without_ns pid) | .linux.resources.pids = {limit: 1000}"
}
