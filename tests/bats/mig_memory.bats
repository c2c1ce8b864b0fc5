#!/usr/bin/env bats
# mig_memory: the memory of a live migration without the rest of it (tests/tools/mig_memory.c): a program that
# writes all the time goes in rounds over a link, is dumped by criu with its pages through ours, and is restored by
# criu as it came. About 3 s each in the Debian 13 root.
# requires: root criu
load helpers
MIB=64

test_setup() {
	stiva_only
	TOOL=$TOP/build/tools/mig_memory
	[ -x "$TOOL" ] || skip "build/tools/mig_memory is not built (make all)"
	# files of 128 TiB with holes
	DIR=$(mktemp -d /dev/shm/mig_memory_XXXXXX)
	PID=
	[ ! -w /sys/class/net/lo/flags ] || ip link set lo up 2>/dev/null || true
}
test_teardown() {
	[ -z "$PID" ] || kill -KILL "$PID" 2>/dev/null || true
	rm -rf "$DIR"
}

ticks() { local n; n=$(wc -l <"$DIR/log") && echo "$n"; }
ticked() { [ "$(ticks)" -ge "$1" ]; }
gone() { ! [ -e "/proc/$PID" ]; }
# field LINE NAME: of a line of the tool's
field() { sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p" <<<"$1"; }
# migrate ROUNDS: one letter each
migrate() {
	local at
	timeout 60 "$TOOL" "$DIR" "$1" "$PROBE" oracle "$DIR/log" $MIB >"$DIR/out" ||
		fail "$(cat "$DIR/out"; grep -a Error "$DIR"/images/*.log)"
	PID=$(field "$(tail -n 1 "$DIR/out")" pid)
	[ -n "$PID" ] || fail "no pid: $(cat "$DIR/out")"
	at=$(ticks)
	wait_for ticked $((at + 20)) || fail "it stands still: $(cat "$DIR/told")"
	kill -KILL "$PID"
	wait_for gone
	"$PROBE" oracle-check "$DIR/log" $MIB 20 || fail "the sequence is broken"
	[ ! -s "$DIR/told" ] || fail "$(cat "$DIR/told")"
}

@test "memory in rounds, while it is written: what criu restores goes on as if nothing had happened" {
	local first second final
	migrate rrrr
	cat "$DIR/out"
	first=$(grep -m 1 '"round"' "$DIR/out") final=$(grep '"final"' "$DIR/out")
	[ "$(grep -c '"round"' "$DIR/out")" = 4 ]
	[ "$(field "$first" sent)" -ge $((MIB * 256)) ]
	# the oracle writes a part of it, and never its code
	second=$(grep '"round"' "$DIR/out" | sed -n 2p)
	[ "$(field "$second" bytes)" -lt "$(field "$first" bytes)" ]
	# two processes, of which the rounds saw one; how much of the second one's memory is still that of the first is a
	# matter of the time that has passed since its fork
	[ "$(field "$final" processes)" = 2 ]
	[ "$(field "$final" sent)" -lt "$(field "$final" pages)" ]
	[ "$(field "$final" ref)" -gt 0 ]
}

@test "memory without a round: all of it goes at the end" {
	migrate none
	[ "$(field "$(grep '"final"' "$DIR/out")" pages)" -ge $((MIB * 256)) ]
}

@test "memory in rounds, restored with lazy pages: it does not hang" {
	LAZY=1 migrate rr
}
