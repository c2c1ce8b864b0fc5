#!/usr/bin/env bats
# checkpoint: the options of checkpoint and restore are taken and checked; then both refuse, in one line, and
# touch nothing, until their engine is built in.
# requires: root cgroup2
# parallel: yes
load helpers

test_setup() {
	stiva_only
	program probe wait
}

REFUSAL="is not built into this version of stiva: nothing was done"

# dumps OPTION...: refused by the build alone; the container runs on
dumps() {
	rt checkpoint "$@" "$ID"
	KEPT=1 refused "checkpoint $ID: checkpoint $REFUSAL"
	status_is running || fail "the container does not run any more"
	[ ! -e "$WORK/images" ]
}
# wrong TEXT OPTION...: refused before that
wrong() {
	local text=$1
	shift
	rt checkpoint "$@" "$ID"
	KEPT=1 refused "$text"
	[[ $stderr != *"built into"* ]] || fail "$stderr"
	rt restore "$@" "$ID-2"
	KEPT=1 refused "$text"
}
restores() {
	rt restore -b "$BUNDLE" "$@" "$ID-2"
	KEPT=1 refused "restore $ID-2: restore $REFUSAL"
	absent "$ID-2"
}
# told OPTION...: in --help of both verbs, man and completions
told() {
	local option verb
	for option in "$@"; do
		for verb in checkpoint restore; do
			"$RUNTIME" $verb --help | grep -qE "^ +(-., )?$option( |\$)" || fail "$option: not in $verb --help"
			"$RUNTIME" help --man $verb | tr -d '\\' | grep -qE "^fB$option|fB$option" || fail "$option: not in stiva-$verb(1)"
			"$RUNTIME" completion bash | sed -n "/^	$verb)/,/;;/p" | grep -qw -e "$option" || fail "$option: bash"
			"$RUNTIME" completion zsh | sed -n "/^	$verb)/,/;;/p" | grep -q -e "$option" || fail "$option: zsh"
			"$RUNTIME" completion fish | grep -e "seen_subcommand_from $verb" | grep -q -e "-l ${option#--} " || fail "$option: fish"
		done
	done
}

@test "U32: both verbs are there with a help text, and features says that checkpoints are not" {
	for verb in checkpoint restore; do
		ok $verb --help
		shows "usage: stiva [GLOBAL OPTION]... $verb"
		shows "This version of stiva"
	done
	ok features
	jq -e '.annotations["org.opencontainers.runc.checkpoint.enabled"] == "false" and .annotations["stiva.checkpoint.enabled"] == "false"' "$OUT"
	rt checkpoint "$ID"
	refused "does not exist"
	ok create -b "$BUNDLE" "$ID"
	rt checkpoint "$ID"
	KEPT=1 refused "container not running" created
	ok start "$ID"
	dumps
	ok pause "$ID"
	rt checkpoint "$ID"
	KEPT=1 refused "$REFUSAL"
	is "$(status_of)" paused
}

@test "U120: --image-path and --work-path" {
	starts ""
	dumps --image-path "$WORK/images" --work-path "$WORK/images"
	restores --image-path "$WORK/images" --work-path="$WORK/images"
	wrong "--image-path is empty" --image-path ""
	rt restore --image-path
	KEPT=1 refused "requires an argument"
	told --image-path --work-path
	"$RUNTIME" checkpoint --help | grep -q "default: checkpoint"
}

@test "U121: --parent-path is relative, and --pre-dump" {
	starts ""
	dumps --pre-dump --parent-path ../pre-checkpoint
	wrong '--parent-path "/abs" is absolute' --parent-path /abs
	"$RUNTIME" checkpoint --help | grep -q -- --pre-dump
	rt restore --pre-dump "$ID-2"
	KEPT=1 refused "unknown option '--pre-dump'"
	told --parent-path
}

@test "U122: --leave-running" {
	starts ""
	dumps --leave-running
	dumps --leave-running=false
}

@test "U123 U124 U125: what of the processes goes along" {
	starts ""
	dumps --tcp-established --ext-unix-sk --shell-job --file-locks --tcp-skip-in-flight --link-remap
	restores --tcp-close --ext-unix-sk --shell-job --file-locks
	wrong "exclude each other" --tcp-established --tcp-close
	told --tcp-established --tcp-close --tcp-skip-in-flight --ext-unix-sk --shell-job --file-locks --link-remap
}

@test "U126: --lazy-pages, --status-fd and --page-server" {
	starts ""
	dumps --lazy-pages --page-server 127.0.0.1:4000
	dumps --page-server '[::1]:27'
	wrong "is not ADDRESS:PORT" --page-server nowhere
	wrong "is not ADDRESS:PORT" --page-server host:70000
	wrong "--status-fd 77: bad file descriptor" --status-fd 77
	rt checkpoint --pre-dump --lazy-pages "$ID"
	KEPT=1 refused "exclude each other"
	told --lazy-pages --status-fd --page-server
	status=0
	stderr=$("$RUNTIME" --root "$ROOT" checkpoint --lazy-pages --status-fd 8 "$ID" 8>"$WORK/fd" 2>&1) || status=$?
	is "$status" 1
	complains "$REFUSAL"
	[ ! -s "$WORK/fd" ]
}

@test "R55 U127: --manage-cgroups-mode takes its four words in both verbs" {
	starts ""
	for mode in soft full strict ignore; do
		dumps --manage-cgroups-mode $mode
		restores --manage-cgroups-mode=$mode
	done
	wrong "is not one of soft|full|strict|ignore" --manage-cgroups-mode hard
	told --manage-cgroups-mode
}

@test "U128: --empty-ns network" {
	starts ""
	dumps --empty-ns network
	restores --empty-ns=network
	wrong "is not one of network" --empty-ns pid
	told --empty-ns
}

@test "U129: --auto-dedup" {
	starts ""
	dumps --auto-dedup
	restores --auto-dedup
	told --auto-dedup
}

@test "R54 U130: --network-lock in both forms" {
	starts ""
	for lock in iptables nftables skip; do
		dumps --network-lock=$lock
		restores --network-lock $lock
	done
	wrong "is not one of iptables|nftables|skip" --network-lock=none
	told --network-lock
}

@test "U131: restore takes create's options, and -no-subreaper of go-runc" {
	restores -d --pid-file "$WORK/pid" --console-socket "$WORK/s" -no-subreaper --no-pivot
	restores --detach=true --no-subreaper
	[ ! -e "$WORK/pid" ]
}

@test "U132: restore --lsm-profile and --lsm-mount-context, and the text that podman probes for" {
	restores --lsm-profile selinux:u:r:t:s0 --lsm-mount-context u:o:t:s0
	restores --lsm-profile=apparmor:p
	rt restore --lsm-profile x "$ID"
	refused "neither selinux:LABEL nor apparmor:PROFILE"
	rt restore --lsm-profile
	refused "requires an argument"
	rt restore --lsm-mount-context
	refused "requires an argument"
}

@test "what only the engine can do is refused before anything is looked for: no criu, no configuration" {
	starts ""
	mkdir "$WORK/empty"
	PATH=$WORK/empty:/usr/bin:/bin dumps
	config '.annotations["org.criu.config"] = "/no/such"'
	restores
}

@test "U136: a user is refused with the same line" {
	requires userns
	status=0
	chmod 755 "$WORK"
	stderr=$(XDG_RUNTIME_DIR=$WORK setpriv --reuid 12345 --regid 12345 --clear-groups "$RUNTIME" --root "$WORK/none" restore x 2>&1) ||
		status=$?
	is "$status" 1
	complains "restore x: restore $REFUSAL"
}
