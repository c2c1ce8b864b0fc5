#!/usr/bin/env bats
# ps: the processes of a container, in the caller's numbers.
# requires: root cgroup2
# parallel: yes
load helpers

@test "U28 U95: ps -f json is the list of pids" {
	program probe hang 2
	starts
	ok ps -f json "$ID"
	jq -e --argjson init "$(pid_of)" 'length == 3 and (map(type == "number") | all) and index($init) != null' "$OUT"
}

@test "U96: ps counts processes of sub-cgroups" {
	known_deviation crun "1.8 crashes"
	script 'mkdir /sys/fs/cgroup/sub; echo $$ >/sys/fs/cgroup/sub/cgroup.procs; exec probe hang 1' "$ALL_CAPS" \
		'(.mounts[] | select(.destination == "/sys/fs/cgroup") | .options) = ["nosuid"]'
	starts
	ok ps -f json "$ID"
	jq -e 'length == 2' "$OUT"
}

@test "U95: ps as a table" {
	program probe hang 1
	starts
	ok ps "$ID"
	grep -q PID "$OUT"
	is "$(wc -l <"$OUT")" 3
	grep -qw "$(pid_of)" "$OUT"
	[ "$RUNTIME_NAME" = crun ] || shows "probe hang"
	# names as ps -ef has them, numbers where the caller knows no user
	[ "$RUNTIME_NAME" = crun ] || grep -qE "^root +$(pid_of) " "$OUT"
	stiva_only
	ok exec -d --pid-file "$WORK/pid" -u 54321 "$ID" probe hang 0
	ok ps "$ID"
	grep -qE "^54321 +$(<"$WORK/pid") " "$OUT"
	ok ps "$ID" -o uid,user,pid
	grep -qE "^0 +root +$(pid_of)$" "$OUT"
}

@test "U95: ps with columns" {
	known_deviation crun "takes no arguments of ps"
	program probe hang 0
	starts
	ok ps "$ID" -o pid,comm
	grep -q PID "$OUT"
	grep -qE "^ *$(pid_of) +probe" "$OUT"
}

@test "ps of a created container shows its init" {
	program probe wait
	ok create -b "$BUNDLE" "$ID"
	ok ps -f json "$ID"
	jq -e --argjson init "$(pid_of)" '. == [$init]' "$OUT"
}

@test "ps of an unknown container" {
	rt ps -f json "$ID"
	refused "does not exist"
}

@test "ps of a stopped container" {
	program true
	ok create -b "$BUNDLE" "$ID"
	ok start "$ID"
	stopped
	rt ps -f json "$ID"
	if is_stiva && [ "$status" != 0 ]; then
		KEPT=1 refused
	elif [ "$status" = 0 ]; then
		jq -e '. == [] or . == null' "$OUT"
	fi
}
