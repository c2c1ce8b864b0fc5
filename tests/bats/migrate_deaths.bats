#!/usr/bin/env bats
# migrate, whose programs are killed: stiva and criu on either host, at every point of a migration, and what
# migrate --recover does afterwards. As migrate_faults.bats, which harms the line. FAULT_REPEATS times, 0.7 s each.
# requires: root cgroup2 criu
# parallel: yes
load helpers
load hosts
load migrate

REPEATS=${FAULT_REPEATS:-3}
BATS_TEST_TIMEOUT=$((60 + 90 * REPEATS))
# what a cut line costs at most, in ms, beyond the silence that the test allows
BACK_MS=3000

test_setup() { faults_up; }
test_teardown() { hosts_down; }

@test "faults: the criu of the source is killed: it goes on" {
	dies stays source criu FREEZE
}

@test "faults: the criu of the destination is killed while it holds the container: it goes on, and has never run there" {
	dies stays destination criu :READY READY :COMMIT
}

@test "faults: the engine of the destination is killed before it has it: it goes on, and the next one tidies up" {
	local i frame
	for ((i = 0; i < REPEATS; i++)); do
		for frame in RESERVE ROUND_TAKEN FREEZE IMAGE FINAL_END READY; do
			# what it has left there is found by whoever comes next
			wire "run-after=$frame:$HOSTS/kill two stiva"
			DEADLINE=30 rt_on one migrate --rsh "$RSH" --replace --silence 400ms --quiet "$ID" two
			[ "$status" -ne 0 ] || fail "$frame: it says that it has moved"
			wait_for runs_on one
			ok_on two migrate --recover
			it_is_on one || fail "$frame: $stderr"
			wait_for clean two || fail "$frame: left on two: $(leftovers two)"
			wait_for clean one || fail "$frame: left on one: $(leftovers one)"
		done
	done
	wire
	DEADLINE=30 ok_on one migrate --rsh "$RSH" --replace --quiet "$ID" two
	it_is_on two
}

@test "faults: the engine of the destination is killed when it has it: it runs there" {
	KEEPS_RECORD=1 dies moves destination stiva :RUNNING RUNNING
}

@test "faults: the engine of the source is killed before the container is handed over: it goes on" {
	dies stays source stiva RESERVED ROUND_TAKEN FREEZE IMAGE FINAL_END :READY
}

@test "faults: the engine of the source is killed when it is handed over: --recover asks, and it is gone here" {
	local i from to
	for ((i = 0; i < REPEATS; i++)); do
		from=$AT to=$(other "$AT")
		wire "run-after=COMMIT:$HOSTS/kill $from stiva"
		DEADLINE=30 rt_on "$from" migrate --rsh "$RSH" --replace --silence 400ms --quiet "$ID" "$to"
		[ "$status" -ne 0 ]
		wait_for runs_on "$to" || fail "it does not run on $to"
		is_frozen_on "$from" || fail "it is not frozen on $from"
		rt_on "$from" resume "$ID"
		[ "$status" -ne 0 ] || fail "it may be resumed"
		wire
		ok_on "$from" migrate --recover "$ID"
		grep -q "runs on the destination, and is deleted here" <<<"$output"
		AT=$to
		it_is_on "$to"
		wait_for clean "$from" || fail "$(leftovers "$from")"
		wait_for clean "$to" || fail "$(leftovers "$to")"
	done
}

@test "faults: nobody can say whose it is: it stands still until somebody can, or a person says so" {
	local i
	for ((i = 0; i < REPEATS; i++)); do
		# the other host is gone before COMMIT comes there
		wire "run-at=READY:touch $HOSTS/two.down" cut-at=COMMIT
		DEADLINE=30 rt_on one migrate --rsh "$RSH" --replace --silence 400ms --doubt 300ms --quiet "$ID" two
		[ "$status" -ne 0 ]
		grep -q "it stands still, in doubt: " <<<"$stderr"
		is_frozen_on one
		rt_on one resume "$ID"
		grep -q "migrat" <<<"$stderr" || fail "$stderr"
		rt_on one migrate --recover --doubt 10ms "$ID"
		[ "$status" -ne 0 ]
		is_frozen_on one
		# it comes back, and knows of nothing
		[ $((i % 2)) = 0 ] || ok_on one migrate --recover --doubt 10ms --on-doubt source "$ID"
		rm "$HOSTS/two.down"
		wire
		[ $((i % 2)) = 1 ] || ok_on one migrate --recover
		it_is_on one
		wait_for clean two || fail "$(leftovers two)"
	done
}

@test "faults: a signal to the engine of the source: it goes on" {
	local i signal
	for ((i = 0; i < REPEATS; i++)); do
		for signal in TERM INT HUP; do
			fault stays "run-after=ROUND_TAKEN:$HOSTS/kill $AT stiva $signal"
			fault stays "run-after=IMAGE:$HOSTS/kill $AT stiva $signal"
		done
	done
}
