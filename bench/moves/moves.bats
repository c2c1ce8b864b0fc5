#!/usr/bin/env bats
# bench/moves: how long a container stands still in a migration, seen from inside (bench/heartbeat.c), between two
# hosts on one machine (tests/bats/hosts.bash). Run by bench/migrate; a JSON line for each into $MOVES.
# requires: root cgroup2 criu
load ../../tests/bats/helpers
load ../../tests/bats/hosts
BATS_TEST_TIMEOUT=600

test_setup() {
	stiva_only
	hosts_up
}
test_teardown() { hosts_down; }

seen() { od -An -v -N32 -tu8 -w32 "$HOSTS/$1/c/rootfs/seen"; }
# set HOST WORD VALUE: a byte of struct seen
set_seen() { printf '%b\0\0\0\0\0\0\0' "\\x0$3" | dd of="$HOSTS/$1/c/rootfs/seen" bs=8 seek="$2" conv=notrunc status=none; }
beats() { [ "$(seen "$1" | awk '{ print $1 }')" -gt "$2" ]; }
looked_at_all() { [ "$(seen "$1" | awk '{ print $4 }')" = 2 ]; }
# move NAME MIB RATE OPTION...
move() {
	local i name=$1 mib=$2 rate=$3 from=one to=two
	shift 3
	bundle
	cp "$TOP/build/heartbeat" "$BUNDLE/rootfs/heartbeat"
	config '.root.readonly = false' '.linux.cgroupsPath = "/" + env.ID' \
		".process.args = [\"/heartbeat\", \"/seen\", \"$mib\", \"$rate\"]"
	bundle_on one c
	on one "$RUNTIME" run -d -b /srv/c "$ID" >/dev/null 2>&1
	wait_for test -s "$HOSTS/one/c/rootfs/seen"
	DEADLINE=60 wait_for beats one 200
	for ((i = 0; i < ${ROUNDS:-5}; i++)); do
		set_seen $from 1 0
		DEADLINE=120 ok_on $from migrate --rsh "$RSH" --replace --on-stall force --format json "$@" "$ID" $to
		wait_for beats $to "$(seen $to | awk '{ print $1 + 50 }')"
		tail -n 1 <<<"$output" | jq -c --arg name "$name" --arg gap "$(seen $to | awk '{ print $2 / 1e6 }')" \
			'{name: $name, gap: ($gap | tonumber), downtime: .downtime_ms, total: .total_ms, phases: .downtime,
			rounds: .rounds, sent: .bytes.wire}' >>"$MOVES"
		set_seen $to 3 1
		DEADLINE=60 wait_for looked_at_all $to
		is "$(seen $to | awk '{ print $3 }')" 0 || fail "pages are wrong"
		# what it has on the other host comes, before it goes back
		if [ $from = one ]; then from=two to=one; else from=one to=two; fi
	done
}

@test "moves: 1 MiB" { move "1 MiB" 1 0; }
@test "moves: 100 MiB" { move "100 MiB" 100 0; }
@test "moves: 1 GiB idle" { move "1 GiB, idle" 1024 0; }
@test "moves: 1 GiB of which 50 MiB a second are written" { move "1 GiB, 50 MiB/s written" 1024 50; }
@test "moves: 1 GiB, stop" { move "1 GiB, --mode stop" 1024 0 --mode stop; }
