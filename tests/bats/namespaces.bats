#!/usr/bin/env bats
# Namespaces: new ones, inherited ones, joined ones; what belongs to them.
# requires: root cgroup2
# parallel: yes
load helpers

# the namespace link of TYPE in the container and here
inner() { ok exec "$ID" readlink "/proc/self/ns/$1"; }
outer() { readlink "/proc/self/ns/$1"; }

@test "N01: every namespace of the list is new" {
	program probe wait
	starts
	for n in pid net ipc uts mnt cgroup; do
		[ "$(readlink "/proc/$(pid_of)/ns/$n")" != "$(outer $n)" ] || fail "$n"
	done
	for n in user time; do
		is "$(readlink "/proc/$(pid_of)/ns/$n")" "$(outer $n)" $n
	done
}

@test "N01: a namespace that is not in the list is the caller's" {
	for n in network ipc cgroup; do
		program probe wait -- "$(without_ns $n)" \
			'.mounts |= map(select(.type != "sysfs" and .type != "cgroup" and .type != "mqueue"))'
		starts
		file=${n/network/net}
		is "$(readlink "/proc/$(pid_of)/ns/$file")" "$(outer "$file")" $n
		ok delete -f "$ID"
	done
}

@test "N01: without a uts namespace there is no hostname" {
	script 'hostname' "$(without_ns uts)" 'del(.hostname)'
	runs
	prints "$(hostname)"
}

@test "a hostname without a uts namespace would change the host: refused" {
	before=$(hostname)
	program true -- "$(without_ns uts)"
	rt run -b "$BUNDLE" "$ID"
	is "$(hostname)" "$before"
	refused hostname
}

@test "hostname and domainname" {
	known_deviation runc "1.1 has no domainname"
	script 'hostname; cat /proc/sys/kernel/domainname' '.domainname = "example.org"'
	runs
	known_deviation crun "1.8 may not know domainname"
	prints $'box\nexample.org'
}

@test "a hostname of 64 bytes, and of 65" {
	long=$(printf 'h%.0s' {1..64})
	script hostname ".hostname = \"$long\""
	runs
	prints "$long"
	config ".hostname = \"${long}x\""
	rt run -b "$BUNDLE" "$ID"
	refused hostname
}

@test "process 1 is alone in its pid namespace" {
	# by the shell alone: how many helpers of a pipe are there yet is chance
	script 'set -- /proc/[0-9]*; echo $$ $#'
	runs
	prints "1 1"
}

@test "N08: the loopback is up in a new network namespace, and nothing else is there" {
	script 'cat /sys/class/net/lo/flags; ls /sys/class/net | grep -vE "^(lo|bonding_masters|sit0|tunl0|gre.*|erspan0|ip6.*|ip_vti0)$"; true'
	runs
	prints 0x9
}

@test "N10: a cgroup namespace shows the container's cgroup as the root" {
	script 'grep ^0: /proc/self/cgroup; ls /sys/fs/cgroup/cgroup.procs'
	runs
	prints $'0::/\n/sys/fs/cgroup/cgroup.procs'
}

@test "without a cgroup namespace only the container's own cgroup is mounted" {
	known_deviation crun "mounts the whole tree"
	known_deviation runc "mounts the whole tree"
	script 'cat /sys/fs/cgroup/cgroup.procs; ls -d /sys/fs/cgroup/self' "$(without_ns cgroup)"
	rt run -b "$BUNDLE" "$ID"
	line 1
	shows_not self
}

@test "N03 N07: a pid namespace joined by path" {
	background unshare --pid --fork --kill-child sleep 100
	child() { [ -n "$(cat "/proc/$JOB/task/$JOB/children")" ]; }
	wait_for child
	pid=$(xargs <"/proc/$JOB/task/$JOB/children")
	script 'readlink /proc/self/ns/pid; echo $$' "$(ns_path pid "/proc/$pid/ns/pid")"
	runs
	is "$(head -n 1 "$OUT")" "$(readlink "/proc/$pid/ns/pid")"
	[ "$(tail -n 1 "$OUT")" -gt 1 ]
}

@test "N03: net, uts and ipc namespaces joined by path" {
	background unshare --net --uts --ipc sh -c 'hostname joined; echo up >"$WORK/up"; exec sleep 100'
	wait_for test -s "$WORK/up"
	script 'hostname; for n in net uts ipc; do readlink /proc/self/ns/$n; done' 'del(.hostname)' \
		"$(ns_path network "/proc/$JOB/ns/net")" "$(ns_path uts "/proc/$JOB/ns/uts")" \
		"$(ns_path ipc "/proc/$JOB/ns/ipc")"
	runs
	prints "joined
$(readlink "/proc/$JOB/ns/net")
$(readlink "/proc/$JOB/ns/uts")
$(readlink "/proc/$JOB/ns/ipc")"
}

@test "N03: a cgroup namespace joined by path" {
	background unshare --cgroup sleep 100
	ready() { [ "$(readlink "/proc/$JOB/ns/cgroup")" != "$(outer cgroup)" ]; }
	wait_for ready
	script 'readlink /proc/self/ns/cgroup' "$(ns_path cgroup "/proc/$JOB/ns/cgroup")"
	runs
	prints "$(readlink "/proc/$JOB/ns/cgroup")"
}

@test "N03 N07: the namespaces of another container (a pod)" {
	program probe wait -- '.hostname = "pod"'
	starts
	first=$(pid_of)
	cp -a "$BUNDLE" "$WORK/second"
	BUNDLE=$WORK/second
	export SCRIPT='hostname; ps -o pid,args'
	config '.process.args = ["/bin/sh", "-c", env.SCRIPT]' 'del(.hostname)' \
		"$(ns_path network "/proc/$first/ns/net")" "$(ns_path uts "/proc/$first/ns/uts")" \
		"$(ns_path ipc "/proc/$first/ns/ipc")" "$(ns_path pid "/proc/$first/ns/pid")"
	ok run -b "$BUNDLE" "$ID-2"
	shows pod
	shows "probe wait"
	is "$(status_of)" running
}

@test "N03: a namespace path of the wrong kind, relative, missing, or no namespace" {
	program true
	for path in /proc/self/ns/uts /no/such /etc/passwd /proc/self/ns; do
		config "$(ns_path network $path)"
		rt run -b "$BUNDLE" "$ID"
		refused namespaces
	done
	known_deviation crun "opens a relative path as given"
	cd /proc/self/ns
	config "$(ns_path network net)"
	rt run -b "$BUNDLE" "$ID"
	cd "$WORK"
	refused namespaces
}

@test "N02: a namespace type twice" {
	known_deviation crun "1.8 takes a second network or uts"
	for n in pid network mount ipc uts user cgroup time; do
		program true -- ".linux.namespaces |= map(select(.type != \"$n\")) + [{type: \"$n\"}, {type: \"$n\"}]"
		rt run -b "$BUNDLE" "$ID"
		refused namespaces
	done
}

@test "N01: an unknown namespace type" {
	program true -- "$(add_ns nonesuch)"
	rt run -b "$BUNDLE" "$ID"
	refused nonesuch
}

@test "N09: a mount namespace is needed for a root of its own" {
	known_deviation crun "mounts in the host's namespace"
	program true -- "$(without_ns mount)"
	rt run -b "$BUNDLE" "$ID"
	refused mount
}

@test "N11: a time namespace with offsets" {
	known_deviation runc "1.1 has no time namespace"
	known_deviation crun "1.8 has no timeOffsets"
	script 'probe clock' "$(add_ns time)" \
		'.linux.timeOffsets = {monotonic: {secs: 100000, nanosecs: 0}, boottime: {secs: 7000000, nanosecs: 5}}'
	"$PROBE" clock >"$WORK/here"
	runs
	here=$(sed -n 's/monotonic //p' "$WORK/here") there=$(sed -n 's/monotonic //p' "$OUT")
	[ $((there - here)) -ge 100000 ] && [ $((there - here)) -lt 100010 ]
	here=$(sed -n 's/boottime //p' "$WORK/here") there=$(sed -n 's/boottime //p' "$OUT")
	[ $((there - here)) -ge 7000000 ] && [ $((there - here)) -lt 7000010 ]
}

@test "N11: time offsets without a time namespace are refused" {
	known_deviation runc "1.1 has no time namespace"
	known_deviation crun "ignores them"
	program true -- '.linux.timeOffsets = {monotonic: {secs: 1}}'
	rt run -b "$BUNDLE" "$ID"
	refused timeOffsets
}

@test "N11: exec joins a time namespace" {
	known_deviation runc "1.1 has no time namespace"
	known_deviation crun "1.8 cannot make one without offsets"
	program probe wait -- "$(add_ns time)"
	starts
	inner time
	prints "$(readlink "/proc/$(pid_of)/ns/time")"
}

@test "L01: sysctls of the container's own namespaces" {
	script 'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shm_rmid_forced /proc/sys/fs/mqueue/msg_max' \
		'.linux.sysctl = {"net.ipv4.ip_forward": "1", "kernel.shm_rmid_forced": "1", "fs.mqueue.msg_max": "12"}'
	runs
	prints $'1\n1\n12'
}

@test "L01: every sysctl of the ipc namespace, and the domain name" {
	known_deviation crun "1.21 refuses kernel.domainname"
	script 'cd /proc/sys/kernel && cat msgmax msgmnb msgmni sem shmall shmmax shmmni domainname' '.linux.sysctl = {
		"kernel.msgmax": "8191", "kernel.msgmnb": "16383", "kernel.msgmni": "31999", "kernel.sem": "250 32000 100 128",
		"kernel.shmall": "1000000", "kernel.shmmax": "1000001", "kernel.shmmni": "4095", "kernel.domainname": "example.org"}'
	runs
	is "$(xargs <"$OUT")" "8191 16383 31999 250 32000 100 128 1000000 1000001 4095 example.org"
}

@test "L01 N12: a joined network namespace that is the host's is refused" {
	known_deviation crun "1.21 writes to the host"
	program true -- '.linux.sysctl = {"net.ipv4.ip_forward": "1"}' "$(ns_path network /proc/self/ns/net)" \
		'.mounts |= map(select(.type != "sysfs"))'
	before=$(</proc/sys/net/ipv4/ip_forward)
	rt run -b "$BUNDLE" "$ID"
	is "$(</proc/sys/net/ipv4/ip_forward)" "$before"
	refused net.ipv4.ip_forward "host's"
}

@test "L02: a device's name with a dot needs the form with slashes" {
	known_deviation crun "1.21 turns every dot into a slash"
	known_deviation runc "1.1 checks it as net/"
	background unshare --net sh -c 'ip link add eth0.100 type veth peer name p && echo up >"$WORK/up"; exec sleep 100'
	wait_for test -s "$WORK/up"
	for name in net/ipv4/conf/eth0.100/forwarding net.ipv4.conf.eth0/100.forwarding; do
		export name
		echo 0 | nsenter -t "$JOB" -n tee /proc/sys/net/ipv4/conf/eth0.100/forwarding >/dev/null
		script 'cat /proc/sys/net/ipv4/conf/eth0.100/forwarding' "$(ns_path network "/proc/$JOB/ns/net")" \
			'.linux.sysctl = {(env.name): "1"}'
		runs
		prints 1
	done
	config '.linux.sysctl = {"net.ipv4.conf.eth0.100.forwarding": "1"}'
	rt run -b "$BUNDLE" "$ID"
	refused net.ipv4.conf.eth0.100.forwarding
}

@test "L02: sysctls in the form with slashes" {
	known_deviation crun "1.8 does not know it"
	known_deviation runc "1.1 checks it as net/"
	script 'cat /proc/sys/net/ipv4/ip_forward' '.linux.sysctl = {"net/ipv4/ip_forward": "1"}'
	runs
	prints 1
}

@test "L01 N12: sysctls that are not namespaced, or of the host's namespaces, are refused" {
	for s in kernel.core_pattern vm.swappiness kernel.hostname fs.file-max kernel.panic; do
		# the value that it has: a runtime that writes it does no harm
		VALUE=$(cat "/proc/sys/${s//.//}")
		export VALUE
		program true -- ".linux.sysctl = {\"$s\": env.VALUE}"
		[ "$RUNTIME_NAME/$s" != crun/kernel.hostname ] || continue
		rt run -b "$BUNDLE" "$ID"
		refused "$s"
	done
	program true -- '.linux.sysctl = {"net.ipv4.ip_forward": "1"}' "$(without_ns network)" \
		'.mounts |= map(select(.type != "sysfs"))'
	rt run -b "$BUNDLE" "$ID"
	refused net.ipv4.ip_forward
}

@test "L01 L02: hostile sysctl names and values are refused" {
	known_deviation crun "takes some of them"
	known_deviation runc "1.1 takes some of them"
	VALUE=$(</proc/sys/kernel/core_pattern)
	export VALUE
	for s in 'net/../kernel/core_pattern' 'net.ipv4.../../../kernel/core_pattern' 'net.' '' '.' 'net.ipv4.nonesuch'; do
		program true -- ".linux.sysctl = {\"$s\": env.VALUE}"
		rt run -b "$BUNDLE" "$ID"
		refused sysctl
	done
	program true -- '.linux.sysctl = {"net.ipv4.ip_forward": "1\n1"}'
	rt run -b "$BUNDLE" "$ID"
	refused net.ipv4.ip_forward
}

@test "N11 R57: the offsets are written before the first process, and an exec has them" {
	known_deviation runc "1.1 has no time namespace"
	program probe wait -- "$(add_ns time)" \
		'.linux.timeOffsets = {monotonic: {secs: 7881, nanosecs: 2718281}, boottime: {secs: 1337, nanosecs: 3141519}}'
	starts
	for at in "$(pid_of)" self; do
		if [ "$at" = self ]; then
			ok exec "$ID" cat /proc/self/timens_offsets
		else
			cat "/proc/$at/timens_offsets" >"$OUT"
		fi
		is "$(xargs <"$OUT")" "monotonic 7881 2718281 boottime 1337 3141519"
	done
}

@test "N11: a time namespace without offsets, and one offset alone" {
	known_deviation runc "1.1 has no time namespace"
	known_deviation crun "1.21 cannot make one without offsets"
	program cat /proc/self/timens_offsets -- "$(add_ns time)"
	runs
	is "$(xargs <"$OUT")" "monotonic 0 0 boottime 0 0"
	config '.linux.timeOffsets = {boottime: {secs: -5}}'
	[ "${UPTIME:=$(cut -d. -f1 /proc/uptime)}" -gt 5 ]
	runs
	is "$(xargs <"$OUT")" "monotonic 0 0 boottime -5 0"
}

@test "N11: offsets that are wrong are refused" {
	known_deviation runc "1.1 has no time namespace"
	known_deviation crun "takes some of them"
	for o in '{realtime: {secs: 1}}' '{monotonic: {nanosecs: 1000000000}}' '{monotonic: {secs: -100000000000}}'; do
		program true -- "$(add_ns time)" ".linux.timeOffsets = $o"
		rt run -b "$BUNDLE" "$ID"
		refused timeOffsets
	done
	# a joined one has its own
	program true -- ".linux.namespaces += [{type: \"time\", path: \"/proc/self/ns/time\"}] | .linux.timeOffsets = {monotonic: {secs: 1}}"
	rt run -b "$BUNDLE" "$ID"
	refused timeOffsets
}

@test "N07: without a pid namespace of its own, delete ends all of the container" {
	known_deviation runc "1.1 leaves the cgroup while its processes still end"
	program probe hang 3 -- "$(without_ns pid)"
	starts
	cg=$(cgroup_of)
	[ "$(wc -l <"$cg/cgroup.procs")" -gt 1 ]
	ok delete --force "$ID"
	absent
}

@test "N07: kill -a ends what outlived init in a joined pid namespace" {
	background unshare --pid --fork --kill-child sleep 100
	child() { [ -n "$(cat "/proc/$JOB/task/$JOB/children")" ]; }
	wait_for child
	pid=$(xargs <"/proc/$JOB/task/$JOB/children")
	program probe hang 3 -- "$(ns_path pid "/proc/$pid/ns/pid")"
	starts
	cg=$(cgroup_of)
	ok kill -a "$ID" KILL
	empty() { [ ! -s "$cg/cgroup.procs" ]; }
	wait_for empty
	[ -d "/proc/$pid" ]
	ok delete --force "$ID"
}

@test "N10: the cgroup namespace is made in the container's cgroup: ours shows it from outside" {
	program probe wait
	starts
	ok exec "$ID" cat /proc/1/cgroup
	line 0::/
	grep -q "$ID" "/proc/$(pid_of)/cgroup"
}
