#!/usr/bin/env bats
# Two hosts on one machine (hosts.bash) are two: what the tests of migration stand on.
# requires: root cgroup2 criu
# parallel: yes
load helpers
load hosts

test_setup() {
	stiva_only
	hosts_up
}
test_teardown() { hosts_down; }

@test "hosts: each has its own name, network, /run, /srv, cgroups and containers" {
	is "$(on one hostname) $(on two hostname)" "one two"
	on one bash -c 'exec 3<>/dev/tcp/10.77.0.2/1' 2>&1 | grep -q refused
	on one touch /run/here /srv/there
	refute on two test -e /run/here
	refute on two test -e /srv/there
	[ -e "$HOSTS/one/there" ]
	on two grep -qx '0::/self' /proc/self/cgroup
	for host in one two; do
		script 'trap "" TERM; echo ready; while :; do sleep 1; done' '.linux.cgroupsPath = "/" + env.ID'
		bundle_on $host c
		ok_on $host run -d -b /srv/c "$ID"
		wait_for runs_on $host
	done
	refute absent_on two
	[ -d "$CG/hosts-$ID/two/$ID" ]
	ok_on two delete --force "$ID"
	absent_on two
	runs_on one
	is "$(on one "$RUNTIME" list -q) $(on two "$RUNTIME" list -q)" "$ID "
	ok_on one delete --force "$ID"
}

@test "hosts: rsh runs a text there by a shell, tells no host from a closed one, and harms the line" {
	is "$("$RSH" root@two 'hostname; echo $((1 + 1)) "a  b"' | tr '\n' ',')" "two,2 a  b,"
	is "$(on one "$RSH" two stiva --version)" "$("$RUNTIME" --version)"
	is "$(echo text | on one "$RSH" two cat)" text
	status=0
	on one "$RSH" three true 2>"$WORK/err" || status=$?
	is "$status $(<"$WORK/err")" "255 ssh: Could not resolve hostname three: Name or service not known"
	wire cut-at=COMMIT
	status=0
	"$PROBE" frames HELLO COMMIT | on one "$RSH" two "$PROBE unframe >/srv/out" || status=$?
	is "$status" 255
	carried_out cut-at=COMMIT
	passed '>' HELLO
	wait_for grep -qx end "$HOSTS/two/out"
	is "$(head -n 1 "$HOSTS/two/out")" "HELLO 0 32"
}

@test "hosts: the line has a delay and a rate, and may be a TCP connection" {
	net_is 60 10000000
	begin=${EPOCHREALTIME/./}
	is "$(echo there and back | on one "$RSH" two cat)" "there and back"
	[ $((${EPOCHREALTIME/./} - begin)) -ge 120000 ]
	over_tcp
	begin=${EPOCHREALTIME/./}
	is "$("$PROBE" frames HELLO PAGES:4000000 COMMIT | on one "$RSH" two "$PROBE" unframe | tr '\n' ',')" \
		"HELLO 0 32,PAGES 1 4000032,COMMIT 2 32,end,"
	[ $((${EPOCHREALTIME/./} - begin)) -ge 460000 ]
	wire cut-in=PAGES
	"$PROBE" frames HELLO PAGES:1000000 COMMIT | on one "$RSH" two "$PROBE unframe >/srv/out" || true
	wait_for grep -qx "cut after 500016 bytes" "$HOSTS/two/out"
}

@test "hosts: a process of a host is ended when a frame passes" {
	wire "run-at=COMMIT:$HOSTS/kill two probe"
	status=0
	{ "$PROBE" frames HELLO && wait_for grep -q HELLO "$HOSTS/two/out" && "$PROBE" frames COMMIT; } |
		on one "$RSH" two "exec $PROBE unframe >/srv/out" || status=$?
	is "$status" 137
	carried_out "run-at=COMMIT:$HOSTS/kill two probe"
	is "$(<"$HOSTS/two/out")" "HELLO 0 32"
	on one true
}

@test "hosts: a checkpoint made on one is restored on two and counts on" {
	counts_on one
	ok_on one checkpoint --image-path /srv/image "$ID"
	cp -a "$HOSTS/one/." "$HOSTS/two"
	on two "$RUNTIME" restore -d --image-path /srv/image -b /srv/c "$ID" >/dev/null
	runs_on two
	refute runs_on one
	ok_on one delete "$ID"
	absent_on one
	handed_over
	on two "$RUNTIME" pause "$ID"
	is_frozen_on two
	refute is_frozen_on one
	ok_on two delete --force "$ID"
}

@test "hosts: two that count are found out" {
	for host in one two; do counts_on $host; done
	refute handed_over
}
