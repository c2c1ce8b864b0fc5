#!/usr/bin/env bats
# spec: the config.json to begin with.
# requires: root cgroup2
# parallel: yes
load helpers

test_setup() {
	mkdir "$WORK/new"
	cd "$WORK/new" || return
}

@test "U33: spec writes a config.json of the specification" {
	ok spec
	prints ""
	jq -e '(.ociVersion | startswith("1.")) and .process.args == ["sh"] and .process.terminal == true and .process.cwd == "/"
		and .root == {path: "rootfs", readonly: true} and .process.noNewPrivileges == true
		and ([.linux.namespaces[].type] | index("pid") != null and index("network") != null and index("mount") != null)' config.json
}

@test "U33: spec never overwrites" {
	echo mine >config.json
	rt spec
	[ "$status" != 0 ]
	is "$(<config.json)" mine
	if is_stiva; then refused config.json; fi
}

@test "U33: spec --bundle" {
	[ "$RUNTIME_NAME" != crun ] || skip "known deviation of crun: 1.8 has no -b for spec"
	cd /
	ok spec --bundle "$WORK/new"
	[ -s "$WORK/new/config.json" ]
}

@test "U33: the written configuration runs" {
	has cap_sys_resource || known_deviation crun "1.8 needs CAP_SYS_RESOURCE for a device filter"
	ok spec
	BUNDLE=$WORK/new
	cp -a "$TOP/build/batsroot/." rootfs
	config '.process.terminal = false' '.process.args = ["/bin/sh", "-c", "id -u; touch /x; hostname"]'
	rt run -b "$BUNDLE" "$ID"
	line 0
	[ ! -e rootfs/x ]
}

@test "U33: spec --rootless has a user namespace" {
	known_deviation crun "1.8 writes no mappings"
	ok spec --rootless
	jq -e '([.linux.namespaces[].type] | index("user") != null) and (.linux.uidMappings | length) >= 1' config.json
}

@test "validate accepts what spec writes" {
	stiva_only
	ok spec
	mkdir rootfs
	ok validate
	ok validate "$WORK/new"
}

@test "validate tells all errors with their paths, and changes nothing" {
	stiva_only
	ok spec
	mkdir rootfs
	jq '.process.cwd = "x" | .hostname = 5 | .mounts[0].destination = 1 | .linux.namespaces[0].type = "none"' config.json >c && mv c config.json
	find . | sort >"$WORK/before"
	rt validate .
	exits 1
	for path in process.cwd hostname 'mounts[0].destination' 'linux.namespaces[0].type'; do
		grep -qF "$path" "$OUT" "$ERR" || fail "$path is not told: $output $stderr"
	done
	find . | sort | cmp - "$WORK/before"
}

@test "validate works without rights" {
	stiva_only
	ok spec
	mkdir rootfs
	chmod -R a+rX "$WORK" "$BATS_RUN_TMPDIR"
	cp "$RUNTIME" "$WORK/runtime"
	"$PROBE" as 1234 1234 "$WORK/runtime" validate "$WORK/new"
	rm "$WORK/runtime"
}

@test "U34: features: the document" {
	known_deviation crun "1.8 has no features"
	ok features
	jq -e '(.ociVersionMin | startswith("1.0.0")) and (.ociVersionMax | test("^1\\.[0-9]+\\.[0-9]+"))
		and (.hooks | sort) == ["createContainer", "createRuntime", "poststart", "poststop", "prestart", "startContainer"]
		and (.mountOptions | index("rbind") != null and index("ro") != null)
		and (.linux.namespaces | index("user") != null and index("cgroup") != null)
		and (.linux.capabilities | index("CAP_SYS_ADMIN") != null)
		and .linux.cgroup.v2 == true and (.linux.seccomp.enabled == true)
		and (.linux.seccomp.actions | index("SCMP_ACT_ERRNO") != null)' "$OUT"
}

@test "features of version 1.3" {
	stiva_only
	ok features
	jq -e '.ociVersionMax == "1.3.0" and .linux.cgroup.v1 == false and .linux.cgroup.rdma == true
		and (.linux.namespaces | index("time") != null) and (.mountOptions | index("nosymfollow") != null and index("rro") != null)
		and (.linux.seccomp.archs | index("SCMP_ARCH_X86_64") != null) and (.linux.seccomp.knownFlags | length) == 4
		and .linux.mountExtensions.idmap.enabled == true and (.linux.intelRdt | has("enabled")) and (.linux.netDevices | has("enabled"))
		and (.potentiallyUnsafeConfigAnnotations | index("org.criu.config") != null)' "$OUT"
}

@test "R53 U34: features needs no rights and no state folder" {
	known_deviation crun "1.8 has no features"
	cp "$RUNTIME" "$WORK/runtime"
	chmod -R a+rX "$WORK" "$BATS_RUN_TMPDIR"
	"$PROBE" as 1234 1234 "$WORK/runtime" --root /proc/nonesuch features >"$WORK/f"
	jq -e .ociVersionMax "$WORK/f"
	rm "$WORK/runtime"
}
