#!/usr/bin/env bats
# start: from created to running, and every state in which it is refused.
# requires: root cgroup2
# parallel: yes
load helpers

@test "H01 U21: start runs the program" {
	script 'echo hello; probe wait'
	ok create -b "$BUNDLE" "$ID"
	STDOUT=$OUT
	ok start "$ID"
	prints ""
	wait_for said hello
	is "$(status_of)" running
}

@test "start returns when the program runs, so its first effect is soon there" {
	script 'exit 0'
	ok create -b "$BUNDLE" "$ID"
	ok start "$ID"
	stopped
}

@test "H14: start of a running container is refused" {
	program probe wait
	starts
	rt start "$ID"
	KEPT=1 refused "$ID"
	is "$(status_of)" running
}

@test "H14: start of a stopped container is refused" {
	program true
	ok create -b "$BUNDLE" "$ID"
	ok start "$ID"
	stopped
	rt start "$ID"
	KEPT=1 refused "$ID" stopped
	is "$(status_of)" stopped
}

@test "H14: start of an unknown container is refused" {
	rt start "$ID"
	refused "$ID" "does not exist"
}

@test "H14 R15: start of a created container whose init was killed is refused" {
	known_deviation crun "start of a dead container returns 0 or hangs"
	program probe wait
	ok create -b "$BUNDLE" "$ID"
	kill -KILL "$(pid_of)"
	stopped
	DEADLINE=5 rt start "$ID"
	KEPT=1 refused "$ID"
}

@test "P06: a program that is not there is an error of create, run or start" {
	bundle '.process.args = ["nonesuch"]'
	rt run -b "$BUNDLE" "$ID"
	refused nonesuch 'executable file not found in $PATH'
}

@test "P06: the program is looked up in the container's PATH" {
	bundle '.process.env = ["PATH=/opt"]' '.process.args = ["only"]'
	mkdir "$BUNDLE/rootfs/opt"
	cp "$BUNDLE/rootfs/bin/busybox" "$BUNDLE/rootfs/opt/echo"
	ln -s echo "$BUNDLE/rootfs/opt/only"
	config '.process.args = ["echo", "found"]'
	runs
	prints found
}

@test "P06: a path program which is missing" {
	bundle '.process.args = ["/no/such"]'
	rt run -b "$BUNDLE" "$ID"
	refused /no/such "no such file or directory"
	complains "no such file or directory"
}

@test "P06: a program without the x bit, or a folder" {
	bundle '.process.args = ["/data"]'
	echo text >"$BUNDLE/rootfs/data"
	rt run -b "$BUNDLE" "$ID"
	refused /data "permission denied"
	known_deviation crun "1.21 says operation not permitted"
	complains "permission denied"
	config '.process.args = ["/etc"]'
	rt run -b "$BUNDLE" "$ID"
	refused /etc
}

@test "a program of the wrong format" {
	bundle '.process.args = ["/data"]'
	printf '\1\2\3\4' >"$BUNDLE/rootfs/data"
	chmod +x "$BUNDLE/rootfs/data"
	rt create -b "$BUNDLE" "$ID"
	if [ "$status" = 0 ]; then
		DEADLINE=5 rt start "$ID"
		if is_stiva; then
			KEPT=1 refused "exec format error"
		fi
	fi
}

@test "a script with an interpreter that is missing" {
	bundle '.process.args = ["/run.sh"]'
	printf '#!/no/interpreter\n' >"$BUNDLE/rootfs/run.sh"
	chmod +x "$BUNDLE/rootfs/run.sh"
	DEADLINE=5 rt run -b "$BUNDLE" "$ID"
	[ "$status" != 0 ] || fail "succeeded"
	if is_stiva; then refused /run.sh "no such file or directory"; fi
}

@test "P06: argv[0] and empty arguments reach the program as they are" {
	bundle '.process.args = ["/bin/sh", "-c", "printf \"<%s>\" \"$0\" \"$@\"", "", "a b", "", "ä\n"]'
	runs
	prints $'<><a b><><ä\n>'
}

@test "P04: cwd is entered, and made when it is missing" {
	script 'pwd' '.process.cwd = "/home/user"'
	runs
	prints /home/user
	config '.process.cwd = "/new/deep"'
	runs
	prints /new/deep
}

@test "P05: env is given as it is, nothing of the caller's" {
	script 'env | grep -v ^SHLVL= | grep -v ^PWD= | sort | xargs echo' \
		'.process.env = ["PATH=/bin", "A=1", "B=x=y", "E="]'
	export CANARY=secret
	runs
	prints "A=1 B=x=y E= HOME=/root PATH=/bin"
}

@test "P05: HOME comes from the container's passwd, else it is /" {
	script 'echo $HOME' '.process.user = {uid: 1000, gid: 1000}'
	runs
	prints /home/user
	config '.process.env += ["HOME=/given"]'
	runs
	prints /given
}

@test "P05: HOME of a user that is not in passwd is /" {
	known_deviation crun "1.8 leaves it empty"
	script 'echo $HOME' '.process.user = {uid: 4321, gid: 1}'
	runs
	prints /
}
