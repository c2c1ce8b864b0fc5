#!/usr/bin/env bats
# Nothing of a hostile root leads out of it: symlinked targets, /proc, /dev, cwd.
# requires: root cgroup2
# parallel: yes
load helpers

test_setup() {
	# the canary lies beside the bundle; nothing may be made or changed in it
	mkdir "$WORK/canary" "$WORK/canary/dir"
	echo canary >"$WORK/canary/file"
	canary >"$WORK/canary.before"
}
canary() { (cd "$WORK/canary" && find . -printf '%p %i %m %U:%G %T@ %s\n' | sort && cat file); }
alive() { canary | diff "$WORK/canary.before" - || fail "the canary was touched"; }

# link TARGET AT: makes rootfs/AT a symlink
link() {
	rm -rf "${BUNDLE:?}/rootfs/$2"
	ln -s "$1" "$BUNDLE/rootfs/$2"
}

# a run which may fail cleanly or stay inside
stays_inside() {
	rt run -b "$BUNDLE" "$ID"
	alive
	if [ "$status" != 0 ]; then
		[ "$status" -lt 124 ] || fail "exit status $status"
		if is_stiva; then refused; fi
	fi
}

@test "M06 R05: mount targets through symlinks of many shapes" {
	bundle
	for kind in tmpfs bind file; do
		for target in "$WORK/canary/dir" "../../../../../../../..$WORK/canary/dir" "$WORK/canary/dir/" \
			"$WORK/canary/new" /proc/self/root"$WORK/canary/dir" /proc/1/root"$WORK/canary" \
			../../canary/dir /proc/self/cwd a; do
			case $kind in
			tmpfs) m='{destination: "/a", type: "tmpfs", source: "tmpfs"}' ;;
			bind) m='{destination: "/a", type: "bind", source: "/etc", options: ["bind"]}' ;;
			file) m='{destination: "/a", type: "bind", source: "/etc/passwd", options: ["bind"]}' ;;
			esac
			config_from "$TOP/tests/bats/template.json" "$(add_mount "$m")"
			link "$target" a
			stays_inside
		done
	done
}

@test "M05 M06 R07: mount targets below a symlinked folder" {
	n=0
	for target in "$WORK/canary" "../../canary"; do
		n=$((n + 1))
		new_bundle "b$n" "$(add_mount '{destination: "/a/deep/er", type: "tmpfs", source: "tmpfs"}')" \
			"$(add_mount '{destination: "/a/file", type: "bind", source: "/etc/passwd", options: ["bind"]}')"
		link "$target" a
		stays_inside
	done
}

@test "M02 M06: destinations with dot-dot stay inside" {
	bundle "$(add_mount '{destination: "/../../../../../../../..\(env.WORK)/canary/dir", type: "tmpfs", source: "tmpfs"}')" \
		"$(add_mount '{destination: "/mnt/../../../\(env.WORK)/canary/new", type: "tmpfs", source: "tmpfs"}')"
	stays_inside
}

@test "M06: chains and loops of symlinks" {
	bundle "$(add_mount '{destination: "/l0", type: "tmpfs", source: "tmpfs"}')"
	for i in {0..50}; do link "l$((i + 1))" "l$i"; done
	stays_inside
	bundle "$(add_mount '{destination: "/loop/x", type: "tmpfs", source: "tmpfs"}')"
	link loop loop
	stays_inside
}

@test "M06: a symlink that stays inside is followed inside" {
	script 'probe mount /real' "$(add_mount '{destination: "/a", type: "tmpfs", source: "tmpfs", options: ["noexec"]}')"
	mkdir "$BUNDLE/rootfs/real"
	link /real a
	runs
	shows "/real 1021994 noexec"
}

@test "R05: /dev of the image is a symlink to the host" {
	known_deviation crun "makes devices there (CVE-2026-47766)"
	known_deviation runc "makes symlinks there (CVE-2026-41579)"
	bundle '.mounts |= map(select(.destination | startswith("/dev") | not))'
	link "$WORK/canary/dir" dev
	stays_inside
	bundle
	link "$WORK/canary/dir" dev
	stays_inside
}

@test "D05 R02: /dev/null and others of the image are symlinks or other files" {
	bundle '.mounts |= map(select(.destination | startswith("/dev") | not))'
	for name in null ptmx console fd stdin tty core; do
		[ $name = null ] || rm -f "$BUNDLE"/rootfs/dev/*
		link "$WORK/canary/file" dev/$name
		stays_inside
		rm "$BUNDLE/rootfs/dev/$name"
		mkfifo "$BUNDLE/rootfs/dev/$name"
		stays_inside
	done
}

@test "D02: a device path which is another file is refused" {
	known_deviation crun "accepts any existing file"
	known_deviation runc "accepts any existing file"
	bundle '.linux.devices = [{type: "c", path: "/opt/fuse", major: 10, minor: 229}]'
	mkdir "$BUNDLE/rootfs/opt"
	echo text >"$BUNDLE/rootfs/opt/fuse"
	rt run -b "$BUNDLE" "$ID"
	refused /opt/fuse
	is "$(<"$BUNDLE/rootfs/opt/fuse")" text
}

@test "a device path through a symlink" {
	bundle '.linux.devices = [{type: "c", path: "/a/fuse", major: 10, minor: 229}]'
	link "$WORK/canary/dir" a
	stays_inside
	bundle '.linux.devices = [{type: "c", path: "/a", major: 10, minor: 229}]'
	link "$WORK/canary/new" a
	stays_inside
}

@test "M24 R05: /proc of the image is a symlink, a file, a fifo" {
	bundle
	link "$WORK/canary/dir" proc
	stays_inside
	bundle
	link /tmp proc
	rt run -b "$BUNDLE" "$ID"
	alive
	if is_stiva; then refused /proc; fi
	for kind in file fifo; do
		bundle
		rmdir "$BUNDLE/rootfs/proc" 2>/dev/null || rm -f "$BUNDLE/rootfs/proc"
		if [ $kind = file ]; then touch "$BUNDLE/rootfs/proc"; else mkfifo "$BUNDLE/rootfs/proc"; fi
		rt run -b "$BUNDLE" "$ID"
		if is_stiva; then refused /proc; fi
		rm -f "$BUNDLE/rootfs/proc"
		mkdir "$BUNDLE/rootfs/proc"
	done
}

@test "M02 R04: other file systems over /proc, and mounts inside of it" {
	known_deviation crun "accepts them"
	known_deviation runc "1.1 accepts some"
	for m in '{destination: "/proc", type: "tmpfs", source: "tmpfs"}' \
		'{destination: "/proc/self/attr", type: "tmpfs", source: "tmpfs"}' \
		'{destination: "/proc/sys/kernel", type: "bind", source: "/etc", options: ["bind"]}' \
		'{destination: "/proc/1/ns", type: "tmpfs", source: "tmpfs"}'; do
		bundle "$(add_mount "$m")"
		rt run -b "$BUNDLE" "$ID"
		refused /proc
	done
}

@test "M02: the files that lxcfs gives may be mounted in /proc" {
	echo 'MemTotal: 1 kB' >"$WORK/meminfo"
	bundle "$(add_mount '{destination: "/proc/meminfo", type: "bind", source: (env.WORK + "/meminfo"), options: ["bind"]}')" \
		'.process.args = ["/bin/cat", "/proc/meminfo"]'
	runs
	prints "MemTotal: 1 kB"
}

@test "R02 L04: masks do not use the image's /dev/null" {
	known_deviation runc "1.1 does (CVE-2025-31133)"
	# only read: through such a mask a write would reach the host
	script 'cat /proc/keys; true' \
		'.mounts |= map(select(.destination | startswith("/dev") | not))'
	link /proc/sys/kernel/ostype dev/null
	rt run -b "$BUNDLE" "$ID"
	shows_not Linux
}

@test "cwd through a descriptor of the runtime" {
	known_deviation crun "1.8 does not check it (as CVE-2024-21626)"
	bundle
	exec 7<"$WORK/canary"
	for n in 3 4 5 6 7 8 9 10 11 12 13; do
		config_from "$TOP/tests/bats/template.json" ".process.cwd = \"/proc/self/fd/$n\"" '.process.args = ["/bin/sh", "-c", "cat file; cat ../../../../../../../../../../etc/shadow"]'
		status=0
		"$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >"$OUT" 2>"$ERR" || status=$?
		! grep -E 'canary|root:[^x]' "$OUT" || fail "out by descriptor $n"
	done
	exec 7<&-
}

@test "cwd is a symlink to the host or to a descriptor" {
	for target in "$WORK/canary" /proc/self/fd/7 ../../canary; do
		bundle '.process.cwd = "/a"' '.process.args = ["/bin/ls"]'
		link "$target" a
		stays_inside
		shows_not file
	done
}

@test "exec --cwd does not lead out" {
	program probe wait
	starts
	for n in 3 4 5 6 7 8 9 10; do
		rt exec --cwd "/proc/self/fd/$n" "$ID" ls
		shows_not canary
		shows_not rootfs
	done
}

@test "the runtime's own program is not to be had" {
	cp "$RUNTIME" "$WORK/copy"
	bundle '.process.args = ["/proc/self/exe", "--version"]'
	rt run -b "$BUNDLE" "$ID"
	shows_not version
	script 'probe wait' "$ALL_CAPS"
	starts
	rt exec "$ID" sh -c 'for f in /proc/[0-9]*/exe; do echo hacked >"$f"; done 2>/dev/null; true'
	cmp "$RUNTIME" "$WORK/copy"
	rm "$WORK/copy"
}

@test "a symlinked root is resolved once or refused" {
	bundle '.process.args = ["/bin/ls", "/"]'
	mv "$BUNDLE/rootfs" "$BUNDLE/real"
	ln -s real "$BUNDLE/rootfs"
	rt run -b "$BUNDLE" "$ID"
	if is_stiva; then
		exits 0
		shows proc
	fi
}
