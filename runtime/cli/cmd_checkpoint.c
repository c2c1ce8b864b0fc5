/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_checkpoint: the verb checkpoint, and the options that restore shares with it. */
#include "runtime/cli/cmd.h"

#include "checkpoint/checkpoint.h"
#include "base/ban.h"

/* Both verbs' structs begin with it. */
#define A struct ckpt_common
/* clang-format off */
static const struct cmd_opt common_rows[] = {
	O_STR(A, image_path, "image-path", 0, "DIR", "checkpoint", "where the images are"),
	O_STR(A, work_path, "work-path", 0, "DIR", "the image path", "where CRIU keeps its logs"),
	O_STR(A, page_server, "page-server", 0, "ADDRESS:PORT", NULL, "the page server that has or gets the memory"),
	O_FLAG(A, tcp_established, "tcp-established", 0, "keep established TCP connections"),
	O_FLAG(A, tcp_close, "tcp-close", 0, "close TCP connections"),
	O_FLAG(A, tcp_skip_in_flight, "tcp-skip-in-flight", 0, "leave out TCP connections that are being made"),
	O_FLAG(A, ext_unix_sk, "ext-unix-sk", 0, "allow unix sockets whose other end is outside"),
	O_FLAG(A, shell_job, "shell-job", 0, "allow a terminal of the caller's"),
	O_FLAG(A, file_locks, "file-locks", 0, "keep file locks"),
	O_FLAG(A, link_remap, "link-remap", 0, "keep deleted files that are open by a hard link"),
	O_FLAG(A, lazy_pages, "lazy-pages", 0, "send memory when it is touched, after the restore"),
	O_WORD(A, cgroups, "manage-cgroups-mode", 0, &ckpt_words_cgroups, "ignore", "taken for other runtimes' sake: stiva itself makes the cgroup again"),
	O_WORD(A, empty_ns, "empty-ns", 0, &ckpt_words_empty, NULL, "make this namespace empty instead of restoring it"),
	O_FLAG(A, auto_dedup, "auto-dedup", 0, "remove memory from the parent's images that is in the newer ones"),
	O_WORD(A, lock, "network-lock", 0, &ckpt_words_lock, "iptables with --tcp-established, else skip", "how connections are held meanwhile"),
};
#undef A
const struct cmd_opts cmd_checkpoint_common = CMD_OPTS(common_rows);
#define A struct ckpt_dump_args
static const struct cmd_opt rows[] = {
	O_STR(A, common.parent_path, "parent-path", 0, "DIR", NULL,
	      "the images of an earlier pre-dump, relative to the image path"),
	O_U32(A, common.status_fd, "status-fd", 0, "FD", NULL, "write a byte to this descriptor when the page server is ready"),
	O_FLAG(A, leave_running, "leave-running", 0, "do not end the container"),
	O_FLAG(A, pre_dump, "pre-dump", 0, "write the memory only, and let the container run"),
	O_FLAG(A, check, "check", 0, "only print what stands in the way, one a line; the container does not notice"),
};
/* clang-format on */
_Static_assert(offsetof(struct ckpt_dump_args, common) == 0, "the common rows count from it");

static int run(struct cmd_call *call, struct err *e)
{
	return ckpt_dump(call->host, call->words[0], call->args, call->out, e);
}

const struct cmd_verb cmd_checkpoint = {
	.name = "checkpoint",
	.group = CMD_MOVE,
	.word = CMD_WORD_ID,
	.summary = "write a container to files",
	.words = "ID",
	.detail =
		"Writes the processes of a container that is running or paused to images, from "
		"which restore makes it again, here or on another machine. Once the images are "
		"complete the container ends, unless --leave-running is given; when anything "
		"fails, or stiva is killed, it goes on.\n\n"
		"It takes CRIU 4.1 or later. Beside its images are stiva.json, descriptors.json "
		"(as runc and crun write it) and stiva.manifest, the digests of all of them. The "
		"cgroup is always frozen, and made again, by stiva; so is the network namespace, "
		"whose devices and addresses are not in the images.\n\n"
		"With --page-server the memory goes to a \"criu page-server\" that listens there, "
		"and not beside the images; before a restore the files that it wrote are put "
		"beside them. No digest is made of these, only their sizes are checked.\n\n"
		"Refused by this version: --pre-dump, --parent-path, --lazy-pages, --status-fd, "
		"--auto-dedup; containers whose user namespace has no mapping of "
		"the id 0, or that has a sysfs and no new network namespace, with another "
		"joined namespace than that of the network, with linux.netDevices, "
		"linux.intelRdt or a seccomp agent, and processes that came in by exec.",
	.example = "checkpoint --image-path /var/tmp/web --leave-running web",
	.opts = CMD_OPTS_MORE(rows, &cmd_checkpoint_common),
	.args_size = sizeof(struct ckpt_dump_args),
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
