#!/usr/bin/env bats
# Two machines are two: what the tests of migration between them stand on.
# requires: root cgroup2 criu two_hosts
load helpers
load two_hosts

test_setup() {
	stiva_only
	two_up
}
test_teardown() { two_down; }

@test "two hosts: ssh goes from one to two, which have the same stiva and kernels of their own" {
	is "$(hostname) $(ssh two hostname </dev/null)" "one two"
	is "$(ssh root@two stiva --version </dev/null)" "$("$RUNTIME" --version)"
	[ "$(ssh two cat /proc/sys/kernel/random/boot_id </dev/null)" != "$(cat /proc/sys/kernel/random/boot_id)" ]
	is "$(echo 'there and back' | ssh two cat)" "there and back"
	is "$(on_two printf '%s,' 'a  b' "c'd" </dev/null)" "a  b,c'd,"
	wire drop=RESERVE
	is "$("$PROBE" frames HELLO RESERVE COMMIT | "$RSH" two "$PROBE" unframe | tr '\n' ',')" \
		"HELLO 0 32,COMMIT 2 32 order,end,"
	carried_out drop=RESERVE
}

@test "two hosts: a checkpoint made on one, copied to two, counts on there" {
	counts
	ok checkpoint --image-path "$WORK/image" "$ID"
	last=$(count_on one)
	copy_to_two "$WORK/image" "$BUNDLE"
	ok_two restore -d --image-path "$WORK/image" -b "$BUNDLE" "$ID"
	runs_on_two
	DEADLINE=60 wait_for has_counted two "$((last + 5))"
	is "$(count_on one)" "$last"
	on_two cat "$BUNDLE/rootfs/count" </dev/null | awk '$1 != NR { exit 1 }'
	is "$(on_two "$RUNTIME" --root "$ROOT" list -q </dev/null)" "$ID"
	ok_two delete --force "$ID"
	absent_on_two
}

# moves_two OPTION...: to two, over ssh as it is, and with a report
moves_two() {
	DEADLINE=120 ok migrate --remote-stiva "$RUNTIME --root $ROOT" "$@" "$ID" two
	cat "$OUT"
}
# there: it counts on there alone, and each number is there once
there() {
	local last=$1
	runs_on_two || fail "it does not run on two"
	DEADLINE=60 wait_for has_counted two $((last + 5))
	on_two cat "$BUNDLE/rootfs/count" </dev/null | awk '$1 != NR { exit 1 }' || fail "numbers are lost or twice"
	rt state "$ID"
	[ "$status" = 1 ] || fail "it is on one as well"
}

@test "two hosts: a container moves from one to two over ssh while it runs, with the limits in force" {
	counts '.linux.resources = {"memory": {"limit": 100000000}, "cpu": {"quota": 50000, "period": 100000}}'
	ok update --memory 80000000 "$ID"
	before=$(on_two date +%s </dev/null)
	moves_two --max-downtime 3s --silence 30s --format json
	jq -es '.[-1].result == "moved" and .[-1].rounds >= 2' <"$OUT" >/dev/null
	there "$(count_on one)"
	is "$(on_two sh -c "cat /sys/fs/cgroup$(cgroup_of_two)/memory.max /sys/fs/cgroup$(cgroup_of_two)/cpu.max" </dev/null | tr '\n' ' ')" \
		"79998976 50000 100000 "
	ok_two delete --force "$ID"
	absent_on_two
}
cgroup_of_two() { on_two sh -c "sed 's/^0:://' /proc/$(on_two "$RUNTIME" --root "$ROOT" state "$ID" </dev/null | jq .pid)/cgroup" </dev/null; }

@test "two hosts: a wrong key, a closed port and a host without stiva: one line, and it goes on" {
	counts
	at=$(count_on one)
	# ssh's own words come first
	DEADLINE=60 rt migrate --rsh "ssh -T -e none -S none -o BatchMode=yes -o IdentitiesOnly=yes -i /dev/null" "$ID" two
	[ "$status" = 1 ]
	grep -q 'could not connect to "two"' <<<"$stderr" || fail "$stderr"
	DEADLINE=60 rt migrate --rsh "ssh -T -e none -S none -p 1" "$ID" two
	grep -q 'could not connect to "two"' <<<"$stderr" || fail "$stderr"
	DEADLINE=60 rt migrate --remote-stiva /nosuchstiva "$ID" two
	grep -q '"two" has no stiva' <<<"$stderr" || fail "$stderr"
	DEADLINE=60 wait_for has_counted one "$at"
	absent_on_two
	ok delete --force "$ID"
}

# slowed: throttle has taken some of its time (for wait_for)
slowed() { [ "$(cut -d ' ' -f 1 "$group/cpu.max")" -lt 90000 ]; }
has_its_time() { [ "$(cat "$group/cpu.max") $(cat "$group/cpu.max.burst")" = "90000 100000 20000" ]; }
stopped_often() { [ "$(awk '$1 == "nr_throttled" { print $2 }' "$group/cpu.stat")" -gt "$1" ]; }
@test "two hosts: a container that writes faster than the line carries is slowed down, has its time again, and moves there and back" {
	program probe
	script 'exec /bin/probe oracle /log 4 2>/told' '.root.readonly = false' \
		'.linux.resources = {"cpu": {"quota": 90000, "period": 100000, "burst": 20000}}'
	"$RUNTIME" --root "$ROOT" run -d -b "$BUNDLE" "$ID" >/dev/null 2>&1 3>&- 4>&-
	DEADLINE=60 wait_for test -s "$BUNDLE/rootfs/log"
	group=/sys/fs/cgroup$(sed 's/^0:://' "/proc/$(pid_of)/cgroup")
	has_its_time
	before=$(awk '$1 == "nr_throttled" { print $2 }' "$group/cpu.stat")
	background "$RUNTIME" --root "$ROOT" migrate --remote-stiva "$RUNTIME --root $ROOT" --on-stall throttle \
		--max-downtime 1ms --silence 30s "$ID" two >"$WORK/said" 2>&1
	DEADLINE=60 wait_for slowed || fail "$(cat "$WORK/said")"
	# it does run out of time, and not only in name
	DEADLINE=60 wait_for stopped_often $((before + 10)) || fail "$(cat "$group/cpu.max" "$group/cpu.stat")"
	kill -KILL "$JOB"
	DEADLINE=60 wait_for has_its_time || fail "$(cat "$group/cpu.max" "$group/cpu.max.burst")"
	DEADLINE=60 wait_for absent_on_two
	at=$(wc -l <"$BUNDLE/rootfs/log")
	DEADLINE=60 wait_for eval '[ "$(wc -l <"$BUNDLE/rootfs/log")" -gt '$((at + 3))' ]'
	moves_two --on-stall force --max-downtime 1ms --max-iterations 2 --silence 30s
	runs_on_two
	is "$(on_two sh -c "cat /sys/fs/cgroup$(cgroup_of_two)/cpu.max /sys/fs/cgroup$(cgroup_of_two)/cpu.max.burst" </dev/null | tr '\n' ' ')" \
		"90000 100000 20000 "
	# back, by the other mode: what lies on one is older
	DEADLINE=120 ok_two migrate --remote-stiva "$RUNTIME --root $ROOT" --mode stop --silence 30s --replace "$ID" one
	cat "$OUT"
	absent_on_two
	at=$(wc -l <"$BUNDLE/rootfs/log")
	DEADLINE=60 wait_for eval '[ "$(wc -l <"$BUNDLE/rootfs/log")" -gt '$((at + 3))' ]'
	is "$(cat "$BUNDLE/rootfs/told")" ""
	ok delete --force "$ID"
	"$PROBE" oracle-check "$BUNDLE/rootfs/log" 4
}
