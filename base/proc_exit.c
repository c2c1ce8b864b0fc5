/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/proc_exit: how a process that is no child of ours ended. The kernel tells it in two places,
 * each for a while: /proc/PID/stat as long as its parent has not reaped it, and the pidfd
 * afterwards (PIDFD_GET_INFO, 6.15). It must not know what the process was.
 */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "base/file.h"
#include "base/num.h"
#include "base/ban.h"

/* linux/pidfd.h of 6.15; Debian 12's headers are older. */
struct pidfd_exit_info {
	uint64_t mask, cgroup;
	uint32_t pid, tgid, ppid, ids[8];
	int32_t exit_code;
};
_Static_assert(sizeof(struct pidfd_exit_info) == 64, "version 0 of struct pidfd_info");
#define EXIT_INFO_GET  _IOWR(0xFF, 11, struct pidfd_exit_info)
#define EXIT_INFO_EXIT (UINT64_C(1) << 3)

#define STAT_MAX     1024
#define STAT_START   22
#define STAT_EXIT    52
#define REAP_WAIT_MS 1000 /* how long a parent may take to reap, when only that helps us */

/* As waitpid(2) has it, to what a shell says. */
static int shell_status(int64_t raw)
{
	return raw & 0x7f ? 128 + (int)(raw & 0x7f) : (int)(raw >> 8 & 0xff);
}

/* Return: 0, -EAGAIN while it is no zombie or we may not see, -errno. */
static int from_stat(pid_t pid, uint64_t ticks, int *ret)
{
	char path[32], text[STAT_MAX];
	uint64_t start = 0;
	int64_t code = 0;
	const char *s;
	int n, field = 3;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	n = file_read_kernel(AT_FDCWD, path, text, sizeof(text));
	s = n > 0 ? strrchr(text, ')') : NULL;
	if (!s || s[1] != ' ' || s[2] != 'Z')
		return -EAGAIN;
	for (s += 2; *s && field < STAT_EXIT; field++) {
		s += strcspn(s, " ");
		s += *s == ' ';
		if (field + 1 == STAT_START && num_u64n(s, strcspn(s, " \n"), &start) < 0)
			return -EBADMSG;
	}
	if (num_i64n(s, strcspn(s, " \n"), &code) < 0 || start != ticks)
		return -EAGAIN;
	/* Who may not trace it reads a 0. */
	if (code == 0 && geteuid() != 0)
		return -EAGAIN;
	*ret = shell_status(code);
	return 0;
}

static int from_pidfd(int pidfd, int *ret)
{
	struct pidfd_exit_info info = {.mask = EXIT_INFO_EXIT};

	if (ioctl(pidfd, EXIT_INFO_GET, &info) < 0)
		return -errno;
	if (!(info.mask & EXIT_INFO_EXIT))
		return -EAGAIN;
	*ret = shell_status(info.exit_code);
	return 0;
}

int proc_exit_status(int pidfd, pid_t pid, uint64_t ticks, int *ret_status)
{
	struct pollfd reaped = {.fd = pidfd};

	if (from_stat(pid, ticks, ret_status) == 0 || from_pidfd(pidfd, ret_status) == 0)
		return 0;
	/* POLLHUP comes when it is reaped (6.9); older kernels know nothing then. */
	(void)poll(&reaped, 1, REAP_WAIT_MS);
	return from_pidfd(pidfd, ret_status) == 0 ? 0 : -ENODATA;
}
