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
	grep -qE "^$ID runs on two: it stood still for [0-9.]+ ms of [0-9.]+ ms$" <<<"$output"
	grep -q "^round 1: memory " <<<"$output"
}

@test "migrate: --mode stop sends memory once, --quiet says nothing, and back it goes with --replace" {
	counts_on one
	moves --mode stop --quiet
	is "$output" ""
	handed_over
	# what has counted on two is newer than what lies on one
	DEADLINE=60 rt_on two migrate --rsh "$RSH" "$ID" one
	is "$status" 1
	grep -qF '"/srv/c/rootfs" is there already, and is not the source'"'s: --replace takes its place" <<<"$stderr"
	absent_on one
	runs_on two
	DEADLINE=60 ok_on two migrate --rsh "$RSH" --replace "$ID" one
	absent_on two
	last=$(count_on two)
	wait_for has_counted one $((last + 5))
	awk '$1 != NR { exit 1 }' "$HOSTS/one/c/rootfs/count"
}

# ---- the oracle (tests/probe/p_oracle.c) ----
MIB=8
CYCLES=${ORACLE_MIGRATIONS:-50}
SEED=${ORACLE_SEED:-2611}
BATS_TEST_TIMEOUT=$((60 + 3 * CYCLES))

log_of() { echo "$HOSTS/$1/c/rootfs/log"; }
ticks() { local n; n=$(wc -l <"$(log_of "$1")") && echo "$n"; }
ticked() { [ "$(ticks "$1")" -gt "$2" ]; }
# oracle N WORD...: N migrations, there and back
oracle() {
	local cycle at from=one to=two last n=$1 mode
	shift
	RANDOM=$SEED
	bundle_on one c
	on one "$RUNTIME" run -d -b /srv/c "$ID" >/dev/null 2>&1
	wait_for test -s "$(log_of one)"
	for ((cycle = 1; cycle <= n; cycle++)); do
		sleep "0.$(printf %03d $((RANDOM % 60)))"
		mode=precopy
		[ $((RANDOM % 4)) != 0 ] || mode=stop
		DEADLINE=60 ok_on $from migrate --rsh "$RSH" --mode $mode --replace --quiet "$@" "$ID" $to
		at=$(ticks $to)
		wait_for ticked $to "$at" || fail "cycle $cycle: $(status_on $to): $(cat "$HOSTS/$to/c/rootfs/told")"
		absent_on $from || fail "cycle $cycle: left on $from"
		last=$from from=$to to=$last
	done
	at=$(ticks $from)
	wait_for ticked $from $((at + 3))
	ok_on $from kill "$ID" KILL
	"$PROBE" oracle-check "$(log_of $from)" $MIB "$n" || fail "the sequence is broken"
	[ ! -s "$HOSTS/$from/c/rootfs/told" ] || fail "$(cat "$HOSTS/$from/c/rootfs/told")"
}

@test "migrate: the oracle goes there and back again and again, and its sequence never breaks" {
	program probe
	script "exec /bin/probe oracle /log $MIB 2>/told" '.root.readonly = false' '.linux.cgroupsPath = "/" + env.ID'
	oracle "$CYCLES"
}
