#!/usr/bin/env bats
# view: with --view a container sees its own memory and CPUs, by the real lxcfs; and what happens without
# one. Not parallel: an lxcfs is found wherever it is mounted.
# requires: root cgroup2
load helpers

test_setup() {
	stiva_only
	LX=$WORK/lxcfs LXCFS=
}
test_teardown() {
	[ ! -d "$LX" ] || umount -l "$LX" 2>/dev/null || true
	[ -z "$LXCFS" ] || { kill -KILL "$LXCFS" && wait "$LXCFS"; } 2>/dev/null || true
	rm -rf /run/lxcfs
}

# lxcfs_at DIR OPTION...: a living one
lxcfs_at() {
	LX=$1
	shift
	mkdir -p "$LX"
	background lxcfs -f -p "$WORK/lxcfs.pid" "$@" "$LX" >"$WORK/lxcfs.log" 2>&1
	LXCFS=$JOB
	wait_for test -e "$LX/proc/meminfo"
}
# the daemon ends as if by a crash: its mount stays
lxcfs_dies() {
	kill -KILL "$LXCFS"
	wait "$LXCFS" || true
	LXCFS=
	refute cat "$LX/proc/meminfo"
}

# What is mounted of lxcfs, one a line, as the container sees it.
VIEWED='sed -n "/ - fuse.lxcfs /s/^[^ ]* [^ ]* [^ ]* \([^ ]*\) \([^ ]*\) .*/\1 \2/p" /proc/self/mountinfo'
# the kernel's own: of a container without a view
HOST_MEMORY=$(sed -n 's/^MemTotal: *//p' /proc/meminfo)
# Debian's own programs, which read these files; busybox asks sysinfo(2), which no file system can answer
REAL='.mounts += [("/usr", "/lib", "/lib64") | {destination: ., type: "bind", source: ., options: ["rbind", "ro"]}]'
inside() { ok exec "$ID" sh -c "$1"; }
inside_is() { inside "$1" && is "$output" "$2" "$1"; }
MEMORY='busybox awk "/^MemTotal/ { print \$2 }" /proc/meminfo'
CPUS='grep -c ^processor /proc/cpuinfo'

# ---- without it ----

@test "view: without lxcfs there is one warning, and the container runs; --strict makes it an error" {
	! grep -q ' fuse\.lxcfs ' /proc/self/mountinfo || fail "an lxcfs of somebody else"
	script "$VIEWED; sed -n 's/^MemTotal: *//p' /proc/meminfo"
	ok run --view -b "$BUNDLE" "$ID"
	prints "$HOST_MEMORY"
	is "$stderr" "stiva: warning: view: no lxcfs is mounted here: the container sees the host's memory and CPUs"
	rt --strict run --view -b "$BUNDLE" "$ID"
	refused "no lxcfs is mounted" --strict
	program probe wait
	ok create --view -b "$BUNDLE" "$ID"
	is "$(wc -l <"$ERR")" 1
	ok start "$ID"
	is "$stderr" "" # said once
	ok exec "$ID" true
	is "$stderr" ""
	[ "$(jq 'has("view")' "$ROOT/$ID/state.json")" = false ]
}

@test "view: a directory that is no lxcfs is a warning; one that is not absolute an error" {
	program true
	ok run --view-from "$WORK" -b "$BUNDLE" "$ID"
	complains "view: \"$WORK\" is not a mount of lxcfs"
	ok run --view-from /nonesuch -b "$BUNDLE" "$ID"
	complains "view: lxcfs at \"/nonesuch\": no such file or directory"
	rt run --view-from lxcfs -b "$BUNDLE" "$ID"
	refused "'--view-from'" absolute
}

@test "view: the annotation's value is checked; the options win over it" {
	program true -- '.annotations["stiva.view"] = "yes"'
	rt validate "$BUNDLE"
	exits 1
	shows 'annotations["stiva.view"]: must be true, false or the directory'
	rt run -b "$BUNDLE" "$ID"
	refused 'annotations["stiva.view"]'
	for value in 0 false ""; do
		program true -- ".annotations[\"stiva.view\"] = \"$value\""
		ok run -b "$BUNDLE" "$ID"
		is "$stderr" ""
	done
	program true -- '.annotations["stiva.view"] = "true"'
	ok run -b "$BUNDLE" "$ID"
	complains "no lxcfs"
	ok run --view=false -b "$BUNDLE" "$ID"
	is "$stderr" ""
	program true -- '.annotations["stiva.view"] = "/nonesuch"'
	ok run -b "$BUNDLE" "$ID"
	complains '"/nonesuch"'
}

@test "view: --plan shows the mounts; without a /proc there are none, which is no warning" {
	program true
	ok run --plan --view-from /lx -b "$BUNDLE" "$ID"
	line "mount -: bind /lx/proc/meminfo -> /proc/meminfo ro,nosuid,nodev,noexec"
	line "mount -: bind /lx/sys/devices/system/cpu -> /sys/devices/system/cpu ro,nosuid,nodev,noexec"
	program true -- '.mounts |= map(select(.destination | test("^/(proc|sys)") | not))' 'del(.linux.maskedPaths, .linux.readonlyPaths)'
	ok run --view -b "$BUNDLE" "$ID"
	is "$stderr" ""
	rt --debug run --view -b "$BUNDLE" "$ID"
	complains "view: the config has no /proc or /sys"
}

@test "view: without a pid namespace of its own lxcfs would tell of somebody else: a warning" {
	program true -- "$(without_ns pid)"
	ok run --view -b "$BUNDLE" "$ID"
	is "$stderr" "stiva: warning: view: the container has no pid namespace of its own, by which lxcfs knows it: the container sees the host's memory and CPUs"
}

# ---- with it ----

@test "view: the files of lxcfs lie over the kernel's, read-only, in the container alone" {
	requires lxcfs
	lxcfs_at "$WORK/lxcfs"
	script "$VIEWED; busybox touch /proc/uptime 2>&1; grep -c ' ro,nosuid,nodev,noexec.* - fuse.lxcfs' /proc/self/mountinfo"
	ok run --view -b "$BUNDLE" "$ID"
	is "$stderr" ""
	for f in cpuinfo diskstats loadavg meminfo slabinfo stat swaps uptime; do
		line "/proc/$f /proc/$f"
	done
	line "/sys/devices/system/cpu /sys/devices/system/cpu"
	shows "touch: /proc/uptime: Read-only file system"
	is "$(tail -n 1 "$OUT")" "$(grep -c '^/[ps].* /' "$OUT")"
	is "$(grep -c ' - fuse.lxcfs ' /proc/self/mountinfo)" 1
	# nothing without being asked
	rt run -b "$BUNDLE" "$ID"
	prints 0
}

@test "view: lxcfs is found where it usually is; inspect and the state's record say what is mounted" {
	requires lxcfs
	lxcfs_at /var/lib/lxcfs
	program probe wait -- '.annotations["stiva.view"] = "true"'
	starts
	is "$stderr" ""
	jq -e '.view.from == "/var/lib/lxcfs" and (.view.paths | index("/proc/meminfo"))' "$ROOT/$ID/state.json"
	ok inspect --format view.from "$ID"
	prints /var/lib/lxcfs
	inside "$VIEWED"
	is "$(cut -d' ' -f2 "$OUT" | sort)" "$(jq -r '.view.paths[]' "$ROOT/$ID/state.json" | sort)"
	ok doctor -f json
	jq -e '.checks[] | select(.name == "tools.lxcfs") | .verdict == "ok" and (.found | contains("/var/lib/lxcfs"))' "$OUT"
}

@test "view: a masked path wins, a mount of the config wins" {
	requires lxcfs
	lxcfs_at "$WORK/lxcfs"
	echo mine >"$WORK/mine"
	script "$VIEWED; cat /proc/meminfo /proc/swaps; cat /sys/devices/system/cpu/online" \
		'.linux.maskedPaths += ["/proc/meminfo", "/sys/devices/system"]' \
		'.mounts += [{destination: "/proc/swaps", type: "bind", source: (env.WORK + "/mine"), options: ["bind"]}]'
	rt run --view -b "$BUNDLE" "$ID"
	line "/proc/stat /proc/stat"
	line mine
	shows_not /proc/meminfo
	shows_not /proc/swaps
	shows_not MemTotal
	complains "cpu/online': no such file"
}

@test "view: a dead lxcfs is a warning, and another one is taken; what runs can be deleted" {
	requires lxcfs
	lxcfs_at "$WORK/first"
	program probe wait
	ok run -d --view -b "$BUNDLE" "$ID"
	is "$stderr" ""
	lxcfs_dies
	rt exec "$ID" cat /proc/meminfo
	exits 1
	ok delete --force "$ID"
	program true
	for how in --view "--view-from $WORK/first"; do
		# shellcheck disable=SC2086 # words
		ok run $how -b "$BUNDLE" "$ID"
		is "$stderr" "stiva: warning: view: lxcfs at \"$WORK/first\" is dead: transport endpoint is not connected: the container sees the host's memory and CPUs"
	done
	ok doctor -f json
	jq -e '.checks[] | select(.name == "tools.lxcfs") | .verdict == "warning" and (.found | contains("is dead"))' "$OUT"
	dead=$LX
	lxcfs_at "$WORK/second"
	ok run --view -b "$BUNDLE" "$ID"
	is "$stderr" ""
	umount -l "$dead"
}

@test "view: an lxcfs that does not answer is waited for 3 seconds" {
	requires lxcfs
	lxcfs_at "$WORK/lxcfs"
	program true
	kill -STOP "$LXCFS"
	ok run --view -b "$BUNDLE" "$ID"
	is "$stderr" "stiva: warning: view: lxcfs does not answer (3 s): the container sees the host's memory and CPUs"
	kill -CONT "$LXCFS"
	ok run --view -b "$BUNDLE" "$ID"
	is "$stderr" ""
}

@test "view: in a user namespace" {
	requires lxcfs userns
	lxcfs_at "$WORK/lxcfs"
	script "$VIEWED; cat /proc/meminfo" "$USERNS"
	open_bundle
	ok run --view -b "$BUNDLE" "$ID"
	is "$stderr" ""
	line "/proc/meminfo /proc/meminfo"
	shows MemTotal
}

@test "view: of a normal user" {
	requires lxcfs rootless userns
	lxcfs_at "$WORK/lxcfs"
	mkdir "$WORK/home"
	cp "$RUNTIME" "$WORK/home/stiva"
	script "$VIEWED; cat /proc/meminfo" "$(add_ns user)" "$(without_ns network)" "$(without_ns cgroup)" \
		'.linux.uidMappings = [{containerID: 0, hostID: 1234, size: 1}] | .linux.gidMappings = .linux.uidMappings' \
		'del(.linux.resources)' '(.mounts[].options // empty) |= map(select(startswith("gid=") | not))' \
		'.mounts |= map(select(.type != "cgroup" and .type != "sysfs"))' \
		'.mounts += [{destination: "/sys", type: "none", source: "/sys", options: ["rbind", "ro"]}]'
	chown -R --no-dereference 1234:1234 "$WORK/bundle" "$WORK/home"
	chmod 755 "$WORK" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test"
	OUT=$WORK/out ERR=$WORK/err status=0
	env -i PATH="$PATH" "$PROBE" as 1234 1234 "$WORK/home/stiva" --root "$WORK/home/state" --cgroup-manager disabled \
		run --view -b "$BUNDLE" "$ID" >"$OUT" 2>"$ERR" 3>&- 4>&- || status=$?
	output=$(<"$OUT") stderr=$(<"$ERR")
	exits 0
	line "/proc/meminfo /proc/meminfo"
	line "/sys/devices/system/cpu /sys/devices/system/cpu"
	shows MemTotal
	rm -rf "$WORK/home"
}

# ---- the values ----

@test "view: memory and swap are the limits, and follow an update without a restart" {
	requires lxcfs cgroup_memory
	lxcfs_at "$WORK/lxcfs"
	program probe wait -- '.linux.resources.memory = {limit: 134217728, swap: 201326592}' "$REAL"
	ok run -d --view -b "$BUNDLE" "$ID"
	inside_is "$MEMORY" 131072
	inside_is '/usr/bin/free -k | busybox awk "/^Mem:/ { print \$2 }"' 131072
	inside_is '/usr/bin/top -bn1 | busybox awk "/^MiB Mem/ { print \$4 }"' 128.0
	inside_is 'busybox awk "/^SwapTotal/ { print \$2 }" /proc/meminfo' 65536
	ok update --memory 64M --memory-swap 96M "$ID"
	inside_is "$MEMORY" 65536
	inside_is '/usr/bin/free -m | busybox awk "/^Mem:/ { print \$2 }"' 64
	inside_is 'busybox awk "/^SwapTotal/ { print \$2 }" /proc/meminfo' 32768
	ok update --memory 256M --memory-swap 512M "$ID"
	inside_is "$MEMORY" 262144
	ok update --memory max "$ID"
	inside_is "$MEMORY" "${HOST_MEMORY% kB}"
}

@test "view: the CPUs are those of the cpuset, and follow an update" {
	requires lxcfs cgroup_cpuset
	[ "$(nproc)" -ge 2 ] || skip "requires: two CPUs"
	lxcfs_at "$WORK/lxcfs"
	program probe wait -- '.linux.resources.cpu = {cpus: "0"}' "$REAL"
	ok run -d --view -b "$BUNDLE" "$ID"
	inside_is "$CPUS" 1
	inside_is 'cat /sys/devices/system/cpu/online' 0
	inside_is '/usr/bin/nproc' 1
	inside_is 'grep -c "^cpu[0-9]" /proc/stat' 1
	ok update --cpuset-cpus 0-1 "$ID"
	inside_is "$CPUS" 2
	inside_is 'cat /sys/devices/system/cpu/online' 0-1
	inside_is '/usr/bin/nproc' 2
}

@test "view: the CPUs follow the quota, where lxcfs is told to (--enable-cfs)" {
	requires lxcfs cgroup_cpu
	[ "$(nproc)" -ge 2 ] || skip "requires: two CPUs"
	lxcfs_at "$WORK/lxcfs" --enable-cfs
	program probe wait -- '.linux.resources.cpu = {quota: 100000, period: 100000}'
	ok run -d --view -b "$BUNDLE" "$ID"
	inside_is "$CPUS" 1
	ok update --cpu-quota 200000 "$ID"
	inside_is "$CPUS" 2
	ok update --cpu-quota 50000 "$ID"
	inside_is "$CPUS" 1
	inside_is 'cat /sys/devices/system/cpu/online' 0
}
