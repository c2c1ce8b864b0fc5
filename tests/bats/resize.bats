#!/usr/bin/env bats
# resize: limits for people; memory is taken back before its limit is lowered.
# requires: root cgroup2
load helpers

test_setup() {
	stiva_only
	DEADLINE=90
	# page cache is of a disk's file: the suite's own folder may be a tmpfs
	DISK=/var/tmp/resize.$ID
	export DISK
}
test_teardown() { rm -rf "$DISK"; }

M=$((1 << 20))
value() { cat "$(cgroup_of)/$1"; }
events() { awk -v k="$1" '$1 == k { print $2 }' "$(cgroup_of)/memory.events"; }
# holds LIMIT SWAP KIND MIB...: a container of LIMIT and SWAP MiB that holds memory
holds() {
	local limit=$(($1 * M)) swap=$((($1 + $2) * M))
	shift 2
	mkdir -p "$DISK"
	program probe mem "$@" -- ".linux.resources.memory = {limit: $limit, swap: $swap}" \
		'.linux.resources.pids = {limit: 40}' '.linux.resources.cpu = {quota: 100000, period: 100000, shares: 100}' \
		'.mounts += [{destination: "/data", type: "bind", source: env.DISK, options: ["bind"]}]'
	starts
}
picture() { (cd "$(cgroup_of)" && head memory.max memory.high memory.swap.max memory.low cpu.max cpu.weight pids.max cpuset.cpus 2>/dev/null); state | jq -cS .resources; }
# unchanged: since the last picture in $BEFORE, and no process was ended
unchanged() {
	is "$(picture)" "$BEFORE"
	is "$(events oom_kill)" 0
	refute grep -q '"shrink"' "$ROOT/$ID/state.json"
}
mib() { echo $(($(value "$1") / M)); }
# intact: every page of `probe mem` is still what it was
intact() {
	"$RUNTIME" --root "$ROOT" kill "$ID" USR1
	wait_for grep -qx intact "$STDOUT"
	is "$(status_of)" running
}
in_between() { grep -q '"shrink"' "$ROOT/$ID/state.json"; }
is_held() { in_between && [ "$(value memory.high)" != max ]; }
# begins_to ARGS...: a resize in the background that is taking memory back; $JOB, $WORK/bg.*
begins_to() {
	# its own group of signals: bash ignores INT for a background job
	background perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' "$RUNTIME" --root "$ROOT" resize "$@" "$ID" >"$WORK/bg.out" 2>"$WORK/bg.err"
	wait_for is_held
	# so that it does not end before we have looked
	kill -STOP "$JOB"
	is_held
}
go_on() { kill -CONT "$JOB"; }
ended() {
	local r=0
	wait "$JOB" || r=$?
	is "$r" "$1" "$(cat "$WORK/bg.err")"
}

@test "RS01: growing is one write, and memory.high is not touched" {
	requires cgroup_memory cgroup_cpu cgroup_pids
	holds 64 64 cold 8
	rt --debug --log "$WORK/log" resize --memory +64M "$ID"
	exits 0
	is "$(grep -c 'update: \\*"' "$WORK/log")" 1
	grep -q "\"$((128 * M))\\\\*\" to memory.max" "$WORK/log" || fail "$(cat "$WORK/log")"
	is "$(value memory.max) $(value memory.high) $(value memory.swap.max)" "$((128 * M)) max $((64 * M))"
	shows "64M"
	shows "128M"
	[[ $(grep '^memory ' "$OUT" | xargs) == "memory 64M 128M "* ]] || fail "$output"
	[[ $(grep '^cpus ' "$OUT" | xargs) == "cpus 1 = -" ]] || fail "$output"
	is "$(state | jq -c '.resources | [.memory.limit, .memory.swap, .pids.limit]')" "[$((128 * M)),$((192 * M)),40]"
}

@test "RS02: all of them at once" {
	requires cgroup_memory cgroup_cpu cgroup_pids cgroup_cpuset
	holds 64 64 cold 8
	ok resize --cpus 1.5 --cpuset 0 --weight 200 --memory 96M --swap 128M --pids 50 --reservation 16M "$ID"
	is "$(value cpu.max) $(value cpu.weight) $(value cpuset.cpus)" "150000 100000 200 0"
	is "$(value memory.max) $(value memory.swap.max) $(value memory.low) $(value pids.max)" "$((96 * M)) $((128 * M)) $((16 * M)) 50"
	# a weight of an update stands above that of a resize, and the other way round
	ok update --cpu-share 1024 "$ID"
	is "$(value cpu.weight)" 100
	ok resize --weight 300 "$ID"
	is "$(value cpu.weight)" 300
	ok resize --cpus max --memory max --pids max --reservation 0 "$ID"
	is "$(value cpu.max) $(value memory.max) $(value memory.low) $(value pids.max)" "max 100000 max 0 max"
	# swap without a limit of memory
	ok resize --swap 32M "$ID"
	is "$(value memory.swap.max)" $((32 * M))
	ok resize --swap 0 "$ID"
	is "$(value memory.swap.max)" 0
	ok resize --memory 64M "$ID"
	is "$(value memory.max) $(value memory.swap.max)" "$((64 * M)) 0"
	ok resize --swap max "$ID"
	is "$(value memory.max) $(value memory.swap.max)" "$((64 * M)) max"
}

@test "RS03: changes of what is in force" {
	requires cgroup_memory cgroup_cpu cgroup_pids
	holds 64 64 cold 4
	ok resize --memory +64M --swap +50% --pids +60 --cpus +0.5 "$ID"
	is "$(value memory.max) $(value memory.swap.max) $(value pids.max) $(value cpu.max)" \
		"$((128 * M)) $((96 * M)) 100 150000 100000"
	ok resize --memory -25% "$ID"
	is "$(value memory.max) $(value memory.swap.max)" "$((96 * M)) $((96 * M))"
	ok resize --memory=-25% --cpus=-50% --pids -20 "$ID"
	is "$(value memory.max) $(value pids.max) $(value cpu.max)" "$((72 * M)) 80 75000 100000"
	BEFORE=$(picture)
	rt resize --memory -200% "$ID"
	KEPT=1 refused "more than the limit in force"
	unchanged
	ok resize --memory max "$ID"
	rt resize --memory +64M "$ID"
	KEPT=1 refused "no limit in force"
}

@test "RS04: page cache and cold memory shrink to a quarter: nobody is killed, no page is lost" {
	requires cgroup_memory
	holds 256 256 cold 120 file 60
	[ "$(mib memory.current)" -gt 150 ]
	ok resize --memory 64M "$ID"
	is "$(value memory.max) $(value memory.high)" "$((64 * M)) max"
	[ "$(value memory.current)" -le $((64 * M)) ]
	is "$(events oom_kill) $(events oom)" "0 0"
	shows "taken back"
	is "$(state | jq .resources.memory.limit)" $((64 * M))
	intact
	is "$(events oom_kill)" 0
	is "$(value memory.swap.max)" $((256 * M))
}

@test "RS05: what does not fit puts all back, says how low it can go, and that is true" {
	requires cgroup_memory cgroup_pids
	holds 256 0 hot 100 file 30
	BEFORE=$(picture)
	rt resize --memory 64M --pids 77 --swap 0 "$ID"
	KEPT=1 refused "64M of memory is too little" "anonymous" "swap limit is 0" "it can go down to"
	unchanged
	low=$(sed -n 's/.*it can go down to \([0-9]*M\).*/\1/p' "$ERR")
	[ "${low%M}" -gt 100 ] && [ "${low%M}" -lt 130 ] || fail "$low"
	rt resize --memory 64M --format json "$ID"
	exits 1
	[ "$(jq -rs 'last.floor' "$OUT")" -gt $((100 * M)) ]
	unchanged
	ok resize --memory "$low" "$ID"
	is "$(mib memory.max)" "${low%M}"
	is "$(events oom_kill)" 0
	intact
}

@test "RS05: a memory.high of the user's own is respected and comes back" {
	requires cgroup_memory
	holds 256 0 cold 100 file 60
	update_with() { rt update -r - "$ID" <<<"$1" && exits 0; }
	update_with '{"unified": {"memory.high": "209715200"}}'
	BEFORE=$(picture)
	rt resize --memory 64M "$ID"
	KEPT=1 refused "it can go down to"
	unchanged
	is "$(value memory.high)" 209715200
	ok resize --memory 128M "$ID"
	is "$(value memory.max) $(value memory.high)" "$((128 * M)) 209715200"
}

@test "RS06: --force lowers it all the same, and says what it did" {
	requires cgroup_memory
	holds 256 0 hot 100
	rt resize --memory 32M --force "$ID"
	exits 0
	complains "oom_kill"
	stopped
}

@test "RS07: --dry-run says what would be written, in which order, and changes nothing" {
	requires cgroup_memory cgroup_cpu cgroup_pids
	holds 256 0 cold 60 file 60
	BEFORE=$(picture)
	ok resize --dry-run --memory 80M --swap 64M --pids 50 --cpus 0.5 "$ID"
	unchanged
	is "$(awk 'NR > 1 && NF > 1 && !/^memory:/ { print $1 }' "$OUT" | xargs)" \
		"memory.swap.max memory.high memory.reclaim cpu.max pids.max memory.max memory.high"
	shows "may fit"
	ok resize --dry-run --memory 32M "$ID"
	shows "does not fit"
	ok resize --dry-run --memory 32M --format json "$ID"
	is "$(jq -c '[.fits, .before.memory, .writes[-1].file, .writes[-1].to]' "$OUT")" "[false,$((256 * M)),\"memory.high\",\"max\"]"
	[ "$(jq .floor "$OUT")" -gt $((59 * M)) ]
	ok resize --dry-run --memory 256M "$ID"
	prints "nothing would change"
	ok resize -n --memory 300M "$ID"
	refute grep -q memory.high "$OUT"
	unchanged
}

@test "RS08: a smaller cpuset strands no task, pinned or not" {
	requires cgroup_cpuset cgroup_cpu
	[ "$(nproc)" -ge 2 ] || skip "requires: two CPUs"
	script 'while :; do :; done & while :; do :; done & echo ready; wait'
	starts
	pids=$(ok ps "$ID" >/dev/null; cat "$(cgroup_of)/cgroup.procs")
	ok resize --cpuset 0-1 "$ID"
	for pid in $pids; do taskset -pc 1 "$pid" >/dev/null; done
	ok resize --cpuset 0 --cpus 0.5 "$ID"
	is "$(value cpuset.cpus) $(value cpu.max)" "0 50000 100000"
	for pid in $pids; do is "$(sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$pid/status")" 0 "$pid"; done
	# and the two that are busy go on
	for pid in ${pids#*$'\n'}; do
		was=$(awk '{ print $14 }' "/proc/$pid/stat")
		moved() { [ "$(awk '{ print $14 }' "/proc/$pid/stat")" -gt "$was" ]; }
		wait_for moved
	done
}

@test "RS09: an interrupt in the middle puts all back" {
	requires cgroup_memory
	holds 256 0 hot 100
	BEFORE=$(picture)
	for sig in INT TERM HUP; do
		begins_to --memory 48M
		kill -$sig "$JOB"
		go_on
		ended 1
		grep -q "interrupted by SIG$sig" "$WORK/bg.err" || fail "$(cat "$WORK/bg.err")"
		unchanged
	done
	intact
}

@test "RS09: a reader of the progress that goes away puts all back" {
	requires cgroup_memory
	holds 256 0 hot 100
	BEFORE=$(picture)
	{ rt=0; "$RUNTIME" --root "$ROOT" resize --memory 48M --format json "$ID" 2>"$WORK/err" || rt=$?; echo $rt >"$WORK/rt"; } | head -n 1 >"$WORK/first"
	grep -q '"progress"' "$WORK/first"
	is "$(cat "$WORK/rt")" 1
	unchanged
}

@test "RS10: meanwhile the container can be looked at, paused and signalled; update and resize are refused" {
	requires cgroup_memory
	holds 256 0 hot 100
	BEFORE=$(picture)
	begins_to --memory 48M
	is "$(status_of)" running
	rt update --pids-limit 30 "$ID"
	KEPT=1 refused "a resize is taking memory back"
	rt resize --pids 30 "$ID"
	KEPT=1 refused "a resize is taking memory back"
	ok exec "$ID" true
	ok pause "$ID"
	ok resume "$ID"
	go_on
	ended 1
	unchanged
}

@test "RS10: delete --force in the middle deletes" {
	requires cgroup_memory
	holds 256 0 hot 100
	begins_to --memory 48M
	ok delete --force "$ID"
	absent
	go_on
	ended 1
	is "$(wc -l <"$WORK/bg.err")" 1
}

@test "RS11: killed in the middle: the next update or resize restores memory.high" {
	requires cgroup_memory cgroup_pids
	holds 256 16 hot 100
	for next in "update --pids-limit 30" "resize --pids 31"; do
		BEFORE=$(picture)
		begins_to --memory 48M --swap 32M
		kill -KILL "$JOB"
		ended 137
		[ "$(value memory.high)" != max ]
		# shellcheck disable=SC2086 # words
		ok $next "$ID"
		is "$(value memory.high) $(value memory.max) $(value memory.swap.max)" "max $((256 * M)) $((16 * M))"
		refute in_between
	done
	is "$(value pids.max)" 31
	begins_to --memory 48M
	kill -KILL "$JOB"
	ok delete --force "$ID"
}

@test "RS12: paused and created containers shrink as well, and stay what they are" {
	requires cgroup_memory
	holds 256 256 cold 100
	ok pause "$ID"
	ok resize --memory 40M "$ID"
	is "$(status_of) $(mib memory.max) $(value memory.high)" "paused 40 max"
	ok resume "$ID"
	intact
	ok delete --force "$ID"
	program probe wait -- '.linux.resources.memory = {limit: 268435456}'
	ok create -b "$BUNDLE" "$ID"
	ok resize --memory 64M "$ID"
	is "$(status_of) $(mib memory.max)" "created 64"
}

@test "RS13: memory that is in a cgroup of the container's own" {
	requires cgroup_memory
	program probe mem cold 100 -- '.linux.resources.memory = {limit: 268435456, swap: 536870912}' \
		'.annotations["run.oci.delegate-cgroup"] = "inner"'
	starts
	[ -d "$(cgroup_of)/inner" ]
	ok resize --memory 40M "$ID"
	is "$(mib memory.max) $(value memory.high) $(events oom_kill)" "40 max 0"
	intact
}

@test "RS14: swap that grows is there to shrink into, and goes back when it does not help" {
	requires cgroup_memory
	holds 256 0 cold 120
	BEFORE=$(picture)
	rt resize --memory 40M --swap 20M "$ID"
	KEPT=1 refused "it can go down to"
	unchanged
	ok resize --memory 40M --swap 200M "$ID"
	is "$(mib memory.max) $(mib memory.swap.max)" "40 200"
	intact
}

@test "RS14: less swap than is in it needs room for what comes back" {
	requires cgroup_memory
	holds 256 256 cold 120
	ok resize --memory 40M "$ID"
	[ "$(mib memory.swap.current)" -gt 60 ]
	BEFORE=$(picture)
	rt resize --swap 16M "$ID"
	KEPT=1 refused "of swap has to come back" "it can go down to"
	unchanged
	ok resize --memory 160M --swap 16M "$ID"
	is "$(mib memory.max) $(mib memory.swap.max)" "160 16"
	intact
	is "$(events oom_kill)" 0
}

@test "RS15: a working set that would only thrash does not fit" {
	requires cgroup_memory
	holds 256 256 hot 100
	BEFORE=$(picture)
	rt resize --memory 24M "$ID"
	KEPT=1 refused "too little" "it can go down to"
	unchanged
	intact
}

@test "RS16: systemd: the unit follows, and daemon-reload undoes nothing" {
	requires cgroup_memory systemd
	export PATH_FORM="system.slice:pre:$ID"
	program probe mem cold 120 -- '.linux.cgroupsPath = env.PATH_FORM' '.linux.resources.memory = {limit: 268435456, swap: 268435456}'
	ok --systemd-cgroup run -d -b "$BUNDLE" "$ID"
	STDOUT=$OUT
	wait_for said ready
	box="$CG$(sed -n s/^0:://p "/proc/$(pid_of)/cgroup")"
	ok --systemd-cgroup resize --memory 48M --swap 200M "$ID"
	for _ in 1 2; do
		is "$(cat "$box/memory.max" "$box/memory.high" "$box/memory.swap.max" | xargs)" "$((48 * M)) max $((200 * M))"
		is "$(systemctl show -P MemoryMax "pre-$ID.scope") $(systemctl show -P MemorySwapMax "pre-$ID.scope")" "$((48 * M)) $((200 * M))"
		systemctl daemon-reload
	done
	is "$(awk '$1 == "oom_kill" { print $2 }' "$box/memory.events")" 0
	intact
	rt --systemd-cgroup resize --memory 16M --swap 0 "$ID"
	ok delete --force "$ID"
}

@test "RS17: bad values: one line each, and nothing changes" {
	requires cgroup_memory cgroup_cpu cgroup_cpuset cgroup_pids
	holds 64 64 cold 8
	BEFORE=$(picture)
	nope() {
		local text=$1
		shift
		rt resize "$@" "$ID"
		KEPT=1 refused "$text"
		is "$(picture)" "$BEFORE"
	}
	nope "nothing to change"
	nope "more than the host has" --memory 64T
	nope "more than the host has" --cpus 5000
	nope "the host does not have" --cpuset 0-4000
	nope "is not a list" --cpuset 0x
	nope "is not a list" --cpuset 1-0
	nope "is not a list" --cpuset-mems x
	nope "is not a size" --memory 12q
	nope "is not a size" --memory ''
	nope "would leave nothing" --memory 0
	nope "max lifts the limit" --memory -1
	nope "needs a sign" --memory 25%
	nope "is not a number of CPUs" --cpus x
	nope "too little" --cpus 0.001
	nope "1 to 10000" --weight 0
	nope "1 to 10000" --weight 10001
	nope "10 to 1000" --io-weight 5
	nope "is not a number" --pids 1.5
	nope "kernel's most" --pids 9999999999
	nope "more than the memory limit" --reservation 65M
	nope "is not a time" --timeout x --memory 32M
	nope "is not a time" --timeout 0 --memory 32M
	nope "is not device" --io nonsense
	nope "/dev/null" --io /dev/null:rbps=1M
	nope "no such" --io 4000:1:rbps=1M
	# all or none: the last of them is refused
	nope "cpu.mems" --memory 65M --pids 41 --cpuset-mems 900
}

@test "RS17: a stopped, unknown or cgroup-less container is refused" {
	program true
	rt resize --pids 10 "$ID"
	refused "does not exist"
	ok create -b "$BUNDLE" "$ID"
	ok start "$ID"
	stopped
	rt resize --pids 10 "$ID"
	KEPT=1 refused "not running"
	ok delete "$ID"
	program probe wait
	rt --cgroup-manager disabled run -d -b "$BUNDLE" "$ID"
	exits 0
	rt resize --pids 10 "$ID"
	KEPT=1 refused "no cgroup"
}

@test "RS17 C16: a controller that is not there is refused by its name" {
	[ ! -e $CG/memory.stat ] || ! grep -qw memory $CG/cgroup.controllers || skip "requires: no memory controller"
	program probe wait
	starts
	for t in "memory --memory 64M" "memory --swap 64M" "memory --reservation 5M" "cpu --cpus 1" "cpu --weight 100" \
		"pids --pids 10" "cpuset --cpuset 0" "io --io 8:0:rbps=1M"; do
		# shellcheck disable=SC2086 # words
		rt resize ${t#* } "$ID"
		KEPT=1 refused "controller \`${t%% *}"
	done
	is "$(status_of)" running
}

@test "RS18: --format json: progress, then before and after" {
	requires cgroup_memory cgroup_cpu cgroup_pids
	holds 256 256 cold 100
	ok resize --memory 60M --cpus 0.5 --format json "$ID"
	is "$(jq -sc 'last | [.id, .before.memory, .after.memory, .before.cpus == 1, .after.cpus == 0.5, .after.swap]' "$OUT")" \
		"[\"$ID\",$((256 * M)),$((60 * M)),true,true,$((256 * M))]"
	[ "$(jq -s 'last | .taken' "$OUT")" -gt $((30 * M)) ]
	jq -se '.[:-1] | all(has("progress")) and length > 0' "$OUT" >/dev/null || fail "$output"
	ok resize --memory max --cpus max --format json "$ID"
	is "$(jq -c '[.after.memory, .after.cpus]' "$OUT")" "[null,null]"
}

@test "RS19: limits of a disk by its name" {
	requires cgroup_io
	[ -b /dev/vda ] || skip "requires: vm"
	a=$(stat -c '%Hr:%Lr' /dev/vda)
	program probe wait
	starts
	ok resize --io /dev/vda:rbps=10M,wiops=100 "$ID"
	is "$(value io.max)" "$a rbps=10485760 wbps=max riops=max wiops=100"
	ok resize --io "$a:rbps=max" --io /dev/vda:wbps=1M "$ID"
	is "$(value io.max)" "$a rbps=max wbps=1048576 riops=max wiops=100"
}
