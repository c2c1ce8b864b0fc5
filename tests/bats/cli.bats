#!/usr/bin/env bats
# cli: what is said without a container: versions, help, usage errors, documents, completions.
# parallel: yes
load helpers

# Every verb that help lists.
verbs() { "$RUNTIME" help | sed -n 's/^  \([a-z]\{2,\}\) .*/\1/p'; }

@test "U10: --version has the lines that callers read" {
	stiva_only
	for option in --version -v -V -version; do
		ok "$option"
		grep -qE '^stiva version [0-9]' "$OUT"
		grep -qE '^commit: .' "$OUT"
		grep -qE '^spec: 1\.[0-9]+\.[0-9]+$' "$OUT"
		grep -qE '\+SECCOMP' "$OUT"
	done
	[ ! -e "$ROOT" ]
}

@test "U11 U38: help is printed on stdout, with status 0" {
	stiva_only
	ok
	help=$output
	for words in help --help -h -help; do
		ok "$words"
		prints "$help"
		is "$stderr" ""
	done
	ok help create
	help=$output
	shows "--bundle"
	ok create --help
	prints "$help"
	ok create -h
	prints "$help"
	[ ! -e "$ROOT" ]
}

@test "every verb has a help text with an example, and a man page" {
	stiva_only
	[ "$(verbs | wc -l)" -ge 16 ]
	for v in $(verbs); do
		ok "$v" --help
		shows "usage: stiva [GLOBAL OPTION]... $v"
		shows "example:"
		ok help --man "$v"
		line ".SH SYNOPSIS"
		line ".SH OPTIONS"
		line ".SH EXAMPLE"
		line ".SH EXIT STATUS"
	done
	ok help --man
	line ".SH GLOBAL OPTIONS"
}

@test "E08 E14 U38: usage errors: one line, status 1, or 255 from exec" {
	stiva_only
	rt crate x
	refused 'unknown command "crate"; did you mean "create"?'
	rt frobnicate
	refused 'unknown command "frobnicate"'
	rt create --bundel x "$ID"
	refused "unknown option '--bundel'; did you mean '--bundle'?"
	rt create --bundle
	refused "option '--bundle' requires an argument"
	rt create
	refused "create: too few arguments"
	rt start a b
	refused 'start a: unexpected argument "b"'
	rt list --format xml
	refused '"xml" is not one of table|json'
	rt exec
	WANT=255 refused "exec: too few arguments"
	rt exec --nonsense x true
	WANT=255 refused "unknown option '--nonsense'"
}

@test "E11 U03: usage errors are in the JSON log too, as one line" {
	stiva_only
	rt --log "$WORK/log" --log-format json create --bundel x "$ID"
	exits 1
	is "$(wc -l <"$WORK/log")" 1
	jq -e '.level == "error" and (.msg | contains("--bundel")) and
		(.time | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T.*Z$"))' "$WORK/log"
	rt --log "$WORK/log2" --log-format json crate
	jq -e '.msg | contains("crate")' "$WORK/log2"
}

@test "U06 U07: the manager is asked for once, or the same twice" {
	stiva_only
	rt --systemd-cgroup --cgroup-manager cgroupfs list
	refused "exclude each other"
}

@test "validate prints every error of a config and a last word" {
	stiva_only
	mkdir "$WORK/b"
	ok spec --bundle "$WORK/b"
	ok validate "$WORK/b"
	prints "config.json: ok"
	ok validate --bundle "$WORK/b"
	jq '.process.cwd = "tmp" | .linux.namespaces[0].type = "nonsense"' "$WORK/b/config.json" \
		>"$WORK/b/bad.json"
	rt validate -f "$WORK/b/bad.json"
	exits 1
	shows "process.cwd: "
	shows "linux.namespaces[0].type: "
	is "$(wc -l <"$OUT")" 2
	complains "2 errors"
	rt validate "$WORK/nothing"
	refused "no such file or directory"
}

@test "spec never writes over a config.json" {
	ok spec -b "$WORK"
	jq -e '.ociVersion and (.process.args | length > 0) and .root.path' "$WORK/config.json"
	echo mine >"$WORK/config.json"
	rt spec -b "$WORK"
	exits 1
	is "$(cat "$WORK/config.json")" mine
	rm "$WORK/config.json"
	known_deviation crun "spec --rootless writes no mappings"
	ok spec -b "$WORK" --rootless
	jq -e '.linux.uidMappings | length > 0' "$WORK/config.json"
}

@test "features is JSON and makes no directory" {
	known_deviation crun "1.8 has no features"
	ok features
	jq -e '.ociVersionMin and .ociVersionMax and (.hooks | length == 6)' "$OUT"
	[ ! -e "$ROOT" ]
}

@test "completions are scripts that their shells take" {
	stiva_only
	ok completion bash
	bash -n "$OUT"
	if command -v shellcheck >/dev/null; then shellcheck -s bash "$OUT"; fi
	ok completion zsh
	if command -v zsh >/dev/null; then zsh -n "$OUT"; fi
	ok completion fish
	if command -v fish >/dev/null; then fish -n "$OUT"; fi
	rt completion tcsh
	refused 'shell "tcsh"'
}

@test "the bash completion offers commands, options, words and directories" {
	stiva_only
	ok completion bash
	# shellcheck disable=SC1090
	source "$OUT"
	offers() {
		local want=$1
		shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
		_stiva
		is "${COMPREPLY[*]}" "$want" "completion of $*"
	}
	offers create stiva cre
	offers --bundle stiva create --bu
	offers "table json" stiva list -f ""
	offers json stiva list --format = j
	offers "bash zsh fish" stiva --root /x completion ""
	offers TERM stiva kill web T
	mkdir "$WORK/only"
	offers "$WORK/only" stiva run --bundle "$WORK/on"
}

@test "output that cannot be written is an error" {
	stiva_only
	status=0
	stderr=$("$RUNTIME" help 2>&1 >/dev/full) || status=$?
	is "$status" 1
	complains "no space left on device"
}

@test "standard fds that are closed do no harm" {
	stiva_only
	"$RUNTIME" features <&- | jq -e .ociVersionMax
	status=0
	"$RUNTIME" features >&- 2>&- || status=$?
	[ "$status" -le 1 ]
}
