// SPDX-License-Identifier: Apache-2.0
/*
 * netns/ns: network namespaces as files, and the grammar of interface names. It must not know of
 * containers. Called by runtime/life.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "base/auto.h"
#include "base/str.h"
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
	struct statfs fs;
	/* O_NONBLOCK: the path may be a fifo. */
	AUTO_FD fd = openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, errno, "open network namespace \"%s\"", path);
	if (fstatfs(fd, &fs) < 0)
		return err_sys(e, errno, "stat network namespace \"%s\"", path);
	if (fs.f_type != NSFS_MAGIC || ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return err_set(e, ERR_INPUT, EINVAL, "\"%s\" is not a network namespace", path);
	*ret_fd = fd_take(&fd);
	return 0;
}

bool net_ns_is_own(int ns_fd)
{
	struct stat own, st;

	return fstatat(AT_FDCWD, "/proc/self/ns/net", &own, 0) == 0 && fstat(ns_fd, &st) == 0 &&
	       own.st_dev == st.st_dev && own.st_ino == st.st_ino;
}
