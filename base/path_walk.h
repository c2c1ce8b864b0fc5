/* SPDX-License-Identifier: Apache-2.0 */
/* base/path_walk: the component walk behind base/path. Private to base/path.c. */
#ifndef STIVA_BASE_PATH_WALK_H
#define STIVA_BASE_PATH_WALK_H

#include <sys/types.h>

enum path_make {
	PATH_MAKE_NONE,
	PATH_MAKE_DIR,	/* every missing component becomes a directory */
	PATH_MAKE_FILE, /* the last becomes an empty regular file, those before it directories */
};

struct path_goal {
	int flags; /* as open(2); O_NOFOLLOW is about the last component */
	enum path_make make;
	mode_t mode;	 /* of the last component, not cut by umask */
	mode_t dir_mode; /* of the directories before it */
};

/* Resolves `path` inside root_fd with the answers of openat2(RESOLVE_IN_ROOT |
 * RESOLVE_NO_MAGICLINKS). Return: fd (CLOEXEC) or -errno. */
int path_walk(int root_fd, const char *path, const struct path_goal *goal);

#endif
