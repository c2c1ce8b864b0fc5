#!/usr/bin/env bats
# linux.seccomp: actions, arguments, what is unknown, listeners, the cache.
# requires: root cgroup2
# parallel: yes
load helpers

# profile JSON-OF-SYSCALLS FILTER...: allow all but these
profile() {
	local calls=$1
	shift
	printf '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"], syscalls: %s}' "$calls"
}

@test "without a profile there is no filter" {
	program grep Seccomp: /proc/self/status
	runs
	is "${output##*$'\t'}" 0
}

@test "S01 S02 S09: ERRNO with the default and another errno" {
	script 'probe syscall mkdir /x 0; probe syscall personality 1; grep Seccomp: /proc/self/status' \
		"$(profile '[{names: ["mkdir"], action: "SCMP_ACT_ERRNO"}, {names: ["personality"], action: "SCMP_ACT_ERRNO", errnoRet: 38}]')"
	runs
	line "mkdir EPERM"
	line "personality ENOSYS"
	line $'Seccomp:\t2'
}

@test "S01: KILL_PROCESS, KILL_THREAD, TRAP" {
	for action in SCMP_ACT_KILL SCMP_ACT_KILL_PROCESS SCMP_ACT_KILL_THREAD SCMP_ACT_TRAP; do
		# as a child: process 1 does not take default actions of some signals
		script 'probe syscall mkdir /x 0; echo "status $?"' "$(profile "[{names: [\"mkdir\"], action: \"$action\"}]")"
		rt run -b "$BUNDLE" "$ID"
		line "status 159"
	done
}

@test "S01 S08: LOG and ALLOW let the call through" {
	script 'probe syscall mkdir /x 0' "$(profile '[{names: ["mkdir"], action: "SCMP_ACT_LOG"}]')"
	runs
	prints "mkdir ok"
}

@test "S01: TRACE without a tracer is ENOSYS" {
	script 'probe syscall mkdir /x 0' "$(profile '[{names: ["mkdir"], action: "SCMP_ACT_TRACE", errnoRet: 7}]')"
	runs
	prints "mkdir ENOSYS"
}

@test "S01 S08: NOTIFY as the default, and for write, is refused" {
	known_deviation crun "accepts it"
	program true -- '.linux.seccomp = {defaultAction: "SCMP_ACT_NOTIFY", listenerPath: "/x"}'
	rt run -b "$BUNDLE" "$ID"
	refused linux.seccomp.defaultAction
	program true -- "$(profile '[{names: ["write"], action: "SCMP_ACT_NOTIFY"}]')" '.linux.seccomp.listenerPath = "/x"'
	rt run -b "$BUNDLE" "$ID"
	refused "SCMP_ACT_NOTIFY cannot be used for the write syscall"
}

@test "S02: defaultErrnoRet with an action that has no errno is refused" {
	known_deviation crun "accepts it"
	known_deviation runc "1.1 accepts it"
	for action in SCMP_ACT_ALLOW SCMP_ACT_KILL SCMP_ACT_LOG SCMP_ACT_TRAP; do
		program true -- ".linux.seccomp = {defaultAction: \"$action\", defaultErrnoRet: 3}"
		rt run -b "$BUNDLE" "$ID"
		refused linux.seccomp.defaultErrnoRet
	done
}

@test "S03: every architecture of the specification is taken, the machine's own is added" {
	known_deviation crun "1.8 lacks some"
	known_deviation runc "1.1 lacks some"
	# not those of the other byte order, nor of a newer library: they can never run here
	script 'probe syscall mkdir /x 0' "$(profile '[{names: ["mkdir"], action: "SCMP_ACT_ERRNO", errnoRet: 95}]')" \
		'.linux.seccomp.architectures = (["X86", "X86_64", "X32", "ARM", "AARCH64", "MIPS", "MIPS64", "MIPS64N32", "MIPSEL", "MIPSEL64",
		"MIPSEL64N32", "PPC", "PPC64", "PPC64LE", "S390", "S390X", "PARISC", "PARISC64", "RISCV64", "LOONGARCH64", "M68K", "SH", "SHEB"] |
		map("SCMP_ARCH_" + .))'
	runs
	prints "mkdir EOPNOTSUPP"
	config '.linux.seccomp.architectures = ["SCMP_ARCH_ARM"]'
	runs
	prints "mkdir EOPNOTSUPP"
	config 'del(.linux.seccomp.architectures)'
	runs
	prints "mkdir EOPNOTSUPP"
}

@test "S10: arguments are compared" {
	script 'for p in 0 1 8 9; do probe syscall getpriority $p 0; done' "$(profile '[{names: ["getpriority"],
		action: "SCMP_ACT_ERRNO", errnoRet: 95, args: [{index: 0, value: 8, op: "SCMP_CMP_EQ"}]}]')"
	runs
	is "$(xargs <"$OUT")" "getpriority ok getpriority ok getpriority EOPNOTSUPP getpriority EINVAL"
	script 'for p in 0 1 8 9; do probe syscall getpriority $p 0; done' "$(profile '[{names: ["getpriority"],
		action: "SCMP_ACT_ERRNO", errnoRet: 95, args: [{index: 0, value: 8, valueTwo: 8, op: "SCMP_CMP_MASKED_EQ"}]}]')"
	runs
	is "$(xargs <"$OUT")" "getpriority ok getpriority ok getpriority EOPNOTSUPP getpriority EOPNOTSUPP"
}

@test "S10: every comparison" {
	for t in "NE:EINVAL ok EINVAL" "LT:EINVAL ok ok" "LE:EINVAL EINVAL ok" "EQ:ok EINVAL ok" "GE:ok EINVAL EINVAL" "GT:ok ok EINVAL"; do
		script 'for p in 0 1 2; do probe syscall getpriority $p 0; done' "$(profile "[{names: [\"getpriority\"],
			action: \"SCMP_ACT_ERRNO\", errnoRet: 22, args: [{index: 0, value: 1, op: \"SCMP_CMP_${t%%:*}\"}]}]")"
		runs
		is "$(sed 's/getpriority //' "$OUT" | xargs)" "${t#*:}" "${t%%:*}"
	done
}

@test "S10: two conditions on different arguments must both hold, on the same one either" {
	script 'for a in "1 1" "1 0" "0 1" "0 0"; do probe syscall getpriority $a; done' "$(profile '[{names: ["getpriority"],
		action: "SCMP_ACT_ERRNO", errnoRet: 95, args: [{index: 0, value: 1, op: "SCMP_CMP_EQ"}, {index: 1, value: 1, op: "SCMP_CMP_EQ"}]}]')"
	runs
	is "$(head -n 1 "$OUT")" "getpriority EOPNOTSUPP"
	[ "$(grep -c EOPNOTSUPP "$OUT")" = 1 ]
	script 'for a in 0 1 2; do probe syscall getpriority $a 0; done' "$(profile '[{names: ["getpriority"],
		action: "SCMP_ACT_ERRNO", errnoRet: 95, args: [{index: 0, value: 1, op: "SCMP_CMP_EQ"}, {index: 0, value: 2, op: "SCMP_CMP_EQ"}]}]')"
	runs
	is "$(sed 's/getpriority //' "$OUT" | xargs)" "ok EOPNOTSUPP EOPNOTSUPP"
}

@test "S01 S02: a default of ERRNO: what is not named is refused" {
	script 'probe syscall mkdir /x 0; probe syscall unshare 0x20000' "$ALL_CAPS" '.linux.seccomp = {defaultAction: "SCMP_ACT_ERRNO",
		defaultErrnoRet: 13, syscalls: [{names: ["'"$(everything_but mkdir)"'"], action: "SCMP_ACT_ALLOW"}]}'
	runs
	line "mkdir EACCES"
	line "unshare ok"
}
# the names of the calls that a shell and the probe need, without $1
everything_but() {
	printf '%s\n' access arch_prctl brk capget capset chdir clone clone3 close close_range connect dup dup2 dup3 execve execveat exit \
		exit_group faccessat faccessat2 fchdir fchmodat fchown fcntl fstat fstatfs futex getcwd getdents64 getegid geteuid getgid \
		getgroups getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit getsid gettid getuid ioctl kill \
		lseek mkdir mmap mount mprotect munmap nanosleep newfstatat open openat openat2 personality pipe pipe2 poll ppoll prctl \
		pread64 prlimit64 read readlink readlinkat recvfrom recvmsg rseq rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity \
		sched_yield sendmsg sendto set_robust_list set_tid_address setgid setgroups setresgid setresuid setsid setuid sigaltstack \
		socket stat statfs statx tgkill tkill umask uname unshare vfork wait4 waitid write writev epoll_create1 epoll_ctl epoll_pwait \
		madvise sched_getscheduler fchmod fstatat64 setns pivot_root getsockopt setsockopt sysinfo clock_nanosleep |
		grep -vx "$1" | paste -sd, | sed 's/,/","/g'
}

@test "S11: calls newer than the profile give ENOSYS, older ones EPERM" {
	known_deviation crun "gives EPERM"
	script 'probe syscall 470; probe syscall 1000; probe syscall swapon /x 0' '.linux.seccomp = {defaultAction: "SCMP_ACT_ERRNO",
		architectures: ["SCMP_ARCH_X86_64"], syscalls: [{names: ["'"$(everything_but none)"'"], action: "SCMP_ACT_ALLOW"}]}'
	runs
	line "470 ENOSYS"
	line "1000 ENOSYS"
	line "swapon EPERM"
}

@test "S07: names which libseccomp does not know are left out" {
	program true -- "$(profile '[{names: ["nonesuch_call", "mkdir"], action: "SCMP_ACT_ERRNO"}]')"
	runs
}

@test "S07 A11: unknown names are an error where the annotation asks for it" {
	stiva_only
	program true -- "$(profile '[{names: ["nonesuch_call"], action: "SCMP_ACT_ERRNO"}]')" \
		'.annotations["run.oci.seccomp_fail_unknown_syscall"] = "1"'
	rt run -b "$BUNDLE" "$ID"
	refused nonesuch_call
}

@test "an engine's profile" {
	stiva_only
	# podman's, as it reaches a runtime
	SECCOMP=$(<"$TOP/tests/data/guard/seccomp-podman.json")
	export SECCOMP
	program true -- '.linux.seccomp = (env.SECCOMP | fromjson)'
	runs
}

@test "P11: the filter holds with and without no-new-privileges, for other users too" {
	for nnp in true false; do
		for uid in 0 1000; do
			program probe syscall mkdir /tmp/x 0 -- "$(profile '[{names: ["mkdir"], action: "SCMP_ACT_ERRNO", errnoRet: 95}]')" \
				".process.noNewPrivileges = $nnp" ".process.user.uid = $uid"
			runs
			prints "mkdir EOPNOTSUPP"
		done
	done
}

@test "S01 S03 S04 S05 S06 S07 S09 S10: what is wrong in a profile is refused" {
	known_deviation crun "accepts some"
	for bad in '.defaultAction = "SCMP_ACT_NONESUCH"' '.syscalls[0].action = "NONE"' '.architectures = ["SCMP_ARCH_NONE"]' \
		'.syscalls[0].args = [{index: 6, value: 1, op: "SCMP_CMP_EQ"}]' '.syscalls[0].args = [{index: 0, value: 1, op: "SCMP_CMP_NONE"}]' \
		'.syscalls[0].names = []' 'del(.defaultAction)' '.flags = ["SECCOMP_FILTER_FLAG_NONE"]' \
		'.syscalls[0] = {names: ["mkdir"], action: "SCMP_ACT_ALLOW", errnoRet: 3}' \
		'.syscalls[0].action = "SCMP_ACT_NOTIFY"' '.listenerMetadata = "x"'; do
		program true -- "$(profile '[{names: ["mkdir"], action: "SCMP_ACT_ERRNO"}]')" "(.linux.seccomp |= ($bad))"
		rt run -b "$BUNDLE" "$ID"
		if [ "$status" = 0 ] && [ "$RUNTIME_NAME" = runc ]; then continue; fi
		refused linux.seccomp
	done
}

@test "S04: flags" {
	known_deviation runc "1.1 has none"
	program true -- "$(profile '[{names: ["mkdir"], action: "SCMP_ACT_ERRNO"}]')" '.linux.seccomp.flags = ["SECCOMP_FILTER_FLAG_LOG"]'
	runs
	config '.linux.seccomp.flags = []'
	runs
}

@test "S05 S06 R09: a listener gets the state of the process and the descriptor" {
	known_deviation crun "1.8 writes it differently"
	script 'probe syscall mkdir /x 0' "$(profile '[{names: ["mkdir"], action: "SCMP_ACT_NOTIFY"}]')" \
		'.linux.seccomp += {listenerPath: (env.WORK + "/listener"), listenerMetadata: "some data"}'
	background "$PROBE" recvfd "$WORK/listener" >"$WORK/got"
	wait_for test -S "$WORK/listener"
	rt run -b "$BUNDLE" "$ID"
	wait_for grep -q '^fd ' "$WORK/got"
	sed -n 's/^payload //p' "$WORK/got" | jq -e --arg id "$ID" --arg b "$BUNDLE" '
		(.ociVersion | startswith("1.")) and .fds == ["seccompFd"] and .pid > 0 and .metadata == "some data"
		and .state.id == $id and .state.bundle == $b and .state.status == "creating"'
	grep -q '^fd anon_inode:seccomp notify' "$WORK/got"
	# its listener has gone: the kernel refuses the call
	prints "mkdir ENOSYS"
}

@test "S05: exec sends its own state and descriptor" {
	known_deviation crun "1.8 writes it differently"
	program probe wait -- "$(profile '[{names: ["mkdir"], action: "SCMP_ACT_NOTIFY"}]')" \
		'.linux.seccomp += {listenerPath: (env.WORK + "/listener"), listenerMetadata: "meta"}'
	background "$PROBE" recvfd "$WORK/listener" >"$WORK/got"
	wait_for test -S "$WORK/listener"
	ok run -d -b "$BUNDLE" "$ID"
	wait_for grep -q '^fd ' "$WORK/got"
	rm "$WORK/listener"
	background "$PROBE" recvfd "$WORK/listener" >"$WORK/got2"
	wait_for test -S "$WORK/listener"
	ok exec "$ID" true
	wait_for grep -q '^fd anon_inode:seccomp notify' "$WORK/got2"
	sed -n 's/^payload //p' "$WORK/got2" | jq -e --arg id "$ID" --argjson init "$(pid_of)" '
		(.ociVersion | startswith("1.")) and .fds == ["seccompFd"] and .pid > 0 and .pid != $init and .metadata == "meta"
		and .state.id == $id and .state.status == "running" and .state.pid == $init' || fail "$(<"$WORK/got2")"
}

@test "S05: a listenerPath that no action needs is not connected to" {
	known_deviation crun "connects always"
	program true -- "$(profile '[{names: ["mkdir"], action: "SCMP_ACT_ERRNO"}]')" \
		'.linux.seccomp += {listenerPath: "/no/such/socket", listenerMetadata: "bar"}'
	runs
}

@test "S08: what a C library calls before main may be notified too" {
	stiva_only
	program true -- "$(profile '[{names: ["fcntl", "openat", "open", "read"], action: "SCMP_ACT_NOTIFY"}]')" \
		'.linux.seccomp.listenerPath = (env.WORK + "/listener")'
	for nnp in true false; do
		config ".process.noNewPrivileges = $nnp"
		rm -f "$WORK/listener"
		background "$PROBE" recvfd "$WORK/listener" >"$WORK/got"
		wait_for test -S "$WORK/listener"
		DEADLINE=15 rt run -b "$BUNDLE" "$ID"
		# its agent takes the descriptor and goes: the calls are refused, nothing hangs
		[ "$status" != 124 ]
		wait_for grep -q '^fd anon_inode:seccomp notify' "$WORK/got"
	done
	# runc's list of important calls is none that is refused
	config '.linux.seccomp.syscalls[0].names = ["execve", "openat", "open", "read", "close", "fcntl"]' \
		'.linux.seccomp.listenerPath = "/no/such/agent"'
	rt run -b "$BUNDLE" "$ID"
	refused "failed to connect with seccomp agent"
}

@test "S05: a listener that is not there is an error" {
	program true -- "$(profile '[{names: ["mkdir"], action: "SCMP_ACT_NOTIFY"}]')" \
		'.linux.seccomp.listenerPath = (env.WORK + "/none")'
	DEADLINE=5 rt run -b "$BUNDLE" "$ID"
	refused listener
	if is_stiva; then complains "failed to connect with seccomp agent"; fi
}

@test "S12: the second use of a profile takes it from the cache, and a broken cache does no harm" {
	stiva_only
	program probe syscall mkdir /x 0 -- "$(profile '[{names: ["mkdir"], action: "SCMP_ACT_ERRNO", errnoRet: 95}]')"
	runs
	prints "mkdir EOPNOTSUPP"
	mapfile -t cache < <(find "$ROOT" -path '*seccomp*' -type f)
	[ "${#cache[@]}" -ge 1 ] || fail "nothing cached in $(find "$ROOT")"
	is "$(stat -c %a "${cache[0]}")" 600
	cp "${cache[0]}" "$WORK/copy"
	runs
	prints "mkdir EOPNOTSUPP"
	# another profile is another entry
	config '.linux.seccomp.syscalls[0].errnoRet = 38'
	runs
	prints "mkdir ENOSYS"
	config '.linux.seccomp.syscalls[0].errnoRet = 95'
	for bad in "" garbage "$(head -c 40 "$WORK/copy" | tr -d '\0')"; do
		printf %s "$bad" >"${cache[0]}"
		runs
		prints "mkdir EOPNOTSUPP"
	done
	cmp "$WORK/copy" "${cache[0]}"
}
