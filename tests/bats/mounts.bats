#!/usr/bin/env bats
# mounts: what the configuration asks for, inside the root and nowhere else.
# requires: root cgroup2
# parallel: yes
load helpers

here() { cut -d' ' -f4- /proc/self/mountinfo | sort; }

@test "M24 M27: the default file systems have the right types and flags" {
	script 'probe mount /proc /dev /dev/pts /dev/shm /dev/mqueue /sys /sys/fs/cgroup'
	runs
	line "/proc 9fa0 relatime"
	line "/dev 1021994 nosuid"
	line "/dev/pts 1cd1 nosuid noexec relatime"
	line "/dev/shm 1021994 nosuid nodev noexec relatime"
	line "/dev/mqueue 19800202 nosuid nodev noexec relatime"
	line "/sys 62656572 ro nosuid nodev noexec relatime"
	line "/sys/fs/cgroup 63677270 ro nosuid nodev noexec relatime"
}

@test "M30 R33: no mount is left on the host, none is seen there while it runs" {
	here >"$WORK/before"
	program probe wait -- "$(add_mount '{destination: "/mnt", type: "tmpfs", source: "tmpfs"}')"
	starts
	here | diff "$WORK/before" -
	ok delete -f "$ID"
	here | diff "$WORK/before" -
}

@test "M01: mounts come in the listed order" {
	script 'ls /mnt/a /mnt' \
		"$(add_mount '{destination: "/mnt", type: "tmpfs", source: "tmpfs"}')" \
		"$(add_mount '{destination: "/mnt/a", type: "bind", source: env.WORK, options: ["rbind"]}')"
	touch "$WORK/seen"
	runs
	line seen
}

@test "M07: bind mounts of a folder and of a file" {
	mkdir "$WORK/dir"
	echo inside >"$WORK/dir/file"
	script 'cat /new/dir/file /etc/one; echo changed >/new/dir/file' \
		"$(add_mount '{destination: "/new/dir", source: (env.WORK + "/dir"), options: ["bind"]}')" \
		"$(add_mount '{destination: "/etc/one", type: "bind", source: (env.WORK + "/dir/file"), options: ["rbind", "ro"]}')"
	runs
	prints $'inside\ninside'
	is "$(<"$WORK/dir/file")" changed
}

@test "M04: type bind without the option is a bind as well" {
	known_deviation runc "wants the option"
	known_deviation crun "wants the option"
	echo inside >"$WORK/file"
	script 'cat /mnt/file' "$(add_mount '{destination: "/mnt/file", type: "bind", source: (env.WORK + "/file")}')"
	runs
	prints inside
}

@test "M03: a relative source is relative to the bundle" {
	bundle "$(add_mount '{destination: "/mnt", type: "bind", source: "data", options: ["bind"]}')" \
		'.process.args = ["/bin/cat", "/mnt/file"]'
	mkdir "$BUNDLE/data"
	echo relative >"$BUNDLE/data/file"
	cd /
	runs
	prints relative
}

@test "M08: a read-only bind is read-only" {
	mkdir "$WORK/dir"
	script 'probe mount /mnt; touch /mnt/x 2>&1' \
		"$(add_mount '{destination: "/mnt", type: "bind", source: (env.WORK + "/dir"), options: ["bind", "ro", "nosuid", "nodev", "noexec"]}')"
	rt run -b "$BUNDLE" "$ID"
	shows " ro nosuid nodev noexec"
	shows "Read-only file system"
	[ ! -e "$WORK/dir/x" ]
}

@test "M15: rbind with rro is read-only in all its mounts" {
	known_deviation runc "needs 1.1.1 with a newer kernel interface"
	mkdir -p "$WORK/dir/sub"
	mount -t tmpfs sub "$WORK/dir/sub"
	script 'touch /mnt/sub/x && echo written; true' \
		"$(add_mount '{destination: "/mnt", type: "bind", source: (env.WORK + "/dir"), options: ["rbind", "rro"]}')"
	rt run -b "$BUNDLE" "$ID"
	umount "$WORK/dir/sub"
	exits 0
	shows_not written
}

@test "M07: rbind with ro leaves the mounts below writable, bind leaves them out" {
	mkdir -p "$WORK/dir/sub"
	mount -t tmpfs sub "$WORK/dir/sub"
	touch "$WORK/dir/sub/there"
	script 'ls /r/sub /b/sub' \
		"$(add_mount '{destination: "/r", type: "bind", source: (env.WORK + "/dir"), options: ["rbind"]}')" \
		"$(add_mount '{destination: "/b", type: "bind", source: (env.WORK + "/dir"), options: ["bind"]}')"
	rt run -b "$BUNDLE" "$ID"
	umount "$WORK/dir/sub"
	exits 0
	prints $'/b/sub:\n\n/r/sub:\nthere'
}

@test "M03: a missing bind source is refused, and named" {
	program true -- "$(add_mount '{destination: "/mnt", type: "bind", source: "/no/source", options: ["bind"]}')"
	rt run -b "$BUNDLE" "$ID"
	refused /no/source /mnt "no such file or directory"
}

@test "M23: tmpfs with its options" {
	known_deviation runc "1.1 gives it the mode of the mount point"
	script 'probe mount /mnt; probe node /mnt; df -k /mnt | tail -n 1 | awk "{print \$2}"' \
		"$(add_mount '{destination: "/mnt", type: "tmpfs", source: "tmpfs", options: ["mode=750", "size=64k", "uid=12", "gid=34", "noexec", "nosuid", "nodev"]}')"
	runs
	line "/mnt 1021994 nosuid nodev noexec relatime"
	line "/mnt d 0:0 0750 12:34"
	line 64
}

@test "M20 A19: tmpcopyup gives the tmpfs what was there" {
	script 'cat /data/file; probe node /data/file /data/deep /data/link; echo new >/data/file' \
		"$(add_mount '{destination: "/data", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup", "mode=0755"]}')"
	mkdir -p "$BUNDLE/rootfs/data/deep"
	echo old >"$BUNDLE/rootfs/data/file"
	chmod 646 "$BUNDLE/rootfs/data/file"
	chown 12:34 "$BUNDLE/rootfs/data/file"
	ln -s file "$BUNDLE/rootfs/data/link"
	runs
	line old
	line "/data/file f 0:0 0646 12:34"
	line "/data/deep d 0:0 0755 0:0"
	is "$(<"$BUNDLE/rootfs/data/file")" old
}

@test "a missing mount point is made" {
	echo x >"$WORK/file"
	program probe node /a/b/c /d/e/f -- \
		"$(add_mount '{destination: "/a/b/c", type: "tmpfs", source: "tmpfs"}')" \
		"$(add_mount '{destination: "/d/e/f", type: "bind", source: (env.WORK + "/file"), options: ["bind"]}')"
	runs
	shows "/a/b/c d"
	shows "/d/e/f f"
}

@test "M09 M10 M14: mount flags, one by one" {
	for flag in noatime nodiratime nosymfollow sync; do
		[ "$flag/$RUNTIME_NAME" != nosymfollow/crun ] && [ "$flag/$RUNTIME_NAME" != nosymfollow/runc ] || continue
		program probe mount /mnt -- \
			"$(add_mount "{destination: \"/mnt\", type: \"tmpfs\", source: \"tmpfs\", options: [\"$flag\"]}")"
		runs
		[[ " $output " == *" $flag "* ]] || fail "$flag: $output"
	done
}

@test "M08 M09: of two options that contradict each other the last one counts" {
	known_deviation crun "1.8 clears no flag of a tmpfs"
	program probe mount /mnt -- \
		"$(add_mount '{destination: "/mnt", type: "tmpfs", source: "tmpfs", options: ["ro", "nosuid", "nodev", "noexec", "rw", "suid", "dev", "exec", "strictatime"]}')"
	runs
	prints "/mnt 1021994"
}

@test "M10 M11: superblock options lazytime, iversion, silent are taken" {
	known_deviation crun "passes them as data"
	known_deviation runc "1.1 does not know lazytime"
	program true -- "$(add_mount '{destination: "/mnt", type: "tmpfs", source: "tmpfs", options: ["lazytime", "silent", "loud", "nolazytime"]}')"
	runs
}

@test "M04 M21: an option or type that nobody knows is refused" {
	program true -- "$(add_mount '{destination: "/mnt", type: "tmpfs", source: "tmpfs", options: ["nonesuch=1"]}')"
	rt run -b "$BUNDLE" "$ID"
	refused /mnt
	program true -- "$(add_mount '{destination: "/mnt", type: "nonesuchfs", source: "x"}')"
	rt run -b "$BUNDLE" "$ID"
	refused nonesuchfs
}

@test "G07: a read-only root" {
	script 'touch /x 2>&1; touch /tmp/y && echo tmp' '.root.readonly = true' \
		"$(add_mount '{destination: "/tmp", type: "tmpfs", source: "tmpfs"}')"
	rt run -b "$BUNDLE" "$ID"
	line "touch: /x: Read-only file system"
	line tmp
	[ ! -e "$BUNDLE/rootfs/x" ]
}

@test "R27: the root in the bundle is not changed beyond mount points" {
	program true -- '.root.readonly = true'
	(cd "$BUNDLE/rootfs" && find . | sort) >"$WORK/before"
	chmod 700 "$BUNDLE/rootfs"
	runs
	(cd "$BUNDLE/rootfs" && find . | sort) | diff "$WORK/before" -
	is "$(stat -c %a "$BUNDLE/rootfs")" 700
}

@test "M12 R29: propagation of a mount: private by default, slave receives, shared sends back" {
	known_deviation crun "makes the source private first"
	mkdir "$WORK/src"
	mount -t tmpfs src "$WORK/src"
	mount --make-shared "$WORK/src"
	mkdir "$WORK/src/m"
	for p in rprivate rslave rshared; do
		program probe wait -- "$(add_mount "{destination: \"/mnt\", type: \"bind\", source: (env.WORK + \"/src\"), options: [\"rbind\", \"$p\"]}")"
		starts
		ok exec "$ID" grep ' /mnt ' /proc/self/mountinfo
		case $p in
		rprivate) [[ $output != *shared:* && $output != *master:* ]] || fail "$p: $output" ;;
		rslave) [[ $output == *master:* && $output != *shared:* ]] || fail "$p: $output" ;;
		rshared) [[ $output == *shared:* ]] || fail "$p: $output" ;;
		esac
		ok delete -f "$ID"
	done
	umount "$WORK/src"
}

@test "L03 R49: rootfsPropagation" {
	for p in private slave shared unbindable; do
		[ "$p/$RUNTIME_NAME" != unbindable/crun ] && [ "$p/$RUNTIME_NAME" != shared/runc ] || continue
		program grep ' / / \| /[^ ]* / ' /proc/self/mountinfo -- ".linux.rootfsPropagation = \"$p\""
		config '.process.args = ["/bin/grep", "-E", "^[^ ]+ [^ ]+ [^ ]+ [^ ]+ / ", "/proc/self/mountinfo"]'
		runs
		case $p in
		private) shows_not "shared:" ;;
		slave) shows_not "shared:" ;;
		shared) shows "shared:" ;;
		unbindable) [ "$RUNTIME_NAME" = runc ] || shows unbindable ;;
		esac
	done
	known_deviation crun "ignores an unknown word"
	program true -- '.linux.rootfsPropagation = "nonesuch"'
	rt run -b "$BUNDLE" "$ID"
	refused rootfsPropagation
}

@test "M30: mounts inside of the container do not come out" {
	script 'mount -t tmpfs tmpfs /mnt && probe mount /mnt' "$ALL_CAPS"
	runs
	shows "/mnt 1021994"
	! grep "$WORK" /proc/self/mountinfo || fail "seen on the host"
}

@test "M02: a mount on / of the container" {
	known_deviation runc "refuses it"
	program true -- "$(add_mount '{destination: "/", type: "bind", source: "/nonexistent", options: ["bind"]}')"
	rt run -b "$BUNDLE" "$ID"
	refused
}
