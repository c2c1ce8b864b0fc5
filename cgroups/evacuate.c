// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups/evacuate: makes room at the top of a delegated tree (conformance C14). The kernel gives
 * no controller to the children of a cgroup with processes; at the top of what was delegated to us
 * these are we ourselves and who called us, and there is no cgroup above that could do it instead.
 * So they move into a child, "init", as they do in every container that runs containers. It must
 * not know of limits. Called by enable.c, only when a limit needs it.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cgroups/internal.h"
#include "base/ban.h"

#define CHILD	 "init"
#define ROUNDS	 16 /* who forks meanwhile leaves his child behind */
#define TEXT_MAX 65536

/* True at the root of our cgroup namespace, but not at the kernel's, and in a user's own cgroup. */
static bool is_ours(int dir_fd, const char *path)
{
	char own[CG_PATH_MAX], text[2 * CG_PATH_MAX];

	if (str_eq(path, "/"))
		return faccessat(dir_fd, "cgroup.type", F_OK, 0) == 0;
	return geteuid() != 0 &&
	       file_read_kernel(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) > 0 &&
	       cg_where_parse_self(text, own) == 0 && str_eq(own, path);
}

/* Moves who is there now. Return: how many there were, or -errno. */
static int move_all(int dir_fd, char *text)
{
	int n = 0, r = file_read_kernel(dir_fd, "cgroup.procs", text, TEXT_MAX);

	for (char *s = text; r >= 0 && *s; n++) {
		char *end = strchrnul(s, '\n');
		bool is_last = !*end;

		*end = '\0';
		r = file_write_kernel(dir_fd, CHILD "/cgroup.procs", s);
		if (r == -ESRCH)
			r = 0; /* ended meanwhile */
		s = is_last ? end : end + 1;
	}
	return r < 0 ? r : n;
}

int cg_evacuate(int dir_fd, const char *path)
{
	AUTO_FREE char *text = NULL;
	int n = 1;

	if (!is_ours(dir_fd, path))
		return -EBUSY;
	if (mkdirat(dir_fd, CHILD, 0755) < 0 && errno != EEXIST)
		return -errno;
	text = mem_alloc(TEXT_MAX);
	for (int i = 0; i < ROUNDS && n > 0; i++)
		n = move_all(dir_fd, text);
	log_info("cgroup \"%s\": its processes were moved to its child \"" CHILD "\"", path);
	return n > 0 ? -EBUSY : n;
}
