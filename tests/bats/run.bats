#!/usr/bin/env bats
# run: create, start, wait and delete in one; exit statuses; nothing stays.
# requires: root cgroup2
# parallel: yes
load helpers

@test "U25 U51: run gives the program's output and deletes the container" {
	script 'echo out; echo err >&2'
	runs
	prints out
	is "$stderr" err
	absent
}

@test "E13 U51: run exits with the program's status" {
	for code in 0 1 3 126 255; do
		script "exit $code"
		rt run -b "$BUNDLE" "$ID"
		exits "$code"
	done
	absent
}

@test "E13 U51: run exits with 128 + signal" {
	for signal in 9 15 6; do
		script "probe die $signal & wait \$!; exit \$?"
		rt run -b "$BUNDLE" "$ID"
		exits $((128 + signal))
	done
	program probe hang 0
	background "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >/dev/null
	wait_for status_is running
	ok kill "$ID" KILL
	status=0
	wait "$JOB" || status=$?
	exits 137
	absent
}

@test "U49: run --detach returns, the container goes on" {
	program probe wait
	starts
	is "$(status_of)" running
	ok kill "$ID" TERM
	stopped
	ok delete "$ID"
	absent
}

@test "run --detach with a pid file" {
	program probe wait
	ok run -d --pid-file "$WORK/pid" -b "$BUNDLE" "$ID"
	is "$(<"$WORK/pid")" "$(pid_of)"
}

@test "U50: run --keep keeps the stopped container" {
	known_deviation crun "1.8 has no --keep"
	script 'exit 4'
	rt run --keep -b "$BUNDLE" "$ID"
	exits 4
	is "$(status_of)" stopped
	ok delete "$ID"
	absent
}

@test "U52: a failed run leaves nothing" {
	bundle '.process.args = ["/no/such"]'
	rt run -b "$BUNDLE" "$ID"
	refused /no/such
	rt run -d --pid-file "$WORK/pid" -b "$BUNDLE" "$ID"
	refused /no/such
	[ ! -e "$WORK/pid" ]
}

@test "U51: run forwards signals to the program" {
	program probe signals 7
	export ROOT BUNDLE RUNTIME
	background "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >"$WORK/stdout"
	STDOUT=$WORK/stdout
	wait_for said ready
	for s in HUP USR1 USR2 INT QUIT; do
		kill -$s "$JOB"
		wait_for said "$s"
	done
	kill -TERM "$JOB"
	status=0
	wait "$JOB" || status=$?
	exits 7
	absent
}

@test "run waits for process 1, the rest of the container ends with it" {
	script 'probe hang 2 & read -r x </fifo; exit 5'
	mkfifo "$BUNDLE/rootfs/fifo"
	background "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >"$WORK/stdout"
	STDOUT=$WORK/stdout
	wait_for said ready
	echo >"$BUNDLE/rootfs/fifo"
	status=0
	wait "$JOB" || status=$?
	exits 5
	absent
}

@test "run without a pid namespace ends the rest of the container too" {
	known_deviation crun "lets the others live"
	known_deviation runc "1.1 lets the others live"
	script 'probe hang 2 & read -r x </fifo; exit 5' "$(without_ns pid)"
	mkfifo "$BUNDLE/rootfs/fifo"
	background "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >"$WORK/stdout"
	STDOUT=$WORK/stdout
	wait_for said ready
	echo >"$BUNDLE/rootfs/fifo"
	status=0
	wait "$JOB" || status=$?
	exits 5
	absent
}

@test "R14: very short programs in a row" {
	program true
	for _ in {1..20}; do runs; done
	absent
}

@test "orphans of the container do not end it, and process 1 sees them" {
	script '(sleep 0.01 & ) ; probe subreaper true; exit 0'
	runs
}

@test "U53: run of an id in use is refused" {
	program probe wait
	starts
	rt run -b "$BUNDLE" "$ID"
	KEPT=1 refused "$ID" exists
	is "$(status_of)" running
}

# Without a pid namespace an orphan's new parent can be seen.
@test "U48: run is a subreaper, and with --no-subreaper it is not" {
	known_deviation crun "is none"
	for option in --no-subreaper=false --no-subreaper; do
		# the shell between ends at once; who it leaves behind waits to be adopted, and tells by whom
		script '( ( read -r x </fifo; sh -c "cut -d\" \" -f4 /proc/\$PPID/stat; true"; true ) & ); read -r x </end' "$(without_ns pid)"
		mkfifo "$BUNDLE/rootfs/fifo" "$BUNDLE/rootfs/end"
		background "$RUNTIME" --root "$ROOT" run $option -b "$BUNDLE" "$ID" >"$WORK/out" 2>&1
		wait_for status_is running
		echo go >"$BUNDLE/rootfs/fifo"
		wait_for test -s "$WORK/out"
		if [ $option = --no-subreaper ]; then
			[ "$(<"$WORK/out")" != "$JOB" ] || fail "the orphan became a child of run"
		else
			is "$(<"$WORK/out")" "$JOB"
		fi
		echo end >"$BUNDLE/rootfs/end"
		wait "$JOB"
	done
}

@test "U42: run --detach with a terminal needs --console-socket" {
	program true -- '.process.terminal = true'
	rt run -d -b "$BUNDLE" "$ID"
	refused console-socket
}

@test "U42: --console-socket without a terminal is refused" {
	stiva_only
	program true
	rt create --console-socket "$WORK/s" -b "$BUNDLE" "$ID"
	refused console-socket
}
