#!/usr/bin/env bats
# callers: the very command lines of engines (conformance.md 3.10), replayed as they send them.
# requires: root cgroup2
# parallel: yes
load helpers

# as RT ARGS...: the runtime as an engine calls it: no --root of ours unless it says one
call() {
	RUNS=$((RUNS + 1))
	OUT=$WORK/.out.$RUNS ERR=$WORK/.err.$RUNS LAST="$RUNTIME_NAME $*"
	status=0
	timeout -k 2 20 "$RUNTIME" "$@" >"$OUT" 2>"$ERR" 3>&- 4>&- || status=$?
	{ output=$(<"$OUT") stderr=$(<"$ERR"); } 2>/dev/null
}
works() {
	call "$@"
	[ "$status" = 0 ] || fail "$LAST: exit status $status: $stderr"
}

@test "U20 U44 U46 U47: conmon creates: --bundle --pid-file --no-pivot --no-new-keyring --preserve-fds ID" {
	script 'echo ready; cat <&3; probe wait'
	echo handed >"$WORK/3"
	works --root "$ROOT" create --bundle "$BUNDLE" --pid-file "$WORK/pid" --no-new-keyring "$ID"
	grep -qE '^[0-9]+$' <<<"$(<"$WORK/pid")"
	is "$(<"$WORK/pid")" "$(pid_of)"
	works --root "$ROOT" delete --force "$ID"
	status=0
	"$RUNTIME" --root "$ROOT" create --bundle "$BUNDLE" --pid-file "$WORK/pid2" --no-pivot --no-new-keyring --preserve-fds 1 "$ID" \
		3<"$WORK/3" >"$WORK/out" 2>"$ERR" || status=$?
	exits 0
	works --root "$ROOT" start "$ID"
	STDOUT=$WORK/out
	wait_for said handed
}

@test "U26 U60 U61 U63: conmon execs: --pid-file --process --detach ID, without --systemd-cgroup" {
	program probe wait
	starts
	jq '.process | .args = ["probe", "wait"]' "$BUNDLE/config.json" >"$WORK/process.json"
	works --root "$ROOT" exec --pid-file "$WORK/pid" --process "$WORK/process.json" --detach "$ID"
	grep -qE '^[0-9]+$' "$WORK/pid"
	[ -d "/proc/$(<"$WORK/pid")" ]
	jq '.args = ["/no/such"]' "$WORK/process.json" >"$WORK/bad.json"
	call --root "$ROOT" exec --pid-file "$WORK/pid2" --process "$WORK/bad.json" --detach "$ID"
	[ "$status" != 0 ]
	[ ! -e "$WORK/pid2" ]
	complains "no such file or directory"
}

@test "U08 U22 U23 U24 U28 U29: podman: start, kill NUM, pause, resume, delete --force, version" {
	program probe wait
	works --root "$ROOT" --log-format=json --log "$WORK/log" create --bundle "$BUNDLE" "$ID"
	works --root "$ROOT" start "$ID"
	works --root "$ROOT" state "$ID"
	jq -e '.status == "running" and .pid > 0' "$OUT"
	works --root "$ROOT" pause "$ID"
	works --root "$ROOT" resume "$ID"
	works --root "$ROOT" kill "$ID" 9
	stopped
	works --root "$ROOT" kill --all "$ID" 9
	works --root "$ROOT" delete --force "$ID"
	works --root "$ROOT" delete --force "$ID"
	[ ! -s "$WORK/log" ]
	works --version
	stiva_only
	# the two probes before checkpoints and pods
	works checkpoint --help
	call restore --lsm-profile
	exits 1
	complains "requires an argument"
	call --root "$ROOT" checkpoint --image-path "$WORK/i" --work-path "$WORK/w" --leave-running --tcp-established --file-locks \
		--pre-dump --parent-path ../pre-checkpoint "$ID"
	exits 1
	complains "does not exist"
}

@test "U34 U80 U81: cri-o: features at the start, kill by name, kill -a, delete --force, exec --process" {
	known_deviation crun "kill -a of a stopped one"
	[ "$RUNTIME_NAME" = runc ] || works features
	[ "$RUNTIME_NAME" = runc ] || jq -e '(.ociVersionMin | length > 0) and (.ociVersionMax | length > 0)' "$OUT"
	program probe wait
	works --root "$ROOT" create --bundle "$BUNDLE" --pid-file "$WORK/pid" "$ID"
	works --root "$ROOT" start "$ID"
	jq '.process | .args = ["sh", "-c", "echo out; exit 5"]' "$BUNDLE/config.json" >"$WORK/process.json"
	call --root "$ROOT" exec --process "$WORK/process.json" "$ID"
	exits 5
	is "$output" out
	works --root "$ROOT" kill "$ID" SIGTERM
	stopped
	call --root "$ROOT" kill "$ID" TERM
	[ "$status" != 0 ]
	[ "$RUNTIME_NAME" != stiva ] || [[ $stderr == *"no such process"* || $stderr == *"container not running"* ]]
	works --root "$ROOT" kill -a "$ID" KILL
	works --root "$ROOT" delete --force "$ID"
}

@test "U03 U08 U95: containerd's shim: go-runc's global options, create, start, ps, kill, delete; no log line when all is well" {
	program probe wait
	GLOBAL=(--root "$ROOT/k8s.io" --log "$WORK/log.json" --log-format json --rootless=false)
	[ "$RUNTIME_NAME" != crun ] || GLOBAL=(--root "$ROOT/k8s.io" --log "$WORK/log.json" --log-format json)
	works "${GLOBAL[@]}" create --bundle "$BUNDLE" --pid-file "$WORK/init.pid" "$ID"
	works "${GLOBAL[@]}" start "$ID"
	works "${GLOBAL[@]}" ps --format json "$ID"
	jq -e --argjson pid "$(<"$WORK/init.pid")" 'index($pid) != null' "$OUT"
	works "${GLOBAL[@]}" list --format=json
	jq -e --arg id "$ID" '.[0].id == $id' "$OUT"
	jq '.process | .args = ["probe", "wait"]' "$BUNDLE/config.json" >"$WORK/exec.json"
	works "${GLOBAL[@]}" exec --process "$WORK/exec.json" --detach --pid-file "$WORK/exec.pid" "$ID"
	works "${GLOBAL[@]}" kill --all "$ID" 9
	works "${GLOBAL[@]}" delete --force "$ID"
	[ ! -s "$WORK/log.json" ]
	rm -rf "$ROOT/k8s.io/$ID"
	known_deviation crun "tells the missing file"
	call "${GLOBAL[@]}" delete "$ID"
	[ "$status" != 0 ]
	jq -se 'length == 1 and .[0].level == "error" and (.[0].msg | contains("does not exist"))' "$WORK/log.json"
	rm -rf "$ROOT/k8s.io"
}

@test "U131: containerd restores: -no-subreaper, --manage-cgroups-mode, --work-path" {
	stiva_only
	call --root "$ROOT" --log "$WORK/log.json" --log-format json restore --image-path "$WORK/i" --work-path "$WORK/w" --tcp-established \
		--ext-unix-sk --shell-job --file-locks --manage-cgroups-mode ignore --empty-ns network --detach --pid-file "$WORK/pid" \
		--no-pivot -no-subreaper --bundle "$WORK" "$ID"
	refused "the directory \"$WORK/i\": no such file or directory"
	[ ! -e "$WORK/pid" ]
	jq -se 'length == 1' "$WORK/log.json"
}

@test "U25 U48 U49: buildkit runs in the foreground: run --bundle --keep, --no-subreaper" {
	script 'echo built; exit 4'
	call --root "$ROOT" run --bundle "$BUNDLE" --keep --no-subreaper "$ID"
	[ "$RUNTIME_NAME" != crun ] || skip "known deviation of crun: --no-subreaper of run with --keep"
	exits 4
	is "$output" built
	works --root "$ROOT" delete "$ID"
}

@test "U32 U132: conmon restores: --detach --image-path --work-path --tcp-close --lsm-profile=selinux:..." {
	stiva_only
	call --root "$ROOT" restore --bundle "$WORK" --pid-file "$WORK/pid" --console-socket "$WORK/s" --detach --image-path "$WORK/i" \
		--work-path "$WORK" --tcp-close --file-locks --lsm-profile=selinux:u:r:t:s0 --lsm-mount-context=u:o:t "$ID"
	refused "the directory \"$WORK/i\": no such file or directory"
}

@test "U43 U63: containerd 2 execs with --pidfd-socket" {
	known_deviation crun "has no --pidfd-socket"
	known_deviation runc "1.1 has no --pidfd-socket"
	program probe wait
	starts ""
	jq '.process' "$BUNDLE/config.json" >"$WORK/p.json"
	background "$PROBE" recvfd "$WORK/sock" >"$WORK/got"
	wait_for test -S "$WORK/sock"
	works --root "$ROOT" exec --process "$WORK/p.json" --detach --pid-file "$WORK/pid" --pidfd-socket "$WORK/sock" "$ID"
	wait_for grep -q ^Pid "$WORK/got"
	is "$(sed -n 's/^Pid:\t//p' "$WORK/got")" "$(<"$WORK/pid")"
	call --root "$ROOT" exec --process "$WORK/p.json" --detach --pidfd-socket "$WORK/nobody" "$ID"
	exits 255
	complains "pidfd-socket"
}

@test "U47 U54: socket activation: LISTEN_FDS and --preserve-fds add up; another process's LISTEN_PID is not meant" {
	known_deviation crun "does not compare LISTEN_PID"
	script 'echo "${LISTEN_FDS-none} ${LISTEN_FDNAMES-none}"; cat <&3; cat <&4'
	echo three >"$WORK/3"
	echo four >"$WORK/4"
	activated() {
		status=0
		RT=$RUNTIME R=$ROOT B=$BUNDLE bash -c 'export LISTEN_FDS=1 LISTEN_FDNAMES=web LISTEN_PID='"$1"'
			exec "$RT" --root "$R" run --preserve-fds 1 -b "$B" "$ID"' 3<"$WORK/3" 4<"$WORK/4" >"$OUT" 2>"$ERR" || status=$?
		output=$(<"$OUT")
	}
	activated '$$'
	exits 0
	is "$output" $'1 web\nthree\nfour'
	stiva_only
	script 'echo "${LISTEN_FDS-none} ${LISTEN_FDNAMES-none}"; cat <&3; [ ! -e /proc/self/fd/4 ]'
	activated 1
	exits 0
	is "$output" $'none none\nthree'
}

@test "U51: signals that are run's own or the kernel's do not reach the program" {
	program probe signals 3
	background "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >"$WORK/out" 2>&1
	STDOUT=$WORK/out
	wait_for said ready
	for signal in URG PIPE CHLD HUP; do kill -$signal "$JOB"; done
	wait_for said HUP
	refute grep -qE 'URG|PIPE|CHLD' "$WORK/out"
	kill -TERM "$JOB"
	status=0
	wait "$JOB" || status=$?
	exits 3
}
