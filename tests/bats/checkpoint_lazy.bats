#!/usr/bin/env bats
# checkpoint_lazy: a restore whose memory comes after it (checkpoint/lazy.h): it is right whatever happens before
# all of it is there: kill, delete, a checkpoint, a pause, images that are removed, a server that dies.
# requires: root cgroup2
load helpers
BATS_TEST_TIMEOUT=120

MIB=128
test_setup() {
	stiva_only
	requires criu
	IMG=$WORK/images
	[ ! -w /sys/class/net/lo/flags ] || ip link set lo up 2>/dev/null || true
	script "exec probe oracle /log $MIB 2>/told"
}
ticks() { local n; n=$(wc -l <"$BUNDLE/rootfs/log") && echo "$n"; }
ticked() { [ "$(ticks)" -gt "$1" ]; }
told() { cat "$BUNDLE/rootfs/told"; }
goes_on() {
	wait_for ticked $(($(ticks) + 3)) || fail "$(status_of): $(told)"
	[ ! -s "$BUNDLE/rootfs/told" ] || fail "$(told)"
}
# the sequence from its first tick to its end is right
is_right() {
	ok kill "$ID" KILL
	stopped
	"$PROBE" oracle-check "$BUNDLE/rootfs/log" $MIB "$1" || fail "the sequence is broken"
}
imaged() {
	ok run -d -b "$BUNDLE" "$ID"
	wait_for ticked 3
	ok checkpoint --image-path "$IMG" "$ID"
	ok delete "$ID"
	AT=$(ticks)
}
# server: the pid of what brings the memory, if it still does
server() {
	local pid
	for pid in $(cat "$(cgroup_of)/cgroup.procs"); do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != stiva:pages ] || { echo "$pid" && return; }
	done
	return 1
}
served() { ! server >/dev/null; }
left() { find "$IMG" -name 'lazy-pages*'; }
# stuck: restored, and the server stopped before all is there; the moment may be missed, so again
stuck() {
	local try
	for try in 1 2 3 4 5 6; do
		ok restore -d -b "$BUNDLE" --image-path "$IMG" "$ID"
		if SERVER=$(server) && kill -STOP "$SERVER" && [ -d "/proc/$SERVER/fd" ]; then
			[ "$(sed 's/.*) //' "/proc/$SERVER/stat" | cut -c1)" = Z ] || return 0
		fi
		echo "try $try: the memory was there before it could be stopped"
		ok delete --force "$ID"
		head -n "$AT" "$BUNDLE/rootfs/log" >"$WORK/log" && cat "$WORK/log" >"$BUNDLE/rootfs/log"
	done
	fail "it is never slow enough"
}

@test "much memory comes after the restore, and is right" {
	imaged
	ok --debug --log "$WORK/said" restore -d -b "$BUNDLE" --image-path "$IMG" "$ID"
	grep -q "criu restore.* --lazy-pages" "$WORK/said"
	wait_for served
	goes_on
	# three more, while it changes
	for _ in 1 2 3; do
		ok checkpoint --image-path "$IMG" "$ID"
		ok delete "$ID"
		ok restore -d -b "$BUNDLE" --image-path "$IMG" "$ID"
		goes_on
	done
	wait_for served
	is "$(left)" ""
	is_right $((AT + 3))
}

@test "little memory does not: there is no server" {
	MIB=8
	script "exec probe oracle /log $MIB 2>/told"
	imaged
	ok --debug --log "$WORK/said" restore -d -b "$BUNDLE" --image-path "$IMG" "$ID"
	grep -q "criu restore" "$WORK/said"
	refute grep -q -e --lazy-pages "$WORK/said"
	goes_on
	is_right $((AT + 3))
}

@test "memory that was changed is refused before anything runs, though its size is the same" {
	imaged
	pages=$(find "$IMG" -name 'pages-*.img' -size +${MIB}M | head -n 1)
	byte=$(od -An -tu1 -j $((MIB << 19)) -N1 "$pages")
	# shellcheck disable=SC2059 # an octal escape is the format
	printf "\\$(printf %o $((byte ^ 1)))" | dd of="$pages" bs=1 seek=$((MIB << 19)) conv=notrunc status=none
	rt restore -d -b "$BUNDLE" --image-path "$IMG" "$ID"
	refused "the image \"${pages##*/}\" was changed"
	is "$(ticks)" "$AT" "ticks"
}

@test "killed before its memory is all there it ends, and nothing is left" {
	imaged
	stuck
	ok kill "$ID" KILL
	stopped
	wait_for served
	ok delete "$ID"
	absent
	[ ! -d "/proc/$SERVER" ] || fail "the server is left"
}

@test "deleted by force before its memory is all there: nothing is left" {
	imaged
	stuck
	ok delete --force "$ID"
	absent
	[ ! -d "/proc/$SERVER" ] || fail "the server is left"
}

@test "a server that dies takes the container with it: no zeros are read as memory" {
	imaged
	stuck
	kill -KILL "$SERVER"
	stopped
	[ ! -s "$BUNDLE/rootfs/told" ] || fail "$(told)"
	"$PROBE" oracle-check "$BUNDLE/rootfs/log" $MIB "$AT"
	ok delete "$ID"
}

@test "images that are removed meanwhile were open: all of the memory comes" {
	imaged
	stuck
	rm -rf "$IMG"
	kill -CONT "$SERVER"
	wait_for served
	goes_on
	is_right $((AT + 3))
}

@test "a checkpoint waits for memory that has not come; of a paused container it is refused" {
	imaged
	stuck
	ok pause "$ID"
	rt checkpoint --image-path "$WORK/next" "$ID"
	KEPT=1 refused "the memory of its last restore has not all come yet"
	ok resume "$ID"
	background "$RUNTIME" --root "$ROOT" checkpoint --image-path "$WORK/next" "$ID"
	kill -CONT "$SERVER"
	wait "$JOB"
	stopped
	ok delete "$ID"
	ok restore -d -b "$BUNDLE" --image-path "$WORK/next" "$ID"
	goes_on
	is_right $((AT + 3))
}
