/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/auto: cleanup attributes. A variable declared with one of these owns its thing and lets go
 * of it on every return. fds start as -EBADF; *_take() moves ownership out.
 */
#ifndef STIVA_BASE_AUTO_H
#define STIVA_BASE_AUTO_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FD_NONE (-EBADF)

#define AUTO_FD	  __attribute__((cleanup(auto_fd_done))) int
#define AUTO_FREE __attribute__((cleanup(auto_free_done)))
#define AUTO_DIR  __attribute__((cleanup(auto_dir_done))) DIR *
#define AUTO_FILE __attribute__((cleanup(auto_file_done))) FILE *

/* AUTO(arena) a = ...: calls arena_done(&a). T_done() accepts zeroed and already-done objects. */
#define AUTO(type) __attribute__((cleanup(type##_done))) struct type

/* Closes *fd if it is open; errno is kept. */
static inline void auto_fd_done(int *fd)
{
	if (*fd >= 0) {
		int keep = errno;
		close(*fd);
		errno = keep;
	}
	*fd = FD_NONE;
}

static inline int fd_take(int *fd)
{
	int v = *fd;
	*fd = FD_NONE;
	return v;
}

/* Closes what *fd held and puts `v` there. */
static inline void fd_replace(int *fd, int v)
{
	auto_fd_done(fd);
	*fd = v;
}

static inline void auto_free_done(void *p)
{
	void *v;
	__builtin_memcpy(&v, p, sizeof(v));
	free(v);
}

static inline void *ptr_take_(void **p)
{
	void *v = *p;
	*p = NULL;
	return v;
}
#define ptr_take(p) ((__typeof__(*(p)))ptr_take_((void **)(p)))

static inline void auto_dir_done(DIR **d)
{
	if (*d)
		closedir(*d);
	*d = NULL;
}

static inline void auto_file_done(FILE **f)
{
	if (*f)
		fclose(*f);
	*f = NULL;
}

#endif
