#!/usr/bin/env bats
# annotations: the ones of conformance.md section 4 that the command line's own files do not test.
# requires: root cgroup2
# parallel: yes
load helpers

annotation() { program true -- ".annotations[\"$1\"] = \"$2\""; }

@test "A02: org.criu.config is kept in the state and changes nothing without a checkpoint" {
	program probe wait -- '.annotations["org.criu.config"] = "/etc/criu/x.conf"'
	ok create -b "$BUNDLE" "$ID"
	ok state "$ID"
	jq -e '.annotations["org.criu.config"] == "/etc/criu/x.conf"' "$OUT"
	stiva_only
	ok features
	jq -e '.annotations["org.opencontainers.runc.checkpoint.enabled"] == "true"' "$OUT"
}

@test "A04: run.oci.keep_original_groups keeps the caller's groups" {
	known_deviation runc "has no such annotation"
	program id -G -- '.annotations["run.oci.keep_original_groups"] = "1"' '.process.user.uid = 1000'
	status=0
	setpriv --groups 4321,4322 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >"$OUT" 2>"$ERR" || status=$?
	exits 0
	grep -qw 4321 "$OUT"
	grep -qw 4322 "$OUT"
	program id -G -- '.process.user.uid = 1000'
	status=0
	setpriv --groups 4321,4322 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >"$OUT" 2>"$ERR" || status=$?
	exits 0
	refute grep -qw 4321 "$OUT"
}

@test "A07: run.oci.systemd.force_cgroup_v1 is refused" {
	stiva_only
	annotation run.oci.systemd.force_cgroup_v1 1
	rt run -b "$BUNDLE" "$ID"
	refused 'annotations["run.oci.systemd.force_cgroup_v1"]: there is no cgroup v1'
	annotation run.oci.systemd.force_cgroup_v1 0
	runs
}

@test "A10: run.oci.seccomp.plugins is refused: nothing is loaded into the runtime" {
	stiva_only
	annotation run.oci.seccomp.plugins /tmp/evil.so
	rt run -b "$BUNDLE" "$ID"
	refused 'annotations["run.oci.seccomp.plugins"]' listenerPath
}

@test "A11: run.oci.seccomp_fail_unknown_syscall makes an unknown name an error" {
	known_deviation runc "has no such annotation"
	program true -- '.annotations["run.oci.seccomp_fail_unknown_syscall"] = "1"' \
		'.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["no_such_call"], action: "SCMP_ACT_ERRNO"}]}'
	rt run -b "$BUNDLE" "$ID"
	refused no_such_call
	config 'del(.annotations)'
	runs
}

@test "A15: annotations for wasm and krun are ignored" {
	known_deviation crun "wants the libraries that they name"
	for key in module.wasm.image/variant io.kubernetes.cri.container-type krun.cpus; do
		annotation "$key" compat
		ok run -b "$BUNDLE" "$ID"
		is "$stderr" "" "$key"
	done
}

@test "A16: an annotation named bundle is the user's own: the state's bundle is the real one" {
	program probe wait -- '.annotations.bundle = "/elsewhere"'
	ok create -b "$BUNDLE" "$ID"
	ok state "$ID"
	jq -e --arg b "$BUNDLE" '.bundle == $b' "$OUT"
	[ "$RUNTIME_NAME" = runc ] || jq -e '.annotations.bundle == "/elsewhere"' "$OUT"
}

@test "A18: annotations of cri-o are cri-o's business: ignored, and kept in the state" {
	program probe wait -- '.annotations["io.kubernetes.cri-o.Umask"] = "077"' '.annotations["io.kubernetes.cri-o.ShmSize"] = "1m"'
	ok create -b "$BUNDLE" "$ID"
	is "$stderr" ""
	ok state "$ID"
	jq -e '.annotations["io.kubernetes.cri-o.Umask"] == "077"' "$OUT"
}

@test "A20: features names the annotations that are not for the untrusted, exactly" {
	known_deviation crun "forgets org.systemd.property."
	stiva_only
	ok features
	jq -e '.potentiallyUnsafeConfigAnnotations | sort == ["org.criu.config", "org.systemd.property.", "run.oci.", "stiva."]' "$OUT"
}

@test "A21: an unknown annotation of stiva's own space is a warning, and with --strict an error" {
	stiva_only
	annotation stiva.nonesuch 1
	ok run -b "$BUNDLE" "$ID"
	complains 'warning: annotations: "stiva.nonesuch"'
	rt --strict run -b "$BUNDLE" "$ID"
	refused stiva.nonesuch --strict
}
