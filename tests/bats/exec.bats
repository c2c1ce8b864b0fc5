#!/usr/bin/env bats
# exec: another process in a container: its identity, status, options, states.
# requires: root cgroup2
# parallel: yes
load helpers

test_setup() {
	program probe wait
}

# the runtime's own failure of exec; crun says 1, the others 255
own_failure() {
	if is_stiva; then
		WANT=255 KEPT=1 refused "$@"
	else
		[ "$status" != 0 ] || fail "$LAST: succeeded"
	fi
}

@test "U26: exec runs a program in the container's namespaces" {
	starts
	# shellcheck disable=SC2016
	ok exec "$ID" sh -c 'hostname; for n in pid net ipc uts mnt cgroup; do
		[ $(readlink /proc/1/ns/$n) = $(readlink /proc/self/ns/$n) ] || echo $n; done'
	prints box
}

@test "U74: exec gives output, errors and the exit status" {
	starts
	rt exec "$ID" sh -c 'echo out; echo err >&2; exit 17'
	exits 17
	prints out
	is "$stderr" err
}

@test "U74 E13: exec exits with 128 + signal" {
	starts
	rt exec "$ID" probe die 9
	exits 137
	rt exec "$ID" probe die 15
	exits 143
}

@test "exec reads stdin" {
	starts
	head -c 300000 /dev/zero >"$WORK/in"
	rt exec "$ID" probe slurp <"$WORK/in"
	prints 300000
}

@test "exec joins the container's cgroup" {
	starts
	ok exec "$ID" grep ^0: /proc/self/cgroup
	prints 0::/
	ok exec -d "$ID" probe hang 0
	grep -c . "$(cgroup_of)/cgroup.procs"
}

@test "U13: options after the id belong to the program" {
	starts
	ok exec "$ID" echo -d --cwd /x -e
	prints "-d --cwd /x -e"
}

@test "U66: exec --env and the container's environment" {
	starts
	known_deviation crun "1.8 drops the container's environment"
	ok exec -e A=1 -e B=x=y -e C= "$ID" sh -c 'echo "$A $B [$C] $TERM"'
	prints "1 x=y [] xterm"
	ok exec --env A=1 --env=TERM=other "$ID" sh -c 'echo "$A $TERM"'
	prints "1 other"
	export CANARY=secret
	ok exec "$ID" env
	shows_not CANARY
	shows HOME=/root
}

@test "U66: exec --cwd" {
	starts
	ok exec --cwd /home/user "$ID" pwd
	prints /home/user
	rt exec --cwd relative "$ID" pwd
	[ "$RUNTIME_NAME" = crun ] || own_failure cwd
}

@test "U64: exec --user with and without a group" {
	known_deviation crun "1.21 runs -u 1000 as root (CVE-2026-30892)"
	starts
	ok exec -u 1000 "$ID" probe ids
	line "uid 1000 1000 1000"
	ok exec -u 1000:2000 "$ID" probe ids
	line "uid 1000 1000 1000"
	line "gid 2000 2000 2000"
	ok exec --user=0:0 "$ID" probe ids
	line "uid 0 0 0"
}

@test "R06 U64: exec --user refuses what is no number" {
	known_deviation crun "parses loosely (CVE-2026-30892)"
	known_deviation runc "1.1 wraps 32-bit overflow"
	starts
	for user in -1 +1 " 1" "1 " 1:1:1 1: :1 4294967295 4294967296 18446744073709551617 1e3 0x0 "" 1:x 1:4294967295; do
		rt exec -u "$user" "$ID" true
		own_failure user
	done
}

@test "U65: exec --additional-gids" {
	known_deviation crun "has no --additional-gids"
	starts
	ok exec -g 7 -g 9 -u 1000:1000 "$ID" probe ids
	[[ $output == *groups*7*9* ]]
}

@test "exec of a user which is not root has no effective capabilities" {
	starts
	ok exec -u 1000:1000 "$ID" probe caps
	line "effective 0"
	line "permitted 0"
	line "inheritable 0"
	line "ambient 0"
}

@test "U67: exec --cap adds a capability" {
	starts
	ok exec "$ID" probe caps
	line "effective 20000420"
	known_deviation crun "1.8 replaces the sets"
	ok exec --cap CAP_SYS_ADMIN "$ID" probe caps
	line "effective 20200420"
	line "bounding 20200420"
	line "permitted 20200420"
}

@test "U68: exec with no-new-privileges" {
	config '.process.noNewPrivileges = false'
	starts
	ok exec "$ID" probe caps
	line "nnp 0"
	ok exec --no-new-privs "$ID" probe caps
	line "nnp 1"
}

@test "U60: exec --process takes a process document" {
	known_deviation runc "1.1 ignores umask here"
	starts
	cat >"$WORK/process.json" <<-'JSON'
		{"args": ["/bin/sh", "-c", "pwd; echo $X; probe ids; umask; probe rlimit nofile"], "cwd": "/home",
		"env": ["PATH=/bin", "X=y"], "user": {"uid": 12, "gid": 34, "additionalGids": [5, 6], "umask": 63},
		"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]}
	JSON
	ok exec --process "$WORK/process.json" "$ID"
	line /home
	line y
	line "uid 12 12 12"
	line "gid 34 34 34"
	line 0077
	line "nofile 100 200"
	[[ $output == *groups*5*6* ]]
}

@test "exec --process with a hostile document" {
	starts
	for doc in '' '[]' 'null' '{' '{"args": []}' '{"args": "x", "cwd": "/"}' \
		'{"args": ["true"], "cwd": "/", "user": {"uid": -1}}' '{"args": ["true"], "cwd": "x"}'; do
		[ "$RUNTIME_NAME" != crun ] || [ "$doc" != '{"args": ["true"], "cwd": "x"}' ] || continue
		[ "$RUNTIME_NAME" != crun ] || [[ $doc != *uid* ]] || continue
		[ "$RUNTIME_NAME" = stiva ] || [[ $doc != null ]] || continue
		printf %s "$doc" >"$WORK/process.json"
		rt exec --process "$WORK/process.json" "$ID"
		own_failure process.json
	done
	rt exec --process "$WORK/none" "$ID"
	own_failure none
}

@test "R16 U60: exec --process fills in HOME" {
	known_deviation crun "1.8 leaves HOME empty with -p"
	starts
	echo '{"args": ["/bin/sh", "-c", "echo $HOME"], "cwd": "/", "user": {"uid": 1000, "gid": 1000}}' \
		>"$WORK/process.json"
	ok exec -p "$WORK/process.json" "$ID"
	prints /home/user
}

@test "U61 U63: exec --detach returns and the pid file tells the process" {
	starts
	ok exec -d --pid-file "$WORK/pid" "$ID" probe wait
	pid=$(<"$WORK/pid")
	printf %s "$pid" | cmp - "$WORK/pid"
	grep -q '^NSpid:' "/proc/$pid/status"
	is "$(readlink "/proc/$pid/ns/pid")" "$(readlink "/proc/$(pid_of)/ns/pid")"
	[ "$pid" != "$(pid_of)" ]
}

@test "U63: exec in the foreground writes the pid file too" {
	starts
	ok exec --pid-file "$WORK/pid" "$ID" true
	grep -qE '^[0-9]+$' "$WORK/pid"
}

@test "U63: no pid file after a failed exec" {
	starts
	rt exec -d --pid-file "$WORK/pid" "$ID" /no/such
	own_failure /no/such
	[ ! -e "$WORK/pid" ]
}

@test "E01 E02 E03 U74: a program that is not there, and what callers read of it" {
	starts
	rt exec "$ID" nonesuch
	own_failure nonesuch 'executable file not found in $PATH'
	rt exec "$ID" /no/such
	own_failure /no/such 'no such file or directory'
	rt exec "$ID" /etc/passwd
	own_failure /etc/passwd 'permission denied'
}

@test "U75: a failed exec leaves no zombie and no process" {
	known_deviation crun "leaves the child unreaped in the container"
	starts
	rt exec "$ID" /no/such
	own_failure
	# init and this shell
	ok exec "$ID" sh -c 'set -- /proc/[0-9]*; echo $#'
	prints 2
}

@test "U72: exec into a created container" {
	ok create -b "$BUNDLE" "$ID"
	ok exec "$ID" hostname
	prints box
	is "$(status_of)" created
}

@test "U73: exec into a stopped container is refused" {
	config '.process.args = ["/bin/true"]'
	ok create -b "$BUNDLE" "$ID"
	ok start "$ID"
	stopped
	rt exec "$ID" true
	own_failure "stopped container" "not running"
}

@test "E05: exec into an unknown container is refused" {
	rt exec "$ID" true
	own_failure "$ID" "does not exist"
}

@test "E12 U71: exec into a paused container is refused" {
	known_deviation crun "1.8 hangs until it is resumed"
	starts
	ok pause "$ID"
	DEADLINE=5 rt exec "$ID" true
	own_failure paused
	ok resume "$ID"
	ok exec "$ID" true
}

@test "U71: exec --ignore-paused" {
	known_deviation crun "has no --ignore-paused"
	starts
	ok pause "$ID"
	background "$RUNTIME" --root "$ROOT" exec --ignore-paused "$ID" sh -c 'exit 9' 2>"$WORK/err"
	ok resume "$ID"
	status=0
	wait "$JOB" || status=$?
	is "$status" 9 "$(<"$WORK/err")"
}

@test "U69: exec --preserve-fds" {
	starts
	echo three >"$WORK/3"
	status=0
	"$RUNTIME" --root "$ROOT" exec --preserve-fds 1 "$ID" sh -c 'cat <&3' 3<"$WORK/3" >"$OUT" 2>"$ERR" || status=$?
	exits 0
	is "$(<"$OUT")" three
}

@test "U75: exec leaks no descriptor" {
	starts
	exec 7<"$TOP"
	status=0
	"$RUNTIME" --root "$ROOT" exec "$ID" probe fds >"$OUT" 2>"$ERR" || status=$?
	exec 7<&-
	is "$(cut -d' ' -f1 "$OUT" | sort -n | xargs)" "0 1 2"
}

@test "R18 U75: exec has a session of its own" {
	known_deviation crun "1.8 stays in the caller's session"
	starts
	ok exec "$ID" probe tty
	line "leader yes"
	line "ctty no"
}

@test "U70: exec --cgroup in a sub-cgroup, and not above" {
	config "$ALL_CAPS" '(.mounts[] | select(.destination == "/sys/fs/cgroup") | .options) = ["nosuid"]'
	starts
	ok exec "$ID" mkdir /sys/fs/cgroup/sub
	ok exec --cgroup sub "$ID" grep ^0: /proc/self/cgroup
	prints 0::/sub
	ok exec --cgroup / "$ID" grep ^0: /proc/self/cgroup
	prints 0::/
	for bad in ../x a/../.. none; do
		rt exec --cgroup "$bad" "$ID" true
		own_failure cgroup
	done
}

@test "exec without a command is refused" {
	starts
	rt exec "$ID"
	own_failure
}

@test "many execs at once" {
	starts
	for i in {1..8}; do
		"$RUNTIME" --root "$ROOT" exec "$ID" sh -c "exit $i" 3>&- &
		jobs[i]=$!
	done
	for i in {1..8}; do
		status=0
		wait "${jobs[i]}" || status=$?
		exits "$i"
	done
}

@test "U75: exec of the container's seccomp profile" {
	config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [
		{names: ["mkdir"], action: "SCMP_ACT_ERRNO", errnoRet: 38}]}'
	starts
	ok exec "$ID" probe syscall mkdir /x 0
	prints "mkdir ENOSYS"
}

@test "U76: the process document's limits hold for exec: oomScoreAdj, ioPriority, scheduler, rlimits, umask" {
	known_deviation crun "takes no oomScoreAdj with exec"
	known_deviation runc "1.1 takes few of them with exec"
	starts
	jq '.process | .args = ["sh", "-c", "cat /proc/self/oom_score_adj; umask; ulimit -Sc; grep -h ^policy /proc/self/sched || true; probe sched"]
		| .oomScoreAdj = 500 | .user.umask = 23 | .rlimits += [{type: "RLIMIT_CORE", soft: 512, hard: 1024}]
		| .scheduler = {policy: "SCHED_BATCH", nice: 5} | .ioPriority = {class: "IOPRIO_CLASS_IDLE", priority: 0}
		| .execCPUAffinity = {initial: "0", final: "0"}' "$BUNDLE/config.json" >"$WORK/p.json"
	rt exec --process "$WORK/p.json" "$ID"
	[ "${output%%$'\n'*}" = 500 ] || fail "oom_score_adj: $output $stderr"
	line 0027
	[ "$RUNTIME_NAME" = crun ] || line 1
	jq '.args = ["sh", "-c", "cut -d\" \" -f19,41 /proc/self/stat; grep ^Cpus_allowed_list /proc/self/status"]' "$WORK/p.json" >"$WORK/q.json"
	ok exec --process "$WORK/q.json" "$ID"
	line "5 3"
	grep -qE '^Cpus_allowed_list:\s+0$' "$OUT"
}
