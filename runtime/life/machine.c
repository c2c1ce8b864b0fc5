/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/machine: the live status of a container, and which verb is legal in which status:
 * one table, with a row for every refusal. The texts are those that engines look for
 * (conformance 3.9).
 */
#include "runtime/life/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/ban.h"

#define NOT_RUNNING "container not running (no such process)"
#define UNFINISHED  "its creation was cut off: use delete --force"
#define BROKEN	    "its record is broken: use delete --force"

/* NULL = legal. Columns: creating, created, running, stopped, paused, broken. */
/* clang-format off */
static const char *const refusals[LIFE_VERB_N][SPEC_STATUS_N] = {
	[LIFE_START] = {
		"cannot start a container that is still being created", NULL,
		"cannot start an already running container",
		"cannot start a container that has stopped",
		"cannot start a paused container: resume it first", BROKEN},
	[LIFE_KILL] = {
		"container not running (no such process): it is still being created", NULL, NULL,
		NOT_RUNNING, NULL, BROKEN},
	[LIFE_DELETE] = {
		"cannot delete container that is not stopped: creating (use --force)", NULL,
		"cannot delete container that is not stopped: running (use --force)", NULL,
		"cannot delete container that is not stopped: paused (use --force)", BROKEN},
	[LIFE_EXEC] = {
		"cannot exec in a container that is still being created", NULL, NULL,
		"cannot exec in a stopped container: the container is not running",
		"cannot exec in a paused container (use --ignore-paused to override)", BROKEN},
	[LIFE_PAUSE] = {
		"cannot pause a container that is still being created", NULL, NULL,
		NOT_RUNNING, NULL, BROKEN},
	[LIFE_RESUME] = {
		"cannot resume a container that is still being created", NULL, NULL,
		NOT_RUNNING, NULL, BROKEN},
	/* A stopped one has no processes: an empty list, as runc has it. */
	[LIFE_PS] = {
		"container not running: it is still being created", NULL, NULL,
		NULL, NULL, BROKEN},
	[LIFE_UPDATE] = {
		"cannot update a container that is still being created", NULL, NULL,
		NOT_RUNNING, NULL, BROKEN},
	[LIFE_EVENTS] = {
		"container not running: it is still being created", NULL, NULL,
		NOT_RUNNING, NULL, BROKEN},
	[LIFE_MOUNTS] = {
		"cannot change the mounts of a container that is still being created", NULL, NULL,
		NOT_RUNNING, NULL, BROKEN},
	[LIFE_WAIT] = {
		"cannot wait for a container that is still being created", NULL, NULL,
		NULL, NULL, BROKEN},
};
/* clang-format on */

int life_machine_check(enum life_verb v, enum spec_status s, struct err *e)
{
	const char *why = refusals[v][s];

	if (!why)
		return 0;
	/* No such process is what a caller that polls for the end wants to hear by code too. */
	return err_set(e, ERR_STATE, s == SPEC_STOPPED ? ESRCH : EBUSY, "%s", why);
}

/* Pids, start times and cgroup inodes say nothing about another boot: the numbers come again. */
bool life_machine_is_of_this_boot(const struct life_record *rec)
{
	char boot[37];

	return sys_boot_id(boot) == 0 && str_eq(boot, rec->boot_id);
}

int life_machine_mark(pid_t pid, struct life_rec_process *ret)
{
	*ret = (struct life_rec_process){{true, pid}, {true, 0}};
	return proc_start_time(pid, &ret->start.v);
}

bool life_machine_lives(const struct life_record *rec, const struct life_rec_process *p)
{
	uint64_t start;
	char state;

	if (!p || !life_machine_is_of_this_boot(rec))
		return false;
	if (proc_stat((pid_t)p->pid.v, &state, &start) < 0)
		return false;
	return start == p->start.v && state != 'Z' && state != 'X' && state != 'x';
}

/* A start that was killed between exec and unlink leaves the gate behind: the name of a process
 * which still waits is our own. */
static bool waits_at_gate(const struct life_box *b)
{
	struct stat st;
	char path[64], comm[32];

	if (fstatat(b->dir_fd, LIFE_GATE, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)b->rec->init->pid.v);
	if (file_read_kernel(AT_FDCWD, path, comm, sizeof(comm)) < 0)
		return true;
	return str_starts(comm, "stiva:created");
}

enum spec_status life_machine_status(const struct life_box *b)
{
	if (!b->rec)
		return SPEC_BROKEN;
	if ((enum life_stage)b->rec->stage.v == LIFE_STAGE_CREATING)
		return b->was_in_making || life_machine_lives(b->rec, b->rec->creator)
			       ? SPEC_CREATING
			       : SPEC_BROKEN;
	if (!life_machine_lives(b->rec, b->rec->init))
		return SPEC_STOPPED;
	if (waits_at_gate(b))
		return SPEC_CREATED;
	AUTO(cg) cg = CG_NONE;
	struct err ignored = ERR_INIT;

	if (life_machine_cgroup(b, &cg, &ignored) == 0 && cg_is_frozen(&cg) == 1)
		return SPEC_PAUSED;
	return SPEC_RUNNING;
}

int life_machine_pidfd(const struct life_box *b)
{
	if (!b->rec || !b->rec->init || !life_machine_is_of_this_boot(b->rec))
		return -ESRCH;
	return proc_open_checked((pid_t)b->rec->init->pid.v, b->rec->init->start.v);
}

int life_machine_cgroup(const struct life_box *b, struct cg *ret, struct err *e)
{
	const struct life_rec_cgroup *c = b->rec ? b->rec->cgroup : NULL;

	if (!c || (enum cg_manager)c->manager.v == CG_DISABLED || !c->path)
		return err_set(e, ERR_STATE, ENOENT, "the container has no cgroup");
	if (!life_machine_is_of_this_boot(b->rec))
		return err_set(e, ERR_STATE, ENOENT, "cgroup \"%s\" was of an earlier boot",
			       c->path);
	int r = cg_open(c->path, ret, e);

	if (r < 0)
		return r;
	ret->is_user_unit = c->is_user_unit.v;
	if (str_copy(ret->unit, sizeof(ret->unit), c->unit ? c->unit : "") >= 0 &&
	    (!c->ino.has || c->ino.v == ret->ino))
		return 0;
	cg_done(ret);
	return err_set(e, ERR_STATE, ENOENT, "cgroup \"%s\" is another one by now", c->path);
}

void life_machine_state(const struct life_box *b, enum spec_status s, struct spec_state *ret)
{
	const struct life_record *rec = b->rec;
	bool has_pid = s == SPEC_CREATED || s == SPEC_RUNNING || s == SPEC_PAUSED;

	*ret = (struct spec_state){
		.oci_version = rec ? rec->oci_version : NULL,
		.id = (char *)b->id,
		.status = {true, (int)s},
		.pid = {true, has_pid ? rec->init->pid.v : 0},
	};
	if (!rec)
		return;
	ret->bundle = rec->bundle;
	ret->rootfs = rec->rootfs;
	ret->created = rec->created;
	ret->owner = rec->owner;
	ret->systemd_scope = rec->cgroup ? rec->cgroup->unit : NULL;
	ret->annotations = rec->annotations;
}

bool life_is_rootless(const struct life_host *h)
{
	return h->rootless.has ? h->rootless.v : geteuid() != 0 || sys_in_user_ns();
}
