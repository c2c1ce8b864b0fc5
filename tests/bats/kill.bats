#!/usr/bin/env bats
# kill: signals by every name, states, whole containers.
# requires: root cgroup2
# parallel: yes
load helpers

@test "U23 U80: kill sends TERM by default" {
	program probe signals 0
	starts
	ok kill "$ID"
	stopped
	is "$(tail -n 1 "$STDOUT")" TERM
}

@test "U80: signals by number, name, name with SIG" {
	program probe signals 0
	starts
	ok kill "$ID" 10 # USR1
	wait_for said USR1
	ok kill "$ID" HUP
	wait_for said HUP
	ok kill "$ID" SIGUSR2
	wait_for said USR2
	ok kill "$ID" TERM
	stopped
}

@test "U80: signals in lower case and the real-time ones" {
	known_deviation crun "refuses lower case"
	program probe signals 0
	starts
	ok kill "$ID" sigusr1
	wait_for said USR1
	ok kill "$ID" winch
	wait_for said WINCH
	known_deviation runc "knows no RTMIN+n in lower case"
	ok kill "$ID" RTMIN+3
	wait_for said RTMIN+3
	ok kill "$ID" RTMAX
	wait_for said RTMIN+30
}

@test "U80: KILL in all its forms" {
	program probe hang 0
	for form in 9 KILL SIGKILL; do
		starts
		ok kill "$ID" "$form"
		stopped
		ok delete "$ID"
	done
}

@test "U80: signal 0 asks whether it is alive" {
	known_deviation crun "refuses signal 0"
	program probe wait
	starts
	ok kill "$ID" 0
	is "$(status_of)" running
}

@test "U80: an unknown signal is refused and nothing is sent" {
	known_deviation crun "an unknown name is taken as signal 0"
	program probe signals 0
	starts
	for bad in NOSUCH SIGNOSUCH 99999 9x "9 9" 1.5; do
		rt kill "$ID" "$bad"
		KEPT=1 refused signal
	done
	is "$(status_of)" running
	is "$(<"$STDOUT")" ready
}

@test "E05: kill of a stopped container is refused" {
	program true
	ok create -b "$BUNDLE" "$ID"
	ok start "$ID"
	stopped
	rt kill "$ID" KILL
	KEPT=1 refused "container not running"
	is "$(status_of)" stopped
}

@test "E05: kill of an unknown container is refused" {
	rt kill "$ID" KILL
	refused "does not exist"
}

@test "U84: KILL ends a created container" {
	program probe wait
	ok create -b "$BUNDLE" "$ID"
	ok kill "$ID" KILL
	stopped
	ok delete "$ID"
}

@test "U84: TERM ends a created container" {
	known_deviation crun "init ignores it"
	program probe wait
	for s in TERM INT HUP; do
		ok create -b "$BUNDLE" "$ID"
		ok kill "$ID" "$s"
		stopped
		ok delete "$ID"
	done
}

@test "U81: kill --all reaches every process" {
	script 'probe hang 3' "$(without_ns pid)"
	config '.process.args = ["/bin/probe", "hang", "3"]'
	starts
	procs() { wc -l <"$(cgroup_of)/cgroup.procs"; }
	is "$(procs)" 4
	ok kill --all "$ID" KILL
	none() { [ "$(procs)" = 0 ]; }
	wait_for none
	stopped
}

@test "U83: KILL of a container without a pid namespace ends all of it" {
	known_deviation crun "kills only init"
	known_deviation runc "1.1 kills only init"
	program probe hang 3 -- "$(without_ns pid)"
	starts
	ok kill "$ID" KILL
	none() { ! grep -q . "$(cgroup_of)/cgroup.procs"; }
	wait_for none
}

@test "U81: kill --all of a stopped container is no error" {
	known_deviation crun "is an error"
	program true
	ok create -b "$BUNDLE" "$ID"
	ok start "$ID"
	stopped
	ok kill --all "$ID" KILL
}

@test "U81: kill --all sends a signal that can be caught to each" {
	script 'probe signals 0 & probe signals 0 & wait; wait'
	starts
	two() { [ "$(grep -c "$1" "$STDOUT")" = 2 ]; }
	wait_for two ready
	ok kill -a "$ID" USR2 || true
	wait_for two USR2
}

@test "U82: kill --regex" {
	known_deviation runc "has no --regex"
	known_deviation crun "takes the expression as a whole id only"
	program probe hang 0
	ok run -d -b "$BUNDLE" "$ID-1"
	ok run -d -b "$BUNDLE" "$ID-2"
	ok run -d -b "$BUNDLE" "${ID}x"
	ok kill --regex "^$ID-[0-9]\$" KILL
	stopped "$ID-1"
	stopped "$ID-2"
	is "$(status_of "${ID}x")" running
}

@test "A17 U80: the image's stop signal is the default signal" {
	known_deviation crun "does not use org.opencontainers.image.stopSignal"
	known_deviation runc "does not use org.opencontainers.image.stopSignal"
	program probe signals 0 12 -- '.annotations = {"org.opencontainers.image.stopSignal": "SIGUSR2"}'
	starts
	ok kill "$ID"
	stopped
	is "$(tail -n 1 "$STDOUT")" USR2
}

@test "a paused container is killed" {
	program probe hang 0
	starts
	ok pause "$ID"
	ok kill "$ID" KILL
	stopped
}
