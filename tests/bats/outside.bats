#!/usr/bin/env bats
# What the test suites of other runtimes found (docs/outside.md): words that callers match, and
# behaviour that their users rely on.
# requires: root cgroup2
# parallel: yes
load helpers

with_tty='.process.terminal = true'

# console_socket: an engine's end of --console-socket at $WORK/sock
console_socket() {
	background "$PROBE" console "$WORK/sock" >"$WORK/got"
	wait_for test -S "$WORK/sock"
}

@test "U42: a created container with a terminal holds nothing of its caller's stdio" {
	program probe wait -- "$with_tty"
	console_socket
	ok create --console-socket "$WORK/sock" -b "$BUNDLE" "$ID"
	for fd in 0 1 2; do
		[[ $(readlink "/proc/$(pid_of)/fd/$fd") == /dev/pts/* ]] || fail "fd $fd is $(readlink "/proc/$(pid_of)/fd/$fd")"
	done
}

@test "P02: a terminal's output has no carriage returns in a pipe" {
	known_deviation crun "it leaves ONLCR on"
	program printf 'one\ntwo\n' -- "$with_tty"
	"$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" 3>&- 4>&- </dev/null | cat >"$WORK/out"
	is "$(<"$WORK/out")" $'one\ntwo'
	script 'sleep 60' '.process.terminal = false'
	ok run -d -b "$BUNDLE" "$ID"
	"$RUNTIME" --root "$ROOT" exec -t "$ID" printf 'one\ntwo\n' 3>&- 4>&- </dev/null | cat >"$WORK/out"
	is "$(<"$WORK/out")" $'one\ntwo'
}

@test "P10: exec --cap is ambient too when the config lets it be inherited" {
	known_deviation crun "never ambient"
	known_deviation runc "1.1 has no such rule"
	script 'sleep 60' '.process.capabilities = {bounding: ["CAP_KILL", "CAP_SYSLOG"], permitted: ["CAP_KILL"],
		effective: ["CAP_KILL"], inheritable: ["CAP_SYSLOG"], ambient: []}'
	ok run -d -b "$BUNDLE" "$ID"
	ok exec --cap CAP_SYSLOG "$ID" grep CapAmb /proc/self/status
	shows 0000000400000000
	ok exec --cap CAP_KILL "$ID" grep CapAmb /proc/self/status
	shows 0000000000000000
}

@test "P10: each ambient capability that cannot be raised is named" {
	known_deviation crun "no word"
	program true -- '.process.capabilities.inheritable = ["CAP_KILL"]' \
		'.process.capabilities.ambient = ["CAP_KILL", "CAP_CHOWN", "CAP_FOWNER"]'
	runs
	complains "can't raise ambient capability CAP_CHOWN: "
	complains "can't raise ambient capability CAP_FOWNER: "
}

@test "C02: a cgroup that is in use or frozen is refused in known words" {
	known_deviation crun "it joins what is there"
	known_deviation runc "1.1 knows one of the two"
	script 'sleep 60' '.linux.cgroupsPath = "/outside-\(env.ID)"'
	ok run -d -b "$BUNDLE" "$ID"
	rt run -b "$BUNDLE" "$ID-2"
	exits 1
	complains "container's cgroup is not empty"
	ok delete --force "$ID"
	program true -- '.linux.cgroupsPath = "/outside-frozen"'
	mkdir "$CG/outside-frozen"
	echo 1 >"$CG/outside-frozen/cgroup.freeze"
	rt run -b "$BUNDLE" "$ID"
	exits 1
	complains "container's cgroup unexpectedly frozen"
	rmdir "$CG/outside-frozen"
}

@test "H02: a failing hook is told by its kind, number and last words" {
	known_deviation crun "words of its own"
	program true -- '.hooks.createRuntime = [{path: "/bin/true"}, {path: "/bin/false"}]'
	rt run -b "$BUNDLE" "$ID"
	refused "error running createRuntime hook #1: /bin/false: exit status 1"
	[[ $stderr != *: ]] || fail "an empty end: $stderr"
}

@test "H06: a startContainer hook without env has the environment of the process" {
	known_deviation crun "the caller's environment"
	program true -- '.process.env += ["ONE=two"]' \
		'.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "echo ONE=$ONE HOME=$HOME >/env"]}]'
	runs
	is "$(<"$BUNDLE/rootfs/env")" "ONE=two HOME=/root"
	config '.hooks.startContainer[0].env = []'
	runs
	is "$(<"$BUNDLE/rootfs/env")" "ONE= HOME="
}

@test "H08: a createContainer hook stands in the root that is to be" {
	known_deviation crun "in the bundle"
	program cat /made -- '.hooks.createContainer = [{path: "/bin/sh", args: ["sh", "-c", "echo here >./made"]}]'
	runs
	prints here
}

@test "N07 U83: KILL ends what is left of a container without a pid namespace" {
	known_deviation crun "an error"
	script 'sleep 60 & sleep 61 & echo ready; wait' "$(without_ns pid)"
	starts
	group=$(cgroup_of)
	kill -9 "$(pid_of)"
	stopped
	grep -q . "$group/cgroup.procs"
	ok kill "$ID" KILL
	wait_for refute grep -q . "$group/cgroup.procs"
	rt kill "$ID" KILL
	exits 1
	complains "container not running"
}

@test "M06: a link where /proc should be is refused in known words" {
	known_deviation crun "words of its own"
	program true
	rmdir "$BUNDLE/rootfs/proc" 2>/dev/null || mv "$BUNDLE/rootfs/proc" "$BUNDLE/rootfs/old"
	ln -s /tmp "$BUNDLE/rootfs/proc"
	rt run -b "$BUNDLE" "$ID"
	refused "must be mounted on ordinary directory"
}

@test "E02: a script whose interpreter is missing is told with its path" {
	known_deviation crun "words of its own"
	program /run.sh
	printf '#!/nowhere\n' >"$BUNDLE/rootfs/run.sh"
	chmod +x "$BUNDLE/rootfs/run.sh"
	rt run -b "$BUNDLE" "$ID"
	refused "exec /run.sh: no such file or directory"
}

@test "P10: another user than root gets inheritable capabilities without permitted ones" {
	program grep -E 'Cap(Inh|Prm)' /proc/self/status -- '.process.user = {uid: 1000, gid: 1000}' \
		'.process.capabilities = {bounding: ["CAP_KILL"], inheritable: ["CAP_KILL"], permitted: [], effective: [], ambient: []}'
	runs
	line $'CapInh:\t0000000000000020'
	line $'CapPrm:\t0000000000000000'
}

@test "P10: exec --cap with an unknown name is a warning" {
	known_deviation crun "ignored without a word"
	script 'sleep 60'
	ok run -d -b "$BUNDLE" "$ID"
	ok exec --cap CAP_NOSUCH "$ID" true
	complains "unknown"
}

@test "H08: a startContainer hook has no more rights than the process: capabilities, user, filter" {
	program true -- '.process.user = {uid: 1000, gid: 1000}' \
		'.process.capabilities = {bounding: ["CAP_KILL"], permitted: [], effective: [], inheritable: [], ambient: []}' \
		'.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "id -u; grep CapBnd /proc/self/status >/tmp/caps; id -u >/tmp/uid; exit 7"]}]' \
		'.mounts += [{destination: "/tmp", type: "bind", source: env.WORK, options: ["bind"]}]'
	chmod 777 "$WORK"
	rt run -b "$BUNDLE" "$ID"
	refused "startContainer hook #0" "exit status 7"
	is "$(<"$WORK/uid")" 1000
	is "$(<"$WORK/caps")" $'CapBnd:\t0000000000000020'
	program true -- '.process.noNewPrivileges = true' \
		'.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO"}]}' \
		'.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "mkdir /dev/shm/x || exit 9"]}]'
	rt run -b "$BUNDLE" "$ID"
	refused "startContainer hook #0" "exit status 9"
	config '.linux.seccomp.syscalls[0].action = "SCMP_ACT_KILL_PROCESS"' '.process.rlimits = [{type: "RLIMIT_CORE", soft: 0, hard: 0}]'
	rt run -b "$BUNDLE" "$ID"
	refused "startContainer hook #0" "bad system call"
}

@test "N03 N11: user and time namespaces of another container are joined together" {
	known_deviation crun "1.8 has no rights over it"
	script 'echo ready; sleep 60' "$USERNS" "$(add_ns time)" '.linux.timeOffsets = {monotonic: {secs: 7000, nanosecs: 0}}'
	open_bundle
	starts
	pid=$(pid_of)
	config "$(ns_path user "/proc/$pid/ns/user")" "$(ns_path time "/proc/$pid/ns/time")" 'del(.linux.uidMappings, .linux.gidMappings, .linux.timeOffsets)' \
		'.process.args = ["cat", "/proc/self/timens_offsets"]'
	ok run -b "$BUNDLE" "$ID-2"
	shows 7000
}

@test "N03: a network namespace of the host is joined beside a user namespace that does not own it" {
	known_deviation crun "1.8 has no rights over it"
	script 'echo ready; sleep 60' "$USERNS"
	open_bundle
	starts
	pid=$(pid_of)
	ip netns add "$ID" || skip "no ip netns"
	net=$(stat -L -c %i "/run/netns/$ID")
	config "$(ns_path user "/proc/$pid/ns/user")" "$(ns_path network "/run/netns/$ID")" 'del(.linux.uidMappings, .linux.gidMappings)' \
		'.mounts |= map(select(.type != "sysfs"))' '.process.args = ["readlink", "/proc/self/ns/net"]'
	rt run -b "$BUNDLE" "$ID-2"
	ip netns del "$ID"
	exits 0
	prints "net:[$net]"
}

@test "P16: nice with a policy that has none is no error" {
	known_deviation crun "EINVAL"
	program probe sched -- '.process.scheduler = {policy: "SCHED_FIFO", priority: 3, nice: 5}' "$ALL_CAPS" \
		'(.process.capabilities[]) |= (. + ["CAP_SYS_NICE"])'
	runs
	line 'policy 1'
}

@test "S08: a notified call that the runtime itself makes after the hand-over is allowed, write is not" {
	program true -- '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: "\(env.WORK)/none",
		syscalls: [{names: ["close"], action: "SCMP_ACT_NOTIFY"}]}'
	rt run -b "$BUNDLE" "$ID"
	refused "failed to connect with seccomp agent"
	config '.linux.seccomp.syscalls[0].names = ["write"]'
	rt run -b "$BUNDLE" "$ID"
	refused "SCMP_ACT_NOTIFY cannot be used for the write syscall"
}
