#!/usr/bin/env bats
# A system container: systemd as process 1 of a Debian 13 root (docs/systemd.md).
# requires: root cgroup2 podman
load helpers

# The Debian 13 root, read-only below a writable layer; without what a container is not for.
test_setup() {
	local lower=/ unit
	[ ! -d "$TOP/build/deb13/usr" ] || lower=$(readlink -f "$TOP/build/deb13")
	[ -x "$lower/usr/lib/systemd/systemd" ] || skip "requires: systemd"
	mkdir -p "$WORK/box/rootfs" "$WORK/layer"
	mount -t tmpfs layer "$WORK/layer"
	mkdir "$WORK/layer/upper" "$WORK/layer/work"
	mount -t overlay -o "lowerdir=$lower,upperdir=$WORK/layer/upper,workdir=$WORK/layer/work" box "$WORK/box/rootfs"
	for unit in stiva-job.service docker.service docker.socket containerd.service podman.socket podman.service \
		podman-restart.service podman-auto-update.timer podman-clean-transient.service systemd-networkd.service \
		systemd-networkd-wait-online.service systemd-resolved.service criu.service binfmt-support.service \
		apt-daily.timer apt-daily-upgrade.timer; do
		ln -sfn /dev/null "$WORK/box/rootfs/etc/systemd/system/$unit"
	done
	mkdir -p "$WORK/box/rootfs/var/log/journal"
	: >"$WORK/box/rootfs/etc/fstab"
	BUNDLE=$WORK/box
	export BUNDLE
	rt spec -b "$BUNDLE"
	jq -f "$TOP/tests/data/system.jq" "$BUNDLE/config.json" >"$BUNDLE/new"
	mv "$BUNDLE/new" "$BUNDLE/config.json"
}
test_teardown() {
	rt delete --force "$ID"
	umount "$WORK/box/rootfs" "$WORK/layer"
}

inside() { ok exec "$ID" "$@"; }
bus_is_up() {
	rt exec "$ID" test -S /run/dbus/system_bus_socket
	[ "$status" = 0 ]
}

# boots [OPTION...]: the container, until its systemd says that it is running
boots() {
	ok "$@" run -d -b "$BUNDLE" "$ID"
	DEADLINE=120 wait_for bus_is_up
	DEADLINE=120 rt exec "$ID" systemctl is-system-running --wait
	[ "$output" = running ] || {
		rt exec "$ID" systemctl --failed --no-pager
		fail "not running: $output"
	}
}

# what a booted system must be able to do
works() {
	inside systemctl list-units --no-pager
	shows multi-user.target
	inside journalctl --no-pager -b -n 200
	shows "Reached target"
	inside systemd-run --quiet --wait --collect true
	inside cat /proc/1/comm
	prints systemd
	# its own cgroups, below the one that it was given
	rt exec "$ID" sh -c 'cat /proc/1/cgroup | grep ^0:'
	prints 0::/init.scope
}

# the stop signal of the annotation, and no other
shuts_down() {
	DEADLINE=60 ok kill "$ID"
	DEADLINE=90 stopped
	ok delete "$ID"
	[ ! -e "$ROOT/$ID" ]
}

@test "C13: a systemd in a container boots, works and shuts down by its stop signal" {
	stiva_only
	boots
	works
	shuts_down
}

@test "A05 C13: the same below a scope of the host's systemd" {
	requires systemd
	stiva_only
	boots --systemd-cgroup
	works
	is "$(systemctl show -P ActiveState "stiva-$ID.scope")" active
	shuts_down
	is "$(systemctl show -P ActiveState "stiva-$ID.scope")" inactive
}
