# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # status, output: of helpers.bash
# tests/bats/engines.bash: what the tests of the engines (containerd, docker, podman)
# share: one daemon for a file, calls of its client with the outcome in $status,
# $output and $stderr, conversations at a terminal. Loaded after helpers. Owns no
# engine's options: each file builds its client's command line in $ENGINE.

# The runtime under test as an engine's file needs it, before the first test.
engine_runtime() { echo "${RUNTIME:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)/build/stiva}"; }

# The guest of the vm tier takes its time: an engine's call may last ten seconds there.
! has systemd || export BATS_TEST_TIMEOUT=400

# daemon LOG CMD...: starts a daemon for the whole file; its pid in $DAEMON
daemon() {
	local log=$1
	shift
	"$@" >"$log" 2>&1 </dev/null 3>&- 4>&- &
	export DAEMON=$!
}

# answers ARGS...: waits until the client with these has an answer of the daemon
answers() {
	local end=$((SECONDS + 120))
	# shellcheck disable=SC2086 # words
	until $ENGINE "$@" >/dev/null 2>&1 3>&-; do
		kill -0 "$DAEMON" && [ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

daemon_end() {
	[ -n "${DAEMON:-}" ] || return 0
	kill "$DAEMON" 2>/dev/null || return 0
	while kill -0 "$DAEMON" 2>/dev/null; do sleep 0.1; done
}

# eng ARGS...: the engine's client; never fails by itself. good: it must succeed.
eng() {
	LAST="${ENGINE%% *} $*"
	RUNS=$((RUNS + 1))
	OUT=$WORK/.out.$RUNS ERR=$WORK/.err.$RUNS
	status=0
	# shellcheck disable=SC2086 # words
	timeout -k 2 "${PATIENCE:-100}" $ENGINE "$@" >"$OUT" 2>"$ERR" 3>&- 4>&- || status=$?
	output=$(<"$OUT") stderr=$(<"$ERR")
}
good() {
	eng "$@"
	[ "$status" = 0 ] || fail "$LAST: exit status $status: $stderr"
}
# quiet ARGS...: the same without a trace, for cleaning up
quiet() {
	# shellcheck disable=SC2086 # words
	timeout -k 2 60 $ENGINE "$@" >/dev/null 2>&1 3>&- 4>&- || true
}

# What a program says at a terminal: its size once it is the caller's (the engines tell it beside the start), then it
# reads a line.
# shellcheck disable=SC2016 # for the container's shell
TALK='until s=$(stty size 2>/dev/null) && [ "$s" = "31 91" ]; do sleep 0.1; done
	echo "$s"; tty; echo ready; read x; echo "<$x>"; exit 8'

# talks ARGS...: the client at a terminal of 31 lines and 91 columns, whose program is
# TALK; asserts the whole conversation and the exit status
talks() {
	local code=0
	# shellcheck disable=SC2086 # words
	PROBE_DEADLINE=${PATIENCE:-100} "$PROBE" pty -s 31x91 -e ready $'type:word\n' \
		$ENGINE "$@" sh -c "$TALK" >"$WORK/talk" 2>&1 3>&- 4>&- || code=$?
	tr -d '\r' <"$WORK/talk" >"$WORK/said"
	[ "$code" = 8 ] || fail "exit status $code at the terminal: $(<"$WORK/said")"
	grep -qx '31 91' "$WORK/said" || fail "no size: $(<"$WORK/said")"
	grep -qx '<word>' "$WORK/said" || fail "nothing read: $(<"$WORK/said")"
	grep -q '^/dev/pts/' "$WORK/said" || fail "no terminal: $(<"$WORK/said")"
}
