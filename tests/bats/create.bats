#!/usr/bin/env bats
# create: what it makes, what it leaves to start, its options.
# requires: root cgroup2
# parallel: yes
load helpers

@test "U20: create makes a created container and does not run the program" {
	script 'touch /ran; probe wait'
	ok create -b "$BUNDLE" "$ID"
	is "$(status_of)" created
	[ ! -e "$BUNDLE/rootfs/ran" ]
	[ "$(pid_of)" -gt 1 ]
}

@test "U40: create takes the bundle from the current folder" {
	program probe wait
	cd "$BUNDLE"
	ok create "$ID"
	is "$(state | jq -r .bundle)" "$BUNDLE"
}

@test "U40: create --bundle=DIR and a relative bundle" {
	program probe wait
	cd "$WORK"
	ok create --bundle=bundle "$ID"
	is "$(state | jq -r .bundle)" "$BUNDLE"
}

@test "changes of config.json after create have no effect" {
	script 'echo first'
	ok create -b "$BUNDLE" "$ID"
	STDOUT=$OUT
	config '.process.args = ["/bin/echo", "second"]'
	ok start "$ID"
	stopped
	is "$(<"$STDOUT")" first
}

@test "U44: the pid file holds the decimal pid and nothing else" {
	program probe wait
	ok create -b "$BUNDLE" --pid-file "$WORK/pid" "$ID"
	printf %s "$(pid_of)" | cmp - "$WORK/pid"
}

@test "U44: an old pid file is replaced as a whole" {
	program probe wait
	echo '9999999999 and more text' >"$WORK/pid"
	ln "$WORK/pid" "$WORK/old"
	ok create -b "$BUNDLE" --pid-file "$WORK/pid" "$ID"
	printf %s "$(pid_of)" | cmp - "$WORK/pid"
	if is_stiva; then grep -q more "$WORK/old"; fi
}

@test "U44: no pid file is written when create fails" {
	bundle '.process.args = ["/no/such/program"]' '.root.path = "nowhere"'
	rt create -b "$BUNDLE" --pid-file "$WORK/pid" "$ID"
	refused
	[ ! -e "$WORK/pid" ]
}

@test "U53: an id in use is refused and the container is not touched" {
	program probe wait
	ok create -b "$BUNDLE" "$ID"
	before=$(pid_of)
	rt create -b "$BUNDLE" "$ID"
	KEPT=1 refused "$ID" exists
	is "$(pid_of)" "$before"
	is "$(status_of)" created
}

@test "U53: an id in use by a stopped container is refused as well" {
	program true
	ok create -b "$BUNDLE" "$ID"
	ok start "$ID"
	stopped
	rt create -b "$BUNDLE" "$ID"
	KEPT=1 refused "$ID" exists
}

@test "ids of every allowed kind" {
	program probe wait
	for id in a A0 a.b a_b a+b a-b 0; do
		ok create -b "$BUNDLE" "$ID$id"
		ok delete --force "$ID$id"
	done
}

@test "the same id in two state folders are two containers" {
	program probe wait -- '.linux.cgroupsPath = "/\(env.ID)-one"'
	ok create -b "$BUNDLE" "$ID"
	config '.linux.cgroupsPath = "/\(env.ID)-two"'
	rt --root "$WORK/other" create -b "$BUNDLE" "$ID"
	exits 0
	is "$("$RUNTIME" --root "$WORK/other" state "$ID" | jq -r .status)" created
	rt --root "$WORK/other" delete -f "$ID"
	exits 0
	is "$(status_of)" created
}

@test "U47: --preserve-fds hands descriptors through" {
	script 'cat <&3; cat <&4'
	echo three >"$WORK/3" && echo four >"$WORK/4"
	status=0
	"$RUNTIME" --root "$ROOT" run --preserve-fds 2 -b "$BUNDLE" "$ID" \
		3<"$WORK/3" 4<"$WORK/4" >"$OUT" 2>"$ERR" || status=$?
	exits 0
	is "$(<"$OUT")" $'three\nfour'
}

@test "only stdin, stdout and stderr are open in the container" {
	script 'probe fds | cut -d" " -f1 | sort -n | xargs echo; probe fds >/dev/null'
	exec 7<"$TOP" 8</dev/null
	status=0
	"$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >"$OUT" 2>"$ERR" || status=$?
	exec 7<&- 8<&-
	exits 0
	# 2 is stderr; the shell's pipe gives each command 0 1 2 only
	is "$(<"$OUT")" "0 1 2"
}

@test "U47: --preserve-fds of a closed descriptor is an error" {
	stiva_only
	program true
	rt create --preserve-fds 5 -b "$BUNDLE" "$ID"
	refused preserve-fds
}

@test "U54: LISTEN_FDS are handed through with LISTEN_PID 1" {
	known_deviation crun "1.8 does not set LISTEN_PID"
	script 'echo $LISTEN_FDS $LISTEN_PID; cat <&3'
	echo socket >"$WORK/3"
	status=0
	RT=$RUNTIME R=$ROOT B=$BUNDLE bash -c 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$RT" --root "$R" run -b "$B" "$ID"' \
		3<"$WORK/3" >"$OUT" 2>"$ERR" || status=$?
	exits 0
	is "$(<"$OUT")" $'1 1\nsocket'
}

@test "U45: --no-pivot changes the root without pivot_root" {
	script 'ls /bin/probe; cat /proc/1/comm'
	runs --no-pivot
	shows /bin/probe
}

@test "U46: --no-new-keyring keeps the session keyring, else there is a new one" {
	program probe keyring
	status=0
	runs
	shows "keyring;0;0;"
	if is_stiva; then shows "_ses.$ID"; fi
	first=${output%% *}
	runs --no-new-keyring
	[ "${output%% *}" != "$first" ]
	shows_not "$ID"
}

@test "create without process is allowed, start is then an error" {
	known_deviation runc "refuses create without process"
	known_deviation crun "refuses create without process, or starts it"
	bundle 'del(.process)'
	ok create -b "$BUNDLE" "$ID"
	is "$(status_of)" created
	rt start "$ID"
	KEPT=1 refused process
}

@test "U41: --config names another file" {
	known_deviation runc "has no --config"
	known_deviation crun "looks for root of the config beside it"
	script 'echo other'
	mv "$BUNDLE/config.json" "$BUNDLE/other.json"
	ok run -b "$BUNDLE" --config "$BUNDLE/other.json" "$ID"
	prints other
}
