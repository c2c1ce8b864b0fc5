#!/usr/bin/env bats
# stdin, stdout, stderr without a terminal: handed through as they are.
# requires: root cgroup2
# parallel: yes
load helpers

run_it() { timeout 20 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" 3>&- 4>&-; }

@test "big input and output" {
	program cat
	head -c 3000000 /dev/urandom >"$WORK/in"
	run_it <"$WORK/in" >"$WORK/out"
	cmp "$WORK/out" "$WORK/in"
}

@test "stdin and stdout are the very files of the caller" {
	script 'readlink /proc/self/fd/0; readlink /proc/self/fd/1'
	touch "$WORK/in"
	run_it <"$WORK/in" >"$WORK/file"
	is "$(stat -L -c %i "$WORK/in")" "$(stat -c %i "$WORK/in")"
	[ -s "$WORK/file" ]
	script 'head -c 3; cat >/dev/null'
	echo abcdef >"$WORK/in"
	{
		run_it
		cat
	} <"$WORK/in" >"$WORK/out"
	is "$(<"$WORK/out")" abc
}

@test "a reader that goes away gives SIGPIPE to the program, run tells it" {
	script 'probe flood 10000000; echo "status $?" >&2; exit 5'
	{ run_it 2>"$WORK/err" || echo $? >"$WORK/status"; } | head -c 100 >/dev/null
	is "$(<"$WORK/err")" "status 141"
	is "$(<"$WORK/status")" 5
}

@test "a pipe for stdin that is closed at once" {
	program probe slurp
	: | run_it >"$WORK/out"
	is "$(<"$WORK/out")" 0
}

@test "R21 U56: run with closed stdin, stdout, stderr" {
	known_deviation crun "1.8 fails"
	script 'for n in 0 1 2; do readlink /proc/self/fd/$n; done >/fds' # all are there, none is a file of the runtime
	for closed in 0 1 2 0,1 0,1,2; do
		status=0
		timeout 20 "$PROBE" closed $closed "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" 3>&- 4>&- || status=$?
		is "$status" 0 "closed $closed"
		is "$(wc -l <"$BUNDLE/rootfs/fds")" 3
		refute grep -qE 'state|config|cgroup|socket' "$BUNDLE/rootfs/fds"
		[[ $closed != *0* ]] || [ "$RUNTIME_NAME" != stiva ] || is "$(head -n 1 "$BUNDLE/rootfs/fds")" /dev/null
	done
}

@test "R21 U56: state, list and kill with closed stdio do not touch other files" {
	program probe wait
	ok create -b "$BUNDLE" "$ID"
	find "$ROOT" -type f -exec sha256sum {} + >"$WORK/before"
	for verb in "state $ID" list "kill $ID NONE" "start nonesuch"; do
		# shellcheck disable=SC2086 # words
		"$PROBE" closed 0,1,2 "$RUNTIME" --root "$ROOT" $verb || true
	done
	find "$ROOT" -type f -exec sha256sum {} + | cmp - "$WORK/before"
}

@test "a full device for stdout" {
	program probe wait
	ok create -b "$BUNDLE" "$ID"
	status=0
	"$RUNTIME" --root "$ROOT" state "$ID" >/dev/full 2>"$ERR" || status=$?
	if is_stiva; then
		is "$status" 1
		grep -qi "no space" "$ERR"
	fi
}

@test "run -d keeps the caller's files open in the container" {
	script 'read -r x </fifo; echo late; echo error >&2'
	mkfifo "$BUNDLE/rootfs/fifo"
	ok run -d -b "$BUNDLE" "$ID"
	STDOUT=$OUT
	echo go >"$BUNDLE/rootfs/fifo"
	wait_for said late
}

@test "R20: the program's SIGPIPE is not ignored" {
	known_deviation crun "leaves what its caller ignores ignored (crun 2058)"
	program probe sigstate
	bash -c 'trap "" PIPE; exec "$@"' bash "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >"$WORK/out"
	is "$(sed 's/.*\t//' "$WORK/out" | sort -u)" 0000000000000000
}

@test "run leaves the caller's stdin flags alone" {
	program true
	mkfifo "$WORK/fifo"
	exec 9<>"$WORK/fifo"
	before=$(sed -n 's/^flags:\t//p' /proc/self/fdinfo/9)
	run_it <&9 >&9
	is "$(sed -n 's/^flags:\t//p' /proc/self/fdinfo/9)" "$before"
	exec 9<&-
}
