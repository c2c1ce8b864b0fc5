# shellcheck shell=bash
# tests/bats/migrate.bash: migrations that are harmed, and what must hold afterwards. Loaded after helpers and hosts, by
# tests that set REPEATS and BACK_MS and call faults_up in test_setup.
#
#   fault stays|moves RULE...     a migration from where the container is ($AT), harmed by these rules of the line
#   faults stays|moves RULE...    each rule by itself, REPEATS times, and one that is not harmed
#   dies stays|moves|anyhow source|destination COMM FRAME...   that program is killed there when such a frame has passed (or,
#                                 ":FRAME", before it)
#   it_is_on HOST, clean HOST     only there, counting, with every number once; nothing of a migration is left

faults_up() {
	stiva_only
	hosts_up
	counts_on one
	AT=one
	for host in one two; do on $host cat /proc/self/mounts >"$WORK/mounts.$host"; done
}
other() { [ "$1" = one ] && echo two || echo one; }
# in_order: each number is in the count once
in_order() {
	awk '$1 != NR { print "line " NR ": " $0; exit 1 }' "$HOSTS/$1/c/rootfs/count" || fail "numbers are lost or twice"
}
# leftovers HOST: processes, mounts and records of a migration there
leftovers() {
	local pid
	for pid in $(find "$CG/hosts-$ID/$1" -name cgroup.procs -exec cat {} + 2>/dev/null); do
		case $(cat "/proc/$pid/comm" 2>/dev/null) in
		criu | stiva | stiva:*) echo "$pid $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)" ;;
		esac
	done
	on "$1" sh -c 'ls -d /run/stiva/.migrations/[0-9a-fn]* 2>/dev/null; grep -v " /proc/self " /proc/self/mounts' | grep -vxFf "$WORK/mounts.$1" || true
}
# with KEEPS_RECORD the destination keeps what it knows, for a source that might ask
clean() { [ -z "$(leftovers "$1" | grep -vE "${KEEPS_RECORD:+^/run/stiva/.migrations/|}^$")" ]; }
# it_is_on HOST: only there, and counting; what it has counted is whole
it_is_on() {
	local at
	wait_for runs_on "$1" || fail "it does not run on $1: $(status_on "$1"), $stderr"
	at=$(count_on "$1")
	wait_for has_counted "$1" $((at + 1)) || fail "it does not count on $1"
	wait_for absent_on "$(other "$1")" || fail "something is left on $(other "$1"): $stderr"
	in_order "$1"
}
# fault OUTCOME RULE...: a migration from where it is, harmed; OUTCOME: stays, moves
fault() {
	local outcome=$1 from=$AT to took
	shift
	to=$(other "$from")
	wire "$@"
	: >"$WIRE"
	took=${EPOCHREALTIME/./}
	DEADLINE=30 rt_on "$from" migrate --rsh "$RSH" --mode "${MODE:-precopy}" --replace --silence 2s --doubt 5s \
		--quiet ${OPTIONS:-} "$ID" "$to"
	took=$(((${EPOCHREALTIME/./} - took) / 1000))
	for rule; do carried_out "${rule//>/>}"; done
	case $outcome in
	stays)
		[ "$status" -ne 0 ] || fail "$*: it says that it has moved"
		[ -n "${DIES:-}" ] || [ "$(grep -c "^stiva: migrate $ID: " <<<"$stderr")" = 1 ] || fail "$*: it says: $stderr"
		;;
	moves)
		[ "$status" = 0 ] || [ -n "${DIES:-}" ] || fail "$*: $stderr"
		AT=$to
		;;
	esac
	[ "$took" -le $((BACK_MS + 2000)) ] || fail "$*: it took $took ms: $stderr"
	it_is_on "$AT" || fail "$*: $stderr"
	wait_for clean "$(other "$AT")" || fail "$*: left on $(other "$AT"): $(leftovers "$(other "$AT")")"
	wait_for clean "$AT" || fail "$*: left on $AT: $(leftovers "$AT")"
	echo "$outcome ($took ms): $* ${stderr%%$'\n'*}"
}
# faults OUTCOME RULE...: each of the rules, REPEATS times
faults() {
	local rule i outcome=$1
	shift
	for ((i = 0; i < REPEATS; i++)); do
		for rule; do fault "$outcome" "$rule"; done
	done
	# and undisturbed
	wire
	DEADLINE=30 ok_on "$AT" migrate --rsh "$RSH" --replace --quiet "$ID" "$(other "$AT")"
	AT=$(other "$AT")
	it_is_on "$AT"
}
# dies OUTCOME HOST COMM FRAME...: that program is killed there when such a frame has passed (or, ":FRAME", before).
# OUTCOME anyhow: the frame does not wait for the kill; wherever it is then, it is there alone once both sides were asked.
dies() {
	local i outcome=$1 host=$2 comm=$3 frame rule role
	shift 3
	for ((i = 0; i < REPEATS; i++)); do
		for frame; do
			rule=run-after=$frame:
			[ "${frame#:}" = "$frame" ] || rule=run-at=${frame#:}:
			role=$AT
			[ "$host" = source ] || role=$(other "$AT")
			if [ "$outcome" = anyhow ]; then
				settles "$rule$HOSTS/kill $role $comm"
			else
				DIES=1 fault "$outcome" "$rule$HOSTS/kill $role $comm"
			fi
		done
	done
}
either() { runs_on one || runs_on two; }
settles() {
	local from=$AT to host
	to=$(other "$from")
	wire "$@"
	: >"$WIRE"
	DEADLINE=30 rt_on "$from" migrate --rsh "$RSH" --replace --silence 2s --doubt 5s --quiet "$ID" "$to"
	carried_out "$1"
	wire
	for host in "$from" "$to"; do ok_on "$host" migrate --recover; done
	wait_for either
	[ "$(status_on "$to")" != running ] || AT=$to
	it_is_on "$AT" || fail "$*: $stderr"
	for host in one two; do KEEPS_RECORD=1 wait_for clean $host || fail "$*: left on $host: $(leftovers $host)"; done
	echo "$from -> $AT: $*"
}
