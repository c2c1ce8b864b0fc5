#!/usr/bin/env bats
# cgroups: where they are, limits (with the controllers), delegation, unified.
# requires: root cgroup2
# parallel: yes
load helpers

# value FILE: a file of the container's cgroup as the host sees it
value() { cat "$(cgroup_of)/$1"; }

@test "C01: an absolute cgroupsPath is below the cgroup mount, missing parents are made" {
	program probe wait -- '.linux.cgroupsPath = "/\(env.ID)-a/b/c"'
	starts
	is "$(<"$CG/$ID-a/b/c/cgroup.procs")" "$(pid_of)"
	ok delete --force "$ID"
	[ ! -d "$CG/$ID-a/b/c" ]
	rmdir "$CG/$ID-a/b" "$CG/$ID-a" 2>/dev/null || true
}

@test "C01: a relative cgroupsPath is stable" {
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

@test "C18: init is in the cgroup from its first instruction" {
	script 'cat /proc/self/cgroup | grep ^0:' "$(without_ns cgroup)" \
		'.mounts |= map(select(.type != "cgroup"))' '.linux.cgroupsPath = "/\(env.ID)-own"'
	runs
	[[ $output == *"$ID-own"* ]]
}

@test "C02: a cgroup in use is refused" {
	known_deviation crun "1.8 joins it"
	known_deviation runc "1.1 only warns"
	program probe wait -- '.linux.cgroupsPath = "/\(env.ID)-c"'
	starts
	rt create -b "$BUNDLE" "$ID-2"
	KEPT=1 refused "container's cgroup is not empty"
	is "$(status_of)" running
	[ ! -e "$ROOT/$ID-2" ]
}

@test "C02: a frozen cgroup is refused" {
	known_deviation crun "hangs"
	known_deviation runc "1.1 hangs or warns"
	program true -- '.linux.cgroupsPath = "/\(env.ID)-f"'
	mkdir "$CG/$ID-f"
	echo 1 >"$CG/$ID-f/cgroup.freeze"
	DEADLINE=10 rt run -b "$BUNDLE" "$ID"
	KEPT=1 refused "container's cgroup unexpectedly frozen"
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

@test "C13: a writable cgroup is delegated to the container's user" {
	program probe wait -- '.process.user = {uid: 1000, gid: 1000}' \
		'(.mounts[] | select(.destination == "/sys/fs/cgroup") | .options) = ["nosuid", "noexec", "nodev"]'
	known_deviation crun "other rules"
	known_deviation runc "only with systemd"
	starts
	is "$(stat -c %u "$(cgroup_of)" "$(cgroup_of)/cgroup.procs" "$(cgroup_of)/cgroup.subtree_control" | xargs)" "1000 1000 1000"
	is "$(stat -c %u "$(cgroup_of)/cgroup.freeze")" 0
}

@test "C13: a read-only cgroup is not delegated" {
	program probe wait -- '.process.user = {uid: 1000, gid: 1000}'
	starts
	is "$(stat -c %u "$(cgroup_of)/cgroup.procs")" 0
}

@test "C12: unified values are written as they are" {
	program probe wait -- '.linux.resources.unified = {"cgroup.max.descendants": "5"}'
	rt create -b "$BUNDLE" "$ID"
	if is_stiva; then refused unified; else [ "$status" != 0 ] || is "$(value cgroup.max.descendants)" 5; fi
}

@test "C12: a unified file that is not there is refused" {
	program true -- '.linux.resources.unified = {"nonesuch.max": "5"}'
	rt run -b "$BUNDLE" "$ID"
	refused nonesuch.max
}

@test "C17 R43: --cgroup-manager disabled makes none" {
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

@test "C05 V20 V21 V27: memory limits" {
	requires cgroup_memory
	program probe wait -- '.linux.resources.memory = {limit: 104857600, reservation: 52428800, swap: 157286400}'
	starts
	is "$(value memory.max)" 104857600
	is "$(value memory.low)" 52428800
	[ ! -e "$(cgroup_of)/memory.swap.max" ] || is "$(value memory.swap.max)" 52428800
}

@test "V24 V25 R39: unlimited memory" {
	requires cgroup_memory
	known_deviation crun "does not lift the swap limit"
	program probe wait -- '.linux.resources.memory = {limit: -1}'
	starts
	is "$(value memory.max)" max
	[ ! -e "$(cgroup_of)/memory.swap.max" ] || is "$(value memory.swap.max)" max
	ok delete --force "$ID"
	program probe wait -- '.linux.resources.memory = {limit: -1, swap: 20971520}'
	starts
	[ ! -e "$(cgroup_of)/memory.swap.max" ] || is "$(value memory.swap.max)" 20971520
}

@test "C06 V01: cpu limits" {
	requires cgroup_cpu
	program probe wait -- '.linux.resources.cpu = {shares: 1024, quota: 50000, period: 200000}'
	starts
	is "$(value cpu.max)" "50000 200000"
	if is_stiva; then is "$(value cpu.weight)" 100; fi
}

@test "V02 V03 V04 R42: cpu: quota alone, period alone, no limit" {
	requires cgroup_cpu
	for t in '{quota: 30000}=30000 100000' '{period: 50000}=max 50000' '{quota: -1}=max 100000'; do
		program probe wait -- ".linux.resources.cpu = ${t%%=*}"
		starts
		is "$(value cpu.max)" "${t#*=}"
		ok delete --force "$ID"
	done
}

@test "R37 C06: cpu.shares as cpu.weight" {
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

@test "V06 V07: cpu burst and idle" {
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

@test "V09: cpuset" {
	requires cgroup_cpuset
	program probe sched -- '.linux.resources.cpu = {cpus: "0", mems: "0"}'
	runs
	line "cpus 0"
}

@test "C10 V50 V51 V52 R38: pids: a number, no limit, zero" {
	requires cgroup_pids
	for t in 17=17 -1=max null=max; do
		program probe wait -- ".linux.resources.pids = if ${t%=*} then {limit: ${t%=*}} else null end"
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

@test "C10: the pids limit holds" {
	requires cgroup_pids
	script 'for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done 2>/tmp/e; grep -c fork /tmp/e' '.linux.resources.pids.limit = 5'
	DEADLINE=10 rt run -b "$BUNDLE" "$ID"
	[ "$status" != 124 ]
}

@test "C07 V40: io weight and limits" {
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

@test "V28: values of v1 that v2 has not are refused, their defaults are not" {
	known_deviation runc "ignores them"
	program true -- '.linux.resources.memory = {kernel: 10000000}'
	rt run -b "$BUNDLE" "$ID"
	refused memory
	stiva_only
	program true -- '.linux.resources.memory = {disableOOMKiller: false, kernel: -1}' '.linux.resources.cpu = {shares: 0, quota: 0}' \
		'.linux.resources.blockIO = {weight: 0}'
	runs
}

@test "C18: exec is in the container's cgroup" {
	program probe wait
	starts
	ok exec -d --pid-file "$WORK/pid" "$ID" probe hang 0
	grep -qx "$(<"$WORK/pid")" "$(cgroup_of)/cgroup.procs"
}

@test "C01: an invalid cgroupsPath is refused" {
	stiva_only
	for path in / /a/../b /a//b a/./b "/$ID"$'\n'x; do
		export path
		program true -- '.linux.cgroupsPath = env.path'
		rt run -b "$BUNDLE" "$ID"
		refused linux.cgroupsPath
	done
}

@test "C01: without a cgroupsPath it is a sibling of the caller's, named by the id" {
	known_deviation crun "below the root"
	program probe wait -- 'del(.linux.cgroupsPath)'
	starts
	own=$(sed -n 's/^0:://p' /proc/self/cgroup)
	is "$(cgroup_of)" "$CG$(dirname "$own" | sed 's,/$,,')/$ID"
}

@test "C04: the device filter holds; without rules the devices of the config pass" {
	[ -e /dev/fuse ] || skip "requires: /dev/fuse"
	script 'mknod /fuse c 10 229; mknod /null2 c 1 3; : </null2 && echo null; (: </fuse) 2>/dev/null && echo fuse
		echo end' '.linux.resources.devices = [{allow: false, access: "rwm"}]' "$ALL_CAPS"
	runs
	line null
	shows_not fuse
	config '.linux.devices += [{path: "/dev/fuse", type: "c", major: 10, minor: 229}]' 'del(.linux.resources.devices)'
	rm "$BUNDLE/rootfs/fuse" "$BUNDLE/rootfs/null2"
	runs
	line fuse
}

@test "C04: a device rule without a type, or with an empty one, is for all" {
	known_deviation crun "refuses an empty type"
	known_deviation runc "refuses an empty type"
	program true -- '.linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "", access: "rwm"}]'
	runs
}

@test "V60 V61 V62: reading and writing are decided one by one" {
	[ -e /dev/fuse ] || skip "requires: /dev/fuse"
	known_deviation crun "takes the first rule that matches"
	known_deviation runc "allow-all with a deny of one bit lets all pass"
	try() {
		script 'mknod /fuse c 10 229; (: <>/fuse) 2>/dev/null && echo opened; echo end' \
			".linux.resources.devices = [$1]" "$ALL_CAPS"
		runs
	}
	fuse='type: "c", major: 10, minor: 229'
	try "{allow: true, access: \"rwm\"}, {allow: false, $fuse, access: \"w\"}"
	shows_not opened
	try "{allow: false, access: \"rwm\"}, {allow: true, $fuse, access: \"rwm\"}, {allow: false, $fuse, access: \"w\"}"
	shows_not opened
	try "{allow: false, access: \"rwm\"}, {allow: true, $fuse, access: \"r\"}, {allow: true, $fuse, access: \"w\"}"
	line opened
}

@test "C08 C16 V53: hugepage limits, reservations too; unknown sizes are refused with those that are" {
	requires cgroup_hugetlb
	known_deviation crun "no reservations"
	program probe wait -- '.linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 4194304}]'
	starts
	is "$(value hugetlb.2MB.max)" 4194304
	[ ! -e "$(cgroup_of)/hugetlb.2MB.rsvd.max" ] || is "$(value hugetlb.2MB.rsvd.max)" 4194304
	if is_stiva; then
		rt update -r - "$ID" <<<'{"hugepageLimits": [{"pageSize": "2MB", "limit": 2097152}]}'
		exits 0
		is "$(value hugetlb.2MB.max)" 2097152
	fi
	ok delete --force "$ID"
	for t in 3MB=2MB 2mb=pageSize ../x=pageSize 02MB=pageSize; do
		export size=${t%=*}
		program true -- '.linux.resources.hugepageLimits = [{pageSize: env.size, limit: 4194304}]'
		rt run -b "$BUNDLE" "$ID"
		refused hugepageLimits "${t#*=}"
	done
}

@test "C09 V55 V08 V42: network classes, realtime and leaf weights are refused" {
	known_deviation runc "ignores them"
	for t in '{network: {classID: 1048577}}' '{network: {priorities: [{name: "lo", priority: 3}]}}' \
		'{cpu: {realtimeRuntime: 5000}}' '{cpu: {realtimePeriod: 5000}}' '{blockIO: {leafWeight: 100}}' \
		'{blockIO: {weightDevice: [{major: 8, minor: 0, leafWeight: 100}]}}'; do
		program true -- ".linux.resources = $t"
		rt run -b "$BUNDLE" "$ID"
		refused "cgroup v2"
	done
}

@test "C07 V40 V41 V43: bad block I/O values are refused" {
	stiva_only
	for t in '{weight: 5}=10' '{weight: 1001}=10' '{weightDevice: [{major: 8, minor: 0, weight: 5000}]}=10' \
		'{throttleReadBpsDevice: [{major: 8, rate: 5}]}=minor' '{throttleWriteIOPSDevice: [{major: 5000, minor: 0, rate: 5}]}=major'; do
		program true -- ".linux.resources.blockIO = ${t%=*}"
		rt run -b "$BUNDLE" "$ID"
		refused blockIO "${t##*=}"
	done
}

@test "V43: limits of a disk; one that is none is named" {
	requires cgroup_io
	[ -b /dev/vda ] || skip "requires: vm"
	a=$(stat -c '%Hr:%Lr' /dev/vda)
	list() { printf '[{major: %s, minor: %s, rate: %s}]' "${1%:*}" "${1#*:}" "$2"; }
	program probe wait -- ".linux.resources.blockIO = {throttleReadBpsDevice: $(list "$a" 1048576), throttleWriteBpsDevice: $(list "$a" 2097152),
		throttleReadIOPSDevice: $(list "$a" 100), throttleWriteIOPSDevice: $(list "$a" 0)}"
	known_deviation crun "0 is an error of the kernel"
	known_deviation runc "0 is an error of the kernel"
	starts
	is "$(value io.max)" "$a rbps=1048576 wbps=2097152 riops=100 wiops=max"
	program true -- ".linux.resources.blockIO.throttleReadBpsDevice = $(list 250:99 5)"
	rt run -b "$BUNDLE" "$ID-2"
	KEPT=1 refused "blockIO.throttleReadBpsDevice[0]" 250:99
}

@test "C10 V50: a limit of tasks below -1 is refused" {
	stiva_only
	program true -- '.linux.resources.pids.limit = -7'
	rt run -b "$BUNDLE" "$ID"
	refused pids.limit
}

@test "C11 V54: rdma without a limit, or without a controller, is refused" {
	known_deviation crun "has no rdma"
	program true -- '.linux.resources.rdma = {"mlx5_0": {}}'
	rt run -b "$BUNDLE" "$ID"
	refused rdma
	[ ! -e $CG/rdma.stat ] && ! grep -qw rdma $CG/cgroup.controllers || return 0
	program true -- '.linux.resources.rdma = {"mlx5_0": {hcaHandles: 3}}'
	rt run -b "$BUNDLE" "$ID"
	refused rdma
}

@test "C12 V56 V31: unified: several files, the last word, and what is not there" {
	requires cgroup_memory cgroup_pids
	program probe wait -- '.linux.resources = {pids: {limit: 7}, memory: {limit: 33554432},
		unified: {"pids.max": "99", "memory.min": "131072", "memory.high": "5242880", "memory.max": "20484096", "memory.oom.group": "1"}}'
	starts
	is "$(value pids.max) $(value memory.min) $(value memory.high) $(value memory.max)" "99 131072 5242880 20484096"
	is "$(value memory.oom.group)" 1
	ok delete --force "$ID"
	program true -- '.linux.resources.unified = {"memory.DOESNTEXIST": "baz"}'
	rt run -b "$BUNDLE" "$ID"
	refused "memory.DOESNTEXIST" "no such file or directory"
}

@test "C12: unified keys that are no controller's file are refused" {
	stiva_only
	for t in 'foo.bar=the requested cgroup controller `foo` is not available' \
		'NOT-A-VALID-KEY=the specified key has not the form CONTROLLER.VALUE `NOT-A-VALID-KEY`' \
		'../memory.max=unified' 'cgroup.procs=unified' 'cgroup.freeze=unified'; do
		export key=${t%%=*}
		program true -- '.linux.resources.unified = {(env.key): "1"}'
		rt run -b "$BUNDLE" "$ID"
		refused "${t#*=}"
	done
}

@test "C13: without a new cgroup namespace nothing is delegated" {
	stiva_only
	program probe wait -- '.process.user = {uid: 1000, gid: 1000}' "$(without_ns cgroup)" \
		'(.mounts[] | select(.destination == "/sys/fs/cgroup") | .options) = ["nosuid", "noexec", "nodev"]'
	starts
	is "$(stat -c %u "$(cgroup_of)")" 0
}

@test "C14: controllers are enabled on the way down, and only for what is below" {
	requires cgroup_memory cgroup_pids cgroup_cpu
	program probe wait -- '.linux.cgroupsPath = "/\(env.ID)-a/b/c"' '.linux.resources.pids.limit = 9'
	starts
	is "$(<"$CG/$ID-a/b/c/pids.max")" 9
	for c in cpu memory pids; do
		grep -qw $c "$CG/$ID-a/cgroup.subtree_control"
		grep -qw $c "$CG/$ID-a/b/cgroup.subtree_control"
	done
	is "$(<"$CG/$ID-a/b/c/cgroup.subtree_control")" ""
	# misc and dmem too, where the host has them
	! is_stiva || is "$(<"$CG/$ID-a/b/c/cgroup.controllers")" "$(<"$CG/cgroup.controllers")"
	is "$(<"$CG/$ID-a/b/cgroup.procs")" ""
	ok delete --force "$ID"
	rmdir "$CG/$ID-a/b" "$CG/$ID-a" 2>/dev/null || true
}

@test "C14: a parent with processes of its own cannot give a controller" {
	requires cgroup_hugetlb
	stiva_only
	mkdir "$CG/$ID-p"
	background sleep 60
	echo "$JOB" >"$CG/$ID-p/cgroup.procs"
	program true -- '.linux.cgroupsPath = "/\(env.ID)-p/c"' '.linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 4194304}]'
	rt run -b "$BUNDLE" "$ID"
	KEPT=1 refused hugetlb "processes of its own"
	[ ! -e "$CG/$ID-p/c" ]
	kill -KILL "$JOB"
	gone() { rmdir "$CG/$ID-p" 2>/dev/null; }
	wait_for gone
}

@test "C14: at the root of a cgroup namespace its processes make room" {
	requires cgroup_pids
	known_deviation runc "refuses"
	known_deviation crun "other names"
	# as in a container that runs containers: it, and who calls it, are at the top
	export RUNTIME CG
	program cat /sys/fs/cgroup/pids.max -- '.linux.resources.pids.limit = 17' 'del(.linux.cgroupsPath)'
	mkdir "$CG/$ID-n"
	sh -c 'echo $$ >"$CG/$ID-n/cgroup.procs"; exec unshare --cgroup --mount sh -c "
		mount -t cgroup2 none /sys/fs/cgroup
		$RUNTIME --root $ROOT run -b $BUNDLE $ID
		cat /proc/self/cgroup"' >"$WORK/out" 2>&1
	is "$(xargs <"$WORK/out")" "17 0::/init"
	rmdir "$CG/$ID-n/init" "$CG/$ID-n"
}

@test "C15: a threaded parent is a clear error" {
	known_deviation crun "other words"
	mkdir "$CG/$ID-t" "$CG/$ID-t/in"
	echo threaded >"$CG/$ID-t/in/cgroup.type" || skip "requires: threaded cgroups"
	program true -- '.linux.cgroupsPath = "/\(env.ID)-t/in/c"'
	rt run -b "$BUNDLE" "$ID"
	KEPT=1 refused threaded
	[ ! -e "$CG/$ID-t/in/c" ]
	is "$(<"$CG/$ID-t/cgroup.type")" "domain threaded"
	program true -- '.linux.cgroupsPath = "/\(env.ID)-t/beside"'
	rt run -b "$BUNDLE" "$ID"
	KEPT=1 refused threaded
	[ ! -e "$CG/$ID-t/beside" ]
	rmdir "$CG/$ID-t/in" "$CG/$ID-t"
}

@test "C15: threaded cgroups below the container's own: every command goes on" {
	stiva_only
	program probe threaded /sys/fs/cgroup/t -- \
		'(.mounts[] | select(.destination == "/sys/fs/cgroup") | .options) = ["nosuid", "noexec", "nodev"]'
	starts
	dir=$(cgroup_of)
	is "$(<"$dir/cgroup.type") $(<"$dir/t/cgroup.type")" "domain threaded threaded"
	is "$(<"$dir/t/cgroup.threads")" "$(pid_of)"
	ok ps -f json "$ID"
	is "$(jq -c . "$OUT")" "[$(pid_of)]"
	ok exec "$ID" true
	ok exec -d --pid-file "$WORK/pid" "$ID" probe hang 0
	grep -qx "$(<"$WORK/pid")" "$dir/cgroup.procs"
	ok exec --cgroup t "$ID" grep ^0: /proc/self/cgroup
	prints "0::/t"
	update() { rt update -r - "$ID" <<<"$1"; }
	update '{"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 10, "access": "r"}]}'
	exits 0
	ok pause "$ID"
	is "$(status_of)" paused
	ok resume "$ID"
	ok events --stats "$ID"
	ok kill --all "$ID" KILL
	stopped
	ok delete "$ID"
	absent
}

@test "A06 U70: limits stand above a delegated cgroup, whatever is done inside" {
	requires cgroup_memory cgroup_pids
	stiva_only
	script 'cd /sys/fs/cgroup; cat memory.max; echo max >memory.max; mkdir -p sub; probe forks 9; probe eat 67108864' \
		'.annotations = {"run.oci.delegate-cgroup": "inner"}' \
		'.linux.resources = {memory: {limit: 33554432, swap: 33554432}, pids: {limit: 5}}' \
		'(.mounts[] | select(.destination == "/sys/fs/cgroup") | .options) = ["nosuid", "noexec", "nodev"]'
	starts "killed 9"
	line "max"
	line "forked 3 EAGAIN"
	outer=$(cgroup_of)
	is "$(<"$outer/memory.max") $(<"$outer/inner/memory.max")" "33554432 max"
	is "$(sed -n 's/^oom_kill //p' "$outer/memory.events")" 1
	# update is about the outer one, and an exec in a sub-cgroup is below it
	ok update --pids-limit 30 --memory 64M --memory-swap 64M "$ID"
	is "$(<"$outer/memory.max") $(<"$outer/inner/memory.max")" "67108864 max"
	ok exec --cgroup inner/sub "$ID" probe forks 99
	[[ $output == "forked "[12]?" EAGAIN" ]] || fail "$output"
	ok delete --force "$ID"
	absent
}

@test "C16: without its controller a limit is refused by name, and lifting one is not" {
	! grep -qw memory $CG/cgroup.controllers || skip "requires: native"
	known_deviation crun "other words"
	known_deviation runc "other words"
	program true -- '.linux.resources.memory.limit = 104857600'
	rt run -b "$BUNDLE" "$ID"
	refused linux.resources.memory.limit "controller \`memory\`"
	program true -- '.linux.resources = {memory: {limit: -1}, cpu: {quota: -1}, pids: {limit: -1}}'
	runs
}

@test "R46: the state of a container whose cgroup vanished is stopped" {
	program probe wait
	starts
	dir=$(cgroup_of)
	ok kill "$ID" KILL
	stopped
	vanishes() { rmdir "$dir" 2>/dev/null || [ ! -d "$dir" ]; }
	wait_for vanishes
	is "$(status_of)" stopped
	ok delete "$ID"
}

@test "V69: a thousand device rules" {
	stiva_only
	program probe wait -- '.linux.resources.devices = [{allow: false, access: "rwm"}] + [range(1000) | {allow: (. % 2 == 0), type: "c", major: (. % 4000), minor: 7, access: "rw"}]'
	starts
	ok exec "$ID" sh -c ': </dev/null'
}
