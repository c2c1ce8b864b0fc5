#!/usr/bin/env bats
# Who the program is: ids, groups, capabilities, no-new-privileges, limits, scheduling.
# requires: root cgroup2
# parallel: yes
load helpers

@test "P07: uid and gid" {
	program probe ids -- '.process.user = {uid: 12, gid: 34}'
	runs
	line "uid 12 12 12"
	line "gid 34 34 34"
}

@test "P09: supplementary groups are exactly those of the configuration" {
	program probe ids -- '.process.user = {uid: 1000, gid: 1000, additionalGids: [5, 2000, 2000000000]}'
	runs
	is "$(sed -n 's/^groups//p' "$OUT" | xargs -n1 | grep -vx 1000 | sort -n | xargs)" "5 2000 2000000000"
	# none: the groups of the caller are not kept
	config 'del(.process.user.additionalGids)'
	status=0
	runs
	is "$(sed -n 's/^groups//p' "$OUT" | xargs -n1 | grep -vx 1000 | xargs)" ""
}

@test "P08: umask" {
	program probe umask -- '.process.user.umask = 63'
	runs
	prints 0077
	config '.process.user.umask = 0'
	known_deviation crun "0 is taken as unset"
	runs
	prints 0000
}

@test "P08: an unset umask is inherited" {
	known_deviation crun "sets 0022"
	known_deviation runc "sets 0022"
	program probe umask
	umask 0027
	runs
	prints 0027
}

@test "P10: the capability sets of root are exactly those of the configuration" {
	program probe caps -- '.process.capabilities = {
		bounding: ["CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN", "CAP_BPF"], effective: ["CAP_KILL"],
		permitted: ["CAP_CHOWN", "CAP_KILL"], inheritable: ["CAP_CHOWN"], ambient: []}'
	config '.process.noNewPrivileges = false'
	# root's execve gains what is in the bounding set: that is the kernel's rule
	runs
	line "bounding 8000200021"
	line "inheritable 1"
	line "ambient 0"
	config '.process.user.uid = 1000'
	runs
	line "bounding 8000200021"
	line "permitted 0"
	line "effective 0"
	line "inheritable 1"
}

@test "P10: ambient capabilities reach a user that is not root" {
	program probe caps -- '.process.user = {uid: 1000, gid: 1000}' \
		'.process.capabilities = (["CAP_NET_BIND_SERVICE", "CAP_KILL"] | {bounding: ., effective: ., permitted: ., inheritable: ., ambient: .})'
	runs
	line "effective 420"
	line "permitted 420"
	line "ambient 420"
	line "bounding 420"
}

@test "P10: without capabilities there are none" {
	program probe caps -- 'del(.process.capabilities)'
	runs
	line "bounding 0"
	line "permitted 0"
	line "effective 0"
	line "inheritable 0"
}

@test "P10: all capabilities that the caller has" {
	caps=$(capsh --decode="$(sed -n 's/^CapPrm:\t//p' /proc/self/status)" | sed 's/.*=//' | tr '[:lower:]' '[:upper:]' | jq -Rc 'split(",")')
	export caps
	program probe caps -- '.process.capabilities = ((env.caps | fromjson) | {bounding: ., effective: ., permitted: .})'
	runs
	mask=$(sed -n 's/^CapPrm:\t0*//p' /proc/self/status)
	line "bounding $mask"
	line "effective $mask"
}

@test "P10: an unknown capability is a warning" {
	known_deviation crun "is an error"
	program probe caps -- '.process.capabilities.bounding += ["CAP_NONESUCH"]'
	runs
	line "bounding 20000420"
	shows_not "error"
}

@test "P10: a capability which the caller has not is a warning" {
	! has cap_sys_resource || skip "requires: no cap_sys_resource"
	known_deviation crun "is an error"
	known_deviation runc "1.1 is an error"
	program probe caps -- '(.process.capabilities[]) |= (. + ["CAP_SYS_RESOURCE"])'
	runs
	line "effective 20000420"
}

@test "P11: no-new-privileges" {
	for nnp in true false; do
		program probe caps -- ".process.noNewPrivileges = $nnp"
		runs
		line "nnp $([ $nnp = true ] && echo 1 || echo 0)"
	done
}

@test "P12: rlimits" {
	program probe rlimit nofile core cpu -- '.process.rlimits = [
		{type: "RLIMIT_NOFILE", soft: 123, hard: 456}, {type: "RLIMIT_CORE", soft: 0, hard: 0},
		{type: "RLIMIT_CPU", soft: 100, hard: 777777777}]'
	# jq 1.6 cannot print 2^64 - 1
	sed -i 's/777777777/18446744073709551615/' "$BUNDLE/config.json"
	runs
	line "nofile 123 456"
	line "core 0 0"
	line "cpu 100 -1"
}

@test "P12: rlimits that are wrong" {
	known_deviation crun "accepts a duplicate, ignores others"
	for l in '[{type: "RLIMIT_NONESUCH", soft: 1, hard: 1}]' \
		'[{type: "RLIMIT_CORE", soft: 1, hard: 1}, {type: "RLIMIT_CORE", soft: 0, hard: 0}]' \
		'[{type: "RLIMIT_CORE", soft: 2, hard: 1}]'; do
		program true -- ".process.rlimits = $l"
		rt run -b "$BUNDLE" "$ID"
		refused rlimits
		known_deviation runc "accepts a duplicate"
	done
}

@test "P12: a limit above the caller's hard limit is refused" {
	! has cap_sys_resource || skip "requires: no cap_sys_resource"
	ulimit -n 4096
	program true -- '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 4096, hard: 1000000}]'
	rt run -b "$BUNDLE" "$ID"
	refused RLIMIT_NOFILE
}

@test "P13: oomScoreAdj" {
	program cat /proc/self/oom_score_adj -- '.process.oomScoreAdj = 321'
	runs
	prints 321
}

@test "P13: oomScoreAdj out of range" {
	for n in -1001 1001; do
		program true -- ".process.oomScoreAdj = $n"
		rt run -b "$BUNDLE" "$ID"
		refused oomScoreAdj
	done
}

@test "P13: an oomScoreAdj that may not be lowered" {
	! has cap_sys_resource || skip "requires: no cap_sys_resource"
	stiva_only
	program true -- '.process.oomScoreAdj = -900'
	rt run -b "$BUNDLE" "$ID"
	refused oomScoreAdj
}

@test "P16: scheduler" {
	known_deviation crun "1.8 has none"
	known_deviation runc "1.1 has none"
	program probe sched -- '.process.scheduler = {policy: "SCHED_BATCH", nice: 7}'
	runs
	line "policy 3"
	line "nice 7"
}

@test "P16: a field that does not belong to the policy is refused" {
	stiva_only
	for s in '{policy: "SCHED_OTHER", priority: 5}' '{policy: "SCHED_NONESUCH"}' '{nice: 1}' \
		'{policy: "SCHED_OTHER", nice: 40}' '{policy: "SCHED_OTHER", runtime: 5}'; do
		program true -- ".process.scheduler = $s"
		rt run -b "$BUNDLE" "$ID"
		refused process.scheduler
	done
}

@test "P17 R25: ioPriority" {
	known_deviation crun "1.8 has none"
	known_deviation runc "1.1 has none"
	program probe sched -- '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 6}'
	runs
	line "ioprio $((2 << 13 | 6))"
}

@test "L07: personality" {
	known_deviation runc "1.1 has none"
	program probe personality -- '.linux.personality = {domain: "LINUX32"}'
	runs
	prints 8
}

@test "L07: exec has the container's personality" {
	known_deviation runc "1.1 has none"
	known_deviation crun "1.8 does not"
	program probe wait -- '.linux.personality = {domain: "LINUX32"}'
	starts
	ok exec "$ID" probe personality
	prints 8
}

@test "L07 R10: LINUX and LINUX32, set before a filter that forbids the call; exec inherits it" {
	known_deviation runc "1.1 has none"
	known_deviation crun "1.21 does not in exec"
	for domain in LINUX:0 LINUX32:8; do
		program probe wait -- ".linux.personality = {domain: \"${domain%:*}\", flags: []}" '.linux.seccomp = {
			defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["personality"], action: "SCMP_ACT_ERRNO"}]}'
		starts
		for who in "$(pid_of)" exec; do
			[ "$who" != exec ] || ok exec -d --pid-file "$WORK/pid" "$ID" sleep 100
			[ "$who" != exec ] || who=$(<"$WORK/pid")
			is "$((0x$(<"/proc/$who/personality")))" "${domain#*:}" "$domain"
		done
		ok delete --force "$ID"
	done
}

@test "L07: uname is that of the domain" {
	[ "$(uname -m)" = x86_64 ] || skip "this machine is no x86_64"
	known_deviation runc "1.1 has none"
	program uname -m -- '.linux.personality = {domain: "LINUX32"}'
	runs
	prints i686
}

@test "L07: flags and other domains are refused" {
	known_deviation crun "drops the flags"
	known_deviation runc "drops the flags"
	for p in '{domain: "LINUX", flags: ["ADDR_NO_RANDOMIZE"]}' '{domain: "BSD"}' '{flags: []}'; do
		program true -- ".linux.personality = $p"
		rt run -b "$BUNDLE" "$ID"
		refused linux.personality
	done
}

# The policy of the shell's own mapping, as the kernel names it.
POLICY='head -n 1 /proc/self/numa_maps | cut -d" " -f2'
with_numa() {
	[ -e /proc/self/numa_maps ] || skip "this kernel has no numa_maps"
	known_deviation runc "1.1 has no memoryPolicy"
	known_deviation crun "1.21 has no memoryPolicy"
}

@test "L08: every mode and flag of a memory policy that this kernel has" {
	with_numa
	while IFS='|' read -r policy want; do
		script "$POLICY" ".linux.memoryPolicy = $policy"
		runs
		is "${output%% *}" "$want" "$policy"
	done <<-'END'
		{mode: "MPOL_DEFAULT"}|default
		{mode: "MPOL_DEFAULT", nodes: ""}|default
		{mode: "MPOL_LOCAL"}|local
		{mode: "MPOL_BIND", nodes: "0"}|bind:0
		{mode: "MPOL_INTERLEAVE", nodes: "0"}|interleave:0
		{mode: "MPOL_PREFERRED", nodes: "0"}|prefer:0
		{mode: "MPOL_PREFERRED"}|local
		{mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"]}|bind=static:0
		{mode: "MPOL_PREFERRED", nodes: "0", flags: ["MPOL_F_RELATIVE_NODES"]}|prefer=relative:0
	END
	script 'sed -n "1s/ file.*//p; 1q" /proc/self/numa_maps | cut -d" " -f2-' '.linux.memoryPolicy = {mode: "MPOL_PREFERRED_MANY", nodes: "0"}'
	runs
	shows "prefer (many):0"
	[ ! -e /sys/kernel/mm/mempolicy/weighted_interleave ] || {
		config '.linux.memoryPolicy = {mode: "MPOL_WEIGHTED_INTERLEAVE", nodes: "0"}'
		runs
		shows "weighted interleave:0"
		config '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_NUMA_BALANCING"]}'
		runs
		shows "bind=balancing:0"
	}
}

@test "L08: exec has the container's memory policy" {
	with_numa
	program probe wait -- '.linux.memoryPolicy = {mode: "MPOL_PREFERRED", nodes: "0", flags: ["MPOL_F_RELATIVE_NODES"]}'
	starts
	ok exec "$ID" sh -c "$POLICY"
	prints "prefer=relative:0"
}

@test "L08: a policy that is not consistent is refused, in words that callers know" {
	with_numa
	while IFS='|' read -r policy want; do
		program true -- ".linux.memoryPolicy = $policy"
		rt run -b "$BUNDLE" "$ID"
		refused linux.memoryPolicy "$want"
	done <<-'END'
		{}|invalid memory policy
		{nodes: "0-7"}|invalid memory policy mode
		{mode: "INTERLEAVE", nodes: "0"}|invalid memory policy
		{mode: "MPOL_PREFERRED", nodes: "0", flags: ["MPOL_F_RELATIVE_NODES", "badflag"]}|invalid memory policy flag
		{mode: "MPOL_DEFAULT", nodes: "0-7"}|mode requires 0 nodes but got 8
		{mode: "MPOL_BIND", nodes: "0-9876543210", flags: []}|invalid memory policy node
		{mode: "MPOL_PREFERRED", nodes: "bad"}|invalid memory policy node
		{mode: "MPOL_PREFERRED", nodes: "10284838"}|invalid memory policy node
		{mode: "MPOL_INTERLEAVE"}|MPOL_INTERLEAVE
		{mode: "MPOL_PREFERRED", nodes: "0", flags: ["MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"]}|flags
		{mode: "MPOL_PREFERRED", flags: ["MPOL_F_NUMA_BALANCING"]}|flags
		{mode: "MPOL_LOCAL", nodes: "0"}|nodes
	END
}

@test "P18 R25: an exec has the io priority of its process, and an affinity only where one is asked for" {
	stiva_only
	program probe wait -- '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 6}'
	starts
	ok exec "$ID" probe sched
	line "ioprio $((2 << 13 | 6))"
	all=$(sed -n 's/^cpus //p' "$OUT")
	# more cpus than fit into a cpu_set_t are a list like any other
	for cpus in "0 0" "0-2047 $all"; do
		want=${cpus#* } cpus=${cpus%% *}
		config ".process.execCPUAffinity = {initial: \"$cpus\"}" ".process.args = [\"probe\", \"sched\"]"
		jq .process "$BUNDLE/config.json" >"$WORK/process.json"
		ok exec --process "$WORK/process.json" "$ID"
		line "cpus $want"
	done
}

@test "P18 R25: exec with a cpu affinity" {
	stiva_only
	program probe wait -- '.process.execCPUAffinity = {final: "0"}'
	starts
	ok exec "$ID" probe sched
	line "cpus 0"
}

@test "R20: signals are as at boot" {
	known_deviation crun "leaves what its caller ignores ignored (crun 2058)"
	program probe sigstate
	trap '' PIPE INT QUIT
	runs
	trap - PIPE INT QUIT
	is "$(sed 's/.*\t//' "$OUT" | sort -u)" 0000000000000000
}
