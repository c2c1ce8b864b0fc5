#!/usr/bin/env bats
# containerd and its runc.v2 shim with this runtime as BinaryName, driven by ctr.
# requires: root containerd
load helpers
load engines

# one daemon and one image for the whole file, in folders of the file's own
setup_file() {
	TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
	export TOP STORE=$BATS_FILE_TMPDIR/c
	mkdir -p "$STORE"
	cat >"$STORE/config.toml" <<-END
		version = 2
		root = "$STORE/root"
		state = "$STORE/state"
		disabled_plugins = ["io.containerd.grpc.v1.cri"]
		[grpc]
		address = "$STORE/sock"
	END
	# other runtimes leave the namespace's own group
	is_stiva || mkdir -p "$CG/stiva-test"
	mkdir "$STORE/bin"
	ln -s "$(engine_runtime)" "$STORE/bin/runc"
	PATH=$STORE/bin:$PATH daemon "$STORE/log" containerd --config "$STORE/config.toml"
	export ENGINE="ctr --address $STORE/sock --namespace stiva-test"
	answers version || { cat "$STORE/log" && return 1; }
	image | $ENGINE images import --snapshotter native --base-name stiva-test - >/dev/null 3>&-
}
teardown_file() {
	daemon_end
	is_stiva || rmdir "$CG/stiva-test" 2>/dev/null || true
}

# An OCI archive of the small root, made by hand: no other engine, no registry.
image() {
	local dir=$STORE/oci layer config manifest
	mkdir -p "$dir/blobs/sha256"
	tar -C "$TOP/build/batsroot" -cf "$dir/layer" .
	layer=$(blob "$dir/layer")
	jq -nc --arg l "$layer" '{architecture: "amd64", os: "linux",
		config: {Env: ["PATH=/usr/bin:/bin"], Cmd: ["sh"]},
		rootfs: {type: "layers", diff_ids: ["sha256:" + $l]}}' >"$dir/config"
	config=$(blob "$dir/config")
	manifest=$(jq -nc --arg l "$layer" --arg c "$config" \
		--argjson ls "$(stat -c %s "$dir/blobs/sha256/$layer")" --argjson cs "$(stat -c %s "$dir/blobs/sha256/$config")" '
		def d(type; digest; size): {mediaType: ("application/vnd.oci.image." + type), digest: ("sha256:" + digest), size: size};
		{schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
		config: d("config.v1+json"; $c; $cs), layers: [d("layer.v1.tar"; $l; $ls)]}' |
		tee "$dir/manifest" | sha256sum | cut -d' ' -f1)
	jq -nc --arg m "$manifest" --argjson size "$(stat -c %s "$dir/manifest")" '{schemaVersion: 2, manifests: [
		{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: ("sha256:" + $m), size: $size,
		annotations: {"org.opencontainers.image.ref.name": "stiva-test"}}]}' >"$dir/index.json"
	blob "$dir/manifest" >/dev/null
	echo '{"imageLayoutVersion":"1.0.0"}' >"$dir/oci-layout"
	tar -C "$dir" -cf - oci-layout index.json blobs
}
blob() {
	local sum
	sum=$(sha256sum <"$1")
	mv "$1" "${1%/*}/blobs/sha256/${sum%% *}"
	echo "${sum%% *}"
}

test_setup() {
	IMAGE=$($ENGINE images ls -q 3>&-)
	# ctr asks for cpu.shares, whose controller not each tier has
	OPTS=(--snapshotter native --runc-binary "$RUNTIME")
	has cgroup_cpu || OPTS+=(--cpu-shares 0)
}
test_teardown() {
	quiet task kill -s KILL -a "$ID"
	quiet task rm --force "$ID"
	quiet container rm "$ID"
	[ -n "${BATS_TEST_COMPLETED:-}" ] || tail -n 5 "$STORE/log"
}

# a container that waits, in the background; it says ready into $STDOUT
waits() {
	good run --detach --log-uri "file://$WORK/log" "${OPTS[@]}" "$@" "$IMAGE" "$ID" probe signals 3
	STDOUT=$WORK/log
	wait_for said ready
}
task_is() { [ "$($ENGINE task ls 3>&- | awk -v id="$ID" '$1 == id { print $3 }')" = "$1" ]; }

@test "ctr run: output, status, namespaces" {
	good run --rm "${OPTS[@]}" "$IMAGE" "$ID" echo hello
	prints hello
	eng run --rm "${OPTS[@]}" "$IMAGE" "$ID" sh -c 'readlink /proc/self/ns/net; tail -n 1 /proc/self/cgroup; exit 42'
	exits 42
	shows_not "$(readlink /proc/self/ns/net)"
	shows "net:["
}

@test "E01 E02 E03 E11: ctr run tells why a program cannot be started" {
	known_deviation crun "its word for what may not be executed is another"
	eng run --rm "${OPTS[@]}" "$IMAGE" "$ID" nonesuch
	complains 'OCI runtime create failed'
	complains nonesuch
	complains 'not found in $PATH'
	eng run --rm "${OPTS[@]}" "$IMAGE" "$ID" /no/such
	complains "no such file or directory"
	eng run --rm "${OPTS[@]}" "$IMAGE" "$ID" /etc/passwd
	complains "permission denied"
}

@test "stdin goes in, and its end too" {
	# more than the pipes hold: ctr forgets an end that comes before the start
	head -c 1000000 /dev/zero | tr '\0' x >"$WORK/in"
	good run --rm "${OPTS[@]}" "$IMAGE" "$ID" cat <"$WORK/in"
	is "$(wc -c <"$OUT")" 1000000
}

@test "ctr run -t: a terminal by the shim's console socket" {
	talks run --rm -t "${OPTS[@]}" "$IMAGE" "$ID"
}

@test "U74: task exec: output, status, user, errors" {
	waits
	eng task exec --exec-id e1 "$ID" sh -c 'echo inside; exit 21'
	exits 21
	prints inside
	good task exec --exec-id e2 --user 1000:1000 --cwd /tmp "$ID" sh -c 'id -u; pwd'
	is "$(xargs <"$OUT")" "1000 /tmp"
	eng task exec --exec-id e3 "$ID" nonesuch
	[ "$status" != 0 ]
	complains "OCI runtime exec failed"
	complains 'not found in $PATH'
}

@test "task exec -t: a terminal" {
	waits
	talks task exec -t --exec-id e1 "$ID"
}

@test "task attach to a terminal of a detached task" {
	# shellcheck disable=SC2086 # words; ctr wants a terminal even then
	"$PROBE" pty $ENGINE run --detach -t "${OPTS[@]}" "$IMAGE" "$ID" sh -c "$TALK" >/dev/null 3>&-
	# shellcheck disable=SC2086
	is "$(PROBE_DEADLINE=60 "$PROBE" pty -s 31x91 -e ready $'type:word\n' $ENGINE task attach "$ID" \
		2>&1 3>&- | tr -d '\r' | grep -cx '<word>')" 1
}

@test "task kill: a signal to the program, KILL, wait" {
	waits
	good task kill -s USR1 "$ID"
	wait_for said USR1
	good task kill -s KILL "$ID"
	wait_for task_is STOPPED
	eng task rm "$ID"
	complains "exit code 137"
	good container rm "$ID"
}

@test "task kill --all reaches each process" {
	waits --pid-file "$WORK/pid"
	good task exec --detach --exec-id e1 "$ID" probe wait
	pids() { [ "$($ENGINE task ps "$ID" 3>&- | tail -n +2 | wc -l)" = "$1" ]; }
	wait_for pids 2
	good task kill -s KILL --all "$ID"
	wait_for task_is STOPPED
}

@test "U91 E12: task pause and resume" {
	waits
	good task pause "$ID"
	task_is PAUSED
	eng task exec --exec-id e1 "$ID" true
	[ "$status" != 0 ]
	complains paused
	good task resume "$ID"
	task_is RUNNING
	good task exec --exec-id e2 "$ID" true
}

@test "task ps lists the container's processes" {
	waits --pid-file "$WORK/pid"
	good task ps "$ID"
	shows "$(<"$WORK/pid")"
}

@test "task checkpoint writes images, and the task goes on" {
	requires criu
	is_stiva || skip "requires: stiva"
	waits
	good task checkpoint --image-path "$WORK/image" "$ID"
	[ -s "$WORK/image/stiva.manifest" ]
	good task exec --exec-id e1 "$ID" true
	task_is RUNNING
}

@test "options: read-only root, mounts, environment, capabilities, user, hostname" {
	mkdir "$WORK/vol"
	echo data >"$WORK/vol/file"
	good run --rm "${OPTS[@]}" --read-only --mount "type=bind,src=$WORK/vol,dst=/mnt,options=rbind:ro" --env X=y \
		--cap-drop CAP_CHOWN "$IMAGE" "$ID" sh -c 'touch /x 2>/dev/null || echo ro; cat /mnt/file
		touch /mnt/x 2>/dev/null || echo ro2; echo $X; chown 1:1 /tmp 2>/dev/null || echo nochown; hostname; grep Seccomp: /proc/self/status'
	is "$(sed '/Seccomp/d' "$OUT" | xargs)" "ro data ro2 y nochown $(hostname)"
	good run --rm "${OPTS[@]}" --user 1000:1000 --seccomp "$IMAGE" "$ID" sh -c 'id -u; grep Seccomp: /proc/self/status'
	line 1000
	line $'Seccomp:\t2'
}

@test "in the place of runc in the PATH; a user namespace by --uidmap and --gidmap" {
	# with --uidmap ctr 1.7 forgets --runc-binary: the shim's default is "runc"
	requires userns
	known_deviation runc "its mapped root may not pass the bundle's folders"
	good run --rm "${OPTS[@]}" --uidmap 0:100000:65536 --gidmap 0:100000:65536 --remap-labels=false "$IMAGE" "$ID" cat /proc/self/uid_map
	is "$(xargs <"$OUT")" "0 100000 65536"
}

@test "limits, and metrics of the task" {
	requires cgroup_memory cgroup_cpu cgroup_pids
	waits --memory-limit 67108864 --cpus 0.5
	is "$(cat "$CG/stiva-test/$ID/memory.max" "$CG/stiva-test/$ID/cpu.max" | xargs)" "67108864 50000 100000"
	good task metrics --format json "$ID"
	is "$(jq -r '[.. | objects | .usage_limit? // empty] | first' "$OUT")" 67108864
}

@test "contrib: containerd takes the drop-in, and knows the runtime" {
	stiva_only
	local ENGINE="containerd --config $TOP/contrib/containerd/config-v2.toml"
	good config dump
	shows 'containerd.runtimes.stiva]'
	shows 'BinaryName = "/usr/local/bin/stiva"'
	# the newer form says the same under the newer plugin's name
	is "$(sed 's/io.containerd.cri.v1.runtime/io.containerd.grpc.v1.cri/; s/^version = 3/version = 2/' "$TOP/contrib/containerd/config-v3.toml" | grep -v '^#')" \
		"$(grep -v '^#' "$TOP/contrib/containerd/config-v2.toml")"
}
