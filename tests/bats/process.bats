#!/usr/bin/env bats
# process: its terminal, working directory, environment, program, labels, scheduling in run and exec.
# requires: root cgroup2
# parallel: yes
load helpers

# process FILTER...: a document for exec --process
process() {
	local IFS='|'
	jq -c '.process' "$BUNDLE/config.json" | jq -c "${*:-.}" >"$WORK/process.json"
}

@test "P02: without a terminal the three files of the caller pass through unmodified" {
	program probe fds
	echo in >"$WORK/in"
	"$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" <"$WORK/in" >"$WORK/out" 2>"$WORK/err" 3>&-
	grep -qx "0 $WORK/in" "$WORK/out"
	grep -qx "1 $WORK/out" "$WORK/out"
	grep -qx "2 $WORK/err" "$WORK/out"
	is "$(grep -c . "$WORK/out")" 3
	stiva_only
	# the flags of the open file are the caller's too
	flags=$(sed -n 's/^flags:\t//p' /proc/self/fdinfo/0)
	ok run -b "$BUNDLE" "$ID"
	is "$(sed -n 's/^flags:\t//p' /proc/self/fdinfo/0)" "$flags"
}

@test "P02: a terminal is stdin, stdout and stderr of the program and controls it" {
	program probe tty -- '.process.terminal = true'
	background "$PROBE" console "$WORK/sock" >"$WORK/got"
	wait_for test -S "$WORK/sock"
	ok create --console-socket "$WORK/sock" -b "$BUNDLE" "$ID"
	ok start "$ID"
	wait_for grep -q size "$WORK/got"
	tr -d '\r' <"$WORK/got" >"$WORK/lines"
	for text in "isatty 1 1 1" "ctty yes" "leader yes" "foreground yes"; do grep -qx "$text" "$WORK/lines" || fail "$(<"$WORK/lines")"; done
}

@test "P02: a detached terminal without --console-socket is refused, and a socket without a terminal" {
	program true -- '.process.terminal = true'
	rt create -b "$BUNDLE" "$ID"
	refused "console-socket"
	rt run -d -b "$BUNDLE" "$ID"
	refused "use --console-socket"
	known_deviation crun "ignores the socket"
	config '.process.terminal = false'
	rt create --console-socket "$WORK/sock" -b "$BUNDLE" "$ID"
	refused console-socket
}

@test "P03: consoleSize of run and exec is the size from the beginning, without a terminal it is ignored" {
	known_deviation crun "the caller's size wins"
	program probe tty -- '.process.terminal = true' '.process.consoleSize = {height: 12, width: 34}'
	background "$PROBE" console "$WORK/sock" >"$WORK/got"
	wait_for test -S "$WORK/sock"
	ok create --console-socket "$WORK/sock" -b "$BUNDLE" "$ID"
	ok start "$ID"
	wait_for grep -q "size 12x34" "$WORK/got"
	ok delete -f "$ID"
	rm -f "$WORK/sock"
	config '.process.terminal = false' '.process.args = ["/bin/probe", "wait"]'
	starts
	process '.terminal = true' '.args = ["/bin/probe", "tty"]' '.consoleSize = {height: 10, width: 110}'
	background "$PROBE" console "$WORK/sock" >"$WORK/got2"
	wait_for test -S "$WORK/sock"
	ok exec -d --console-socket "$WORK/sock" --process "$WORK/process.json" "$ID"
	wait_for grep -q "size 10x110" "$WORK/got2"
	process '.args = ["/bin/true"]' '.consoleSize = {height: 10, width: 110}'
	ok exec --process "$WORK/process.json" "$ID"
}

@test "P03: a consoleSize without one of its members, or beyond a terminal's, is refused" {
	stiva_only
	for size in '{height: 1}' '{width: 1}' '{height: 70000, width: 1}' '{height: -1, width: 1}'; do
		program true -- ".process.consoleSize = $size"
		rt run -b "$BUNDLE" "$ID"
		refused process.consoleSize
	done
}

@test "P04: a missing cwd is made, mode 0755; a folder of the user's own is entered" {
	script 'pwd; stat -c %a /new/deep' '.process.cwd = "/new/deep"'
	runs
	prints $'/new/deep\n755'
	script 'pwd' '.process.cwd = "/private"' '.process.user = {uid: 1000, gid: 1000}'
	mkdir -m 700 "$BUNDLE/rootfs/private"
	chown 1000:1000 "$BUNDLE/rootfs/private"
	runs
	prints /private
}

@test "P04: a cwd that the user cannot enter, but root can, is kept (docker relies on it)" {
	script 'ls /bin/probe' '.process.cwd = "/root"' '.process.user = {uid: 42, gid: 42}'
	mkdir -p "$BUNDLE/rootfs/root"
	chmod 700 "$BUNDLE/rootfs/root"
	runs
	prints /bin/probe
	# and by exec, as root without CAP_DAC_OVERRIDE
	program probe wait -- '.process.cwd = "/own"' '.process.user = {uid: 42, gid: 42}'
	mkdir -m 700 "$BUNDLE/rootfs/own"
	chown 42 "$BUNDLE/rootfs/own"
	starts
	ok exec --user 0 "$ID" true
}

@test "P04: a relative cwd, and one that is a file, are refused by run and exec" {
	known_deviation crun "takes a relative one"
	program true -- '.process.cwd = "relative"'
	rt run -b "$BUNDLE" "$ID"
	refused process.cwd
	program probe wait
	starts
	rt exec --cwd relative "$ID" true
	WANT=255 KEPT=1 refused "absolute"
	rt exec --cwd /etc/passwd "$ID" true
	WANT=255 KEPT=1 refused "/etc/passwd"
}

@test "R01 P04: a cwd through a descriptor of the runtime is refused, in run and exec" {
	for fd in 3 4 5 6 7 8 9 10; do
		for path in "/proc/self/fd/$fd" "/proc/1/fd/$fd" "/proc/self/fd/$fd/../../../../"; do
			script 'pwd; ls' ".process.cwd = \"$path\""
			rt run -b "$BUNDLE" "$ID"
			[ "$status" != 0 ] || fail "$path: $output"
			is "$("$RUNTIME" --root "$ROOT" list -q)" ""
		done
	done
	program probe wait
	starts
	for fd in 3 4 5 6 7 8 9 10; do
		rt exec --cwd "/proc/self/fd/$fd" "$ID" sh -c 'pwd; ls'
		[ "$status" != 0 ] || fail "$fd: $output"
	done
	# a link in the image that leads there
	ln -sfn /proc/self/fd/7 "$BUNDLE/rootfs/inside"
	rt exec --cwd /inside "$ID" sh -c 'pwd; ls'
	[ "$status" != 0 ] || fail "$output"
}

@test "P05: an empty HOME, and one that is overridden by an empty one, is filled in, once" {
	known_deviation crun "keeps an empty one"
	known_deviation runc "1.1 has two"
	for env in '["HOME=", "PATH=/bin"]' '["HOME=/override", "PATH=/bin", "HOME="]' '["PATH=/bin"]'; do
		script 'env | grep -c ^HOME=; echo $HOME' ".process.env = $env"
		runs
		prints $'1\n/root'
	done
}

@test "P05: of a variable given twice the last is passed, once; newlines and = stay" {
	known_deviation crun "passes both"
	known_deviation runc "1.1 passes both"
	program env -- '.process.env = ["ONE=two", "ONE=", "PATH=/bin", "E=a=b", "N=x\ny", "HOME=/"]'
	runs
	is "$(sort "$OUT" | xargs)" "E=a=b HOME=/ N=x ONE= PATH=/bin y"
}

@test "P05 R16: HOME of exec is that of its user, by -p and by options" {
	program probe wait -- 'del(.process.env[] | select(startswith("HOME=")))'
	echo 'other:x:2000:2000::/home/other:/bin/sh' >>"$BUNDLE/rootfs/etc/passwd"
	starts
	ok exec "$ID" sh -c 'echo $HOME'
	prints /root
	ok exec --user 2000 "$ID" sh -c 'echo $HOME'
	prints /home/other
	ok exec --user 54321 "$ID" sh -c 'echo $HOME'
	[ "$RUNTIME_NAME" = crun ] || prints /
	known_deviation runc "1.1 keeps root's"
	for u in 0:/root 2000:/home/other 54321:/; do
		process ".user = {uid: ${u%%:*}, gid: 0}" '.args = ["/bin/sh", "-c", "echo $HOME"]' '.env = ["PATH=/bin", "HOME="]'
		ok exec --process "$WORK/process.json" "$ID"
		[ "$RUNTIME_NAME/$u" = crun/54321:/ ] || prints "${u#*:}"
	done
}

@test "P06: what callers read when the program is not there, or is none" {
	known_deviation crun "other words for some"
	while IFS=: read -r program words; do
		program "$program"
		mkdir -p "$BUNDLE/rootfs/folder"
		echo text >"$BUNDLE/rootfs/bin/noexec"
		printf '#!/no/interpreter\n' >"$BUNDLE/rootfs/bin/script"
		chmod +x "$BUNDLE/rootfs/bin/script"
		rt run -b "$BUNDLE" "$ID"
		refused "$program" "$words"
		config '.process.args = ["/bin/probe", "wait"]'
		starts
		rt exec "$ID" "$program"
		WANT=255 KEPT=1 refused "$program" "$words"
		ok delete -f "$ID"
	done <<-'TABLE'
		nonesuch:executable file not found in $PATH
		/no/such:no such file or directory
		/bin/script:exec /bin/script: no such file or directory
		/bin/noexec:permission denied
		/folder:is a directory
		/bin/probe/x:not a directory
	TABLE
}

@test "P06: no args, and an empty name, are errors; args of exec too" {
	for args in '[]' '[""]' 'null'; do
		program true -- ".process.args = $args"
		rt run -b "$BUNDLE" "$ID"
		refused process.args
	done
	program probe wait
	starts
	for args in '[]' '[""]'; do
		process ".args = $args"
		rt exec --process "$WORK/process.json" "$ID"
		WANT=255 KEPT=1 refused args
	done
	rt exec "$ID" ""
	[ "$status" != 0 ]
}

@test "R24 P06: PATH is the container's, and only files that can be executed are found in it" {
	program tool -- '.process.env = ["PATH=/one:/two:/three:/four"]'
	mkdir -p "$BUNDLE/rootfs"/{one/tool,two,three,four}
	echo plain >"$BUNDLE/rootfs/two/tool"
	mkfifo "$BUNDLE/rootfs/three/tool"
	chmod +x "$BUNDLE/rootfs/three/tool"
	printf '#!/bin/sh\necho "found $0"\n' >"$BUNDLE/rootfs/four/tool"
	chmod +x "$BUNDLE/rootfs/four/tool"
	known_deviation crun "1.8 takes the first"
	runs
	prints "found /four/tool"
	# dot names and folders are no programs
	for name in . .. /; do
		config ".process.args = [\"$name\"]"
		rt run -b "$BUNDLE" "$ID"
		refused
	done
}

@test "P07 R06: users of exec are decimal numbers, all else is refused and nothing runs" {
	program probe wait
	starts
	ok exec --user 1000:100 "$ID" probe ids
	line "uid 1000 1000 1000"
	line "gid 100 100 100"
	known_deviation crun "takes some as root"
	known_deviation runc "looks names up"
	for u in -1 +1 ' 1' '1 ' 0x1 1e3 1.0 4294967295 4294967296 99999999999999999999 1: :1 1:-1 1:4294967295 1:2:3 '' 1,2 root/0 $'1\n' '0 ' 1:x; do
		rt exec --user "$u" "$ID" touch /ran
		[ "$status" = 255 ] || fail "\"$u\": status $status"
		[ ! -e "$BUNDLE/rootfs/ran" ] || fail "\"$u\" ran"
	done
}

@test "P07: ids that are not mapped are refused and named" {
	for key in uid gid; do
		program true -- "$USERNS" ".process.user.$key = 70000"
		open_bundle
		rt run -b "$BUNDLE" "$ID"
		refused "process.user.$key" unmapped
	done
	program true -- "$USERNS" '.process.user.additionalGids = [70000]'
	open_bundle
	rt run -b "$BUNDLE" "$ID"
	[ "$status" != 0 ] || [ "$RUNTIME_NAME" = crun ]
	is_stiva || return 0
	refused process.user.additionalGids unmapped
}

@test "P13: exec has the oomScoreAdj of the config and of its document" {
	known_deviation crun "does not in exec"
	program probe wait -- '.process.oomScoreAdj = 321'
	starts
	ok exec "$ID" cat /proc/self/oom_score_adj
	prints 321
	process '.args = ["cat", "/proc/self/oom_score_adj"]' '.oomScoreAdj = 432'
	ok exec --process "$WORK/process.json" "$ID"
	prints 432
}

@test "P14: a profile on a host without AppArmor is an error of run and exec" {
	[ ! -e /sys/kernel/security/apparmor ] || skip "this kernel has AppArmor"
	program true -- '.process.apparmorProfile = "some_profile"'
	rt run -b "$BUNDLE" "$ID"
	known_deviation runc "1.1 ignores it"
	known_deviation crun "ignores it"
	refused process.apparmorProfile AppArmor
	program probe wait
	starts
	rt exec --apparmor some_profile "$ID" true
	WANT=255 KEPT=1 refused AppArmor
}

@test "P15: a label on a host without SELinux is an error of run and exec" {
	! grep -q selinuxfs /proc/filesystems || skip "this kernel has SELinux"
	program true -- '.process.selinuxLabel = "system_u:system_r:container_t:s0:c4,c5"'
	rt run -b "$BUNDLE" "$ID"
	known_deviation runc "ignores it"
	known_deviation crun "ignores it"
	refused process.selinuxLabel SELinux
	program probe wait
	starts
	rt exec --process-label system_u:system_r:container_t:s0 "$ID" true
	WANT=255 KEPT=1 refused SELinux
}

@test "P16 R25: exec has the scheduler of the config, and one of its own" {
	known_deviation crun "1.8 has none"
	known_deviation runc "1.1 has none"
	program probe wait -- '.process.scheduler = {policy: "SCHED_BATCH", nice: 7, priority: 0}'
	starts
	ok exec "$ID" probe sched
	line "policy 3"
	line "nice 7"
	process '.args = ["/bin/probe", "sched"]' '.scheduler = {policy: "SCHED_IDLE"}'
	ok exec --process "$WORK/process.json" "$ID"
	line "policy 5"
}

@test "P16: real-time and deadline policies, with the fields that are theirs" {
	known_deviation crun "1.8 has none"
	known_deviation runc "1.1 has none"
	chrt -f 1 true 2>/dev/null || skip "this machine allows no real-time policy"
	program probe sched -- '.process.scheduler = {policy: "SCHED_FIFO", priority: 5, flags: ["SCHED_FLAG_RESET_ON_FORK"]}'
	runs
	line "policy $((0x40000001))" # with SCHED_RESET_ON_FORK
	program probe sched -- '.process.scheduler = {policy: "SCHED_DEADLINE", nice: 19, runtime: 2000000, deadline: 10000000, period: 10000000}'
	runs
	line "policy 6"
}

@test "P17 R25: exec has the ioPriority of the config, and one of its own" {
	known_deviation crun "1.8 has none"
	known_deviation runc "1.1 has none"
	program probe wait -- '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 4}'
	starts
	ok exec "$ID" probe sched
	line "ioprio $((2 << 13 | 4))"
	process '.args = ["/bin/probe", "sched"]' '.ioPriority = {class: "IOPRIO_CLASS_IDLE"}'
	ok exec --process "$WORK/process.json" "$ID"
	line "ioprio $((3 << 13))"
	# the children of the process have it too: the group's first process sets it
	process '.args = ["/bin/sh", "-c", "probe sched; true"]' '.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 7}'
	ok exec --process "$WORK/process.json" "$ID"
	line "ioprio $((2 << 13 | 7))"
}

@test "P18: execCPUAffinity: final, initial, neither; for exec only" {
	known_deviation crun "1.8 has none"
	known_deviation runc "1.1 has none"
	[ "$(nproc)" -gt 1 ] || skip "needs two cpus"
	all=$(sed -n 's/^Cpus_allowed_list:\t//p' /proc/self/status)
	first=${all%%[-,]*}
	program grep Cpus_allowed_list /proc/self/status -- ".process.execCPUAffinity = {final: \"$first\"}"
	runs
	is "${output##*$'\t'}" "$all" "the container's own process"
	program probe wait -- ".process.execCPUAffinity = {initial: \"$first\", final: \"$first\"}"
	starts
	ok exec "$ID" grep Cpus_allowed_list /proc/self/status
	is "${output##*$'\t'}" "$first"
	process '.args = ["grep", "Cpus_allowed_list", "/proc/self/status"]' 'del(.execCPUAffinity)'
	ok exec --process "$WORK/process.json" "$ID"
	is "${output##*$'\t'}" "$all"
	process '.args = ["grep", "Cpus_allowed_list", "/proc/self/status"]' ".execCPUAffinity = {initial: \"$first\"}"
	ok exec --process "$WORK/process.json" "$ID"
	if is_stiva; then is "${output##*$'\t'}" "$first" "initial alone stays"; fi
	for bad in x 1-0 -1 '0,' '0 1'; do
		for key in initial final; do
			process '.args = ["true"]' ".execCPUAffinity = {$key: \"$bad\"}"
			rt exec --process "$WORK/process.json" "$ID"
			WANT=255 KEPT=1 refused "execCPUAffinity.$key"
		done
	done
}

@test "P18 R25: an affinity of the caller is neither the container's nor exec's" {
	[ "$(nproc)" -gt 1 ] || skip "needs two cpus"
	known_deviation crun "inherits it"
	known_deviation runc "1.1 inherits it"
	all=$(sed -n 's/^Cpus_allowed_list:\t//p' /proc/self/status)
	program grep Cpus_allowed_list /proc/self/status
	taskset -c "${all%%[-,]*}" "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >"$WORK/out" 3>&-
	is "$(cut -f2 "$WORK/out")" "$all"
	program probe wait
	starts
	taskset -c "${all%%[-,]*}" "$RUNTIME" --root "$ROOT" exec "$ID" grep Cpus_allowed_list /proc/self/status >"$WORK/out" 3>&-
	is "$(cut -f2 "$WORK/out")" "$all"
}

@test "R18: exec has a session of its own, with and without -d" {
	program probe wait
	starts
	ok exec "$ID" sh -c 'set -- $(cat /proc/self/stat); echo "$6 $1"; cut -d" " -f 6 /proc/1/stat'
	[ "$(sed -n 2p "$OUT")" = 1 ]
	[ "$(head -n 1 "$OUT" | cut -d' ' -f1)" != 0 ]
	ok exec -d --pid-file "$WORK/pid" "$ID" probe hang 0
	# field 6: session, 7: terminal
	read -r _ _ _ session terminal _ < <(sed 's/.*) //' "/proc/$(<"$WORK/pid")/stat")
	is "$session" "$(<"$WORK/pid")" "its session"
	is "$terminal" 0 "its terminal"
}

@test "exec --process reads a pipe" {
	program probe wait
	starts
	process '.args = ["echo", "by a pipe"]'
	"$RUNTIME" --root "$ROOT" exec --process <(cat "$WORK/process.json") "$ID" >"$WORK/out" 3>&-
	is "$(<"$WORK/out")" "by a pipe"
}

@test "P10: exec --cap: a name that is unknown is a warning, an inheritable one becomes ambient" {
	program probe wait -- '.process.capabilities = {inheritable: ["CAP_CHOWN", "CAP_SYSLOG"], permitted: ["CAP_KILL", "CAP_CHOWN"],
		effective: ["CAP_KILL"], bounding: ["CAP_KILL", "CAP_CHOWN", "CAP_SYSLOG"], ambient: ["CAP_CHOWN"]}'
	starts
	ok exec "$ID" probe caps
	line "inheritable 400000001"
	line "ambient 1"
	known_deviation crun "another set"
	ok exec --cap CAP_SYSLOG "$ID" probe caps
	line "inheritable 400000001"
	line "permitted 400000021"
	line "bounding 400000021"
	line "ambient 400000001"
	stiva_only
	ok exec --cap CAP_NONESUCH "$ID" true
	complains CAP_NONESUCH
}

@test "P10: an ambient capability that is not inheritable is a warning by name" {
	known_deviation crun "is silent"
	program probe caps -- '.process.capabilities.inheritable = ["CAP_KILL"]' '.process.capabilities.ambient = ["CAP_KILL", "CAP_CHOWN"]'
	runs
	line "ambient 20"
	complains "can't raise ambient capability CAP_CHOWN: "
}
