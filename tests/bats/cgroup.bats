#!/usr/bin/env bats
# cgroups: where they are, limits (with the controllers), delegation, unified.
# requires: root cgroup2
# parallel: yes
load helpers

# value FILE: a file of the container's cgroup as the host sees it
value() { cat "$(cgroup_of)/$1"; }

@test "an absolute cgroupsPath is below the cgroup mount, missing parents are made" {
	program probe wait -- '.linux.cgroupsPath = "/\(env.ID)-a/b/c"'
	starts
	is "$(<"$CG/$ID-a/b/c/cgroup.procs")" "$(pid_of)"
	ok delete --force "$ID"
	[ ! -d "$CG/$ID-a/b/c" ]
	rmdir "$CG/$ID-a/b" "$CG/$ID-a" 2>/dev/null || true
}

@test "a relative cgroupsPath is stable" {
	program probe wait -- '.linux.cgroupsPath = "\(env.ID)-rel/x"'
	starts
	one=$(find "$CG" -type d -path "*/$ID-rel/x")
	[ -n "$one" ]
	ok delete --force "$ID"
	starts
	is "$(find "$CG" -type d -path "*/$ID-rel/x")" "$one"
	ok delete --force "$ID"
	find "$CG" -depth -type d -name "$ID-rel" -exec rmdir {} +
}

@test "init is in the cgroup from its first instruction" {
	script 'cat /proc/self/cgroup | grep ^0:' "$(without_ns cgroup)" \
		'.mounts |= map(select(.type != "cgroup"))' '.linux.cgroupsPath = "/\(env.ID)-own"'
	runs
	[[ $output == *"$ID-own"* ]]
}

@test "a cgroup in use is refused" {
	known_deviation crun "1.8 joins it"
	known_deviation runc "1.1 only warns"
	program probe wait -- '.linux.cgroupsPath = "/\(env.ID)-c"'
	starts
	rt create -b "$BUNDLE" "$ID-2"
	KEPT=1 refused cgroup
	is "$(status_of)" running
	[ ! -e "$ROOT/$ID-2" ]
}

@test "a frozen cgroup is refused" {
	known_deviation crun "hangs"
	known_deviation runc "1.1 hangs or warns"
	program true -- '.linux.cgroupsPath = "/\(env.ID)-f"'
	mkdir "$CG/$ID-f"
	echo 1 >"$CG/$ID-f/cgroup.freeze"
	DEADLINE=10 rt run -b "$BUNDLE" "$ID"
	KEPT=1 refused frozen
	rmdir "$CG/$ID-f"
}

@test "the mounted cgroup is the container's own" {
	script 'cat /sys/fs/cgroup/cgroup.procs | head -n 1; mkdir /sys/fs/cgroup/x 2>&1'
	rt run -b "$BUNDLE" "$ID"
	line 1
	shows "Read-only file system"
}

@test "the host's cgroup mount options are as before" {
	before=$(grep ' - cgroup2 ' /proc/self/mountinfo)
	program true
	runs
	program true -- "$(without_ns cgroup)"
	runs
	is "$(grep ' - cgroup2 ' /proc/self/mountinfo)" "$before"
}

@test "a writable cgroup is delegated to the container's user" {
	program probe wait -- '.process.user = {uid: 1000, gid: 1000}' \
		'(.mounts[] | select(.destination == "/sys/fs/cgroup") | .options) = ["nosuid", "noexec", "nodev"]'
	known_deviation crun "other rules"
	known_deviation runc "only with systemd"
	starts
	is "$(stat -c %u "$(cgroup_of)" "$(cgroup_of)/cgroup.procs" "$(cgroup_of)/cgroup.subtree_control" | xargs)" "1000 1000 1000"
	is "$(stat -c %u "$(cgroup_of)/cgroup.freeze")" 0
}

@test "a read-only cgroup is not delegated" {
	program probe wait -- '.process.user = {uid: 1000, gid: 1000}'
	starts
	is "$(stat -c %u "$(cgroup_of)/cgroup.procs")" 0
}

@test "unified values are written as they are" {
	program probe wait -- '.linux.resources.unified = {"cgroup.max.descendants": "5"}'
	rt create -b "$BUNDLE" "$ID"
	if is_stiva; then refused unified; else [ "$status" != 0 ] || is "$(value cgroup.max.descendants)" 5; fi
}

@test "a unified file that is not there is refused" {
	program true -- '.linux.resources.unified = {"nonesuch.max": "5"}'
	rt run -b "$BUNDLE" "$ID"
	refused nonesuch.max
}

@test "--cgroup-manager disabled makes none" {
	known_deviation runc "has no such option"
	stiva_only
	program probe wait
	rt --cgroup-manager disabled run -d -b "$BUNDLE" "$ID"
	exits 0
	is "$(cgroup_of)" ""
	ok kill "$ID" KILL
	stopped
	ok delete "$ID"
	absent
}

@test "memory limits" {
	requires cgroup_memory
	program probe wait -- '.linux.resources.memory = {limit: 104857600, reservation: 52428800, swap: 157286400}'
	starts
	is "$(value memory.max)" 104857600
	is "$(value memory.low)" 52428800
	[ ! -e "$(cgroup_of)/memory.swap.max" ] || is "$(value memory.swap.max)" 52428800
}

@test "unlimited memory" {
	requires cgroup_memory
	known_deviation crun "does not lift the swap limit"
	program probe wait -- '.linux.resources.memory = {limit: -1}'
	starts
	is "$(value memory.max)" max
}

@test "cpu limits" {
	requires cgroup_cpu
	program probe wait -- '.linux.resources.cpu = {shares: 1024, quota: 50000, period: 200000}'
	starts
	is "$(value cpu.max)" "50000 200000"
	if is_stiva; then is "$(value cpu.weight)" 100; fi
}

@test "cpu: quota alone, period alone, no limit" {
	requires cgroup_cpu
	for t in '{quota: 30000}=30000 100000' '{period: 50000}=max 50000' '{quota: -1}=max 100000'; do
		program probe wait -- ".linux.resources.cpu = ${t%%=*}"
		starts
		is "$(value cpu.max)" "${t#*=}"
		ok delete --force "$ID"
	done
}

@test "cpu.shares as cpu.weight" {
	requires cgroup_cpu
	known_deviation crun "1.21 has the linear formula or rounds otherwise"
	known_deviation runc "1.1 has the linear formula"
	for t in 2=1 3=2 10=4 256=35 1000=99 1024=100 65536=3023 262144=10000; do
		program probe wait -- ".linux.resources.cpu.shares = ${t%=*}"
		starts
		is "$(value cpu.weight)" "${t#*=}"
		ok delete --force "$ID"
	done
}

@test "cpu burst and idle" {
	requires cgroup_cpu
	known_deviation runc "1.1 has none"
	program probe wait -- '.linux.resources.cpu = {quota: 50000, period: 100000, burst: 10000}'
	starts
	is "$(value cpu.max.burst)" 10000
	ok delete --force "$ID"
	program probe wait -- '.linux.resources.cpu.idle = 1'
	starts
	is "$(value cpu.idle)" 1
}

@test "cpuset" {
	requires cgroup_cpuset
	program probe sched -- '.linux.resources.cpu = {cpus: "0", mems: "0"}'
	runs
	line "cpus 0"
}

@test "pids: a number, no limit, zero" {
	requires cgroup_pids
	for t in 17=17 -1=max; do
		program probe wait -- ".linux.resources.pids.limit = ${t%=*}"
		starts
		is "$(value pids.max)" "${t#*=}"
		ok delete --force "$ID"
	done
	known_deviation crun "0 is no limit"
	known_deviation runc "0 is no limit or 1"
	program probe wait -- '.linux.resources.pids.limit = 0'
	starts
	is "$(value pids.max)" 0
}

@test "the pids limit holds" {
	requires cgroup_pids
	script 'for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done 2>/tmp/e; grep -c fork /tmp/e' '.linux.resources.pids.limit = 5'
	DEADLINE=10 rt run -b "$BUNDLE" "$ID"
	[ "$status" != 124 ]
}

@test "io weight and limits" {
	requires cgroup_io
	program probe wait -- '.linux.resources.blockIO = {weight: 500}'
	rt run -d -b "$BUNDLE" "$ID"
	if [ "$status" = 0 ] && [ -e "$(cgroup_of)/io.weight" ]; then
		is "$(value io.weight)" "default 4950"
	fi
}

@test "a program beyond its memory limit is ended, its container is stopped" {
	requires cgroup_memory
	script 'head -c 200000000 /dev/zero | tail >/dev/null; echo "status $?"' '.linux.resources.memory = {limit: 20000000, swap: 20000000}'
	rt run -b "$BUNDLE" "$ID"
	shows_not "status 0"
	absent
}

@test "a memory limit in which nothing can start is a clear error" {
	requires cgroup_memory
	program true -- '.linux.resources.memory = {limit: 4096, swap: 4096}'
	rt run -b "$BUNDLE" "$ID"
	if is_stiva; then [ "$status" = 137 ] || refused memory; fi
}

@test "values of v1 that v2 has not are refused, their defaults are not" {
	known_deviation runc "ignores them"
	program true -- '.linux.resources.memory = {kernel: 10000000}'
	rt run -b "$BUNDLE" "$ID"
	refused memory
	stiva_only
	program true -- '.linux.resources.memory = {disableOOMKiller: false, kernel: -1}' '.linux.resources.cpu = {shares: 0, quota: 0}' \
		'.linux.resources.blockIO = {weight: 0}'
	runs
}

@test "exec is in the container's cgroup" {
	program probe wait
	starts
	ok exec -d --pid-file "$WORK/pid" "$ID" probe hang 0
	grep -qx "$(<"$WORK/pid")" "$(cgroup_of)/cgroup.procs"
}
