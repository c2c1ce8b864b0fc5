#!/usr/bin/env bats
# linux.intelRdt: no machine of ours has the hardware. Here: what a host without it says, and, with
# a test build that takes a folder for resctrl, the whole life of a group. The rest, on fixture
# trees, is tests/unit/cgroups/rdt_test.c.
# requires: root cgroup2
load helpers

# A build with fault points, and a folder in place of resctrl; files that the kernel would make are made by stiva.
fixture() {
	stiva_only
	requires debug_faults
	RUNTIME=$RUNTIME_FAULTS
	export STIVA_RESCTRL=$WORK/resctrl
	mkdir "$STIVA_RESCTRL"
	GROUPS_AT=$STIVA_RESCTRL
}
without_resctrl() {
	! grep -q ' - resctrl ' /proc/self/mountinfo || skip "this host has resctrl"
}
rdt() { printf '.linux.intelRdt = %s' "$1"; }

@test "L14: intelRdt without a mounted resctrl is refused" {
	without_resctrl
	for block in '{}' '{closID: "gold"}' '{l3CacheSchema: "L3:0=f"}' '{enableMonitoring: true}'; do
		program true -- "$(rdt "$block")"
		rt run -b "$BUNDLE" "$ID"
		refused 'linux.intelRdt' resctrl
	done
}

@test "L09: names that are no group's are refused" {
	stiva_only
	for id in '""' '"."' '".."' '"a/b"' '"a\nb"'; do
		program true -- "$(rdt "{closID: $id}")"
		rt run -b "$BUNDLE" "$ID"
		refused 'linux.intelRdt.closID'
	done
}

@test "L10: a memBwSchema that does not start with MB: is refused" {
	stiva_only
	program true -- "$(rdt '{memBwSchema: "L3:0=f"}')"
	rt run -b "$BUNDLE" "$ID"
	refused 'linux.intelRdt.memBwSchema' 'MB:'
}

@test "L09 L11 L12 L13: a container's own group is made, joined by init and exec, and removed" {
	fixture
	program probe wait -- "$(rdt '{l3CacheSchema: "L3:0=f", memBwSchema: "MB:0=50", schemata: ["L2:0=3"], enableMonitoring: true}')"
	ok create -b "$BUNDLE" "$ID"
	is "$(<"$GROUPS_AT/$ID/schemata")" $'L3:0=f\nMB:0=50\nL2:0=3'
	is "$(<"$GROUPS_AT/$ID/tasks")" "$(pid_of)"
	is "$(<"$GROUPS_AT/$ID/mon_groups/$ID/tasks")" "$(pid_of)"
	ok start "$ID"
	ok exec --pid-file "$WORK/pid" "$ID" true
	is "$(tail -n 1 "$GROUPS_AT/$ID/tasks")" "$(<"$WORK/pid")"
	is "$(tail -n 1 "$GROUPS_AT/$ID/mon_groups/$ID/tasks")" "$(<"$WORK/pid")"
	ok delete --force "$ID"
	is "$(ls "$GROUPS_AT")" ""
}

@test "L09 L13: a named group stays, and needs to be there when there is no schema for it" {
	fixture
	program true -- "$(rdt '{closID: "gold"}')"
	rt run -b "$BUNDLE" "$ID"
	refused 'linux.intelRdt.closID' '"gold"'
	config "$(rdt '{closID: "gold", l3CacheSchema: "L3:0=f", enableMonitoring: true}')"
	runs
	is "$(<"$GROUPS_AT/gold/schemata")" "L3:0=f"
	is "$(ls "$GROUPS_AT/gold/mon_groups")" ""
	config "$(rdt '{closID: "gold"}')"
	runs
}

@test "L10: a group of another schema is refused and stays as it is" {
	fixture
	mkdir "$GROUPS_AT/gold"
	printf '    MB:0=100\n    L3:0=f\n' >"$GROUPS_AT/gold/schemata"
	program true -- "$(rdt '{closID: "gold", l3CacheSchema: "L3:0=7"}')"
	rt run -b "$BUNDLE" "$ID"
	refused 'linux.intelRdt.l3CacheSchema' '"gold"'
	is "$(<"$GROUPS_AT/gold/schemata")" $'    MB:0=100\n    L3:0=f'
	[ ! -e "$GROUPS_AT/gold/tasks" ]
	config "$(rdt '{closID: "gold", l3CacheSchema: "L3:0=0F"}')"
	runs
}

@test "L13: a create that fails takes back what it made" {
	fixture
	program true -- "$(rdt '{closID: "gold", l3CacheSchema: "L3:0=f", enableMonitoring: true}')" \
		'.hooks.createRuntime = [{path: "/bin/false"}]'
	rt run -b "$BUNDLE" "$ID"
	refused createRuntime
	is "$(ls "$GROUPS_AT")" ""
}

@test "U108: update writes to the group's schemata, and only where there is one" {
	fixture
	program probe wait -- "$(rdt '{l3CacheSchema: "L3:0=f"}')"
	starts
	ok update --l3-cache-schema "L3:0=7" --mem-bw-schema "MB:0=50" "$ID"
	is "$(<"$GROUPS_AT/$ID/schemata")" $'L3:0=f\nL3:0=7\nMB:0=50'
	rt update --mem-bw-schema "L3:0=1" "$ID"
	KEPT=1 refused MB:
	ok delete --force "$ID"
	program probe wait
	starts
	rt update --l3-cache-schema "L3:0=7" "$ID"
	KEPT=1 refused intelRdt
}

@test "U106 U108: schemata that are refused take the device rules and the record back with them" {
	fixture
	[ -e /dev/fuse ] || skip "requires: /dev/fuse"
	program probe wait -- "$(rdt '{l3CacheSchema: "L3:0=f"}')" \
		'.linux.resources.devices = [{allow: false, access: "rwm"}]' "$ALL_CAPS"
	starts
	ok exec "$ID" sh -c 'mknod /fuse c 10 229'
	# a folder: the write is refused, as the kernel refuses a mask
	rm "$GROUPS_AT/$ID/schemata"
	mkdir "$GROUPS_AT/$ID/schemata"
	rt update -r - --l3-cache-schema "L3:0=7" "$ID" <<<'{"devices": [
		{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"}]}'
	KEPT=1 refused l3CacheSchema
	rt exec "$ID" sh -c ': </fuse'
	[ "$status" != 0 ]
	is "$(state | jq -c '.resources.devices | length')" 0 # told since the first update only
	rmdir "$GROUPS_AT/$ID/schemata"
	rt update -r - --l3-cache-schema "L3:0=7" "$ID" <<<'{"devices": [
		{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"}]}'
	exits 0
	ok exec "$ID" sh -c ': </fuse'
	is "$(state | jq -c '.resources.devices | length')" 2
}
