#!/usr/bin/env bats
# migrate, harmed: at every point of a migration the line is cut, stalled or changed (hosts.bash: two hosts on one
# machine, p_wire.c: the line between them). Whatever happens, the container is where the outcome says, never on both
# hosts and never nowhere; on the losing side nothing is left; its count has every number once; and the next
# migration, undisturbed, succeeds (migration.md 9.2). Each point is tried FAULT_REPEATS times (1 in the gate; 20 for all of
# the matrix: FAULT_REPEATS=20 STIVA_FILE_LIMIT=7200 T='^migrate_(faults|deaths)' TIERS=deb13 tests/run), 0.8 s each.
# requires: root cgroup2 criu
# parallel: yes
load helpers
load hosts
load migrate

test_setup() { faults_up; }
test_teardown() { hosts_down; }

@test "faults: the line is cut before the container is handed over: it goes on" {
	faults stays cut-at=RESERVE cut-in=RESERVE cut-at=RESERVED cut-in=FS_DATA cut-at=ROUND_TAKEN cut-at=FREEZE \
		cut-in=IMAGE cut-at=FINAL_END cut-after=FINAL_END cut-at=READY cut-at=COMMIT cut-in=COMMIT
}

@test "faults: the line is cut when the container is handed over: it is asked for, and runs there" {
	faults moves cut-after=COMMIT cut-at=RUNNING cut-in=RUNNING
}

@test "faults: the line stands still: it goes on" {
	faults stays stall-after=FREEZE stall-in=IMAGE stall-at=FINAL_END stall-at=READY hush-at=READY close-at=FINAL_END
}

@test "faults: the line stands still when it is handed over: it is asked for over another one" {
	KEEPS_RECORD=1 faults moves stall-after=COMMIT hush-at=RUNNING
	# the destination waits three times as long
	SILENCES=4 faults stays stall-at=COMMIT
}

@test "faults: what comes is not what was sent: it goes on" {
	faults stays flip=RESERVE flip=FS_DATA flip=ROUND_TAKEN flip=FREEZE flip=IMAGE flip=FINAL_END flip=READY \
		garbage-at=RESERVED garbage-at=IMAGE garbage-at=READY replay=FREEZE replay=IMAGE drop=IMAGE drop=FREEZE
}

@test "faults: a COMMIT that is damaged or comes twice, an answer that is: one side has it" {
	SILENCES=4 faults stays flip=COMMIT drop=COMMIT
	KEEPS_RECORD=1 faults moves replay=COMMIT flip=RUNNING drop=RUNNING garbage-at=RUNNING
}

@test "faults: the line is cut, stands still or is changed while memory is sent in the pause: it goes on" {
	MODE=stop faults stays cut-at=PAGES cut-in=PAGES stall-in=PAGES flip=PAGES drop=PAGES replay=PAGES
}

@test "faults: the source's last word is lost: it runs there, and the record stays" {
	KEEPS_RECORD=1 faults moves cut-at=DONE drop=DONE flip=DONE stall-at=DONE
}

runs_no_engine() { [ -z "$(leftovers "$1")" ]; }
@test "faults: the line stands still while it runs: a signal ends that, and it goes on" {
	(
		wait_for grep -q "^! stall-at=ROUND_TAKEN" "$WIRE"
		"$HOSTS/kill" one stiva TERM
		# the destination would wait for two minutes
		wait_for runs_no_engine one
		"$HOSTS/kill" two stiva TERM
	) 3>&- 4>&- &
	JOBS+=($!)
	fault stays stall-at=ROUND_TAKEN
	wait $!
	undisturbed
}

# on_destination FRAME CMD...: this is done on the other host at that moment
on_destination() { echo "run-at=$1:$HOSTS/enter $(other "$AT") ${*:2}"; }

@test "faults: the destination refuses at every phase, for reasons of its own: it goes on, and one line says why" {
	local i told
	told() { grep -qF -- "$1" <<<"$stderr" || fail "it does not say \"$1\": $stderr"; }
	for ((i = 0; i < REPEATS; i++)); do
		on two mount -t tmpfs -o size=40M,mode=755 tmpfs /srv
		know_mounts
		fault stays "$(on_destination FS_DATA "sh -c 'cat /dev/zero >/srv/full'; true")"
		told "no space left on device"
		on two umount -l /srv
		know_mounts
		# a program that is another one there
		fault stays "$(on_destination FINAL_END "sh -c 'echo >>/srv/c/rootfs/bin/sh'")"
		told "criu's restore failed: "
		# it cannot note that it has it
		fault stays "$(on_destination READY "sh -c 'mount -o remount,nr_inodes=\$(df --output=iused /run | tr -dc 0-9) /run'")"
		on two mount -o remount,nr_inodes=100000 /run
	done
	undisturbed
}
