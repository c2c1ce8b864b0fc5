#!/usr/bin/env bats
# The life of a container: states and what each verb may do in them, atomicity, races, regressions
# of other runtimes.
# requires: root cgroup2
load helpers

@test "P01: create without process is allowed; start is an error and ends it" {
	known_deviation crun "start succeeds"
	known_deviation runc "create refuses"
	program true -- 'del(.process)'
	ok create -b "$BUNDLE" "$ID"
	is "$(status_of)" created
	rt start "$ID"
	KEPT=1 refused process
	is "$(status_of)" stopped
	ok delete "$ID"
	rt run -b "$BUNDLE" "$ID"
	refused process
}

@test "H12 H13: creating is told while a create runs, stopped has no pid" {
	stiva_only
	program true
	mkfifo "$WORK/go"
	config ".hooks.createRuntime = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"echo in >$WORK/in; read x <$WORK/go\"]}]"
	background "$RUNTIME" --root "$ROOT" create -b "$BUNDLE" "$ID" >/dev/null 2>"$WORK/err"
	wait_for test -s "$WORK/in"
	is "$(status_of)" creating
	state | jq -e '.pid == 0 and .id and .bundle and .ociVersion'
	echo x >"$WORK/go"
	wait_for status_is created
	state | jq -e '.pid > 1'
	ok start "$ID"
	stopped
	state | jq -e '.pid == 0'
}

@test "H13: a pid that another process has by now is not the container's" {
	stiva_only
	program probe wait
	ok create -b "$BUNDLE" "$ID"
	kill -KILL "$(pid_of)"
	stopped
	# the record names a living process with another start time
	is "$(status_of)" stopped
	rt kill "$ID" KILL
	KEPT=1 refused "container not running" "no such process"
}

@test "H14: start of what is not created is an error and has no effect" {
	script 'echo ran >>/log; probe wait'
	rt start "$ID"
	refused "does not exist"
	rt start
	refused
	ok create -b "$BUNDLE" "$ID"
	STDOUT=$OUT
	ok start "$ID"
	wait_for said ready
	rt start "$ID"
	KEPT=1 refused
	if is_stiva; then complains "cannot start an already running container"; fi
	is "$(status_of)" running
	ok kill "$ID" KILL
	stopped
	rt start "$ID"
	KEPT=1 refused
	if is_stiva; then complains "cannot start a container that has stopped"; fi
	is "$(wc -l <"$BUNDLE/rootfs/log")" 1
}

@test "H15: kill reaches created and running containers; others are errors without effect" {
	program probe signals 3
	rt kill "$ID" TERM
	refused "does not exist"
	ok create -b "$BUNDLE" "$ID"
	STDOUT=$OUT
	ok start "$ID"
	wait_for said ready
	ok kill "$ID" USR1
	wait_for said USR1
	ok kill "$ID" TERM
	stopped
	before=$(state)
	rt kill "$ID" KILL
	KEPT=1 refused
	if is_stiva; then complains "container not running" && complains "no such process"; fi
	is "$(state)" "$before"
	ok delete "$ID"
	program probe wait
	ok create -b "$BUNDLE" "$ID"
	ok kill "$ID" KILL
	stopped
}

@test "H16: delete of what runs is an error without effect; else all that create made goes, and no more" {
	program probe wait
	rt delete "$ID"
	refused "does not exist"
	starts
	rt delete "$ID"
	KEPT=1 refused
	is "$(status_of)" running
	mkdir "$(cgroup_of)/../${ID}-other"
	ok kill "$ID" KILL
	stopped
	ok delete "$ID"
	[ -d "$CG/${ID}-other" ] || [ -n "$(find $CG -type d -name "$ID-other")" ]
	find $CG -depth -type d -name "$ID-other" -exec rmdir {} +
	[ -e "$BUNDLE/config.json" ]
	absent
	# docker deletes created ones
	ok create -b "$BUNDLE" "$ID"
	ok delete "$ID"
	absent
}

@test "H17: only stdin, stdout and stderr are open in created, running and exec'd processes" {
	program probe fds
	exec 5</etc/passwd 77</etc/passwd
	runs
	is "$(grep -c . "$OUT")" 3 "$output"
	config '.process.args = ["/bin/probe", "wait"]'
	starts
	ok exec "$ID" probe fds
	is "$(grep -c . "$OUT")" 3 "$output"
	ok delete -f "$ID"
	stiva_only
	ok create -b "$BUNDLE" "$ID"
	for fd in "/proc/$(pid_of)/fd"/*; do
		target=$(readlink "$fd")
		case ${fd##*/} in 0 | 1 | 2) ;; *) [[ $target == socket:* ]] || fail "created holds $target" ;; esac
	done
	exec 5<&- 77<&-
}

@test "H18: the runtime's program cannot be opened for writing from the container" {
	sum=$(sha256sum "$RUNTIME")
	script '(for i in 1 2 3; do echo x >/proc/1/exe; echo x >/proc/self/exe; done) 2>/dev/null; echo done'
	runs
	config '.process.args = ["/proc/self/exe", "--version"]'
	rt run -b "$BUNDLE" "$ID"
	[ "$status" != 0 ] || [ "$RUNTIME_NAME" != stiva ]
	is "$(sha256sum "$RUNTIME")" "$sum"
}

@test "H19 R12: a create that is killed at any moment leaves what delete --force can clean" {
	program probe wait
	config ".hooks.createRuntime = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"echo in >$WORK/in; exec sleep 100\"]}]"
	background "$RUNTIME" --root "$ROOT" create -b "$BUNDLE" "$ID" >/dev/null 2>&1
	wait_for test -s "$WORK/in"
	kill -KILL "$JOB"
	wait "$JOB" 2>/dev/null || true
	if is_stiva; then
		wait_for status_is broken
		rt start "$ID"
		KEPT=1 refused "delete --force"
		ok list
		shows "$ID"
	fi
	known_deviation crun "leaves its cgroup"
	known_deviation runc "leaves its cgroup"
	ok delete --force "$ID"
	absent
	# the hook is a child of the killed one: its end is the test's
	pkill -P 1 -x sleep 2>/dev/null || true
	for ms in 1 2 3 5 8 13 20; do
		config 'del(.hooks)'
		timeout -s KILL "0.00$ms" "$RUNTIME" --root "$ROOT" create -b "$BUNDLE" "$ID" >/dev/null 2>&1 3>&- || true
		ok delete --force "$ID"
		absent
	done
}

@test "H20 R13: creates, starts and deletes of one id at once: each is whole or refused" {
	program true
	for round in 1 2 3; do
		pids=()
		for i in 1 2 3 4 5 6; do
			("$RUNTIME" --root "$ROOT" create -b "$BUNDLE" "$ID" >/dev/null 2>"$WORK/err.$i" 3>&- 4>&- && echo "$i" >>"$WORK/won.$round") &
			pids+=($!)
			("$RUNTIME" --root "$ROOT" delete --force "$ID" >/dev/null 2>&1 3>&- 4>&-) &
			pids+=($!)
		done
		for pid in "${pids[@]}"; do wait "$pid" || true; done
		[ -s "$WORK/won.$round" ]
		ok delete --force "$ID"
		known_deviation crun "leaves cgroups"
		absent
	done
}

@test "H21: create without config.json names the path" {
	mkdir "$WORK/empty"
	rt create -b "$WORK/empty" "$ID"
	refused config.json "no such file or directory"
	if is_stiva; then complains "$WORK/empty"; fi
}

@test "G13: the bundle is told as the path that was given, links and all" {
	known_deviation runc "resolves it"
	known_deviation crun "1.8 resolves it"
	program probe wait
	ln -s bundle "$WORK/link"
	config ".hooks.createRuntime = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"cat >$WORK/told\"]}]"
	cd /
	ok create -b "$WORK/link" "$ID"
	is "$(state | jq -r .bundle)" "$WORK/link"
	is "$(jq -r .bundle "$WORK/told")" "$WORK/link"
	ok delete -f "$ID"
	cd "$WORK"
	ok create -b link "$ID"
	is "$(state | jq -r .bundle)" "$BUNDLE"
}

@test "R04: labels and sysctls are written through a procfs of our own, whatever the image or the mounts put over /proc" {
	known_deviation crun "writes through the container's"
	known_deviation runc "1.1 writes through the container's"
	# a tmpfs in the place of /proc/sys: refused, or without effect on what is written
	program cat /proc/sys/kernel/msgmax -- '.linux.sysctl = {"kernel.msgmax": "8191"}'
	mkdir -p "$BUNDLE/rootfs/proc/sys/kernel"
	echo decoy >"$BUNDLE/rootfs/proc/sys/kernel/msgmax"
	runs
	prints 8191
	is "$(<"$BUNDLE/rootfs/proc/sys/kernel/msgmax")" decoy
	# without any procfs in the container: the writes still go to the kernel
	program cat /proc/sys/kernel/msgmax -- '.linux.sysctl = {"kernel.msgmax": "8191"}' '.process.oomScoreAdj = 111' \
		'.mounts |= map(select(.destination != "/proc"))' 'del(.linux.maskedPaths, .linux.readonlyPaths)'
	echo decoy >"$BUNDLE/rootfs/proc/oom_score_adj"
	mkdir -p "$BUNDLE/rootfs/proc/sys/kernel"
	echo decoy >"$BUNDLE/rootfs/proc/sys/kernel/msgmax"
	runs
	prints decoy
}

@test "R07: targets are made inside the root only, under a storm of links" {
	program true
	mkdir "$WORK/host"
	for i in 1 2 3 4 5 6 7 8; do
		config "$(add_mount "{destination: \"/storm/a/b/made$i\", type: \"tmpfs\", source: \"t\"}")"
	done
	mkdir -p "$BUNDLE/rootfs/storm/a/b"
	(
		cd "$BUNDLE/rootfs/storm" || exit
		while [ ! -e "$WORK/enough" ]; do
			ln -sfn "$WORK/host" link 2>/dev/null
			mv -T a dir 2>/dev/null
			mv -T link a 2>/dev/null
			rm -f a 2>/dev/null
			mv -T dir a 2>/dev/null
		done
	) &
	storm=$!
	for i in 1 2 3 4 5 6; do rt run -b "$BUNDLE" "$ID"; done
	touch "$WORK/enough"
	wait "$storm" || true
	is "$(ls -A "$WORK/host")" "" "made outside of the root"
	[ "$RUNTIME_NAME" = stiva ] || rt delete -f "$ID"
}

@test "R09: the connection to the seccomp agent is closed after the message" {
	stiva_only
	program probe wait -- '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: (env.WORK + "/agent"),
		syscalls: [{names: ["mkdir"], action: "SCMP_ACT_NOTIFY"}]}'
	background "$PROBE" recvfd "$WORK/agent" hold >"$WORK/got"
	wait_for test -S "$WORK/agent"
	ok create -b "$BUNDLE" "$ID"
	ok start "$ID"
	wait_for grep -q '^fd ' "$WORK/got"
	# the agent still holds its end: nobody holds the other
	inode=$(readlink "/proc/$JOB/fd"/* | sed -n 's/^socket:\[\(.*\)\]/\1/p' | sort -n | tail -n 1)
	[ -n "$inode" ]
	for fd in "/proc/$(pid_of)/fd"/*; do [[ $(readlink "$fd") != socket:* ]] || fail "init holds a socket"; done
}

@test "R10: a personality is set before the filter that forbids it" {
	known_deviation runc "1.1 has no personality"
	for nnp in true false; do
		program probe personality -- '.linux.personality = {domain: "LINUX32"}' ".process.noNewPrivileges = $nnp" \
			'.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["personality"], action: "SCMP_ACT_ERRNO",
			args: [{index: 0, value: 4294967295, op: "SCMP_CMP_NE"}]}]}'
		runs
		prints 8
	done
}

@test "R11: poststart hooks find the program running" {
	known_deviation runc "1.1 runs them before"
	program probe wait
	config ".hooks.poststart = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"jq -r .pid | xargs -I{} readlink /proc/{}/exe >$WORK/exe\"]}]"
	starts
	[[ $(<"$WORK/exe") == */bin/probe ]] || fail "$(<"$WORK/exe")"
}

@test "R14: very short programs by run and exec, many times: none hangs, each status comes" {
	program sh -c 'exit 7'
	for i in {1..60}; do
		DEADLINE=10 rt run -b "$BUNDLE" "$ID"
		exits 7
	done
	program probe wait
	starts
	for i in {1..60}; do
		DEADLINE=10 rt exec "$ID" sh -c 'exit 9'
		exits 9
	done
	for i in {1..20}; do DEADLINE=10 ok exec -d "$ID" true; done
}

@test "R15: a start whose init dies, before or while it waits, is an error and does not hang" {
	known_deviation crun "start of a dead container returns 0 or hangs"
	program probe wait
	ok create -b "$BUNDLE" "$ID"
	kill -KILL "$(pid_of)"
	DEADLINE=5 rt start "$ID"
	KEPT=1 refused
	ok delete -f "$ID"
	# stopped by a signal at the gate: start waits for it, and its end ends the wait
	stiva_only
	ok create -b "$BUNDLE" "$ID"
	pid=$(pid_of)
	kill -STOP "$pid"
	"$RUNTIME" --root "$ROOT" start "$ID" >/dev/null 2>"$WORK/err" 3>&- &
	job=$!
	waits() { grep -q 'poll\|unix_\|recv\|do_sys_poll\|skb_wait\|0' "/proc/$job/wchan"; }
	wait_for waits
	kill -KILL "$pid"
	status=0
	wait "$job" || status=$?
	is "$status" 1
	[ -s "$WORK/err" ]
}

@test "R17: exec into a container whose cgroup may hold no process any more" {
	stiva_only
	program probe wait -- '.mounts |= map(if .destination == "/sys/fs/cgroup" then .options -= ["ro"] else . end)'
	starts
	ok exec "$ID" mkdir /sys/fs/cgroup/below
	ok exec "$ID" sh -c 'echo 1 >/sys/fs/cgroup/below/cgroup.procs'
	# a threaded subtree refuses processes at its top
	if echo threaded 2>/dev/null >"$(cgroup_of)/below/cgroup.type"; then
		ok exec "$ID" true
	fi
	ok exec "$ID" grep 0: /proc/self/cgroup
}

@test "R19: a slow reader of the terminal costs no time" {
	stiva_only
	program probe flood 2000000 -- '.process.terminal = true'
	mkfifo "$WORK/slow"
	exec 6<>"$WORK/slow" # a pipe that is full and stays so
	"$PROBE" pty "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >&6 2>/dev/null 3>&- 4>&- &
	job=$!
	JOBS+=("$job")
	wait_for status_is running
	runner() { pgrep -f -- "--root $ROOT run" | while read -r p; do [ "$(readlink "/proc/$p/fd/0")" != "" ] && grep -zq run "/proc/$p/cmdline" && echo "$p"; done; }
	cpu() { local sum=0 p; for p in $(runner); do sum=$((sum + $(sed 's/.*) //' "/proc/$p/stat" | awk '{print $12 + $13}'))); done; echo "$sum"; }
	settled() { a=$(cpu) && sleep 0.3 && [ "$(cpu)" = "$a" ]; }
	wait_for settled
	before=$(cpu)
	sleep 1
	after=$(cpu)
	[ $((after - before)) -le 5 ] || fail "$((after - before)) ticks in a second of waiting"
	# in this order: without its terminal the runtime ends the container itself
	ok kill "$ID" KILL
	kill -KILL "$job"
	runner_gone() { [ -z "$(runner)" ]; }
	wait_for runner_gone
	exec 6<&-
}

@test "R20: what the caller ignores or blocks is not so in the container, by run, start and exec" {
	known_deviation crun "leaves what its caller ignores ignored"
	trap '' PIPE INT QUIT USR1
	program probe sigstate
	runs
	is "$(sed 's/.*\t//' "$OUT" | sort -u)" 0000000000000000
	config '.process.args = ["/bin/probe", "wait"]'
	starts
	ok exec "$ID" probe sigstate
	is "$(sed 's/.*\t//' "$OUT" | sort -u)" 0000000000000000
	trap - PIPE INT QUIT USR1
}

@test "R21: closed stdin, stdout and stderr of the caller: /dev/null in their place, nothing else's" {
	program sh -c 'for i in 0 1 2; do readlink /proc/$$/fd/$i; done >/seen 3>&-; true'
	for closed in 0 1 2 0,1 1,2 0,1,2; do
		rm -f "$BUNDLE/rootfs/seen"
		status=0
		"$PROBE" closed "$closed" "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" 2>/dev/null || status=$?
		is "$status" 0 "$closed"
		[ -s "$BUNDLE/rootfs/seen" ] || fail "$closed: nothing seen"
		refute grep -qE "$ROOT|state.json|config.json|socket" "$BUNDLE/rootfs/seen"
	done
}

@test "R22: the last bytes of a terminal are not lost, and no end hangs" {
	for i in 1 2 3 4 5; do
		program sh -c 'head -c 70000 /dev/zero | tr "\0" x; echo; echo THE-END' -- '.process.terminal = true'
		DEADLINE=15 timeout 15 "$PROBE" pty "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >"$WORK/out" 2>/dev/null 3>&- 4>&-
		tail -c 20 "$WORK/out" | grep -q THE-END || fail "round $i: $(tail -c 50 "$WORK/out")"
		is "$(tr -cd x <"$WORK/out" | wc -c)" 70000
	done
	program probe wait
	starts
	for i in 1 2 3; do
		timeout 15 "$PROBE" pty "$RUNTIME" --root "$ROOT" exec -t "$ID" sh -c 'echo THE-END' >"$WORK/out" 2>/dev/null 3>&- 4>&-
		grep -q THE-END "$WORK/out"
	done
}
