#!/usr/bin/env bats
# Terminals: run and exec on a pty, sizes, signals by keys, --console-socket.
# requires: root cgroup2
# parallel: yes
load helpers

# talk STEPS... -- ARGS...: the runtime on a terminal of 24x80; $output without CR
talk() {
	local -a steps=()
	while [ "$1" != -- ]; do
		steps+=("$1")
		shift
	done
	shift
	LAST="$RUNTIME_NAME $* (on a pty)"
	RUNS=$((RUNS + 1))
	OUT=$WORK/.out.$RUNS ERR=$WORK/.err.$RUNS
	status=0
	"$PROBE" pty "${steps[@]}" "$RUNTIME" --root "$ROOT" "$@" 3>&- 4>&- 2>"$ERR" | tr -d '\r' >"$OUT" || true
	status=${PIPESTATUS[0]}
	output=$(<"$OUT") stderr=$(<"$ERR")
	[[ $output != *"[never saw"* ]] || fail "$output"
}
with_tty='.process.terminal = true'

@test "run with a terminal: the program has it, controlling, in the foreground" {
	program probe tty -- "$with_tty"
	talk -- run -b "$BUNDLE" "$ID"
	line "isatty 1 1 1"
	line "ttyname0 /dev/pts/0"
	line "ctty yes"
	line "leader yes"
	line "foreground yes"
	absent
}

@test "the terminal has the size of the caller's" {
	known_deviation crun "1.8 run gives 0x0"
	known_deviation runc "1.1 sets it after the start"
	program probe tty -- "$with_tty"
	talk -s 33x111 -- run -b "$BUNDLE" "$ID"
	line "size 33x111"
}

@test "consoleSize is the size from the beginning" {
	known_deviation crun "1.8: the caller's size wins"
	program probe tty -- "$with_tty" '.process.consoleSize = {height: 12, width: 34}'
	background "$PROBE" console "$WORK/sock" >"$WORK/got"
	wait_for test -S "$WORK/sock"
	ok create --console-socket "$WORK/sock" -b "$BUNDLE" "$ID"
	ok start "$ID"
	wait_for grep -q size "$WORK/got"
	grep -q "size 12x34" "$WORK/got"
}

@test "U51: the exit status comes through, and the terminal is as before" {
	script 'stty raw; exit 42' "$with_tty"
	talk -- run -b "$BUNDLE" "$ID"
	is "$status" 42
	shows_not "[terminal modes changed]"
}

@test "input reaches the program, output comes back" {
	script 'echo ready; read x; echo "got $x"' "$with_tty"
	talk -e ready $'type:hello\n' -- run -b "$BUNDLE" "$ID"
	line "got hello"
}

@test "U51: a resized window is resized inside" {
	known_deviation crun "1.8 does not forward it"
	known_deviation runc "1.1 sets the first size after the start"
	program probe winch 1 -- "$with_tty"
	talk -e ready resize:50x132 -- run -b "$BUNDLE" "$ID"
	line "size 24x80"
	line "size 50x132"
	line 'done'
}

@test "Ctrl-C and Ctrl-\\ are for the program" {
	script 'trap "echo caught" INT; echo ready; read x || true; read x; echo end' "$with_tty"
	talk -e ready $'type:\x03' -e caught $'type:\n\n' -- run -b "$BUNDLE" "$ID"
	shows caught
	is "$status" 0
}

@test "U51: signals to run reach the program on the terminal" {
	program probe signals 9 -- "$with_tty"
	talk -e ready kill:10 -e USR1 kill:15 -- run -b "$BUNDLE" "$ID"
	line USR1
	line TERM
	is "$status" 9
}

@test "R22 U51: the last output is not lost" {
	program probe flood 200000 -- "$with_tty"
	talk -- run -b "$BUNDLE" "$ID"
	is "$(tr -d '\n' <"$OUT" | wc -c)" 196875
	is "$status" 0
}

@test "a hangup of the terminal is told to the program" {
	known_deviation crun "1.8 fails itself"
	program probe signals 5 1 -- "$with_tty"
	talk -e ready hangup -- run -b "$BUNDLE" "$ID"
	is "$status" 5
	absent
}

@test "U62: exec -t" {
	known_deviation crun "1.8 writes the colours of an error message to the terminal"
	program probe wait
	starts
	talk -s 20x60 -- exec -t "$ID" probe tty
	line "isatty 1 1 1"
	line "ctty yes"
	line "leader yes"
	[ "$RUNTIME_NAME" = runc ] || line "size 20x60"
	talk -- exec -t "$ID" sh -c 'exit 9'
	is "$status" 9
	shows_not "[terminal modes changed]"
}

@test "exec -t: typing, resizing, killing" {
	known_deviation runc "1.1 now and then loses the first size"
	program probe wait
	starts
	talk -e ready $'type:word\n' -- exec -t "$ID" sh -c 'echo ready; read x; echo "<$x>"'
	line "<word>"
	[ "$RUNTIME_NAME" = crun ] || {
		talk -e ready resize:30x40 -- exec -t "$ID" probe winch 1
		line "size 30x40"
	}
	talk -e ready $'type:\x03' -- exec -t "$ID" sh -c 'echo ready; read x; read x'
	is "$status" 130
}

@test "U62: exec --tty=false" {
	known_deviation crun "takes no value"
	program probe wait
	starts
	talk -- exec --tty=false "$ID" true
	is "$status" 0
}

@test "U42: --console-socket hands the terminal over" {
	script 'probe tty; read x; echo "<$x>"' "$with_tty"
	mkfifo "$WORK/keys"
	exec 8<>"$WORK/keys"
	background "$PROBE" console "$WORK/sock" 44x99 <&8 >"$WORK/got"
	wait_for test -S "$WORK/sock"
	ok create --console-socket "$WORK/sock" -b "$BUNDLE" "$ID"
	prints ""
	ok start "$ID"
	wait_for grep -q size "$WORK/got"
	tr -d '\r' <"$WORK/got" >"$WORK/lines"
	grep -qx "size 44x99" "$WORK/lines"
	grep -qx "ctty yes" "$WORK/lines"
	echo typed >&8
	wait_for grep -q '<typed>' "$WORK/got"
	exec 8<&-
	stopped
}

@test "U42 U49: run --detach with --console-socket" {
	program probe tty -- "$with_tty"
	background "$PROBE" console "$WORK/sock" >"$WORK/got"
	wait_for test -S "$WORK/sock"
	ok run -d --console-socket "$WORK/sock" -b "$BUNDLE" "$ID"
	wait_for grep -q size "$WORK/got"
	grep -q "isatty 1 1 1" "$WORK/got"
}

@test "U63: exec --detach -t with --console-socket" {
	program probe wait
	starts
	background "$PROBE" console "$WORK/sock" >"$WORK/got"
	wait_for test -S "$WORK/sock"
	ok exec -d -t --console-socket "$WORK/sock" "$ID" probe tty
	wait_for grep -q size "$WORK/got"
	grep -q "isatty 1 1 1" "$WORK/got"
}

@test "U42: the message on the console socket: one descriptor of a pty master" {
	program probe wait -- "$with_tty"
	background "$PROBE" recvfd "$WORK/sock" hold >"$WORK/got"
	wait_for test -S "$WORK/sock"
	ok create --console-socket "$WORK/sock" -b "$BUNDLE" "$ID"
	wait_for grep -q ^fd "$WORK/got"
	is "$(grep -c ^fd "$WORK/got")" 1
	grep -qE '^fd /.*ptmx$' "$WORK/got" || fail "$(<"$WORK/got")"
}

@test "U42: a console socket that is not there, or where nobody listens" {
	program true -- "$with_tty"
	rt create --console-socket "$WORK/none" -b "$BUNDLE" "$ID"
	refused "$WORK/none"
	"$PROBE" stale "$WORK/stale"
	rt create --console-socket "$WORK/stale" -b "$BUNDLE" "$ID"
	refused "$WORK/stale"
	touch "$WORK/file"
	rt create --console-socket "$WORK/file" -b "$BUNDLE" "$ID"
	refused "$WORK/file"
}

@test "D07: /dev/console is the terminal" {
	known_deviation crun "makes a link"
	script 'probe node /dev/console; echo text >/dev/console' "$with_tty"
	talk -- run -b "$BUNDLE" "$ID"
	shows "/dev/console c 136:0"
	line text
}

@test "D07 R03: /dev/console of the image cannot lead the terminal astray" {
	known_deviation crun "makes a link"
	known_deviation runc "1.1 follows it (CVE-2025-52565)"
	echo canary >"$WORK/canary"
	for shape in link fifo folder; do
		script 'test -t 0; echo "is $?"' "$with_tty" '.mounts |= map(select(.destination != "/dev"))'
		case $shape in
		link) ln -s "$WORK/canary" "$BUNDLE/rootfs/dev/console" ;;
		fifo) mkfifo "$BUNDLE/rootfs/dev/console" ;;
		folder) mkdir "$BUNDLE/rootfs/dev/console" ;;
		esac
		talk -- run -b "$BUNDLE" "$ID" || true
		is "$(<"$WORK/canary")" canary
		shows_not "is 0"
		shows '/dev/console'
		ok delete --force "$ID"
	done
}

@test "the caller's terminal cannot be typed into from the container" {
	script 'probe sti x; true'
	talk -- run -b "$BUNDLE" "$ID"
	shows_not "TIOCSTI ok"
	program probe wait
	starts
	talk -- exec "$ID" probe sti x
	known_deviation crun "1.8 exec stays in the caller's session"
	shows_not "TIOCSTI ok"
}

@test "run without a terminal on a terminal passes the caller's through" {
	known_deviation runc "puts pipes between"
	program probe tty
	talk -- run -b "$BUNDLE" "$ID"
	line "isatty 1 1 1"
	line "size 24x80"
}

@test "a terminal is wanted but stdin is no terminal" {
	program probe tty -- "$with_tty"
	rt run -b "$BUNDLE" "$ID" </dev/null
	if is_stiva && [ "$status" != 0 ]; then refused; fi
	[ "$status" != 124 ]
}

@test "R56 U43: --pidfd-socket gives a pidfd of init" {
	known_deviation crun "has no --pidfd-socket"
	known_deviation runc "1.1 has no --pidfd-socket"
	program probe wait
	background "$PROBE" recvfd "$WORK/sock" >"$WORK/got"
	wait_for test -S "$WORK/sock"
	ok create --pidfd-socket "$WORK/sock" -b "$BUNDLE" "$ID"
	wait_for grep -q ^Pid "$WORK/got"
	is "$(sed -n 's/^Pid:\t//p' "$WORK/got")" "$(pid_of)"
}
