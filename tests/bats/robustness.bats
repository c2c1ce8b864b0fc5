#!/usr/bin/env bats
# Races, full disks, missing rights, broken state: a clean error or success, never a rest.
# requires: root cgroup2
# parallel: yes
load helpers

test_teardown() {
	umount "$WORK/small" 2>/dev/null || true
	umount -l "$WORK/cg" 2>/dev/null || true
}

# all WANTED...: waits for the jobs of $PIDS and counts statuses in $COUNTS
gather() {
	local pid
	GOOD=0 BAD=0
	for pid in "${PIDS[@]}"; do
		if wait "$pid"; then GOOD=$((GOOD + 1)); else BAD=$((BAD + 1)); fi
	done
}
aside() {
	timeout -k 2 20 "$RUNTIME" --root "$ROOT" "$@" >"$WORK/aside.${#PIDS[@]}" 2>&1 3>&- 4>&- &
	PIDS+=($!)
}

@test "R13: of twenty creates of one id exactly one wins" {
	known_deviation runc "1.1 now and then lets two win"
	program probe wait
	for _ in 1 2; do
		PIDS=()
		for _ in {1..20}; do aside create -b "$BUNDLE" "$ID"; done
		gather
		is "$GOOD" 1
		is "$(status_of)" created
		if is_stiva; then is "$(cat "$WORK"/aside.* | grep -c 'already exists')" 19; fi
		ok delete --force "$ID"
		absent
	done
}

@test "eight deletes by force at once all succeed" {
	known_deviation crun "some fail"
	program probe hang 3
	starts
	PIDS=()
	for _ in {1..8}; do aside delete --force "$ID"; done
	gather
	is "$BAD" 0 "$(cat "$WORK"/aside.*)"
	absent
}

@test "R13: create against delete by force" {
	program probe wait
	for _ in {1..5}; do
		PIDS=()
		aside create -b "$BUNDLE" "$ID"
		for _ in 1 2 3; do aside delete --force "$ID"; done
		gather
		ok delete --force "$ID"
		absent
	done
}

@test "start, kill and delete at once" {
	known_deviation crun "1.8 leaves state behind now and then"
	program probe hang 0
	for _ in {1..5}; do
		ok create -b "$BUNDLE" "$ID"
		PIDS=()
		aside start "$ID"
		aside kill "$ID" KILL
		aside delete --force "$ID"
		gather
		ok delete --force "$ID"
		absent
	done
}

@test "a start that two want is had by one" {
	known_deviation runc "1.1: the second one hangs now and then"
	program probe wait
	ok create -b "$BUNDLE" "$ID"
	PIDS=()
	aside start "$ID"
	aside start "$ID"
	gather
	[ "$GOOD" -ge 1 ]
	if is_stiva; then is "$GOOD" 1; fi
	is "$(status_of)" running
}

@test "a full disk for the state folder" {
	program true
	mkdir "$WORK/small"
	mount -t tmpfs -o size=4k small "$WORK/small"
	head -c 100000 /dev/zero >"$WORK/small/fill" 2>/dev/null || true
	ROOT=$WORK/small/state
	rt run -b "$BUNDLE" "$ID"
	refused "no space left on device"
	known_deviation crun "leaves the folder"
	[ ! -e "$ROOT/$ID" ]
}

@test "no inodes for the state folder" {
	program true
	mkdir "$WORK/small"
	for n in 2 3 4 5 6; do
		mount -t tmpfs -o mode=700,nr_inodes=$n small "$WORK/small"
		ROOT=$WORK/small
		rt run -b "$BUNDLE" "$ID"
		left=$(find "$WORK/small" -mindepth 1)
		umount "$WORK/small"
		if [ "$status" != 0 ]; then
			if is_stiva; then
				KEPT=1 refused "no space left on device"
				[[ $left != *"$ID"* ]] || fail "left: $left"
			fi
		fi
	done
}

@test "a read-only state folder" {
	program true
	mkdir "$WORK/small"
	mount -t tmpfs -o mode=700,ro small "$WORK/small"
	ROOT=$WORK/small
	rt run -b "$BUNDLE" "$ID"
	refused "read-only file system"
}

@test "the root of states is a file, a symlink to nowhere" {
	program true
	touch "$WORK/file"
	ROOT=$WORK/file rt run -b "$BUNDLE" "$ID"
	refused
	ln -s /nonesuch/x "$WORK/link"
	ROOT=$WORK/link rt run -b "$BUNDLE" "$ID"
	[ "$status" = 0 ] || refused
}

@test "a full disk for the pid file and the log" {
	program probe wait
	mkdir "$WORK/small"
	mount -t tmpfs -o size=4k small "$WORK/small"
	head -c 100000 /dev/zero >"$WORK/small/fill" 2>/dev/null || true
	rt create -b "$BUNDLE" --pid-file "$WORK/small/pid" "$ID"
	known_deviation crun "does not notice"
	known_deviation runc "leaves an empty file"
	refused "$WORK/small/pid"
	[ ! -e "$WORK/small/pid" ]
}

@test "cgroups cannot be written" {
	program true
	mkdir "$WORK/cg"
	# over the cgroup mount: read-only for this runtime
	status=0
	RUNS=$((RUNS + 1))
	OUT=$WORK/.out.$RUNS ERR=$WORK/.err.$RUNS
	unshare -m --propagation private sh -c 'mount --bind /sys/fs/cgroup /sys/fs/cgroup && mount -o remount,bind,ro /sys/fs/cgroup && exec "$@"' sh \
		"$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >"$OUT" 2>"$ERR" 3>&- || status=$?
	output=$(<"$OUT") stderr=$(<"$ERR")
	refused cgroup
}

@test "another user without rights" {
	program true
	chmod 755 "$WORK" "$BATS_RUN_TMPDIR" 2>/dev/null || true
	cp "$RUNTIME" "$WORK/runtime"
	for root in "$WORK/forbidden" /run/none; do
		status=0
		RUNS=$((RUNS + 1))
		OUT=$WORK/.out.$RUNS ERR=$WORK/.err.$RUNS
		"$PROBE" as 1234 1234 "$WORK/runtime" --root "$root" run -b "$BUNDLE" "$ID" >"$OUT" 2>"$ERR" 3>&- || status=$?
		output=$(<"$OUT") stderr=$(<"$ERR")
		refused
	done
	rm "$WORK/runtime"
}

@test "a state file that is empty, cut, garbage or gone: broken, and force recovers" {
	stiva_only
	for damage in empty cut garbage missing nul; do
		program probe hang 2
		starts
		pid=$(pid_of)
		mapfile -t files < <(find "$ROOT/$ID" -type f -name '*.json')
		[ "${#files[@]}" -ge 1 ]
		for f in "${files[@]}"; do
			case $f in */config.json) continue ;; esac
			case $damage in
			empty) : >"$f" ;;
			cut) truncate -s 50 "$f" ;;
			garbage) echo garbage >"$f" ;;
			missing) rm "$f" ;;
			nul) head -c 100 /dev/zero >"$f" ;;
			esac
		done
		rt state "$ID"
		if [ "$status" = 0 ]; then is "$(jq -r .status <<<"$output")" broken $damage; else KEPT=1 refused "$ID"; fi
		ok list -f json
		rt delete "$ID"
		[ "$status" != 0 ] || fail "delete of a broken container succeeds ($damage)"
		ok delete --force "$ID"
		absent
		gone() { [ ! -d "/proc/$pid" ] || grep -q '^State:.Z' "/proc/$pid/status"; }
		wait_for gone
	done
}

@test "U85: a state that names a foreign process does not hurt it" {
	program probe wait
	starts
	sleep 0.03 # another start time, which is counted in ticks of 10 ms
	background sleep 100
	real=$(pid_of)
	find "$ROOT/$ID" -type f \( -name '*.json' -o -name status \) -exec \
		sed -i "s/\\(pid\"\\?[ ]*:[ ]*\\)$real\\b/\\1$JOB/g" {} +
	rt kill "$ID" KILL
	rt delete --force "$ID"
	kill -0 "$JOB"
	kill -KILL "$real" 2>/dev/null || true
	if is_stiva; then absent; else clean_up; fi
}

@test "a state of another boot is stopped and can be deleted" {
	stiva_only
	program probe hang 0
	# its process lives, but the record says that it was another boot's: nobody of ours
	echo 00000000-0000-0000-0000-000000000000 >"$WORK/boot"
	unshare -m sh -c 'mount --bind "$1" /proc/sys/kernel/random/boot_id && shift && exec "$@"' - \
		"$WORK/boot" "$RUNTIME" --root "$ROOT" run -d -b "$BUNDLE" "$ID" >"$WORK/said" 2>&1 3>&-
	is "$(status_of)" stopped
	rt kill "$ID" KILL
	KEPT=1 refused "not running"
	crowd=$(cgroup_of)
	ok delete "$ID"
	[ ! -e "$ROOT/$ID" ]
	# what has that name now is not what the record meant
	grep -q . "$crowd/cgroup.procs"
	echo 1 >"$crowd/cgroup.kill"
	wait_for rmdir "$crowd"
}

@test "U89: a container whose cgroup holds a stubborn crowd is deleted in time" {
	program probe hang 200
	starts
	began=$SECONDS
	DEADLINE=20 ok delete --force "$ID"
	[ $((SECONDS - began)) -le 10 ]
	absent
}

@test "U89: nested and frozen cgroups are deleted" {
	program probe hang 0 -- "$ALL_CAPS" '(.mounts[] | select(.destination == "/sys/fs/cgroup") | .options) = ["nosuid"]'
	starts
	ok exec "$ID" sh -c 'd=/sys/fs/cgroup; for i in $(seq 1 20); do d=$d/n; mkdir $d; done; mkdir /sys/fs/cgroup/f; echo $$ >/sys/fs/cgroup/f/cgroup.procs; probe hang 0 >/dev/null 2>&1 </dev/null & echo 1 >$d/cgroup.freeze'
	ok pause "$ID"
	ok delete --force "$ID"
	absent
}

@test "a runtime that is killed during create leaves what force can delete" {
	known_deviation crun "leaves cgroups and processes"
	known_deviation runc "leaves cgroups"
	program probe wait
	for ms in 1 2 3 4 5 6 8 10; do
		"$RUNTIME" --root "$ROOT" create -b "$BUNDLE" "$ID" >/dev/null 2>&1 3>&- &
		pid=$!
		sleep "0.00$ms" 2>/dev/null || sleep 0.01
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
		ok delete --force "$ID"
		absent
	done
}

@test "the current folder, HOME and the environment are gone" {
	program echo fine
	mkdir "$WORK/gone"
	cd "$WORK/gone"
	rmdir "$WORK/gone"
	status=0
	env -i "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >"$WORK/o" 2>&1 3>&- || status=$?
	cd "$WORK"
	known_deviation runc "needs its folder"
	is "$status" 0 "$(<"$WORK/o")"
	is "$(<"$WORK/o")" fine
}

@test "few descriptors are enough or the error is clean" {
	program true -- '.mounts += [range(40) | {destination: "/mnt/\(.)", type: "tmpfs", source: "tmpfs"}]'
	for n in 4 8 16 32; do
		(
			ulimit -n $n
			exec "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >"$WORK/o" 2>&1 3>&- 4>&-
		) && continue
		status=$?
		[ $status -lt 124 ] || [ "$RUNTIME_NAME" != stiva ] || fail "status $status: $(<"$WORK/o")"
		if is_stiva; then absent; fi
	done
	"$RUNTIME" --root "$ROOT" delete -f "$ID" || true
	if ! is_stiva; then clean_up; fi
}

@test "a hundred runs leave nothing and no process" {
	program true
	before=$(find /proc -maxdepth 1 -name '[0-9]*' | wc -l)
	for _ in {1..100}; do
		"$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" 3>&- 4>&-
	done
	absent
	after=$(find /proc -maxdepth 1 -name '[0-9]*' | wc -l)
	[ $((after - before)) -lt 20 ]
}
