#!/usr/bin/env bats
# errors: the texts and exit codes that engines match (conformance.md 3.9), one row a test.
# requires: root cgroup2
# parallel: yes
load helpers

# logs JQ: the JSON log is one object, an error, of which this holds
logs() { jq -se "length == 1 and .[0].level == \"error\" and (.[0] | $1)" "$WORK/log"; }

@test "E01: a program that is not in PATH" {
	program nonesuch
	for verb in run "run -d"; do
		# shellcheck disable=SC2086 # words
		rt $verb -b "$BUNDLE" "$ID"
		refused nonesuch 'executable file not found in $PATH'
	done
	rt create -b "$BUNDLE" "$ID"
	if [ "$status" = 0 ]; then
		rt start "$ID"
		ok delete --force "$ID"
	else
		refused nonesuch 'executable file not found in $PATH'
	fi
	program probe wait
	starts
	rt exec "$ID" nonesuch
	KEPT=1 WANT=255 refused nonesuch 'executable file not found in $PATH'
}

@test "E02: a path program that is missing" {
	program /no/such/program
	rt run -b "$BUNDLE" "$ID"
	refused '/no/such/program' 'no such file or directory'
	program probe wait
	starts
	rt exec "$ID" /no/such/program
	KEPT=1 WANT=255 refused '/no/such/program' 'no such file or directory'
}

@test "E03: a program that may not be executed" {
	program /etc/passwd
	rt run -b "$BUNDLE" "$ID"
	refused /etc/passwd 'permission denied'
	program probe wait
	starts
	rt exec "$ID" /etc/passwd
	KEPT=1 WANT=255 refused /etc/passwd 'permission denied'
}

@test "E04: a file mounted over a directory, a directory over a file" {
	touch "$WORK/file"
	program true -- "$(add_mount '{destination: "/etc", type: "bind", source: (env.WORK + "/file"), options: ["bind"]}')"
	rt run -b "$BUNDLE" "$ID"
	[ "$RUNTIME_NAME" = crun ] || refused 'not a directory'
	mkdir "$WORK/dir"
	program true -- "$(add_mount '{destination: "/etc/passwd", type: "bind", source: (env.WORK + "/dir"), options: ["bind"]}')"
	rt run -b "$BUNDLE" "$ID"
	[ "$RUNTIME_NAME" = crun ] || refused 'not a directory'
}

@test "E05: a container that is gone, in the words that cri-o greps" {
	for verb in state start "kill %s 0" "exec %s true" pause resume delete ps; do
		[[ $verb == *%s* ]] || verb="$verb %s"
		# shellcheck disable=SC2059,SC2046 # the format is ours; words
		rt $(printf "$verb" "$ID")
		[ "$status" != 0 ]
		[[ $stderr == *"does not exist"* ]] || known_deviation crun "tells the missing file" || fail "$LAST: $stderr"
	done
	program true
	ok run --keep -b "$BUNDLE" "$ID"
	rt kill "$ID" TERM
	[ "$status" != 0 ]
	stiva_only
	[[ $stderr == *"container not running"* && $stderr == *"no such process"* ]]
	for verb in pause resume; do
		rt $verb "$ID"
		KEPT=1 refused "container not running" "no such process"
	done
}

@test "E06: a container that has ended already is not an error where callers tolerate none" {
	stiva_only
	program true
	ok run --keep -b "$BUNDLE" "$ID"
	ok kill --all "$ID" KILL
	ok delete --force "$ID"
	ok delete --force "$ID"
	is "$stderr" ""
}

@test "E07: delete of an id that is not there, and with --force" {
	rt delete "$ID"
	refused "does not exist"
	ok delete --force "$ID"
	is "$output" ""
	[ "$RUNTIME_NAME" = crun ] || is "$stderr" ""
}

@test "E08: an option without its argument" {
	for words in "create --bundle" "run --pid-file" "exec --user" "restore --lsm-profile" "restore --lsm-mount-context" \
		"checkpoint --image-path" "--root"; do
		# shellcheck disable=SC2086 # words
		rt $words
		[ "$status" != 0 ] || fail "$words"
		[ "$RUNTIME_NAME" = runc ] || complains "requires an argument"
	done
}

@test "E09: a label or profile that cannot be set names the attribute" {
	stiva_only
	program true -- '.process.selinuxLabel = "system_u:system_r:container_t:s0"'
	[ ! -d /sys/fs/selinux ] || skip "SELinux is here"
	rt run -b "$BUNDLE" "$ID"
	refused process.selinuxLabel '/proc/thread-self/attr/'
	program true -- '.process.apparmorProfile = "no-such-profile"'
	rt run -b "$BUNDLE" "$ID"
	refused process.apparmorProfile '/proc/thread-self/attr/'
}

@test "E10: a checkpoint that fails says why in its first line" {
	stiva_only
	program probe wait
	starts
	rt --log "$WORK/log" --log-format json --criu "$WORK/none" checkpoint --image-path "$WORK/images" "$ID"
	KEPT=1 refused "checkpoint"
	logs '.msg | contains("checkpoint")'
	status_is running
}

@test "E11: the log is one JSON object that podman and go-runc read" {
	program true -- '.process.args = ["/no/such"]'
	rt --log "$WORK/log" --log-format json run -b "$BUNDLE" "$ID"
	[ "$status" != 0 ]
	known_deviation crun "other times"
	jq -se '.[-1] | .level == "error" and (.msg | type) == "string" and
		(.time | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\\.[0-9]+)?(Z|[+-][0-9:]{5})$"))' "$WORK/log"
	stiva_only
	logs '(keys_unsorted[0:3] == ["level", "msg", "time"])'
	is "$(wc -l <"$WORK/log")" 1
	logs '.errno == "ENOENT" and .class == "bad-input" and .path == "/no/such" and (.stage | length) > 0'
}

@test "E12: exec into a paused container" {
	program probe wait
	starts
	ok pause "$ID"
	known_deviation crun "execs and hangs"
	rt exec "$ID" true
	[ "$status" = 255 ]
	complains paused
	ok resume "$ID"
}

@test "E13: a program's own status, and 128 + n for a signal" {
	for code in 0 1 3 125 255; do
		script "exit $code"
		rt run -b "$BUNDLE" "$ID"
		exits $code
	done
	program probe wait
	background "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID"
	wait_for status_is running
	ok kill "$ID" KILL
	status=0
	wait "$JOB" || status=$?
	is "$status" 137
	starts
	rt exec "$ID" sh -c 'kill -9 $$'
	exits 137
}

@test "E14: usage errors exit with 1, and never with 2" {
	stiva_only
	for words in "--nonesuch" "nonesuch" "create --nonesuch x" "create" "start a b" "list --format x" "kill" "run --preserve-fds x y"; do
		# shellcheck disable=SC2086 # words
		rt $words
		exits 1
		is "$(wc -l <"$ERR")" 1
	done
	rt exec
	exits 255
}

@test "E15: words of errnos are our own, lower case in every locale" {
	stiva_only
	program true -- '.root.path = "nowhere"'
	for locale in C C.UTF-8 de_DE.UTF-8; do
		LC_ALL=$locale LANGUAGE=de rt run -b "$BUNDLE" "$ID"
		refused
		[[ $stderr == *"no such file or directory"* ]]
	done
}
