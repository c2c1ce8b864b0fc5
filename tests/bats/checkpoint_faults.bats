#!/usr/bin/env bats
# checkpoint_faults: checkpoint and restore whose stiva or whose criu dies: the container goes on, and of a restore
# nothing is left. tests/faults/kill-points does the same at every system call.
# requires: root cgroup2
# parallel: yes
load helpers
BATS_TEST_TIMEOUT=150 # each waits for ends of criu

test_setup() {
	stiva_only
	IMG=$WORK/images
	BEAT=bundle/rootfs/beat
	[ ! -w /sys/class/net/lo/flags ] || ip link set lo up 2>/dev/null || true
}

# ---- a container that counts into its own file ----

counter() {
	script 'i=0; while :; do i=$((i + 1)); echo $i >>/beat; sleep 0.01; done' "$@"
	ok run -d -b "$BUNDLE" "$ID"
	wait_for test -s "$WORK/$BEAT"
}
count() { tail -n 1 "$WORK/$BEAT"; }
passed() { [ "$(count)" -gt "$1" ]; }
goes_on() {
	wait_for passed $(($(count) + 2)) || fail "it is $(status_of)"
	awk '$1 != NR { print "line " NR ": " $0; exit 1 }' "$WORK/$BEAT" || fail "numbers are lost or twice"
}
# images of it, and none of it left
imaged() {
	counter
	ok checkpoint --image-path "$IMG" "$ID"
	ok delete "$ID"
	cp "$WORK/$BEAT" "$WORK/beat.saved"
}
# what happened before it: the file as it was at the checkpoint
rewind() { cat "$WORK/beat.saved" >"$WORK/$BEAT"; }
unmoved() { cmp -s "$WORK/beat.saved" "$WORK/$BEAT" || fail "it has run"; }

# criu_with LINES: a criu that does these before it is criu; for the next commands
criu_with() {
	printf '#!/bin/bash\n%s\nexec %s "$@"\n' "$1" "$(command -v criu)" >"$WORK/criu"
	chmod 755 "$WORK/criu"
	export STIVA_CRIU=$WORK/criu
}
# It ends that many milliseconds after its start. The sleeper must not keep its connection open.
dies_after() {
	criu_with "[ \"\$2\" = 3 ] && exec $(command -v criu) \"\$@\"
me=\$BASHPID; (for f in /proc/\$BASHPID/fd/*; do f=\${f##*/}; [ \$f -lt 3 ] || eval \"exec \$f>&-\"; done 2>/dev/null
sleep $(printf '0.%03d' "$1"); kill -KILL \$me) </dev/null >/dev/null 2>&1 &"
}

# ---- stiva dies ----

# halts N USEC VERB ARGS...: the command, which waits so long before it hears the Nth word of criu (the first two
# are its version and features); its pid in $STIVA, strace's in $JOB
halts() {
	local at=$1 usec=$2
	shift 2
	background strace -q -o /dev/null -e trace=recvmsg -e "inject=recvmsg:delay_enter=$usec:when=$at" \
		"$RUNTIME" --root "$ROOT" "$@" >/dev/null 2>"$WORK/halted"
	# strace tries out what it can with children of its own, first
	traced() {
		STIVA=$(cat "/proc/$JOB/task/$JOB/children" 2>/dev/null) && STIVA=${STIVA%% *} &&
			[ -e "/proc/$STIVA/cmdline" ] && tr '\0' ' ' <"/proc/$STIVA/cmdline" | grep -q "^$RUNTIME "
	}
	wait_for traced
}
# halted_checkpoint: one that does not hear what criu says in the middle of it
halted_checkpoint() {
	rm -rf "$IMG"
	halts 3 60000000 checkpoint --image-path "$IMG" "$ID"
	wait_for has_watchdog
	wait_for test -e "$IMG/dump.log"
	grep -q '"held"' "$ROOT/$ID/state.json"
}
frozen() { grep -qx "frozen $1" "$(cgroup_of)/cgroup.events"; }
watchdog_of() { # its pid, child of $1
	local p
	for p in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
		[ "$(cat "/proc/$p/comm" 2>/dev/null)" != stiva:watchdog ] || echo "$p"
	done
}
ended() { ! grep -q "^State:.[^Z]" "/proc/$1/status" 2>/dev/null; }
# the watchdog first: it must not act
kills_both() {
	local dog
	dog=$(watchdog_of "$STIVA")
	kill -KILL "$dog"
	wait_for ended "$dog"
	kill -KILL "$STIVA" "$JOB"
	wait_for ended "$STIVA"
}
has_watchdog() { [ -n "$(watchdog_of "$STIVA")" ]; }

@test "R6: a checkpoint whose stiva is killed: the container goes on by itself" {
	requires criu
	counter
	halted_checkpoint
	# strace holds what it delays until it is gone itself
	kill -KILL "$STIVA" "$JOB"
	# no command: the watchdog's work
	wait_for frozen 0
	goes_on
	wait_for refute grep -q '"held"' "$ROOT/$ID/state.json"
	[ ! -e "$IMG/stiva.manifest" ]
	# and it can be written again
	ok checkpoint --image-path "$IMG" "$ID"
	status_is stopped
}

@test "whichever wait of a checkpoint fails, the container goes on or its images are there" {
	requires criu
	local n
	counter
	# the wait for the end, after which there are only the images, is one of the last; which one varies
	for n in {4..15} {9..14}; do
		rm -rf "$IMG"
		strace -q -o /dev/null -e trace=poll -e "inject=poll:error=EIO:when=$n" \
			"$RUNTIME" --root "$ROOT" checkpoint --image-path "$IMG" "$ID" >"$WORK/said" 2>&1 3>&- 4>&- || true
		wait_for settled || fail "wait $n: it is $(status_of)"
		if [ "$(status_of)" = stopped ]; then
			ok delete "$ID"
			ok restore -d -b "$BUNDLE" --image-path "$IMG" "$ID"
		fi
		goes_on
	done
}
# a failed wait for the end does not hasten it
settled() { [ "$(status_of)" = stopped ] || frozen 0; }

@test "R6: a checkpoint whose stiva and watchdog are killed: the next command puts the container back" {
	requires criu
	local command
	counter
	for command in state "list -q" "exec $ID true" "pause $ID"; do
		halted_checkpoint
		kills_both
		grep -q '"held"' "$ROOT/$ID/state.json"
		case $command in
		state) ok state "$ID" && [[ $output == *'"running"'* ]] || fail "$output" ;;
		# shellcheck disable=SC2086 # words
		*) ok $command ;;
		esac
		! grep -q '"held"' "$ROOT/$ID/state.json" || fail "the note is left after $command"
		[[ $command != pause* ]] || break
		goes_on
	done
	# a paused one is paused again
	is "$(status_of)" paused
	halted_checkpoint
	kills_both
	is "$(status_of)" paused
	! grep -q '"held"' "$ROOT/$ID/state.json"
	ok resume "$ID"
	goes_on
	ok kill "$ID" KILL
	stopped
}

# ---- criu dies ----

@test "criu is killed in each stage of a checkpoint: one line, and the container goes on" {
	requires criu
	local stage criu failed=0
	# Not at any moment: who ends it while it puts its own code into a process ends that process as well.
	in_recv() { # blocked in recvfrom or recvmsg, as it is in a stage
		criu=$(pgrep -P "$STIVA" -x criu) && [[ $(cat "/proc/$criu/syscall" 2>/dev/null) == 4[57]\ * ]]
	}
	over() { ended "$JOB" || in_recv; }
	counter
	for stage in 3 4 5 6; do
		halts $stage 3000000 checkpoint --image-path "$IMG" "$ID"
		wait_for over
		if in_recv; then kill -KILL "$criu"; fi
		status=0
		wait "$JOB" || status=$?
		output='' stderr=$(<"$WORK/halted") ERR=$WORK/halted LAST="checkpoint, criu killed in stage $stage"
		if [ "$status" = 0 ]; then # it has no more stages
			is "$(status_of)" stopped
			break
		fi
		KEPT=1 refused "criu"
		failed=$((failed + 1))
		[ ! -e "$IMG/stiva.manifest" ] && [ ! -e "$IMG/inventory.img" ]
		is "$(status_of)" running
		goes_on
	done
	[ "$failed" -ge 2 ] || fail "criu was killed $failed times"
}

@test "criu is killed in a restore: one line, and nothing is left" {
	requires criu
	local ms failed=0
	imaged
	for ms in 0 2 5 10 15 20 30 40; do
		rewind
		dies_after $ms
		rt restore -d -b "$BUNDLE" --image-path "$IMG" "$ID"
		if [ "$status" = 0 ]; then
			goes_on
			ok delete --force "$ID"
		else
			refused "criu"
			failed=$((failed + 1))
		fi
		absent
	done
	[ "$failed" -gt 0 ] || fail "criu was never killed in time"
}

@test "criu's own faults: a dump keeps the container, a restore leaves nothing" {
	requires criu
	local fault
	counter
	# early, in the pages, at the parasite's connection
	for fault in 1 3 5; do
		criu_with "export CRIU_FAULT=$fault"
		rt checkpoint --image-path "$IMG" "$ID"
		KEPT=1 refused "criu"
		is "$(status_of)" running
		goes_on
	done
	unset STIVA_CRIU
	ok checkpoint --image-path "$IMG" "$ID"
	ok delete "$ID"
	cp "$WORK/$BEAT" "$WORK/beat.saved"
	# only the root task, after the restore
	for fault in 2 6; do
		criu_with "export CRIU_FAULT=$fault"
		rt restore -d -b "$BUNDLE" --image-path "$IMG" "$ID"
		refused "criu"
		unmoved
	done
	unset STIVA_CRIU
	ok restore -d -b "$BUNDLE" --image-path "$IMG" "$ID"
	goes_on
}
