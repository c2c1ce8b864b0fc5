#!/usr/bin/env bats
# hooks: order, namespaces, the state on stdin, failures, timeouts.
# requires: root cgroup2
# parallel: yes
load helpers

# hook KIND SCRIPT FILTER...: adds a hook of bash -c SCRIPT (in the runtime's namespaces)
hook() {
	HOOK=$2
	export HOOK
	config ".hooks.$1 += [{path: \"/bin/bash\", args: [\"bash\", \"-c\", env.HOOK, \"bash\", env.WORK]}]"
}
# the same with a program of the container
inner_hook() {
	HOOK=$2
	export HOOK
	config ".hooks.$1 += [{path: \"/bin/sh\", args: [\"sh\", \"-c\", env.HOOK]}]"
}

@test "H01 H11 R11: the order of all hooks and the program" {
	known_deviation crun "dies of SIGPIPE now and then when a hook does not read its stdin"
	known_deviation runc "1.1 runs poststart before the program"
	script 'echo program >>/log; probe wait' "$(add_mount '{destination: "/log", type: "bind", source: (env.WORK + "/log"), options: ["bind"]}')"
	touch "$WORK/log"
	for kind in prestart createRuntime createContainer; do
		hook $kind "echo $kind-1 >>$WORK/log"
		hook $kind "echo $kind-2 >>$WORK/log"
	done
	inner_hook startContainer 'echo startContainer >>/log'
	hook poststart "echo poststart >>$WORK/log"
	hook poststop "echo poststop-1 >>$WORK/log"
	hook poststop "echo poststop-2 >>$WORK/log"
	ok create -b "$BUNDLE" "$ID"
	is "$(xargs <"$WORK/log")" "prestart-1 prestart-2 createRuntime-1 createRuntime-2 createContainer-1 createContainer-2"
	ok start "$ID"
	wait_for grep -q program "$WORK/log"
	known_deviation crun "start does not wait for startContainer"
	is "$(sed -n 7,9p "$WORK/log" | sort | xargs)" "poststart program startContainer"
	is "$(sed -n 7p "$WORK/log")" startContainer
	ok kill "$ID" TERM
	stopped
	[ "$(wc -l <"$WORK/log")" = 9 ]
	ok delete "$ID"
	is "$(tail -n 2 "$WORK/log" | xargs)" "poststop-1 poststop-2"
}

@test "H09 H10 R23: the state on stdin of each hook" {
	program probe wait -- '.annotations = {"some": "thing"}' \
		"$(add_mount '{destination: "/out", type: "bind", source: env.WORK, options: ["bind"]}')"
	for kind in prestart createRuntime createContainer poststart poststop; do
		hook $kind "cat >$WORK/state.$kind"
	done
	inner_hook startContainer 'cat >/out/state.startContainer'
	ok run -d -b "$BUNDLE" "$ID"
	pid=$(pid_of)
	ok delete --force "$ID"
	for kind in prestart createRuntime createContainer startContainer poststart poststop; do
		[ "$kind/$RUNTIME_NAME" != startContainer/crun ] || continue # its bundle is "/"
		jq -e -s --arg id "$ID" --arg b "$BUNDLE" 'length == 1 and (.[0] | .id == $id and .bundle == $b
			and (.ociVersion | startswith("1.")) and .annotations.some == "thing")' "$WORK/state.$kind" || fail "$kind: $(<"$WORK/state.$kind")"
	done
	for kind in prestart createRuntime poststart; do
		is "$(jq .pid "$WORK/state.$kind")" "$pid" $kind
	done
	if is_stiva; then
		for kind in prestart createRuntime createContainer startContainer poststart poststop; do
			# one compact line (crun 2115), with crun's extra member
			[ "$(wc -l <"$WORK/state.$kind")" -le 1 ] || fail $kind
			refute grep -q '": ' "$WORK/state.$kind"
			is "$(jq -r .root "$WORK/state.$kind")" "$BUNDLE/rootfs" $kind
		done
	fi
	known_deviation crun "other words for the status, no pid in the container"
	# in the container's namespaces: its number there
	for kind in createContainer startContainer; do
		is "$(jq .pid "$WORK/state.$kind")" 1 $kind
	done
	for kind in prestart createRuntime createContainer; do
		is "$(jq -r .status "$WORK/state.$kind")" creating $kind
	done
	is "$(jq -r .status "$WORK/state.startContainer")" created
	known_deviation runc "1.1 says created in poststart"
	is "$(jq -r .status "$WORK/state.poststart")" running
	is "$(jq -r .status "$WORK/state.poststop")" stopped
}

@test "H08: the namespaces in which hooks run" {
	program probe wait -- "$(add_mount '{destination: "/out", type: "bind", source: env.WORK, options: ["bind"]}')"
	for kind in prestart createRuntime createContainer poststart poststop; do
		hook $kind 'for n in mnt pid net uts; do readlink /proc/self/ns/$n; done >$1/ns.'$kind
	done
	inner_hook startContainer 'for n in mnt pid net uts; do readlink /proc/self/ns/$n; done >/out/ns.startContainer; ls /bin/probe >>/out/ns.startContainer'
	ok run -d -b "$BUNDLE" "$ID"
	for n in mnt pid net uts; do readlink /proc/self/ns/$n; done >"$WORK/ns.here"
	for n in mnt pid net uts; do readlink "/proc/$(pid_of)/ns/$n"; done >"$WORK/ns.there"
	ok delete --force "$ID"
	for kind in prestart createRuntime poststart poststop; do
		cmp "$WORK/ns.here" "$WORK/ns.$kind" || fail "$kind"
	done
	cmp "$WORK/ns.there" "$WORK/ns.createContainer" || fail createContainer
	echo /bin/probe >>"$WORK/ns.there"
	cmp "$WORK/ns.there" "$WORK/ns.startContainer" || fail startContainer
}

@test "G07 H08: createContainer hooks run before pivot_root and may mount in the root" {
	script 'cat /mnt/from-hook' '.root.readonly = true'
	mkdir "$WORK/extra"
	echo hooked >"$WORK/extra/from-hook"
	hook createContainer "mount --bind $WORK/extra $BUNDLE/rootfs/mnt"
	known_deviation crun "1.8 has mounted the root elsewhere"
	runs
	prints hooked
}

@test "H08 R23: the folder of hooks is the bundle" {
	known_deviation crun "1.8 runs them in /"
	program true
	for kind in prestart createRuntime createContainer poststart poststop; do hook $kind "pwd >$WORK/pwd.$kind"; done
	runs
	if is_stiva; then is "$(<"$WORK/pwd.createContainer")" "$BUNDLE/rootfs"; fi
	[ "$RUNTIME_NAME" != runc ] || skip "known deviation of runc: 1.1 runs them where it was started"
	for kind in prestart createRuntime poststart poststop; do is "$(<"$WORK/pwd.$kind")" "$BUNDLE" $kind; done
}

@test "H06: arguments and environment are those of the configuration" {
	program true -- '.hooks.createRuntime = [{path: "/bin/sh", args: ["zero", "-c", "echo $0 $1; env | grep -vE \"^(PWD|SHLVL|_)=\"", "one", "two"], env: ["A=1", "B=x y"]}]'
	config '.hooks.createRuntime[0].args[2] = "(echo $0 $1; env | grep -vE \"^(PWD|SHLVL|_|OLDPWD)=\" | sort) >\(env.WORK)/out"'
	export LD_PRELOAD_CANARY=1
	runs
	is "$(<"$WORK/out")" $'one two\nA=1\nB=x y'
}

@test "H06: an empty env is empty; the process's env never reaches a hook" {
	program true -- '.process.env += ["LD_PRELOAD_CANARY=x"]' \
		'.hooks.createRuntime = [{path: "/usr/bin/env", args: ["env"], env: []}]'
	hook createRuntime 'env >$1/env'
	config '.hooks.createRuntime[1].env = []'
	runs
	refute grep CANARY "$WORK/env"
	refute grep -vE '^(PWD|SHLVL|_|OLDPWD)=' "$WORK/env"
}

@test "H06: without env a hook has the runtime's environment, less what orders the loader" {
	program true -- '.process.env += ["CANARY=container"]'
	for kind in prestart createRuntime createContainer poststart poststop; do
		hook $kind 'env >$1/env.'$kind
	done
	# those of the loader must not come through in stiva; crun and runc pass all
	CANARY=caller GCONV_PATH=/no/such GLIBC_TUNABLES=glibc.malloc.check=0 runs
	for kind in prestart createRuntime createContainer poststart poststop; do
		[ "$RUNTIME_NAME/$kind" != runc/createContainer ] || continue # none at all
		grep -qx CANARY=caller "$WORK/env.$kind" || fail "$kind: $(<"$WORK/env.$kind")"
		grep -qx "PATH=$PATH" "$WORK/env.$kind" || fail "$kind: $(<"$WORK/env.$kind")"
		! is_stiva || ! grep -E '^(LD_|GCONV_PATH|GLIBC_TUNABLES)' "$WORK/env.$kind" || fail $kind
	done
}

@test "H06 H08: a startContainer hook without env has the program's environment and folder" {
	known_deviation crun "another folder"
	program true -- '.process.env += ["ONE=two"]' '.process.cwd = "/home/user"' \
		"$(add_mount '{destination: "/out", type: "bind", source: env.WORK, options: ["bind"]}')"
	inner_hook startContainer 'pwd >/out/pwd; env >/out/env'
	CANARY=caller runs
	is "$(<"$WORK/pwd")" /home/user
	grep -qx ONE=two "$WORK/env"
	grep -qx HOME=/root "$WORK/env"
	refute grep CANARY "$WORK/env"
}

@test "H08: a startContainer hook is the program's user, with its capabilities and filter" {
	known_deviation crun "1.8 runs it before the filter"
	for nnp in true false; do
		program true -- '.process.user = {uid: 1000, gid: 1000}' ".process.noNewPrivileges = $nnp" \
			'.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["personality"], action: "SCMP_ACT_ERRNO", errnoRet: 95}]}' \
			"$(add_mount '{destination: "/out", type: "bind", source: env.WORK, options: ["bind"]}')"
		chmod 777 "$WORK"
		rm -f "$WORK/who"
		inner_hook startContainer '(id -u; grep -E "^(CapEff|NoNewPrivs)" /proc/self/status; probe syscall personality 0) >/out/who'
		runs
		is "$(xargs <"$WORK/who")" "1000 CapEff: 0000000000000000 NoNewPrivs: $([ $nnp = true ] && echo 1 || echo 0) personality EOPNOTSUPP"
	done
}

@test "H02: a startContainer hook that the filter kills is an error, and how it died is told" {
	known_deviation crun "1.8 runs it before the filter"
	script 'touch /ran' '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["personality"], action: "SCMP_ACT_KILL"}]}'
	config '.hooks.startContainer = [{path: "/bin/probe", args: ["probe", "syscall", "personality", "0"]}]'
	rt run -b "$BUNDLE" "$ID"
	refused "error running startContainer hook #0" "bad system call"
	[ ! -e "$BUNDLE/rootfs/ran" ]
}

@test "H11: a hook in prestart and in createRuntime runs twice" {
	known_deviation crun "1.8 has no createRuntime of its own"
	program true
	hook prestart 'echo x >>$1/count'
	config '.hooks.createRuntime = .hooks.prestart'
	runs
	is "$(wc -l <"$WORK/count")" 2
}

@test "H02: runc's words for the number of the hook" {
	known_deviation crun "other words"
	for kind in prestart createRuntime createContainer startContainer poststart; do
		program true -- ".hooks.$kind = [{path: \"/bin/true\"}, {path: \"/bin/false\"}]"
		rt run -b "$BUNDLE" "$ID"
		refused "error running $kind hook #1:"
	done
}

@test "H02: a failing hook stops the container, and what it said is told" {
	for kind in prestart createRuntime createContainer; do
		program true
		hook $kind 'echo complaint of the hook >&2; exit 7'
		hook poststop "echo $kind >>$WORK/poststop"
		rt create -b "$BUNDLE" "$ID"
		refused $kind "complaint of the hook"
	done
	known_deviation crun "1.8 runs no poststop hooks then"
	known_deviation runc "1.1 runs no poststop hooks then"
	is "$(xargs <"$WORK/poststop")" "prestart createRuntime createContainer"
}

@test "H02: a failing startContainer hook is an error of start" {
	script 'touch /ran'
	inner_hook startContainer 'exit 3'
	ok create -b "$BUNDLE" "$ID"
	rt start "$ID"
	known_deviation crun "start does not tell"
	known_deviation runc "1.1: start does not tell"
	KEPT=1 refused startContainer
	[ ! -e "$BUNDLE/rootfs/ran" ]
	[ "$(status_of || echo stopped)" != running ]
}

@test "H03 R23: a failing poststart hook stops and deletes the container" {
	known_deviation crun "1.8 logs a warning"
	known_deviation runc "keeps the container"
	program probe hang 0
	hook poststart 'echo poststart said no >&2; exit 3'
	hook poststop "touch $WORK/poststop"
	ok create -b "$BUNDLE" "$ID"
	rt start "$ID"
	refused poststart "poststart said no"
	[ -e "$WORK/poststop" ]
}

@test "H04 R23: a failing poststop hook is a warning, the others still run" {
	known_deviation runc "1.1 stops at the first"
	program true
	hook poststop 'echo poststop said no >&2; exit 3'
	hook poststop "touch $WORK/second"
	ok create -b "$BUNDLE" "$ID"
	ok start "$ID"
	stopped
	ok delete "$ID"
	absent
	[ -e "$WORK/second" ]
	if is_stiva; then complains poststop; fi
}

@test "H07: a timeout ends the hook and what it started" {
	known_deviation crun "ends only the hook itself"
	known_deviation runc "waits for the end of the hook's output"
	for kind in createContainer createRuntime; do
		program true
		hook $kind 'echo $$ >$1/hook; sleep 100 & echo $! >$1/child; wait'
		config ".hooks.${kind}[0].timeout = 1"
		began=$(date +%s%N)
		DEADLINE=15 rt create -b "$BUNDLE" "$ID"
		[ $((($(date +%s%N) - began) / 1000000)) -lt 9000 ]
		refused $kind timeout
		gone() { [ ! -d "/proc/$(<"$WORK/$1")" ] || grep -q 'State:.Z' "/proc/$(<"$WORK/$1")/status"; }
		[ $kind = createContainer ] || wait_for gone hook
	done
	stiva_only
	wait_for gone child
}

@test "H07: a hook that leaves a daemon behind does not hang the runtime" {
	known_deviation runc "waits for the end of its output"
	known_deviation crun "1.8 waits for it"
	program true
	hook createRuntime 'sleep 100 & echo $! >$1/pid'
	DEADLINE=5 runs
	kill "$(<"$WORK/pid")"
}

@test "H09: a hook that does not read its stdin, with a big state" {
	program true -- '.annotations = {big: ("x" * 200000)}'
	hook createRuntime 'exit 0'
	DEADLINE=5 runs
}

@test "a hook that writes a lot" {
	program true
	hook createRuntime 'head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2'
	DEADLINE=10 runs
}

@test "H05 H07: what is wrong in hooks is refused before anything runs" {
	known_deviation crun "finds it when the hook runs"
	known_deviation runc "finds it when the hook runs"
	bundle
	for kind in prestart createRuntime createContainer startContainer poststart poststop; do
		for bad in '{path: "relative"}' '{}' '{path: "/bin/true", timeout: 0}' '{path: "/bin/true", timeout: -1}' '{path: "/bin/true", env: ["x"]}'; do
			[ $kind = poststop ] || [[ $bad != *timeout* ]] || continue # one kind is enough
			config_from "$TOP/tests/bats/template.json" ".hooks.prestart = [{path: \"/bin/touch\", args: [\"touch\", \"$WORK/ran\"]}]" \
				".hooks.$kind += [$bad]"
			rt run -b "$BUNDLE" "$ID"
			refused "hooks.$kind"
			[ ! -e "$WORK/ran" ]
		done
	done
}

@test "H02 H05: a hook program that is missing or not executable" {
	echo text >"$WORK/data"
	for path in /no/such/hook "$WORK/data"; do
		for kind in prestart createRuntime createContainer; do
			program true -- ".hooks.$kind = [{path: \"$path\"}]"
			rt run -b "$BUNDLE" "$ID"
			refused $kind "$path"
		done
	done
}

@test "H17: hooks get no descriptor but stdin, stdout and stderr" {
	program true
	hook createRuntime 'ls -l /proc/self/fd | wc -l >$1/fds; ls -l /proc/self/fd >$1/list'
	hook poststop 'ls -l /proc/self/fd | wc -l >$1/fds2'
	known_deviation crun "1.8 lets some through"
	runs
	# total, 0 1 2 and the folder itself
	is "$(<"$WORK/fds")" 5 "$(<"$WORK/list")"
	is "$(<"$WORK/fds2")" 5
}
