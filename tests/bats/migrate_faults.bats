#!/usr/bin/env bats
# migrate, harmed: at every point of a migration the line is cut, stalled or changed (hosts.bash: two hosts on one
# machine, p_wire.c: the line between them). Whatever happens, the container is where the outcome says, never on both
# hosts and never nowhere; on the losing side nothing is left; its count has every number once; and the next
# migration, undisturbed, succeeds (migration.md 9.2). Each point is tried FAULT_REPEATS times, 0.6 s each.
# requires: root cgroup2 criu
# parallel: yes
load helpers
load hosts
load migrate

REPEATS=${FAULT_REPEATS:-2}
BATS_TEST_TIMEOUT=$((60 + 90 * REPEATS))
# what a cut line costs at most, in ms, beyond the silence that the test allows
BACK_MS=8000

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
	faults stays stall-at=COMMIT
}

@test "faults: what comes is not what was sent: it goes on" {
	faults stays flip=RESERVE flip=FS_DATA flip=ROUND_TAKEN flip=FREEZE flip=IMAGE flip=FINAL_END flip=READY \
		garbage-at=RESERVED garbage-at=IMAGE garbage-at=READY replay=FREEZE replay=IMAGE drop=IMAGE drop=FREEZE
}

@test "faults: a COMMIT that is damaged or comes twice, an answer that is: one side has it" {
	faults stays flip=COMMIT drop=COMMIT
	KEEPS_RECORD=1 faults moves replay=COMMIT flip=RUNNING drop=RUNNING garbage-at=RUNNING
}
