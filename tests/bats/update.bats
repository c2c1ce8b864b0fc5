#!/usr/bin/env bats
# update: limits changed while the container lives, all or none.
# requires: root cgroup2
# parallel: yes
load helpers

value() { cat "$(cgroup_of)/$1"; }
has_file() { [ -e "$(cgroup_of)/$1" ] || skip "requires: $1"; }
# update_with JSON: as a document on the standard input
update_with() { rt update -r - "$ID" <<<"$1"; }
updates() { ok update "$@" "$ID"; }
# A container with a few known limits, as in the suite of runc.
limited() {
	program probe wait -- '.linux.resources.memory = {limit: 33554432, reservation: 25165824}' \
		'.linux.resources.cpu = {shares: 100, quota: 500000, period: 1000000}' \
		'.linux.resources.pids = {limit: 20}' "$@"
	starts
}

@test "U100: -r FILE and -r - take a document like linux.resources" {
	requires cgroup_pids cgroup_memory
	limited
	echo '{"pids": {"limit": 33}}' >"$WORK/res"
	updates -r "$WORK/res"
	is "$(value pids.max)" 33
	updates --resources="$WORK/res"
	update_with '{"memory": {"limit": 67108864}, "pids": {"limit": 34}, "devices": null, "cpu": {}}'
	exits 0
	is "$(value memory.max) $(value pids.max)" "67108864 34"
	is "$(value memory.low) $(value cpu.max)" "25165824 500000 1000000"
	prints ""
	is "$stderr" ""
}

@test "U100: a bad document is refused before anything is written" {
	program probe wait
	starts
	for t in '' '{' '[]' '{"pids": {"limit": "x"}}' '{"memory": {"limit": -5}}' '{"pids": 1}' '{} x' \
		'{"unified": {"cgroup.procs": "1"}}' '{"unified": {"../x": "1"}}'; do
		update_with "$t"
		KEPT=1 refused
	done
	rt update -r "$WORK/nonesuch" "$ID"
	KEPT=1 refused nonesuch "no such file"
	rt update -r "$WORK" "$ID"
	KEPT=1 refused directory
	is "$(status_of)" running
}

@test "U101: every flag of runc and crun" {
	requires cgroup_memory cgroup_cpu cgroup_cpuset cgroup_pids
	limited
	updates --cpu-period 900000 --cpu-quota 600000 --cpu-share 200 --cpuset-cpus 0 --cpuset-mems 0 \
		--memory 67108864 --memory-reservation 33554432 --memory-swap 100663296 --pids-limit 10
	is "$(value cpu.max)" "600000 900000"
	is "$(value cpuset.cpus) $(value cpuset.mems)" "0 0"
	is "$(value memory.max) $(value memory.low)" "67108864 33554432"
	[ ! -e "$(cgroup_of)/memory.swap.max" ] || is "$(value memory.swap.max)" 33554432
	is "$(value pids.max)" 10
	if is_stiva; then is "$(value cpu.weight)" 29; fi
	if [ -e "$(cgroup_of)/io.bfq.weight" ] || [ -e "$(cgroup_of)/io.weight" ]; then
		updates --blkio-weight 500
	fi
}

@test "U101: burst and idle by flags" {
	requires cgroup_cpu
	known_deviation crun "has no --cpu-burst, --cpu-idle"
	limited
	updates --cpu-burst 1000
	is "$(value cpu.max.burst)" 1000
	updates --cpu-idle 1
	is "$(value cpu.idle)" 1
	updates --cpu-idle=0
	is "$(value cpu.idle)" 0
}

@test "U101: flags that cgroup v2 has no place for" {
	program probe wait
	starts
	rt update --kernel-memory 50M --kernel-memory-tcp 50M "$ID"
	exits 0
	stiva_only
	complains kernel-memory
	for t in --cpu-rt-period --cpu-rt-runtime; do
		rt update $t 1000 "$ID"
		KEPT=1 refused "cgroup v2 has no such setting"
	done
	rt update "$ID"
	KEPT=1 refused "nothing to change"
	rt update --memory "$ID"
	KEPT=1 refused "too few arguments"
}

@test "U102: units" {
	requires cgroup_memory cgroup_pids
	known_deviation crun "plain bytes only"
	limited
	for t in 64m=67108864 64M=67108864 1g=1073741824 65536k=67108864 -1=max; do
		updates --memory "${t%=*}"
		is "$(value memory.max)" "${t#*=}"
	done
	stiva_only
	for t in 64MiB=67108864 64Mb=67108864 1.5G=1610612736 1t=1099511627776 max=max; do
		updates --memory "${t%=*}"
		is "$(value memory.max)" "${t#*=}"
	done
	updates --memory 50%
	total=$(awk '/^MemTotal:/ { print $2 * 1024 }' /proc/meminfo)
	[ "$(value memory.max)" -le $((total / 2)) ]
	[ "$(value memory.max)" -gt $((total * 49 / 100)) ]
	updates --pids-limit max
	is "$(value pids.max)" max
}

@test "U102: what is no value is refused and nothing is written" {
	program probe wait
	starts
	for t in --memory=x --memory=-2 --memory=0% --memory=101% --memory=1q --pids-limit=x --cpu-quota=1k \
		--cpu-share=-1 --cpu-period=x --cpu-burst=-1 --cpu-idle=x --blkio-weight=-1 --memory-swap= \
		--memory-reservation=1x; do
		rt update "$t" "$ID"
		KEPT=1 refused
	done
	stiva_only
	for t in --cpu-idle=2 --cpu-idle=-1 --blkio-weight=5 --blkio-weight=1001 --cpu-period=1 --cpu-quota=5; do
		rt update "$t" "$ID"
		KEPT=1 refused "range"
	done
	# once told to the kernel as "max", and then no longer readable in the record
	for t in --pids-limit=-2 --pids-limit=-9223372036854775808; do
		rt update "$t" "$ID"
		KEPT=1 refused "pids-limit"
	done
	is "$(state | jq -r .status)" running
}

@test "U103: flags stand above -r, never silently below" {
	requires cgroup_memory cgroup_pids
	stiva_only
	limited
	rt update -r - --pids-limit 44 "$ID" <<<'{"pids": {"limit": 33}, "memory": {"limit": 50003968}}'
	exits 0
	is "$(value pids.max) $(value memory.max)" "44 50003968"
}

@test "U104: the limits in force are kept, and shown by state" {
	requires cgroup_memory cgroup_pids
	stiva_only
	limited
	is "$(state | jq -c .resources)" null
	updates --pids-limit 44 --memory 50003968
	is "$(state | jq -c '.resources | [.pids.limit, .memory.limit, .memory.reservation, .cpu.shares]')" \
		'[44,50003968,25165824,100]'
	updates --cpu-quota -1
	is "$(state | jq -c '.resources | [.pids.limit, .cpu.quota, .cpu.period]')" '[44,-1,1000000]'
	is "$(status_of)" running
	ok exec "$ID" true
	is "$(value pids.max)" 44
}

@test "U104 V21: swap alone counts from the memory limit in force" {
	requires cgroup_memory
	known_deviation crun "needs both"
	known_deviation runc "counts from the limit of its record"
	limited
	has_file memory.swap.max
	updates --memory 50M
	updates --memory-swap 80M
	is "$(value memory.max) $(value memory.swap.max)" "$((50 << 20)) $((30 << 20))"
	echo $((40 << 20)) >"$(cgroup_of)/memory.max"
	updates --memory-swap 80M
	is "$(value memory.swap.max)" $((40 << 20))
	# and memory alone keeps the sum
	updates --memory 60M
	is "$(value memory.max) $(value memory.swap.max)" "$((60 << 20)) $((20 << 20))"
	rt update --memory 90M "$ID"
	KEPT=1 refused memory.swap
	is "$(value memory.max) $(value memory.swap.max)" "$((60 << 20)) $((20 << 20))"
}

@test "V21 V22 V24: memory and swap together, and without limits" {
	requires cgroup_memory
	known_deviation crun "does not lift swap with memory"
	limited
	has_file memory.swap.max
	updates --memory-swap -1
	is "$(value memory.swap.max)" max
	updates --memory 52428800 --memory-swap 96468992
	is "$(value memory.swap.max)" $((96468992 - 52428800))
	updates --memory -1
	is "$(value memory.max) $(value memory.swap.max)" "max max"
}

@test "V21 V23 V25: memory and swap, as they were and as they shall be" {
	requires cgroup_memory
	known_deviation crun "0 is no swap"
	limited
	has_file memory.swap.max
	updates --memory 30M --memory-swap 50M
	is "$(value memory.max) $(value memory.swap.max)" "$((30 << 20)) $((20 << 20))"
	updates --memory 60M --memory-swap 80M
	is "$(value memory.max) $(value memory.swap.max)" "$((60 << 20)) $((20 << 20))"
	updates --memory 60M --memory-swap 60M
	is "$(value memory.swap.max)" 0
	updates --memory 50M --memory-swap 0
	is "$(value memory.max)" $((50 << 20))
	rt update --memory 60M --memory-swap 50M "$ID"
	KEPT=1 refused memory
	is "$(value memory.max)" $((50 << 20))
	stiva_only
	updates --memory -1
	updates --memory-swap 80M
	is "$(value memory.max) $(value memory.swap.max)" "max $((80 << 20))"
}

@test "V21: swap without any memory limit is refused" {
	requires cgroup_memory
	program probe wait
	starts
	rt update --memory-swap 80M "$ID"
	KEPT=1 refused memory.swap
	known_deviation crun "takes it"
	[ "$status" != 0 ]
}

@test "V02 V03 V04: quota alone, period alone, no quota" {
	requires cgroup_cpu
	known_deviation crun "forgets the other half"
	limited
	updates --cpu-period 900000
	is "$(value cpu.max)" "500000 900000"
	updates --cpu-quota 600000
	is "$(value cpu.max)" "600000 900000"
	updates --cpu-quota -1
	is "$(value cpu.max)" "max 900000"
	updates --cpu-quota -1 --cpu-period 100000
	is "$(value cpu.max)" "max 100000"
	updates --cpu-period 50000
	is "$(value cpu.max)" "max 50000"
	updates --cpu-quota 30000
	is "$(value cpu.max)" "30000 50000"
	updates --cpu-period 10000 --cpu-quota 3000
	is "$(value cpu.max)" "3000 10000"
}

@test "V05: quota 0 and shares 0 are not set" {
	requires cgroup_cpu
	limited
	update_with '{"cpu": {"quota": 0, "shares": 0, "period": 0}}'
	exits 0
	is "$(value cpu.max)" "500000 1000000"
}

@test "V06: the burst moves with its quota, up and down" {
	requires cgroup_cpu
	known_deviation crun "no flag; fails when the quota falls below the old burst"
	limited
	updates --cpu-burst 400000
	is "$(value cpu.max.burst)" 400000
	updates --cpu-quota 800000 --cpu-burst 700000
	is "$(value cpu.max) $(value cpu.max.burst)" "800000 1000000 700000"
	updates --cpu-quota 300000 --cpu-burst 200000
	is "$(value cpu.max) $(value cpu.max.burst)" "300000 1000000 200000"
	rt update --cpu-burst 300001 "$ID"
	KEPT=1 refused burst quota
	stiva_only
	rt update --cpu-quota 100000 "$ID"
	KEPT=1 refused burst quota 200000
	is "$(value cpu.max) $(value cpu.max.burst)" "300000 1000000 200000"
	updates --cpu-quota -1
	updates --cpu-burst 0
	is "$(value cpu.max) $(value cpu.max.burst)" "max 1000000 0"
}

@test "V07: idle and back: the weight returns" {
	requires cgroup_cpu
	stiva_only
	program probe wait -- '.linux.resources.cpu.shares = 512'
	starts
	is "$(value cpu.weight)" 59
	for val in 1 0 1; do
		update_with '{"cpu": {"idle": '$val'}}'
		exits 0
		is "$(value cpu.idle)" $val
	done
	# other limits leave it alone; a weight waits for the end of the idleness
	updates --cpu-period 10000
	is "$(value cpu.idle)" 1
	rt update --cpu-share 1024 "$ID"
	exits 0
	complains cpu.idle
	is "$(value cpu.idle)" 1
	updates --cpu-idle 0
	is "$(value cpu.idle) $(value cpu.weight)" "0 100"
	updates --cpu-idle 1
	updates --cpu-idle 0 --cpu-share 256
	is "$(value cpu.idle) $(value cpu.weight)" "0 35"
}

@test "V09 R50: cpusets: set, cleared, and none that is usable" {
	requires cgroup_cpuset
	program probe wait
	starts
	updates --cpuset-cpus 1
	is "$(value cpuset.cpus)" 1
	update_with '{"cpu": {"cpus": "0", "mems": "0"}}'
	exits 0
	is "$(value cpuset.cpus) $(value cpuset.mems)" "0 0"
	stiva_only
	rt update --cpuset-cpus 900 "$ID"
	KEPT=1 refused cpu.cpus 900
	is "$(value cpuset.cpus)" 0
	rt update --cpuset-cpus 0x "$ID"
	KEPT=1 refused cpu.cpus
	updates --cpuset-cpus "" --cpuset-mems ""
	# the kernel takes no empty set of a cgroup with processes: it is the parent's whole one
	is "$(value cpuset.cpus) $(value cpuset.mems)" "$(cat $CG/cpuset.cpus.effective $CG/cpuset.mems.effective | xargs)"
	is "$(value cpuset.cpus.effective)" "$(cat $CG/cpuset.cpus.effective)"
}

@test "V20 V27: limit and reservation 0 are not set, -1 takes them away" {
	requires cgroup_memory
	known_deviation crun "writes 0"
	limited
	update_with '{"memory": {"limit": 0, "reservation": 0, "swap": 0, "kernel": 0, "disableOOMKiller": false}}'
	exits 0
	is "$(value memory.max) $(value memory.low)" "33554432 25165824"
	updates --memory-reservation -1 --memory -1
	is "$(value memory.max) $(value memory.low)" "max max"
}

@test "V28: values of v1 are refused, their defaults are not" {
	program probe wait
	starts
	known_deviation runc "ignores them"
	for t in '{"memory": {"kernel": 1000000}}' '{"memory": {"swappiness": 10}}' '{"memory": {"disableOOMKiller": true}}' \
		'{"cpu": {"realtimeRuntime": 1000}}' '{"network": {"classID": 5}}' '{"blockIO": {"leafWeight": 20}}'; do
		update_with "$t"
		KEPT=1 refused
	done
}

@test "V29: checkBeforeUpdate refuses what is in use" {
	requires cgroup_memory
	known_deviation crun "other words"
	limited
	update_with '{"memory": {"limit": 1024, "checkBeforeUpdate": true}}'
	KEPT=1 refused "rejecting memory limit"
	[[ $stderr == *"rejecting memory limit"* ]]
	update_with '{"memory": {"limit": 1024, "swap": 2048, "checkBeforeUpdate": true}}'
	KEPT=1 refused
	[[ $stderr == *"rejecting memory+swap limit"* ]]
	is "$(status_of)" running
	is "$(value memory.max)" 33554432
	update_with '{"memory": {"limit": 29999104, "checkBeforeUpdate": true}}'
	exits 0
	is "$(value memory.max)" 29999104
}

@test "V30: a limit below the usage without a check: the kernel reclaims or kills" {
	requires cgroup_memory
	limited
	rt update --memory 1024 "$ID"
	stopped
}

@test "V40 V41: weights, also per disk" {
	requires cgroup_io
	program probe wait
	starts
	if [ -e "$(cgroup_of)/io.bfq.weight" ]; then
		updates --blkio-weight 500
		is "$(value io.bfq.weight | head -n 1)" "default 500"
	elif [ -e "$(cgroup_of)/io.weight" ]; then
		updates --blkio-weight 500
		is "$(value io.weight | head -n 1)" "default 4950"
	else
		rt update --blkio-weight 500 "$ID"
		KEPT=1 refused blockIO.weight
	fi
}

@test "V43 V44 R40: limits of a disk are changed one by one, others stay" {
	requires cgroup_io
	known_deviation crun "removes them"
	[ -b /dev/vda ] && [ -b /dev/vdb ] || skip "requires: vm"
	a=$(stat -c '%Hr:%Lr' /dev/vda) b=$(stat -c '%Hr:%Lr' /dev/vdb)
	dev() { printf '{"major": %s, "minor": %s, "rate": %s}' "${1%:*}" "${1#*:}" "$2"; }
	program probe wait -- ".linux.resources.blockIO.throttleReadBpsDevice = [$(dev "$a" 1048576), $(dev "$b" 2097152)]"
	starts
	is "$(value io.max | sort)" "$(printf '%s\n' "$a rbps=1048576 wbps=max riops=max wiops=max" "$b rbps=2097152 wbps=max riops=max wiops=max" | sort)"
	update_with "{\"blockIO\": {\"throttleWriteIOPSDevice\": [$(dev "$b" 100)]}}"
	exits 0
	is "$(value io.max | sort)" "$(printf '%s\n' "$a rbps=1048576 wbps=max riops=max wiops=max" "$b rbps=2097152 wbps=max riops=max wiops=100" | sort)"
	# 0 takes it away
	update_with "{\"blockIO\": {\"throttleReadBpsDevice\": [$(dev "$b" 0)]}}"
	exits 0
	is "$(value io.max | sort)" "$(printf '%s\n' "$a rbps=1048576 wbps=max riops=max wiops=max" "$b rbps=max wbps=max riops=max wiops=100" | sort)"
	stiva_only
	is "$(state | jq -c '.resources.blockIO.throttleReadBpsDevice | map(.rate)')" '[1048576,0]'
	update_with "{\"blockIO\": {\"throttleReadBpsDevice\": [$(dev 250:99 5)]}}"
	KEPT=1 refused "blockIO.throttleReadBpsDevice[0]" "250:99" "no such whole disk"
	# a failure behind it puts the disk's line back
	update_with "{\"blockIO\": {\"throttleReadBpsDevice\": [$(dev "$a" 5000)]}, \"unified\": {\"memory.max\": \"x\"}}"
	KEPT=1 refused unified
	is "$(value io.max | grep "^$a")" "$a rbps=1048576 wbps=max riops=max wiops=max"
}

@test "V50 V51: pids: a number, no limit, 0" {
	requires cgroup_pids
	limited
	updates --pids-limit 10
	is "$(value pids.max)" 10
	updates --pids-limit -1
	is "$(value pids.max)" max
	known_deviation crun "0 is no limit"
	known_deviation runc "0 is not set"
	updates --pids-limit 0
	is "$(value pids.max)" 0
	is "$(status_of)" running
}

@test "V56: unified is written last, overrides, and names what is missing" {
	requires cgroup_memory cgroup_pids cgroup_cpu
	limited
	update_with '{"unified": {"cpu.max": "max 100000", "cpu.weight": "16", "pids.max": "10"}}'
	exits 0
	is "$(value cpu.max) $(value cpu.weight) $(value pids.max)" "max 100000 16 10"
	stiva_only
	update_with '{"pids": {"limit": 11}, "unified": {"pids.max": "12"}}'
	exits 0
	is "$(value pids.max)" 12
	update_with '{"unified": {"foo.max": "1"}}'
	KEPT=1 refused "unified.foo.max" "requested cgroup controller \`foo\` is not available"
	update_with '{"unified": {"memory.nonesuch": "1"}}'
	KEPT=1 refused "memory.nonesuch"
	# what an option says later, an older unified does not say otherwise
	updates --pids-limit 13
	is "$(value pids.max)" 13
	is "$(state | jq -c '[.resources.pids.limit, .resources.unified["pids.max"], .resources.unified["cpu.weight"]]')" '[13,null,"16"]'
}

@test "U105: a refused write puts everything back and nothing is recorded" {
	requires cgroup_memory cgroup_cpu cgroup_pids
	stiva_only
	limited
	before=$(cd "$(cgroup_of)" && head memory.max memory.low cpu.max cpu.weight cpu.idle pids.max)
	for last in '"memory.high": "x"' '"cpu.weight": "0"' '"pids.max": "-7"' '"cpuset.cpus": "x"'; do
		update_with '{"memory": {"limit": 67108864, "reservation": 1048576}, "cpu": {"quota": 100000, "shares": 2048, "idle": 0},
			"pids": {"limit": 5}, "unified": {'"$last"'}}'
		KEPT=1 refused unified
		is "$(cd "$(cgroup_of)" && head memory.max memory.low cpu.max cpu.weight cpu.idle pids.max)" "$before"
	done
	update_with '{"cpu": {"idle": 1}, "unified": {"memory.high": "x"}}'
	KEPT=1 refused unified
	is "$(cd "$(cgroup_of)" && head memory.max memory.low cpu.max cpu.weight cpu.idle pids.max)" "$before"
	is "$(state | jq -c .resources)" null
}

@test "U100 U105: what is refused says why in one line, and files and record are as they were" {
	requires cgroup_memory cgroup_cpu cgroup_cpuset cgroup_pids cgroup_io cgroup_hugetlb
	stiva_only
	# so that hugetlb is there for this container: a size that the host does not have is what is refused
	limited '.linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 2097152}]'
	dir=$(cgroup_of)
	all() {
		(cd "$dir" && tail -v -n +1 memory.{max,low,high,min,swap.max} cpu.{max,weight,max.burst,idle} cpuset.{cpus,mems}.effective pids.max io.max)
		sha256sum <"$ROOT/$ID/state.json"
	}
	before=$(all)
	for t in '{"cpu": {"cpus": "0-"}}=cpu.cpus' '{"cpu": {"cpus": "1-0"}}=cpu.cpus' '{"cpu": {"cpus": "0", "mems": "x"}}=cpu.mems' \
		'{"cpu": {"mems": "99"}}=cpu.mems' '{"pids": {"limit": 9}, "unified": {"nosuch.max": "1"}}=nosuch' \
		'{"memory": {"limit": 67108864, "swap": 1024}}=memory.swap' '{"memory": {"limit": 1024, "checkBeforeUpdate": true}}=rejecting' \
		'{"pids": {"limit": 9}, "blockIO": {"throttleReadBpsDevice": [{"major": 250, "minor": 99, "rate": 5}]}}=250:99' \
		'{"pids": {"limit": 9}, "hugepageLimits": [{"pageSize": "3MB", "limit": 0}]}=there is: ' \
		'{"pids": {"limit": 9}, "rdma": {"mlx5_0": {"hcaHandles": 3}}}=rdma' '{"pids": {"limit": 9}, "memory": {"kernel": 100}}=memory.kernel' \
		'{"pids": {"limit": 9}, "devices": [{"allow": true, "type": "x"}]}=devices' '{"pids": {"limit": 9}, "cpu": {"quota": 5}}=cpu.quota' \
		'{"pids": {"limit": 99999999999}}=pids.limit' '{"memory": {"limit": 67108864}, "cpu": {"cpus": "900"}}=cpu.cpus'; do
		update_with "${t%=*}"
		KEPT=1 refused "${t##*=}"
		is "$(all)" "$before" "${t%=*}"
	done
	# above what the host has is no error, as with runc and crun and with the kernel itself
	update_with '{"memory": {"limit": 1099511627776}, "cpu": {"quota": 90000000, "period": 100000}}'
	exits 0
	is "$(value memory.max) $(value cpu.max)" "1099511627776 90000000 100000"
}

@test "U100: a property that nobody knows is a warning, and with --strict an error" {
	stiva_only
	program probe wait
	starts
	update_with '{"memroy": {"limit": 5}, "pids": {"limt": -1}, "somethingElse": {"a": [1]}}'
	exits 0
	is "$(grep -c warning "$ERR")" 3
	complains 'unknown property "memroy" is ignored; did you mean "memory"?'
	complains 'unknown property "pids.limt" is ignored; did you mean "limit"?'
	complains 'unknown property "somethingElse" is ignored'
	rt --strict update -r - "$ID" <<<'{"memroy": {"limit": 5}, "devices": [{"allow": true, "access": "rwm"}]}'
	KEPT=1 refused memroy
	is "$(state | jq -c .resources.devices)" null
}

@test "U106 V65 R40: devices change only when they are named, and others keep theirs" {
	program probe wait -- '.linux.resources.devices = [{allow: false, access: "rwm"}]' "$ALL_CAPS"
	starts
	ok exec "$ID" sh -c 'mknod /fuse c 10 229; mknod /null2 c 1 3'
	opens() { ok exec "$ID" probe open "$1"; }
	rt exec "$ID" sh -c ': </fuse'
	[ "$status" != 0 ]
	filters() { bpftool cgroup show "$(cgroup_of)" 2>/dev/null | grep -c device; }
	# the same list, or none: the filter stays
	update_with '{"devices": [{"allow": false, "access": "rwm"}], "unified": {}}'
	exits 0
	rt exec "$ID" sh -c ': </fuse'
	[ "$status" != 0 ]
	ok exec "$ID" sh -c ': </null2'
	known_deviation runc "never changes devices"
	known_deviation crun "adds a second filter"
	stiva_only
	[ -e /dev/fuse ] || skip "requires: /dev/fuse"
	update_with '{"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"}]}'
	exits 0
	ok exec "$ID" sh -c ': </fuse'
	is "$(state | jq -c '.resources.devices | length')" 2
	ok inspect "$ID"
	is "$(jq -c '.state.resources.devices | length' "$OUT")" 2
	update_with '{"devices": [{"allow": false, "access": "rwm"}]}'
	exits 0
	rt exec "$ID" sh -c ': </fuse'
	[ "$status" != 0 ]
	ok exec "$ID" sh -c ': </null2'
	# from a filter to none and back
	update_with '{"devices": [{"allow": true, "access": "rwm"}]}'
	exits 0
	ok exec "$ID" sh -c ': </fuse'
	update_with '{"devices": [{"allow": false, "access": "rwm"}]}'
	exits 0
	rt exec "$ID" sh -c ': </fuse'
	[ "$status" != 0 ]
	update_with '{"devices": [{"allow": true, "type": "x", "access": "rwm"}]}'
	KEPT=1 refused devices
	rt exec "$ID" sh -c ': </fuse'
	[ "$status" != 0 ]
}

@test "V66: a device filter is replaced without a moment in which it is not there" {
	stiva_only
	[ -e /dev/fuse ] || skip "requires: /dev/fuse"
	script 'mknod /fuse c 10 229; mknod /null2 c 1 3; echo ready
		while [ ! -e /end ]; do
			(: </fuse) 2>/dev/null && echo "open" >>/bad
			: </null2 || echo "closed" >>/bad
		done; echo end >/over' \
		'.linux.resources.devices = [{allow: false, access: "rwm"}]' "$ALL_CAPS"
	starts
	for ((i = 0; i < 20; i++)); do
		update_with '{"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "b", "major": 7, "minor": '$i', "access": "r"}]}'
		exits 0
	done
	touch "$BUNDLE/rootfs/end"
	wait_for test -s "$BUNDLE/rootfs/over"
	is "$(cat "$BUNDLE/rootfs/bad" 2>/dev/null)" ""
}

@test "U107: a stopped or unknown container is refused" {
	program true
	rt update --pids-limit 10 "$ID"
	refused "does not exist"
	ok create -b "$BUNDLE" "$ID"
	ok start "$ID"
	stopped
	rt update --pids-limit 10 "$ID"
	KEPT=1 refused "not running"
}

@test "U107: created and paused containers can be updated and stay what they are" {
	requires cgroup_pids
	program probe wait
	ok create -b "$BUNDLE" "$ID"
	updates --pids-limit 30
	is "$(value pids.max)" 30
	is "$(status_of)" created
	ok start "$ID"
	ok pause "$ID"
	updates --pids-limit 31
	is "$(status_of)" paused
	ok resume "$ID"
	is "$(value pids.max)" 31
	is "$(status_of)" running
}

@test "U107: a container without a cgroup has no limits to change" {
	stiva_only
	program probe wait
	rt --cgroup-manager disabled run -d -b "$BUNDLE" "$ID"
	exits 0
	rt update --pids-limit 10 "$ID"
	KEPT=1 refused "no cgroup"
}

@test "U108 R41: RDT flags without linux.intelRdt are an error" {
	known_deviation crun "exits 0"
	program probe wait
	starts
	for t in --l3-cache-schema=L3:0=f --mem-bw-schema=MB:0=50; do
		rt update "$t" "$ID"
		KEPT=1 refused intelRdt
	done
	is "$(status_of)" running
}

@test "C16: a limit whose controller is not there is refused by name" {
	[ ! -e $CG/memory.stat ] || ! grep -qw memory $CG/cgroup.controllers || skip "requires: no memory controller"
	program probe wait
	starts
	rt update --memory 64M "$ID"
	KEPT=1 refused memory.limit "controller \`memory\`"
	update_with '{"memory": {"limit": -1}, "cpu": {"quota": -1}, "pids": {"limit": -1}}'
	exits 0
}
