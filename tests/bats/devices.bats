#!/usr/bin/env bats
# /dev: default devices and links, linux.devices, the device filter.
# requires: root cgroup2
# parallel: yes
load helpers

# crun 1.8 raises RLIMIT_MEMLOCK before it loads any filter
needs_filter() {
	has cap_sys_resource || known_deviation crun "1.8 needs CAP_SYS_RESOURCE for a device filter"
}

@test "D06: the default devices" {
	program probe node /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty
	runs
	prints '/dev/null c 1:3 0666 0:0
/dev/zero c 1:5 0666 0:0
/dev/full c 1:7 0666 0:0
/dev/random c 1:8 0666 0:0
/dev/urandom c 1:9 0666 0:0
/dev/tty c 5:0 0666 0:0'
}

@test "D03 D06: the default devices under a strict umask of the caller" {
	program probe node /dev/null /dev/tty
	umask 077
	runs
	prints '/dev/null c 1:3 0666 0:0
/dev/tty c 5:0 0666 0:0'
}

@test "D06 D08: the default links" {
	script 'for f in fd stdin stdout stderr ptmx; do readlink /dev/$f; done'
	runs
	prints '/proc/self/fd
/proc/self/fd/0
/proc/self/fd/1
/proc/self/fd/2
pts/ptmx'
}

@test "D07: there is no /dev/console without a terminal" {
	script 'ls /dev/console 2>/dev/null; true'
	runs
	prints ""
}

@test "D06 D08: an image without a /dev mount" {
	script 'probe node /dev/null /dev/full; readlink /dev/fd' '.mounts |= map(select(.destination | startswith("/dev") | not))'
	runs
	shows "/dev/null c 1:3 0666"
	line /proc/self/fd
}

@test "D01 D03 D04: additional devices with mode and owner" {
	program probe node /dev/one /dev/sub/two /dev/fifo /opt/three -- '.linux.devices = [
		{type: "c", path: "/dev/one", major: 10, minor: 229, fileMode: 384, uid: 12, gid: 34},
		{type: "b", path: "/dev/sub/two", major: 7, minor: 3, fileMode: 432},
		{type: "p", path: "/dev/fifo"},
		{type: "u", path: "/opt/three", major: 1, minor: 3}]'
	runs
	line '/dev/one c 10:229 0600 12:34'
	line '/dev/sub/two b 7:3 0660 0:0'
	shows '/dev/fifo p 0:0'
	shows '/opt/three c 1:3'
}

@test "D02: a device that is already there in the image and is the right one" {
	known_deviation crun "leaves its mode"
	known_deviation runc "leaves its mode"
	bundle '.linux.devices = [{type: "c", path: "/opt/null", major: 1, minor: 3, fileMode: 438}]' \
		'.process.args = ["/bin/probe", "node", "/opt/null"]'
	mkdir "$BUNDLE/rootfs/opt"
	mknod "$BUNDLE/rootfs/opt/null" c 1 3
	runs
	prints "/opt/null c 1:3 0666 0:0"
}

@test "D01: device entries which are wrong" {
	needs_filter
	known_deviation crun "accepts some"
	for d in '{type: "z", path: "/dev/x", major: 1, minor: 3}' '{type: "c", path: "/dev/x", minor: 3}' \
		'{type: "c", path: "dev/x", major: 1, minor: 3}' '{type: "c", path: "/dev/x", major: -1, minor: 3}'; do
		[ "$RUNTIME_NAME" != runc ] || [[ $d == *'"z"'* ]] || continue
		program true -- ".linux.devices = [$d]"
		rt run -b "$BUNDLE" "$ID"
		refused linux.devices
	done
}

# allow RULES...: the filter of these rules, then opens of /dev/fuse (10:229)
filter() {
	program probe open "$1" /dev/fuse -- '.linux.devices = [{type: "c", path: "/dev/fuse", major: 10, minor: 229}]' \
		".linux.resources.devices = $2"
}

@test "D11 R47: the filter denies what is not allowed, default devices work" {
	needs_filter
	script 'mknod /fuse c 10 229; probe open rw /fuse /dev/null /dev/zero /dev/tty /dev/ptmx' "$ALL_CAPS" \
		'.linux.resources.devices = [{allow: false, access: "rwm"}]'
	runs
	line "/fuse EPERM"
	line "/dev/null ok"
	line "/dev/zero ok"
	line "/dev/ptmx ok"
}

@test "mknod is allowed for all, opening is not" {
	needs_filter
	script 'probe mknod c 10 229 /f; probe mknod b 7 3 /b; probe open r /f /b' "$ALL_CAPS" \
		'.linux.resources.devices = [{allow: false, access: "rwm"}]'
	runs
	prints $'mknod ok\nmknod ok\n/f EPERM\n/b EPERM'
}

@test "D11: the rules decide about a device of linux.devices too; without any it may be used" {
	needs_filter
	known_deviation crun "adds an allow for each"
	filter rw '[{allow: false, access: "rwm"}]'
	runs
	prints "/dev/fuse EPERM"
	filter rw '[{allow: false, access: "rwm"}, {allow: true, type: "c", major: 10, minor: 229, access: "rw"}]'
	runs
	prints "/dev/fuse ok"
	known_deviation runc "denies it then as well"
	filter rw '[]'
	runs
	prints "/dev/fuse ok"
}

@test "D11 R47: tun is allowed by default, unless a rule names it" {
	needs_filter
	known_deviation crun "takes no denial of a default"
	known_deviation runc "takes no denial of a default"
	script 'mknod /tun c 10 200; probe open rw /tun | sed "s/ENXIO\|ENODEV\|ENOENT/ok/"' "$ALL_CAPS" '.linux.resources.devices = [{allow: false, access: "rwm"}]'
	runs
	prints "/tun ok"
	config '.linux.resources.devices += [{allow: false, type: "c", major: 10, minor: 200, access: "rwm"}]'
	runs
	shows EPERM
}

@test "an allow rule with r only" {
	needs_filter
	script 'mknod /fuse c 10 229; probe open r /fuse; probe open w /fuse; probe open rw /fuse' "$ALL_CAPS" \
		'.linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 10, minor: 229, access: "r"}]'
	runs
	prints $'/fuse ok\n/fuse EPERM\n/fuse EPERM'
}

@test "a rule with wildcards" {
	needs_filter
	script 'mknod /fuse c 10 229; mknod /loop b 7 0; probe open r /fuse /loop' "$ALL_CAPS" \
		'.linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 10, access: "rw"}]'
	runs
	prints $'/fuse ok\n/loop EPERM'
}

@test "allow all, then deny w: O_RDWR is denied" {
	needs_filter
	known_deviation crun "lets it through"
	known_deviation runc "lets it through"
	script 'mknod /fuse c 10 229; probe open r /fuse; probe open w /fuse; probe open rw /fuse' "$ALL_CAPS" \
		'.linux.resources.devices = [{allow: true, access: "rwm"}, {allow: false, type: "c", major: 10, minor: 229, access: "w"}]'
	runs
	prints $'/fuse ok\n/fuse EPERM\n/fuse EPERM'
}

@test "allow r and allow w are together rw" {
	needs_filter
	known_deviation crun "denies rw"
	script 'mknod /fuse c 10 229; probe open rw /fuse' "$ALL_CAPS" '.linux.resources.devices = [{allow: false, access: "rwm"},
		{allow: true, type: "c", major: 10, minor: 229, access: "r"}, {allow: true, type: "c", major: 10, minor: 229, access: "w"}]'
	runs
	prints "/fuse ok"
}

@test "allow rwm, then deny w" {
	needs_filter
	known_deviation crun "lets rw through"
	script 'mknod /fuse c 10 229; probe open r /fuse; probe open rw /fuse' "$ALL_CAPS" '.linux.resources.devices = [{allow: false, access: "rwm"},
		{allow: true, type: "c", major: 10, minor: 229, access: "rwm"}, {allow: false, type: "c", major: 10, minor: 229, access: "w"}]'
	runs
	prints $'/fuse ok\n/fuse EPERM'
}

@test "one minor denied out of an allowed major" {
	needs_filter
	known_deviation runc "refuses the configuration"
	script 'mknod /fuse c 10 229; mknod /null c 1 3; probe open r /fuse /null' "$ALL_CAPS" '.linux.resources.devices = [{allow: false, access: "rwm"},
		{allow: true, type: "c", major: 10, access: "rwm"}, {allow: false, type: "c", major: 10, minor: 229, access: "rwm"}]'
	runs
	prints $'/fuse EPERM\n/null ok'
}

@test "D11: without rules of its own the container has the default filter or none" {
	script 'probe open rw /dev/null /dev/full'
	runs
	prints $'/dev/null ok\n/dev/full ok'
}

@test "a thousand rules" {
	needs_filter
	known_deviation runc "makes a program that is too large"
	script 'mknod /fuse c 10 229; mknod /loop b 7 0; probe open r /fuse /loop' "$ALL_CAPS" '.linux.resources.devices = ([{allow: false, access: "rwm"}] +
		[range(1000) | {allow: true, type: "c", major: (300 + .), minor: 1, access: "rwm"}] + [{allow: true, type: "c", major: 10, minor: 229, access: "r"}])'
	runs
	prints $'/fuse ok\n/loop EPERM'
}

@test "exec is under the filter as well" {
	needs_filter
	program probe wait -- "$ALL_CAPS" '.linux.resources.devices = [{allow: false, access: "rwm"}]'
	starts
	ok exec "$ID" sh -c 'mknod /fuse c 10 229; probe open rw /fuse'
	prints "/fuse EPERM"
}

@test "D01: all four types, in and outside of /dev, with a trailing slash" {
	program probe node /dev/c /b/b /dev/sub/u /p /mnt/slash -- '.linux.devices = [
		{type: "c", path: "/dev/c", major: 10, minor: 229}, {type: "b", path: "/b/b", major: 7, minor: 3},
		{type: "u", path: "/dev/sub/u", major: 1, minor: 3}, {type: "p", path: "/p"},
		{type: "b", path: "/mnt/slash/", major: 10, minor: 229}]'
	runs
	prints '/dev/c c 10:229 0666 0:0
/b/b b 7:3 0666 0:0
/dev/sub/u c 1:3 0666 0:0
/p p 0:0 0666 0:0
/mnt/slash b 10:229 0666 0:0'
}

@test "D01: major and minor are required, but for a fifo; the path may not be below /proc or /sys" {
	stiva_only
	for d in '{type: "c", path: "/dev/x", major: 1}' '{type: "b", path: "/dev/x", minor: 1}' '{type: "u", path: "/dev/x"}' \
		'{type: "c", path: "/proc/x", major: 1, minor: 3}' '{type: "c", path: "/sys/x", major: 1, minor: 3}' \
		'{path: "/dev/x", major: 1, minor: 3}' '{type: "c", major: 1, minor: 3}' '{type: "c", path: "/dev/../x", major: 1, minor: 3}' \
		'{type: "c", path: "/dev/x", major: 4096, minor: 3}' '{type: "c", path: "/dev/x", major: 1, minor: 1048576}'; do
		program true -- ".linux.devices = [$d]"
		rt run -b "$BUNDLE" "$ID"
		refused 'linux.devices[0]'
	done
}

@test "D02: an existing file that is another device, a fifo or a folder is refused and stays" {
	known_deviation crun "accepts any existing file"
	known_deviation runc "accepts any existing file"
	bundle '.linux.devices = [{type: "c", path: "/opt/x", major: 1, minor: 3}]' '.process.args = ["/bin/true"]'
	mkdir "$BUNDLE/rootfs/opt"
	for make in 'mknod X c 1 5' 'mknod X b 1 3' 'mkfifo X' 'mkdir X' 'ln -s /dev/null X' 'touch X'; do
		(cd "$BUNDLE/rootfs/opt" && ${make//X/x})
		before=$(stat -c '%F %t:%T %a' "$BUNDLE/rootfs/opt/x")
		rt run -b "$BUNDLE" "$ID"
		refused /opt/x
		is "$(stat -c '%F %t:%T %a' "$BUNDLE/rootfs/opt/x")" "$before" "$make"
		rm -rf "$BUNDLE/rootfs/opt/x"
	done
}

@test "D02 D04: one that matches is used, with mode and owner put right" {
	known_deviation crun "leaves its mode"
	known_deviation runc "leaves its mode"
	bundle '.linux.devices = [{type: "c", path: "/opt/x", major: 1, minor: 3, fileMode: 416, uid: 12, gid: 34}]' \
		'.process.args = ["/bin/probe", "node", "/opt/x"]'
	mkdir "$BUNDLE/rootfs/opt"
	mknod -m 600 "$BUNDLE/rootfs/opt/x" c 1 3
	runs
	prints "/opt/x c 1:3 0640 12:34"
}

@test "D03: fileMode beyond the permission bits is refused; the umask does not bite" {
	known_deviation crun "takes it"
	known_deviation runc "takes it"
	umask 077
	program probe node /dev/x -- '.linux.devices = [{type: "c", path: "/dev/x", major: 10, minor: 229, fileMode: 111}]'
	runs
	prints "/dev/x c 10:229 0157 0:0"
	for mode in 2541 512 4095; do
		config ".linux.devices[0].fileMode = $mode"
		rt run -b "$BUNDLE" "$ID"
		refused 'linux.devices[0].fileMode'
	done
}

@test "D06: default devices named again, and /dev/ptmx" {
	program probe node /dev/tty /dev/ptmx -- '.linux.devices = [{type: "c", path: "/dev/tty", major: 5, minor: 0},
		{type: "c", path: "/dev/ptmx", major: 5, minor: 2}]'
	runs
	line '/dev/tty c 5:0 0666 0:0'
	config '.process.args = ["/bin/stat", "-L", "-c", "%t:%T", "/dev/ptmx"]'
	runs
	prints 5:2
}

@test "D06: a bind of the host's /dev is left as it is" {
	ls -la /dev >"$WORK/before"
	program sh -c 'test -c /dev/null && test -e /dev/ptmx' -- \
		'.mounts |= map(select(.destination | startswith("/dev") | not)) + [{destination: "/dev", type: "bind", source: "/dev", options: ["rbind"]}]'
	runs
	ls -la /dev >"$WORK/after"
	diff <(sed 1,3d "$WORK/before" | awk '{print $1, $NF}') <(sed 1,3d "$WORK/after" | awk '{print $1, $NF}')
}

@test "D08: links that are right already are tolerated on a read-only /dev" {
	bundle '.mounts |= map(select(.destination | startswith("/dev") | not))' '.root.readonly = true' \
		'.process.args = ["/bin/sh", "-c", "readlink /dev/fd; readlink /dev/core; test -c /dev/null"]'
	ln -s /proc/self/fd "$BUNDLE/rootfs/dev/fd"
	runs
	line /proc/self/fd
	runs
}

@test "D09: only the file systems of the config's mounts are there" {
	script 'cut -d" " -f5 /proc/self/mountinfo | sort | xargs' \
		'.mounts = [{destination: "/proc", type: "proc", source: "proc"}] | .linux.maskedPaths = [] | .linux.readonlyPaths = []'
	runs
	prints "/ /proc"
}

@test "V60 V61 V62 V63 V64 V65 V69: lists of rules, named and random, against real opens and mknods" {
	needs_filter
	stiva_only
	mapfile -t nodes < <("$TOP/tests/bats/devrules" nodes)
	program probe ask /ctl /ans "${nodes[@]%% *}" -- "$ALL_CAPS"
	mkdir "$BUNDLE/rootfs/t"
	for node in "${nodes[@]}"; do
		read -r path type major minor <<<"$node"
		mknod "$BUNDLE/rootfs$path" "$type" "$major" "$minor"
	done
	mkfifo "$BUNDLE/rootfs/ctl" "$BUNDLE/rootfs/ans"
	ok run -d -b "$BUNDLE" asked
	timeout 50 "$TOP/tests/bats/devrules" "$RUNTIME" "$ROOT" "$BUNDLE" "${SEED:-26}" 250 >"$WORK/said" 2>&1 ||
		fail "$(<"$WORK/said")"
	is "$(<"$WORK/said")" "268 lists, 19296 answers"
	ok delete --force asked
}
