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

@test "two hosts: a container that writes faster than the line carries is slowed down, moves, and has its time again" {
	program probe
	script 'exec /bin/probe oracle /log 16 2>/told' '.root.readonly = false' \
		'.linux.resources = {"cpu": {"quota": 90000, "period": 100000}}'
	"$RUNTIME" --root "$ROOT" run -d -b "$BUNDLE" "$ID" >/dev/null 2>&1 3>&- 4>&-
	DEADLINE=60 wait_for test -s "$BUNDLE/rootfs/log"
	group=/sys/fs/cgroup$(sed 's/^0:://' "/proc/$(pid_of)/cgroup")
	DEADLINE=120 rt migrate --remote-stiva "$RUNTIME --root $ROOT" --on-stall throttle --max-downtime 1ms \
		--max-iterations 8 --silence 30s --bandwidth 8M --format json "$ID" two
	[ "$status" = 1 ] || fail "it moved within 1 ms: $output"
	is "$(cat "$group/cpu.max")" "90000 100000"
	absent_on_two
	moves_two --on-stall force --max-downtime 1ms --max-iterations 2 --silence 30s
	runs_on_two
	at=$(on_two sh -c "wc -l <$BUNDLE/rootfs/log" </dev/null)
	DEADLINE=60 wait_for eval '[ "$(on_two sh -c "wc -l <$BUNDLE/rootfs/log" </dev/null)" -gt '$((at + 3))' ]'
	is "$(on_two cat "$BUNDLE/rootfs/told" </dev/null)" ""
	ok_two delete --force "$ID"
	on_two cat "$BUNDLE/rootfs/log" </dev/null >"$WORK/log"
	"$PROBE" oracle-check "$WORK/log" 16
}
