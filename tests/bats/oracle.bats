#!/usr/bin/env bats
# oracle: a program that knows what it must be (tests/probe/p_oracle.c) goes through checkpoint and restore
# again and again, with memory written all the time: no tick is lost or told twice, and none has another hash.
# requires: root cgroup2
load helpers

MIB=8
# ORACLE_CYCLES and ORACLE_SEED ask for another run than the gate's.
CYCLES=${ORACLE_CYCLES:-200}
SEED=${ORACLE_SEED:-2611}
BATS_TEST_TIMEOUT=$((60 + 2 * CYCLES))

test_setup() {
	stiva_only
	IMG=$WORK/images
	[ ! -w /sys/class/net/lo/flags ] || ip link set lo up 2>/dev/null || true
}

ticks() { local n; n=$(wc -l <"$BUNDLE/rootfs/log") && echo "$n"; }
ticked() { [ "$(ticks)" -gt "$1" ]; }
told() { cat "$BUNDLE/rootfs/told"; }
# oracle CYCLES WORD...: that many cycles at random moments; WORDs are options of both verbs
oracle() {
	local cycle at cycles=$1 word
	shift
	RANDOM=$SEED
	echo "seed $SEED, $cycles cycles"
	ok run -d -b "$BUNDLE" "$ID"
	wait_for test -s "$BUNDLE/rootfs/log"
	for ((cycle = 1; cycle <= cycles; cycle++)); do
		sleep "0.$(printf %03d $((RANDOM % 60)))"
		at=$(ticks)
		# the same container, now and then, and else another one of its name
		if [ $((RANDOM % 4)) = 0 ]; then
			ok checkpoint --leave-running --image-path "$IMG" "$@" "$ID"
		else
			ok checkpoint --image-path "$IMG" "$@" "$ID"
			ok delete "$ID"
			ok restore -d -b "$BUNDLE" --image-path "$IMG" "$@" "$ID"
		fi
		wait_for ticked "$at" || fail "cycle $cycle: $(status_of): $(told)"
	done
	at=$(ticks)
	wait_for ticked $((at + 3)) || fail "$(status_of): $(told)"
	ok kill "$ID" KILL
	stopped
	"$PROBE" oracle-check "$BUNDLE/rootfs/log" $MIB "$cycles" || fail "the sequence is broken"
	[ ! -s "$BUNDLE/rootfs/told" ] || fail "$(told)"
}

@test "the oracle of checkpoint and restore: its sequence never breaks" {
	requires criu
	script "exec probe oracle /log $MIB 2>/told"
	oracle "$CYCLES"
}

@test "the oracle sees what it should: a page, a log and a child that are not as they were" {
	script "exec probe oracle /log 1 2>/told"
	ok run -d -b "$BUNDLE" "$ID"
	wait_for ticked 5
	# its child, the last of the list
	kill -KILL "$("$RUNTIME" --root "$ROOT" ps --format json "$ID" | jq '.[-1]')"
	stopped
	grep -q "pipe" "$BUNDLE/rootfs/told"
	"$PROBE" oracle-check "$BUNDLE/rootfs/log" 1
	refute "$PROBE" oracle-check "$BUNDLE/rootfs/log" 2
	sed 3d "$BUNDLE/rootfs/log" >"$WORK/log"
	refute "$PROBE" oracle-check "$WORK/log" 1
	sed 3p "$BUNDLE/rootfs/log" >"$WORK/log"
	refute "$PROBE" oracle-check "$WORK/log" 1
}
