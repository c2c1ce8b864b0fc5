#!/usr/bin/env bats
# Annotations that change how a process is made: taken with their error duties.
# requires: root cgroup2
# parallel: yes
load helpers

annotation() { printf '.annotations["%s"] = "%s"' "$1" "$2"; }

@test "A04 P09: run.oci.keep_original_groups keeps the caller's supplementary groups" {
	known_deviation runc "has no such annotation"
	program probe ids -- '.process.user = {uid: 1000, gid: 1000}' "$(annotation run.oci.keep_original_groups 1)"
	LAST="run with groups"
	groups_of() {
		setpriv --groups 7,8,1234 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >"$WORK/ids" 2>"$WORK/err" 3>&- || fail "$(cat "$WORK/err")"
		sed -n 's/^groups//p' "$WORK/ids" | xargs -n1 | grep -vx 1000 | sort -n | xargs
	}
	is "$(groups_of)" "7 8 1234"
	config '.annotations = {}'
	is "$(groups_of)" ""
}

@test "A04: run.oci.keep_original_groups: in a new user namespace as well" {
	requires userns
	known_deviation runc "has no such annotation"
	program sh -c 'grep ^Groups: /proc/self/status' -- "$USERNS" "$(annotation run.oci.keep_original_groups 1)"
	open_bundle
	# one of them has a name inside
	run setpriv --groups 7,100005 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" 3>&-
	is "$(xargs <<<"$output")" "Groups: 65534 5"
	config '.annotations = {}'
	run setpriv --groups 7,100005 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" 3>&-
	is "$(xargs <<<"$output")" "Groups:"
	chown -R 0:0 "$BUNDLE"
}

@test "A08 H04: poststop hooks run when the file of their output cannot be opened" {
	known_deviation runc "has no such annotation"
	known_deviation crun "1.21 does not run them"
	program true -- "$(annotation run.oci.hooks.stdout "$WORK/logs/out")" \
		".hooks.poststop = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"echo ran >$WORK/ran\"]}]"
	mkdir "$WORK/logs"
	ok create -b "$BUNDLE" "$ID"
	ok start "$ID"
	stopped
	rm -r "$WORK/logs"
	ok delete "$ID"
	complains "run.oci.hooks.stdout"
	is "$(cat "$WORK/ran")" ran
}

@test "A08: run.oci.hooks.stdout and .stderr get what all hooks write" {
	known_deviation runc "has no such annotation"
	known_deviation crun "1.21 opens them too late for some"
	program true -- "$(annotation run.oci.hooks.stdout "$WORK/out")" "$(annotation run.oci.hooks.stderr "$WORK/err")"
	for kind in prestart createRuntime createContainer poststart poststop; do
		config ".hooks.$kind = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"echo out-$kind; echo err-$kind >&2\"]}]"
	done
	config '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "echo out-startContainer; echo err-startContainer >&2"]}]'
	echo before >"$WORK/out"
	runs
	is "$(xargs <"$WORK/out")" "before out-prestart out-createRuntime out-createContainer out-startContainer out-poststart out-poststop"
	is "$(xargs <"$WORK/err")" "err-prestart err-createRuntime err-createContainer err-startContainer err-poststart err-poststop"
	# by create, start and delete apart as well
	rm "$WORK/out" "$WORK/err"
	ok create -b "$BUNDLE" "$ID"
	ok start "$ID"
	stopped
	ok delete "$ID"
	is "$(wc -l <"$WORK/out")" 6
	stiva_only
	config "$(annotation run.oci.hooks.stdout /no/such/folder/file)"
	rt run -b "$BUNDLE" "$ID"
	refused run.oci.hooks.stdout /no/such/folder/file
}

# notified FILTER...: a run whose mkdir is for an agent at $WORK/agent
notified() {
	program probe syscall mkdir /x 0 -- '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
		syscalls: [{names: ["mkdir"], action: "SCMP_ACT_NOTIFY"}]}' "$@"
	background "$PROBE" recvfd "$WORK/agent" >"$WORK/got"
	wait_for test -S "$WORK/agent"
}

@test "A09: the seccomp agent by annotation, which listenerPath overrides" {
	known_deviation runc "has no such annotation"
	known_deviation crun "tells it otherwise"
	notified "$(annotation run.oci.seccomp.receiver "$WORK/agent")"
	runs
	wait_for grep -q '^fd anon_inode:seccomp notify' "$WORK/got"
	rm "$WORK/agent"
	notified "$(annotation run.oci.seccomp.receiver "$WORK/nobody")" '.linux.seccomp.listenerPath = (env.WORK + "/agent")'
	runs
	wait_for grep -q '^fd anon_inode:seccomp notify' "$WORK/got"
}

@test "A09: the seccomp agent by RUN_OCI_SECCOMP_RECEIVER, known to start and exec without it" {
	stiva_only
	notified '.process.args = ["/bin/probe", "wait"]'
	RUN_OCI_SECCOMP_RECEIVER=$WORK/agent ok create -b "$BUNDLE" "$ID"
	ok start "$ID"
	wait_for grep -q '^fd anon_inode:seccomp notify' "$WORK/got"
	rm "$WORK/agent"
	background "$PROBE" recvfd "$WORK/agent" >"$WORK/got2"
	wait_for test -S "$WORK/agent"
	ok exec "$ID" true
	wait_for grep -q '^fd anon_inode:seccomp notify' "$WORK/got2"
	ok delete -f "$ID"
	# without it there is no agent at all
	rt run -b "$BUNDLE" "$ID"
	refused listenerPath
}

# ld [nr]; jeq #83 (mkdir of x86_64): ERRNO(ENOTNAM); else ALLOW
DENY_MKDIR=IAAAAAAAAAAVAAABUwAAAAYAAAB2AAUABgAAAAAA/38=

@test "A12: run.oci.seccomp_bpf_data is the filter, in place of the profile, in exec too" {
	known_deviation runc "has no such annotation"
	[ "$(uname -m)" = x86_64 ] || skip "the program is for x86_64"
	for nnp in true false; do
		script 'probe syscall mkdir /x 0; probe syscall personality 0; grep Seccomp: /proc/self/status' \
			".process.noNewPrivileges = $nnp" "$(annotation run.oci.seccomp_bpf_data "$DENY_MKDIR")" \
			'.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["personality"], action: "SCMP_ACT_ERRNO"}]}'
		runs
		shows_not "mkdir ok"
		line "personality ok"
		line $'Seccomp:\t2'
	done
	# without a profile as well
	config 'del(.linux.seccomp)' '.process.args = ["/bin/probe", "wait"]'
	starts
	stiva_only
	ok exec "$ID" sh -c 'probe syscall mkdir /x 0; grep Seccomp: /proc/self/status'
	shows_not "mkdir ok"
	line $'Seccomp:\t2'
}

@test "A12: what is no program is refused" {
	stiva_only
	for bad in '?' 'AAA' AAAA '' "${DENY_MKDIR%=}A"; do
		program true -- "$(annotation run.oci.seccomp_bpf_data "$bad")"
		rt run -b "$BUNDLE" "$ID"
		refused run.oci.seccomp_bpf_data
	done
	# one that the kernel refuses: it runs off its end
	program true -- "$(annotation run.oci.seccomp_bpf_data IAAAAAAAAAA=)"
	rt run -b "$BUNDLE" "$ID"
	refused linux.seccomp "invalid argument"
}

@test "A13: run.oci.pidfd_receiver gets a pidfd of init" {
	known_deviation runc "has no such annotation"
	program probe wait -- "$(annotation run.oci.pidfd_receiver "$WORK/sock")"
	background "$PROBE" recvfd "$WORK/sock" >"$WORK/got"
	wait_for test -S "$WORK/sock"
	ok run -d -b "$BUNDLE" "$ID"
	wait_for grep -q '^fd ' "$WORK/got"
	grep -q "^fd anon_inode:\[pidfd\]\|^fd pidfd:" "$WORK/got" || fail "$(<"$WORK/got")"
	is "$(sed -n 's/^Pid:\t//p' "$WORK/got")" "$(pid_of)"
	ok delete -f "$ID"
	stiva_only
	config "$(annotation run.oci.pidfd_receiver "$WORK/nobody")"
	rt run -b "$BUNDLE" "$ID"
	refused run.oci.pidfd_receiver
}

@test "A14: run.oci.handler of another executor is refused, never run as an ordinary container" {
	known_deviation runc "ignores it"
	for handler in krun wasm wasmtime nonesuch; do
		script 'touch /ran' "$(annotation run.oci.handler $handler)"
		rt run -b "$BUNDLE" "$ID"
		refused run.oci.handler "$handler"
		[ ! -e "$BUNDLE/rootfs/ran" ]
	done
	program true -- "$(annotation run.oci.handler '')"
	runs
}

@test "A17 G12: org.opencontainers.image.stopSignal is the default signal of kill" {
	known_deviation crun "sends TERM"
	known_deviation runc "sends TERM"
	for sig in SIGUSR1:USR1 INT:INT 12:USR2 RTMIN+3:RTMIN+3 nonsense:TERM; do
		program probe signals 5 2 10 12 37 -- "$(annotation org.opencontainers.image.stopSignal "${sig%%:*}")"
		starts
		ok kill "$ID"
		stopped
		wait_for said "${sig#*:}"
		ok delete "$ID"
	done
}
