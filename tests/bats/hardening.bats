#!/usr/bin/env bats
# What attacks on runtime/init and runtime/life found: each of these failed once.
# requires: root cgroup2
# parallel: yes
load helpers

lives() { [ -d "/proc/$1" ] && ! grep -q '^State:.Z' "/proc/$1/status"; }
gone() { ! lives "$1"; }

# ---- whose is it ----

@test "a foreground run does not delete the container that took its id" {
	stiva_only
	program probe wait
	background "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >/dev/null 2>&1
	wait_for status_is running
	kill -STOP "$JOB"
	ok delete --force "$ID"
	ok create -b "$BUNDLE" "$ID"
	kill -CONT "$JOB"
	wait "$JOB" || true
	is "$(status_of)" created
}

@test "a cgroup that another made under the same name is not signalled, nor removed" {
	stiva_only
	program true -- '.linux.cgroupsPath = "/" + env.ID'
	ok create -b "$BUNDLE" "$ID"
	ok start "$ID"
	stopped
	wait_for rmdir "$CG/$ID"
	mkdir "$CG/$ID"
	background sleep 1000
	echo "$JOB" >"$CG/$ID/cgroup.procs"
	ok kill --all "$ID" KILL
	rt ps "$ID"
	ok delete --force "$ID"
	lives "$JOB"
	[ -d "$CG/$ID" ]
	kill -KILL "$JOB"
	wait_for rmdir "$CG/$ID"
}

@test "a changed byte makes a record broken, and force finds what is its own" {
	stiva_only
	program probe wait
	for change in 's/"pid":1/"pid":2/' 's/"path":"\//"path":"\/x/' 's/"inode":1*/"inode":7/' \
		's/"stage":"created"/"stage":"creating"/' 's/"madeLevels":/"madeLevels":1/'; do
		ok run -d -b "$BUNDLE" "$ID"
		pid=$(pid_of)
		before=$(<"$ROOT/$ID/state.json")
		sed -i "$change" "$ROOT/$ID/state.json"
		if [ "$before" != "$(<"$ROOT/$ID/state.json")" ]; then
			is "$(status_of)" broken "$change"
			rt kill "$ID" KILL
			[ "$status" != 0 ]
		fi
		ok delete --force "$ID"
		absent
		wait_for gone "$pid"
	done
}

@test "the record of another container, or none, does not mislead delete --force" {
	stiva_only
	program probe wait
	ok create -b "$BUNDLE" "${ID}o"
	other=$(pid_of "${ID}o")
	for damage in other none folder; do
		ok run -d -b "$BUNDLE" "$ID"
		pid=$(pid_of)
		case $damage in
		other) cp "$ROOT/${ID}o/intent.json" "$ROOT/$ID/state.json" ;;
		none) rm "$ROOT/$ID/state.json" "$ROOT/$ID/intent.json" ;;
		folder) rm "$ROOT/$ID/state.json" && mkdir -p "$ROOT/$ID/state.json/a/b/c/d/e" ;;
		esac
		ok delete --force "$ID"
		[ ! -e "$ROOT/$ID" ]
		wait_for gone "$pid"
		lives "$other"
	done
	ok delete --force "${ID}o"
}

# ---- signals and ends at the wrong moment ----

@test "a signal to create undoes it" {
	stiva_only
	program probe wait -- '.hooks.createContainer = [{path: "/bin/sleep", args: ["sleep", "3"]}]'
	for sig in TERM INT HUP; do
		"$RUNTIME" --root "$ROOT" create -b "$BUNDLE" "$ID" </dev/null >/dev/null 2>"$WORK/err" 3>&- &
		job=$!
		wait_for status_is creating
		sleep 0.2
		# a background job of the shell ignores SIGINT unless it takes it itself
		kill -"$sig" "$job"
		status=0
		wait "$job" || status=$?
		is "$status" 1 "$sig"
		grep -q "interrupted by SIG$sig" "$WORK/err"
		absent
	done
}

@test "an init that is killed before its program is a failure of start" {
	stiva_only
	program probe wait -- '.hooks.startContainer = [{path: "/bin/sleep", args: ["sleep", "3"]}]'
	ok create -b "$BUNDLE" "$ID"
	pid=$(pid_of)
	"$RUNTIME" --root "$ROOT" start "$ID" >/dev/null 2>"$WORK/err" 3>&- &
	job=$!
	sleep 0.5
	kill -KILL "$pid"
	status=0
	wait "$job" || status=$?
	is "$status" 1
	grep -q "before it could run the program" "$WORK/err"
	is "$(status_of)" stopped
}

@test "a start that waits for READY=1 does not keep delete out" {
	stiva_only
	program probe wait
	NOTIFY_SOCKET=$WORK/none ok create -b "$BUNDLE" "$ID"
	NOTIFY_SOCKET=$WORK/none background "$RUNTIME" --root "$ROOT" start "$ID" >/dev/null 2>&1
	wait_for status_is running
	DEADLINE=5 ok delete --force "$ID"
	absent
	wait "$JOB" || true
}

@test "orphans of a container in its caller's pid namespace are reaped" {
	stiva_only
	script '(true &); (true &); echo ready; sleep 1000' "$(without_ns pid)"
	background "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >"$WORK/said" 2>&1
	wait_for grep -q ready "$WORK/said"
	none_left() { ! awk -v p="$JOB" '$1 == "State:" { z = $2 } $1 == "PPid:" && $2 == p && z == "Z" { exit 1 }' \
		/proc/[0-9]*/status 2>/dev/null || return 0; return 1; }
	wait_for none_left
	ok kill --all "$ID" KILL
	wait "$JOB" || true
}

@test "exec -t ends with its program, whatever still writes to the terminal" {
	stiva_only
	program probe wait
	starts
	status=0
	PROBE_DEADLINE=15 timeout 20 "$PROBE" pty "$RUNTIME" --root "$ROOT" exec -t "$ID" \
		sh -c 'trap "" HUP; yes & sleep 0.3; exit 3' >/dev/null 2>&1 || status=$?
	is "$status" 3
	ok kill --all "$ID" KILL
}

# ---- namespaces ----

@test "the mount namespace of the host is no container's" {
	program true -- "$(ns_path mount /proc/self/ns/mnt)"
	known_deviation crun "tries"
	known_deviation runc "tries"
	rt run -b "$BUNDLE" "$ID"
	refused "is the mount namespace of the host"
	[ -d "$BUNDLE" ]
}

@test "a namespace of the host joined with a new user namespace" {
	requires userns
	unshare -n sleep 1000 &
	JOBS+=($!)
	hold=$!
	moved() { [ "$(readlink /proc/$hold/ns/net)" != "$(readlink /proc/self/ns/net)" ]; }
	wait_for moved
	script 'readlink /proc/self/ns/net' "$USERNS" "$(ns_path network "/proc/$hold/ns/net")" 'del(.mounts[] | select(.type == "sysfs"))'
	open_bundle
	ok run -b "$BUNDLE" "$ID"
	prints "$(readlink /proc/$hold/ns/net)"
}

@test "oomScoreAdj in a container without /proc" {
	known_deviation runc "1.1 wants /proc in the container"
	bundle '.process.args = ["probe", "wait"] | .process.oomScoreAdj = 321 | del(.mounts[] | select(.destination == "/proc")) |
		.linux.maskedPaths = [] | .linux.readonlyPaths = []'
	ok run -d -b "$BUNDLE" "$ID"
	is "$(<"/proc/$(pid_of)/oom_score_adj")" 321
	ok exec "$ID" true
}

# ---- words and numbers ----

@test "errors name the container once" {
	stiva_only
	program true
	rt state "$ID"
	is "$stderr" "stiva: state $ID: container does not exist"
	ok create -b "$BUNDLE" "$ID"
	ok start "$ID"
	stopped
	rt exec "$ID" true
	is "$stderr" "stiva: exec $ID: cannot exec in a stopped container: the container is not running"
	rt kill "$ID"
	is "$stderr" "stiva: kill $ID: container not running (no such process)"
}

@test "ten thousand variables, of which the last of a name wins" {
	script 'echo "$A $V9999"; env | grep -c ^A=' \
		'.process.env += [range(10000) | "V\(.)=\(.)"] + [range(10000) | "A=\(.)"]'
	ok run -b "$BUNDLE" "$ID"
	prints "9999 9999"$'\n'1
}
