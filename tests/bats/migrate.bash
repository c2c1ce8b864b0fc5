# shellcheck shell=bash
# shellcheck disable=SC2016,SC2154 # inner shells expand; helpers and hosts set variables
# tests/bats/migrate.bash: migrations that are harmed, and what must hold afterwards. Loaded after helpers and hosts, by
# tests that call faults_up in test_setup.
#
#   fault stays|moves|anyhow RULE...   a migration from where the container is ($AT), harmed by these rules of the line.
#                                 anyhow: wherever it is then, it is there alone once both sides were asked to recover
#   faults OUTCOME RULE...        each rule by itself, REPEATS times, and one that is not harmed
#   dies OUTCOME source|destination COMM[:SIGNAL] FRAME...   that program is killed there when such a frame has passed
#                                 (or, ":FRAME", before it)
#   it_is_on HOST, clean HOST     only there, counting, with every number once; nothing of a migration is left
#
# What the container counts is also in a file that both hosts see, with the time: so two of it can never run unseen. One
# that stays has stood still for at most HOLE_MS, and for SILENCE_MS, which the engine is told, in addition where nothing
# comes any more. Environment: FAULT_REPEATS, the number of repeats; FAULT_HOLE_MS; FAULT_LOG, a file that gets a line for
# each: outcome, ms that migrate took, ms that the container stood still, rules.

REPEATS=${FAULT_REPEATS:-1}
BATS_TEST_TIMEOUT=$((60 + 90 * REPEATS))
SILENCE_MS=2000 HOLE_MS=${FAULT_HOLE_MS:-3000}

# faults_up [PREFIX]: a program before the counting
faults_up() {
	local prefix=${1:+$1
}
	stiva_only
	hosts_up
	mkdir -p "$WORK/both"
	COUNTER=$prefix'i=0; while :; do i=$((i + 1)); echo $i >>/count; read -r up _ </proc/uptime; echo "$i $up" >>/both/log
		sleep 0.02; done' counts_on one '.mounts += [{"destination": "/both", "source": (env.WORK + "/both"), "type": "bind",
		"options": ["rbind", "rw"]}]'
	AT=one
	know_mounts
}
know_mounts() {
	local host
	for host in one two; do on $host cat /proc/self/mounts >"$WORK/mounts.$host"; done
}
other() { [ "$1" = one ] && echo two || echo one; }
# in_order HOST: each number is in the count there once, and in that of both
in_order() {
	awk '$1 != NR { print "line " NR ": " $0; exit 1 }' "$HOSTS/$1/c/rootfs/count" || fail "numbers are lost or twice" || return 1
	awk '$1 != NR { print "line " NR ": " $0; exit 1 }' "$WORK/both/log" || fail "two have counted"
}
# longest_hole N: the longest time in ms between two numbers, from N on
longest_hole() {
	awk -v from="$1" '$1 > from && $2 - last > most { most = $2 - last } { last = $2 } END { print int(most * 1000 + 0.5) }' \
		"$WORK/both/log"
}
# leftovers HOST: processes, mounts and records of a migration there
leftovers() {
	local pid
	for pid in $(find "$CG/hosts-$ID/$1" -name cgroup.procs -exec cat {} + 2>/dev/null); do
		case $(cat "/proc/$pid/comm" 2>/dev/null) in
		criu | stiva | stiva:*) echo "$pid $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)" ;;
		esac
	done
	on "$1" sh -c 'ls -d /run/stiva/.migrations/[0-9a-fn]* 2>/dev/null; grep -vE " (/proc/self|/run) " /proc/self/mounts' | grep -vxFf "$WORK/mounts.$1" || true
}
# with KEEPS_RECORD the destination keeps what it knows, for a source that might ask
clean() { [ -z "$(leftovers "$1" | grep -vE "${KEEPS_RECORD:+^/run/stiva/.migrations/|}^$")" ]; }
both_clean() {
	local host
	for host in "$(other "$AT")" "$AT"; do wait_for clean "$host" || fail "left on $host: $(leftovers "$host")" || return 1; done
}
# it_is_on HOST: only there, and counting; what it has counted is whole
it_is_on() {
	local at
	wait_for runs_on "$1" || fail "it does not run on $1: $(status_on "$1"), $stderr"
	at=$(count_on "$1")
	wait_for has_counted "$1" $((at + 1)) || fail "it does not count on $1"
	wait_for absent_on "$(other "$1")" || fail "something is left on $(other "$1"): $stderr"
	in_order "$1"
}
runs_somewhere() { runs_on one || runs_on two; }
is_one_line() { [ "$(grep -c "^stiva: migrate $ID: " <<<"$stderr")" = 1 ]; }

# is_silent RULE...: nothing comes any more
is_silent() { [[ $* == *stall* || $* == *hush* || $* == *drop* ]]; }
# The migration itself; sets $took, $counted, $to.
migrates() {
	local silence=10s
	to=$(other "$AT")
	wire "$@"
	: >"$WIRE"
	counted=$(count_on "$AT")
	took=${EPOCHREALTIME/./}
	# beside two guests a host is silent for long without any harm
	is_silent "$@" && silence=${SILENCE_MS}ms
	# shellcheck disable=SC2086 # words
	DEADLINE=30 rt_on "$AT" migrate --rsh "$RSH" --mode "${MODE:-precopy}" --replace --silence $silence --doubt 5s \
		--quiet ${OPTIONS:-} "$ID" "$to"
	took=$(((${EPOCHREALTIME/./} - took) / 1000))
}
fault() {
	local outcome=$1 most=$HOLE_MS hole took to counted rule host
	shift
	migrates "$@"
	for rule; do carried_out "$rule"; done
	case $outcome in
	stays)
		[ "$status" -ne 0 ] || fail "$*: it says that it has moved"
		[ -n "${DIES:-}" ] || is_one_line || fail "$*: it says: $stderr"
		;;
	moves)
		[ "$status" = 0 ] || [ -n "${DIES:-}" ] || fail "$*: $stderr"
		AT=$to
		;;
	anyhow)
		wire
		for host in one two; do ok_on "$host" migrate --recover; done
		wait_for runs_somewhere || fail "$*: it runs nowhere: $stderr"
		[ "$(status_on "$to")" != running ] || AT=$to
		;;
	esac
	it_is_on "$AT" || fail "$*: $stderr"
	! is_silent "$@" || most=$((HOLE_MS + ${SILENCES:-1} * SILENCE_MS))
	hole=$(longest_hole "$counted")
	[ "$outcome" != stays ] || [ "$hole" -le "$most" ] || fail "$*: it stood still for $hole ms: $stderr"
	{ [ "$outcome" != anyhow ] || local KEEPS_RECORD=1; both_clean; } || fail "$*"
	echo "$outcome on $AT ($took ms, still for $hole): $* ${stderr%%$'\n'*}"
	[ -z "${FAULT_LOG:-}" ] || printf '%s\t%s\t%s\t%s\n' "$outcome" "$took" "$hole" "$*" >>"$FAULT_LOG"
}
# undisturbed: the next migration, which nothing harms
undisturbed() {
	wire
	DEADLINE=30 ok_on "$AT" migrate --rsh "$RSH" --replace --quiet "$ID" "$(other "$AT")"
	AT=$(other "$AT")
	it_is_on "$AT"
}
faults() {
	local rule i outcome=$1
	shift
	for ((i = 0; i < REPEATS; i++)); do
		for rule; do fault "$outcome" "$rule"; done
	done
	undisturbed
}
dies() {
	local i
	for ((i = 0; i < REPEATS; i++)); do dies_once "$@"; done
}
dies_once() {
	local outcome=$1 host=$2 comm=$3 frame rule role dies=1
	[[ $comm != *:* ]] || dies=''
	shift 3
	for frame; do
		rule=run-after=$frame:
		[ "${frame#:}" = "$frame" ] || rule=run-at=${frame#:}:
		role=$AT
		[ "$host" = source ] || role=$(other "$AT")
		DIES=$dies fault "$outcome" "$rule$HOSTS/kill $role ${comm/:/ }"
	done
}
