#!/usr/bin/env bats
# state: the OCI state object in every status.
# requires: root cgroup2
# parallel: yes
load helpers

@test "G11 H12: state has the fields of the specification" {
	program probe wait -- '.annotations = {"a.b": "c", "empty": ""}'
	ok create -b "$BUNDLE" "$ID"
	ok state "$ID"
	jq -e --arg id "$ID" --arg b "$BUNDLE" '
		(.ociVersion | test("^1\\.[0-9]+\\.[0-9]+")) and .id == $id and .status == "created"
		and (.pid | type) == "number" and .pid > 1 and .bundle == $b
		and .annotations == {"a.b": "c", "empty": ""}' "$OUT"
}

@test "state has runc's additional fields" {
	program probe wait
	ok create -b "$BUNDLE" "$ID"
	ok state "$ID"
	jq -e --arg r "$BUNDLE/rootfs" '(.rootfs == $r or .rootfs == "rootfs") and (.owner | type) == "string"
		and (.created | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\\.[0-9]+)?Z$"))' "$OUT"
}

@test "H12: pid is the container's process 1" {
	script 'probe wait'
	starts
	grep -qE '^NSpid:.*\s1$' "/proc/$(pid_of)/status"
}

@test "H12 H13: created, running, stopped" {
	script 'read -r line </fifo; exit 3'
	mkfifo "$BUNDLE/rootfs/fifo"
	ok create -b "$BUNDLE" "$ID"
	is "$(status_of)" created
	ok start "$ID"
	is "$(status_of)" running
	echo go >"$BUNDLE/rootfs/fifo"
	stopped
	ok state "$ID"
	jq -e '.pid == 0 or (has("pid") | not)' "$OUT"
}

@test "H13: an init that is a zombie is stopped" {
	program probe wait
	# the caller becomes the parent of init and does not reap it
	background "$PROBE" subreaper sh -c "$RUNTIME --root $ROOT run -d -b $BUNDLE $ID >$WORK/o 2>&1; read -r x <$WORK/go"
	mkfifo "$WORK/go"
	wait_for status_is running
	kill -KILL "$(pid_of)"
	wait_for status_is stopped
	echo x >"$WORK/go"
}

@test "H13: state of an unknown container" {
	rt state "$ID"
	refused "$ID" "does not exist"
}

@test "state of an id that is no id" {
	for id in ../x a/b "" . ..; do
		rt state "$id"
		refused
	done
}

@test "the state is one JSON document, and pipes cut short do no harm" {
	program probe wait
	ok create -b "$BUNDLE" "$ID"
	ok state "$ID"
	is "$(jq -s length "$OUT")" 1
	"$RUNTIME" --root "$ROOT" state "$ID" | true
}
