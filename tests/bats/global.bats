#!/usr/bin/env bats
# Global options, help, version, logs, what is wrong on the command line.
# requires: root cgroup2
# parallel: yes
load helpers

@test "R53 U01 U10: --version works without a state folder" {
	known_deviation crun "wants a state folder even then"
	ROOT=/proc/nonesuch rt --version
	exits 0
	[[ ${output%%$'\n'*} == "$RUNTIME_NAME version "* ]]
	[[ $output == *spec:* ]]
	rt -v
	exits 0
}

@test "U11: help on stdout, for every command" {
	rt --help
	exits 0
	[ -n "$output" ]
	for verb in create start state kill delete run exec list ps pause resume spec features; do
		[ "$RUNTIME_NAME/$verb" != crun/features ] || continue
		rt $verb --help
		exits 0
		[ -n "$output" ] || fail "$verb"
	done
	stiva_only
	is "$stderr" ""
	rt help run
	exits 0
	shows --detach
	rt help nonesuch
	refused nonesuch
}

@test "every line of help fits in 80 columns" {
	stiva_only
	for verb in "" create start state kill delete run exec list ps pause resume spec features validate completion; do
		# shellcheck disable=SC2086 # none or one
		"$RUNTIME" help $verb >"$OUT" 2>&1
		refute grep -nE '^.{81,}' "$OUT"
	done
}

@test "U38: an unknown command, with a suggestion" {
	rt nonesuch
	refused nonesuch
	stiva_only
	rt strat "$ID"
	refused strat start
	rt crate
	refused create
}

@test "E08 E14 U14: an unknown option, an option without its argument" {
	rt create --nonesuch "$ID"
	refused nonesuch
	rt --nonesuch list
	refused nonesuch
	rt create --bundle
	refused bundle
	[ "$RUNTIME_NAME" = runc ] || complains "requires an argument"
	stiva_only
	rt create --bundel x "$ID"
	refused bundel --bundle
}

@test "U13: the forms of options" {
	program probe wait
	for form in "--bundle $BUNDLE" "--bundle=$BUNDLE" "-b $BUNDLE" "-b=$BUNDLE" "-bundle $BUNDLE" "-bundle=$BUNDLE"; do
		is_stiva || [[ $form == --* ]] || continue
		# shellcheck disable=SC2086 # words
		ok create $form "$ID"
		ok delete --force "$ID"
	done
	stiva_only
	ok create "$ID" --bundle "$BUNDLE"
	ok delete "$ID" --force
	ok create -b "$BUNDLE" -- "$ID"
}

@test "U01: --root: made on demand, not open to others" {
	program probe wait
	umask 0
	ok create -b "$BUNDLE" "$ID"
	mode=$(stat -c %a "$ROOT")
	[ $((0$mode & 066)) = 0 ] || fail "mode $mode"
	if is_stiva; then
		is "$(find "$ROOT/$ID" -perm /077 -not -type l | head -n 3)" ""
	fi
}

@test "U01: --root that is relative or /" {
	program true
	cd "$WORK"
	ROOT=rel rt run -b "$BUNDLE" "$ID"
	if is_stiva && [ "$status" != 0 ]; then refused root; fi
	known_deviation crun "takes it"
	known_deviation runc "takes it"
	ROOT=/ rt run -b "$BUNDLE" "$ID"
	KEPT=1 refused root
}

@test "U01: --root that others may write in is refused" {
	stiva_only
	program true
	mkdir -m 777 "$WORK/open"
	ROOT=$WORK/open rt run -b "$BUNDLE" "$ID"
	refused "$WORK/open"
}

@test "U02: --log gets the error as text" {
	rt --log "$WORK/log" start "$ID"
	refused
	grep -q "does not exist" "$WORK/log" || [ "$RUNTIME_NAME" = crun ]
	[ -s "$WORK/log" ]
	if is_stiva; then is "$(stat -c %a "$WORK/log")" 600; fi
}

@test "E11 R51 U03: --log-format json: exactly one object for one failed command" {
	rm -f "$WORK/log"
	rt --log "$WORK/log" --log-format json start "$ID"
	refused
	known_deviation crun "other times"
	is "$(jq -s 'map(select(.level == "error")) | length' "$WORK/log")" 1
	jq -e '.level == "error" and (.msg | test("does not exist")) and (.time | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T"))' "$WORK/log"
	if is_stiva; then is "$(wc -l <"$WORK/log")" 1; fi
}

@test "E11 R51 U03: --log-format json of a failed create, run and exec" {
	program true -- '.process.args = ["/no/such"]'
	for verb in create run "run -d"; do
		rm -f "$WORK/log"
		# shellcheck disable=SC2086 # words
		rt --log "$WORK/log" --log-format=json $verb -b "$BUNDLE" "$ID"
		[ "$status" != 0 ]
		is "$(jq -s 'map(select(.level == "error")) | length' "$WORK/log")" 1 "$verb: $(<"$WORK/log")"
		jq -se 'map(select(.level == "error"))[0].msg | ascii_downcase | test("no such file or directory")' "$WORK/log"
	done
	program probe wait
	starts
	rm -f "$WORK/log"
	rt --log "$WORK/log" --log-format json exec "$ID" /no/such
	is "$(jq -s 'map(select(.level == "error")) | length' "$WORK/log")" 1
}

@test "U03: JSON logs with strange bytes in the message" {
	known_deviation crun "1.8 does not escape all"
	for id in $'a\nb' $'a\tb' 'a"b' 'a\b' $'a\001b' $'a\377b'; do
		rm -f "$WORK/log"
		rt --log "$WORK/log" --log-format json state "$id"
		[ "$status" != 0 ]
		jq -e .msg "$WORK/log"
	done
}

@test "U02: the log is appended to" {
	rt --log "$WORK/log" state "$ID"
	rt --log "$WORK/log" state "$ID"
	[ "$(grep -c . "$WORK/log")" -ge 2 ]
}

@test "U02: a log that cannot be opened is refused" {
	rt --log /no/such/log list
	known_deviation runc "logs that to stderr and fails" # its text has more lines
	refused /no/such/log
}

@test "U04 U05: --log-level and --debug" {
	program true
	rt --debug run -b "$BUNDLE" "$ID"
	exits 0
	stiva_only
	rt --log "$WORK/log" --log-level debug run -b "$BUNDLE" "$ID"
	exits 0
	[ -s "$WORK/log" ]
	rt --log-level nonesuch list
	refused nonesuch
	rt --log-format xml list
	refused xml
}

@test "U08 U09: options of others are taken: --criu, --rootless" {
	stiva_only
	program true
	for o in --criu=/usr/sbin/criu --rootless=false --rootless=auto; do
		rt $o run -b "$BUNDLE" "$ID"
		exits 0
	done
}

@test "E15: messages are the same in every locale" {
	stiva_only
	LC_ALL=de_DE.UTF-8 LANG=de_DE.UTF-8 rt state "$ID"
	refused "does not exist"
}

@test "control bytes in names do not reach the terminal" {
	for name in $'\033[31mred' $'a\nb' $'\r\b'; do
		rt state "$name"
		refused
		rt create -b "$WORK/$name" "$ID"
		refused
	done
}

@test "completion scripts" {
	stiva_only
	for shell in bash zsh fish; do
		ok completion $shell
		[ -n "$output" ]
		command -v $shell >/dev/null || continue
		$shell -n "$OUT"
	done
	rt completion nonesuch
	refused nonesuch
}

@test "U01: the default state folder of a root who is a user outside is the user's" {
	stiva_only
	requires userns
	mkdir -p -m 700 "$WORK/run/stiva/seen"
	asks() { env -u USER "$@" XDG_RUNTIME_DIR="$WORK/run" unshare -Ur "$RUNTIME" list -q 2>/dev/null; }
	is "$(USER=alice asks USER=alice)" seen
	is "$(asks USER=root)" ""
	is "$(asks A=b)" seen # nobody says that he is root
	# the host's root is nobody's user
	is "$(USER=alice XDG_RUNTIME_DIR=$WORK/run "$RUNTIME" list -q 2>/dev/null | grep -x seen)" ""
	rm -r "$WORK/run"
}
