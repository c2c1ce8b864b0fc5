#!/usr/bin/env bats
# migrate: a running container goes from one host to another (hosts.bash: two of them on one machine), with
# its memory and its files, and nothing is lost, doubled or left whatever is refused.
# requires: root cgroup2 criu
# parallel: yes
load helpers
load hosts

test_setup() {
	stiva_only
	hosts_up
}
test_teardown() { hosts_down; }

# moves OPTION...: from one to two, successfully
moves() {
	DEADLINE=60 ok_on one migrate --rsh "$RSH" "$@" "$ID" two
}
refuses() {
	DEADLINE=60 rt_on one migrate --rsh "$RSH" "$@" "$ID" "${TO:-two}"
	[ "$status" -ne 0 ] || fail "it was moved"
	[ "$(grep -c . <<<"$stderr")" -le "${LINES_OK:-1}" ] || fail "more than one line: $stderr"
	runs_on one || fail "it does not go on: $stderr"
	absent_on two || fail "something is left on two: $stderr"
}

@test "migrate: a counter goes to the other host and counts on there, none twice and none left out" {
	counts_on one
	moves
	handed_over
	absent_on one
	runs_on two
	fail "$output"
	grep -q "runs on two: it stood still for" <<<"$output"
}
