#!/usr/bin/env bats
# autosize: limits that follow the need: grown under pressure, shrunk in calm, within a range and a budget.
# requires: root cgroup2
load helpers

test_setup() { stiva_only; }

# A policy whose calm is short, so that a test sees it.
QUICK='{"memory": {"calmMs": 2000, "stepMs": 500, "regretMs": 500}, "cpu": {"calmMs": 2000, "stepMs": 500,
	"regretMs": 500}, "check": {"firstMs": 500, "maxMs": 2000}}'

# loaded [FILTER...]: a container whose load is what tells says
loaded() {
	program probe load /ctl -- "$@"
	mkfifo "$BUNDLE/rootfs/ctl"
	starts
}
tells() { echo "$1" >"$BUNDLE/rootfs/ctl"; }
# answered LINE: the load is that now
answered() { grep -qxF -- "$1" "$STDOUT"; }
value() { cat "$(cgroup_of "${2:-$ID}")/$1"; }
mib() { echo $(($1 / 1048576)); }
# watches ARGS...: autosize in the background, its lines in $LOG
watches() {
	LOG=$WORK/log
	echo "$QUICK" >"$WORK/quick.json"
	background "$RUNTIME" --root "$ROOT" autosize --policy "$WORK/quick.json" "$@" >"$LOG" 2>"$WORK/log.err"
	WATCHER=$JOB
	wait_for logged watched
}
logged() { grep -qE -- "$1" "$LOG"; }
ended() { ! kill -0 "$WATCHER" 2>/dev/null; }
sleeping() { grep -q '^State:.S' "/proc/$WATCHER/status"; }
# at_least FILE N, at_most FILE N: a limit
at_least() { [ "$(value "$1" "${3:-}")" -ge "$2" ]; }
at_most() { [ "$(value "$1" "${3:-}")" -le "$2" ]; }
quota() { value cpu.max "${1:-$ID}" | cut -d' ' -f1; }
quota_at_least() { [ "$(quota "${2:-}")" -ge "$1" ]; }
quota_at_most() { [ "$(quota "${2:-}")" -le "$1" ]; }

# ---- what is told it ----

@test "autosize: bad ranges, budgets and weights" {
	program probe wait
	starts
	for t in --memory=x --memory=128M --memory=2G..128M --memory=..1G --memory=1k..1G --cpus=4..0.25 --cpus=0..1 \
		--cpus=1 --cpus=a..b --memory=1000000G..2000000G --cpus=8000..8001; do
		rt autosize "$t" "$ID"
		KEPT=1 refused
	done
	complains "more than this host has"
	rt autosize --memory 2G..128M "$ID"
	KEPT=1 refused "option '--memory'" reversed
	for t in memory=x x memory=1G,memory=2G cpus= ''; do
		rt autosize --memory 1M..2M --budget "$t" "$ID"
		KEPT=1 refused "option '--budget'"
	done
	rt autosize --memory 128M..1G --budget cpus=2 "$ID"
	KEPT=1 refused "cpu without a range"
	rt autosize --memory 128M..1G --budget memory=100M "$ID"
	KEPT=1 refused "128.0M" "more than the budget, 100.0M"
	for t in "$ID" "$ID=" "$ID=0" "$ID=10001" "$ID=-1" =1; do
		rt autosize --memory 1M..2M --weight "$t" "$ID"
		KEPT=1 refused "option '--weight'"
	done
	rt autosize --memory 1M..2M --weight other=5 "$ID"
	KEPT=1 refused other "none of the containers"
	rt autosize "$ID"
	KEPT=1 refused "no range" "--memory"
	rt autosize --memory 1M..2M
	KEPT=1 refused
	is "$(status_of)" running
}

@test "autosize: unknown, stopped and doubled containers" {
	program probe wait
	rt autosize --memory 1M..2M "$ID"
	refused "$ID" "does not exist"
	starts
	rt autosize --memory 1M..2M "$ID" "$ID"
	KEPT=1 refused "given twice"
	rt autosize --memory 1M..2M "$ID" nonesuch
	KEPT=1 refused
	ok kill "$ID" KILL
	stopped
	rt autosize --memory 1M..2M "$ID"
	KEPT=1 refused "not running"
}

@test "autosize: a bad policy is refused with its path" {
	program probe wait
	starts
	while read -r doc text; do
		echo "$doc" >"$WORK/p.json"
		rt autosize --memory 1M..2M --policy "$WORK/p.json" "$ID"
		KEPT=1 refused "p.json" "$text"
	done <<-'END'
		{"memory":{"grow":0}} memory.grow
		{"memory":{"grwo":30}} unknown property "grwo"
		{"cpu":{"guard":1}} unknown property "guard"
		{"cpu":{"quiet":20}} must be less than pressure
		{"check":{"windowMs":1}} check.windowMs
		{"containers":{"web":{"memory":"2G"}}} containers.web: memory
		{"budget":"memory"} budget
		[] object
	END
	rt autosize --memory 1M..2M --policy "$WORK/nonesuch" "$ID"
	KEPT=1 refused nonesuch "no such file"
}

@test "autosize: a container without the controller is told so" {
	program probe wait
	starts
	[ ! -e "$(cgroup_of)/memory.max" ] || skip "requires: no memory controller"
	rt autosize --memory 1M..2M "$ID"
	KEPT=1 refused "$ID" "without the memory controller"
	rt autosize --cpus 0.1..0.2 "$ID"
	KEPT=1 refused "without the cpu controller"
}

# ---- what it does ----

@test "autosize: a container that wants memory grows to the top of its range, without an OOM kill, and back" {
	requires cgroup_memory
	loaded '.linux.resources.memory = {limit: 67108864, swap: 67108864}'
	watches --memory 64M..256M "$ID"
	tells "mem 200"
	DEADLINE=60 wait_for answered "mem 200"
	is "$(grep oom_kill "$(cgroup_of)/memory.events" | head -n 1)" "oom_kill 0"
	at_least memory.max $((200 << 20))
	at_most memory.max $((256 << 20))
	[ "$(grep -c ' -> .*\(at its limit\|pressure\)' "$LOG")" -ge 2 ] || fail "$(cat "$LOG")"
	tells "mem 4"
	# need and headroom, not the old peak
	DEADLINE=60 wait_for at_most memory.max $((96 << 20))
	at_least memory.max $((64 << 20))
	logged 'memory .* -> .*: calm \(used'
	is "$(status_of)" running
	# it may be at the next one between the two looks
	agrees() { [ "$(state | jq .resources.memory.limit)" = "$(value memory.max)" ]; }
	wait_for agrees
	is "$(cat "$WORK/log.err")" ""
}

@test "autosize: not above the range, whatever is asked for" {
	requires cgroup_memory
	loaded '.linux.resources.memory = {limit: 33554432, swap: 33554432}'
	watches --memory 32M..96M "$ID"
	tells "mem 200"
	# beyond it the container is as any other: it runs out of memory
	DEADLINE=60 wait_for stopped_or_killed
	! grep -qE -- '-> (9[7-9]|[1-9][0-9][0-9])\.' "$LOG" || fail "$(cat "$LOG")"
	logged '-> 96.0M'
	DEADLINE=20 wait_for ended
	logged 'the container has ended'
}
stopped_or_killed() { [ "$(status_of)" = stopped ]; }

@test "autosize: a throttled container gets more CPU, and gives it back" {
	requires cgroup_cpu
	loaded '.linux.resources.cpu = {quota: 10000, period: 100000}'
	watches --cpus 0.1..0.8 "$ID"
	tells "cpu 1"
	DEADLINE=60 wait_for quota_at_least 70000
	quota_at_most 80000
	logged 'cpu 0\.10 -> .*throttled in'
	tells "cpu 0"
	DEADLINE=60 wait_for quota_at_most 20000
	is "$(value cpu.max | cut -d' ' -f2)" 100000
}

@test "autosize: two containers share a budget by weight" {
	requires cgroup_cpu
	loaded '.linux.resources.cpu = {quota: 10000, period: 100000}'
	cp -a "$BUNDLE" "$WORK/second"
	rt run -d -b "$WORK/second" "$ID-2"
	OTHER=$OUT
	# in small steps: what the second asks for first is little to the one that has it, and much to the second
	QUICK=${QUICK/'"cpu": {'/'"cpu": {"grow": 25, '}
	watches --cpus 0.1..2 --budget cpus=0.8 --weight "$ID-2=300" "$ID" "$ID-2"
	within() { [ $(($(quota "$ID") + $(quota "$ID-2"))) -le 80000 ]; }
	tells "cpu 1"
	# alone it may have all but the other's least
	DEADLINE=60 wait_for quota_at_least 60000
	within
	echo "cpu 1" >"$WORK/second/rootfs/ctl"
	# 1 : 3, but for what is not worth a change
	shares() { quota_at_most 24000 "$ID" && quota_at_least 56000 "$ID-2"; }
	DEADLINE=60 wait_for shares || fail "$(cat "$LOG" "$WORK/log.err" "$(cgroup_of "$ID-2")/cpu.stat")"
	within
	logged " for $ID-2 "
	# never above it in between, in any line
	awk '$3 == "cpu" {
		has[$2] = ($5 == "->" ? $6 : $4) + 0; sum = 0
		for (id in has) sum += has[id]
		if (sum > 0.801) { print; exit 1 }
	}' "$LOG"
	ok delete --force "$ID-2"
}

@test "autosize: a calm container gives memory to the one that asks" {
	requires cgroup_memory
	loaded '.linux.resources.memory = {limit: 167772160, swap: 167772160}'
	cp -a "$BUNDLE" "$WORK/second"
	rt run -d -b "$WORK/second" "$ID-2"
	OTHER=$OUT
	QUICK='{"memory": {"calmMs": 600000, "stepMs": 500}, "check": {"firstMs": 500}}'
	watches --memory 32M..300M --budget memory=320M "$ID" "$ID-2"
	has_stepped() { [ $((SECONDS - begun)) -ge 2 ]; }
	begun=$SECONDS
	wait_for has_stepped
	is "$(value memory.max "$ID") $(value memory.max "$ID-2")" "167772160 167772160" "before anything is known"
	echo "mem 220" >"$WORK/second/rootfs/ctl"
	other_has() { grep -qxF "mem 220" "$OTHER"; }
	DEADLINE=60 wait_for other_has
	[ $(($(value memory.max "$ID") + $(value memory.max "$ID-2"))) -le $((320 << 20)) ]
	logged "$ID memory .* -> .*: budget for $ID-2 "
	is "$(grep '^oom_kill ' "$(cgroup_of "$ID-2")/memory.events")" "oom_kill 0"
	ok delete --force "$ID-2"
}

@test "autosize: an update by hand is gone on from" {
	requires cgroup_memory
	loaded '.linux.resources.memory = {limit: 67108864, swap: 67108864}'
	watches --memory 64M..256M "$ID"
	ok update --memory 128M --memory-swap 128M "$ID"
	DEADLINE=20 wait_for logged 'memory 64.0M -> 128.0M: changed by somebody else'
	DEADLINE=60 wait_for at_most memory.max $((80 << 20))
}

# ---- how it ends ----

@test "autosize: ends when the container does" {
	requires cgroup_memory
	loaded '.linux.resources.memory = {limit: 67108864, swap: 67108864}'
	watches --memory 64M..256M "$ID"
	tells end
	DEADLINE=20 wait_for ended
	wait "$WATCHER"
	logged "$ID: the container has ended"
	is "$(cat "$WORK/log.err")" ""
}

@test "autosize: SIGTERM and SIGINT leave the limits, and take memory.high back" {
	requires cgroup_memory
	loaded '.linux.resources.memory = {limit: 67108864, swap: 67108864}'
	for sig in TERM INT; do
		watches --memory 64M..256M "$ID"
		guarded() { [ "$(value memory.high)" != max ]; }
		wait_for guarded
		at_most memory.high $((64 << 20))
		kill -s "$sig" "$WATCHER"
		DEADLINE=20 wait_for ended
		wait "$WATCHER"
		logged "ended by SIG$sig; the limits stay"
		is "$(value memory.max) $(value memory.high)" "67108864 max"
	done
}

@test "autosize: a reader that goes away ends it, and memory.high is put back" {
	requires cgroup_memory
	loaded '.linux.resources.memory = {limit: 67108864, swap: 67108864}'
	mkfifo "$WORK/pipe"
	# opened by the job itself: it waits for the reader
	background sh -c 'exec "$@" >"$0"' "$WORK/pipe" \
		"$RUNTIME" --root "$ROOT" autosize --memory 64M..256M "$ID" 2>"$WORK/log.err"
	WATCHER=$JOB
	read -r first <"$WORK/pipe" # and closes it
	[[ $first == *watched* ]]
	# the next line has nobody to read it
	ok update --memory 128M --memory-swap 128M "$ID"
	DEADLINE=20 wait_for ended
	! wait "$WATCHER" || fail "exit status 0"
	is "$(value memory.max) $(value memory.high)" "134217728 max"
}

@test "autosize --explain says what would be done, and changes nothing" {
	requires cgroup_memory cgroup_cpu
	loaded '.linux.resources = {memory: {limit: 268435456}, cpu: {quota: 50000, period: 100000}}'
	before=$(state | jq -c .resources)$(value memory.max)$(value memory.high)$(value cpu.max)
	ok autosize --explain --memory 64M..256M --cpus 0.1..1 "$ID"
	shows "calmMs"
	shows "$ID memory 256.0M in 64.0M..256.0M: would stay: calm, not for long enough; after"
	shows "of calm it would shrink towards 64.0M"
	shows "$ID cpu 0.50 in 0.10..1.00: would stay"
	is "$(state | jq -c .resources)$(value memory.max)$(value memory.high)$(value cpu.max)" "$before"
	ok autosize --explain --format json --memory 64M..256M "$ID"
	is "$(head -n 1 "$OUT" | jq .policy.memory.grow)" 30
	is "$(tail -n 1 "$OUT" | jq -c '[.event, .resource, .would, .min, .max]')" '["explain","memory","stay",67108864,268435456]'
	# outside of its range
	ok autosize --explain --memory 64M..128M "$ID"
	shows "would shrink to 128.0M: outside of its range"
}

@test "autosize: the unit template of systemd" {
	requires systemd cgroup_memory
	loaded '.linux.resources.memory = {limit: 33554432}'
	unit=stiva-autosize@$ID.service
	mkdir -p /etc/stiva/autosize
	sed "s|/usr/local/bin/stiva|$RUNTIME|; s|^ReadWritePaths=.*|&\nReadWritePaths=$ROOT|" \
		"$TOP/contrib/systemd/stiva-autosize@.service" >/run/systemd/system/stiva-autosize@.service
	printf '%s\n' "STIVA_OPTIONS=--root $ROOT" "STIVA_AUTOSIZE=--memory 64M..256M" >"/etc/stiva/autosize/$ID.env"
	UNIT=$unit
	systemctl daemon-reload
	systemctl start "$unit"
	# the service's own cgroup bears the id too: the record says it
	has_grown() { [ "$(state | jq .resources.memory.limit)" = 67108864 ]; }
	DEADLINE=30 wait_for has_grown
	systemctl is-active "$unit"
	tells end
	inactive() { [ "$(systemctl is-active "$unit")" = inactive ]; }
	DEADLINE=30 wait_for inactive
	is "$(systemctl show -P Result "$unit")" success
}
test_teardown() {
	[ -n "${UNIT:-}" ] || return 0
	journalctl --no-pager -o cat -u "$UNIT" | tail -n 20 # of interest when it failed
	systemctl stop "$UNIT" || true
	rm -rf /run/systemd/system/stiva-autosize@.service /etc/stiva
	systemctl daemon-reload
}

@test "autosize: lines as JSON" {
	requires cgroup_memory
	loaded '.linux.resources.memory = {limit: 33554432}'
	watches_json() {
		LOG=$WORK/log
		background "$RUNTIME" --root "$ROOT" autosize -f json --memory 64M..256M "$ID" >"$LOG"
		WATCHER=$JOB
		wait_for logged begin
	}
	watches_json
	DEADLINE=20 wait_for logged '"resize"'
	is "$(sed -n 2p "$LOG" | jq -c '[.event, .id, .resource, .from, .to, .reason]')" \
		"[\"resize\",\"$ID\",\"memory\",33554432,67108864,\"outside of its range\"]"
	kill -s TERM "$WATCHER"
	DEADLINE=20 wait_for ended
	is "$(tail -n 1 "$LOG" | jq -r .event)" end
}

@test "autosize: under systemd its limits are the unit's, and a daemon-reload keeps them" {
	requires systemd cgroup_memory cgroup_cpu
	export PATH_FORM="system.slice:pre:$ID"
	program probe load /ctl -- '.linux.cgroupsPath = env.PATH_FORM |
		.linux.resources = {memory: {limit: 67108864, swap: 67108864}, cpu: {quota: 10000, period: 100000}}'
	mkfifo "$BUNDLE/rootfs/ctl"
	ok --systemd-cgroup run -d -b "$BUNDLE" "$ID"
	STDOUT=$OUT
	watches --memory 64M..256M --cpus 0.1..0.8 "$ID"
	prop() { systemctl show -P "$1" "pre-$ID.scope"; }
	tells "mem 200"
	DEADLINE=90 wait_for answered "mem 200"
	tells "cpu 1"
	DEADLINE=60 wait_for quota_at_least 70000
	kill -s TERM "$WATCHER"
	DEADLINE=20 wait_for ended
	limits() { echo "$(value memory.max) $(value memory.high) $(value cpu.max)"; }
	before=$(limits)
	at_least memory.max $((200 << 20))
	is "$(prop MemoryMax) $(prop MemoryHigh)" "$(value memory.max) infinity"
	systemctl daemon-reload
	is "$(limits)" "$before"
	is "$(grep oom_kill "$(cgroup_of)/memory.events" | head -n 1)" "oom_kill 0"
	ok delete --force "$ID"
}

@test "autosize: without pressure it says so once, and goes by events and the time" {
	requires cgroup_memory cgroup_cpu
	loaded '.linux.resources = {memory: {limit: 67108864, swap: 67108864}, cpu: {quota: 10000, period: 100000}}'
	dir=$(cgroup_of)
	[ -e "$dir/cgroup.pressure" ] || skip "requires: a kernel that can leave pressure out"
	echo 0 >"$dir/cgroup.pressure"
	watches --memory 64M..256M --cpus 0.1..0.8 "$ID"
	wait_for logged 'memory: .*counts no pressure'
	wait_for logged 'cpu: .*counts no pressure'
	tells "mem 200"
	DEADLINE=90 wait_for answered "mem 200"
	at_least memory.max $((200 << 20))
	tells "cpu 1"
	DEADLINE=60 wait_for quota_at_least 70000
	is "$(grep -c 'counts no pressure' "$LOG")" 2
	is "$(grep oom_kill "$dir/memory.events" | head -n 1)" "oom_kill 0"
}

@test "autosize: what a killed one leaves in memory.high, the next one, a resize and an update do not keep" {
	requires cgroup_memory
	loaded '.linux.resources.memory = {limit: 67108864, swap: 67108864}'
	guarded() { [ "$(value memory.high)" != max ]; }
	killed() {
		watches --memory 64M..256M "$ID"
		wait_for guarded
		kill -s KILL "$WATCHER"
		DEADLINE=20 wait_for ended
		wait "$WATCHER" || true
		guarded
	}
	killed
	watches --memory 64M..256M "$ID"
	kill -s TERM "$WATCHER"
	DEADLINE=20 wait_for ended
	is "$(value memory.max) $(value memory.high)" "67108864 max"
	killed
	ok resize --memory 128M "$ID"
	is "$(value memory.max) $(value memory.high)" "134217728 max"
	killed
	ok update --memory 160M --memory-swap 160M "$ID"
	is "$(value memory.max) $(value memory.high)" "167772160 max"
}

# nanoseconds on a CPU of a process (Documentation/scheduler/sched-stats.rst)
on_cpu() { cut -d' ' -f1 "/proc/$1/schedstat"; }

@test "autosize: idle it uses less than 0.1 % of a CPU" {
	requires cgroup_memory cgroup_cpu
	loaded '.linux.resources = {memory: {limit: 67108864}, cpu: {quota: 25000, period: 100000}}'
	LOG=$WORK/log
	background "$RUNTIME" --root "$ROOT" autosize --memory 64M..256M --cpus 0.25..2 "$ID" >"$LOG"
	WATCHER=$JOB
	wait_for logged 'cpu .* watched'
	wait_for sleeping
	# A minute in which the container does nothing; the clock is what is waited for.
	begin=$SECONDS
	first=$(on_cpu "$WATCHER")
	a_minute() { [ $((SECONDS - begin)) -ge 60 ]; }
	DEADLINE=90 wait_for a_minute
	used=$(($(on_cpu "$WATCHER") - first))
	echo "# idle autosize: $used ns in a minute" >&3
	[ "$used" -gt 0 ] || fail "it never looked"
	[ "$used" -lt 60000000 ] || fail "$used ns in a minute"
}
