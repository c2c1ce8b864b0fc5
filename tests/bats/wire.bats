#!/usr/bin/env bats
# The filter that the tests of migration harm a line with (probe wire) does what its rules say, and nothing else.
# requires: root cgroup2
# parallel: yes
load helpers

# sends RULE...: four frames through the filter; what arrived in $ARRIVED, its log in $LOG
sends() {
	LOG=$WORK/log.$((++N)) ARRIVED=$WORK/arrived.$N status=0
	export ARRIVED PROBE
	: >"$LOG"
	# shellcheck disable=SC2016 # the inner shell expands
	"$PROBE" frames HELLO RESERVE:100 PAGES:300000 COMMIT:10 |
		timeout 20 "$PROBE" wire log="$LOG" "$@" -- sh -c '"$PROBE" unframe >"$ARRIVED"' 3>&- || status=$?
}
# In a cut the reader is left behind, as ssh leaves it: wait for its last line.
has_ended() { [[ "$(tail -n 1 "$ARRIVED" 2>/dev/null)" =~ ^(end|no\ frame|cut\ .*)$ ]]; }
arrived() {
	wait_for has_ended
	is "$(tr '\n' ',' <"$ARRIVED")" "$1," "after $(tr '\n' ' ' <"$LOG")"
}
carried_out() { grep -qxF -- "! $1" "$LOG" || fail "not carried out: $1: $(cat "$LOG")"; }

ALL='HELLO 0 32,RESERVE 1 132,PAGES 2 300032,COMMIT 3 42,end'

@test "wire: without rules everything arrives, and the status is the command's" {
	sends
	is "$status" 0
	arrived "$ALL"
	is "$(grep -c '^>' "$LOG")" 4
	grep -qxF '> PAGES 2 300032' "$LOG"
	status=0
	"$PROBE" wire -- sh -c 'cat; exit 7' </dev/null || status=$?
	is "$status" 7
	is "$(head -c 9000000 /dev/zero | "$PROBE" wire -- cat | wc -c)" 9000000 "what is no frame goes through too"
	sends 'cut-at=COMMIT#2' 'drop=<COMMIT'
	arrived "$ALL"
	grep -qxF '? cut-at=COMMIT#2' "$LOG"
	for t in cut=COMMIT cut-at=NOTHING drop=+5 delay=COMMIT; do
		status=0
		"$PROBE" wire "$t" -- true 2>/dev/null || status=$?
		is "$status" 2 "$t"
	done
}

@test "wire: the line is cut before, in and after a frame, and after so many bytes" {
	while IFS='|' read -r rule want; do
		sends "$rule"
		is "$status" 255 "$rule"
		carried_out "$rule"
		arrived "$want"
	done <<-'END'
		cut-at=PAGES|HELLO 0 32,RESERVE 1 132,end
		cut-in=PAGES|HELLO 0 32,RESERVE 1 132,cut after 150016 bytes
		cut-after=PAGES|HELLO 0 32,RESERVE 1 132,PAGES 2 300032,end
		cut-at=@1|HELLO 0 32,end
		cut-at=+40|HELLO 0 32,cut after 8 bytes
		cut-at=>+164|HELLO 0 32,RESERVE 1 132,end
	END
}

@test "wire: frames are dropped, damaged, repeated, and preceded by garbage" {
	while IFS='|' read -r rule want; do
		sends "$rule"
		is "$status" 0 "$rule"
		carried_out "$rule"
		arrived "$want"
	done <<-'END'
		drop=RESERVE|HELLO 0 32,PAGES 2 300032 order,COMMIT 3 42 order,end
		flip=PAGES|HELLO 0 32,RESERVE 1 132,PAGES 2 300032 data,COMMIT 3 42,end
		flip=RESERVE:130|HELLO 0 32,RESERVE 5 132 head order,PAGES 2 300032,COMMIT 3 42,end
		replay=RESERVE|HELLO 0 32,RESERVE 1 132,RESERVE 1 132 order,PAGES 2 300032 order,COMMIT 3 42 order,end
		garbage-at=COMMIT|HELLO 0 32,RESERVE 1 132,PAGES 2 300032,no frame
	END
	sends drop=RESERVE drop=COMMIT
	arrived 'HELLO 0 32,PAGES 2 300032 order,end'
}

@test "wire: a command runs before or after a frame has passed" {
	sends "run-at=COMMIT:! grep -q COMMIT $WORK/arrived.1 && touch $WORK/before" \
		"run-after=HELLO:touch $WORK/after"
	arrived "$ALL"
	[ -e "$WORK/before" ]
	[ -e "$WORK/after" ]
	begin=${EPOCHREALTIME/./}
	sends delay=COMMIT:200
	arrived "$ALL"
	[ $((${EPOCHREALTIME/./} - begin)) -ge 200000 ]
}

@test "wire: answers have rules of their own; one way is closed, the other goes on" {
	# shellcheck disable=SC2016 # the inner shell expands
	answers() { "$PROBE" frames HELLO RESERVE:9 COMMIT |
		"$PROBE" wire "$@" -- sh -c '"$PROBE" unframe >'"$WORK"'/to; "$PROBE" frames CAPS READY:5 RUNNING' |
		"$PROBE" unframe >"$WORK/from"; }
	export PROBE
	answers drop=READY answer="$WORK/answer" record="$WORK/record"
	is "$(tr '\n' ',' <"$WORK/from")" "CAPS 0 32,RUNNING 2 32 order,end,"
	is "$("$PROBE" unframe <"$WORK/answer" | tr '\n' ',')" "CAPS 0 32,READY 1 37,RUNNING 2 32,end,"
	is "$("$PROBE" unframe <"$WORK/record" | tr '\n' ',')" "HELLO 0 32,RESERVE 1 41,COMMIT 2 32,end,"
	answers close-at=COMMIT close-in=READY
	is "$(tr '\n' ',' <"$WORK/to")" "HELLO 0 32,RESERVE 1 41,end,"
	is "$(tr '\n' ',' <"$WORK/from")" "CAPS 0 32,cut after 18 bytes,"
	answers 'cut-at=<+33'
	is "$(tr '\n' ',' <"$WORK/from")" "CAPS 0 32,cut after 1 bytes,"
}

@test "wire: in a stall nothing moves and nothing is closed, even if the filter is killed" {
	LOG=$WORK/log
	mkfifo "$WORK/in"
	exec 8<>"$WORK/in"
	background "$PROBE" wire log="$LOG" stall-after=HELLO hold=30 -- \
		sh -c 'echo $$ >'"$WORK"'/pid; exec "$0" unframe >'"$WORK/arrived" "$PROBE" <"$WORK/in"
	"$PROBE" frames HELLO RESERVE >&8
	wait_for grep -q '^HELLO' "$WORK/arrived"
	wait_for grep -q '^! stall' "$LOG"
	kill -KILL "$JOB"
	exec 8>&-
	# it reads on, and sees no end
	reader=$(<"$WORK/pid")
	for _ in {1..10}; do
		kill -0 "$reader"
		is "$(<"$WORK/arrived")" "HELLO 0 32"
	done
	grep -q '^State:.S' "/proc/$reader/status"
	kill "$reader"
}
