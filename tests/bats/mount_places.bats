#!/usr/bin/env bats
# Where mounts come from and where they go: sources, mount points, links, the kernel's own file
# systems and what stands in for them, many mounts, roots that cannot be pivoted.
# requires: root cgroup2
# parallel: yes
load helpers

test_teardown() {
	umount "$WORK/src/sub" 2>/dev/null || true
	umount "$WORK/under" 2>/dev/null || true
	umount "$WORK/src" 2>/dev/null || true
	chown -R 0:0 "$WORK" 2>/dev/null || true
}
here() { cut -d' ' -f4- /proc/self/mountinfo | sort; }
bind() { add_mount "{destination: \"$1\", type: \"bind\", source: (env.WORK + \"/$2\"), options: ${3:-[\"bind\"]}}"; }

@test "M01: the cgroup mount shows the container's own cgroup, and covers what was mounted before" {
	script 'cat /sys/fs/cgroup/cgroup.procs | grep -c .; cat /proc/self/cgroup; ls /sys/fs/cgroup | grep -c t$$x; ls /mnt' \
		"$(add_mount '{destination: "/mnt", type: "tmpfs", source: "a"}')" "$(bind /mnt src)"
	mkdir "$WORK/src"
	touch "$WORK/src/second"
	rt run -b "$BUNDLE" "$ID"
	line "0::/"
	line second
}

@test "M02: a destination with double slashes, dots and a slash at its end; a relative one warns" {
	script 'grep -c " /one/two " /proc/self/mountinfo; grep -c " /rel/x " /proc/self/mountinfo' \
		"$(add_mount '{destination: "//one///./three/../two/", type: "tmpfs", source: "t"}')" \
		"$(add_mount '{destination: "rel/x", type: "tmpfs", source: "t"}')"
	rt run -b "$BUNDLE" "$ID"
	[ "$RUNTIME_NAME/$status" != runc/1 ] || skip "known deviation of runc: 1.1 refuses a relative one"
	exits 0
	prints $'1\n1'
	if is_stiva; then
		is "$(grep -c 'mounts\[8\].destination.*relative' "$ERR")" 1
	fi
}

@test "M02: an empty destination, a control byte, a missing one are refused" {
	known_deviation crun "accepts some"
	known_deviation runc "1.1 accepts some"
	for m in '{destination: "", type: "tmpfs"}' '{type: "tmpfs"}' '{destination: "/a\nb", type: "tmpfs"}' '{destination: "/a\u0001", type: "tmpfs"}'; do
		program true -- "$(add_mount "$m")"
		rt run -b "$BUNDLE" "$ID"
		refused "mounts[7].destination"
	done
}

@test "M02: each of the files of /proc that may be covered, and no other" {
	known_deviation crun "accepts any file of /proc"
	echo mine >"$WORK/file"
	for f in cpuinfo diskstats meminfo stat swaps uptime loadavg sys/kernel/ns_last_pid; do
		[ -e "/proc/$f" ] || continue
		program cat "/proc/$f" -- "$(bind "/proc/$f" file)"
		runs
		prints mine
	done
	for f in version sys/kernel/hostname 1/status self/attr/current sysrq-trigger cpuinfo/x; do
		program true -- "$(bind "/proc/$f" file)"
		rt run -b "$BUNDLE" "$ID"
		refused "/proc/$f"
	done
}

@test "M03 R35: an error says which side is missing, with both paths and the cause" {
	mkdir "$WORK/src"
	touch "$WORK/file"
	program true -- "$(bind /target none)"
	rt run -b "$BUNDLE" "$ID"
	refused "mounts[7]: mount \"/target\" from \"$WORK/none\": no such file or directory (the source does not exist)"
	[ ! -e "$BUNDLE/rootfs/target" ] || fail "the target was made for nothing"
	program true -- "$(bind /etc/passwd/x src)"
	rt run -b "$BUNDLE" "$ID"
	refused "mount \"/etc/passwd/x\"" "not a directory" "mount point"
	program true -- "$(bind /etc/passwd src)"
	rt run -b "$BUNDLE" "$ID"
	refused "a directory cannot be mounted on a file"
	program true -- "$(bind /etc file)"
	rt run -b "$BUNDLE" "$ID"
	refused "a file cannot be mounted on a directory"
	program true -- "$(bind /target file/x)"
	rt run -b "$BUNDLE" "$ID"
	refused "$WORK/file/x" "not a directory"
	program true -- "$(add_mount '{destination: "/mnt", type: "ext4", source: "/nonexistent", options: ["ro"]}')"
	rt run -b "$BUNDLE" "$ID"
	refused /mnt /nonexistent
	program true -- "$(add_mount '{destination: "/mnt", type: "overlay", source: "overlay", options: ["lowerdir=/no/such/layer"]}')"
	rt run -b "$BUNDLE" "$ID"
	refused "mounts[7]: mount \"/mnt\"" "/no/such/layer"
}

@test "M04: no type and no bind option, and types that are none" {
	program true -- "$(add_mount '{destination: "/mnt", source: "tmpfs"}')"
	rt run -b "$BUNDLE" "$ID"
	refused "mounts[7].type"
	for type in none nonesuchfs; do
		program true -- "$(add_mount "{destination: \"/mnt\", type: \"$type\", source: \"tmpfs\"}")"
		rt run -b "$BUNDLE" "$ID"
		refused "mounts[7]" "$type"
	done
	program true -- "$(add_mount '{destination: "/mnt", type: "none", source: "/etc", options: ["rbind"]}')"
	runs
}

@test "M05: missing mount points are made 0755 and 0644 whatever the umask, existing ones stay" {
	known_deviation crun "1.21 makes directories with mode 1755"
	known_deviation runc "1.1 lets the umask cut the modes"
	echo x >"$WORK/file"
	mkdir "$WORK/src"
	script true "$(bind /a/b/c file)" "$(bind /d/e src)" "$(add_mount '{destination: "/f/g", type: "tmpfs", source: "t"}')" "$(bind /there src)"
	mkdir -m 700 "$BUNDLE/rootfs/there"
	(umask 077 && "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID")
	cd "$BUNDLE/rootfs"
	is "$(stat -c '%a %F %s' a a/b a/b/c d/e f/g there | sort -u | xargs)" \
		"644 regular empty file 0 $(stat -c '%a %F %s' there) $(stat -c '%a %F %s' a | sort -u)" || true
	is "$(stat -c %a a a/b a/b/c d d/e f/g there | xargs)" "755 755 644 755 755 755 700"
	[ -f a/b/c ]
	is "$(stat -c %s a/b/c)" 0
}

@test "M05: sources that are no files: a fifo, a socket, a device, a link" {
	mkfifo "$WORK/fifo"
	background "$PROBE" listen "$WORK/sock" 2>/dev/null || true
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$WORK/sock2"
	ln -s /etc/passwd "$WORK/link"
	script 'probe node /m/fifo /m/sock /m/null /m/link' "$(bind /m/fifo fifo '["bind", "ro"]')" "$(bind /m/sock sock2 '["bind", "rro"]')" \
		"$(add_mount '{destination: "/m/null", type: "bind", source: "/dev/zero", options: ["bind"]}')" "$(bind /m/link link)"
	[ "$RUNTIME_NAME" != runc ] || config '(.mounts[] | select(.destination == "/m/sock")).options = ["bind", "ro"]'
	runs
	shows "/m/fifo p"
	shows "/m/null c 1:5"
	shows "/m/link f"
}

@test "M06 A19: copy-symlink makes the link instead of mounting what it leads to" {
	known_deviation runc "does not know it"
	ln -s point-to-nowhere "$WORK/broken"
	ln -s /etc/passwd "$WORK/good"
	mkdir "$WORK/src"
	script 'readlink /a/sym/link; readlink /b; probe node /c' "$(bind /a/sym/link broken '["rbind", "copy-symlink"]')" \
		"$(bind /b good '["rbind", "copy-symlink"]')" "$(bind /c src '["bind", "copy-symlink"]')"
	runs
	line point-to-nowhere
	line /etc/passwd
	shows "/c d"
	# again: the same link is there; another file is an error
	runs
	if is_stiva; then
		rm "$BUNDLE/rootfs/b"
		echo other >"$BUNDLE/rootfs/b"
		rt run -b "$BUNDLE" "$ID"
		refused "mounts[8]" "another file"
		is "$(<"$BUNDLE/rootfs/b")" other
	fi
}

@test "M06 A19: src-nofollow mounts the link itself, dest-nofollow does not follow the link of the root" {
	known_deviation crun "1.21 does not know dest-nofollow"
	known_deviation runc "does not know them"
	echo inside >"$WORK/file"
	ln -s file "$WORK/link"
	for userns in . "$USERNS"; do
		script 'readlink /target; cat /target 2>/dev/null; true' "$userns" "$(bind /target link '["bind", "src-nofollow", "dest-nofollow"]')"
		ln -s point-to-nowhere "$BUNDLE/rootfs/target"
		[ "$userns" = . ] || open_bundle
		runs
		prints file
		script 'cat /target; ls -a / | grep -c nowhere' "$userns" "$(bind /target link '["bind", "dest-nofollow"]')"
		ln -s point-to-nowhere "$BUNDLE/rootfs/target"
		[ "$userns" = . ] || open_bundle
		rt run -b "$BUNDLE" "$ID"
		prints $'inside\n0'
	done
	# a link onto a folder, and into procfs
	mkdir "$WORK/src"
	program true -- "$(bind /mnt link '["bind", "src-nofollow", "dest-nofollow"]')"
	rt run -b "$BUNDLE" "$ID"
	refused "mounts[7]"
	program true -- "$(bind /proc/self link '["bind", "src-nofollow", "dest-nofollow"]')"
	rt run -b "$BUNDLE" "$ID"
	refused /proc/self
}

@test "M20 A19: tmpcopyup keeps modes, owners, times, xattrs, and does not cross mounts" {
	known_deviation crun "1.21 loses the times"
	known_deviation runc "1.1 cannot copy a fifo"
	script 'cd /data; probe node d d/suid pipe dev link; cat d/suid; cat under/f 2>&1; stat -c %Y d/suid; ls -A under | wc -l' \
		"$ALL_CAPS" "$(bind /data/under src)" "$(add_mount '{destination: "/data", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"]}')"
	mkdir -p "$WORK/src" "$BUNDLE/rootfs/data/d"
	echo outside >"$WORK/src/f"
	cd "$BUNDLE/rootfs/data"
	echo text >d/suid
	chown 12:34 d d/suid
	chmod 6751 d/suid
	chmod 1770 d
	touch -d @1000000000 d/suid
	mkfifo pipe
	mknod dev c 1 3
	ln -s /nowhere link
	chown -h 5:6 link
	echo a >a
	setfattr -n user.stiva -v value d/suid 2>/dev/null || true
	umask 022
	runs
	line "d d 0:0 1770 12:34"
	line "d/suid f 0:0 6751 12:34"
	shows "pipe p"
	line "dev c 1:3 0644 0:0"
	shows "link l 0:0 0777 5:6"
	line text
	line 1000000000
	shows "under/f': No such file"
	shows_not outside
	line 0
	rm dev
}

@test "M20: tmpcopyup on the root, on a missing folder, and on another type" {
	known_deviation crun "1.21 cannot mount on the root"
	known_deviation runc "ignores it for other types"
	program cat /etc/passwd -- '.mounts = [{destination: "/", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"]}] + .mounts'
	[ "$RUNTIME_NAME" = runc ] || runs
	program ls -A /new -- "$(add_mount '{destination: "/new", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"]}')"
	runs
	prints ""
	program true -- "$(add_mount '{destination: "/mnt", type: "bind", source: "/etc", options: ["bind", "tmpcopyup"]}')"
	rt run -b "$BUNDLE" "$ID"
	refused tmpcopyup
}

@test "M24: proc, sysfs, mqueue, devpts in a user namespace with namespaces of their own" {
	requires userns
	script 'probe mount /proc /sys /dev/mqueue /dev/pts; ls /sys/class/net; grep " /dev/pts " /proc/self/mountinfo' "$USERNS"
	open_bundle
	runs
	shows "/proc 9fa0"
	shows "/sys 62656572 ro nosuid nodev noexec"
	shows "/dev/mqueue 19800202 nosuid nodev noexec"
	shows "/dev/pts 1cd1 nosuid noexec"
	line lo
	# as the host's or the container's number, by kernel
	grep -E "gid=(10000)?5," "$OUT"
}

@test "M24 R28: what a user namespace may not mount is bound from the host, with the flags asked for" {
	known_deviation crun "1.21: mounts below /sys stay writable"
	known_deviation runc "1.1 refuses"
	requires userns
	# sysfs without a net namespace of its own
	script 'probe mount /sys; grep " /sys" /proc/self/mountinfo | cut -d" " -f6 | sort -u' "$USERNS" "$(without_ns network)"
	open_bundle
	runs
	shows "/sys 62656572 ro nosuid nodev noexec"
	shows_not rw,
	# proc and mqueue of the host
	script 'probe mount /proc /dev/mqueue; probe write /proc/sys/kernel/domainname x; probe node /proc/1' "$USERNS" \
		"$(without_ns pid)" "$([ -d /dev/mqueue ] && without_ns ipc || echo .)" '(.mounts[] | select(.destination == "/proc")).options = ["ro", "nosuid"]' '.linux.maskedPaths = [] | .linux.readonlyPaths = []'
	open_bundle
	rt run -b "$BUNDLE" "$ID"
	exits 0
	shows "/proc 9fa0 ro nosuid"
	grep -E "/proc/sys/kernel/domainname E(ROFS|ACCES)" "$OUT"
}

@test "M24: the tty group of devpts is dropped where the map has none" {
	known_deviation crun "1.21: EINVAL"
	known_deviation runc "1.1: EINVAL"
	requires userns
	script 'grep " /dev/pts " /proc/self/mountinfo' "$USERNS" \
		'.linux.gidMappings[0].size = 3 | .linux.uidMappings[0].size = 3'
	open_bundle
	runs
	shows_not gid=
	shows ptmxmode=666
}

@test "M24: a second procfs, devpts and mqueue elsewhere are the container's own" {
	script 'ls /p | grep -c "^[0-9]"; ls /q; grep -c " - mqueue " /proc/self/mountinfo; probe write /dev/mqueue/x y; ls /m' \
		"$(add_mount '{destination: "/p", type: "proc", source: "proc", options: ["ro"]}')" \
		"$(add_mount '{destination: "/q", type: "devpts", source: "devpts", options: ["newinstance"]}')" \
		"$(add_mount '{destination: "/m", type: "mqueue", source: "mqueue"}')"
	rt run -b "$BUNDLE" "$ID"
	exits 0
	[ "$(head -n 1 "$OUT")" -le 4 ] || fail "processes of the host: $output"
}

@test "M25 R36: cgroup2 in and without a cgroup namespace, read-only, the host's options untouched" {
	super() { awk '$(NF - 2) == "cgroup2" { print $NF }' /proc/self/mountinfo | sort -u; }
	before=$(super)
	for filter in . "$(without_ns cgroup)"; do
		for options in '["ro", "nosuid", "noexec", "nodev", "relatime"]' '["rw", "nosuid"]' '["ro", "nsdelegate", "memory_recursiveprot"]'; do
			[ "$RUNTIME_NAME" = stiva ] || [[ $options != *nsdelegate* ]] || continue
			script 'grep " /sys/fs/cgroup " /proc/self/mountinfo; cat /sys/fs/cgroup/cgroup.procs >/dev/null && echo mine; cat /sys/fs/cgroup/cgroup.procs | wc -l; mkdir /sys/fs/cgroup/x 2>&1; rmdir /sys/fs/cgroup/x 2>/dev/null; true' \
				"$filter" "(.mounts[] | select(.type == \"cgroup\")).options = $options"
			rt run -b "$BUNDLE" "$ID"
			shows " - cgroup2 "
			line mine
			case $options in
			*'"ro"'*) shows " ro," && shows "Read-only file system" ;;
			*) shows " rw,nosuid" ;;
			esac
			is "$(super)" "$before" "options of the host's superblock"
		done
	done
}

@test "M25: in a user namespace with and without a cgroup namespace" {
	requires userns
	for filter in . "$(without_ns cgroup)"; do
		script 'grep " /sys/fs/cgroup " /proc/self/mountinfo; probe write /sys/fs/cgroup/cgroup.procs 0' "$USERNS" "$filter"
		open_bundle
		rt run -b "$BUNDLE" "$ID"
		shows " ro,nosuid,nodev,noexec"
		shows " - cgroup2 "
		grep -E "/sys/fs/cgroup/cgroup.procs E(ROFS|ACCES)" "$OUT"
	done
}

@test "M27: the well-known mounts without any options get safe ones" {
	known_deviation runc "mounts them plain"
	script 'probe mount /proc /sys /dev/mqueue /dev/pts /dev/shm' 'del(.mounts[].options)'
	runs
	for at in /dev/mqueue /dev/shm; do grep -E "^$at .*nosuid nodev noexec" "$OUT" || fail "$at: $output"; done
	grep -E '^/sys .*nosuid nodev noexec' "$OUT"
	grep -E '^/dev/pts .*nosuid.* noexec' "$OUT"
	# what is not well known stays plain
	program probe mount /mnt -- "$(add_mount '{destination: "/mnt", type: "tmpfs", source: "t"}')"
	runs
	prints "/mnt 1021994 relatime"
}

# few COUNT FILTER...: with that many file descriptors, soft and hard
few() {
	local n=$1
	shift
	program wc -l /proc/self/mountinfo -- "$@"
	! printf '%s' "$*" | grep -q 'type: "user"' || open_bundle
	RUNS=$((RUNS + 1))
	OUT=$WORK/.out.$RUNS ERR=$WORK/.err.$RUNS
	status=0
	(ulimit -n "$n" && timeout 60 "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID") >"$OUT" 2>"$ERR" 3>&- 4>&- || status=$?
	output=$(<"$OUT") stderr=$(<"$ERR") LAST="run with $n descriptors"
	exits 0
	[ "${output%% *}" -gt 1000 ]
}

@test "M28 R32: a thousand mounts of every kind with 256 file descriptors" {
	known_deviation crun "1.21 runs out of descriptors"
	mkdir "$WORK/src"
	few 256 '.mounts += [range(1000) | {destination: "/mnt/\(.)", type: "tmpfs", source: "tmpfs"}]'
	few 256 '.mounts += [range(1000) | {destination: "/mnt/\(.)", type: "tmpfs", source: "tmpfs", options: ["ro"]}]'
	few 256 '.mounts += [range(1000) | {destination: "/mnt/\(.)", type: "bind", source: (env.WORK + "/src"), options: ["bind", "ro"]}]'
}

@test "M28 R32: a thousand mounts that only the parent can open" {
	known_deviation crun "1.21 runs out of descriptors"
	known_deviation runc "1.1 runs out of descriptors"
	requires userns
	mkdir -p "$WORK/src/x"
	few 256 "$USERNS" '.mounts += [range(1000) | {destination: "/mnt/\(.)", type: "bind", source: (env.WORK + "/src"), options: ["bind", "ro"]}]'
	chmod 700 "$WORK/src"
	few 256 "$USERNS" '.mounts += [range(1000) | {destination: "/mnt/\(.)", type: "bind", source: (env.WORK + "/src/x"), options: ["bind", "ro"]}]'
	stiva_only
	few 256 '.mounts += [range(1000) | {destination: "/mnt/\(.)", type: "bind", source: (env.WORK + "/src"), options: ["bind", "idmap"],
		uidMappings: [{containerID: 0, hostID: 1000, size: 10}], gidMappings: [{containerID: 0, hostID: 1000, size: 10}]}]'
}

@test "M29: a bundle below a shared mount: that mount stays shared, nothing travels" {
	known_deviation runc "1.1: a bind is slave of the host"
	mkdir "$WORK/under"
	mount -t tmpfs under "$WORK/under"
	mount --make-shared "$WORK/under"
	bundle '.process.args = ["/bin/grep", "-c", " shared:", "/proc/self/mountinfo"]'
	mv "$BUNDLE" "$WORK/under/b"
	BUNDLE=$WORK/under/b
	here >"$WORK/before"
	for filter in . '.linux.rootfsPropagation = "private"' '.linux.rootfsPropagation = "rslave"'; do
		config "$filter"
		rt run -b "$BUNDLE" "$ID"
		prints 0
		here | diff "$WORK/before" -
	done
	config '.linux.rootfsPropagation = "rshared"'
	rt run -b "$BUNDLE" "$ID"
	exits 0
	here | diff "$WORK/before" -
	umount "$WORK/under"
}

@test "M29: --no-pivot, and where pivot_root cannot be: no bare /proc stays, nothing leaks" {
	here >"$WORK/before"
	for filter in . '.linux.rootfsPropagation = "rshared"'; do
		script 'ls /; readlink /proc/1/root; grep -c " / / " /proc/self/mountinfo; ls -d /proc/1 /sys/class' "$filter"
		mount --bind "$BUNDLE/rootfs" "$BUNDLE/rootfs"
		here >"$WORK/before"
		rt run --no-pivot -b "$BUNDLE" "$ID"
		exits 0
		shows bin
		here | diff "$WORK/before" -
		umount "$BUNDLE/rootfs"
	done
	# the root on a ramfs, as in an initramfs
	program sh -c 'ls /proc/1/exe; touch /made'
	mount -t ramfs ram "$WORK/src" 2>/dev/null || { mkdir "$WORK/src" && mount -t ramfs ram "$WORK/src"; }
	mv "$BUNDLE" "$WORK/src/b"
	BUNDLE=$WORK/src/b
	rt run --no-pivot -b "$BUNDLE" "$ID"
	exits 0
	[ -e "$BUNDLE/rootfs/made" ]
	umount "$WORK/src"
	# a procfs of one's own in a user namespace needs an uncovered one: there is none
	script 'unshare -Ur true && unshare -Urpf mount -t proc none /mnt && echo mounted' "$ALL_CAPS"
	rt run --no-pivot -b "$BUNDLE" "$ID"
	shows_not mounted
}

@test "M29 M30 R33: on a host whose / is shared nothing is left there, with a pivot or without" {
	known_deviation crun "1.21 covers the host's root"
	known_deviation runc "1.1.15 covers the host's root (runc #1961)"
	cat >"$WORK/in" <<-'E'
		mount --make-rshared /
		mount --bind "$BUNDLE/rootfs" "$BUNDLE/rootfs"
		cut -d' ' -f4- /proc/self/mountinfo | sort >"$WORK/before"
		timeout 60 "$@" run $OPTION -b "$BUNDLE" "$ID" </dev/null || echo "status $?"
		cut -d' ' -f4- /proc/self/mountinfo | sort | diff "$WORK/before" -
	E
	for filter in . '.linux.rootfsPropagation = "shared"' '.linux.rootfsPropagation = "rshared"' '.linux.rootfsPropagation = "rslave"'; do
		bundle '.process.args = ["/bin/true"]' "$filter"
		for option in "" --no-pivot; do
			OPTION=$option unshare -m --propagation private sh "$WORK/in" "$RUNTIME" --root "$ROOT" 3>&- 4>&- || fail "$filter $option"
		done
	done
}

@test "M30 R33: a create that fails at any mount leaves none on the host" {
	here >"$WORK/before"
	mkdir "$WORK/src"
	for bad in '{destination: "/x", type: "nonesuchfs", source: "x"}' '{destination: "/etc/passwd", type: "tmpfs", source: "t"}' \
		'{destination: "/x", type: "bind", source: "/none", options: ["bind"]}'; do
		program true -- "$(bind /a src '["rbind", "rshared"]')" "$(add_mount '{destination: "/b", type: "tmpfs", source: "t", options: ["shared"]}')" "$(add_mount "$bad")"
		rt run -b "$BUNDLE" "$ID"
		refused
		here | diff "$WORK/before" -
	done
	# many at once
	local i
	for i in {1..12}; do
		new_bundle "b$i" '.process.args = ["/bin/true"]' "$(bind /a src)"
		background "$RUNTIME" --root "$ROOT" run -b "$WORK/b$i" "$ID-$i"
	done
	for job in "${JOBS[@]}"; do wait "$job"; done
	here | diff "$WORK/before" -
}

@test "R26: where the kernel or a filter lacks the new mount calls, one line says so" {
	stiva_only
	command -v python3 >/dev/null || skip "requires: python3"
	bundle
	for call in "428 open_tree" "442 mount_setattr" "429 move_mount" "430 fsopen"; do
		status=0
		RUNS=$((RUNS + 1))
		OUT=$WORK/.out.$RUNS ERR=$WORK/.err.$RUNS
		timeout 20 python3 - "${call% *}" "$RUNTIME" --root "$ROOT" run -b "$BUNDLE" "$ID" >"$OUT" 2>"$ERR" <<-'E' || status=$?
			import ctypes, os, struct, sys
			def op(code, jt, jf, k): return struct.pack("HBBI", code, jt, jf, k)
			prog = op(0x20, 0, 0, 0) + op(0x15, 0, 1, int(sys.argv[1])) + op(0x06, 0, 0, 0x00050000 | 38) + op(0x06, 0, 0, 0x7fff0000)
			buf = ctypes.create_string_buffer(prog, len(prog))
			class Prog(ctypes.Structure): _fields_ = [("n", ctypes.c_ushort), ("p", ctypes.c_void_p)]
			libc = ctypes.CDLL(None, use_errno=True)
			libc.prctl(38, 1, 0, 0, 0)
			assert libc.prctl(22, 2, ctypes.byref(Prog(4, ctypes.addressof(buf)))) == 0
			os.execv(sys.argv[2], sys.argv[2:])
		E
		output=$(<"$OUT") stderr=$(<"$ERR") LAST="run without $call"
		refused "${call#* }" 5.15
	done
}

@test "R30: createContainer hooks write to the root that is read-only for the program, from outside of it" {
	known_deviation crun "1.21: the root is read-only by then (crun #2167)"
	script 'cat /made; touch /x 2>&1; ls /' '.root.readonly = true' \
		'.hooks.createContainer = [{path: "/bin/sh", args: ["sh", "-c", "echo by the hook >\(env.WORK)/bundle/rootfs/made; test -e \(env.WORK)/bundle/config.json"]}]'
	rt run -b "$BUNDLE" "$ID"
	line "by the hook"
	shows "Read-only file system"
}
