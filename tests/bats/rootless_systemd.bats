#!/usr/bin/env bats
# A normal user with a systemd of his own: limits by delegation, the user's units.
# requires: root cgroup2 systemd rootless userns cgroup_memory cgroup_pids
load helpers

USER_ID=1234

# The user's systemd runs for the whole file, so that it is no leak of a test.
setup_file() {
	[ -d /run/systemd/system ] || return 0
	getent passwd $USER_ID >/dev/null || useradd --uid $USER_ID --create-home stivauser
	loginctl enable-linger $USER_ID
	DEADLINE=120 wait_for test -S /run/user/$USER_ID/bus
	DEADLINE=120 wait_for systemctl is-active --quiet user@$USER_ID.service
	# systemd keeps a slice that a unit wanted
	user_systemctl start user.slice
}
teardown_file() {
	[ -d /run/systemd/system ] || return 0
	loginctl disable-linger $USER_ID
	systemctl stop user@$USER_ID.service
}
user_systemctl() {
	setpriv --reuid $USER_ID --regid $USER_ID --clear-groups \
		env XDG_RUNTIME_DIR=/run/user/$USER_ID systemctl --user "$@"
}

test_setup() {
	mkdir "$WORK/home"
	cp "$RUNTIME" "$WORK/home/$RUNTIME_NAME"
	RT=$WORK/home/$RUNTIME_NAME
	ROOT=$WORK/home/state
	UNIT=pre-$ID.scope
	export USER_ID
	bundle "$(add_ns user)" "$(without_ns network)" \
		".linux.uidMappings = [{containerID: 0, hostID: $USER_ID, size: 1}] | .linux.gidMappings = [{containerID: 0, hostID: $USER_ID, size: 1}]" \
		'del(.linux.resources)' '(.mounts[].options // empty) |= map(select(startswith("gid=") | not))' \
		'.mounts |= map(select(.type != "sysfs"))' '.process.args = ["/bin/probe", "wait"]' \
		'.mounts += [{destination: "/sys", type: "none", source: "/sys", options: ["rbind", "nosuid", "noexec", "nodev", "ro"]}]' \
		'.mounts |= map(select(.type != "cgroup"))' '.linux.cgroupsPath = ":pre:\(env.ID)"'
	chown -R --no-dereference $USER_ID:$USER_ID "$WORK/bundle" "$WORK/home"
	chmod 755 "$WORK" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$WORK/home"
}
test_teardown() {
	user delete --force "$ID" || true
	rm -rf "${WORK:?}/home"
}

# as_user CMD...: from a place that is not the user's own (as from a login's scope)
as_user() {
	env -i PATH="$PATH" HOME="$WORK/home" XDG_RUNTIME_DIR=/run/user/$USER_ID timeout -k 2 60 \
		"$PROBE" as $USER_ID $USER_ID "$@"
}
user() {
	LAST="$RUNTIME_NAME $* (as user $USER_ID)"
	RUNS=$((RUNS + 1))
	OUT=$WORK/.out.$RUNS ERR=$WORK/.err.$RUNS
	status=0
	as_user ${BY:+"$BY"} "$RT" --root "$ROOT" "$@" >"$OUT" 2>"$ERR" 3>&- 4>&- || status=$?
	output=$(<"$OUT") stderr=$(<"$ERR")
}
edit() {
	config "$@"
	chown $USER_ID "$BUNDLE/config.json"
}
user_up() {
	user --systemd-cgroup run -d -b "$BUNDLE" "$ID"
	exits 0
	STDOUT=$OUT
	wait_for said ready
}
prop() { as_user systemctl --user show -P "$1" "$UNIT"; }
user_pid() { as_user "$RT" --root "$ROOT" state "$ID" | jq -r .pid; }
cgroup_of_pid() { sed -n s/^0:://p "/proc/$1/cgroup"; }
user_unit_gone() { [ -z "$(as_user systemctl --user list-units --plain --no-legend --all "$UNIT")" ]; }

@test "C03 U06: a user's scope is in his own user.slice, with his limits" {
	edit '.linux.resources = {memory: {limit: 134217728}, pids: {limit: 55}}'
	user_up
	is "$(prop Slice)" user.slice
	is "$(prop MemoryMax)" 134217728
	is "$(prop TasksMax)" 55
	local at
	at=$(cgroup_of_pid "$(user_pid)")
	[[ $at == /user.slice/user-$USER_ID.slice/user@$USER_ID.service/user.slice/$UNIT* ]] || fail "$at"
	is "$(<"$CG$at/memory.max")" 134217728
	is "$(<"$CG$at/pids.max")" 55
	user delete --force "$ID"
	exits 0
	wait_for user_unit_gone
}

@test "V10 U105: an update of a user's container goes to his unit, and what was not delegated is refused" {
	edit '.linux.resources = {memory: {limit: 134217728}, pids: {limit: 55}}'
	user_up
	local at
	at=$CG$(cgroup_of_pid "$(user_pid)")
	user update --memory 100663296 --pids-limit 66 "$ID"
	exits 0
	is "$(prop MemoryMax) $(prop TasksMax)" "100663296 66"
	is "$(<"$at/memory.max") $(<"$at/pids.max")" "100663296 66"
	as_user systemctl --user daemon-reload
	is "$(<"$at/memory.max") $(<"$at/pids.max") $(<"${at%/*}/pids.max")" "100663296 66 66"
	user update --pids-limit 77 --cpuset-cpus 0 "$ID"
	KEPT=1 refused cpu.cpus "controller \`cpuset\`"
	is "$(prop TasksMax) $(<"$at/pids.max")" "66 66"
	user delete --force "$ID"
	exits 0
}

@test "autosize by a user, within what his systemd gave him" {
	edit '.process.args = ["/bin/probe", "load", "/ctl"] | .linux.resources = {memory: {limit: 67108864, swap: 67108864}}'
	mkfifo "$BUNDLE/rootfs/ctl"
	chown $USER_ID "$BUNDLE/rootfs/ctl"
	user --systemd-cgroup run -d -b "$BUNDLE" "$ID"
	exits 0
	STDOUT=$OUT
	echo '{"memory": {"calmMs": 2000, "stepMs": 500, "regretMs": 500}, "check": {"firstMs": 500, "maxMs": 2000}}' >"$WORK/quick.json"
	chmod 644 "$WORK/quick.json"
	background "$PROBE" as $USER_ID $USER_ID env HOME="$WORK/home" XDG_RUNTIME_DIR=/run/user/$USER_ID "$RT" --root "$ROOT" autosize \
		--policy "$WORK/quick.json" --memory 64M..256M "$ID" >"$WORK/log" 2>&1
	WATCHER=$JOB
	logged() { grep -qE -- "$1" "$WORK/log"; }
	wait_for logged watched
	echo "mem 150" >"$BUNDLE/rootfs/ctl"
	DEADLINE=90 wait_for grep -qx "mem 150" "$STDOUT" || { cat "$WORK/log"; false; }
	dir=/sys/fs/cgroup$(cgroup_of_pid "$(user_pid)")
	[ "$(<"$dir/memory.max")" -ge $((150 << 20)) ]
	is "$(grep oom_kill "$dir/memory.events" | head -n 1)" "oom_kill 0"
	kill -s TERM "$WATCHER"
	wait "$WATCHER" || fail "$(<"$WORK/log")"
	is "$(<"$dir/memory.high")" max
	is "$(prop MemoryMax)" "$(<"$dir/memory.max")"
}

@test "C03: exec of a user is in the container's cgroup, wherever he calls from" {
	user_up
	user exec "$ID" probe wait &
	JOBS+=($!)
	local at
	at=$(cgroup_of_pid "$(user_pid)")
	wait_for test "$(wc -l <"$CG$at/cgroup.procs")" -ge 1
	two_inside() { [ "$(wc -l <"$CG$at/cgroup.procs")" -ge 2 ]; }
	wait_for two_inside
	user delete --force "$ID"
}

@test "C03: without his systemd a user is told so" {
	RUNS=$((RUNS + 1)) OUT=$WORK/.out.$RUNS ERR=$WORK/.err.$RUNS status=0
	stiva_only
	env -i PATH="$PATH" HOME="$WORK/home" "$PROBE" as $USER_ID $USER_ID "$RT" --root "$ROOT" --systemd-cgroup \
		run -b "$BUNDLE" "$ID" >"$OUT" 2>"$ERR" || status=$?
	output=$(<"$OUT") stderr=$(<"$ERR")
	refused "XDG_RUNTIME_DIR"
}
