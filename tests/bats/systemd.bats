#!/usr/bin/env bats
# The systemd cgroup manager: units, slices, properties, annotations.
# requires: root cgroup2 systemd
load helpers

test_setup() {
	UNIT=pre-$ID.scope
	BY=(--systemd-cgroup)
	export PATH_FORM="system.slice:pre:$ID"
}
test_teardown() {
	# systemd keeps the slices that a unit wanted
	systemctl list-units --plain --no-legend --all "*$ID*" 2>/dev/null | while read -r unit _; do
		systemctl stop "$unit"
		systemctl reset-failed "$unit"
	done >/dev/null 2>&1
	true
}

# box [FILTER...]: a bundle below system.slice whose program waits
box() { program probe wait -- '.linux.cgroupsPath = env.PATH_FORM' "$@"; }
up() {
	ok "${BY[@]}" run -d -b "$BUNDLE" "$ID"
	STDOUT=$OUT
	wait_for said ready
}
prop() { systemctl show -P "$1" "${2:-$UNIT}"; }
# The cgroup of the unit, as systemd sees it, and that of the container.
unit_dir() { echo "$CG$(prop ControlGroup "${1:-$UNIT}")"; }
init_dir() { echo "$CG$(sed -n s/^0:://p "/proc/$(pid_of)/cgroup")"; }
loaded() { [ -n "$(systemctl list-units --plain --no-legend --all "${1:-$UNIT}")" ]; }
gone() { ! loaded "$@"; }

@test "U06 C03 R45: --systemd-cgroup makes PREFIX-NAME.scope in system.slice, and delete takes it away" {
	box
	up
	is "$(prop ActiveState)" active
	is "$(prop Slice)" system.slice
	[[ $(init_dir) == "$CG/system.slice/$UNIT"* ]] || fail "$(init_dir)"
	is "$(prop Delegate)" yes
	is "$(prop DefaultDependencies)" no
	# without it engines see no processes
	is "$(prop MemoryAccounting) $(prop CPUAccounting) $(prop TasksAccounting) $(prop IOAccounting)" "yes yes yes yes"
	is "$(state | jq -r '."systemd-scope"')" "$(is_stiva || [ "$RUNTIME_NAME" = crun ] && echo "$UNIT" || echo null)"
	ok delete --force "$ID"
	wait_for gone
	[ ! -d "$CG/system.slice/$UNIT" ]
}

@test "U06: --cgroup-manager=systemd is the same" {
	known_deviation runc "has no --cgroup-manager"
	BY=(--cgroup-manager=systemd)
	box
	up
	is "$(prop ActiveState)" active
	ok delete --force "$ID"
	gone
}

@test "C02: a scope whose cgroup is frozen or in use is refused" {
	known_deviation crun "takes it"
	known_deviation runc "1.1 only warns"
	local dir=$CG/system.slice/$UNIT
	box
	mkdir "$dir"
	echo 1 >"$dir/cgroup.freeze"
	rt "${BY[@]}" run -b "$BUNDLE" "$ID"
	KEPT=1 refused "container's cgroup unexpectedly frozen"
	[ -d "$dir" ]
	rmdir "$dir"
	up
	rt "${BY[@]}" run -b "$BUNDLE" "$ID-2"
	KEPT=1 refused "container's cgroup is not empty"
	is "$(status_of)" running
	ok delete --force "$ID"
	gone
}

@test "C03: the unit ends with the container's program" {
	program true -- '.linux.cgroupsPath = env.PATH_FORM'
	ok "${BY[@]}" run -b "$BUNDLE" "$ID"
	wait_for gone
	[ ! -d "$CG/system.slice/$UNIT" ]
}

@test "C03: without a cgroupsPath the unit is named by the runtime and the id" {
	program probe wait -- 'del(.linux.cgroupsPath)'
	up
	is "$(prop ActiveState "$RUNTIME_NAME-$ID.scope")" active
	is "$(prop Slice "$RUNTIME_NAME-$ID.scope")" system.slice
	ok delete --force "$ID"
}

@test "C03: an empty slice is system.slice" {
	known_deviation crun "1.21 asks systemd for a unit without a name"
	PATH_FORM=":pre:$ID"
	box
	up
	is "$(prop Slice)" system.slice
	ok delete --force "$ID"
}

@test "C03: nested slices expand, a slice is made when it is missing" {
	PATH_FORM="$ID-b-c.slice:pre:$ID"
	box
	up
	is "$(prop Slice)" "$ID-b-c.slice"
	is "$(prop ControlGroup)" "/$ID.slice/$ID-b.slice/$ID-b-c.slice/$UNIT"
	ok delete --force "$ID"
	wait_for gone
}

@test "C03: a dash is the root slice" {
	known_deviation crun "does not know -.slice by that name"
	known_deviation runc "1.1: invalid slice name"
	PATH_FORM="-:pre:$ID"
	box
	up
	is "$(prop ControlGroup)" "/$UNIT"
	ok delete --force "$ID"
}

@test "C03: without a prefix the name alone names the scope" {
	known_deviation runc "a dash in front of it"
	PATH_FORM="system.slice::$ID"
	UNIT=$ID.scope
	box
	up
	is "$(prop ActiveState)" active
	ok delete --force "$ID"
}

@test "C03: a name x.slice makes a slice" {
	requires cgroup_memory cgroup_cpu cgroup_cpuset cgroup_pids
	known_deviation crun "makes no slices"
	UNIT=$ID-pod.slice
	PATH_FORM="system.slice:pre:$UNIT"
	box '.linux.resources.memory.limit = 268435456'
	up
	is "$(prop ActiveState)" active
	is "$(prop MemoryMax)" 268435456
	[[ $(init_dir) == "$CG/$ID.slice/$UNIT"* ]] || fail "$(init_dir)"
	ok delete --force "$ID"
	wait_for gone
}

@test "C03: other forms are refused with a text, and nothing is made" {
	local form
	for form in /a/b a:b a.slice:b:c:d a.slice:p: a:p:n a--b.slice:p:n "a.slice:p:n m" .slice:p:n; do
		PATH_FORM=$form
		program true -- '.linux.cgroupsPath = env.PATH_FORM'
		rt "${BY[@]}" run -b "$BUNDLE" "$ID"
		! is_stiva || refused linux.cgroupsPath
	done
}

@test "C03: a unit of that name that is not ours stays as it is" {
	systemd-run --quiet --scope --unit="$UNIT" --slice=system.slice sleep 600 3>&- &
	JOBS+=($!)
	wait_for loaded
	box
	rt "${BY[@]}" run -b "$BUNDLE" "$ID"
	[ "$status" != 0 ]
	! is_stiva || complains "$UNIT"
	is "$(prop ActiveState)" active
	rt delete --force "$ID"
	is "$(prop ActiveState)" active
	systemctl stop "$UNIT"
}

@test "V10 V68: limits are properties of the unit and values of the files" {
	requires cgroup_memory cgroup_cpu cgroup_cpuset cgroup_pids
	box '.linux.resources = {memory: {limit: 134217728, reservation: 67108864, swap: 201326592},
		cpu: {shares: 2048, quota: 33333, period: 100000, cpus: "0", mems: "0"}, pids: {limit: 77}}'
	up
	is "$(prop MemoryMax)" 134217728
	is "$(prop MemoryLow)" 67108864
	is "$(prop MemorySwapMax)" 67108864
	is "$(prop TasksMax)" 77
	is "$(prop CPUQuotaPerSecUSec)" 340ms
	is "$(prop AllowedCPUs)" 0
	is "$(prop AllowedMemoryNodes)" 0
	is "$(prop MemoryAccounting) $(prop CPUAccounting) $(prop TasksAccounting)" "yes yes yes"
	is "$(<"$(init_dir)/memory.max")" 134217728
	is "$(<"$(init_dir)/pids.max")" 77
	! is_stiva || is "$(<"$(init_dir)/cpu.max")" "33333 100000"
	! is_stiva || is "$(prop CPUWeight)" "$(<"$(init_dir)/cpu.weight")"
	ok delete --force "$ID"
}

@test "V10: a daemon-reload does not undo limits" {
	requires cgroup_memory cgroup_cpu cgroup_cpuset cgroup_pids
	box '.linux.resources = {memory: {limit: 134217728}, cpu: {quota: 50000, period: 100000}, pids: {limit: 77}}'
	up
	systemctl daemon-reload
	is "$(<"$(unit_dir)/memory.max")" 134217728
	is "$(<"$(unit_dir)/pids.max")" 77
	is "$(<"$(unit_dir)/cpu.max")" "50000 100000"
	is "$(<"$(init_dir)/memory.max")" 134217728
	ok delete --force "$ID"
}

@test "V10: cpu.idle is CPUWeight=idle" {
	requires cgroup_memory cgroup_cpu cgroup_cpuset cgroup_pids
	known_deviation crun "sets the file alone"
	known_deviation runc "1.1 sets the file alone"
	box '.linux.resources = {cpu: {idle: 1, shares: 1024}}'
	up
	is "$(prop CPUWeight)" idle
	is "$(<"$(init_dir)/cpu.idle")" 1
	ok delete --force "$ID"
}

@test "V31: OOMPolicy follows memory.oom.group" {
	requires cgroup_memory cgroup_cpu cgroup_cpuset cgroup_pids
	known_deviation crun "1.21 sets the file alone"
	known_deviation runc "1.1 sets the file alone"
	box '.linux.resources = {unified: {"memory.oom.group": "1"}}'
	up
	is "$(prop OOMPolicy)" kill
	is "$(<"$(init_dir)/memory.oom.group")" 1
	ok delete --force "$ID"
}

@test "V51: pids.limit 0 is TasksMax=1 and a 0 in the file" {
	requires cgroup_memory cgroup_cpu cgroup_cpuset cgroup_pids
	known_deviation crun "does not take 0 as a limit"
	known_deviation runc "does not take 0 as a limit"
	box '.linux.resources = {pids: {limit: 0}}'
	up
	is "$(prop TasksMax)" 1
	is "$(<"$(init_dir)/pids.max")" 0
	rt exec "$ID" true
	[ "$status" != 0 ]
	ok delete --force "$ID"
	config '.linux.resources = {pids: {limit: 1}}'
	up
	is "$(prop TasksMax)" 1
	is "$(<"$(init_dir)/pids.max")" 1
	is "$(<"$(unit_dir)/pids.max")" 1
	ok delete --force "$ID"
}

@test "V52: without pids.limit systemd's default stays" {
	box 'del(.linux.resources)'
	up
	is "$(prop TasksMax)" "$(systemctl show -P DefaultTasksMax)"
	ok delete --force "$ID"
}

@test "V56: known keys of unified are properties too, the others are written to the files" {
	requires cgroup_memory cgroup_cpu cgroup_cpuset cgroup_pids
	known_deviation crun "maps fewer keys"
	known_deviation runc "maps fewer keys"
	box '.linux.resources = {memory: {limit: 268435456}, unified: {"memory.max": "134217728", "memory.high": "100663296",
		"memory.min": "1048576", "cpu.max": "20000 100000", "cpu.weight": "42", "pids.max": "33", "cpuset.cpus": "0"}}'
	up
	is "$(prop MemoryMax)" 134217728
	is "$(prop MemoryHigh)" 100663296
	is "$(prop MemoryMin)" 1048576
	is "$(prop CPUQuotaPerSecUSec)" 200ms
	is "$(prop CPUWeight)" 42
	is "$(prop TasksMax)" 33
	is "$(prop AllowedCPUs)" 0
	is "$(<"$(init_dir)/memory.high")" 100663296
	systemctl daemon-reload
	is "$(<"$(unit_dir)/memory.high")" 100663296
	ok delete --force "$ID"
}

@test "V68: the device filter is the unit's as well and survives a daemon-reload" {
	requires cgroup_memory cgroup_cpu cgroup_cpuset cgroup_pids
	box '.linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 10, minor: 229, access: "rw"},
		{allow: true, type: "c", major: 1, access: "rwm"}]' "$ALL_CAPS"
	up
	is "$(prop DevicePolicy)" strict
	[[ $(prop DeviceAllow) == *"10:229 rw"* ]] || [[ $(prop DeviceAllow) == *"/dev/fuse rw"* ]] || fail "$(prop DeviceAllow)"
	systemctl daemon-reload
	ok exec "$ID" sh -c 'mknod /dev/n c 1 3 && : >/dev/n'
	rt exec "$ID" sh -c 'mknod /dev/b b 7 0 2>/dev/null && : </dev/b'
	[ "$status" != 0 ] || fail "a device that the filter forbids"
	ok delete --force "$ID"
}

@test "A01: org.systemd.property annotations are properties of the unit" {
	box '.annotations = {"org.systemd.property.TimeoutStopUSec": "uint64 7000000",
		"org.systemd.property.CollectMode": "'\''inactive-or-failed'\''",
		"org.systemd.property.After": "['\''dbus.service'\'']", "org.systemd.property.SendSIGHUP": "true",
		"org.systemd.property.KillSignal": "10"}'
	up
	is "$(prop TimeoutStopUSec)" 7s
	is "$(prop CollectMode)" inactive-or-failed
	[[ $(prop After) == *dbus.service* ]]
	is "$(prop SendSIGHUP)" yes
	is "$(prop KillSignal)" 10
	ok delete --force "$ID"
}

@test "A01: a name in ...Sec takes seconds" {
	known_deviation crun "1.21 takes the USec name"
	box '.annotations = {"org.systemd.property.TimeoutStopSec": "9", "org.systemd.property.RuntimeMaxSec": "90.5"}'
	known_deviation runc "1.1 takes no fraction"
	up
	is "$(prop TimeoutStopUSec)" 9s
	is "$(prop RuntimeMaxUSec)" "1min 30.500000s"
	ok delete --force "$ID"
}

@test "A01: garbage is refused with the annotation's name and leaves no unit" {
	known_deviation runc "1.1 ignores what follows a value"
	local pair
	for pair in 'CollectMode=inactive' 'KillSignal=[1,' 'KillSignal=1 2' 'ab=1' 'Kill-Signal=1' 'TimeoutStopSec=soon' \
		'TasksMax=uint64 -1' "After=['a', 1]" 'After=[]' 'NoSuchProperty=true'; do
		export KEY=org.systemd.property.${pair%%=*} VALUE=${pair#*=}
		program true -- '.linux.cgroupsPath = env.PATH_FORM' '.annotations = {(env.KEY): env.VALUE}'
		rt "${BY[@]}" run -b "$BUNDLE" "$ID"
		[ "$status" != 0 ] || fail "$pair is taken"
		! is_stiva || refused "${pair%%=*}"
		gone
	done
}

@test "A05: the sub-cgroup is container, or what run.oci.systemd.subgroup says, or none" {
	known_deviation runc "has no such annotation"
	box
	up
	is "$(init_dir)" "$(unit_dir)/container"
	ok delete --force "$ID"
	config '.annotations = {"run.oci.systemd.subgroup": "mine"}'
	up
	is "$(init_dir)" "$(unit_dir)/mine"
	ok exec "$ID" cat /proc/self/cgroup
	ok delete --force "$ID"
	config '.annotations = {"run.oci.systemd.subgroup": ""}'
	up
	is "$(init_dir)" "$(unit_dir)"
	ok exec "$ID" true
	ok delete --force "$ID"
	! is_stiva || {
		config '.annotations = {"run.oci.systemd.subgroup": "../x"}'
		rt "${BY[@]}" run -b "$BUNDLE" "$ID"
		refused run.oci.systemd.subgroup "../x"
	}
}

@test "A06: run.oci.delegate-cgroup is a cgroup of the container's own below the limits" {
	requires cgroup_memory cgroup_cpu cgroup_cpuset cgroup_pids
	known_deviation runc "has no such annotation"
	box '.annotations = {"run.oci.delegate-cgroup": "inner"}' '.linux.resources = {memory: {limit: 134217728}}'
	up
	is "$(init_dir)" "$(unit_dir)/container/inner"
	! is_stiva || is "$(<"$(unit_dir)/container/memory.max")" 134217728
	is "$(<"$(init_dir)/memory.max")" max
	ok exec "$ID" grep ^0: /proc/self/cgroup
	ok delete --force "$ID"
	gone
}

@test "A06: the same with cgroupfs" {
	requires cgroup_memory cgroup_cpu cgroup_cpuset cgroup_pids
	stiva_only
	program probe wait -- '.linux.cgroupsPath = "/\(env.ID)-c"' '.annotations = {"run.oci.delegate-cgroup": "inner"}' \
		'.linux.resources = {memory: {limit: 134217728}}'
	starts
	is "$(init_dir)" "$CG/$ID-c/inner"
	is "$(<"$CG/$ID-c/memory.max")" 134217728
	ok exec "$ID" true
	ok delete --force "$ID"
	[ ! -d "$CG/$ID-c" ]
}

@test "U06 R44: exec, pause, kill and ps find the manager in the state" {
	box "$(without_ns cgroup)" '.mounts |= map(select(.type != "cgroup"))'
	up
	ok exec "$ID" grep ^0: /proc/self/cgroup
	shows "$UNIT"
	# whoever may not clone into the cgroup is attached by systemd before a byte is written
	ok exec -d --pid-file "$WORK/pid" "$ID" sleep 100
	systemctl show -p ControlGroup "$UNIT" | grep -q "system.slice/$UNIT"
	grep -q "$UNIT" "/proc/$(<"$WORK/pid")/cgroup"
	ok ps -f json "$ID"
	jq -e --argjson pid "$(<"$WORK/pid")" 'index($pid) != null' "$OUT"
	ok pause "$ID"
	is "$(status_of)" paused
	ok resume "$ID"
	ok kill "$ID" KILL
	stopped
	ok delete "$ID"
	wait_for gone
}

@test "C03: a limit that cannot be set leaves no unit" {
	requires cgroup_memory cgroup_cpu cgroup_cpuset cgroup_pids
	stiva_only
	box '.linux.resources = {unified: {"memory.nosuchfile": "1"}}'
	rt "${BY[@]}" run -b "$BUNDLE" "$ID"
	refused memory.nosuchfile
	gone
	box '.linux.resources = {cpu: {cpus: "4000"}}'
	rt "${BY[@]}" run -b "$BUNDLE" "$ID"
	refused linux.resources.cpu.cpus
	gone
}

@test "C03: a program that is not there leaves no unit" {
	program /no/such/program -- '.linux.cgroupsPath = env.PATH_FORM'
	rt "${BY[@]}" run -b "$BUNDLE" "$ID"
	[ "$status" != 0 ]
	rt delete --force "$ID"
	wait_for gone
}

@test "C03: a create that is killed leaves no unit once it is deleted" {
	stiva_only
	local delay
	box 'del(.linux.resources)'
	for delay in 0.002 0.005 0.01 0.02 0.05 0.1; do
		background "$RUNTIME" --root "$ROOT" --systemd-cgroup create -b "$BUNDLE" "$ID" >/dev/null 2>&1
		sleep "$delay" # the moment is what is tried, not what is waited for
		kill -KILL "$JOB" 2>/dev/null || true
		wait "$JOB" 2>/dev/null || true
		ok delete --force "$ID"
		wait_for gone
		[ ! -d "$CG/system.slice/$UNIT" ] || fail "killed after $delay s: its cgroup is left"
	done
}

@test "V10 V51: update changes the unit and the files" {
	requires cgroup_memory cgroup_cpu cgroup_cpuset cgroup_pids
	box '.linux.resources = {memory: {limit: 134217728}, pids: {limit: 77}}'
	up
	ok update --memory 268435456 --pids-limit 88 --cpu-quota 20000 --cpu-period 100000 --cpuset-cpus 0 "$ID"
	is "$(prop MemoryMax)" 268435456
	is "$(prop TasksMax)" 88
	is "$(prop CPUQuotaPerSecUSec)" 200ms
	is "$(prop AllowedCPUs)" 0
	is "$(<"$(init_dir)/memory.max")" 268435456
	is "$(<"$(init_dir)/pids.max")" 88
	systemctl daemon-reload
	is "$(<"$(unit_dir)/memory.max")" 268435456
	ok delete --force "$ID"
}

# What the unit and the container have, as text. A set of CPUs that was empty, and a weight that was not
# set, cannot be made so again: all CPUs, and the default weight, are the same.
limits() {
	local file
	systemctl show -p MemoryMax,MemorySwapMax,MemoryHigh,MemoryLow,TasksMax,AllowedCPUs,CPUQuotaPerSecUSec,CPUWeight,IOWeight "$UNIT" |
		sed "s/^AllowedCPUs=$/AllowedCPUs=$(<$CG/cpuset.cpus.effective)/; s/=\[not set\]$/=100/"
	for file in memory.max memory.swap.max memory.high memory.low pids.max cpu.max cpu.weight cpuset.cpus.effective io.weight; do
		echo "$file $(cat "$(init_dir)/$file" 2>/dev/null)"
	done
}

@test "U105 V10: a refused update leaves unit and files as they were" {
	requires cgroup_memory cgroup_cpu cgroup_cpuset cgroup_pids cgroup_io
	stiva_only
	box '.linux.resources = {memory: {limit: 134217728}, pids: {limit: 77}}'
	up
	limits >"$WORK/before"
	for last in '"memory.high": "x"' '"pids.max": "-7"' '"cpuset.cpus": "x"'; do
		rt update -r - "$ID" <<<'{"memory": {"limit": 268435456, "swap": 536870912, "reservation": 1048576},
			"cpu": {"cpus": "0", "quota": 50000, "shares": 2048}, "pids": {"limit": 99}, "unified": {'"$last"'}}'
		KEPT=1 refused unified
		limits >"$WORK/after"
		diff "$WORK/before" "$WORK/after" || fail "$last"
	done
	is "$(state | jq -c .resources)" null
	ok delete --force "$ID"
}

@test "U105 V10: the unit is never tighter than both what it was and what it is to be" {
	requires cgroup_memory cgroup_cpu cgroup_cpuset cgroup_pids
	stiva_only
	[ "$(awk '/^SwapFree/ { print $2 }' /proc/meminfo)" -gt 200000 ] || skip "requires: vm"
	program probe keep /bin/probe 16777216 4096 -- '.linux.cgroupsPath = env.PATH_FORM' \
		'.linux.resources.memory = {limit: 25165824, swap: 25165824}'
	up
	for sizes in "12M 64M" "40M 40M" "10M 48M" "24M 24M"; do
		ok update --memory "${sizes% *}" --memory-swap "${sizes#* }" "$ID"
		is "$(status_of) $(sed -n 's/^oom_kill //p' "$(init_dir)/memory.events")" "running 0" "$sizes"
		is "$(<"$(unit_dir)/memory.max") $(<"$(unit_dir)/memory.swap.max")" "$(<"$(init_dir)/memory.max") $(<"$(init_dir)/memory.swap.max")"
	done
	ok delete --force "$ID"
}

@test "U104 U105 V10: after random updates unit, files and inspect say the same, also after a daemon-reexec" {
	requires cgroup_memory cgroup_cpu cgroup_cpuset cgroup_pids cgroup_io cgroup_hugetlb
	stiva_only
	box '.linux.resources = {memory: {limit: 268435456, swap: 536870912}, cpu: {quota: 90000, period: 100000}}'
	up
	timeout 200 "$TOP/tests/bats/storm" "$RUNTIME" "$ROOT" "$ID" "$(init_dir)" "${SEED:-7}" 60 >"$WORK/said" 2>&1 || fail "$(<"$WORK/said")"
	systemctl daemon-reexec
	systemctl daemon-reload
	ok inspect "$ID"
	for file in memory.max memory.swap.max memory.low memory.high pids.max cpu.weight cpuset.cpus io.max; do
		is "$(<"$(unit_dir)/$file")" "$(<"$(init_dir)/$file")" "$file"
		[[ $file == cpuset* || $file == io.max ]] || is "$(jq -r --arg f "$file" '.cgroup.values[$f]' "$OUT")" "$(<"$(init_dir)/$file")" "$file"
	done
	is "$(jq '.state.resources.memory.limit' "$OUT")" "$(<"$(init_dir)/memory.max")"
	ok delete --force "$ID"
}

@test "V10 U107: update goes by the record, whatever manager the command line names" {
	requires cgroup_memory cgroup_cpu cgroup_cpuset cgroup_pids
	stiva_only
	box '.linux.resources.pids.limit = 77'
	up
	ok --cgroup-manager=cgroupfs update --pids-limit 88 "$ID"
	is "$(prop TasksMax) $(<"$(init_dir)/pids.max")" "88 88"
	ok delete --force "$ID"
	program probe wait -- '.linux.cgroupsPath = "/\(env.ID)-fs"' '.linux.resources.pids.limit = 77'
	starts
	ok --systemd-cgroup update --pids-limit 88 "$ID"
	is "$(<"$CG/$ID-fs/pids.max")" 88
	ok delete --force "$ID"
	[ ! -d "$CG/$ID-fs" ]
}

@test "V09 V10: a set of CPUs of a unit can be lifted again" {
	requires cgroup_memory cgroup_cpu cgroup_cpuset cgroup_pids
	stiva_only
	[ "$(nproc)" -ge 2 ] || skip "requires: vm"
	box '.linux.resources.cpu.cpus = "0"'
	up
	is "$(<"$(init_dir)/cpuset.cpus.effective")" 0
	ok update --cpuset-cpus 1 "$ID"
	is "$(<"$(init_dir)/cpuset.cpus.effective") $(prop AllowedCPUs)" "1 1"
	ok update --cpuset-cpus "" "$ID"
	is "$(<"$(init_dir)/cpuset.cpus.effective")" "$(<$CG/cpuset.cpus.effective)"
	systemctl daemon-reload
	is "$(<"$(init_dir)/cpuset.cpus.effective")" "$(<$CG/cpuset.cpus.effective)"
	ok delete --force "$ID"
}

@test "U106 V65 V68: device rules of an update are the unit's as well" {
	requires cgroup_memory cgroup_cpu cgroup_cpuset cgroup_pids
	stiva_only
	box '.linux.resources.devices = [{allow: false, access: "rwm"}]' "$ALL_CAPS"
	up
	ok exec "$ID" sh -c 'mknod /dev/f c 10 229; mknod /dev/k c 10 237'
	opens() { ok exec "$ID" probe open r /dev/f /dev/k; }
	opens
	prints $'/dev/f EPERM\n/dev/k EPERM'
	rt update -r - "$ID" <<<'{"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"}]}'
	exits 0
	opens
	prints $'/dev/f ok\n/dev/k EPERM'
	systemctl daemon-reload
	opens
	prints $'/dev/f ok\n/dev/k EPERM'
	rt update -r - "$ID" <<<'{"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 10, "minor": 237, "access": "rw"}]}'
	exits 0
	opens
	prints $'/dev/f EPERM\n/dev/k ok'
	[[ $(prop DeviceAllow) != *fuse* && $(prop DeviceAllow) != *10:229* ]] || fail "$(prop DeviceAllow)"
	# one that is refused leaves the unit as well as the filter
	rt update -r - "$ID" <<<'{"devices": [{"allow": true, "access": "rwm"}], "unified": {"memory.high": "x"}}'
	KEPT=1 refused unified
	opens
	prints $'/dev/f EPERM\n/dev/k ok'
	is "$(prop DevicePolicy)" strict
	rt update -r - "$ID" <<<'{"devices": [{"allow": true, "access": "rwm"}]}'
	exits 0
	opens
	prints $'/dev/f ok\n/dev/k ok'
	ok delete --force "$ID"
	# several rules of one device: systemd keeps the last one of a node alone
	config '.linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 10, minor: 229, access: "r"},
		{allow: true, type: "c", major: 10, minor: 229, access: "w"}, {allow: true, type: "c", major: 10, minor: 237, access: "w"},
		{allow: true, type: "c", major: 10, access: "r"}]'
	up
	ok exec "$ID" sh -c 'mknod /dev/f c 10 229; mknod /dev/k c 10 237; probe open rw /dev/f /dev/k'
	prints $'/dev/f ok\n/dev/k ok'
	ok delete --force "$ID"
}

@test "F05: features say systemd and systemdUser" {
	known_deviation runc "1.1 has no features of that form"
	ok features
	is "$(jq -c '.linux.cgroup | [.systemd, .systemdUser, .v2]' "$OUT")" "[true,true,true]"
}
