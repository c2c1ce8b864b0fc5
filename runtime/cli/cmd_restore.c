/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_restore: the verb restore. */
#include "runtime/cli/cmd.h"

#include "checkpoint/checkpoint.h"
#include "base/ban.h"

#define A struct ckpt_restore_args
/* clang-format off */
static const struct cmd_opt rows[] = {
	O_STR(A, life.bundle, "bundle", 'b', "DIR", "the current directory", "the bundle"),
	O_STR(A, life.console_socket, "console-socket", 0, "SOCKET", NULL,
	      "send the terminal's master over this unix socket"),
	O_STR(A, life.pid_file, "pid-file", 0, "FILE", NULL, "write the pid of the first process to this file"),
	O_FLAG(A, life.detach, "detach", 'd', "return when the container runs, and leave it running"),
	O_FLAG(A, life.no_subreaper, "no-subreaper", 0,
	       "do not become the parent of orphaned processes while restore waits"),
	O_FLAG(A, life.no_pivot, "no-pivot", 0,
	       "move the root mount instead of pivoting, for a root file system on a ramdisk"),
	O_STR(A, lsm_profile, "lsm-profile", 0, "TYPE:NAME", NULL,
	      "another profile than the one of the images: selinux:LABEL or apparmor:PROFILE"),
	O_STR(A, lsm_mount_context, "lsm-mount-context", 0, "LABEL", NULL,
	      "another SELinux context for the mounts than the one of the images"),
};
/* clang-format on */
_Static_assert(offsetof(struct ckpt_restore_args, common) == 0, "the common rows count from it");

static int run(struct cmd_call *call, struct err *e)
{
	struct ckpt_restore_args *a = call->args;

	a->life.id = call->words[0];
	return ckpt_restore(call->host, a, &call->status, e);
}

const struct cmd_verb cmd_restore = {
	.name = "restore",
	.group = CMD_MOVE,
	.wants_seal = true,
	.word = CMD_WORD_NEW_ID,
	.summary = "make a container from a checkpoint",
	.words = "ID",
	.detail = "Makes the container ID from a bundle and the images that checkpoint wrote. What "
		  "is around the processes comes from config.json: namespaces, mounts, cgroup, "
		  "hooks; limits are those that were in force. In the foreground it waits as run "
		  "does.\n\n"
		  "Images that were changed, cut off or written on another kind of machine are "
		  "refused, and before the first instruction runs every process is compared with "
		  "config.json: its capabilities, ids, filter, namespaces and cgroup.\n\n"
		  "Standard streams: a pipe becomes the stream of restore; a file must be given "
		  "again in its place; a terminal goes to --console-socket, or to the caller's in "
		  "the foreground.",
	.example = "restore --detach --bundle /srv/web --image-path /var/tmp/web web",
	.opts = CMD_OPTS_MORE(rows, &cmd_checkpoint_common),
	.args_size = sizeof(struct ckpt_restore_args),
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
