/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/verbs: the list of the verbs. A new verb is a file cmd_NAME.c and one line here.
 * Called by main.c and by the makers of texts. Compiled twice: with STIVA_LAUNCH for the launch
 * image (seal.h), whose list is shorter.
 */
#include "runtime/cli/cmd.h"

#include <errno.h>
#include <string.h>
#include "runtime/cli/seal.h"
#include "base/ban.h"

/* By group, and within a group by the order of a container's life. */
/* clang-format off */
#ifdef STIVA_LAUNCH
#define ROW(name) &cmd_##name,
const struct cmd_verb *const cmd_verbs[] = {CMD_LAUNCH_VERBS(ROW) NULL};
#else
const struct cmd_verb *const cmd_verbs[] = {
	&cmd_create, &cmd_start, &cmd_run, &cmd_exec, &cmd_pause, &cmd_resume, &cmd_update,
	&cmd_resize, &cmd_autosize,
	&cmd_mounts, &cmd_kill, &cmd_wait, &cmd_delete,
	&cmd_list, &cmd_state, &cmd_inspect, &cmd_ps, &cmd_events, &cmd_stats,
	&cmd_checkpoint, &cmd_restore, &cmd_migrate, &cmd_migrate_recv,
	&cmd_doctor, &cmd_spec, &cmd_validate, &cmd_features, &cmd_help, &cmd_completion,
#ifdef STIVA_FAULTS
	&cmd_faults,
#endif
	NULL,
};
#endif
/* clang-format on */

const char *cmd_group_title(enum cmd_group g)
{
	static const char *const titles[] = {
		[CMD_LIFECYCLE] = "life of a container",
		[CMD_OBSERVE] = "what is there",
		[CMD_RESOURCES] = "resources",
		[CMD_MOVE] = "checkpoint, restore, migrate",
		[CMD_TOOLS] = "documents and help",
	};
	_Static_assert(sizeof(titles) / sizeof(titles[0]) == CMD_GROUP_N, "one per group");

	return titles[g];
}

bool cmd_group_is_used(enum cmd_group g)
{
	for (size_t i = 0; cmd_verbs[i]; i++)
		if (cmd_verbs[i]->group == g && !cmd_verbs[i]->is_hidden)
			return true;
	return false;
}

const struct cmd_verb *cmd_verb_find(const char *name, struct err *e)
{
	const struct cmd_verb *like = NULL;
	unsigned least = 3;

	for (size_t i = 0; cmd_verbs[i]; i++) {
		unsigned d;
		if (str_eq(cmd_verbs[i]->name, name))
			return cmd_verbs[i];
		d = str_distance(name, cmd_verbs[i]->name, 2);
		if (d < least && d < strlen(cmd_verbs[i]->name) && !cmd_verbs[i]->is_hidden) {
			least = d;
			like = cmd_verbs[i];
		}
	}
	if (like)
		err_set(e, ERR_INPUT, EINVAL, "unknown command \"%s\"; did you mean \"%s\"?", name,
			like->name);
	else
		err_set(e, ERR_INPUT, EINVAL, "unknown command \"%s\"; see stiva help", name);
	return NULL;
}
