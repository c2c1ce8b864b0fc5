#!/usr/bin/env bats
# migrate, harmed: at every point of a migration the line is cut, stalled or changed, and each of the programs at
# work is killed (hosts.bash: two hosts on one machine, p_wire.c: the line between them). Whatever happens, the
# container is where the outcome says, never on both hosts and never nowhere; on the losing side nothing is left;
# its count has every number once; and the next migration, undisturbed, succeeds. (migration.md 9.2.)
# Each point is tried FAULT_REPEATS times (the gate: 4; STIVA tells nothing of time: about 0.7 s each).
# requires: root cgroup2 criu
# parallel: yes
load helpers
load hosts

REPEATS=${FAULT_REPEATS:-4}
BATS_TEST_TIMEOUT=$((60 + 90 * REPEATS))
# what a cut line costs at most, in ms, beyond the silence that the test allows
BACK_MS=3000

test_setup() {
	stiva_only
	hosts_up
	counts_on one
	AT=one
	for host in one two; do on $host cat /proc/self/mounts >"$WORK/mounts.$host"; done
}
test_teardown() { hosts_down; }

other() { [ "$1" = one ] && echo two || echo one; }
# in_order: each number is in the count once
in_order() {
	awk '$1 != NR { print "line " NR ": " $0; exit 1 }' "$HOSTS/$1/c/rootfs/count" || fail "numbers are lost or twice"
}
# leftovers HOST: processes, mounts and records of a migration there
leftovers() {
	local pid
	for pid in $(find "$CG/hosts-$ID/$1" -name cgroup.procs -exec cat {} + 2>/dev/null); do
		case $(cat "/proc/$pid/comm" 2>/dev/null) in
		criu | stiva | stiva:*) echo "$pid $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)" ;;
		esac
	done
	on "$1" sh -c 'ls -d /run/stiva/.migrations/* 2>/dev/null; grep -v " /proc/self " /proc/self/mounts' | grep -vxFf "$WORK/mounts.$1" || true
}
# with KEEPS_RECORD the destination keeps what it knows, for a source that might ask
clean() { [ -z "$(leftovers "$1" | grep -vE "${KEEPS_RECORD:+^/run/stiva/.migrations/|}^$")" ]; }
# it_is_on HOST: only there, and counting; what it has counted is whole
it_is_on() {
	local at
	wait_for runs_on "$1" || fail "it does not run on $1: $(status_on "$1"), $stderr"
	at=$(count_on "$1")
	wait_for has_counted "$1" $((at + 1)) || fail "it does not count on $1"
	wait_for absent_on "$(other "$1")" || fail "something is left on $(other "$1"): $stderr"
	in_order "$1"
}
# fault OUTCOME RULE...: a migration from where it is, harmed; OUTCOME: stays, moves
fault() {
	local outcome=$1 from=$AT to took
	shift
	to=$(other "$from")
	wire "$@"
	: >"$WIRE"
	took=${EPOCHREALTIME/./}
	DEADLINE=30 rt_on "$from" migrate --rsh "$RSH" --mode "${MODE:-precopy}" --replace --silence 400ms --doubt 5s \
		--quiet ${OPTIONS:-} "$ID" "$to"
	took=$(((${EPOCHREALTIME/./} - took) / 1000))
	for rule; do carried_out "${rule//>/>}"; done
	case $outcome in
	stays)
		[ "$status" -ne 0 ] || fail "$*: it says that it has moved"
		[ -n "${DIES:-}" ] || [ "$(grep -c "^stiva: migrate $ID: " <<<"$stderr")" = 1 ] || fail "$*: it says: $stderr"
		;;
	moves)
		[ "$status" = 0 ] || [ -n "${DIES:-}" ] || fail "$*: $stderr"
		AT=$to
		;;
	esac
	[ "$took" -le $((BACK_MS + 400)) ] || fail "$*: it took $took ms: $stderr"
	it_is_on "$AT" || fail "$*: $stderr"
	wait_for clean "$(other "$AT")" || fail "$*: left on $(other "$AT"): $(leftovers "$(other "$AT")")"
	wait_for clean "$AT" || fail "$*: left on $AT: $(leftovers "$AT")"
	echo "$outcome ($took ms): $* ${stderr%%$'\n'*}"
}
# faults OUTCOME RULE...: each of the rules, REPEATS times
faults() {
	local rule i outcome=$1
	shift
	for ((i = 0; i < REPEATS; i++)); do
		for rule; do fault "$outcome" "$rule"; done
	done
	# and undisturbed
	wire
	DEADLINE=30 ok_on "$AT" migrate --rsh "$RSH" --replace --quiet "$ID" "$(other "$AT")"
	AT=$(other "$AT")
	it_is_on "$AT"
}

@test "faults: the line is cut before the container is handed over: it goes on" {
	faults stays cut-at=RESERVE cut-in=RESERVE cut-at=RESERVED cut-in=FS_DATA cut-at=ROUND_TAKEN cut-at=FREEZE \
		cut-in=IMAGE cut-at=FINAL_END cut-after=FINAL_END cut-at=READY cut-at=COMMIT cut-in=COMMIT
}

@test "faults: the line is cut when the container is handed over: it is asked for, and runs there" {
	faults moves cut-after=COMMIT cut-at=RUNNING cut-in=RUNNING
}

@test "faults: the line stands still: it goes on" {
	faults stays stall-after=FREEZE stall-in=IMAGE stall-at=FINAL_END stall-at=READY hush-at=READY close-at=FINAL_END
}

@test "faults: the line stands still when it is handed over: it is asked for over another one" {
	KEEPS_RECORD=1 faults moves stall-after=COMMIT hush-at=RUNNING
	faults stays stall-at=COMMIT
}

@test "faults: what comes is not what was sent: it goes on" {
	faults stays flip=RESERVE flip=FS_DATA flip=ROUND_TAKEN flip=FREEZE flip=IMAGE flip=FINAL_END flip=READY \
		garbage-at=RESERVED garbage-at=IMAGE garbage-at=READY replay=FREEZE replay=IMAGE drop=IMAGE drop=FREEZE
}

@test "faults: a COMMIT that is damaged or comes twice, an answer that is: one side has it" {
	faults stays flip=COMMIT drop=COMMIT
	KEEPS_RECORD=1 faults moves replay=COMMIT flip=RUNNING drop=RUNNING garbage-at=RUNNING
}

# dies OUTCOME HOST COMM FRAME...: that program is killed there when such a frame has passed (or, ":FRAME", before)
dies() {
	local i outcome=$1 host=$2 comm=$3 frame rule
	shift 3
	for ((i = 0; i < REPEATS; i++)); do
		for frame; do
			rule=run-after=$frame:
			[ "${frame#:}" = "$frame" ] || rule=run-at=${frame#:}:
			role=$AT
			[ "$host" = source ] || role=$(other "$AT")
			DIES=1 fault "$outcome" "$rule$HOSTS/kill $role $comm"
		done
	done
}

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
