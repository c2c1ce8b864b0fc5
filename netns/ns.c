// SPDX-License-Identifier: Apache-2.0
/*
 * netns/ns: network namespaces as files, a netlink socket in one of them, and the grammar of
 * interface names. It must not know of containers. Called by move.c and runtime/life.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include "base/proc.h"
#include "base/str.h"
#include "netns/internal.h"
#include "netns/netns.h"
#include "base/ban.h"

int net_name_check(const char *name)
{
	/* net/core/dev.c, dev_valid_name() */
	if (!name[0] || strlen(name) >= IFNAMSIZ || str_eq(name, ".") || str_eq(name, ".."))
		return -EINVAL;
	for (const char *s = name; *s; s++)
		if (*s == '/' || *s == ':' || (unsigned char)*s <= ' ' || *s == 0x7f)
			return -EINVAL;
	return 0;
}

int net_ns_open(const char *path, int *ret_fd, struct err *e)
{
	int fd = proc_ns_open(path, CLONE_NEWNET);

	if (fd == -ENOTTY || fd == -EINVAL)
		return err_set(e, ERR_INPUT, EINVAL, "\"%s\" is not a network namespace", path);
	if (fd < 0)
		return err_sys(e, fd, "open network namespace \"%s\"", path);
	*ret_fd = fd;
	return 0;
}

bool net_ns_is_own(int ns_fd)
{
	struct stat own, st;

	return fstatat(AT_FDCWD, "/proc/self/ns/net", &own, 0) == 0 && fstat(ns_fd, &st) == 0 &&
	       own.st_dev == st.st_dev && own.st_ino == st.st_ino;
}

int net_ns_socket(int ns_fd, int own_fd, int *ret_fd)
{
	AUTO_FD fd = FD_NONE;

	if (setns(ns_fd, CLONE_NEWNET) < 0)
		return -errno;
	int r = net_nl_open(&fd);

	/* A socket stays in the namespace where it was made. */
	if (setns(own_fd, CLONE_NEWNET) < 0)
		return -errno;
	if (r == 0)
		*ret_fd = fd_take(&fd);
	return r;
}
