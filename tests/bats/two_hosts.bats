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
