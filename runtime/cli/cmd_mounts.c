/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_mounts: the verb mounts, of crun's shape: mounts add|remove ID FILE. */
#include "runtime/cli/cmd.h"

#include <errno.h>
#include "base/ban.h"

static int run(struct cmd_call *call, struct err *e)
{
	const char *what = call->words[0], *id = call->words[1], *file = call->words[2];

	if (str_eq(what, "add"))
		return life_mounts_add(call->host, id, file, e);
	if (str_eq(what, "remove"))
		return life_mounts_remove(call->host, id, file, e);
	return err_set(e, ERR_INPUT, EINVAL, "mounts \"%.64s\": must be add or remove", what);
}

const struct cmd_verb cmd_mounts = {
	.name = "mounts",
	.group = CMD_LIFECYCLE,
	.wants_seal = true,
	.word = CMD_WORD_ADD_REMOVE,
	.summary = "add mounts to a running container, or remove them again",
	.words = "add|remove ID FILE",
	.detail =
		"FILE (- for standard input) is a JSON list of mounts as in the config.json of a "
		"bundle, or an object with the member mounts. Their sources are found outside of "
		"the "
		"container, their destinations inside; missing mount points are made. All of the "
		"list is mounted, or, after an error, nothing of it.\n\n"
		"remove looks at the destinations only, and takes away what add has put there. "
		"What "
		"the container was created with stays. Files that are open keep their mount in use "
		"until they are closed.\n\n"
		"Not possible are mounts of proc, sysfs and cgroup, remounts, and mounts on /, "
		"/proc, "
		"/sys and /dev themselves; for others than root, bind mounts neither. A paused "
		"container stays paused.",
	.example = "mounts add web extra-mounts.json",
	.min_words = 3,
	.max_words = 3,
	.run = run,
};
