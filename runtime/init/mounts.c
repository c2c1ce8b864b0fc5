/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/init/mounts: the child of `mounts add` and `mounts remove`. It joins the container's
 * namespaces but those of processes and time: the container cannot see, stop or trace it, and it
 * sits in the caller's cgroup, so that a frozen container does not freeze it. It ends without a
 * trace when the parent does, and undoes what it did when it fails. Called by life/mounts.c through
 * life/spawn.c.
 */
#include "runtime/init/internal.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ban.h"

static int join(void *ctx, struct err *e)
{
	struct init_job *j = ctx;

	/* Not PDEATHSIG: the end of the socket tells us, and then there is something to undo. */
	prctl(PR_SET_DUMPABLE, 0);
	umask(0);
	int r = init_enter_running(j, e);

	/* Changing credentials made it dumpable again. */
	prctl(PR_SET_DUMPABLE, 0);
	return r < 0 ? r : root_live_enter(j->root, e);
}

static int put_one(struct init_job *j, size_t i, struct err *e)
{
	uint64_t id;
	struct msg m;
	int r = root_live_make(j->root, i, &id, e);

	if (r == 0)
		r = init_proto_send(j->sock_fd, INIT_MSG_MOUNTING, &id, sizeof(id), NULL, 0, e);
	if (r == 0)
		r = init_proto_expect(j->sock_fd, INIT_MSG_GO, -1, &m, e);
	if (r < 0)
		return r;
	msg_done(&m);
	return root_live_attach(j->root, i, e);
}

static int put(void *ctx, struct err *e)
{
	struct init_job *j = ctx;
	int r = 0;

	for (size_t i = 0; r == 0 && i < root_live_count(j->root); i++)
		r = put_one(j, i, e);
	return r < 0 ? r : root_live_seal(j->root, e);
}

static void undo_put(void *ctx)
{
	root_live_undo(((struct init_job *)ctx)->root);
}

static int take(void *ctx, struct err *e)
{
	return root_live_remove(((struct init_job *)ctx)->root, e);
}

static int ready(void *ctx, struct err *e)
{
	struct init_job *j = ctx;

	return init_proto_send(j->sock_fd, INIT_MSG_READY, NULL, 0, NULL, 0, e);
}

/* clang-format off */
static const struct step add_rows[] = {
	{"join",  NULL, join,  NULL},
	{"put",	  NULL, put,   undo_put}, /* MOUNTING ->, <- GO, for each */
	{"ready", NULL, ready, NULL}, /* READY -> */
};
static const struct step remove_rows[] = {
	{"join",  NULL, join,  NULL},
	{"take",  NULL, take,  NULL},
	{"ready", NULL, ready, NULL}, /* READY -> */
};
/* clang-format on */
const struct step_list init_mounts_add_steps = {"mounts-add", add_rows,
						sizeof(add_rows) / sizeof(add_rows[0])};
const struct step_list init_mounts_remove_steps = {"mounts-remove", remove_rows,
						   sizeof(remove_rows) / sizeof(remove_rows[0])};

static _Noreturn void run(const struct step_list *steps, struct init_job *j)
{
	struct err e = ERR_INIT;

	if (step_run(steps, j, &e) == 0)
		_exit(0);
	init_proto_fail(j->sock_fd, &e);
	_exit(1);
}

_Noreturn void init_mounts_add_main(struct init_job *j)
{
	run(&init_mounts_add_steps, j);
}

_Noreturn void init_mounts_remove_main(struct init_job *j)
{
	run(&init_mounts_remove_steps, j);
}
