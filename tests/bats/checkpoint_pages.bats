#!/usr/bin/env bats
# checkpoint_pages: memory that is not beside the images: with a page server (checkpoint --page-server), or left with the
# source until it is asked for (--lazy-pages). The memory is right afterwards, and there are never two that run.
# requires: root cgroup2
load helpers
BATS_TEST_TIMEOUT=120

MIB=16
test_setup() {
	stiva_only
	requires criu
	IMG=$WORK/images
	SERVER=$WORK/server
	mkdir -m 700 "$SERVER"
	PORT=$((20000 + SRANDOM % 10000))
	[ ! -w /sys/class/net/lo/flags ] || ip link set lo up 2>/dev/null || true
	script "exec probe oracle /log $MIB 2>/told"
}
ticks() { local n; n=$(wc -l <"$BUNDLE/rootfs/log") && echo "$n"; }
ticked() { [ "$(ticks)" -gt "$1" ]; }
goes_on() {
	status_is running || fail "is $(status_of)"
	wait_for ticked $(($(ticks) + 3)) || fail "$(status_of): $(<"$BUNDLE/rootfs/told")"
	[ ! -s "$BUNDLE/rootfs/told" ] || fail "$(<"$BUNDLE/rootfs/told")"
}
# is_right AT: the sequence from its first tick to its end, of which AT were before the restore
is_right() {
	ok kill "$ID" KILL
	stopped
	"$PROBE" oracle-check "$BUNDLE/rootfs/log" $MIB "$1" || fail "the sequence is broken"
}
runs() {
	ok run -d -b "$BUNDLE" "$ID"
	wait_for ticked 3
}
restores() { ok restore -d -b "$BUNDLE" --image-path "$IMG" "$@" "$ID"; }
not_restored() {
	local text=$1
	shift
	rt restore -d -b "$BUNDLE" --image-path "$IMG" "$@" "$ID"
	refused "$text"
}
# refused_dump TEXT OPTION...: the container runs on, and nothing is there that could be restored
refused_dump() {
	local text=$1
	shift
	rt checkpoint --image-path "$IMG" "$@" "$ID"
	KEPT=1 refused "$text"
	status_is running || fail "is $(status_of)"
	[ ! -e "$IMG/stiva.manifest" ] || fail "a refused checkpoint can be restored"
}
# page_server OPTION...: a page server that takes one connection into $SERVER
page_server() {
	rm -f "$WORK/ready"
	background criu page-server -D "$SERVER" -o "$WORK/page-server.log" -v2 --address 127.0.0.1 --port "$PORT" --status-fd 9 "$@" 9>"$WORK/ready"
	PAGES=$JOB
	wait_for test -s "$WORK/ready"
}
to_server() { ok checkpoint --image-path "$IMG" --page-server "127.0.0.1:$PORT" "$@" "$ID"; }

# ---- a page server ----

@test "U126: --page-server: the memory goes there, and with its files beside the images it is restored" {
	runs
	page_server
	to_server
	wait "$PAGES"
	stopped
	ok delete "$ID"
	AT=$(ticks)
	jq -e '.memory == "page-server" and (.preDump | not) and ([.files[].name | select(test("^page"))] == [])' "$IMG/stiva.manifest"
	[ -z "$(find "$IMG" -name 'page*')" ] && [ -s "$SERVER/pagemap-1.img" ]
	not_restored 'went to a page server: there is no "pagemap-1.img"'
	cp "$SERVER"/page*.img "$IMG"
	pages=$(find "$IMG" -name 'pages-*.img' -printf '%s %p\n' | sort -n | tail -n 1 | cut -d' ' -f2)
	cp "$pages" "$WORK/good"
	truncate -s -4096 "$pages"
	not_restored "bytes, not the"
	rm "$pages"
	not_restored "the image \"${pages##*/}\" of \"pagemap-"
	cp "$WORK/good" "$pages"
	truncate -s -1 "$IMG/pagemap-1.img"
	not_restored 'the image "pagemap-1.img" is damaged'
	cp "$SERVER/pagemap-1.img" "$IMG"
	printf X | dd of="$IMG/core-1.img" bs=1 seek=100 conv=notrunc status=none
	not_restored 'the image "core-1.img" was changed'
}

@test "U126: --page-server into the image directory itself, much memory, --leave-running, an IPv6 address" {
	MIB=64
	script "exec probe oracle /log $MIB 2>/told"
	runs
	mkdir -m 700 "$IMG"
	SERVER=$IMG
	page_server
	to_server --leave-running
	goes_on
	wait "$PAGES"
	ok delete --force "$ID"
	# a process that wrote its log after the images were made would be found out
	script "exec probe oracle /log $MIB 2>/told"
	runs
	page_server --address ::1
	ok checkpoint --image-path "$IMG" --page-server "[::1]:$PORT" "$ID"
	wait "$PAGES"
	ok delete "$ID"
	AT=$(ticks)
	restores
	goes_on
	is_right $((AT + 3))
}

@test "U126: a page server that is not there, or goes away: the container runs on" {
	MIB=64
	script "exec probe oracle /log $MIB 2>/told"
	runs
	refused_dump "criu's dump failed" --page-server "127.0.0.1:$PORT"
	[ ! -e "$IMG/inventory.img" ] || fail "images are left"
	goes_on
	background socat "TCP-LISTEN:$PORT,bind=127.0.0.1" EXEC:true
	listens() { grep -q ":$(printf %04X "$PORT") .* 0A " /proc/net/tcp; }
	wait_for listens
	refused_dump "criu's dump failed" --page-server "127.0.0.1:$PORT"
	goes_on
	# one that hears and says nothing: a signal ends it
	background socat -u "TCP-LISTEN:$PORT,bind=127.0.0.1,reuseaddr" "OPEN:$WORK/heard,creat"
	wait_for listens
	background "$RUNTIME" --root "$ROOT" checkpoint --image-path "$IMG" --page-server "127.0.0.1:$PORT" "$ID"
	wait_for test -s "$WORK/heard"
	kill -TERM "$JOB"
	! wait "$JOB" || fail "an interrupted checkpoint succeeds"
	goes_on
	[ ! -e "$IMG/stiva.manifest" ]
	is_right 9
}

@test "U126: --page-server: ADDRESS:PORT, and what does not go together" {
	runs
	refused_dump "is not ADDRESS:PORT" --page-server nowhere
	refused_dump "is not ADDRESS:PORT" --page-server :27
	refused_dump "is not ADDRESS:PORT" --page-server host:70000
	refused_dump "is not ADDRESS:PORT" --page-server host:
	ID=$ID-2
	not_restored "is not ADDRESS:PORT" --page-server '[::1]'
	not_restored "--page-server is for restore --lazy-pages" --page-server 127.0.0.1:27
	not_restored "unknown option '--status-fd'" --status-fd 1
}
