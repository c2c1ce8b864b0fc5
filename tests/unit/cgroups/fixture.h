/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/cgroups/fixture: plain directories and files in place of a cgroup tree. */
#ifndef STIVA_TESTS_UNIT_CGROUPS_FIXTURE_H
#define STIVA_TESTS_UNIT_CGROUPS_FIXTURE_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	char path[64];
	int fd;
};

static inline int fixture_remove_one(const char *path, const struct stat *st, int type,
				     struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static inline void fixture_make(struct fixture *f)
{
	snprintf(f->path, sizeof(f->path), "/tmp/stiva-cgroup.XXXXXX");
	if (!mkdtemp(f->path))
		abort();
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->fd < 0)
		abort();
}

static inline void fixture_done(struct fixture *f)
{
	close(f->fd);
	nftw(f->path, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static inline void fixture_put(struct fixture *f, const char *name, const char *text)
{
	int fd = openat(f->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	close(fd);
}

/* The text of a file, or "-" when there is none. */
static inline const char *fixture_get(struct fixture *f, const char *name)
{
	static char text[512];
	int fd = openat(f->fd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return "-";
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

#endif
