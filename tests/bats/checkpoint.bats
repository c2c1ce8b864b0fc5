#!/usr/bin/env bats
# checkpoint: containers written by CRIU and made again: what comes back, what is refused, and that
# nothing is lost or left when something fails. What this version cannot do is refused in one line.
# requires: root cgroup2
# parallel: yes
load helpers

test_setup() {
	stiva_only
	program probe wait
	IMG=$WORK/images
	# criu needs a network namespace whose lo is up; that of the machine is
	[ ! -w /sys/class/net/lo/flags ] || ip link set lo up 2>/dev/null || true
}

# ---- counting containers: each number once, in order, whatever happens between ----

# counter [FILTER...]: a bundle whose program prints 1, 2, 3, ...
counter() { script 'i=0; while :; do i=$((i + 1)); echo $i; sleep 0.02; done' "$@"; }
# piped VERB ARGS...: the runtime, whose standard output and error are a pipe into $WORK/said
piped() {
	LAST="$RUNTIME_NAME $* (into a pipe)"
	"$RUNTIME" --root "$ROOT" "$@" </dev/null 3>&- 4>&- 2>&1 > >(exec cat >>"$WORK/said") ||
		fail "$LAST: $? $(<"$WORK/said")"
}
runs_piped() {
	piped run -d -b "$BUNDLE" "$@" "$ID"
	wait_for grep -qx 3 "$WORK/said"
}
count() { tail -n 1 "$WORK/said"; }
passed() { [ "$(count)" -gt "$1" ]; }
in_order() {
	awk '$1 != NR { print "line " NR ": " $0; exit 1 }' "$WORK/said" || fail "numbers are lost or twice"
}
# dumps OPTION...: a checkpoint into $IMG that succeeds
dumps() { ok checkpoint --image-path "$IMG" "$@" "$ID"; }
# restores OPTION...: a restore from there
restores() { ok restore -d -b "$BUNDLE" --image-path "$IMG" "$@" "$ID"; }
# again OPTION...: the container is deleted, restored into the pipe, and counts on
again() {
	local at
	at=$(count)
	ok delete "$ID"
	piped restore -d -b "$BUNDLE" --image-path "$IMG" "$@" "$ID"
	wait_for passed $((at + 2))
	in_order
	status_is running || fail "is $(status_of)"
}
goes_on() {
	status_is running || fail "is $(status_of)"
	wait_for passed $(($(count) + 2))
	in_order
}
# kept TEXT OPTION...: a checkpoint that is refused; the container runs on, and no image is there
kept() {
	local text=$1
	shift
	rt checkpoint --image-path "$IMG" "$@" "$ID"
	KEPT=1 refused "$text"
	status_is running || fail "is $(status_of)"
	[ ! -e "$IMG/stiva.manifest" ] || fail "a refused checkpoint can be restored"
	[ ! -e "$IMG/inventory.img" ] || fail "images are left"
}
# not_restored TEXT OPTION...: a restore that is refused, and leaves nothing
not_restored() {
	local text=$1
	shift
	rt restore -d -b "$BUNDLE" --image-path "$IMG" "$@" "$ID"
	refused "$text"
}

# ---- refused by this version ----

REFUSAL="is not built into this version of stiva: nothing was done"
declines() {
	local option=$1
	rt checkpoint --image-path "$IMG" "$@" "$ID"
	KEPT=1 refused "checkpoint $ID: checkpoint ${option%%=*} $REFUSAL"
	status_is running || fail "the container does not run any more"
	[ ! -e "$IMG" ]
	[[ ${option%%=*} != @(--pre-dump|--parent-path) ]] || return 0
	rt restore -b "$BUNDLE" "$@" "$ID-2"
	KEPT=1 refused "restore $ID-2: restore ${option%%=*} $REFUSAL"
	absent "$ID-2"
}
# wrong TEXT OPTION...: refused as a mistake, by both verbs
wrong() {
	local text=$1
	shift
	rt checkpoint "$@" "$ID"
	KEPT=1 refused "$text"
	rt restore "$@" "$ID-2"
	KEPT=1 refused "$text"
}
# told OPTION...: in --help of both verbs (of $VERBS), man and completions
told() {
	local option verb
	for option in "$@"; do
		for verb in ${VERBS:-checkpoint restore}; do
			"$RUNTIME" $verb --help | grep -qE "^ +(-., )?$option( |\$)" || fail "$option: not in $verb --help"
			"$RUNTIME" help --man $verb | tr -d '\\' | grep -qE "^fB$option|fB$option" || fail "$option: not in stiva-$verb(1)"
			"$RUNTIME" completion bash | sed -n "/^	$verb)/,/;;/p" | grep -qw -e "$option" || fail "$option: bash"
			"$RUNTIME" completion zsh | sed -n "/^	$verb)/,/;;/p" | grep -q -e "$option" || fail "$option: zsh"
			"$RUNTIME" completion fish | grep -e "seen_subcommand_from $verb" | grep -q -e "-l ${option#--} " || fail "$option: fish"
		done
	done
}

@test "U32: both verbs are there with a help text, and features says so" {
	for verb in checkpoint restore; do
		ok $verb --help
		shows "usage: stiva [GLOBAL OPTION]... $verb"
	done
	ok features
	jq -e '.annotations["org.opencontainers.runc.checkpoint.enabled"] == "true" and .annotations["stiva.checkpoint.enabled"] == "true"' "$OUT"
	rt checkpoint "$ID"
	refused "does not exist"
	ok create -b "$BUNDLE" "$ID"
	rt checkpoint "$ID"
	KEPT=1 refused "container not running" created
	ok start "$ID"
	ok kill "$ID" KILL
	stopped
	rt checkpoint "$ID"
	KEPT=1 refused "container not running" "no such process"
}

@test "U120 U127: a container is written, stops, and counts on from its images" {
	requires criu
	counter
	runs_piped
	dumps --work-path "$WORK/logs"
	status_is stopped || fail "is $(status_of)"
	[ -s "$IMG/inventory.img" ] && [ -s "$IMG/pages-1.img" ] && [ -s "$IMG/stiva.manifest" ]
	[ -e "$WORK/logs/dump.log" ] && [ ! -e "$IMG/dump.log" ]
	is "$(stat -c %a "$IMG")" 700
	jq -e 'length == 3 and .[0] == "/dev/null" and (.[1] | startswith("pipe:["))' "$IMG/descriptors.json"
	jq -e --arg id "$ID" '.id == $id and .schema == 2 and .network and (.terminal | not)' "$IMG/stiva.json"
	again --work-path "$WORK/logs" --manage-cgroups-mode=ignore
	[ -e "$WORK/logs/restore.log" ]
	# and once more, of the restored one
	dumps
	again
	rt restore --image-path
	KEPT=1 refused "requires an argument"
	wrong "--image-path is empty" --image-path ""
	told --image-path --work-path
	"$RUNTIME" checkpoint --help | grep -q "default: checkpoint"
}

@test "U120: without --image-path the images are in ./checkpoint" {
	requires criu
	starts ""
	(cd "$WORK" && ok checkpoint "$ID")
	[ -s "$WORK/checkpoint/stiva.manifest" ]
	stopped
}

@test "U122: --leave-running: it goes on, and a later restore begins at the images" {
	requires criu
	counter
	runs_piped
	dumps --leave-running
	goes_on
	ok kill "$ID" KILL
	stopped
	ok delete "$ID"
	mv "$WORK/said" "$WORK/before"
	piped restore -d -b "$BUNDLE" --image-path "$IMG" "$ID"
	wait_for test -s "$WORK/said"
	[ "$(head -n 1 "$WORK/said")" -le "$(tail -n 1 "$WORK/before")" ]
}

@test "a restored container is one: exec, pause, kill, state, ps, delete" {
	requires criu
	counter
	runs_piped
	dumps
	again --pid-file "$WORK/pid"
	is "$(<"$WORK/pid")" "$(pid_of)"
	ok exec "$ID" cat /proc/1/comm
	is "$output" sh
	ok pause "$ID"
	is "$(status_of)" paused
	ok resume "$ID"
	goes_on
	ok ps --format json "$ID"
	jq -e --argjson pid "$(pid_of)" 'index($pid) != null' "$OUT"
	is "$(sed -n 's/^0:://p' "/proc/$(pid_of)/cgroup" | tail -n 1)" "/$ID"
	rt delete "$ID"
	KEPT=1 refused "not stopped: running"
	ok kill "$ID" KILL
	stopped
	ok delete "$ID"
	absent
}

@test "U131: in the foreground the exit status comes through, signals go in, and the container is deleted" {
	requires criu
	script 'trap "echo got it; exit 7" USR1; echo ready; while :; do sleep 0.02; done'
	starts
	dumps
	ok delete "$ID"
	background "$RUNTIME" --root "$ROOT" restore -b "$BUNDLE" --image-path "$IMG" "$ID" >>"$STDOUT" 2>"$WORK/err"
	wait_for status_is running
	kill -USR1 "$JOB"
	status=0
	wait "$JOB" || status=$?
	is "$status" 7
	grep -qx "got it" "$STDOUT"
	absent
	[ ! -s "$WORK/err" ] || fail "$(<"$WORK/err")"
}

@test "the streams: /dev/null, and a file that is given again" {
	requires criu
	counter
	ok run -d -b "$BUNDLE" "$ID"
	STDOUT=$OUT
	wait_for grep -qx 3 "$STDOUT"
	dumps
	jq -e '[.streams[].kind] == ["null", "file", "file"]' "$IMG/stiva.json"
	ok delete "$ID"
	"$RUNTIME" --root "$ROOT" restore -d -b "$BUNDLE" --image-path "$IMG" "$ID" </dev/null 2>&1 3>&- 4>&- | cat >"$WORK/err"
	grep -q "its standard output was the file \"$STDOUT\": give restore this file" "$WORK/err"
	absent
	"$RUNTIME" --root "$ROOT" restore -d -b "$BUNDLE" --image-path "$IMG" "$ID" 3>&- 4>&- </dev/null >>"$STDOUT" 2>"$WORK/err" ||
		fail "$(<"$WORK/err")"
	local at
	at=$(tail -n 1 "$STDOUT")
	more() { [ "$(tail -n 1 "$STDOUT")" -gt "$1" ]; }
	wait_for more $((at + 2))
	awk '$1 != NR { exit 1 }' "$STDOUT" || fail "numbers are lost"
	# a file that has grown meanwhile, and another one
	ok delete --force "$ID"
	echo noted >>"$STDOUT"
	"$RUNTIME" --root "$ROOT" restore -d -b "$BUNDLE" --image-path "$IMG" "$ID" 3>&- 4>&- </dev/null >>"$STDOUT" 2>>"$WORK/err" ||
		fail "$(<"$WORK/err")"
	at=$(grep -n noted "$STDOUT" | cut -d: -f1)
	longer() { [ "$(wc -l <"$STDOUT")" -gt "$1" ]; }
	wait_for longer $((at + 2))
}

@test "the streams: a terminal goes to --console-socket" {
	requires criu
	script 'echo ready; read line; echo "heard $line"; sleep 60' '.process.terminal = true'
	background "$PROBE" console "$WORK/sock" >"$WORK/got"
	wait_for test -S "$WORK/sock"
	ok run -d --console-socket "$WORK/sock" -b "$BUNDLE" "$ID"
	wait_for grep -q ready "$WORK/got"
	dumps
	rm -f "$WORK/sock"
	ok delete "$ID"
	rt restore -d -b "$BUNDLE" --image-path "$IMG" "$ID"
	refused "use --console-socket"
	mkfifo "$WORK/keys"
	exec 6<>"$WORK/keys"
	"$PROBE" console "$WORK/sock" <"$WORK/keys" >"$WORK/got2" 3>&- 4>&- 6>&- &
	JOBS+=($!)
	wait_for test -S "$WORK/sock"
	restores --console-socket "$WORK/sock"
	echo hello >&6
	exec 6>&-
	wait_for grep -q "heard hello" "$WORK/got2"
}

@test "mounts: binds, read-only ones, a tmpfs with its files, masked paths, the root" {
	requires criu
	mkdir "$WORK/data" "$WORK/ro"
	echo host >"$WORK/data/file"
	echo one >"$WORK/one"
	counter "$(add_mount '{destination: "/data", type: "bind", source: (env.WORK + "/data"), options: ["bind", "rw"]}')" \
		"$(add_mount '{destination: "/ro", type: "bind", source: (env.WORK + "/ro"), options: ["rbind", "ro", "nosuid"]}')" \
		"$(add_mount '{destination: "/etc/one", type: "bind", source: (env.WORK + "/one"), options: ["bind", "ro"]}')" \
		"$(add_mount '{destination: "/scratch", type: "tmpfs", source: "tmpfs", options: ["size=1m"]}')"
	runs_piped
	ok exec "$ID" sh -c 'echo kept >/scratch/file; echo of the root >/made; echo shm >/dev/shm/x'
	"$RUNTIME" --root "$ROOT" exec "$ID" cat /proc/self/mountinfo | cut -d' ' -f4-6 | sort >"$WORK/mounts"
	dumps
	again
	"$RUNTIME" --root "$ROOT" exec "$ID" cat /proc/self/mountinfo | cut -d' ' -f4-6 | sort >"$WORK/mounts2"
	diff "$WORK/mounts" "$WORK/mounts2" || fail "the mounts are others"
	ok exec "$ID" cat /data/file /scratch/file /made /dev/shm/x /etc/one
	is "$output" $'host\nkept\nof the root\nshm\none'
	ok exec "$ID" sh -c 'cat /proc/kcore | head -c 1 | wc -c; echo x >/data/new; ! echo x >/ro/no 2>/dev/null; ! echo x >/etc/one 2>/dev/null'
	is "$output" 0
	[ -s "$WORK/data/new" ] && [ ! -e "$WORK/ro/no" ]
}

@test "the network: a new namespace has its lo up, and the config's sysctls" {
	requires criu
	counter '.linux.sysctl = {"net.ipv4.ip_forward": "1"}'
	runs_piped
	dumps
	again
	ok exec "$ID" ip addr
	shows "LOOPBACK,UP"
	is "$("$RUNTIME" --root "$ROOT" exec "$ID" cat /proc/sys/net/ipv4/ip_forward)" 1
}

@test "the network: a joined namespace is joined again" {
	requires criu
	touch "$WORK/net"
	unshare "--net=$WORK/net" ip link set lo up
	counter "$(ns_path network "$WORK/net")"
	runs_piped
	dumps
	again
	is "$(stat -L -c %i "/proc/$(pid_of)/ns/net")" "$(stat -c %i "$WORK/net")"
	ok delete --force "$ID"
	umount "$WORK/net"
}

@test "children, their tree and a pipe between them come back" {
	requires criu
	script '(i=0; while :; do i=$((i + 1)); echo $i; sleep 0.02; done) | while read n; do echo $n; done'
	runs_piped
	dumps
	again
	[ "$("$RUNTIME" --root "$ROOT" ps --format json "$ID" | jq length)" -ge 3 ]
}

@test "R57: the clocks of a container go on, also for what enters it later" {
	requires criu
	counter
	runs_piped
	dumps
	again
	is "$("$RUNTIME" --root "$ROOT" exec "$ID" readlink /proc/self/ns/time)" "$(readlink "/proc/$(pid_of)/ns/time")"
}

@test "R57 N11: a time namespace's offsets come back" {
	requires criu
	counter '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {monotonic: {secs: 100000, nanosecs: 0}}'
	runs_piped
	local before after
	uptime_inside() { "$RUNTIME" --root "$ROOT" exec "$ID" cut -d. -f1 /proc/uptime; }
	monotonic() { "$RUNTIME" --root "$ROOT" exec "$ID" sed -n 's/^monotonic *//p' /proc/1/timens_offsets; }
	before=$(monotonic)
	[[ $before == *100000* ]] || fail "offset: $before"
	dumps
	again
	after=$(monotonic | awk '{print $1}')
	[ "$after" -ge 99900 ] && [ "$after" -le 100000 ] || fail "the offset is $after"
}

@test "a paused container is written, and stays paused with --leave-running" {
	requires criu
	counter
	runs_piped
	ok pause "$ID"
	dumps --leave-running
	is "$(status_of)" paused
	dumps
	is "$(status_of)" stopped
	again
}

@test "U123 U124 U125: what of the processes goes along" {
	requires criu
	counter
	runs_piped
	dumps --tcp-skip-in-flight --ext-unix-sk --shell-job --file-locks --link-remap
	status_is stopped || fail "is $(status_of)"
	again --tcp-close --ext-unix-sk --shell-job --file-locks
	told --tcp-established --tcp-close --tcp-skip-in-flight --ext-unix-sk --shell-job --file-locks --link-remap
	wrong "exclude each other" --tcp-established --tcp-close
}

@test "U125: a file that lost its name but one: the option is named, and the container goes on" {
	requires criu
	script 'echo kept >/a; ln /a /b; exec 9</a; rm /a; i=0; while :; do i=$((i + 1)); echo $i; sleep 0.02; done'
	runs_piped
	kept "has \"/a (deleted)\" open, which has another name still: use --link-remap"
	goes_on
	dumps --link-remap
	again
	is "$("$RUNTIME" --root "$ROOT" exec "$ID" sh -c 'cat /proc/1/fd/9')" kept
}

@test "U123: established connections need --tcp-established, and come back with it" {
	# criu 4.1 cannot take any inet socket on Linux 6.16 and later: the machine's own
	requires criu cap_sys_resource
	script 'mkfifo /s; (exec 3<>/s; nc -l -p 4000 <&3 | while read n; do echo $n; done) &
		until grep -q ":0FA0 .* 0A " /proc/net/tcp /proc/net/tcp6; do :; done
		(i=0; while :; do i=$((i + 1)); echo $i; sleep 0.02; done) | nc 127.0.0.1 4000 >/dev/null'
	runs_piped
	kept "use --tcp-established"
	goes_on
	dumps --tcp-established
	again --tcp-established
}

@test "E10: what CRIU cannot take: its first error and its log in one line, and the container goes on" {
	requires criu
	mkdir "$WORK/logs"
	script 'i=0; while :; do i=$((i + 1)); echo $i; sleep 0.02; done'
	echo outside >"$WORK/file"
	"$RUNTIME" --root "$ROOT" run -d --preserve-fds 1 -b "$BUNDLE" "$ID" </dev/null 3<"$WORK/file" 4>&- > >(exec cat >>"$WORK/said") 2>&1
	wait_for grep -qx 3 "$WORK/said"
	kept "checkpoint $ID: criu's dump failed: Can't lookup mount=" --work-path "$WORK/logs"
	complains "(a process has a file of the host open) (log: $WORK/logs/dump.log)"
	goes_on
}

@test "--check names all that is in the way, and the container does not notice; a checkpoint names the first" {
	requires criu
	script 'echo kept >/a; ln /a /b; exec 9</a; rm /a; i=0; while :; do i=$((i + 1)); echo $i; sleep 0.02; done'
	runs_piped
	"$RUNTIME" --root "$ROOT" exec -d "$ID" sleep 60 </dev/null >/dev/null 2>&1 3>&-
	rt checkpoint --check --image-path "$IMG" "$ID"
	exits 1
	complains "2 things are in the way"
	is "$(wc -l <"$OUT")" 2
	grep -q 'has "/a (deleted)" open' "$OUT"
	grep -q "came in by exec: it would be lost" "$OUT"
	[ ! -e "$IMG" ]
	kept "and 1 thing is in the way besides (checkpoint --check names them)"
	ok exec "$ID" sh -c 'kill $(pidof sleep 2>/dev/null) 2>/dev/null || for p in /proc/[0-9]*; do
		[ "$(tr "\0" " " <$p/cmdline)" != "sleep 60 " ] || kill "${p#/proc/}"; done'
	clear() { rt checkpoint --check --link-remap --image-path "$IMG" "$ID" && [ "$status" = 0 ]; }
	wait_for clear
	prints ""
	goes_on
	"$RUNTIME" checkpoint --help | grep -q -e --check
}

@test "--check: established connections are counted" {
	requires criu
	script 'mkfifo /s; (exec 3<>/s; nc -l -p 4000 <&3 >/dev/null) &
		until grep -q ":0FA0 .* 0A " /proc/net/tcp /proc/net/tcp6; do :; done
		(exec 3<>/s; nc 127.0.0.1 4000 <&3 >/dev/null) &
		until grep -q ":0FA0 .* 01 " /proc/net/tcp /proc/net/tcp6; do :; done; echo ready; exec sleep 60'
	starts
	rt checkpoint --check --image-path "$IMG" "$ID"
	exits 1
	line "2 ends of TCP connections are established: use --tcp-established"
	ok checkpoint --check --tcp-established "$ID"
}

@test "U134: no criu, an old one, one that does not work: one line, and nothing happens" {
	starts ""
	printf '#!/bin/sh\n' >"$WORK/dud"
	chmod 755 "$WORK/dud"
	rt --criu "$WORK/none" checkpoint --image-path "$IMG" "$ID"
	KEPT=1 refused "checkpoint $ID: --criu: \"$WORK/none\": no such file or directory"
	rt --criu criu checkpoint --image-path "$IMG" "$ID"
	KEPT=1 refused "--criu: \"criu\" is no absolute path"
	rt --criu "$WORK/dud" checkpoint --image-path "$IMG" "$ID"
	KEPT=1 refused "\"$WORK/dud\" ended without an answer"
	STIVA_CRIU=$WORK/none rt checkpoint --image-path "$IMG" "$ID"
	KEPT=1 refused "STIVA_CRIU: \"$WORK/none\""
	mkdir "$IMG"
	STIVA_CRIU=$WORK/none rt restore -b "$BUNDLE" --image-path "$IMG" "$ID-2"
	KEPT=1 refused "STIVA_CRIU: \"$WORK/none\""
	absent "$ID-2"
	status_is running
	[ ! -e "$IMG/stiva.json" ]
}

@test "images that were cut, changed, taken away or added are refused, and nothing is left" {
	requires criu
	counter
	runs_piped
	dumps
	ok delete "$ID"
	cp -a "$IMG" "$WORK/good"
	fresh() { rm -rf "$IMG" && cp -a "$WORK/good" "$IMG"; }
	truncate -s -1 "$IMG/pages-1.img"
	not_restored "bytes, not the"
	fresh
	printf 'X' | dd of="$IMG/core-1.img" bs=1 seek=100 conv=notrunc status=none
	not_restored 'the image "core-1.img" was changed'
	fresh
	rm "$IMG/pstree.img"
	not_restored '"pstree.img" of its manifest: no such file'
	fresh
	cp "$IMG/core-1.img" "$IMG/core-99.img"
	not_restored '"core-99.img" is not in the manifest'
	fresh
	sed -i 's/x86_64/mips64/; s/aarch64/mips64/' "$IMG/stiva.json"
	not_restored 'the image "stiva.json" was changed'
	sum=$(sha256sum <"$IMG/stiva.json") size=$(stat -c %s "$IMG/stiva.json")
	jq --arg sum "${sum%% *}" --argjson size "$size" '(.files[] | select(.name == "stiva.json")) |= (.sha256 = $sum | .size = $size)' \
		"$WORK/good/stiva.manifest" >"$IMG/stiva.manifest"
	not_restored "the images are of a mips64 machine"
	fresh
	rm "$IMG/stiva.manifest"
	not_restored "there is no complete checkpoint"
	fresh
	ln -sf "$WORK/good/pstree.img" "$IMG/pstree.img"
	not_restored "pstree.img"
	fresh
	chmod 777 "$IMG"
	not_restored "others may write in it (mode 0777)"
	not_restored "no such file or directory" --image-path "$WORK/none"
	fresh
	piped restore -d -b "$BUNDLE" --image-path "$IMG" "$ID"
	status_is running
}

@test "a process with more than config.json gives is ended before it runs" {
	requires criu
	counter '.process.noNewPrivileges = false'
	runs_piped
	dumps
	ok delete "$ID"
	cp "$BUNDLE/config.json" "$WORK/config.json"
	denied() {
		cp "$WORK/config.json" "$BUNDLE/config.json"
		config "$2"
		: >"$WORK/said2"
		not_restored "$1" 
		cp "$WORK/config.json" "$BUNDLE/config.json"
	}
	denied "has capabilities that config.json does not give it: nothing of it has run" '.process.capabilities.bounding = ["CAP_KILL"]
		| .process.capabilities.effective = [] | .process.capabilities.permitted = []'
	denied "has a chance of new privileges" '.process.noNewPrivileges = true'
	denied "has system calls (no seccomp filter)" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["acct"], action: "SCMP_ACT_ERRNO"}]}'
	denied "has a namespace of the host" '.linux.namespaces += [{type: "time"}]' || true
	in_order
}

@test "C16: the images name no mount that config.json does not have" {
	requires criu
	mkdir "$WORK/data"
	counter "$(add_mount '{destination: "/data", type: "bind", source: (env.WORK + "/data"), options: ["bind"]}')"
	runs_piped
	dumps
	ok delete "$ID"
	config 'del(.mounts[] | select(.destination == "/data"))'
	not_restored 'the images want a mount of the host at "/data", and config.json has none there'
	config '.process.terminal = true'
	not_restored "use --console-socket"
	config '.process.terminal = false' "$(without_ns network)"
	not_restored "the images are of a container with a network namespace of its own"
}

@test "U135: prestart and createRuntime hooks run at a restore, with the pid; poststop at the delete" {
	requires criu
	counter '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "cat >>" + env.WORK + "/hook"]}],
		poststop: [{path: "/bin/sh", args: ["sh", "-c", "echo gone >>" + env.WORK + "/hook"]}]}'
	runs_piped
	dumps
	ok delete "$ID"
	: >"$WORK/hook"
	piped restore -d -b "$BUNDLE" --image-path "$IMG" "$ID"
	jq -e --argjson pid "$(pid_of)" '.pid == $pid and .status == "creating"' "$WORK/hook"
	ok delete --force "$ID"
	grep -q "gone$" "$WORK/hook"
	counter '.hooks = {createRuntime: [{path: "/bin/false"}]}'
	not_restored "createRuntime hook #0"
}

@test "limits: those in force come back, also after an update" {
	requires criu cgroup_memory cgroup_pids
	counter '.linux.resources = {memory: {limit: 67108864}, pids: {limit: 77}}'
	runs_piped
	ok update --pids-limit 55 "$ID"
	dumps
	again
	is "$(<"$(cgroup_of)/memory.max")" 67108864
	is "$(<"$(cgroup_of)/pids.max")" 55
	ok update --pids-limit 66 "$ID"
	is "$(<"$(cgroup_of)/pids.max")" 66
}

@test "a process of another user, with a seccomp filter and no new privileges" {
	requires criu cap_sys_resource
	counter '.process.user = {uid: 1000, gid: 1000}' \
		'.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["acct"], action: "SCMP_ACT_ERRNO"}]}'
	runs_piped
	dumps
	again
	grep -q "^Seccomp:.2" "/proc/$(pid_of)/status"
	is "$(stat -c %u "/proc/$(pid_of)")" 1000
	dumps
	ok delete "$ID"
	config '.process.user = {uid: 1001, gid: 1000}'
	not_restored "has a user that config.json does not give it"
}

@test "the systemd manager: the restored container is in a scope of its own" {
	requires criu systemd
	counter '.linux.cgroupsPath = "system.slice:stiva:" + env.ID'
	piped --systemd-cgroup run -d -b "$BUNDLE" "$ID"
	wait_for grep -qx 3 "$WORK/said"
	dumps
	ok delete "$ID"
	piped --systemd-cgroup restore -d -b "$BUNDLE" --image-path "$IMG" "$ID"
	wait_for passed "$(count)"
	in_order
	systemctl is-active --quiet "stiva-$ID.scope"
	grep -q "system.slice/stiva-$ID.scope" "/proc/$(pid_of)/cgroup"
	ok delete --force "$ID"
}

@test "the id is taken, the config is gone: refused, and the other one is whole" {
	requires criu
	counter
	runs_piped
	dumps --leave-running
	rt restore -d -b "$BUNDLE" --image-path "$IMG" "$ID"
	KEPT=1 refused "already exists"
	goes_on
	rt restore -d -b "$WORK/none" --image-path "$IMG" "$ID-2"
	KEPT=1 refused "no such file"
	absent "$ID-2"
}

@test "R1: a restore that fails at any row leaves nothing, one that is killed nothing that delete does not take" {
	requires criu debug_faults
	local row how
	counter
	runs_piped
	dumps
	ok delete "$ID"
	RUNTIME=$RUNTIME_FAULTS
	for row in claim cgroup spawn devices config late-limits record pid-file commit; do
		for how in fail fail-after kill kill-after; do
			STIVA_FAULT=create.$row:$how rt restore -d -b "$BUNDLE" --image-path "$IMG" --pid-file "$WORK/pid" "$ID" 2>/dev/null
			[ "$status" != 0 ] || fail "$row:$how"
			grep -q "fault fired" "$ERR" || fail "$row:$how: $stderr"
			case $how in
			fail*) ;;
			kill*) ok delete --force "$ID" ;;
			esac
			absent
		done
	done
	[ ! -e "$WORK/pid" ] || rm "$WORK/pid"
	[ -z "$(find /tmp -maxdepth 1 -name '.criu*')" ] || fail "criu's own folders are left: $(find /tmp -maxdepth 1 -name '.criu*')"
}

# killer COUNT: a criu that, at its COUNTth start, waits until the container stands still and ends stiva first
killer() {
	cat >"$WORK/killer" <<-END
		#!/bin/sh
		echo >>"$WORK/starts"
		if [ "\$(wc -l <"$WORK/starts")" = $1 ]; then
			until grep -qx 'frozen 1' "$(cgroup_of)/cgroup.events"; do sleep 0.01; done
			kill -KILL \$PPID
		fi
		exec criu "\$@"
	END
	chmod +x "$WORK/killer"
}

@test "R1: a checkpoint that is killed leaves the container as it was, without another command" {
	requires criu
	counter
	runs_piped
	killer 2
	rt --criu "$WORK/killer" checkpoint --image-path "$IMG" "$ID"
	exits 137
	is "$(wc -l <"$WORK/starts")" 2
	wait_for passed $(($(count) + 2))
	in_order
	is "$(cat "$(cgroup_of)/cgroup.freeze")" 0
	goes_on
	[ ! -e "$IMG/stiva.manifest" ] || fail "half a checkpoint can be restored"
	# and it can be written after all
	dumps
	again

	ok pause "$ID"
	rm "$WORK/starts"
	rm -r "$IMG"
	rt --criu "$WORK/killer" checkpoint --image-path "$IMG" "$ID"
	exits 137
	status_is paused || fail "is $(status_of)"
	ok resume "$ID"
	goes_on
}

@test "R1: a restore that is killed while criu makes the processes leaves none, and delete takes the rest" {
	requires criu
	counter
	runs_piped
	dumps
	ok delete "$ID"
	config '.hooks = {prestart: [{path: "/bin/sh", args: ["sh", "-c", "kill -KILL $PPID"]}]}'
	at=$(count)
	rt restore -d -b "$BUNDLE" --image-path "$IMG" "$ID"
	exits 137
	is "$(count)" "$at"
	ok delete --force "$ID"
	config 'del(.hooks)'
	piped restore -d -b "$BUNDLE" --image-path "$IMG" "$ID"
	wait_for passed $((at + 2))
	in_order
}

@test "A02 C13: org.criu.config and criu's own files change nothing" {
	requires criu
	printf 'action-script %s\n' "$WORK/evil" >"$WORK/criu.conf"
	printf '#!/bin/sh\ntouch %s\n' "$WORK/ran" >"$WORK/evil"
	chmod 755 "$WORK/evil"
	counter '.annotations["org.criu.config"] = env.WORK + "/criu.conf"'
	runs_piped
	dumps
	again
	[ ! -e "$WORK/ran" ]
}

@test "U128 R55: --empty-ns network, as containerd gives it; --manage-cgroups-mode is taken, and the cgroup is ours in each" {
	requires criu
	counter
	runs_piped
	dumps --empty-ns network --manage-cgroups-mode soft
	again --empty-ns=network --manage-cgroups-mode=full -no-subreaper --no-pivot
	in_own_cgroup() { [[ $(cat "/proc/$(pid_of)/cgroup") == *"0::"*"/${ID}"* ]]; }
	in_own_cgroup || fail "$(cat "/proc/$(pid_of)/cgroup")"
	wrong "is not one of network" --empty-ns pid
	wrong "is not one of soft|full|strict|ignore" --manage-cgroups-mode hard
	told --empty-ns --manage-cgroups-mode
}

@test "R54 U130: --network-lock in both forms" {
	requires criu
	counter
	runs_piped
	dumps --network-lock=skip
	again --network-lock skip
	wrong "is not one of iptables|nftables|skip" --network-lock=none
	told --network-lock
}

@test "U121: --parent-path is relative; --pre-dump is not built in" {
	starts ""
	declines --pre-dump
	declines --parent-path=../pre-checkpoint
	rt checkpoint --parent-path /abs "$ID"
	KEPT=1 refused '--parent-path "/abs" is absolute'
	for option in --pre-dump --parent-path=x; do
		rt restore "$option" "$ID-2"
		KEPT=1 refused "unknown option '${option%=*}'"
	done
	VERBS=checkpoint told --parent-path --pre-dump
}

@test "U126 U129: --lazy-pages, --status-fd, --auto-dedup are not built in" {
	starts ""
	declines --lazy-pages
	declines --auto-dedup
	wrong "is not ADDRESS:PORT" --page-server nowhere
	wrong "is not ADDRESS:PORT" --page-server host:70000
	rt checkpoint --status-fd 77 "$ID"
	KEPT=1 refused "--status-fd 77: bad file descriptor"
	rt checkpoint --pre-dump --lazy-pages "$ID"
	KEPT=1 refused "not built into"
	told --lazy-pages --page-server --auto-dedup
	VERBS=checkpoint told --status-fd
}

@test "U132: restore --lsm-profile and --lsm-mount-context, and the text that podman probes for" {
	rt restore --lsm-profile x "$ID"
	refused "neither selinux:LABEL nor apparmor:PROFILE"
	rt restore --lsm-profile
	refused "requires an argument"
	rt restore --lsm-mount-context
	refused "requires an argument"
}

@test "a user namespace that CRIU cannot restore is refused before anything is held" {
	requires userns criu
	program probe wait -- "$USERNS" "$(without_ns network)"
	open_bundle
	starts ""
	kept "mounts[5]: CRIU cannot make a sysfs again in a user namespace"
	rt checkpoint --check "$ID"
	KEPT=1 refused "CRIU cannot make a sysfs again"
}

@test "a user namespace with a mount of the host below another one is refused before anything is held" {
	requires userns criu
	mkdir -p "$WORK/data/below"
	mount -t tmpfs tmpfs "$WORK/data/below"
	program probe wait -- "$USERNS" \
		"$(add_mount '{destination: "/data", type: "bind", source: (env.WORK + "/data"), options: ["rbind", "rw"]}')"
	open_bundle
	starts ""
	rt checkpoint --image-path "$IMG" "$ID"
	umount "$WORK/data/below"
	KEPT=1 refused '"/data/below" is a mount of the host below that at "/data"'
	status_is running
}

@test "U136: a user is refused: it takes root of the host" {
	requires userns
	status=0
	chmod 755 "$WORK"
	stderr=$(XDG_RUNTIME_DIR=$WORK setpriv --reuid 12345 --regid 12345 --clear-groups "$RUNTIME" --root "$WORK/none" restore x 2>&1) ||
		status=$?
	is "$status" 1
	complains "restore x: restoring takes root of the host"
}
