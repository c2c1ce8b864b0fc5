# shellcheck shell=bash
# shellcheck disable=SC2034,SC2119,SC2120,SC2016 # variables, arguments: the test files' business
# tests/bats/helpers.bash: what every test of the suite stands on. A test makes a
# bundle by jq filters, runs the runtime under test with rt, and looks at
# $status, $output and $stderr. Nothing of a test may remain on the host: the
# state of mounts, cgroups and the state folder is compared after each.
#
# RUNTIME names the runtime under test (default: build/stiva). STIVA_HAS holds
# the words (root, userns, cgroup_memory, ...) of what the machine can do.

TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
RUNTIME=${RUNTIME:-$TOP/build/stiva}
RUNTIME_NAME=${RUNTIME##*/}
DATA=$TOP/tests/bats/data
CG=/sys/fs/cgroup
export TOP DATA

# ---- before and after each test ----

setup() {
	WORK=$BATS_TEST_TMPDIR
	ROOT=$WORK/state
	ID=t$$$((SRANDOM % 90 + 10)) # unlike that of a test in a pid namespace beside it
	RUNS=0
	OUT=$WORK/.out.0 ERR=$WORK/.err.0
	export WORK ID ROOT
	JOBS=() WORDS=()
	exec 0</dev/null
	PROBE=$TOP/build/batsroot/bin/probe
	require_file_words
	countdown_runs
	snapshot >"$WORK/.before"
	if [ -x "$TOP/tests/leakcheck" ] && [ -n "${STIVA_LEAKCHECK:-}" ]; then
		"$TOP/tests/leakcheck" snapshot "$WORK/.leak" 3>&-
	fi
	if declare -F test_setup >/dev/null; then test_setup; fi
}

# bats counts a test's time by a sleep that it starts beside us: it must be in the first list of the leak
# oracle, or it is a leak.
countdown_runs() {
	local killer=${BATS_killer_pid:-} child comm
	[ -n "$killer" ] || return 0
	for _ in {1..200}; do
		child='' comm=''
		{
			read -r child _ <"/proc/$killer/task/$killer/children" || true
			[ -z "$child" ] || read -r comm <"/proc/$child/comm" || true
		} 2>/dev/null
		[ "$comm" != sleep ] || return 0
		sleep 0.01
	done
}

teardown() {
	local job left bad=0
	[ -n "${BATS_TEST_COMPLETED:-}" ] || told
	if declare -F test_teardown >/dev/null; then test_teardown; fi
	for job in "${JOBS[@]}"; do kill -KILL "$job" 2>/dev/null || true; done
	for job in "${JOBS[@]}"; do wait "$job" 2>/dev/null || true; done
	[ -s "$WORK/.before" ] || return 0
	for left in "$ROOT"/*/; do
		left=${left%/}
		[ -d "$left" ] || continue
		timeout 20 "$RUNTIME" --root "$ROOT" delete --force "${left##*/}" \
			>/dev/null 2>&1 3>&- || true
	done
	nothing_left || bad=1
	if [ -e "$WORK/.leak" ]; then
		"$TOP/tests/leakcheck" compare "$WORK/.leak" 3>&- || bad=1
	fi
	[ "$bad" = 0 ] || clean_up
	return "$bad"
}

# Mounts and cgroups as they are; process counts are the leak oracle's work.
snapshot() {
	cut -d' ' -f4- /proc/self/mountinfo | grep -vF "$BATS_RUN_TMPDIR/parallel" || true
	find "$CG" -mindepth 1 -type d 2>/dev/null | grep -E "/$ID|^$CG/[^/]*$" || true
}

# Cgroups are removed by the kernel's own pace after the last process: wait a little.
nothing_left() {
	local try
	for try in {1..50}; do
		snapshot >"$WORK/.after"
		! diff "$WORK/.before" "$WORK/.after" | grep -E "^>.*($ID|$WORK)" >"$WORK/.diff" && return 0
		sleep 0.01
	done
	echo "left behind after $try looks:"
	cat "$WORK/.diff"
	return 1
}

# Removes what a broken runtime left, so that the next tests do not suffer.
clean_up() {
	local dir mnt
	for dir in "$CG"/*"$ID"* "$CG"/*/*"$ID"*; do
		[ -d "$dir" ] || continue
		echo 1 2>/dev/null >"$dir/cgroup.kill" || true
		for _ in {1..50}; do
			find "$dir" -depth -type d -exec rmdir {} + 2>/dev/null || true
			[ -d "$dir" ] || break
			sleep 0.02
		done
	done
	while read -r mnt; do
		umount -l "$mnt" 2>/dev/null || true
	done < <(awk -v w="$WORK" 'index($5, w) == 1 { print $5 }' /proc/self/mountinfo)
	return 0
}

# The last command's outcome, for the report of a failed test.
told() {
	[ -e "$OUT" ] || return 0
	printf 'last: %s\nstatus: %s\nstdout: %s\nstderr: %s\n' "${LAST:-}" "${status:-}" \
		"$(head -c 2000 "$OUT" | tr -d '\0')" "$(head -c 2000 "$ERR" | tr -d '\0')"
}

fail() {
	printf 'FAILED: %s\n' "$*"
	return 1
}

# ---- what a test needs ----

has() {
	if [ -n "${STIVA_HAS:-}" ]; then
		[[ " $STIVA_HAS " == *" $1 "* ]]
		return
	fi
	case $1 in
	root) [ "$(id -u)" = 0 ] ;;
	userns) unshare -U true 2>/dev/null ;;
	cgroup2) [ "$(stat -f -c %T $CG)" = cgroup2fs ] ;;
	cgroup_*) [[ " $(cat $CG/cgroup.controllers 2>/dev/null) " == *" ${1#cgroup_} "* ]] ;;
	systemd) [ -d /run/systemd/system ] ;;
	debug_faults) [ -n "${STIVA_FAULTS:-}" ] ;;
	rootless) [ "$(id -u)" = 0 ] && command -v newuidmap >/dev/null ;;
	two_hosts | soft_dirty) false ;;
	cap_sys_resource) [ $((0x$(sed -n 's/^CapEff:\t//p' /proc/self/status) >> 24 & 1)) = 1 ] ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

requires() {
	local word
	for word in "$@"; do
		has "$word" || skip "requires: $word"
	done
}

require_file_words() {
	local words
	words=$(sed -n '1,15s/^# requires: *//p' "$BATS_TEST_FILENAME")
	# shellcheck disable=SC2086 # words
	requires $words
}

is_stiva() { [ "$RUNTIME_NAME" = stiva ]; }

# This test asks for a promise of stiva's own.
stiva_only() { is_stiva || skip "requires: stiva"; }

# known_deviation RUNTIME REASON: the rival does not follow the specification here.
known_deviation() {
	[ "$RUNTIME_NAME" != "$1" ] || skip "known deviation of $1: $2"
}

# ---- bundles ----

# new_bundle NAME FILTER...: a bundle $BUNDLE=$WORK/NAME from the template; the jq
# filters are applied in order and see the test's variables as env.WORK, env.ID.
new_bundle() {
	BUNDLE=$WORK/$1
	shift
	[ ! -e "$BUNDLE" ] || rm -rf "$BUNDLE"
	mkdir -p "$BUNDLE"
	cp -a "$TOP/build/batsroot/." "$BUNDLE/rootfs"
	config_from "$TOP/tests/bats/template.json" "$@"
	export BUNDLE
}

bundle() { new_bundle bundle "$@"; }

# script TEXT FILTER...: a bundle whose program is sh -c TEXT.
script() {
	export SCRIPT=$1
	shift
	bundle '.process.args = ["/bin/sh", "-c", env.SCRIPT]' "$@"
}

# program WORD... [-- FILTER...]: a bundle whose program is these words.
program() {
	WORDS=()
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		WORDS+=("$1")
		shift
	done
	[ $# = 0 ] || shift
	bundle '.process.args = $ARGS.positional' "$@"
}

# config FILTER...: changes $BUNDLE's config.
config() {
	mv "$BUNDLE/config.json" "$BUNDLE/.config.old"
	config_from "$BUNDLE/.config.old" "$@"
	rm "$BUNDLE/.config.old"
}

config_from() {
	local from=$1 IFS='|'
	shift
	[ $# -gt 0 ] || set -- .
	jq -c "$*" "$from" --args -- "${WORDS[@]}" >"$BUNDLE/config.json"
}

# jq filters that many tests share
ALL_CAPS='(.process.capabilities[]) |= (. + ["CAP_SYS_ADMIN", "CAP_MKNOD", "CAP_SYS_PTRACE",
	"CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_SETUID", "CAP_SETGID", "CAP_FOWNER", "CAP_NET_ADMIN"])'
without_ns() { printf '.linux.namespaces |= map(select(.type != "%s"))' "$1"; }
# ns_path TYPE PATH: joins that namespace instead of a new one
ns_path() {
	printf '.linux.namespaces |= (map(select(.type != "%s")) + [{type: "%s", path: "%s"}])' "$1" "$1" "$2"
}
add_mount() { printf '.mounts += [%s]' "$1"; }
add_ns() { printf '.linux.namespaces += [{type: "%s"}]' "$1"; }
# a user namespace of 65536 ids at 100000
USERNS='.linux.namespaces += [{type: "user"}] |
	.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
	.linux.gidMappings = [{containerID: 0, hostID: 100000, size: 65536}]'
# the bundle must be reachable and its files owned by the mapped root
open_bundle() {
	local dir=$BUNDLE
	chown -R --no-dereference 100000:100000 "$BUNDLE/rootfs"
	while [ "$dir" != / ] && [ "$dir" != /tmp ]; do
		chmod o+x "$dir"
		dir=${dir%/*}
		dir=${dir:-/}
	done
}

# ---- running ----

# rt ARGS...: the runtime with the test's own state folder; never fails by itself.
# Each call has files of its own for stdout and stderr: a container may keep them.
rt() {
	LAST="$RUNTIME_NAME $*"
	RUNS=$((RUNS + 1))
	OUT=$WORK/.out.$RUNS ERR=$WORK/.err.$RUNS
	status=0
	timeout -k 2 "${DEADLINE:-20}" "$RUNTIME" --root "$ROOT" "$@" \
		>"$OUT" 2>"$ERR" 3>&- 4>&- || status=$?
	{ output=$(<"$OUT") stderr=$(<"$ERR"); } 2>/dev/null
}

# The same, but it must succeed.
ok() {
	rt "$@"
	[ "$status" = 0 ] || fail "$LAST: exit status $status: $stderr"
}

# runs: `run` of the bundle in the foreground, expected to succeed.
runs() { ok run -b "$BUNDLE" "$@" "$ID"; }

# starts [LINE]: a container in the background, whose LINE ("ready") is awaited in $STDOUT
starts() {
	ok run -d -b "$BUNDLE" "$ID"
	STDOUT=$OUT
	wait_for said "${1-ready}"
}
said() { grep -qF -- "$1" "$STDOUT"; }

# wait_for CMD...: until it succeeds, at most 10 s. What takes long is not asked all the time: in the guest a
# question is 0.1 s of a processor.
NAPS=(0.01 0.01 0.01 0.01 0.01 0.02 0.02 0.02 0.05 0.05 0.1 0.25)
wait_for() {
	local end=$((SECONDS + ${DEADLINE:-10})) i=0
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || fail "waited in vain for: $*" || return 1
		sleep "${NAPS[i]}"
		[ "$i" = 11 ] || i=$((i + 1))
	done
}

# background CMD...: a job ended with the test; its pid in $JOB
background() {
	"$@" <&0 3>&- 4>&- & # else its stdin would be /dev/null
	JOB=$!
	JOBS+=("$JOB")
}

state() { "$RUNTIME" --root "$ROOT" state "${1:-$ID}" 2>/dev/null; }
status_of() { state "${1:-$ID}" | jq -r .status; }
pid_of() { state "${1:-$ID}" | jq -r .pid; }
status_is() { [ "$(status_of "${2:-$ID}")" = "$1" ]; }
stopped() { wait_for status_is stopped "${1:-$ID}"; }

# ---- asserting ----

refute() { ! "$@" || fail "should not succeed: $*"; }
is() { [ "$1" = "$2" ] || fail "is \"$1\", not \"$2\"${3:+ ($3)}"; }
exits() { [ "$status" = "$1" ] || fail "$LAST: exit status $status, not $1: $stderr"; }
# prints TEXT: the whole standard output
prints() { is "$output" "$1" "output of $LAST"; }
shows() { [[ $output == *"$1"* ]] || fail "output has no \"$1\": $output"; }
shows_not() { [[ $output != *"$1"* ]] || fail "output has \"$1\": $output"; }
line() { grep -qxF -- "$1" "$OUT" || fail "no line \"$1\" in: $output"; }
complains() { [[ ${stderr,,} == *"${1,,}"* ]] || fail "stderr has no \"$1\": $stderr"; }

# refused TEXT...: the last command ended as the error contract says: status 1 (or
# $WANT), nothing on stdout, the texts in stderr; stiva's is one clean line; no
# container, folder or cgroup of the id is there.
refused() {
	local text lines
	if is_stiva; then
		exits "${WANT:-1}"
		mapfile -t lines <"$ERR"
		[ "${#lines[@]}" = 1 ] || fail "${#lines[@]} lines on stderr: $stderr"
		[ "${#lines[0]}" -le 512 ] || fail "a line of ${#lines[0]} bytes"
		! LC_ALL=C grep -q '[[:cntrl:]]' "$ERR" || fail "control bytes in the error"
		[ -z "$output" ] || fail "output of a failed command: $output"
		for text in "$@"; do complains "$text"; done
	fi
	[ "$status" != 0 ] || fail "$LAST: succeeded"
	[ "$status" != 124 ] || fail "$LAST: hangs"
	[ "$status" -lt 129 ] || [ "$status" -gt 192 ] || fail "$LAST: died by signal $((status - 128))"
	[ -n "${KEPT:-}" ] || absent
}

# The folder of the container's own cgroup.
cgroup_of() { find $CG -type d -name "*${1:-$ID}*" | sort | head -n 1; }

# Several releases of crun leave the cgroup of a create that failed: known, and not
# what the tests of bad input are about.
crun_cgroup() {
	[ "$RUNTIME_NAME" != crun ] || clean_up
}

# No trace of the container in the state folder or among the cgroups.
absent() {
	local id=${1:-$ID}
	crun_cgroup
	[ ! -e "$ROOT/$id" ] || fail "$ROOT/$id is left"
	! find "$CG" -type d -name "*$id*" 2>/dev/null | grep . || fail "a cgroup is left"
	! "$RUNTIME" --root "$ROOT" list -q 2>/dev/null | grep -qxF -- "$id" || fail "$id is listed"
}
