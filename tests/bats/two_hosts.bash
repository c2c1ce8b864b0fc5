# shellcheck shell=bash
# tests/bats/two_hosts.bash: for tests that require two_hosts: they run in the guest `one`, with a second guest,
# `two`, beside it (tests/vm/run --pair): the same project at the same path, `stiva` in its PATH, root's ssh
# without questions. A test that calls two_up calls two_down in test_teardown; the leak oracle looks at both.
# Loaded after helpers.
#
#   on_two CMD...             runs it there, over a line that is open already (0.1 s); input and output are its own
#   rt_two, ok_two ARGS...    the runtime there, with $ROOT as here: as rt and ok
#   copy_to_two PATH...       to the same place
#   counts FILTER...          a container on one that counts in /count of its bundle, 50 times a second
#   has_counted one|two N     (for wait_for) its count there is beyond N
#   status_on_two, runs_on_two, absent_on_two [ID]
#   wire WORD...              $RSH is ssh whose line is harmed so (tests/probe/p_wire.c); $WIRE is its log

TWO=/run/stiva-ssh

on_two() { ssh -S "$TWO" two "$(printf '%q ' "$@")" 3>&- 4>&-; }

two_up() {
	on_two bash -c "mkdir -p '$WORK' && STIVA_TIER=vm '$TOP/tests/leakcheck' snapshot /run/leak-$ID" </dev/null
	TWO_IS_UP=1
}

two_down() {
	[ -n "${TWO_IS_UP:-}" ] || return 0
	# shellcheck disable=SC2016 # two's shell expands
	on_two bash -c '
		for dir in "$3"/*/; do
			[ ! -d "$dir" ] || timeout 20 "$2" --root "$3" delete --force "$(basename "$dir")" >&2
		done
		rm -rf "$4"
		ID=$5 STIVA_TIER=vm STIVA_LEAK_WAIT=5 "$1/tests/leakcheck" compare "/run/leak-$5"
		status=$?
		rm "/run/leak-$5"
		exit $status' - "$TOP" "$RUNTIME" "$ROOT" "$WORK" "$ID" </dev/null || fail "left on two"
}

rt_two() {
	LAST="$RUNTIME_NAME $* (on two)"
	RUNS=$((RUNS + 1))
	OUT=$WORK/.out.$RUNS ERR=$WORK/.err.$RUNS
	status=0
	timeout -k 2 "${DEADLINE:-60}" ssh -S "$TWO" two "$(printf '%q ' "$RUNTIME" --root "$ROOT" "$@")" \
		</dev/null >"$OUT" 2>"$ERR" 3>&- 4>&- || status=$?
	{ output=$(<"$OUT") stderr=$(<"$ERR"); } 2>/dev/null
}
ok_two() {
	rt_two "$@"
	[ "$status" = 0 ] || fail "$LAST: exit status $status: $stderr"
}

copy_to_two() { tar -C / -cf - "${@#/}" | on_two tar -C / -xpf -; }

counts() {
	# shellcheck disable=SC2016 # the container's shell expands
	script 'i=0; while :; do i=$((i + 1)); echo $i >>/count; sleep 0.02; done' '.root.readonly = false' "$@"
	# files of this test as its output would be wanted again on two
	"$RUNTIME" --root "$ROOT" run -d -b "$BUNDLE" "$ID" >/dev/null 2>&1 3>&- 4>&-
	DEADLINE=60 wait_for has_counted one 5
}
count_on() {
	case $1 in
	one) tail -n 1 "$BUNDLE/rootfs/count" ;;
	two) on_two tail -n 1 "$BUNDLE/rootfs/count" </dev/null ;;
	esac 2>/dev/null
}
has_counted() { [ "$(($(count_on "$1") + 0))" -gt "$2" ]; }

status_on_two() { on_two "$RUNTIME" --root "$ROOT" state "${1:-$ID}" </dev/null 2>/dev/null | jq -r .status; }
runs_on_two() { [ "$(status_on_two "$@")" = running ]; }
absent_on_two() {
	[ -z "$(on_two find "$ROOT" "$CG" -name "*${1:-$ID}*" </dev/null 2>/dev/null)" ]
}

wire() {
	RSH=$WORK/rsh WIRE=$WORK/wire.log
	: >"$WIRE"
	printf '#!/bin/bash\nexec %s -- ssh "$@"\n' "$(printf '%q ' "$PROBE" wire "log=$WIRE" "$@")" >"$RSH"
	chmod +x "$RSH"
}
carried_out() { grep -qxF -- "! $1" "$WIRE" || fail "not carried out: $1: $(tail -n 20 "$WIRE")"; }
