#!/usr/bin/env bats
# The features document, row by row.
# requires: root cgroup2
# parallel: yes
load helpers

test_setup() {
	known_deviation crun "has other versions and lists"
	known_deviation runc "1.1 has features of 1.0"
	ok features
}
has_that() { jq -e "$1" "$OUT" >/dev/null || fail "not so: $1 in $output"; }

@test "F01: the range of ociVersion, indented by four" {
	has_that '.ociVersionMin == "1.0.0" and .ociVersionMax == "1.3.0"'
	is "$(sed -n 2p "$OUT")" '    "ociVersionMin": "1.0.0",'
	# both are really taken, the next major one is not
	for v in 1.0.0 1.3.0; do
		program true -- ".ociVersion = \"$v\""
		runs
	done
	program true -- '.ociVersion = "2.0.0"'
	rt run -b "$BUNDLE" "$ID"
	refused ociVersion
}

@test "F02: the six hooks" {
	has_that '.hooks == ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]'
}

@test "F03: mount options are those that are handled, none twice" {
	has_that '.mountOptions as $o | ($o | length) == ($o | unique | length)
		and (["ro", "rw", "bind", "rbind", "rro", "rrelatime", "nosymfollow", "rnosymfollow", "lazytime", "iversion", "silent", "idmap",
		"ridmap", "tmpcopyup", "private", "rslave", "sync", "dirsync", "nodiratime", "strictatime", "remount"] | all(. as $w | $o | index($w)))'
	# none of them reaches a file system as its data, where it would be an error
	WORDS_OF=$(jq -c '[.mountOptions[] | select(test("bind|remount|idmap|follow$|copy-symlink|copyup") | not)]' "$OUT")
	export WORDS_OF
	[ "$(jq length <<<"$WORDS_OF")" -gt 40 ]
	program true -- '.mounts += [env.WORDS_OF | fromjson | to_entries[] |
		{destination: "/mnt/\(.key)", type: "tmpfs", source: "t", options: [.value]}]'
	runs
}

@test "F04: namespaces and capabilities that are known" {
	has_that '.linux.namespaces == ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"]'
	has_that '.linux.capabilities as $c | ($c | length) == 41 and ($c | index("CAP_CHOWN")) != null
		and ($c | index("CAP_CHECKPOINT_RESTORE")) != null and ($c | all(startswith("CAP_")))'
}

@test "F05: cgroups: v2 and rdma, no v1" {
	has_that '.linux.cgroup | .v1 == false and .v2 == true and .rdma == true and (.systemd | type) == "boolean"
		and (.systemdUser | type) == "boolean"'
}

@test "F06: seccomp: actions, operators, architectures, flags known and supported here" {
	has_that '.linux.seccomp | .enabled == true
		and .actions == ["SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
			"SCMP_ACT_LOG", "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP"]
		and .operators == ["SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE"]
		and (.archs | length) >= 23 and (.archs | index("SCMP_ARCH_LOONGARCH64")) != null
		and .knownFlags == ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC",
			"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]
		and ((.supportedFlags - .knownFlags) == []) and (.supportedFlags | index("SECCOMP_FILTER_FLAG_TSYNC")) != null'
	# what is said to be supported works
	mapfile -t flags < <(jq -r '.linux.seccomp.supportedFlags[]' "$OUT")
	for flag in "${flags[@]}"; do
		program true -- '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir"], action: "SCMP_ACT_ERRNO"}]}' \
			".linux.seccomp.flags = [\"$flag\"]"
		runs
	done
}

@test "F07: AppArmor and SELinux are compiled in" {
	has_that '.linux.apparmor.enabled == true and .linux.selinux.enabled == true'
}

@test "F08: intelRdt has its three members" {
	has_that '.linux.intelRdt | (.enabled | type) == "boolean" and (.schemata | type) == "boolean" and (.monitoring | type) == "boolean"'
}

@test "F09: memory policies and network devices" {
	has_that '.linux.memoryPolicy.modes | sort == ["MPOL_BIND", "MPOL_DEFAULT", "MPOL_INTERLEAVE", "MPOL_LOCAL", "MPOL_PREFERRED",
		"MPOL_PREFERRED_MANY", "MPOL_WEIGHTED_INTERLEAVE"]'
	has_that '.linux.memoryPolicy.flags | sort == ["MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"]'
	has_that '.linux.netDevices.enabled | type == "boolean"'
}

@test "F10: id-mapped mounts" {
	has_that '.linux.mountExtensions.idmap.enabled == true'
}

@test "F11: annotations tell versions and checkpoint support" {
	has_that '.annotations | (.["io.github.seccomp.libseccomp.version"] | test("^2\\.[0-9]+\\.[0-9]+$"))
		and (.["org.opencontainers.runc.checkpoint.enabled"] | test("^(true|false)$")) and (.["stiva.version"] | length) > 0
		and .["stiva.checkpoint.enabled"] == .["org.opencontainers.runc.checkpoint.enabled"]'
	version=$(jq -r '.annotations["stiva.version"]' "$OUT")
	ok --version
	shows "stiva version $version"
}

@test "F12 A20: annotations that may be unsafe: exact names, or prefixes that end in a dot" {
	has_that '.potentiallyUnsafeConfigAnnotations == ["org.criu.config", "org.systemd.property.", "run.oci.", "stiva."]'
}
