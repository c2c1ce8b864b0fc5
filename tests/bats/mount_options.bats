#!/usr/bin/env bats
# mounts[].options, one by one: each word's effect as the kernel shows it, set and cleared.
# requires: root cgroup2
# parallel: yes
load helpers

# opts WHERE: "FLAGS;OPTIONAL;SUPER" of the topmost mount at WHERE, from the mountinfo in $output
opts() {
	awk -v at="$1" '$5 == at {
		for (i = 7; $i != "-"; i++) o = o $i " "
		r = $6 ";" o ";" $(i + 3); o = ""
	} END { print r }' <<<"$output"
}
has_flag() { [[ ,$(opts "${2:-/mnt}" | cut -d';' -f1), == *,"$1",* ]] || fail "no flag $1 at ${2:-/mnt}: $(opts "${2:-/mnt}")"; }
has_no() { [[ ,$(opts "${2:-/mnt}" | cut -d';' -f1), != *,"$1",* ]] || fail "flag $1 at ${2:-/mnt}: $(opts "${2:-/mnt}")"; }
super() { [[ ,$(opts /mnt | cut -d';' -f3), == *,"$1",* ]] || fail "superblock has no $1: $(opts /mnt)"; }
super_no() { [[ ,$(opts /mnt | cut -d';' -f3), != *,"$1",* ]] || fail "superblock has $1: $(opts /mnt)"; }

# the mountinfo of a container with these mounts
info() {
	[ -d "${BUNDLE:-/none}" ] || program cat /proc/self/mountinfo
	config_from "$TOP/tests/bats/template.json" '.process.args = ["/bin/cat", "/proc/self/mountinfo"]' "$@"
	rt run -b "$BUNDLE" "$ID"
	exits 0
}
list() { jq -cn '$ARGS.positional' --args "$@"; }
tmpfs() { info "$(add_mount "{destination: \"/mnt\", type: \"tmpfs\", source: \"tmpfs\", options: $(list "$@")}")"; }
bind() { info "$(add_mount "{destination: \"/mnt\", type: \"bind\", source: (env.WORK + \"/src\"), options: $(list "$@")}")"; }
# a source on the host with these flags, and another below it with those of $2
source_with() {
	umount "$WORK/src/sub" 2>/dev/null || true
	umount "$WORK/src" 2>/dev/null || true
	mkdir -p "$WORK/src"
	mount -t tmpfs src "$WORK/src"
	mkdir "$WORK/src/sub"
	mount -t tmpfs sub "$WORK/src/sub"
	# on the mounts, not on the file systems
	mount -o "remount,bind,$1" "$WORK/src"
	mount -o "remount,bind,${2:-rw}" "$WORK/src/sub"
}
test_teardown() {
	umount "$WORK/src/sub" 2>/dev/null || true
	umount "$WORK/src" 2>/dev/null || true
	chown -R 0:0 "$WORK" 2>/dev/null || true
}

@test "M08: ro nosuid nodev noexec are set on a tmpfs and on a bind, rw suid dev exec clear them" {
	known_deviation crun "1.21 clears no flag of a tmpfs"
	source_with rw
	for pair in ro:rw nosuid:suid nodev:dev noexec:exec; do
		tmpfs "${pair%:*}"
		has_flag "${pair%:*}"
		[ "$RUNTIME_NAME" = crun ] || { tmpfs "${pair%:*}" "${pair#*:}"; has_no "${pair%:*}"; }
		bind bind "${pair%:*}"
		has_flag "${pair%:*}"
		has_no "${pair%:*}" /mnt/sub
		bind bind "${pair%:*}" "${pair#*:}"
		has_no "${pair%:*}"
		source_with "${pair%:*}"
		bind bind "${pair#*:}"
		[ "$RUNTIME_NAME" = runc ] || has_no "${pair%:*}"
		source_with rw
	done
}

@test "M08: of a flag and its opposite the last one counts" {
	known_deviation crun "1.21 clears no flag of a tmpfs"
	tmpfs ro nosuid nodev noexec rw suid dev exec
	is "$(opts /mnt | cut -d';' -f1)" rw,relatime
	tmpfs rw suid dev exec ro nosuid nodev noexec
	is "$(opts /mnt | cut -d';' -f1)" ro,nosuid,nodev,noexec,relatime
}

@test "M08: a bind that names no flag keeps those of its source, one that names any has only those" {
	known_deviation crun "1.21 drops the flags of the source always"
	source_with ro,nosuid,nodev,noexec
	bind bind
	is "$(opts /mnt | cut -d';' -f1)" ro,nosuid,nodev,noexec,relatime
	bind bind private
	is "$(opts /mnt | cut -d';' -f1)" ro,nosuid,nodev,noexec,relatime
	bind bind ro
	is "$(opts /mnt | cut -d';' -f1)" ro,relatime
	bind bind nosuid rprivate
	is "$(opts /mnt | cut -d';' -f1)" rw,nosuid,relatime
	bind rbind rro
	if is_stiva; then is "$(opts /mnt | cut -d';' -f1)" ro,nosuid,nodev,noexec,relatime; fi
}

@test "M08 R28: in a user namespace the source's flags stay, clearing one is refused and named" {
	known_deviation crun "1.21 drops the flags of the source"
	known_deviation runc "1.1 cannot bind what it opens as mapped root"
	requires userns
	source_with ro,nosuid,nodev,noexec
	info
	open_bundle
	bind bind
	info "$USERNS" "$(add_mount '{destination: "/mnt", source: (env.WORK + "/src"), options: ["bind"]}')"
	is "$(opts /mnt | cut -d';' -f1)" ro,nosuid,nodev,noexec,relatime
	info "$USERNS" "$(add_mount '{destination: "/mnt", source: (env.WORK + "/src"), options: ["bind", "nosuid"]}')"
	is "$(opts /mnt | cut -d';' -f1)" ro,nosuid,nodev,noexec,relatime
	for word in rw suid dev exec; do
		config_from "$TOP/tests/bats/template.json" "$USERNS" "$(add_mount "{destination: \"/mnt\", source: (env.WORK + \"/src\"), options: [\"bind\", \"$word\"]}")"
		rt run -b "$BUNDLE" "$ID"
		refused /mnt "operation not permitted" locked
	done
	# what is not set need not be cleared
	source_with rw
	info "$USERNS" "$(add_mount '{destination: "/mnt", source: (env.WORK + "/src"), options: ["bind", "rw", "exec", "suid", "dev"]}')"
	is "$(opts /mnt | cut -d';' -f1)" rw,relatime
}

@test "M09: the access-time words share one field, the last one wins; nodiratime is apart" {
	known_deviation crun "1.21: an earlier strictatime wins"
	while IFS='|' read -r words want; do
		# shellcheck disable=SC2086 # words
		tmpfs $words
		is "$(opts /mnt | cut -d';' -f1)" "rw${want:+,$want}" "$words"
	done <<-'E'
		noatime|noatime
		relatime|relatime
		strictatime|
		atime|relatime
		norelatime|relatime
		nostrictatime|relatime
		nodiratime|nodiratime,relatime
		noatime strictatime|
		strictatime noatime|noatime
		noatime relatime|relatime
		noatime atime|relatime
		strictatime nostrictatime|relatime
		noatime nodiratime|noatime,nodiratime
		nodiratime noatime diratime|noatime
		strictatime nodiratime|nodiratime
	E
}

@test "M09: the access-time words on a bind" {
	known_deviation crun "1.21: atime leaves noatime as it is"
	while IFS='|' read -r of words want; do
		source_with "$of"
		# shellcheck disable=SC2086 # words
		bind bind $words
		is "$(opts /mnt | cut -d';' -f1)" "rw${want:+,$want}" "$of: $words"
	done <<-'E'
		noatime||noatime
		noatime|nosuid|nosuid,noatime
		noatime|relatime|relatime
		noatime|strictatime|
		noatime|atime|relatime
		noatime|nodiratime|nodiratime,relatime
		nodiratime|strictatime|
		nodiratime,noatime|diratime|noatime
		relatime|noatime|noatime
		strictatime|noatime nodiratime|noatime,nodiratime
	E
}

@test "M10: sync, async, dirsync are flags of the superblock" {
	known_deviation crun "1.21: async clears nothing"
	tmpfs sync
	super sync
	tmpfs dirsync
	super dirsync
	super_no sync
	tmpfs sync async
	super_no sync
	source_with rw
	bind bind sync
	grep -q "$WORK/src .* - tmpfs src rw,sync" /proc/self/mountinfo && fail "the host's superblock was changed" || true
}

@test "M10 M11 M13: silent, loud, iversion, noiversion, lazytime, nolazytime, mand, nomand are no data" {
	known_deviation crun "passes them as data"
	known_deviation runc "1.1 sets MS_MANDLOCK"
	for word in silent loud iversion noiversion nolazytime mand nomand defaults; do
		tmpfs "$word"
		is "$(opts /mnt | sed 's/,mode=755//')" "rw,relatime;;rw" "$word"
	done
	tmpfs lazytime
	super lazytime
	tmpfs lazytime nolazytime
	super_no lazytime
}

@test "M10: remount gives a mount new flags, and a tmpfs of the config new options" {
	known_deviation crun "changes the superblock of the host"
	known_deviation runc "changes the superblock of the host"
	M='{destination: "/mnt", type: "tmpfs", source: "tmpfs", options: ["size=64k"]}'
	info "$(add_mount "$M")" "$(add_mount '{destination: "/mnt", type: "tmpfs", source: "tmpfs", options: ["remount", "ro", "nosuid", "size=128k"]}')"
	has_flag ro
	has_flag nosuid
	super size=128k
	source_with rw
	config_from "$TOP/tests/bats/template.json" "$(add_mount '{destination: "/mnt", source: (env.WORK + "/src"), options: ["bind"]}')" \
		"$(add_mount '{destination: "/mnt", type: "tmpfs", options: ["remount", "size=1k"]}')"
	rt run -b "$BUNDLE" "$ID"
	refused "mounts[8].options" size
	config_from "$TOP/tests/bats/template.json" "$(add_mount '{destination: "/none", type: "tmpfs", options: ["remount", "ro"]}')"
	rt run -b "$BUNDLE" "$ID"
	refused /none
}

@test "M12 R29: private, shared, slave, unbindable, of the mount alone" {
	known_deviation crun "1.21 makes the source private first"
	known_deviation runc "1.1 leaves a bind slave of the host"
	source_with rw
	mount --make-shared "$WORK/src"
	mount --make-shared "$WORK/src/sub"
	for form in "" r; do
		bind rbind
		is "$(opts /mnt | cut -d';' -f2)" ""
		bind rbind ${form}private
		is "$(opts /mnt | cut -d';' -f2)" ""
		bind rbind ${form}shared
		[[ $(opts /mnt | cut -d';' -f2) == *shared:* ]] || fail "${form}shared: $(opts /mnt)"
		bind rbind ${form}slave
		[[ $(opts /mnt | cut -d';' -f2) == master:* ]] || fail "${form}slave: $(opts /mnt)"
		[ "$RUNTIME_NAME" = runc ] || {
			bind rbind ${form}unbindable
			[[ $(opts /mnt | cut -d';' -f2) == *unbindable* ]] || fail "${form}unbindable: $(opts /mnt)"
		}
	done
	# the r forms reach what lies below, the others do not
	bind rbind rslave
	[[ $(opts /mnt/sub | cut -d';' -f2) == master:* ]]
	bind rbind slave
	[[ $(opts /mnt/sub | cut -d';' -f2) != *shared:* ]]
	is "$(grep -c "$WORK/src" /proc/self/mountinfo)" 2
	tmpfs shared
	[[ $(opts /mnt | cut -d';' -f2) == shared:* ]]
}

@test "M14: nosymfollow is a flag of the mount, symfollow clears it" {
	known_deviation crun "takes it for data"
	known_deviation runc "1.1: symfollow clears nothing of a bind"
	tmpfs nosymfollow
	has_flag nosymfollow
	tmpfs nosymfollow symfollow
	has_no nosymfollow
	source_with nosymfollow
	bind bind symfollow
	has_no nosymfollow
	source_with rw
	bind bind nosymfollow
	has_flag nosymfollow
	has_no nosymfollow /mnt/sub
	# and it does what it says
	ln -s /etc/passwd "$WORK/src/link"
	config_from "$TOP/tests/bats/template.json" '.process.args = ["/bin/cat", "/mnt/link"]' \
		"$(add_mount '{destination: "/mnt", source: (env.WORK + "/src"), options: ["bind", "nosymfollow"]}')"
	rt run -b "$BUNDLE" "$ID"
	complains "symbolic link"
}

@test "M15: rro rnosuid rnodev rnoexec rnodiratime reach every mount, their opposites too" {
	known_deviation crun "1.21: rro and rrw do not cancel out"
	known_deviation runc "1.1: rro and rrw do not cancel out"
	for pair in ro:rw nosuid:suid nodev:dev noexec:exec nodiratime:diratime; do
		source_with rw
		bind rbind "r${pair%:*}"
		has_flag "${pair%:*}"
		has_flag "${pair%:*}" /mnt/sub
		bind rbind "r${pair%:*}" "r${pair#*:}"
		has_no "${pair%:*}"
		has_no "${pair%:*}" /mnt/sub
		source_with "${pair%:*}" "${pair%:*}"
		bind rbind "r${pair#*:}"
		has_no "${pair%:*}"
		has_no "${pair%:*}" /mnt/sub
	done
	# ro and rro, in both orders
	source_with rw
	for words in "ro rro" "rro ro"; do
		# shellcheck disable=SC2086 # words
		bind rbind $words
		has_flag ro
		has_flag ro /mnt/sub
	done
	# without the recursive bind there is one mount only
	bind bind rro
	has_flag ro
}

@test "M16 R31: the recursive access-time words reach every mount" {
	known_deviation crun "1.21: EINVAL for rrelatime and others"
	while IFS='|' read -r of words want; do
		source_with "$of" "$of"
		# shellcheck disable=SC2086 # words
		bind rbind $words
		is "$(opts /mnt | cut -d';' -f1)" "rw${want:+,$want}" "$of: $words"
		is "$(opts /mnt/sub | cut -d';' -f1)" "rw${want:+,$want}" "sub, $of: $words"
	done <<-'E'
		relatime|rnoatime|noatime
		noatime|rrelatime|relatime
		noatime|rstrictatime|
		noatime|ratime|relatime
		noatime|rnorelatime|relatime
		strictatime|rnostrictatime|relatime
		relatime|rnoatime rstrictatime|
		relatime|rstrictatime rnoatime|noatime
	E
}

@test "M17: rnosymfollow and rsymfollow" {
	known_deviation crun "does not know them"
	source_with rw
	bind rbind rnosymfollow
	has_flag nosymfollow
	has_flag nosymfollow /mnt/sub
	source_with nosymfollow nosymfollow
	bind rbind rsymfollow
	has_no nosymfollow
	has_no nosymfollow /mnt/sub
}

@test "M21: other words are data; a bind takes none; a newline or comma does not smuggle any" {
	known_deviation crun "ignores data of a bind"
	known_deviation runc "1.1 ignores data of a bind"
	tmpfs size=64k nr_inodes=99
	super size=64k
	super nr_inodes=99
	source_with rw
	for word in nonesuch size=1k NOSUID "nosuid," 'mode=0700,size=1k' $'a\nb'; do
		config_from "$TOP/tests/bats/template.json" "$(add_mount "{destination: \"/mnt\", type: \"bind\", source: (env.WORK + \"/src\"), options: [\"bind\", $(jq -n --arg w "$word" '$w')]}")"
		rt run -b "$BUNDLE" "$ID"
		refused "mounts[7].options"
		config_from "$TOP/tests/bats/template.json" "$(add_mount "{destination: \"/mnt\", type: \"tmpfs\", source: \"t\", options: [$(jq -n --arg w "x$word" '$w')]}")"
		rt run -b "$BUNDLE" "$ID"
		refused "mounts[7]"
	done
}

@test "M21: an overlay with more than 4 KiB of options" {
	known_deviation crun "1.21 cuts them at a page"
	known_deviation runc "1.1 cuts them at a page"
	dirs=
	for i in {1..60}; do
		d="$WORK/a-layer-with-a-name-that-is-long-enough-to-fill-a-page-before-all-of-them-are-named-$i"
		mkdir "$d"
		echo "$i" >"$d/f$i"
		dirs+="${dirs:+:}$d"
	done
	[ "${#dirs}" -gt 4096 ]
	export dirs
	script 'cat /mnt/f1 /mnt/f60; ls /mnt | wc -l' \
		"$(add_mount '{destination: "/mnt", type: "overlay", source: "overlay", options: ["ro", "lowerdir=" + env.dirs]}')"
	runs
	prints $'1\n60\n60'
}

@test "M22 R31: a tmpfs without a mode takes that of its mount point, owner included" {
	known_deviation crun "the owner stays root"
	known_deviation runc "1.1: the owner stays root"
	script 'probe node /a /b /c /d /tmp' \
		"$(add_mount '{destination: "/a", type: "tmpfs", source: "t"}')" \
		"$(add_mount '{destination: "/b", type: "tmpfs", source: "t", options: ["ro"]}')" \
		"$(add_mount '{destination: "/c", type: "tmpfs", source: "t", options: ["mode=0701", "uid=1", "gid=2"]}')" \
		"$(add_mount '{destination: "/d", type: "tmpfs", source: "t"}')" \
		"$(add_mount '{destination: "/tmp", type: "tmpfs", source: "t", options: ["nosuid"]}')"
	mkdir -m 712 "$BUNDLE/rootfs/a"
	chown 5:6 "$BUNDLE/rootfs/a"
	mkdir -m 2755 "$BUNDLE/rootfs/b" "$BUNDLE/rootfs/c"
	runs
	line "/a d 0:0 0712 5:6"
	line "/b d 0:0 2755 0:0"
	line "/c d 0:0 0701 1:2"
	line "/d d 0:0 1777 0:0"
	line "/tmp d 0:0 1777 0:0"
	is "$(stat -c %a "$BUNDLE/rootfs/a")" 712
}

@test "M22: a tmpfs over a directory whose owner the user namespace does not know" {
	requires userns
	script 'probe node /a' "$(add_ns user)" "$(add_mount '{destination: "/a", type: "tmpfs", source: "t"}')" \
		'.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1000}] | .linux.gidMappings = .linux.uidMappings'
	mkdir -m 755 "$BUNDLE/rootfs/a"
	open_bundle
	chown 0:0 "$BUNDLE/rootfs/a"
	runs
	prints "/a d 0:0 0755 0:0"
}

@test "M23: mode, uid, gid, size of a tmpfs; in a user namespace the ids are the container's" {
	known_deviation crun "passes bad values on"
	known_deviation runc "1.1 passes bad values on"
	requires userns
	script 'probe node /mnt; df -k /mnt | tail -n 1 | awk "{print \$2}"' "$USERNS" \
		"$(add_mount '{destination: "/mnt", type: "tmpfs", source: "tmpfs", options: ["mode=750", "size=64k", "uid=12", "gid=34"]}')"
	open_bundle
	runs
	line "/mnt d 0:0 0750 12:34"
	line 64
	for word in mode=8 mode=77777 mode= size=x size=-1 uid=-1 uid=x gid=4294967295 uid=99999999999; do
		program true -- "$(add_mount "{destination: \"/mnt\", type: \"tmpfs\", source: \"tmpfs\", options: [\"$word\"]}")"
		rt run -b "$BUNDLE" "$ID"
		refused "mounts[7].options" "${word%%=*}"
	done
}

@test "M26 L06 A03: a mount label goes into the data under the word of the annotation, or is refused" {
	stiva_only
	[ ! -e /sys/fs/selinux/enforce ] || skip "SELinux is enabled here"
	program true -- '.linux.mountLabel = "system_u:object_r:container_file_t:s0:c1,c2"'
	rt run -b "$BUNDLE" "$ID"
	refused linux.mountLabel " context=" SELinux
	for word in context fscontext defcontext rootcontext; do
		program true -- '.linux.mountLabel = "a:b:c:s0"' ".annotations[\"run.oci.mount_context_type\"] = \"$word\""
		rt run -b "$BUNDLE" "$ID"
		refused linux.mountLabel " $word="
	done
	program true -- '.annotations["run.oci.mount_context_type"] = "size"'
	rt run -b "$BUNDLE" "$ID"
	refused run.oci.mount_context_type size
	# without a label there is nothing to do
	program true -- '.linux.mountLabel = ""' '.annotations["run.oci.mount_context_type"] = "rootcontext"'
	runs
}
