#!/usr/bin/env bats
# people: what stiva has for a person at a terminal: inspect, wait, doctor, hints, tables, help; and the JSON of
# them, which is frozen here.
# requires: root cgroup2
# parallel: yes
load helpers

test_setup() { stiva_only; }

# on_tty [COLUMNS] CMD...: CMD on a terminal of that width, its output in $output without carriage returns
on_tty() {
	local columns=80
	if [[ $1 =~ ^[0-9]+$ ]]; then columns=$1 && shift; fi
	RUNS=$((RUNS + 1))
	OUT=$WORK/.out.$RUNS ERR=/dev/null LAST="$*" status=0
	printf '%q ' "$@" >"$WORK/cmd"
	timeout 20 script -qec "stty cols $columns; . $WORK/cmd" /dev/null </dev/null 2>&1 | tr -d '\r' >"$OUT" || status=$?
	output=$(<"$OUT")
}
ESC=$'\033'

# ---- frozen formats ----

@test "R52 U92: the JSON of state, to the byte" {
	program probe wait -- '.annotations = {b: "2", a: "1"}'
	ok create -b "$BUNDLE" "$ID"
	ok state "$ID"
	created=$(jq -r .created "$OUT")
	[[ $created =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}Z$ ]]
	prints "{
  \"ociVersion\": \"1.3.0\",
  \"id\": \"$ID\",
  \"pid\": $(pid_of),
  \"status\": \"created\",
  \"bundle\": \"$BUNDLE\",
  \"rootfs\": \"$BUNDLE/rootfs\",
  \"created\": \"$created\",
  \"owner\": \"root\",
  \"annotations\": {
    \"b\": \"2\",
    \"a\": \"1\"
  }
}"
	ok kill "$ID" KILL
	stopped
	ok state "$ID"
	line '  "pid": 0,'
	line '  "status": "stopped",'
}

@test "U93: state of an unknown id" {
	rt state "$ID"
	refused "state $ID: container does not exist"
}

@test "R52 U94: the JSON and the table of list, to the byte" {
	ok list -f json
	prints "[]"
	ok list
	prints "ID          PID         STATUS      BUNDLE      CREATED     OWNER"
	program probe wait
	ok create -b "$BUNDLE" "$ID-a"
	created=$(state "$ID-a" | jq -r .created)
	pid=$(pid_of "$ID-a")
	ok list -f json
	prints "[{\"ociVersion\":\"1.3.0\",\"id\":\"$ID-a\",\"pid\":$pid,\"status\":\"created\",\"bundle\":\"$BUNDLE\",\"rootfs\":\"$BUNDLE/rootfs\",\"created\":\"$created\",\"owner\":\"root\"}]"
	ok list
	pad() { printf "%-$((${#1} + 3 > 12 ? ${#1} + 3 : 12))s" "$1"; }
	column() { printf "%-$((${#2} + 3 > 12 ? ${#2} + 3 : 12))s" "$1"; }
	prints "$(column ID "$ID-a")PID         STATUS      $(column BUNDLE "$BUNDLE")$(column CREATED "$created")OWNER
$(pad "$ID-a")$(column "$pid" x)created     $(pad "$BUNDLE")$(pad "$created")root"
	ok list -q
	prints "$ID-a"
}

@test "U94: an entry that cannot be read is left out with a warning, and its id is in list -q" {
	program probe wait
	ok create -b "$BUNDLE" "$ID"
	mkdir "$ROOT/$ID-torn"
	echo '{' >"$ROOT/$ID-torn/state.json"
	ok list -f json
	is "$(jq -r '.[].id' "$OUT")" "$ID"
	complains "warning: container \"$ID-torn\""
	complains "delete --force"
	ok list
	shows_not "$ID-torn"
	ok list -q
	shows "$ID-torn"
	ok delete --force "$ID-torn"
}

@test "R52 U95: the JSON of ps is one line, of a stopped container an empty list; its table is its own" {
	program probe hang 1
	starts
	ok ps -f json "$ID"
	[[ $output =~ ^\[[0-9]+(,[0-9]+)*\]$ ]]
	ok ps "$ID"
	[[ ${output%%$'\n'*} =~ ^UID\ +PID\ +PPID\ +C\ +STIME\ +TTY\ +TIME\ +CMD$ ]]
	ok ps "$ID" -e -x
	[[ ${output%%$'\n'*} =~ ^PID\ +TTY\ +STAT\ +TIME\ +COMMAND$ ]]
	shows "probe hang 1"
	mkdir "$WORK/none" # no program of procps is needed
	PATH=$WORK/none "$RUNTIME" --root "$ROOT" ps "$ID" -o pid >/dev/null
	rt ps "$ID" -o nonesuch
	KEPT=1 refused 'no column "nonesuch"'
	ok kill "$ID" KILL
	stopped
	ok ps -f json "$ID"
	prints "[]"
	ok ps "$ID"
	is "$(wc -l <"$OUT")" 1
}

# ---- inspect ----

@test "inspect: JSON for programs, one value by its path" {
	program probe wait -- '.process.env += ["SECRET=x"]' '.hooks.poststop = [{path: "/bin/true", args: ["true", "a"]}]'
	ok create -b "$BUNDLE" "$ID"
	ok inspect "$ID"
	is "$(wc -l <"$OUT")" 1
	jq -e --arg id "$ID" --argjson pid "$(pid_of)" --arg root "$ROOT" '
		.state.id == $id and .state.pid == $pid and .state.status == "created"
		and .stateDir == "\($root)/\($id)" and .config == "\($root)/\($id)/config.json"
		and .process.args == ["probe", "wait"] and (.process | has("env") | not)
		and (.namespaces | map(select(.isCallers | not).type) | index("pid") != null)
		and (.namespaces[] | select(.type == "user")).isCallers
		and .uidMappings[0].containerID == 0
		and .cgroup.manager == "cgroupfs" and .cgroup.values["cgroup.freeze"] == "0"
		and (.mounts[0] | .destination == "/proc" and .type == "proc")
		and .hooks.poststop[0].path == "/bin/true"' "$OUT"
	is "$(jq -r '.namespaces[] | select(.type == "mount").inode' "$OUT")" "$(stat -L -c %i "/proc/$(pid_of)/ns/mnt")"
	is "$(jq -r 'keys_unsorted | join(" ")' "$OUT")" \
		"state stateDir config process namespaces uidMappings gidMappings cgroup mounts hooks"
	shows_not SECRET
	ok inspect -f state.pid "$ID"
	prints "$(pid_of)"
	ok inspect --format 'cgroup.values.cgroup.freeze' "$ID"
	prints 0
	ok inspect -f 'process.args[1]' "$ID"
	prints wait
	ok inspect -f process.args "$ID"
	prints '["probe","wait"]'
	rt inspect -f no.such "$ID"
	KEPT=1 refused 'nothing is at "no.such"'
	rt inspect nonesuch
	KEPT=1 refused "does not exist"
	ok kill "$ID" KILL
	stopped
	ok inspect "$ID"
	jq -e '.state.status == "stopped" and (has("namespaces") | not)' "$OUT"
}

@test "inspect on a terminal is text to read, without the container's control bytes" {
	program probe wait -- '.annotations.evil = "a\u001b[31mb"'
	ok create -b "$BUNDLE" "$ID"
	on_tty "$RUNTIME" --root "$ROOT" inspect "$ID"
	line "  id: $ID"
	line "  status: created"
	line "process:"
	grep -q '^  - type pid, path /proc/' "$OUT"
	grep -q '^  - destination /proc, type proc' "$OUT"
	refute grep -q "$ESC" "$OUT"
	ok inspect -f text "$ID"
	line "  status: created"
}

@test "inspect of a container whose record is torn still says where it is" {
	mkdir -p -m 700 "$ROOT/$ID"
	echo '{' >"$ROOT/$ID/state.json"
	ok inspect "$ID"
	jq -e --arg d "$ROOT/$ID" '.state.status == "broken" and .stateDir == $d' "$OUT"
	rm -r "${ROOT:?}/$ID"
}

# ---- wait ----

@test "wait returns at the end, with the status where the kernel tells it" {
	script 'read -r code </fifo; exit $code'
	mkfifo "$BUNDLE/rootfs/fifo"
	ok run -d -b "$BUNDLE" "$ID"
	background "$RUNTIME" --root "$ROOT" wait "$ID" >"$WORK/code" 2>&1
	"$RUNTIME" --root "$ROOT" wait -f json "$ID" >"$WORK/json" &
	waiter=$!
	wait_for waits $waiter
	wait_for waits "$JOB"
	[ ! -s "$WORK/code" ]
	echo 7 >"$BUNDLE/rootfs/fifo"
	wait "$JOB" $waiter
	# from 6.15 on always; before it only who is quicker than the parent
	if grep -qx 7 "$WORK/code"; then
		is "$(<"$WORK/code")" 7
		is "$(<"$WORK/json")" "{\"id\":\"$ID\",\"exitStatus\":7}"
	else
		is "$(<"$WORK/code")" unknown
		[ "$(printf '%s\n' 6.15 "$(uname -r)" | sort -V | head -n 1)" != 6.15 ] || fail "this kernel could have told"
	fi
	ok wait "$ID"
	prints unknown
	ok wait -f json "$ID"
	prints "{\"id\":\"$ID\",\"exitStatus\":null}"
}
waits() { grep -q poll "/proc/$1/wchan" 2>/dev/null || grep -qE '^S' <<<"$(sed 's/.*) //' "/proc/$1/stat")"; }

@test "wait: a signal's number, and containers that are not there" {
	program probe wait
	ok create -b "$BUNDLE" "$ID"
	"$RUNTIME" --root "$ROOT" wait "$ID" >"$WORK/code" &
	waiter=$!
	wait_for waits $waiter
	ok kill "$ID" KILL
	wait $waiter
	grep -qxE '137|unknown' "$WORK/code"
	rt wait nonesuch
	KEPT=1 refused "does not exist"
}

# ---- doctor ----

# verdict NAME: of the last report
verdict() { jq -r --arg n "$1" '.checks[] | select(.name == $n).verdict' "$OUT"; }

@test "R60 U37: doctor looks at everything, and its JSON is stable" {
	ROOT=/proc/nonesuch ok doctor -f json
	is "$(jq -r 'keys_unsorted | join(" ")' "$OUT")" "verdict checks"
	is "$(jq -r '[.checks[].name] | join(" ")' "$OUT")" "kernel.version kernel.clone3 kernel.openat2 kernel.mount-api \
kernel.idmapped-mounts kernel.pidfd kernel.namespaces kernel.seccomp kernel.seccomp-notify kernel.psi cgroup.mode \
cgroup.controllers cgroup.delegation cgroup.kill cgroup.memory-reclaim users.namespaces users.subids users.newuidmap \
users.runtime-dir host.apparmor host.selinux host.resctrl tools.systemd tools.bus tools.criu tools.lxcfs tools.podman tools.docker \
tools.containerd"
	jq -e '[.checks[] | (.verdict | IN("ok", "warning", "failure")) and (.found | length > 0)
		and (.verdict == "ok" or (has("means") or has("fix") or (.found | length > 0)))] | all' "$OUT"
	for name in kernel.version kernel.pidfd kernel.openat2 kernel.mount-api cgroup.mode; do
		is "$(verdict $name)" ok $name
	done
	is "$(jq -r '.checks[] | select(.name == "kernel.version").found' "$OUT")" "Linux $(uname -r)"
	# no controllers here
	[ -s $CG/cgroup.controllers ] || is "$(verdict cgroup.controllers)" warning
	ok doctor
	line "kernel:"
	grep -qE '^[0-9]+ ok, [0-9]+ warnings?, 0 failures$' "$OUT"
	grep -q '^           fix: ' "$OUT"
	refute grep -q "$ESC" "$OUT"
}

@test "doctor as a user: a failure says what it means and the fix, and exits with 1" {
	requires userns
	chmod 755 "$WORK"
	user() { setpriv --reuid 12345 --regid 12345 --clear-groups env -u XDG_RUNTIME_DIR "$@"; }
	status=0
	user "$RUNTIME" doctor -f json >"$OUT" || status=$?
	is "$status" 1
	is "$(verdict users.runtime-dir)" failure
	is "$(verdict users.subids)" warning
	is "$(jq -r .verdict "$OUT")" failure
	jq -e '.checks[] | select(.name == "users.runtime-dir") | (.fix | contains("--root")) and (.means | length > 0)' "$OUT"
	status=0
	user "$RUNTIME" doctor >"$OUT" || status=$?
	is "$status" 1
	grep -q '^  failure  users.runtime-dir' "$OUT"
}

# criu_like FILE MINOR [FAIL]: a program that speaks CRIU's RPC as `criu swrk FD` would: version
# 4.MINOR.1, lazy pages; FAIL: it refuses to look for features, with this text
criu_like() {
	local says="\\010\\011\\020\\001\\102\\002\\020\\001"
	[ -z "${3:-}" ] || says="\\010\\011\\020\\000\\112\\$(printf %03o "${#3}")$3"
	cat >"$1" <<-END
		#!/bin/sh
		case \$(dd bs=4096 count=1 <&"\$2" 2>/dev/null | od -An -tx1) in
		*" 08 0a") printf '\\010\\012\\020\\001\\122\\006\\010\\004\\020\\00$2\\040\\001' >&"\$2" ;;
		*) printf '$says' >&"\$2" ;;
		esac
	END
	chmod 755 "$1"
}
criu_found() { jq -r '.checks[] | select(.name == "tools.criu") | .found' "$OUT"; }

@test "doctor: criu that is there, too old, broken, or no criu at all" {
	mkdir "$WORK/bin"
	criu_like "$WORK/bin/criu" 1
	PATH=$WORK/bin:$PATH rt doctor -f json
	is "$(verdict tools.criu)" ok
	is "$(criu_found)" "$WORK/bin/criu 4.1.1: lazy pages"
	criu_like "$WORK/old" 0
	STIVA_CRIU=$WORK/old rt doctor -f json
	is "$(verdict tools.criu)" warning
	is "$(criu_found)" "\"$WORK/old\" is version 4.0.1: wanted is criu 4.1 or later"
	criu_like "$WORK/bad" 2 "no kernel for it"
	STIVA_CRIU=$WORK/bad rt doctor -f json
	is "$(verdict tools.criu)" warning
	is "$(criu_found)" "\"$WORK/bad\" does not work here: no kernel for it"
	STIVA_CRIU=/bin/true rt doctor -f json
	is "$(criu_found)" '"/bin/true" ended without an answer'
	STIVA_CRIU=$WORK/none rt doctor -f json
	is "$(criu_found)" "STIVA_CRIU: \"$WORK/none\": no such file or directory"
	STIVA_CRIU=criu rt doctor -f json
	is "$(criu_found)" 'STIVA_CRIU: "criu" is no absolute path'
}

@test "doctor: the criu of this host answers by its RPC" {
	requires criu
	rt doctor -f json
	is "$(verdict tools.criu)" ok
	[[ $(criu_found) == */criu\ [4-9].*"pages"* ]]
}

@test "doctor: an engine that does not know stiva" {
	mkdir "$WORK/bin"
	printf '#!/bin/sh\n' >"$WORK/bin/podman"
	chmod 755 "$WORK/bin/podman"
	PATH=$WORK/bin:$PATH rt doctor -f json
	[ -e /etc/containers/containers.conf ] || [ -d /etc/containers/containers.conf.d ] || is "$(verdict tools.podman)" warning
}

@test "doctor has colours on a terminal only, and not with NO_COLOR" {
	on_tty "$RUNTIME" doctor
	grep -q "$ESC\[32mok$ESC\[0m" "$OUT"
	NO_COLOR=1 on_tty "$RUNTIME" doctor
	refute grep -q "$ESC" "$OUT"
}

# ---- messages ----

@test "a hint is a second line on a terminal, and a member of the JSON log; never elsewhere" {
	on_tty "$RUNTIME" --root "$ROOT" --log "$WORK/log" --log-format json state nonesuch
	line "stiva: state nonesuch: container does not exist"
	line "hint: stiva list shows the containers; another --root has others"
	is "$(wc -l <"$OUT")" 2
	jq -se 'length == 1 and .[0].hint == "stiva list shows the containers; another --root has others"
		and .[0].msg == "state nonesuch: container does not exist"' "$WORK/log"
	rt --log "$WORK/text" state nonesuch
	refused "does not exist"
	refute grep -q hint "$WORK/text"
}

@test "R60: the JSON log names stage, path and errno; --debug shows each stage and its time" {
	program /no/such
	rt --log "$WORK/log" --log-format json run -b "$BUNDLE" "$ID"
	jq -se '.[0] | .stage == "init.program" and .path == "/no/such" and .errno == "ENOENT" and .class == "bad-input"' "$WORK/log"
	program true
	rt --debug run -b "$BUNDLE" "$ID"
	exits 0
	for step in create.claim create.spawn create.ready create.record init.mounts init.pivot; do
		grep -qE "^stiva: debug: step $step: [0-9]+ us" "$ERR" || fail "$step"
	done
}

@test "with --log, messages less severe than warnings go there alone" {
	program true
	ok --log "$WORK/log" --debug run -b "$BUNDLE" "$ID"
	is "$stderr" ""
	grep -q 'level=debug msg="step create.spawn' "$WORK/log"
	ok --log "$WORK/json" --log-format json --debug run -b "$BUNDLE" "$ID"
	is "$stderr" ""
	jq -se 'map(select(.level == "debug")) | length > 5' "$WORK/json"
}

@test "--strict makes a warning an error, before and after the fork, and leaves nothing" {
	program true -- '.process.capabilities.bounding += ["CAP_NONESUCH"]'
	ok run -b "$BUNDLE" "$ID"
	complains 'warning: process.capabilities: unknown capability "CAP_NONESUCH" is ignored'
	for verb in run create "run -d"; do
		# shellcheck disable=SC2086 # words
		rt --strict $verb -b "$BUNDLE" "$ID"
		if [ "$status" = 0 ]; then # told when the program starts
			rt --strict start "$ID"
			KEPT=1 refused CAP_NONESUCH --strict
			ok delete --force "$ID"
		else
			refused CAP_NONESUCH --strict
		fi
	done
	program true -- '.annotations["stiva.nonesuch"] = "1"'
	ok run -b "$BUNDLE" "$ID"
	complains warning
	rt --strict --log "$WORK/log" --log-format json run -b "$BUNDLE" "$ID"
	refused stiva.nonesuch --strict
	jq -se 'length == 1 and .[0].level == "error"' "$WORK/log"
	program true
	ok --strict run -b "$BUNDLE" "$ID"
	is "$stderr" ""
}

@test "U02: the log may be the journal or syslog" {
	for kind in syslog journald; do
		rt --log $kind:stiva-test list
		if [ "$status" != 0 ]; then refused "--log \"$kind:stiva-test\": connect to"; fi
	done
	requires systemd
	rt --log journald:stiva-test state nonesuch
	refused "does not exist"
	in_journal() { journalctl -q -o json -t stiva-test | jq -se 'map(select(.MESSAGE == "state nonesuch: container does not exist" and .PRIORITY == "3")) | length > 0'; }
	wait_for in_journal
	rt --log syslog:stiva-sys state nonesuch
	in_syslog() { journalctl -q -t stiva-sys | grep -q "state nonesuch: container does not exist"; }
	wait_for in_syslog
}

# ---- help and completion ----

@test "U11: help fits the terminal" {
	on_tty 60 "$RUNTIME" help run
	refute grep -nE '^.{61,}' <(grep -v '^usage' "$OUT")
	narrow=$(wc -l <"$OUT")
	on_tty 110 "$RUNTIME" help run
	[ "$(wc -l <"$OUT")" -lt "$narrow" ]
	refute grep -q "$ESC" "$OUT"
}

@test "U11: help lists the groups, each verb in one" {
	ok help
	for title in "life of a container" "what is there" "checkpoint, restore, migrate" "documents and help"; do line "$title:"; done
	is "$(sed -n 's/^  \([a-z]\{2,\}\) .*/\1/p' "$OUT" | sort | uniq -d)" ""
	for verb in create start run exec pause resume kill wait delete list state inspect ps checkpoint restore migrate spec validate features \
		doctor help completion; do
		grep -qE "^  $verb +[a-z]" "$OUT" || fail "$verb"
	done
}

@test "U36: there is no init verb" {
	rt init
	refused 'unknown command "init"'
}

@test "U12: the name that stiva is called by changes nothing" {
	for name in crun-wasm krun runc; do
		ln -s "$RUNTIME" "$WORK/$name"
		"$WORK/$name" --version | grep -q '^stiva version '
	done
}

@test "R54: every option of every verb is in its --help, in its man page and in the three completions" {
	"$RUNTIME" completion bash >"$WORK/bash"
	"$RUNTIME" completion zsh >"$WORK/zsh"
	"$RUNTIME" completion fish >"$WORK/fish"
	"$RUNTIME" help | sed -n 's/^  \([a-z]\{2,\}\) .*/\1/p' >"$WORK/verbs"
	[ "$(wc -l <"$WORK/verbs")" -ge 21 ]
	while read -r verb; do
		"$RUNTIME" help "$verb" | sed -nE 's/^ +(-., )?(--[a-z0-9-]+).*/\2/p' | grep -vx -e --help >"$WORK/options" || true
		"$RUNTIME" help --man "$verb" | tr -d '\\' >"$WORK/man"
		# what bash knows and help does not would be a slip too
		sed -n "/^	$verb)/,/;;/s/^		opts='\(.*\)'\$/\1/p" "$WORK/bash" | tr ' ' '\n' | grep -e '^--' | grep -vx -e --help | sort >"$WORK/from-bash" || true
		is "$(<"$WORK/from-bash")" "$(sort "$WORK/options")" "$verb in bash"
		while read -r option; do
			grep -qE "fB$option(fR|\$)" "$WORK/man" || fail "stiva-$verb(1) has no $option"
			sed -n "/^	$verb)/,/;;/p" "$WORK/zsh" | grep -qE -e "$option[=}[]" || fail "zsh: $verb $option"
			grep -e "__fish_seen_subcommand_from $verb'" "$WORK/fish" | grep -q -e " -l ${option#--} " || fail "fish: $verb $option"
		done <"$WORK/options"
	done <"$WORK/verbs"
}

@test "bash completes ids for the verbs that take one" {
	program probe wait
	ok create -b "$BUNDLE" "$ID-one"
	ok completion bash
	# shellcheck disable=SC1090
	source "$OUT"
	stiva() { "$RUNTIME" "$@"; }
	for verb in start kill delete state inspect wait ps exec checkpoint; do
		COMP_WORDS=(stiva --root "$ROOT" "$verb" "") COMP_CWORD=4 COMPREPLY=()
		_stiva
		is "${COMPREPLY[*]}" "$ID-one" "completion of $verb"
	done
	COMP_WORDS=(stiva checkpoint --manage-cgroups-mode "") COMP_CWORD=3 COMPREPLY=()
	_stiva
	is "${COMPREPLY[*]}" "soft full strict ignore"
}

@test "R58: how long each step of a launch takes is measured, in the parent and in the child" {
	program true
	STIVA_TIMING=$WORK/timing ok run -b "$BUNDLE" "$ID"
	for step in "create claim" "create spawn" "create ready" "init pivot" "init mounts" "launch identity"; do
		grep -qE "^$step [0-9]+$" "$WORK/timing" || fail "no time of $step"
	done
	jq -e . "$TOP/bench/baseline.json" >/dev/null
}

@test "R59: there is cgroup v2 only: features say so, and values of v1 are errors" {
	ok features
	jq -e '.linux.cgroup.v1 == false and .linux.cgroup.v2 == true' "$OUT"
	program true -- '.linux.resources.memory = {kernel: 1048576}'
	rt run -b "$BUNDLE" "$ID"
	refused linux.resources.memory.kernel
	program true -- '.annotations["run.oci.systemd.force_cgroup_v1"] = "1"'
	rt run -b "$BUNDLE" "$ID"
	refused "cgroup v1"
}
