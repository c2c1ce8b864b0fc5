#!/usr/bin/env bats
# events: the JSON that programs read, the loop, OOM kills, the end.
# requires: root cgroup2
# parallel: yes
load helpers

# data FILTER: of the last stats event in $OUT
data() { jq -c "$1" "$OUT"; }
lines() { wc -l <"$OUT"; }
# events in the background, their lines in $LOG, a file of its own: an earlier one may still write
watch() {
	WATCHES=$((${WATCHES:-0} + 1))
	LOG=$WORK/log.$WATCHES
	background "$RUNTIME" --root "$ROOT" events "$@" "$ID" >"$LOG"
	WATCHER=$JOB
}
logged() { grep -qE -- "$1" "$LOG"; }
ended() { ! kill -0 "$WATCHER" 2>/dev/null; }

@test "U31 U109: events --stats is one line in the layout of runc" {
	known_deviation crun "has no events"
	program probe wait
	starts
	ok events --stats "$ID"
	is "$(lines)" 1
	[[ $output == '{"type":"stats","id":"'$ID'","data":{"cpu":{"usage":{'* ]]
	is "$(data 'keys_unsorted')" '["type","id","data"]'
	is "$(data '.data | keys_unsorted')" \
		'["cpu","cpuset","memory","pids","blkio","hugetlb","intel_rdt","network_interfaces"]'
	is "$(data '.data.network_interfaces')" null
	is "$(data '.data.intel_rdt')" '{}'
	is "$(data '.data.memory.kernel')" '{"limit":0,"failcnt":0}'
	is "$(data '.data.cpuset.sched_relax_domain_level')" 0
	is "$(data '.data.pids.current')" 1
	is "$(data '[.data.cpu.usage.kernel, .data.cpu.usage.user | type] | unique')" '["number"]'
	data '.data.cpu.usage | .total >= .kernel' | grep -qx true
}

@test "U109: a missing controller is no error, and leaves nothing behind" {
	known_deviation crun "has no events"
	[ ! -e "$CG/memory.pressure" ] || [ -e "$CG/cgroup.controllers" ]
	program probe wait
	starts
	[ ! -e "$(cgroup_of)/memory.current" ] || skip "requires: no memory controller"
	ok events --stats "$ID"
	is "$(data '.data.memory.usage')" '{"limit":0,"failcnt":0}'
	is "$(data '.data.memory.raw')" null
	is "$(data '.data.pids')" '{"current":1}'
	is "$(data '.data.blkio | del(.psi)')" '{}'
	is "$stderr" ""
}

@test "U109: pressure has both lines with all four values" {
	known_deviation crun "has no events"
	known_deviation runc "1.1 has no pressure"
	program probe wait
	starts
	cat "$(cgroup_of)/cpu.pressure" >/dev/null 2>&1 || skip "requires: pressure"
	ok events --stats "$ID"
	for part in cpu memory blkio; do
		is "$(data ".data.$part.psi | keys_unsorted")" '["some","full"]'
		is "$(data ".data.$part.psi.some | keys_unsorted")" '["avg10","avg60","avg300","total"]'
		is "$(data "[.data.$part.psi[][] | type] | unique")" '["number"]'
	done
}

@test "U109: the values are those of the cgroup's files" {
	requires cgroup_memory cgroup_pids cgroup_cpuset
	known_deviation crun "has no events"
	known_deviation runc "1.1 leaves the cpuset out"
	program probe wait -- '.linux.resources = {memory: {limit: 50003968, swap: 60002304}, pids: {limit: 33}, cpu: {cpus: "0"}}'
	starts
	ok events --stats "$ID"
	is "$(data .data.memory.usage.limit)" 50003968
	is "$(data .data.memory.swap.limit)" 60002304
	data '.data.memory | .swap.usage >= .usage.usage and .usage.usage > 0' | grep -qx true
	data '.data.memory | .usage.max >= .usage.usage' | grep -qx true
	is "$(data '.data.memory.cache // 0')" "$(data '.data.memory.raw.file')"
	is "$(data '.data.memory.raw | keys')" "$(data '.data.memory.raw | keys_unsorted')"
	is "$(data '.data.memory.raw | length')" "$(wc -l <"$(cgroup_of)/memory.stat")"
	is "$(data .data.pids)" '{"current":1,"limit":33}'
	is "$(data .data.cpuset.cpus)" '[0]'
	is "$(data .data.cpuset.mems)" '[0]'
}

@test "U109: no limit is the largest number, and no limit of tasks is left out" {
	requires cgroup_memory cgroup_pids
	known_deviation crun "has no events"
	program probe wait
	starts
	ok events --stats "$ID"
	grep -qF '"usage":{"limit":18446744073709551615,' "$OUT"
	grep -qF '"swap":{"limit":18446744073709551615,' "$OUT"
	is "$(data .data.pids)" '{"current":1}'
}

@test "U109: what was read and written is in blkio" {
	requires cgroup_io
	known_deviation crun "has no events"
	[ -b /dev/vda ] || skip "requires: vm"
	program probe wait
	starts
	# opened outside, read inside
	sh -c 'exec 7</dev/vda; echo $$ >"$1/cgroup.procs"; dd bs=64k count=4 iflag=direct <&7 >/dev/null 2>&1' sh "$(cgroup_of)"
	ok events --stats "$ID"
	is "$(data '[.data.blkio.ioServiceBytesRecursive[].op] | unique')" '["Read","Write"]'
	data '[.data.blkio.ioServiceBytesRecursive[] | select(.op == "Read") | .value // 0] | add >= 262144' | grep -qx true
	data '[.data.blkio.ioServicedRecursive[] | select(.op == "Read") | .value // 0] | add >= 1' | grep -qx true
	is "$(data '.data.blkio.ioServicedRecursive | length')" "$(data '.data.blkio.ioServiceBytesRecursive | length')"
}

@test "U109: hugetlb is told by page size" {
	requires cgroup_memory cgroup_hugetlb
	known_deviation crun "has no events"
	program probe wait -- '.linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 2097152}]'
	starts
	ok events --stats "$ID"
	is "$(data '.data.hugetlb["2MB"]')" '{"failcnt":0}'
}

@test "U109: events goes on at the interval and ends with the container" {
	known_deviation crun "has no events"
	program probe wait
	starts
	watch --interval 20ms
	more() { [ "$(wc -l <"$LOG")" -ge 3 ]; }
	wait_for more
	ok delete --force "$ID"
	wait_for ended
	is "$(jq -r .type "$LOG" | sort -u)" stats
	is "$(jq -r .id "$LOG" | sort -u)" "$ID"
	wait "$WATCHER"
}

@test "U109: events ends when the program does, whatever the interval" {
	known_deviation crun "has no events"
	known_deviation runc "waits for the cgroup's end"
	program probe wait
	starts
	watch --interval 1h
	open_events() { [ -n "$(find "/proc/$WATCHER/fd" -lname '*/cgroup.events' 2>/dev/null)" ]; }
	wait_for open_events
	ok kill "$ID" KILL
	wait_for ended
	wait "$WATCHER"
	is "$(cat "$LOG")" ""
}

@test "U109: an OOM kill is told as it happens" {
	requires cgroup_memory
	known_deviation crun "has no events"
	script 'echo ready; read x </go; head -c 40000000 /dev/zero | tail >/dev/null; echo done; read x </end' \
		'.linux.resources.memory = {limit: 12582912, swap: 12582912}'
	mkfifo "$BUNDLE/rootfs/go" "$BUNDLE/rootfs/end"
	starts
	watch --interval 1h
	watching() { [ -n "$(find "/proc/$WATCHER/fd" -lname '*/memory.events' 2>/dev/null)" ]; }
	is_stiva || watching() { sleep 2; }
	wait_for watching
	echo >"$BUNDLE/rootfs/go"
	DEADLINE=60 wait_for logged "^{\"type\":\"oom\",\"id\":\"$ID\"}$"
	is "$(wc -l <"$LOG")" 1
	is "$(status_of)" running
}

@test "U109: the intervals of Go are taken, others are refused" {
	known_deviation crun "has no events"
	program probe wait
	starts
	for t in 5s 500ms 1m 1h30m 1.5s; do
		ok events --stats --interval "$t" "$ID"
	done
	for t in 0s 0 -1s 5 x ""; do
		rt events --stats --interval "$t" "$ID"
		KEPT=1 refused interval
	done
}

@test "U109: a stopped or unknown container is refused, a created or paused one is not" {
	known_deviation crun "has no events"
	program probe wait
	rt events --stats "$ID"
	refused "does not exist"
	ok create -b "$BUNDLE" "$ID"
	ok events --stats "$ID"
	ok start "$ID"
	ok pause "$ID"
	ok events --stats "$ID"
	ok resume "$ID"
	ok kill "$ID" KILL
	stopped
	rt events --stats "$ID"
	KEPT=1 refused "not running"
}

# ---- limits ----

# the number of an events file's line, and the sum of what was told of it
counted() { sed -n "s/^$2 //p" "$(cgroup_of)/$1.events"; }
told_of() { jq -s --arg k "$1" 'map(select(.type == "limit").data[$k] // 0) | add // 0' "$LOG"; }
all_told() { [ "$(told_of "$1.$2")" = "$(counted "$1" "$2")" ]; }
# it has the file open, and has looked at what there was before: it sleeps in poll(2)
watching_limits() {
	[ -n "$(find "/proc/$WATCHER/fd" -lname '*/pids.events' 2>/dev/null)" ] &&
		[[ $(cat "/proc/$WATCHER/syscall") =~ ^(7|271)\  ]]
}

@test "events --limits: forks that are refused, counted and in lines of their own; not without it" {
	stiva_only
	requires cgroup_pids
	program probe wait -- '.linux.resources.pids = {limit: 1}'
	starts
	PLAIN=$WORK/plain
	background "$RUNTIME" --root "$ROOT" events --interval 1h "$ID" >"$PLAIN"
	watch --limits --interval 1h
	wait_for watching_limits
	for _ in 1 2 3 4; do
		rt exec "$ID" true
		[ "$status" != 0 ]
	done
	[ "$(counted pids max)" -ge 4 ]
	wait_for all_told pids max
	head -n 1 "$LOG" | grep -qxE '\{"type":"limit","id":"'"$ID"'","data":\{"pids.max":[0-9]+\}\}'
	is "$(jq -r .type "$LOG" | sort -u)" limit
	[ ! -s "$PLAIN" ] || fail "$(cat "$PLAIN")"
	watch --limits --interval 1h --format table
	wait_for watching_limits
	rt exec "$ID" true
	wait_for logged ' pids.max \+[1-9]'
}

@test "events --limits: hundreds of reclaims at memory.max are a line a second" {
	stiva_only
	requires cgroup_memory
	script 'echo ready; read x </go; head -c 60000000 /dev/zero >/big; cat /big /big >/dev/null; echo done; read x </end' \
		'.linux.resources.memory = {limit: 8388608}'
	mkfifo "$BUNDLE/rootfs/go" "$BUNDLE/rootfs/end"
	starts
	watch --limits --interval 1h
	wait_for watching_limits
	began=$SECONDS
	echo >"$BUNDLE/rootfs/go"
	DEADLINE=120 wait_for said "done"
	took=$((SECONDS - began))
	wait_for all_told memory max
	[ "$(counted memory max)" -ge 200 ] || fail "only $(counted memory max) times"
	[ "$(wc -l <"$LOG")" -le $((took + 3)) ] || fail "$(wc -l <"$LOG") lines in $took s"
	is "$(jq -r .type "$LOG" | sort -u)" limit
}

@test "events --limits: an OOM kill is a line of runc's, and is in the counts" {
	stiva_only
	requires cgroup_memory
	script 'echo ready; read x </go; head -c 40000000 /dev/zero | tail >/dev/null; echo done; read x </end' \
		'.linux.resources.memory = {limit: 12582912, swap: 12582912}'
	mkfifo "$BUNDLE/rootfs/go" "$BUNDLE/rootfs/end"
	starts
	watch --limits --interval 1h
	wait_for watching_limits
	echo >"$BUNDLE/rootfs/go"
	DEADLINE=60 wait_for logged "^{\"type\":\"oom\",\"id\":\"$ID\"}$"
	wait_for all_told memory oom_kill
	wait_for all_told memory oom
	# the kernel may end more than one of them: a line each
	kills=$(sed -n 's/^oom_kill //p' "$(cgroup_of)/memory.events")
	told_ooms() { jq -c .type "$LOG" | grep -c '"oom"'; }
	is "$(told_ooms)" "$kills"
}

@test "events --format table is for people" {
	stiva_only
	program probe wait
	starts
	ok events --stats --format table "$ID"
	is "$(lines)" 2
	[[ $output == TIME*EVENT*CPU*MEMORY*PIDS*stats* ]]
}
