#!/usr/bin/env bats
# linux.netDevices: the host's network devices move into the container's namespace.
# requires: root cgroup2
load helpers

# A veth pair hvN - pvN stands for the host's device; the tests' network namespace is the tier's own.
test_setup() {
	known_deviation runc "1.1 has no netDevices"
	known_deviation crun "1.21 has no netDevices"
	NS=
	ip link add hv0 type veth peer name pv0
	ip link add hv1 type veth peer name pv1
}

test_teardown() {
	ip link del pv0 2>/dev/null || true
	ip link del pv1 2>/dev/null || true
	[ -z "$NS" ] || ip netns del "$NS" 2>/dev/null || true
	ip link del pv0 2>/dev/null || true
}

# a network namespace that outlives the container; its filter in $JOINED
pinned() {
	NS=nd$$
	ip netns add "$NS"
	JOINED=$(ns_path network "/run/netns/$NS")
}
inside() { ip netns exec "$NS" "$@"; }
there() { inside ip link show "$1" >/dev/null 2>&1; }
here() { ip link show "$1" >/dev/null 2>&1; }
NETDEV='.linux.netDevices = {hv0: {}}'

@test "D10: a device moves into a new network namespace, is set up, and leaves the host's" {
	program probe wait -- "$NETDEV"
	starts
	ok exec "$ID" cat /sys/class/net/hv0/flags
	[ $((output & 1)) = 1 ]
	refute here hv0
	here pv0
}

@test "D10: it keeps its MTU, its MAC and its permanent global addresses of both families" {
	ip link set hv0 address 02:11:22:33:44:55 mtu 1400
	ip addr add 192.0.2.5/24 broadcast 192.0.2.255 dev hv0
	ip addr add 192.0.2.6/24 dev hv0
	ip addr add 10.9.8.7 peer 10.9.8.6/32 dev hv0
	ip addr add 192.0.2.9/24 dev hv0 valid_lft 1000 preferred_lft 1000
	ip addr add 127.0.0.33/8 dev hv0
	ip addr add 169.254.7.7/16 scope link dev hv0
	ip link set hv0 up
	ip -6 addr add 2001:db8::5/64 dev hv0 nodad
	pinned
	program ip addr show dev ctr0 -- "$JOINED" '.linux.netDevices = {hv0: {name: "ctr0"}}'
	runs
	shows "mtu 1400 "
	shows "link/ether 02:11:22:33:44:55"
	shows "inet 192.0.2.5/24 brd 192.0.2.255 scope global ctr0"
	shows "inet 192.0.2.6/24 scope global secondary ctr0"
	shows "inet 10.9.8.7 peer 10.9.8.6/32 scope global ctr0"
	shows "inet6 2001:db8::5/64 scope global"
	for gone in 192.0.2.9 127.0.0.33 169.254.7.7; do shows_not "$gone"; done
	inside ip -o -6 addr show dev ctr0 | grep -q 'nodad'
}

@test "D10: the name may be a template, and another device's name of the host" {
	pinned
	inside ip link add eth0 type veth peer name eth1
	program sh -c 'ls /sys/class/net | xargs' -- "$JOINED" '.linux.netDevices = {hv0: {name: "eth%d"}, hv1: {name: "hv0"}}'
	runs
	shows eth2
	shows hv0
	shows_not hv1
}

@test "D10: two devices may take each other's names" {
	program sh -c 'cat /sys/class/net/hv0/address /sys/class/net/hv1/address' -- \
		'.linux.netDevices = {hv0: {name: "hv1"}, hv1: {name: "hv0"}}'
	ip link set hv0 address 02:00:00:00:00:a0
	ip link set hv1 address 02:00:00:00:00:a1
	runs
	prints $'02:00:00:00:00:a1\n02:00:00:00:00:a0'
}

@test "D10: it stays in a joined namespace when the container ends" {
	pinned
	program true -- "$JOINED" "$NETDEV"
	runs
	there hv0
	refute here hv0
	program probe wait -- "$JOINED" '.linux.netDevices = {hv1: {}}'
	starts
	ok delete --force "$ID"
	there hv1
}

@test "D10: sysctls of a moved device, and hooks, find it there" {
	export WORK
	program cat /proc/sys/net/ipv4/conf/eth9.7/forwarding -- '.linux.netDevices = {hv0: {name: "eth9.7"}}' \
		'.linux.sysctl = {"net/ipv4/conf/eth9.7/forwarding": "1"}' \
		'.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c",
			"nsenter -t $(jq .pid) -n ip -br link >\($ENV.WORK)/seen"], env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}]'
	runs
	prints 1
	grep -q '^eth9.7' "$WORK/seen"
}

@test "D10: a user namespace may have them too" {
	program cat /sys/class/net/hv0/flags -- "$USERNS" "$NETDEV"
	open_bundle
	runs
	[ $((output & 1)) = 1 ]
}

@test "D10: a name that exists there already is refused, and the device is the host's as before" {
	ip addr add 192.0.2.5/24 dev hv0
	ip link set hv0 up
	pinned
	inside ip link add eth0 type veth peer name eth1
	program true -- "$JOINED" '.linux.netDevices = {hv1: {}, hv0: {name: "eth0"}}'
	rt run -b "$BUNDLE" "$ID"
	refused 'linux.netDevices.hv0.name' '"eth0" exists already'
	here hv1
	ip -br addr show dev hv0 | grep -q '192.0.2.5/24'
	config '.linux.netDevices = {hv0: {name: "lo"}}'
	rt run -b "$BUNDLE" "$ID"
	refused '"lo" exists already'
}

@test "D10: a create that fails later moves them back, with addresses and state" {
	ip addr add 192.0.2.5/24 dev hv0
	ip link set hv0 up
	ip -6 addr add 2001:db8::5/64 dev hv0 nodad
	for where in . pinned; do
		[ "$where" = . ] || pinned
		program true -- "${JOINED:-.}" '.linux.netDevices = {hv0: {name: "eth%d"}, hv1: {name: "other"}}' \
			'.hooks.createRuntime = [{path: "/bin/false"}]'
		rt run -b "$BUNDLE" "$ID"
		refused createRuntime
		here hv1
		ip -o addr show dev hv0 >"$WORK/addr"
		grep -q '192.0.2.5/24' "$WORK/addr"
		grep -q '2001:db8::5/64' "$WORK/addr"
		[ $(($(</sys/class/net/hv0/flags) & 1)) = 1 ]
		[ $(($(</sys/class/net/hv1/flags) & 1)) = 0 ]
	done
	refute there eth0
}

@test "D10: delete --force gives back what a create that was killed had moved" {
	stiva_only
	pinned
	ip addr add 192.0.2.5/24 dev hv0
	# the hook runs after the move
	program true -- "$JOINED" '.linux.netDevices = {hv0: {name: "eth0"}}' \
		'.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "echo $PPID $$ >\(env.WORK)/pids; exec sleep 100"]}]'
	background "$RUNTIME" --root "$ROOT" create -b "$BUNDLE" "$ID"
	wait_for test -s "$WORK/pids"
	read -r creator hook <"$WORK/pids"
	kill -KILL "$creator" "$hook"
	wait "$JOB" || true
	there eth0
	ok delete --force "$ID"
	refute there eth0
	ip -br addr show dev hv0 | grep -q '192.0.2.5/24'
}

@test "D10: a missing device is refused by name" {
	program true -- '.linux.netDevices = {nonesuch0: {}}'
	rt run -b "$BUNDLE" "$ID"
	refused 'linux.netDevices.nonesuch0: no such network device'
}

@test "D10: the loopback cannot be moved" {
	program true -- '.linux.netDevices = {lo: {name: "lo2"}}'
	rt run -b "$BUNDLE" "$ID"
	refused 'linux.netDevices.lo: a loopback device cannot be moved'
}

@test "D10: no network namespace, or the host's, is refused" {
	program true -- "$NETDEV" "$(without_ns network)" '.mounts |= map(select(.type != "sysfs"))'
	rt run -b "$BUNDLE" "$ID"
	refused 'linux.netDevices: unable to move network devices without a NET namespace'
	program true -- "$NETDEV" "$(ns_path network /proc/self/ns/net)"
	rt run -b "$BUNDLE" "$ID"
	refused 'unable to move network devices without a NET namespace' "the host's"
	here hv0
}

@test "D10: names that the kernel would not take are refused" {
	for name in a/b a:b 'a b' . .. sixteen-bytes-xx 'a%s' '%d%d'; do
		export name
		program true -- '.linux.netDevices = {hv0: {name: env.name}}'
		rt run -b "$BUNDLE" "$ID"
		refused 'linux.netDevices.hv0.name'
	done
	program true -- '.linux.netDevices = {hv0: {name: "x"}, hv1: {name: "x"}}'
	rt run -b "$BUNDLE" "$ID"
	refused '"x" is used twice'
	program true -- '.linux.netDevices = {"a/b": {name: "x"}}'
	rt run -b "$BUNDLE" "$ID"
	refused 'is not the name of a network device'
	here hv0
}

@test "D10: a rootless container cannot have them" {
	program true -- "$NETDEV"
	rt --rootless true run -b "$BUNDLE" "$ID"
	refused 'linux.netDevices' rootless
	here hv0
}
