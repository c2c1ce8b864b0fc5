#!/usr/bin/env bats
# migrate, whose programs are killed: stiva and criu on either host, at every point of a migration, and what
# migrate --recover does afterwards. As migrate_faults.bats, which harms the line. FAULT_REPEATS times, 0.7 s each.
# requires: root cgroup2 criu
# parallel: yes
load helpers
load hosts
load migrate

test_setup() { faults_up; }
test_teardown() { hosts_down; }

# Not while it puts its code into a process: then it alone could undo that, and the container ends (docs/migration.md).
# So it is killed while it waits for the line, with memory to send, and when all is written.
@test "faults: the criu of the source is killed while it sends memory: it goes on" {
	ok_on one delete --force "$ID"
	rm -r "$HOSTS/one/c" "$WORK/both/log"
	hosts_down
	faults_up 'much=$(head -c 4000000 /dev/urandom | od -v -A n -t x8)'
	MODE=stop dies stays source criu :PAGES#2
	dies anyhow source criu FINAL_END
}

@test "faults: the criu of the destination is killed: one side has it" {
	dies anyhow destination criu FINAL_END :READY READY :COMMIT COMMIT :RUNNING
}

@test "faults: the engine of the destination is killed before it has it: it goes on, and nothing stays there" {
	dies stays destination stiva RESERVE RESERVED ROUND_TAKEN FREEZE IMAGE FINAL_END :READY
}

@test "faults: the engine of the destination is killed at the moment of handing over: one side has it" {
	dies anyhow destination stiva READY COMMIT
}

@test "faults: the engine of the destination is killed when it has it: it runs there" {
	KEEPS_RECORD=1 dies moves destination stiva :RUNNING RUNNING
}

@test "faults: the engine of the source is killed before the container is handed over: it goes on" {
	dies stays source stiva RESERVED FS_DATA :ROUND_TAKEN
	dies anyhow source stiva FREEZE IMAGE FINAL_END :READY
}

@test "faults: the engine of the source is killed at the moment of handing over: one side has it" {
	dies anyhow source stiva READY :COMMIT :RUNNING RUNNING DONE
}

@test "faults: an engine is killed together with its watchdog: it stands still until the next command" {
	local i frame
	for ((i = 0; i < REPEATS; i++)); do
		for frame in FREEZE FINAL_END READY COMMIT; do
			DIES=1 fault anyhow "run-after=$frame:$HOSTS/kill $AT stiva:watchdog; $HOSTS/kill $AT stiva"
			DIES=1 fault anyhow "run-after=$frame:$HOSTS/kill $(other "$AT") stiva:watchdog; $HOSTS/kill $(other "$AT") stiva"
		done
	done
}

@test "faults: both engines are killed: one side has it" {
	local i frame
	for ((i = 0; i < REPEATS; i++)); do
		for frame in ROUND_TAKEN FREEZE FINAL_END READY COMMIT RUNNING; do
			DIES=1 fault anyhow "run-after=$frame:$HOSTS/kill $AT stiva; $HOSTS/kill $(other "$AT") stiva"
		done
	done
}

@test "faults: the engine of the source is killed when it is handed over: --recover asks, and it is gone here" {
	local i from to
	for ((i = 0; i < REPEATS; i++)); do
		from=$AT to=$(other "$AT")
		wire "run-after=COMMIT:$HOSTS/kill $from stiva"
		DEADLINE=30 rt_on "$from" migrate --rsh "$RSH" --replace --silence 2s --quiet "$ID" "$to"
		# it may have heard all before the kill came
		if [ "$status" = 0 ]; then
			AT=$to
			continue
		fi
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
	local i verb
	for ((i = 0; i < REPEATS; i++)); do
		# the other host is gone before COMMIT comes there
		wire "run-at=READY:touch $HOSTS/two.down" cut-at=COMMIT
		DEADLINE=30 rt_on one migrate --rsh "$RSH" --replace --silence 2s --doubt 300ms --quiet "$ID" two
		[ "$status" -ne 0 ]
		grep -q "it stands still, in doubt: " <<<"$stderr"
		is_frozen_on one
		for verb in "resume $ID" "checkpoint --image-path /srv/saved $ID" "migrate --rsh $RSH $ID two"; do
			# shellcheck disable=SC2086 # words
			rt_on one $verb
			is "$status" 1
			grep -qF "the container was handed over to another host: migrate --recover $ID asks" <<<"$stderr" || fail "$verb: $stderr"
		done
		is_frozen_on one
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

@test "faults: a signal to the engine of the source: it goes on, or has moved" {
	local i signal
	for ((i = 0; i < REPEATS; i++)); do
		for signal in TERM INT HUP; do
			dies_once stays source stiva:$signal :RESERVED :ROUND_TAKEN :READY
			dies_once anyhow source stiva:$signal FREEZE FINAL_END COMMIT
			fault moves "run-at=RUNNING:$HOSTS/kill $AT stiva $signal"
		done
	done
}

@test "faults: a signal to the engine of the destination: it goes on, or has moved" {
	local i signal
	for ((i = 0; i < REPEATS; i++)); do
		dies_once stays destination stiva:TERM :FS_DATA :FREEZE :IMAGE :READY
		dies_once anyhow destination stiva:INT FINAL_END COMMIT RUNNING
	done
}

@test "faults: a record that is there before anything is written, or is being removed, is nobody's container" {
	local epoch
	on two mkdir -p /run/stiva/.migrations
	# killed before the first write
	epoch=00112233445566778899aabbccddeeff
	on two mkdir "/run/stiva/.migrations/$epoch"
	# one whose removal was cut short, of a container that lives
	DEADLINE=30 ok_on one migrate --rsh "$RSH" --quiet "$ID" two
	it_is_on two
	refute on two test -e "/run/stiva/.migrations/$epoch"
	on two sh -c "mkdir /run/stiva/.migrations/gone-$epoch && echo '{\"epoch\": \"$epoch\", \"id\": \"$ID\",
		\"begun\": \"now\", \"phase\": \"committed\", \"filled\": [\"/srv/c/rootfs\"]}' \
		>/run/stiva/.migrations/gone-$epoch/migration.json"
	# and a maker killed before it had its name
	on two mkdir "/run/stiva/.migrations/new-$epoch"
	ok_on two migrate --recover
	it_is_on two
	is "$(leftovers two)" ""
}

@test "faults: in doubt and ended: --recover says so, and it can be deleted" {
	wire "run-at=READY:touch $HOSTS/two.down" cut-at=COMMIT
	DEADLINE=30 rt_on one migrate --rsh "$RSH" --replace --silence 2s --doubt 300ms --quiet "$ID" two
	grep -q "it stands still, in doubt: " <<<"$stderr" || fail "$stderr"
	ok_on one kill "$ID" KILL
	wait_for eval '[ "$(status_on one)" = stopped ]'
	rt_on one migrate --recover --doubt 10ms
	is "$status" 1
	grep -q "it stands still, in doubt: " <<<"$stderr" || fail "$stderr"
	rm "$HOSTS/two.down"
	wire
	ok_on one migrate --recover
	grep -q "^$ID: .* it goes on here, where it has ended meanwhile$" <<<"$output" || fail "$output"
	ok_on one delete "$ID"
	absent_on one
	wait_for clean two || fail "$(leftovers two)"
}
