#!/usr/bin/env bats
# linux.maskedPaths and linux.readonlyPaths.
# requires: root cgroup2
# parallel: yes
load helpers

@test "L04: masked files read empty and cannot be written" {
	script 'wc -c </proc/keys; wc -c </secret; probe write /secret x' '.linux.maskedPaths += ["/secret"]'
	echo secret >"$BUNDLE/rootfs/secret"
	runs
	is "$(head -n 2 "$OUT" | xargs)" "0 0"
	is "$(<"$BUNDLE/rootfs/secret")" secret
}

@test "L04: masked folders are empty and read-only" {
	script 'ls /sys/firmware /hidden | grep -c txt; touch /hidden/x 2>&1; probe mount /hidden' '.linux.maskedPaths += ["/hidden"]'
	mkdir "$BUNDLE/rootfs/hidden"
	touch "$BUNDLE/rootfs/hidden/a.txt"
	runs
	line 0
	shows "Read-only file system"
	shows " ro"
	[ ! -e "$BUNDLE/rootfs/hidden/x" ]
}

@test "L04: a mask stays, all masked folders are one file system, with a read-only root as well" {
	for readonly in false true; do
		script 'rm -f /secret 2>&1; umount /secret 2>&1; rm -rf /h1 2>&1; umount /h1 2>&1; stat -c %d /h1 /h2 /h3 | sort -u | wc -l; ls /h1 | wc -l' \
			'.linux.maskedPaths += ["/secret", "/h1", "/h2", "/h3"]' ".root.readonly = $readonly"
		mkdir "$BUNDLE"/rootfs/h{1,2,3}
		touch "$BUNDLE/rootfs/h1/file"
		echo secret >"$BUNDLE/rootfs/secret"
		rt run -b "$BUNDLE" "$ID"
		is "$(grep -c "ot permitted" "$OUT")" 2
		is "$(grep -cE "busy|Read-only" "$OUT")" 2
		is "$(tail -n 1 "$OUT")" 0
		[ "$RUNTIME_NAME" != stiva ] || is "$(tail -n 2 "$OUT" | head -n 1)" 1
		is "$(<"$BUNDLE/rootfs/secret")" secret
	done
}

@test "L04 L05: paths that do not exist are ignored" {
	program true -- '.linux.maskedPaths += ["/no/such", "/proc/nonesuch"]' '.linux.readonlyPaths += ["/no/such"]'
	runs
	[ ! -e "$BUNDLE/rootfs/no" ]
}

@test "L05: read-only paths: folder and file, with what is mounted below" {
	script 'probe write /proc/sys/kernel/domainname x; touch /ro/f 2>&1; probe write /file x; probe mount /ro /proc/sys' \
		'.linux.readonlyPaths += ["/ro", "/file"]'
	mkdir "$BUNDLE/rootfs/ro"
	echo x >"$BUNDLE/rootfs/file"
	rt run -b "$BUNDLE" "$ID"
	line "/proc/sys/kernel/domainname EROFS"
	line "touch: /ro/f: Read-only file system"
	line "/file EROFS"
	grep -qE '^/ro 1021994 ro' "$OUT" || grep -qE '^/ro [0-9a-f]+ ro' "$OUT"
}

@test "L05: read-only paths keep nosuid, nodev and noexec of what they cover" {
	known_deviation crun "1.8 drops them"
	program probe mount /mnt/ro -- \
		"$(add_mount '{destination: "/mnt", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "noexec"]}')" \
		"$(add_mount '{destination: "/mnt/ro", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "noexec"]}')" \
		'.linux.readonlyPaths += ["/mnt/ro"]'
	runs
	shows "ro nosuid nodev noexec"
}

@test "L04 L05: exec sees the same masks" {
	program probe wait
	starts
	ok exec "$ID" sh -c 'wc -c </proc/keys; probe write /proc/sys/kernel/domainname x'
	prints $'0\n/proc/sys/kernel/domainname EROFS'
}

@test "L04: a masked path that is a symlink is resolved inside" {
	script 'wc -c </data' '.linux.maskedPaths += ["/link"]'
	echo text >"$BUNDLE/rootfs/data"
	ln -s /data "$BUNDLE/rootfs/link"
	rt run -b "$BUNDLE" "$ID"
	if is_stiva; then
		exits 0
		prints 0
	fi
}

@test "L04 L05: relative paths are refused" {
	known_deviation crun "accepts them"
	known_deviation runc "accepts them"
	for list in maskedPaths readonlyPaths; do
		program true -- ".linux.$list = [\"proc/keys\"]"
		rt run -b "$BUNDLE" "$ID"
		refused "linux.$list"
	done
}

@test "L04 R32: a thousand masked folders" {
	program ls /m/7 -- '.linux.maskedPaths = [range(1000) | "/m/\(.)"]'
	mkdir -p "$BUNDLE"/rootfs/m/{0..999}
	touch "$BUNDLE/rootfs/m/7/x"
	runs
	prints ""
}

@test "L04 L05: the same path in both lists, and twice" {
	script 'ls /x | wc -l' '.linux.maskedPaths = ["/x", "/x"]' '.linux.readonlyPaths = ["/x", "/x"]'
	mkdir "$BUNDLE/rootfs/x"
	touch "$BUNDLE/rootfs/x/y"
	runs
	prints 0
}
