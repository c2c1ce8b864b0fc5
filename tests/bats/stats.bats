#!/usr/bin/env bats
# stats: a table of what containers use, and JSON for programs.
# requires: root cgroup2
# parallel: yes
load helpers

test_setup() { stiva_only; }
rows() { sed -n '2,$p' "$OUT" | awk '{ print $1, $2 }'; }

@test "stats shows all that live, as a table" {
	program probe wait
	ok create -b "$BUNDLE" "$ID"
	ok stats --no-stream
	[[ $output == ID*STATUS*CPU*THROTTLED*MEMORY*LIMIT*SWAP*PIDS*READ/WRITTEN*PSI* ]]
	is "$(rows)" "$ID created"
	ok start "$ID"
	ok run -d -b "$BUNDLE" "$ID-2"
	ok pause "$ID-2"
	ok stats --no-stream
	is "$(rows)" "$(printf '%s\n' "$ID running" "$ID-2 paused")"
	ok resume "$ID-2"
	ok delete --force "$ID-2"
	ok kill "$ID" KILL
	stopped
	ok stats --no-stream
	is "$(rows)" ""
}

@test "stats of named containers; a stopped or unknown one is refused" {
	program probe wait
	starts
	ok run -d -b "$BUNDLE" "$ID-2"
	ok stats --no-stream "$ID-2" "$ID"
	is "$(rows)" "$(printf '%s\n' "$ID-2 running" "$ID running")"
	rt stats --no-stream "$ID" nonesuch
	KEPT=1 refused nonesuch "does not exist"
	ok kill "$ID" KILL
	stopped
	rt stats --no-stream "$ID"
	KEPT=1 refused "not running"
}

@test "stats --format json: members that do not change" {
	program probe wait
	starts
	ok stats --no-stream --format json
	is "$(wc -l <"$OUT")" 1
	is "$(jq -c 'length' "$OUT")" 1
	is "$(jq -c '.[0] | keys_unsorted' "$OUT")" '["id","status","cpu","memory","pids","io"]'
	is "$(jq -c '.[0].cpu | keys_unsorted' "$OUT")" '["percent","usageUsec","throttledPercent","throttledUsec","pressure"]'
	is "$(jq -c '.[0].memory | keys_unsorted' "$OUT")" '["usage","limit","swap","oomKills","pressure"]'
	is "$(jq -c '.[0].io | keys_unsorted' "$OUT")" '["read","written","pressure"]'
	is "$(jq -c '.[0].pids' "$OUT")" '{"current":1,"limit":null}'
	is "$(jq -r '.[0] | .id, .status' "$OUT" | xargs)" "$ID running"
	ok delete --force "$ID"
	ok stats --no-stream --format json
	prints "[]"
}

@test "stats: what the host does not count is a dash, and null" {
	[ -z "$(cat $CG/cgroup.controllers)" ] || skip "requires: a host without controllers"
	program probe wait
	starts
	ok stats --no-stream "$ID"
	is "$(sed -n 2p "$OUT" | awk '{ print $4, $5, $6, $7, $9 }')" "- - - - -"
	ok stats --no-stream -f json "$ID"
	is "$(jq -c '.[0] | [.cpu.throttledPercent, .cpu.throttledUsec, .memory.usage, .io.read, .io.written]' "$OUT")" \
		'[null,null,null,null,null]'
	jq -e '.[0].cpu.usageUsec > 0' "$OUT"
}

@test "stats: a busy container's share of a CPU" {
	script 'echo ready; while :; do :; done'
	starts
	busy() {
		ok stats --no-stream --format json "$ID"
		jq -e '.[0].cpu.percent > 1 and .[0].cpu.usageUsec > 20000' "$OUT" >/dev/null
	}
	wait_for busy
}

@test "stats goes on at the interval and ends with the named container" {
	program probe wait
	starts
	LOG=$WORK/log
	background "$RUNTIME" --root "$ROOT" stats --interval 10ms --format json "$ID" >"$LOG"
	more() { [ "$(wc -l <"$LOG")" -ge 3 ]; }
	wait_for more
	ok delete --force "$ID"
	wait "$JOB"
	is "$(tail -n 1 "$LOG")" "[]"
	rt stats --interval x "$ID"
	refused interval
}

@test "stats on a terminal begins anew at its top" {
	program probe wait
	starts
	clear=$'\033[H\033[J'
	"$PROBE" pty -e "$clear" none -e "$clear" none -e "$clear" kill:2 "$RUNTIME" --root "$ROOT" stats --interval 10ms \
		>"$WORK/tty" 3>&- 4>&- || true
	[ "$(grep -c ^ID < <(tr -d '\r' <"$WORK/tty" | tr -d "\033" | sed "s/^.*JID/ID/"))" -ge 2 ] || fail "$(cat -A "$WORK/tty")"
	refute grep -q "never saw" "$WORK/tty"
}

@test "stats: limits, with the controllers" {
	requires cgroup_memory cgroup_pids
	program probe wait -- '.linux.resources = {memory: {limit: 67108864}, pids: {limit: 9}}'
	starts
	ok stats --no-stream "$ID"
	[[ $(sed -n 2p "$OUT") == *" 64.0M "*" 1/9 "* ]]
	ok stats --no-stream --format json "$ID"
	is "$(jq -c '.[0] | [.memory.limit, .pids.limit, .pids.current]' "$OUT")" '[67108864,9,1]'
	jq -e '.[0].memory.usage > 0' "$OUT" >/dev/null
}

@test "stats fits the terminal: gaps, then long IDs, then the last columns give way" {
	program probe wait
	long=$ID-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
	ok run -d -b "$BUNDLE" "$long"
	fits() {
		"$PROBE" pty -s "24x$1" "$RUNTIME" --root "$ROOT" stats --no-stream 3>&- 4>&- | tr -d '\r' >"$OUT"
		[ "$(wc -l <"$OUT")" = 2 ]
		[ "$(awk '{ print length }' "$OUT" | sort -n | tail -n 1)" -le "$1" ] || fail "$1: $(cat "$OUT")"
	}
	fits 200
	grep -q "^$long " "$OUT"
	grep -q 'PSI C/M/IO$' "$OUT"
	fits 120
	grep -q "^${long:0:20}" "$OUT"
	grep -q 'PSI C/M/IO$' "$OUT"
	fits 80
	grep -q "^${long:0:12} running " "$OUT"
	grep -qE '^ID +STATUS +CPU +THROTTLED +MEMORY +LIMIT +SWAP +PIDS' "$OUT"
	fits 40
	# not on a terminal
	ok stats --no-stream
	grep -q "^$long " "$OUT"
	ok delete --force "$long"
}

@test "stats --sort: who uses most stands first" {
	program probe hang 3
	ok run -d -b "$BUNDLE" "$ID-z"
	program probe hang 1
	ok run -d -b "$BUNDLE" "$ID-b"
	program probe hang 5
	ok run -d -b "$BUNDLE" "$ID-m"
	ok stats --no-stream
	is "$(rows | cut -d' ' -f1 | xargs)" "$ID-b $ID-m $ID-z"
	ok stats --no-stream --sort pids
	is "$(rows | cut -d' ' -f1 | xargs)" "$ID-m $ID-z $ID-b"
	ok stats --no-stream --sort pids -f json "$ID-b" "$ID-m"
	is "$(jq -r '.[].id' "$OUT" | xargs)" "$ID-m $ID-b"
	script 'while :; do :; done'
	ok run -d -b "$BUNDLE" "$ID-x"
	busy_first() {
		ok stats --no-stream --sort cpu
		[ "$(rows | head -n 1 | cut -d' ' -f1)" = "$ID-x" ]
	}
	wait_for busy_first
	rt stats --no-stream --sort size
	KEPT=1 refused size
	for c in z b m x; do ok delete --force "$ID-$c"; done
}
