#!/usr/bin/env bats
# What stiva does that its rivals do not: one test each, at most ten lines. "make claims"
# runs the same tests on crun and runc and prints the three verdicts side by side.
# requires: root cgroup2
load ../bats/helpers

# rules of linux.resources.devices that begin with: all denied, or all allowed
devices() { printf '.linux.resources.devices = [{allow: %s, access: "rwm"}, %s]' "$1" "$2"; }
fuse() { printf '{allow: %s, type: "c", major: 10, minor: 229, access: "%s"}' "$1" "$2"; }
FUSE='mknod /fuse c 10 229; probe open rw /fuse'

@test "K01: start of a container without a process fails" {
	bundle 'del(.process)'
	ok create -b "$BUNDLE" "$ID"
	rt start "$ID"
	exits 1
}

@test "K02: a wrong file at a device's path is refused" {
	program true -- '.linux.devices = [{type: "c", path: "/etc/passwd", major: 1, minor: 3}]'
	rt run -b "$BUNDLE" "$ID"
	exits 1
}

@test "K03: a resource limit that is listed twice is refused" {
	program true -- '.process.rlimits = [range(2) | {type: "RLIMIT_NOFILE", soft: (60 + .), hard: 100}]'
	rt run -b "$BUNDLE" "$ID"
	exits 1
}

@test "K04: a device rule that denies writing denies O_RDWR" {
	script "$FUSE" "$ALL_CAPS" "$(devices true "$(fuse false w)")"
	runs
	prints "/fuse EPERM"
}

@test "K05: two rules that allow r and w allow rw; allow rwm, deny w denies it" {
	script "$FUSE" "$ALL_CAPS" "$(devices false "$(fuse true r), $(fuse true w)")"
	runs
	prints "/fuse ok"
	script "$FUSE" "$ALL_CAPS" "$(devices false "$(fuse true rwm), $(fuse false w)")"
	runs
	prints "/fuse EPERM"
}

@test "K06: one minor is denied out of an allowed major" {
	script "$FUSE" "$ALL_CAPS" \
		"$(devices false '{allow: true, type: "c", major: 10, access: "rwm"}, '"$(fuse false rwm)")"
	runs
	prints "/fuse EPERM"
}

@test "K07: update --cpu-quota -1 lifts the limit" {
	requires cgroup_cpu
	script 'cat; cat /sys/fs/cgroup/cpu.max' '.linux.resources.cpu = {quota: 50000, period: 100000}'
	ok create -b "$BUNDLE" "$ID"
	is "$(<"$(cgroup_of)/cpu.max")" "50000 100000"
	ok update --cpu-quota -1 "$ID"
	is "$(<"$(cgroup_of)/cpu.max")" "max 100000"
}

@test "K08: a limit of huge pages holds for reservations too" {
	requires cgroup_hugetlb
	program cat /sys/fs/cgroup/hugetlb.2MB.max /sys/fs/cgroup/hugetlb.2MB.rsvd.max -- \
		'.linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 4194304}]'
	runs
	prints $'4194304\n4194304'
}

@test "K09: containerd's way to call restore is understood" {
	program true
	rt restore -no-subreaper --detach --bundle "$BUNDLE" --image-path "$WORK" --work-path "$WORK" "$ID"
	[[ $stderr != *subreaper* && $stderr != *Usage* ]] || fail "$stderr"
	absent
}

@test "K10: nosymfollow and lazytime are flags of a mount" {
	script 'grep " /mnt " /proc/self/mountinfo' \
		"$(add_mount '{destination: "/mnt", type: "tmpfs", source: "t", options: ["nosymfollow", "lazytime"]}')"
	runs
	[[ $output == *nosymfollow* && $output == *lazytime* ]] || fail "$output"
}

@test "K11: a call newer than the profile gives ENOSYS" {
	program probe syscall 470 -- '.linux.seccomp = {defaultAction: "SCMP_ACT_ERRNO", architectures: ["SCMP_ARCH_X86_64"],
		syscalls: [{action: "SCMP_ACT_ALLOW", names: ($ENV.CALLS | split(" "))}]}'
	runs
	prints "470 ENOSYS"
}

@test "K12: a seccomp flag that cannot take effect is told" {
	program true -- '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", flags: ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],
		syscalls: [{names: ["swapon"], action: "SCMP_ACT_ERRNO"}]}'
	runs
	complains WAIT_KILLABLE_RECV
}

@test "K13: an unknown capability is a warning" {
	program true -- '.process.capabilities.bounding += ["CAP_OF_TOMORROW"]'
	runs
	complains CAP_OF_TOMORROW
}

@test "K14: features tells the specification's version, the architectures and the seccomp flags" {
	ok features
	jq -e '.ociVersionMax == "1.3.0" and (.linux.seccomp.archs | length > 10)
		and (.linux.seccomp.knownFlags | length > 2)' "$OUT"
}

@test "K15: a second pause is no error" {
	program probe wait
	starts
	ok pause "$ID"
	ok pause "$ID"
	is "$(status_of)" paused
	ok resume "$ID"
}

@test "K16: hooks are checked before anything runs" {
	for bad in '{path: "bin/true"}' '{path: "/bin/true", timeout: 0}'; do
		program true -- ".hooks.poststop = [$bad]" '.hooks.createRuntime = [{path: "/bin/touch", args: ["touch", env.WORK + "/ran"]}]'
		rt run -b "$BUNDLE" "$ID"
		exits 1
		[ ! -e "$WORK/ran" ]
	done
}

@test "K17: a failing poststart hook ends and deletes the container" {
	program probe wait -- '.hooks.poststart = [{path: "/bin/false"}]'
	ok create -b "$BUNDLE" "$ID"
	rt start "$ID"
	exits 1
	absent
}

@test "K18: an exec that fails leaves no zombie" {
	program probe wait
	starts
	rt exec "$ID" /etc/passwd
	refute exits 0
	ok exec "$ID" sh -c 'cat /proc/[0-9]*/stat | cut -d" " -f3 | sort | xargs'
	shows_not Z
}

@test "K19: events and stats" {
	program probe wait
	starts
	ok events --stats "$ID"
	is "$(jq -r '.type + " " + .id' "$OUT")" "stats $ID"
	ok stats --no-stream --format json "$ID"
}

@test "K20: an update that fails leaves every limit as it was, one that succeeds is kept" {
	requires cgroup_pids cgroup_cpuset
	program probe wait
	starts
	ok update --pids-limit 77 "$ID"
	rt update --pids-limit 55 --cpuset-cpus 4000 "$ID"
	exits 1
	is "$(<"$(cgroup_of)/pids.max")" 77
	grep -rq '"limit":77' "$ROOT/$ID"
}

@test "K21: TERM ends a created container" {
	program probe wait
	ok create -b "$BUNDLE" "$ID"
	ok kill "$ID" TERM
	stopped
}

@test "K22: kill sends the image's stop signal" {
	program probe signals 0 12 -- '.annotations = {"org.opencontainers.image.stopSignal": "SIGUSR2"}'
	starts
	ok kill "$ID"
	wait_for said USR2
}

@test "K24: a writable cgroup belongs to the container's user, and nothing more than the kernel says" {
	program probe wait -- '.process.user.uid = 12' \
		'.mounts |= map(if .type == "cgroup" then .options |= map(select(. != "ro")) else . end)'
	starts
	is "$(stat -c %u "$(cgroup_of)" "$(cgroup_of)/cgroup.procs" "$(cgroup_of)/cgroup.freeze" | xargs)" "12 12 0"
}

@test "K25: keys that cgroup v2 has not are errors" {
	for key in 'cpu.realtimeRuntime = 950000' 'memory.swappiness = 10' 'blockIO.leafWeight = 100' 'network.classID = 1'; do
		program true -- ".linux.resources.$key"
		rt run -b "$BUNDLE" "$ID"
		exits 1
	done
}

# what the shell of K11 and its probe call
CALLS='access arch_prctl brk capget capset chdir clone clone3 close close_range connect dup dup2 dup3 execve execveat exit
exit_group faccessat faccessat2 fchdir fcntl fstat fstatfs futex getcwd getdents64 getegid geteuid getgid getgroups getpid
getppid getrandom getrlimit gettid getuid ioctl kill lseek mmap mprotect munmap newfstatat open openat openat2 pipe2 poll
prctl pread64 prlimit64 read readlink readlinkat recvmsg rseq rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity
sendmsg sendto set_robust_list set_tid_address setgid setgroups setsid setuid sigaltstack socket stat statfs statx uname
wait4 write writev'
CALLS=${CALLS//$'\n'/ }
export CALLS
