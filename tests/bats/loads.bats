#!/usr/bin/env bats
# Limits under real load: what the kernel does with what create and update wrote.
# requires: root cgroup2
load helpers

dir() { find "$CG" -type d -name "${1:-$ID}" | head -n 1; }
value() { cat "$(dir "${2:-$ID}")/$1"; }
key() { sed -n "s/^$1 //p" "$(dir "${3:-$ID}")/$2"; }
updates() { ok update "$@" "$ID"; }
update_with() { rt update -r - "$ID" <<<"$1"; }
now() { date +%s%6N; }
# lies NUMBER FROM TO WHAT
lies() { [ "$1" -ge "$2" ] && [ "$1" -le "$3" ] || fail "$4: $1 is not between $2 and $3"; }
# share SECONDS: what the container gets of one CPU in that time, in thousandths
share() {
	local from to t0 t1
	from=$(key usage_usec cpu.stat) t0=$(now)
	sleep "$1" # the time is what is measured
	to=$(key usage_usec cpu.stat) t1=$(now)
	echo $(((to - from) * 1000 / (t1 - t0)))
}

@test "C06 V01: a quota of CPU time holds within 5 %, and a new one from its update on" {
	requires cgroup_cpu
	program probe burn 0 -- '.linux.resources.cpu = {quota: 20000, period: 100000}'
	starts
	lies "$(share 10)" 190 210 "quota of 20 %"
	updates --cpu-quota 50000 --cpu-period 100000
	lies "$(share 10)" 475 525 "quota of 50 %"
	[ "$(key nr_throttled cpu.stat)" -gt 100 ]
}

@test "R37 V07: weights 100 and 300 share one CPU 1 to 3, and an idle container gets next to nothing" {
	requires cgroup_cpu
	local a b
	program probe burn 0 -- '.linux.resources.unified = {"cpu.weight": "300"}'
	starts
	first=$(dir)
	program probe burn 0 -- '.linux.resources.cpu.shares = 1024' 'del(.linux.cgroupsPath)'
	ok run -d -b "$BUNDLE" "$ID-b"
	is "$(value cpu.weight) $(value cpu.weight "$ID-b")" "300 100"
	ratio() {
		a=$(key usage_usec cpu.stat) b=$(key usage_usec cpu.stat "$ID-b")
		sleep "$1"
		echo $((($(key usage_usec cpu.stat) - a) * 100 / ($(key usage_usec cpu.stat "$ID-b") - b + 1)))
	}
	lies "$(ratio 10)" 285 315 "300 to 100"
	ok update --cpu-idle 1 "$ID-b"
	[ "$(ratio 3)" -gt 1000 ]
	ok update --cpu-idle 0 "$ID-b"
	is "$(value cpu.weight "$ID-b")" 100
	ok delete --force "$ID-b"
}

@test "C05 V20 V31: whoever grows past the memory limit is killed, and the others live" {
	requires cgroup_memory
	program probe eat 67108864 -- '.linux.resources.memory = {limit: 33554432, swap: 33554432}'
	starts "killed 9"
	is "$(key oom_kill memory.events)" 1
	is "$(status_of)" running
	lies "$(value memory.peak)" 30000000 33554432 "the most that it had"
	# with more room the same fits
	updates --memory 128M --memory-swap 128M
	ok exec -d "$ID" probe eat 67108864
	grown() { [ "$(value memory.current)" -gt 67108864 ]; }
	wait_for grown
	is "$(key oom_kill memory.events)" 1
	# a limit below what is in use, with a group: all of it
	update_with '{"unified": {"memory.oom.group": "1"}}'
	exits 0
	updates --memory 24M --memory-swap 24M
	stopped
}

@test "V21 U105: memory that moves into swap by an update, and back, never finds less room than before and afterwards" {
	requires cgroup_memory
	[ "$(awk '/^SwapFree/ { print $2 }' /proc/meminfo)" -gt 200000 ] || skip "requires: vm"
	known_deviation crun "one order for all"
	known_deviation runc "one order for all"
	program probe keep /bin/probe 16777216 4096 -- '.linux.resources.memory = {limit: 25165824, swap: 25165824}'
	starts
	for sizes in "12M 64M" "40M 40M" "10M 48M" "24M 24M"; do
		updates --memory "${sizes% *}" --memory-swap "${sizes#* }"
		is "$(status_of) $(key oom_kill memory.events)" "running 0" "$sizes"
	done
	[ "$(value memory.swap.current)" -gt 0 ] || [ "$(value memory.current)" -gt 16000000 ]
}

@test "V30: a limit below the page cache takes the cache and kills nobody" {
	requires cgroup_memory
	program probe keep /big 1048576 4194304 -- '.linux.resources.memory = {limit: 134217728}'
	head -c 67108864 /dev/zero >"$BUNDLE/rootfs/big"
	sync "$BUNDLE/rootfs/big"
	starts
	stat -f -c %T "$BUNDLE"
	before=$(value memory.current)
	updates --memory 24M
	lies "$(value memory.current)" 1 $((24 << 20)) "after, from $before"
	is "$(key oom_kill memory.events) $(status_of)" "0 running"
}

@test "C10 V50: the limit of tasks refuses the fork" {
	requires cgroup_pids
	script 'probe forks 9; probe wait' '.linux.resources.pids.limit = 5'
	starts
	# the shell, the probe, and three of its children (the shell becomes the last command)
	line "forked 3 EAGAIN"
	[ "$(key max pids.events)" -ge 1 ]
	updates --pids-limit 30
	ok exec "$ID" probe forks 9
	prints "forked 9 ok"
	updates --pids-limit 7
	ok exec "$ID" probe forks 9
	prints "forked 5 EAGAIN"
	updates --pids-limit -1
	ok exec "$ID" probe forks 99
	prints "forked 99 ok"
}

@test "C07 V43 V44: bytes and operations per second of a disk hold for direct I/O" {
	requires cgroup_io
	[ -b /dev/vdb ] || skip "requires: vm"
	local ms scratch
	scratch=$(mktemp -d "$TOP/build/loads.XXXXXX") # on the disk; the temporary folder may be none
	export SCRATCH=$scratch
	a=$(stat -c '%Hr:%Lr' /dev/vda) b=$(mountpoint -d "$TOP")
	dev() { printf '[{"major": %s, "minor": %s, "rate": %s}]' "${1%:*}" "${1#*:}" "$2"; }
	timed() {
		ok exec "$ID" probe direct "$@"
		ms=${output#ms }
	}
	program probe wait -- "$(add_mount '{destination: "/mnt", type: "bind", source: env.SCRATCH, options: ["bind"]}')" \
		".linux.devices = [{type: \"b\", path: \"/dev/vda\", major: ${a%:*}, minor: ${a#*:}}]" \
		".linux.resources.blockIO = {throttleReadBpsDevice: $(dev "$a" 2097152), throttleWriteIOPSDevice: $(dev "$b" 40)}"
	starts
	timed r /dev/vda 6291456 65536
	lies "$ms" 2700 4000 "6 MiB read at 2 MiB a second"
	timed w /mnt/file 491520 4096
	lies "$ms" 2700 4000 "120 writes at 40 a second"
	update_with "{\"blockIO\": {\"throttleReadBpsDevice\": $(dev "$a" 0), \"throttleReadIOPSDevice\": $(dev "$a" 30),
		\"throttleWriteIOPSDevice\": $(dev "$b" 0), \"throttleWriteBpsDevice\": $(dev "$b" 1048576)}}"
	exits 0
	timed r /dev/vda 3932160 65536
	lies "$ms" 1700 2800 "60 reads at 30 a second"
	timed w /mnt/file 3145728 65536
	lies "$ms" 2700 4000 "3 MiB written at 1 MiB a second"
	update_with "{\"blockIO\": {\"throttleReadIOPSDevice\": $(dev "$a" 0), \"throttleWriteBpsDevice\": $(dev "$b" 0)}}"
	exits 0
	is "$(value io.max)" ""
	timed r /dev/vda 6291456 65536
	lies "$ms" 0 1500 "without a limit"
	ok delete --force "$ID"
	rm -r "$scratch"
}

@test "C08 V53: the limit of huge pages refuses the reservation, and follows its update" {
	requires cgroup_hugetlb cgroup_memory
	local pages=/proc/sys/vm/nr_hugepages
	echo 8 >$pages
	[ "$(<$pages)" = 8 ] || fail "no huge pages here: $(<$pages)"
	program probe wait -- '.linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 4194304}]'
	starts
	ok exec "$ID" probe hugepages 4
	prints "got 2 ENOMEM"
	update_with '{"hugepageLimits": [{"pageSize": "2MB", "limit": 8388608}]}'
	exits 0
	is "$(value hugetlb.2MB.max) $(value hugetlb.2MB.rsvd.max)" "8388608 8388608"
	ok exec "$ID" probe hugepages 4
	prints "got 4 ok"
	ok delete --force "$ID"
	echo 0 >$pages
}

@test "V09: a running program goes to the CPU that update names" {
	requires cgroup_cpuset
	[ "$(nproc)" -ge 2 ] || skip "requires: vm"
	program probe burn -- '.linux.resources.cpu.cpus = "0"'
	starts
	pid=$(pid_of)
	allowed() { sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$pid/status"; }
	on() { [ "$(awk '{ print $39 }' "/proc/$pid/stat")" = "$1" ]; }
	is "$(allowed)" 0
	for cpu in 1 0 1; do
		updates --cpuset-cpus $cpu
		is "$(allowed)" $cpu
		wait_for on $cpu
	done
	update_with '{"cpu": {"cpus": ""}}'
	exits 0
	is "$(allowed)" "$(cat $CG/cpuset.cpus.effective)"
}

@test "U105: a thousand random updates of a loaded container" {
	requires cgroup_memory cgroup_cpu cgroup_pids cgroup_cpuset cgroup_io cgroup_hugetlb
	stiva_only
	program probe keep /big 16777216 8388608 -- '.linux.resources = {memory: {limit: 268435456, swap: 536870912},
		cpu: {quota: 90000, period: 100000}, pids: {limit: 100}}'
	head -c 33554432 /dev/zero >"$BUNDLE/rootfs/big"
	starts
	ok exec -d "$ID" probe burn
	timeout 240 "$TOP/tests/bats/storm" "$RUNTIME" "$ROOT" "$ID" "$(dir)" "${SEED:-4}" "${STORM:-1000}" >"$WORK/said" 2>&1 ||
		fail "$(<"$WORK/said")"
	is "$(<"$WORK/said")" "${STORM:-1000} updates"
	is "$(key oom_kill memory.events) $(status_of)" "0 running"
}

# resize_points WHAT STEP: at each STEPth system call; they are slow, since a resize waits for memory
resize_points() {
	STIVA_POINTS_INSIDE=1 STEP=$2 timeout 280 "$TOP/tests/faults/kill-points" "$RUNTIME" "resize=$1" >"$WORK/said" 2>&1 ||
		fail "$(tail -n 30 "$WORK/said")"
	grep -E '^kill-points: [1-9][0-9]* passed, 0 failed' "$WORK/said" || fail "$(<"$WORK/said")"
}

@test "killed at its system calls, a resize is whole or has not happened" {
	requires cgroup_memory cgroup_pids
	stiva_only
	resize_points KILL 40
}

@test "failed at its system calls, a resize is whole or has not happened" {
	requires cgroup_memory cgroup_pids
	stiva_only
	resize_points EIO 60
}

@test "U105 U104: killed or failed at its system calls, an update is whole or has not happened" {
	requires cgroup_memory cgroup_cpu cgroup_pids cgroup_cpuset cgroup_hugetlb
	stiva_only
	# all of them natively, without controllers: make kill-points
	STIVA_POINTS_INSIDE=1 STEP=16 timeout 250 "$TOP/tests/faults/kill-points" "$RUNTIME" update=KILL update=EIO >"$WORK/said" 2>&1 ||
		fail "$(tail -n 30 "$WORK/said")"
	grep -E '^kill-points: [1-9][0-9] passed, 0 failed' "$WORK/said" || fail "$(<"$WORK/said")"
}
