#!/usr/bin/env bats
# docker with this runtime in its daemon.json: `docker run --runtime`.
# requires: root docker
load helpers
load engines

# One daemon for the whole file, with its containerd, in folders of the file's own. Its
# driver is the machine's usual one: systemd where that is process 1.
setup_file() {
	TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
	export TOP STORE=$BATS_FILE_TMPDIR/d
	mkdir -p "$STORE"
	has systemd && DRIVER=systemd || DRIVER=cgroupfs
	export DRIVER
	jq -n --arg path "$(engine_runtime)" --arg driver "$DRIVER" --arg store "$STORE" '{
		runtimes: {tested: {path: $path}}, "exec-opts": ["native.cgroupdriver=" + $driver],
		hosts: ["unix://" + $store + "/sock"], "data-root": ($store + "/data"), "exec-root": ($store + "/exec"),
		pidfile: ($store + "/pid"), "storage-driver": "overlay2", ip6tables: false, experimental: true}' >"$STORE/daemon.json"
	daemon "$STORE/log" dockerd --config-file "$STORE/daemon.json"
	# other runtimes leave the engine's own group
	is_stiva || mkdir -p "$CG/docker"
	export ENGINE="docker --host unix://$STORE/sock"
	answers version || { tail "$STORE/log" && return 1; }
	tar -C "$TOP/build/batsroot" -cf - . | $ENGINE import - stiva-test >/dev/null 3>&-
}
teardown_file() {
	daemon_end
	ip link delete docker0 2>/dev/null || true
	is_stiva || rmdir "$CG/docker" 2>/dev/null || true
}

test_setup() {
	has cgroup_io || known_deviation crun "wants the io controller for docker's weight of 0"
	NAME=c$$
	OPTS=(--runtime tested --network none --name "$NAME")
}
test_teardown() {
	quiet rm --force "$NAME"
	[ -n "${BATS_TEST_COMPLETED:-}" ] || tail -n 5 "$STORE/log"
}

# a container that waits, in the background
waits() {
	good run -d "${OPTS[@]}" "$@" stiva-test probe signals 3
	wait_for logged ready
}
logged() { [[ $($ENGINE logs "$NAME" 2>&1 3>&-) == *"$1"* ]]; }
# says ARGS...: docker run --rm of a short program whose output is wanted. On a busy machine docker
# 26 loses the output of one in ten of them, runc's too: from its log as well. IN: standard input
says() {
	local try
	for try in 1 2 3 4 5 6; do
		good run --rm "${OPTS[@]}" "$@" <"${IN:-/dev/null}"
		[ -z "$output" ] || return 0
	done
	fail "$LAST: no output, $try times"
}
# shows_state FORMAT TEXT: what docker inspect prints
inspects() {
	good inspect --format "$1" "$NAME"
	prints "$2"
}

@test "docker run gives the output and the exit status" {
	says stiva-test echo hello
	prints hello
	for code in 0 1 42; do
		eng run --rm "${OPTS[@]}" stiva-test sh -c "exit $code"
		exits $code
	done
	good info --format '{{range $k, $v := .Runtimes}}{{$k}} {{end}}'
	shows tested
}

@test "E01 E02 E03: docker's own statuses: 127 not found, 126 not executable, 125 its own" {
	eng run --rm "${OPTS[@]}" stiva-test nonesuch
	exits 127
	complains nonesuch
	eng run --rm "${OPTS[@]}" stiva-test /no/such
	exits 127
	eng run --rm "${OPTS[@]}" stiva-test /etc/passwd
	exits 126
	eng run --rm "${OPTS[@]}" stiva-test /etc
	exits 126
	eng run --rm "${OPTS[@]}" --cap-add NONESUCH stiva-test true
	exits 125
}

@test "stdin goes in" {
	head -c 1000000 /dev/zero | tr '\0' x >"$WORK/in"
	IN=$WORK/in says -i stiva-test cat
	is "$(wc -c <"$OUT")" 1000000
}

@test "docker run -it and exec -it: terminals" {
	talks run --rm -it "${OPTS[@]}" stiva-test
	waits
	talks exec -it "$NAME"
}

@test "docker attach to a terminal, and detach by keys" {
	good run -dit "${OPTS[@]}" stiva-test sh -c 'until read -t 1 x; do echo tick; done; echo "<$x>"; exit 8'
	# shellcheck disable=SC2086 # words
	"$PROBE" pty -e tick $'type:\x10\x11' $ENGINE attach "$NAME" >"$WORK/said" 2>&1 3>&- || true
	grep -q "escape sequence" "$WORK/said"
	inspects '{{.State.Status}}' running
	# shellcheck disable=SC2086
	status=0 && "$PROBE" pty -e tick $'type:word\n' $ENGINE attach "$NAME" >"$WORK/said" 2>&1 3>&- || status=$?
	is "$status" 8
	grep -q '<word>' "$WORK/said"
}

@test "exec: output, status, user, environment, folder" {
	waits
	good exec "$NAME" echo inside
	prints inside
	eng exec "$NAME" sh -c 'exit 21'
	exits 21
	good exec --user 1000:1000 -e X=y --workdir /tmp "$NAME" sh -c 'id -u; echo $X; pwd'
	is "$(xargs <"$OUT")" "1000 y /tmp"
	eng exec "$NAME" nonesuch
	exits 126 # moby's, with every runtime
	shows "executable file not found"
	good exec --detach "$NAME" sh -c 'echo made >/tmp/made'
	made() { [ "$($ENGINE exec "$NAME" cat /tmp/made 2>/dev/null 3>&-)" = made ]; }
	wait_for made
}

@test "kill, wait, start again, restart, stop, logs, top" {
	waits
	good top "$NAME"
	shows "probe signals 3"
	good kill --signal USR1 "$NAME"
	wait_for logged USR1
	good kill "$NAME"
	good wait "$NAME"
	prints 137
	good start "$NAME"
	good restart --time 10 "$NAME"
	inspects '{{.State.Status}}' running
	good stop --time 10 "$NAME"
	inspects '{{.State.Status}} {{.State.ExitCode}}' "exited 3"
	good rm "$NAME"
}

@test "U91: pause and unpause" {
	waits
	good pause "$NAME"
	inspects '{{.State.Status}}' paused
	eng exec "$NAME" true
	[ "$status" != 0 ]
	good unpause "$NAME"
	good exec "$NAME" true
}

@test "--init reaps and passes signals" {
	says --init stiva-test cat /proc/1/comm
	prints docker-init
	waits --init
	good kill --signal USR1 "$NAME"
	wait_for logged USR1
}

@test "--read-only, --tmpfs, volumes" {
	mkdir "$WORK/vol"
	says --read-only --tmpfs /tmp -v "$WORK/vol:/vol" -v "$WORK/vol:/ro:ro" stiva-test \
		sh -c 'touch /x 2>/dev/null || echo ro; echo data >/vol/file; cat /ro/file; touch /ro/y 2>/dev/null || echo ro2; touch /tmp/z && echo tmp'
	is "$(xargs <"$OUT")" "ro data ro2 tmp"
	is "$(<"$WORK/vol/file")" data
}

@test "--user, --cap-drop, --security-opt, --ulimit, the default seccomp profile" {
	says --user 1000:1000 --cap-drop ALL --security-opt no-new-privileges --ulimit nofile=100:200 stiva-test \
		sh -c 'probe ids; probe caps; probe rlimit nofile; grep Seccomp: /proc/self/status; probe syscall swapon /x 0'
	line "uid 1000 1000 1000"
	line "bounding 0"
	line "nnp 1"
	line "nofile 100 200"
	line $'Seccomp:\t2'
	line "swapon EPERM"
	says --security-opt seccomp=unconfined stiva-test grep Seccomp: /proc/self/status
	line $'Seccomp:\t0'
}

@test "--privileged, --pid host, --ipc host, --uts host, --sysctl" {
	says --privileged stiva-test sh -c 'probe node /dev/full; grep Seccomp: /proc/self/status'
	shows "/dev/full c 1:7"
	line $'Seccomp:\t0'
	says --uts host stiva-test hostname
	prints "$(hostname)"
	says --pid host --ipc host stiva-test readlink /proc/self/ns/pid
	prints "$(readlink /proc/self/ns/pid)"
	says --sysctl net.ipv4.ip_forward=1 stiva-test cat /proc/sys/net/ipv4/ip_forward
	prints 1
}

@test "a health check" {
	waits --health-cmd "echo fine" --health-interval 1s
	healthy() { [ "$($ENGINE inspect --format '{{.State.Health.Status}}' "$NAME" 3>&-)" = healthy ]; }
	DEADLINE=60 wait_for healthy
}

@test "the bridge, and a published port" {
	# docker keeps a bridge for itself: not a leak of the test's
	good run -d --runtime tested --name "$NAME" -p 127.0.0.1:8080:80 stiva-test \
		sh -c 'ip addr show eth0; while :; do echo served | nc -l -p 80; done'
	wait_for logged 'inet 172.'
	served() { [ "$(timeout 5 nc -N 127.0.0.1 8080 </dev/null)" = served ]; }
	wait_for served
}

@test "checkpoint create ends the container, or lets it go on" {
	requires criu
	is_stiva || skip "requires: stiva"
	waits
	good checkpoint create --leave-running "$NAME" one
	good exec "$NAME" true
	good checkpoint ls "$NAME"
	shows one
	# docker 26 may refuse a second one of a container: "content sha256:...: already exists"
	quiet rm --force "$NAME"
	waits
	good checkpoint create "$NAME" two
	# start --checkpoint fails in docker 26 for the same reason
	ended() { [ "$(timeout 20 $ENGINE inspect --format '{{.State.Running}}' "$NAME" 3>&-)" = false ]; }
	wait_for ended
}

@test "U30 U100: limits, docker update, docker stats, by the daemon's driver" {
	requires cgroup_memory cgroup_cpu cgroup_pids
	waits --memory 64m --cpus 0.5 --pids-limit 50
	limits() {
		good exec "$NAME" sh -c 'cd /sys/fs/cgroup; cat memory.max memory.swap.max cpu.max pids.max'
		is "$(xargs <"$OUT")" "$1"
	}
	limits "67108864 67108864 50000 100000 50"
	good update --memory 128m --memory-swap 256m --cpus 1 --pids-limit 60 "$NAME"
	limits "134217728 134217728 100000 100000 60"
	good stats --no-stream --format '{{.Name}} {{.MemUsage}}' "$NAME"
	shows "$NAME"
	shows "128MiB"
	good inspect --format '{{.State.Pid}}' "$NAME"
	case $DRIVER in
	systemd) grep -q '^0::/system.slice/docker-.*\.scope' "/proc/$output/cgroup" ;;
	*) grep -q '^0::/docker/' "/proc/$output/cgroup" ;;
	esac || fail "in $(<"/proc/$output/cgroup")"
	quiet rm --force "$NAME"
	eng run --rm "${OPTS[@]}" --memory 16m --memory-swap 16m stiva-test dd if=/dev/zero of=/dev/null bs=200M count=1
	exits 137
}

@test "contrib: dockerd takes the drop-in" {
	stiva_only
	local ENGINE="dockerd --config-file $TOP/contrib/docker/daemon.json"
	good --validate --data-root "$WORK/data"
	is "$(jq -r '.runtimes | keys[]' "$TOP/contrib/docker/daemon.json")" stiva
}
