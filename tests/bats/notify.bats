#!/usr/bin/env bats
# sd_notify: NOTIFY_SOCKET is offered in the container and its messages come out.
# requires: root cgroup2
# parallel: yes
load helpers

listen() {
	background "$PROBE" notifyd "$WORK/notify" "$1" >"$WORK/got"
	wait_for test -S "$WORK/notify"
	export NOTIFY_SOCKET=$WORK/notify
}
got() { grep -q -- "$1" "$WORK/got"; }

@test "U55: READY=1 comes out of run --detach" {
	script 'probe notify READY=1; probe wait'
	listen 9
	ok run -d -b "$BUNDLE" "$ID"
	wait_for got READY=1
	is "$(status_of)" running
}

@test "U55: READY=1 comes out of create and start" {
	script 'probe notify READY=1; probe wait'
	listen 9
	ok create -b "$BUNDLE" "$ID"
	ok start "$ID"
	wait_for got READY=1
}

@test "the program sees a socket of the container, not the host's path" {
	script 'echo "$NOTIFY_SOCKET"; [ -S "$NOTIFY_SOCKET" ] && echo socket; probe notify READY=1'
	listen 9
	ok run -d -b "$BUNDLE" "$ID"
	STDOUT=$OUT
	wait_for said socket
	# crun binds at the same path, and forwards only as long as it lives
	[ "$RUNTIME_NAME" = crun ] || {
		refute grep -q "$WORK/notify" "$STDOUT"
		wait_for got READY=1
	}
}

@test "U55: a user namespace whose root may not enter the runtime's directories says READY=1 too" {
	script 'probe notify READY=1; probe wait' "$USERNS"
	open_bundle
	listen 9
	ok run -d -b "$BUNDLE" "$ID"
	wait_for got READY=1
}

@test "without NOTIFY_SOCKET there is none inside" {
	script 'echo "[$NOTIFY_SOCKET]"'
	runs
	prints "[]"
}

@test "U55: the end of a program that never says READY ends the wait" {
	program true
	listen 9
	ok create -b "$BUNDLE" "$ID"
	DEADLINE=5 rt start "$ID"
	[ "$status" != 124 ] || fail "start hangs"
}

@test "nothing is left of the socket after delete" {
	known_deviation crun "1.8 sometimes waits for ever"
	script 'probe notify READY=1; probe wait'
	listen 9
	ok run -d -b "$BUNDLE" "$ID"
	wait_for got READY=1
	ok delete --force "$ID"
	absent
	refute grep -q notify <<<"$(find "$ROOT" -type s)"
}
