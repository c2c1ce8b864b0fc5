#!/usr/bin/env bats
# Bad configuration: one line that names the thing, exit status 1, nothing left.
# requires: root cgroup2
# parallel: yes
load helpers

# bad TEXT FILTER...: a run of the changed configuration is refused with TEXT
bad() {
	local text=$1
	shift
	config_from "$TOP/tests/bats/template.json" "$@"
	rt run -b "$BUNDLE" "$ID"
	refused "$text"
}
# raw TEXT CONTENT: the same with a config.json of this very content
raw() {
	printf %s "$2" >"$BUNDLE/config.json"
	DEADLINE=10 rt run -b "$BUNDLE" "$ID"
	refused "$1"
}
test_setup() { bundle; }

@test "G13 H21: no bundle, no config.json, bundle is a file" {
	rt run -b "$WORK/none" "$ID"
	refused "$WORK/none"
	rm "$BUNDLE/config.json"
	rt run -b "$BUNDLE" "$ID"
	refused config.json "no such file or directory"
	touch "$WORK/file"
	rt run -b "$WORK/file" "$ID"
	refused "$WORK/file"
}

@test "G03 G04: config.json that is no JSON" {
	for text in '' ' ' '{' '{"ociVersion": "1.0.2",' 'hello' '{"a": }' '{"a": 1,}' "{'a': 1}" '{"root": {"path": "rootfs}}'; do
		raw config.json "$text"
	done
}

@test "G03 G04: config.json that is JSON but no object" {
	for text in '[]' 'null' '"x"' '1' 'true'; do
		[ "$RUNTIME_NAME/$text" != runc/null ] || continue
		raw config.json "$text"
	done
}

@test "G04: bytes after the object, control bytes in a string" {
	known_deviation crun "accepts them"
	known_deviation runc "accepts trailing bytes"
	text=$(<"$BUNDLE/config.json")
	raw config.json "$text{}"
	raw config.json "$text x"
	raw config.json "${text/box/b$'\n'x}"
	raw config.json "${text/box/b$'\377'x}"
}

@test "G04 H21: config.json is a folder, a fifo, too large" {
	known_deviation crun "hangs on a fifo, reads all"
	known_deviation runc "hangs on a fifo"
	rm "$BUNDLE/config.json"
	mkdir "$BUNDLE/config.json"
	rt run -b "$BUNDLE" "$ID"
	refused config.json "is a directory"
	rmdir "$BUNDLE/config.json"
	mkfifo "$BUNDLE/config.json"
	DEADLINE=5 rt run -b "$BUNDLE" "$ID"
	refused config.json
	rm "$BUNDLE/config.json"
	truncate -s 40M "$BUNDLE/config.json"
	DEADLINE=5 rt run -b "$BUNDLE" "$ID"
	refused config.json
}

@test "G04: deep nesting does no harm" {
	deep=$(printf '[%.0s' {1..5000})
	text=$(<"$BUNDLE/config.json")
	printf %s "${text%\}},\"x\":$deep" >"$BUNDLE/config.json"
	rt run -b "$BUNDLE" "$ID"
	refused
}

@test "G02 G14 P19: unknown properties are ignored" {
	config '.nonesuch = {a: [1, {b: null}]}' '.process.nonesuch = 1' '.linux.nonesuch = []' '.mounts[0].nonesuch = "x"' \
		'.windows = {layerFolders: ["x"]}' '.solaris = {}' '.vm = {kernel: {path: "/x"}}'
	runs
}

@test "duplicate keys" {
	stiva_only
	text=$(<"$BUNDLE/config.json")
	printf %s "${text%\}},\"hostname\":\"other\"}" >"$BUNDLE/config.json"
	rt run -b "$BUNDLE" "$ID"
	[ "$status" = 0 ] || refused hostname
}

@test "G01: ociVersion: missing, garbage, 2.0" {
	known_deviation crun "does not look at it"
	known_deviation runc "does not look at it"
	bad ociVersion 'del(.ociVersion)'
	for v in '""' '"x"' '"2.0.0"' '"1"' '1' '"1.0"' 'null'; do bad ociVersion ".ociVersion = $v"; done
	for v in 1.0.0 1.0.2-dev 1.2.0+dev 1.3.0; do
		config_from "$TOP/tests/bats/template.json" ".ociVersion = \"$v\""
		runs
	done
}

@test "G03: wrong types, each named by its path" {
	known_deviation crun "other names"
	known_deviation runc "other names"
	while read -r path filter; do
		bad "$path" "$filter"
	done <<-'TABLE'
		process .process = []
		process.args .process.args = "sh"
		process.args[1] .process.args = ["a", 1]
		process.env .process.env = {"A": "b"}
		process.cwd .process.cwd = 1
		process.terminal .process.terminal = "yes"
		process.user .process.user = "root"
		process.user.uid .process.user.uid = "0"
		process.user.uid .process.user.uid = 1.5
		process.user.uid .process.user.uid = -1
		process.user.gid .process.user.gid = 4294967296
		process.user.additionalGids .process.user.additionalGids = 5
		process.capabilities.bounding .process.capabilities.bounding = "CAP_KILL"
		process.rlimits .process.rlimits = {}
		process.rlimits[0].soft .process.rlimits = [{type: "RLIMIT_CORE", soft: -1, hard: 1}]
		process.oomScoreAdj .process.oomScoreAdj = "x"
		root .root = "rootfs"
		root.path .root.path = 1
		hostname .hostname = 1
		mounts .mounts = {}
		mounts[0].destination .mounts[0].destination = 7
		mounts[1].options .mounts[1].options = "ro"
		hooks .hooks = []
		hooks.poststop .hooks.poststop = {}
		annotations .annotations = []
		annotations.a .annotations = {a: 1}
		linux .linux = []
		linux.namespaces .linux.namespaces = {}
		linux.namespaces[0].type .linux.namespaces[0] = {}
		linux.uidMappings .linux.uidMappings = [{containerID: "x"}]
		linux.devices .linux.devices = 1
		linux.maskedPaths .linux.maskedPaths = "x"
		linux.sysctl .linux.sysctl = {"net.ipv4.ip_forward": 1}
		linux.resources .linux.resources = []
		linux.resources.pids.limit .linux.resources.pids = {limit: "x"}
		linux.resources.memory.limit .linux.resources.memory.limit = "1G"
		linux.seccomp .linux.seccomp = []
	TABLE
}

@test "G03 G05 P06: required things that are missing" {
	known_deviation crun "other names"
	known_deviation runc "other names"
	while read -r path filter; do
		bad "$path" "$filter"
	done <<-'TABLE'
		root del(.root)
		root.path del(.root.path)
		process.args del(.process.args)
		process.args .process.args = []
		process.cwd del(.process.cwd)
		mounts[0].destination del(.mounts[0].destination)
		linux.namespaces[0].type del(.linux.namespaces[0].type)
		hooks.prestart[0].path .hooks.prestart = [{}]
	TABLE
}

@test "G03: several errors are told at once, still in one line" {
	stiva_only
	bad process.cwd '.process.cwd = "x"' '.hostname = 1'
	complains hostname
}

@test "G05 G06: the root is missing, a file, empty" {
	bad /no/such/root '.root.path = "/no/such/root"'
	bad nowhere '.root.path = "nowhere"'
	touch "$BUNDLE/file"
	bad file '.root.path = "file"'
	mkdir "$BUNDLE/empty"
	bad true '.root.path = "empty"'
	[ "$RUNTIME_NAME" != stiva ] || bad root.path '.root.path = ""'
}

@test "P07 P09: users out of range" {
	known_deviation crun "runs as root for 4294967295"
	bad process.user.uid '.process.user.uid = 4294967295'
	bad process.user.gid '.process.user.gid = 4294967295'
	bad process.user.additionalGids '.process.user.additionalGids = [4294967295]'
}

@test "P08: umask out of range" {
	known_deviation crun "truncates it"
	known_deviation runc "truncates it"
	bad process.user.umask '.process.user.umask = 99999'
}

@test "P05: env without = or without a name" {
	known_deviation crun "accepts them"
	known_deviation runc "1.1 accepts some"
	bad process.env '.process.env += ["NOEQUALS"]'
	bad process.env '.process.env += ["=x"]'
	config_from "$TOP/tests/bats/template.json" '.process.env += ["A=1", "A=2"]' '.process.args = ["/bin/sh", "-c", "echo $A"]'
	runs
	prints 2
}

@test "P04: cwd: relative, a file" {
	[ "$RUNTIME_NAME" = crun ] || bad process.cwd '.process.cwd = "relative"'
	bad /etc/passwd '.process.cwd = "/etc/passwd"'
}

@test "P06: empty program name" {
	bad process.args '.process.args = [""]'
}

@test "G15 R08: ids that are no ids" {
	known_deviation crun "1.8 takes all but slashes"
	for id in a/b ../x . .. '' 'a b' 'a*' $'a\nb' /abs 'ä' 'a:b' "a%n"; do
		rt create -b "$BUNDLE" "$id"
		ID=zz$$ refused
		[ ! -e "$WORK/x" ]
	done
	long=$(printf 'x%.0s' {1..5000})
	rt create -b "$BUNDLE" "$long"
	[ "$status" != 0 ]
	if is_stiva; then [ "${#stderr}" -le 512 ]; fi
}

@test "no id, too many words" {
	rt create -b "$BUNDLE"
	refused
	for verb in start state kill delete pause resume ps exec; do
		rt "$verb"
		WANT=$([ $verb = exec ] && echo "$status" || echo 1) refused
	done
	stiva_only
	rt create -b "$BUNDLE" "$ID" more
	refused more
}

@test "cgroupsPath that leads out or is no path" {
	known_deviation crun "makes folders outside"
	known_deviation runc "normalises some"
	for p in ../x /../x a/../../../x '/a//b' $'/a\nb' /a/./b / "/$(printf 'x%.0s' {1..5000})"; do
		P=$p
		export P
		bad linux.cgroupsPath '.linux.cgroupsPath = env.P'
	done
}

@test "resources out of range" {
	known_deviation crun "passes them on"
	known_deviation runc "passes them on"
	while read -r path filter; do
		bad "$path" "$filter"
	done <<-'TABLE'
		linux.resources.memory.limit .linux.resources.memory.limit = -5
		linux.resources.memory .linux.resources.memory = {limit: 2000000000, swap: 1000}
		linux.resources.cpu .linux.resources.cpu = {quota: 1000, period: 100000, burst: 5000}
		linux.resources.hugepageLimits .linux.resources.hugepageLimits = [{pageSize: "../x", limit: 1}]
		linux.resources.blockIO.weight .linux.resources.blockIO.weight = 5
		linux.resources.unified .linux.resources.unified = {"../x": "1"}
		linux.resources.unified .linux.resources.unified = {"cgroup.procs": "1"}
		linux.resources.network .linux.resources.network = {classID: 1}
		linux.resources.cpu.realtimeRuntime .linux.resources.cpu.realtimeRuntime = 1000
	TABLE
}

@test "a limit whose controller is not there is refused" {
	! has cgroup_memory || skip "requires: no cgroup_memory"
	known_deviation crun "another text"
	bad memory '.linux.resources.memory.limit = 100000000'
}

@test "a missing mount destination, a relative one, an empty type" {
	known_deviation crun "accepts some"
	known_deviation runc "accepts some"
	bad mounts '.mounts += [{destination: "/mnt", source: "x"}]'
	bad mounts '.mounts += [{destination: "", type: "tmpfs", source: "x"}]'
	bad mounts '.mounts += [{destination: "/mnt", type: "tmpfs", source: "t", options: ["size=-1"]}]'
	bad mounts '.mounts += [{destination: "/mnt", type: "tmpfs", source: "t", options: ["mode=9999"]}]'
}

@test "--preserve-fds that is no number" {
	for n in -1 x 1x 99999999999999999999; do
		rt create --preserve-fds "$n" -b "$BUNDLE" "$ID"
		is_stiva || [ "$status" != 0 ] || {
			rt delete -f "$ID"
			continue
		}
		refused
	done
}
