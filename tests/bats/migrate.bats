#!/usr/bin/env bats
# migrate: a running container goes from one host to another (hosts.bash: two of them on one machine), with
# its memory and its files, and nothing is lost, doubled or left whatever is refused.
# requires: root cgroup2 criu
# parallel: yes
load helpers
load hosts

test_setup() {
	stiva_only
	hosts_up
}
test_teardown() { hosts_down; }

# moves OPTION...: from one to two, successfully
moves() {
	DEADLINE=60 ok_on one migrate --rsh "$RSH" "$@" "$ID" two
}
# refuses TEXT OPTION...: it does not move (to $TO), says TEXT in one line, goes on, and nothing is left there
refuses() {
	local text=$1 at
	shift
	at=$(count_on one)
	DEADLINE=60 rt_on one migrate --rsh "$RSH" "$@" "$ID" "${TO:-two}"
	[ "$status" -ne 0 ] || fail "it was moved"
	grep -qF -- "$text" <<<"$stderr" || fail "it says: $stderr"
	[ "$(grep -c '^stiva: ' <<<"$stderr")" = 1 ] || fail "more than one line: $stderr"
	wait_for has_counted one "$at"
	[ -n "${KEPT:-}" ] || absent_on two || fail "something is left on two: $stderr"
	no_record
	is "$(find "$HOSTS" -name '.stiva-*')" ""
}
no_record() { is "$(on two sh -c 'ls -d /run/stiva/.migrations/[0-9a-fn]* 2>/dev/null')" ""; }
# bind NAME SOURCE: a bind mount at /NAME
bind() { echo '.mounts += [{"destination": "/'"$1"'", "source": "'"$2"'", "type": "bind", "options": ["rbind", "rw"]}]'; }

@test "migrate: a counter goes to the other host and counts on there, none twice and none left out" {
	counts_on one
	moves
	handed_over
	absent_on one
	runs_on two
	grep -qE "^$ID runs on two: it stood still for [0-9.]+ ms of [0-9.]+ ms$" <<<"$output"
	grep -q "^round 1: memory " <<<"$output"
}

@test "migrate: --mode stop sends memory once, --quiet says nothing, and back it goes with --replace" {
	counts_on one
	moves --mode stop --quiet
	is "$output" ""
	handed_over
	# what has counted on two is newer than what lies on one
	DEADLINE=60 rt_on two migrate --rsh "$RSH" "$ID" one
	is "$status" 1
	grep -qF '"/srv/c/rootfs" is there already, and is not the source'"'s: --replace takes its place" <<<"$stderr"
	absent_on one
	runs_on two
	DEADLINE=60 ok_on two migrate --rsh "$RSH" --replace "$ID" one
	absent_on two
	last=$(count_on two)
	wait_for has_counted one $((last + 5))
	awk '$1 != NR { exit 1 }' "$HOSTS/one/c/rootfs/count"
}

@test "migrate: progress as JSON lines, and --check leaves no trace" {
	counts_on one
	DEADLINE=60 ok_on one migrate --rsh "$RSH" --check "$ID" two
	grep -q "^the destination is ready: 0 of 1 trees" <<<"$output"
	absent_on two
	refute test -e "$HOSTS/two/c"
	no_record
	moves --format json
	jq -es 'map(.event) == ["reserved", "round", "round", "end"] and (.[-1] | .result == "moved" and
		.downtime_ms > 0 and .downtime_ms < .total_ms and .rounds == 2 and .bytes.files > 1000000 and
		.bytes.memory >= .bytes.last_memory and .mode == "precopy" and .id == "'"$ID"'" and .host == "two" and
		(.downtime | .freeze + .dump + .files + .restore + .commit) <= .downtime_ms + 1) and
		(.[2].predicted_downtime_ms > 0)' <<<"$output" >"$WORK/checked" || fail "$output"
	handed_over
	# what it was is not there any more, and its record is forgotten
	no_record
	rt_on one migrate --rsh "$RSH" "$ID" two
	is "$status" 1
	grep -q "does not exist" <<<"$stderr"
}

@test "migrate: what cannot be is refused in one line, and it goes on" {
	counts_on one
	TO=three refuses 'could not connect to "three"'
	rt_on one migrate --rsh "$RSH" -- "$ID" -oProxyCommand=x
	is "$status" 1
	grep -q '"-oProxyCommand=x" is not the name of a host' <<<"$stderr"
	refuses '"two" has no stiva' --remote-stiva nosuchstiva
	refuses "nosuchcriu" --remote-stiva "stiva --criu /nosuchcriu"
	refuses "there is no program \"nosuchssh\"" --rsh nosuchssh
	printf '#!/bin/sh\necho "Welcome to two, whose shell says more than it should!"; exec cat >/dev/null\n' >"$WORK/shell" && chmod +x "$WORK/shell"
	refuses "this is no frame of stiva" --rsh "$WORK/shell"
	printf '#!/bin/sh\nexit 3\n' >"$WORK/shell"
	refuses "ended before its first word (status 3)" --rsh "$WORK/shell"
	refuses "config.json binds nothing" --volume /x=copy
	refuses 'is not a time' --silence x
	mkdir -p "$HOSTS/two/c/rootfs/here"
	refuses '"/srv/c/rootfs" is there already' --mode stop
	[ -d "$HOSTS/two/c/rootfs/here" ]
	rm -r "$HOSTS/two/c"
	on two mount -t tmpfs -o size=1M,mode=755 tmpfs /srv
	refuses "and only" # MiB are free there
	on two umount -l /srv
	mkdir -p "$HOSTS/two/other"
	cp -r "$HOSTS/one/c/." "$HOSTS/two/other"
	on two "$RUNTIME" create -b /srv/other "$ID" >/dev/null 2>&1
	KEPT=1 refuses "two: " --bundle /srv/new
	is "$(status_on two)" created
	refute test -e "$HOSTS/two/new"
	ok_on two delete --force "$ID"
	ok_on one pause "$ID"
	rt_on one migrate --rsh "$RSH" "$ID" two
	is "$status" 1
	grep -qF "it is paused, and would run on the other host: resume it first" <<<"$stderr"
	is "$(status_on one)" paused
	absent_on two
	ok_on one resume "$ID"
	moves
	handed_over
}

@test "migrate: --bandwidth is kept to, --max-frozen lets it go on, --bundle is where it is there" {
	counts_on one
	# what it takes without is far less
	moves --mode stop --bandwidth 2M --bundle /srv/there/bundle --format json
	jq -es '.[-1] | .result == "moved" and .total_ms > 900 * .bytes.files / 2097152' <<<"$output" >"$WORK/checked" || fail "$output"
	is "$(on two "$RUNTIME" state "$ID" | jq -r .bundle)" /srv/there/bundle
	is "$(jq -r .linux.cgroupsPath "$HOSTS/two/there/bundle/config.json")" "/$ID"
	refute test -e "$HOSTS/two/c"
	ln -s there/bundle "$HOSTS/two/c" # where the helpers look
	handed_over
	wire stall-at=FINAL_END
	DEADLINE=15 rt_on two migrate --rsh "$RSH" --replace --silence 1500ms --max-frozen 300ms "$ID" one
	is "$status" 1
	grep -q "it took longer than 300 ms: the container goes on here" <<<"$stderr" || fail "$stderr"
	last=$(count_on two)
	wait_for has_counted two $((last + 3))
	wait_for absent_on one
}

@test "migrate: a terminal goes to --console-socket of the other host" {
	mkfifo "$WORK/keys"
	script 'while read -r line; do echo "heard $line"; done' '.process.terminal = true' '.root.readonly = false' \
		'.linux.cgroupsPath = "/" + env.ID'
	bundle_on one c
	background "$PROBE" console "$HOSTS/one/sock" >"$WORK/got"
	wait_for test -S "$HOSTS/one/sock"
	ok_on one run -d --console-socket /srv/sock -b /srv/c "$ID"
	rt_on one migrate --rsh "$RSH" "$ID" two
	is "$status" 1
	grep -q "config.json: process.terminal: .*: --console-socket says where" <<<"$stderr" || fail "$stderr"
	is "$(status_on one)" running
	absent_on two
	exec 6<>"$WORK/keys"
	"$PROBE" console "$HOSTS/two/sock" <"$WORK/keys" >"$WORK/got2" 3>&- 4>&- 6>&- &
	JOBS+=($!)
	wait_for test -S "$HOSTS/two/sock"
	moves --console-socket /srv/sock
	echo moved >&6
	wait_for grep -q "heard moved" "$WORK/got2"
	exec 6>&-
	runs_on two
	absent_on one
}

@test "migrate: bind mounts are copied, shared or in the way, as --volume says or as is found out" {
	mkdir -p "$HOSTS/one/data/below" "$WORK/both"
	echo one >"$HOSTS/one/data/below/file"
	ln "$HOSTS/one/data/below/file" "$HOSTS/one/data/link"
	echo both >"$WORK/both/file"
	script 'i=0; while :; do i=$((i + 1)); echo $i >>/count; echo $i >>/data/log; echo $i >/both/last; sleep 0.02; done' \
		'.root.readonly = false' '.linux.cgroupsPath = "/" + env.ID' "$(bind data /srv/data)" "$(bind both "$WORK/both")"
	bundle_on one c
	on one "$RUNTIME" run -d -b /srv/c "$ID" >/dev/null 2>&1
	wait_for has_counted one 5
	refuses 'mounted at "/data", is not the same storage on both hosts: --volume /data=copy'
	refuses "--volume /both=fail" --volume /both=fail --volume /data=copy
	refuses "config.json binds nothing at \"/srv\"" --volume /srv=copy
	refuses "--volume \"/data\": it is DESTINATION=copy" --volume /data
	moves --volume /data=copy
	grep -q "^the destination is ready: 1 of 3 trees" <<<"$output"
	handed_over
	is "$(cat "$HOSTS/two/data/below/file") $(stat -c %h "$HOSTS/two/data/link")" "one 2"
	awk '$1 != NR { exit 1 }' "$HOSTS/two/data/log"
	is "$(find "$WORK/both" -name '.stiva*')" ""
}

@test "migrate: on storage that both hosts see nothing is copied" {
	script 'i=0; while :; do i=$((i + 1)); echo $i >>/count; sleep 0.02; done' '.root.readonly = false' \
		'.linux.cgroupsPath = "/" + env.ID'
	on one "$RUNTIME" run -d -b "$BUNDLE" "$ID" >/dev/null 2>&1
	wait_for test -s "$BUNDLE/rootfs/count"
	moves
	grep -q "^the destination is ready: 1 of 1 trees" <<<"$output"
	runs_on two && absent_on one
	last=$(wc -l <"$BUNDLE/rootfs/count")
	wait_for eval '[ "$(wc -l <"$BUNDLE/rootfs/count")" -gt $((last + 3)) ]'
	awk '$1 != NR { exit 1 }' "$BUNDLE/rootfs/count"
}

@test "migrate: much memory comes after it, and is what it was" {
	program probe
	script "exec /bin/probe oracle /log 64 2>/told" '.root.readonly = false' '.linux.cgroupsPath = "/" + env.ID'
	MIB=64 oracle 6
}

# ---- the oracle (tests/probe/p_oracle.c) ----
CYCLES=${ORACLE_MIGRATIONS:-50}
SEED=${ORACLE_SEED:-2611}
MIB=8
BATS_TEST_TIMEOUT=$((60 + 3 * CYCLES))

log_of() { echo "$HOSTS/$1/c/rootfs/log"; }
ticks() { local n; n=$(wc -l <"$(log_of "$1")") && echo "$n"; }
ticked() { [ "$(ticks "$1")" -gt "$2" ]; }
# oracle N WORD...: N migrations, there and back
oracle() {
	local cycle at from=one to=two last n=$1 mode
	shift
	RANDOM=$SEED
	bundle_on one c
	on one "$RUNTIME" run -d -b /srv/c "$ID" >/dev/null 2>&1
	wait_for test -s "$(log_of one)"
	for ((cycle = 1; cycle <= n; cycle++)); do
		sleep "0.$(printf %03d $((RANDOM % 60)))"
		mode=precopy
		[ $((RANDOM % 4)) != 0 ] || mode=stop
		DEADLINE=60 ok_on $from migrate --rsh "$RSH" --mode $mode --replace --quiet "$@" "$ID" $to
		at=$(ticks $to)
		wait_for ticked $to "$at" || fail "cycle $cycle: $(status_on $to): $(cat "$HOSTS/$to/c/rootfs/told")"
		absent_on $from || fail "cycle $cycle: left on $from"
		last=$from from=$to to=$last
	done
	at=$(ticks $from)
	wait_for ticked $from $((at + 3))
	ok_on $from kill "$ID" KILL
	"$PROBE" oracle-check "$(log_of $from)" $MIB "$n" || fail "the sequence is broken"
	[ ! -s "$HOSTS/$from/c/rootfs/told" ] || fail "$(cat "$HOSTS/$from/c/rootfs/told")"
}

@test "migrate: the oracle goes there and back again and again, and its sequence never breaks" {
	program probe
	script "exec /bin/probe oracle /log $MIB 2>/told" '.root.readonly = false' '.linux.cgroupsPath = "/" + env.ID'
	oracle "$CYCLES"
}
