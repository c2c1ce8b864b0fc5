#!/usr/bin/env bats
# list: table, quiet and JSON.
# requires: root cgroup2
# parallel: yes
load helpers

@test "U94: list of nothing" {
	ok list
	[ "$(wc -l <"$OUT")" -le 1 ]
	ok list -q
	prints ""
	ok list -f json
	jq -e '. == [] or . == null' "$OUT"
	if is_stiva; then prints "[]"; fi
}

@test "U27 U94: list shows each container with its status" {
	program probe wait
	ok create -b "$BUNDLE" "$ID-a"
	ok run -d -b "$BUNDLE" "$ID-b"
	ok list
	grep -qE "^$ID-a +[0-9]+ +created +$BUNDLE" "$OUT"
	grep -qE "^$ID-b +[0-9]+ +running +$BUNDLE" "$OUT"
	is "$(wc -l <"$OUT")" 3
	grep -q . <<<"$(head -n 1 "$OUT" | grep -i 'PID.*STATUS.*BUNDLE')"
}

@test "U94: list -q prints ids, one a line, sorted" {
	program probe wait
	for n in b a c; do ok create -b "$BUNDLE" "$ID-$n"; done
	ok list --quiet
	is "$(sort "$OUT" | xargs)" "$ID-a $ID-b $ID-c"
	if is_stiva; then is "$(xargs <"$OUT")" "$ID-a $ID-b $ID-c"; fi
}

@test "U94: list -f json is an array of states" {
	program probe wait -- '.annotations = {k: "v"}'
	ok create -b "$BUNDLE" "$ID"
	ok list --format json
	jq -e --arg id "$ID" --arg b "$BUNDLE" --argjson pid "$(pid_of)" 'length == 1 and (.[0] |
		.id == $id and .bundle == $b and .pid == $pid and .status == "created")' "$OUT"
	[ "$RUNTIME_NAME" = crun ] || jq -e '.[0].annotations.k == "v"' "$OUT"
}

@test "list shows stopped containers with pid 0" {
	program true
	ok create -b "$BUNDLE" "$ID"
	ok start "$ID"
	stopped
	ok list -f json
	jq -e '.[0].status == "stopped" and .[0].pid == 0' "$OUT"
}

@test "list of an unknown format is refused" {
	stiva_only
	rt list -f yaml
	refused yaml
}

@test "list in a root folder that does not exist makes none" {
	[ ! -e "$ROOT" ]
	ok list -q
	stiva_only
	[ ! -e "$ROOT" ]
}

@test "files and folders which are no containers do not disturb list" {
	stiva_only
	program probe wait
	ok create -b "$BUNDLE" "$ID"
	touch "$ROOT/file"
	ok list -q
	prints "$ID"
	rm "$ROOT/file"
}
