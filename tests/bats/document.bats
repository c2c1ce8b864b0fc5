#!/usr/bin/env bats
# The config document: unknown and duplicate keys, numbers, the root, what is optional, annotations.
# requires: root cgroup2
# parallel: yes
load helpers

# raw TEXT: the template with TEXT in front of its closing brace
raw() {
	local text
	text=$(<"$BUNDLE/config.json")
	printf '%s,%s}' "${text%\}}" "$1" >"$BUNDLE/config.json"
}

@test "a property in another case is that property: a limit that runc sets is not ignored" {
	known_deviation crun "ignores it"
	program sh -c 'hostname; pwd; ulimit -n' -- 'del(.hostname, .process.cwd) | .HostName = "upper"' \
		'.process.Cwd = "/etc" | .process.RLimits = [{Type: "RLIMIT_NOFILE", SOFT: 77, hard: 78}]'
	runs
	is "$(xargs <<<"$output")" "upper /etc 77"
}

@test "G02: unknown properties in every object and every list of objects are ignored" {
	program true
	config 'walk(if type == "object" then . + {"x-unknown": [1, {"y": null}, "z"], "y-unknown": {"a": {}}} else . end)'
	[ "$(grep -o x-unknown "$BUNDLE/config.json" | wc -l)" -gt 15 ]
	runs
}

@test "G14 P19: blocks and properties of other systems are ignored, whatever is in them" {
	program true -- '.windows = {layerFolders: ["x"], nonsense: 1}' '.vm = {kernel: {path: "relative"}}' \
		'.solaris = {anet: []}' '.freebsd = {jail: {}}' '.zos = {x: 1}' '.process.commandLine = "cmd.exe /c dir"'
	runs
}

@test "G03: invalid and unsupported values of known properties are errors that name the path" {
	known_deviation crun "accepts some"
	known_deviation runc "accepts some"
	while read -r path filter; do
		program true -- "$filter"
		rt run -b "$BUNDLE" "$ID"
		refused "$path"
	done <<-'TABLE'
		linux.rootfsPropagation .linux.rootfsPropagation = "sideways"
		linux.namespaces[0].type .linux.namespaces[0].type = "galaxy"
		process.rlimits[0].type .process.rlimits = [{type: "RLIMIT_COFFEE", soft: 1, hard: 1}]
		process.ioPriority.class .process.ioPriority = {class: "IOPRIO_CLASS_NONE", priority: 1}
		process.ioPriority.priority .process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 8}
		process.scheduler.policy .process.scheduler = {policy: "SCHED_ISO"}
		linux.seccomp.defaultAction .linux.seccomp = {defaultAction: "SCMP_ACT_MAYBE"}
		process.oomScoreAdj .process.oomScoreAdj = 2000
		linux.devices[0].type .linux.devices = [{path: "/dev/x", type: "z", major: 1, minor: 3}]
	TABLE
}

@test "G04: numbers: exact up to 2^64-1, no fraction, no exponent, not beyond" {
	program probe rlimit cpu -- '.process.rlimits = [{type: "RLIMIT_CPU", soft: 4242, hard: 4242}]'
	sed 's/4242/18446744073709551615/g' -i "$BUNDLE/config.json"
	runs
	line "cpu -1 -1"
	sed 's/"soft":18446744073709551615/"soft":18446744073709551614/' -i "$BUNDLE/config.json"
	runs
	line "cpu -2 -1"
	known_deviation crun "takes fractions"
	for n in 1e3 100.0 100.5 -1 18446744073709551616 99999999999999999999999 0x10; do
		program true -- '.process.rlimits = [{type: "RLIMIT_CPU", soft: 4242, hard: 4343}]'
		sed "s/4242/$n/;s/4343/18446744073709551615/" -i "$BUNDLE/config.json"
		rt run -b "$BUNDLE" "$ID"
		refused config.json
	done
}

@test "G04: of duplicate keys the last wins, at every level" {
	program hostname
	raw '"hostname":"other"'
	runs
	prints other
	# the whole of the later object, nothing of the earlier one
	known_deviation runc "merges the two"
	program probe umask -- '.process.user = {uid: 0, gid: 0, umask: 63}'
	sed 's/"user":{/"user":{"uid":7,"gid":7,"umask":1,"additionalGids":[5]},&/' -i "$BUNDLE/config.json"
	runs
	prints 0077
	config '.process.args = ["/bin/probe", "ids"]'
	runs
	line "uid 0 0 0"
}

@test "G04: a byte order mark, NUL in strings, broken UTF-8 are errors and do no harm" {
	known_deviation crun "accepts some"
	known_deviation runc "accepts some"
	program true
	text=$(<"$BUNDLE/config.json")
	printf '\357\273\277%s' "$text" >"$BUNDLE/config.json"
	rt run -b "$BUNDLE" "$ID"
	refused config.json
	for bad in 'b\u0000x' $'b\xc3(x' $'b\xedx'; do
		printf %s "${text/\"box\"/\"$bad\"}" >"$BUNDLE/config.json"
		rt run -b "$BUNDLE" "$ID"
		refused config.json
	done
}

@test "G06: the root may be absolute or relative to the bundle, and state shows it" {
	program true
	runs
	mv "$BUNDLE/rootfs" "$WORK/elsewhere"
	config '.root.path = env.WORK + "/elsewhere"' '.process.args = ["/bin/probe", "wait"]'
	starts
	is "$(state | jq -r .rootfs)" "$WORK/elsewhere"
	ok delete -f "$ID"
	config '.root.path = "../elsewhere"' '.process.args = ["/bin/true"]'
	runs
}

@test "G06: a bundle whose current folder is the root" {
	program true -- '.root.path = "."'
	mv "$BUNDLE/config.json" "$BUNDLE/rootfs/"
	cd "$BUNDLE/rootfs"
	ok run "$ID"
}

@test "G07: a read-only root is read-only for the program, and mounts in it are made before" {
	script 'touch /x 2>/dev/null && echo written; touch /made/y && echo fine; grep " / / " /proc/self/mountinfo >/dev/null; probe mount /' \
		'.root.readonly = true' "$(add_mount '{destination: "/made", type: "tmpfs", source: "tmpfs"}')"
	runs
	line fine
	shows_not written
	[ ! -e "$BUNDLE/rootfs/x" ]
	[ -d "$BUNDLE/rootfs/made" ]
}

@test "G08 G09: hostname and domainname are set in a new uts namespace" {
	script 'hostname; cat /proc/sys/kernel/domainname' '.hostname = "one"' '.domainname = "two"'
	before=$(hostname)
	runs
	prints $'one\ntwo'
	is "$(hostname)" "$before"
}

@test "G08 G09: without a uts namespace they are refused, with a joined one they are set" {
	for key in hostname domainname; do
		program true -- 'del(.hostname)' "$(without_ns uts)" ".$key = \"x\""
		rt run -b "$BUNDLE" "$ID"
		if [ "$RUNTIME_NAME/$key" = crun/domainname ]; then continue; fi
		refused "$key"
	done
	background "$PROBE" subreaper unshare -u sh -c 'hostname mine; echo ready; exec sleep 100' >"$WORK/ns"
	wait_for grep -q ready "$WORK/ns"
	holder() { pgrep -P "$JOB" 2>/dev/null | head -n 1; }
	pid=$(holder)
	[ -n "$pid" ] || pid=$JOB
	known_deviation crun "needs a new one"
	script 'hostname' "$(ns_path uts "/proc/$pid/ns/uts")" '.hostname = "joined"'
	runs
	prints joined
	kill "$pid"
}

@test "G09: a domainname that differs from the sysctl is refused" {
	known_deviation crun "the last wins"
	known_deviation runc "the last wins"
	program true -- '.domainname = "one"' '.linux.sysctl = {"kernel.domainname": "two"}'
	rt run -b "$BUNDLE" "$ID"
	refused domainname
	program cat /proc/sys/kernel/domainname -- '.domainname = "one"' '.linux.sysctl = {"kernel.domainname": "one"}'
	runs
	prints one
}

@test "G10: mounts, hooks, annotations and most of linux are optional" {
	known_deviation crun "wants mounts"
	program /bin/busybox echo fine -- 'del(.mounts, .hooks, .annotations, .hostname)' \
		'.linux = {namespaces: [{type: "mount"}, {type: "pid"}]}'
	runs
	prints fine
	# without linux there is no mount namespace: that is told, not the block's absence
	stiva_only
	config 'del(.linux)'
	rt run -b "$BUNDLE" "$ID"
	refused linux.namespaces "mount namespace"
}

@test "G11: an empty key of annotations is refused, an empty value is not" {
	known_deviation crun "accepts it"
	known_deviation runc "accepts it"
	program true -- '.annotations = {"": "x"}'
	rt run -b "$BUNDLE" "$ID"
	refused annotations
	program true -- '.annotations = {"org.example.empty": ""}'
	runs
}

@test "G13: config.json is read once: later changes have no effect on start, exec and delete" {
	program probe wait
	ok create -b "$BUNDLE" "$ID"
	config '.process.args = ["/bin/false"]' '.process.env += ["LATER=1"]' '.linux.namespaces = []' \
		'.hooks.poststop = [{path: "/bin/touch", args: ["touch", (env.WORK + "/ran")]}]'
	STDOUT=$WORK/.out.1
	ok start "$ID"
	wait_for said ready
	ok exec "$ID" sh -c 'echo "<$LATER>"'
	[ "$RUNTIME_NAME" = runc ] || prints "<>"
	rm -rf "$BUNDLE/config.json"
	ok delete -f "$ID"
	[ ! -e "$WORK/ran" ]
}

@test "G15: ids: runc's letters up to the length of a file name, checked before anything is made" {
	program probe wait
	known_deviation crun "another set"
	for id in a A9 _x +y .z 0 'a-b_c+d.e' "$(printf 'x%.0s' {1..200})"; do
		ok create -b "$BUNDLE" "$id"
		is "$(status_of "$id")" created
		ok delete -f "$id"
	done
	known_deviation runc "another text"
	rt create -b "$BUNDLE" "a/b"
	ID=zz$$ refused 'invalid character `/` in the ID'
	rt create -b "$BUNDLE" "$(printf 'x%.0s' {1..256})"
	ID=zz$$ refused "container id too long (max 255)"
	is "$("$RUNTIME" --root "$ROOT" list -q)" ""
}

@test "G15: an id is unique in its state folder" {
	program probe wait
	ok create -b "$BUNDLE" "$ID"
	rt create -b "$BUNDLE" "$ID"
	KEPT=1 refused "already exists"
	is "$(status_of)" created
}
