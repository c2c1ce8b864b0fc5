/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_migrate_recv: the other side of migrate, on the host where a container goes. Its
 * standard input and output are the line; nobody calls it but migrate. */
#include "runtime/cli/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include "base/auto.h"
#include "checkpoint/checkpoint.h"
#include "base/ban.h"

/* Nothing else may read or write the line: what is printed by mistake goes to the error stream. */
static int take_line(int *ret_in, int *ret_out, struct err *e)
{
	AUTO_FD in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	AUTO_FD out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	AUTO_FD null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (in < 0 || out < 0)
		return err_set(e, ERR_INPUT, EBADF,
			       "migrate-recv is started by \"stiva migrate\", by ssh");
	if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
	    dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return err_sys(e, errno, "standard streams");
	*ret_in = fd_take(&in);
	*ret_out = fd_take(&out);
	return 0;
}

static int run(struct cmd_call *call, struct err *e)
{
	int in_fd = FD_NONE, out_fd = FD_NONE, r;

	if (isatty(STDIN_FILENO))
		return err_set(e, ERR_INPUT, ENOTTY,
			       "migrate-recv is started by \"stiva migrate\", by ssh");
	(void)signal(SIGPIPE, SIG_IGN);
	r = take_line(&in_fd, &out_fd, e);
	return r == 0 ? ckpt_migrate_receive(call->host, in_fd, out_fd, &call->status, e) : r;
}

const struct cmd_verb cmd_migrate_recv = {
	.name = "migrate-recv",
	.group = CMD_MOVE,
	.is_hidden = true,
	.wants_seal = true,
	.word = CMD_WORD_NONE,
	.summary = "receive a container from another host",
	.words = "",
	.detail = "The other side of migrate: it is started on the host where a container goes, by "
		  "the command of migrate's --rsh, and not by people.",
	.example = "migrate-recv",
	.run = run,
};
