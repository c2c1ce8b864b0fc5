/* SPDX-License-Identifier: Apache-2.0 */
/* base/idmap: id ranges, /etc/subuid, writing uid and gid maps directly or by newuidmap(1).
 * Source: man 7 user_namespaces. */
#ifndef STIVA_BASE_IDMAP_H
#define STIVA_BASE_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"
#include "base/mem.h"

struct id_range {
	uint32_t container_id, host_id, size;
};
struct id_map {
	const struct id_range *v; /* borrowed */
	size_t n;
};

/* Host id of a container id. Return: 0 or -EINVAL when it is unmapped. */
int idmap_to_host(const struct id_map *m, uint32_t container_id, uint32_t *ret_host);
/* In any order: the kernel prints more than five lines in its own. */
bool idmap_equal(const struct id_map *a, const struct id_map *b);
/* No overlap, no size 0, no wrap, at most 340 ranges (kernel). `what`: "linux.uidMappings". */
int idmap_check(const struct id_map *m, const char *what, struct err *e) MUST_CHECK;
/*
 * Writes both maps of process `pid`. Privileged (CAP_SETUID in the parent user namespace): direct.
 * Else a single map of the caller's own id is written directly (setgroups "deny" first), and
 * anything more goes through newuidmap and newgidmap (fixed path list, never $PATH of a container).
 * *ret_setgroups_denied tells the child's setgroups(2) would fail.
 */
int idmap_write(pid_t pid, const struct id_map *uids, const struct id_map *gids,
		bool *ret_setgroups_denied, struct err *e) MUST_CHECK;
/* Reads /proc/PID/uid_map (or gid_map) into an arena. */
int idmap_read(pid_t pid, bool is_gid, struct arena *a, struct id_map *ret,
	       struct err *e) MUST_CHECK;
/* An fd of a user namespace that has these maps, and no process in it. Privileged. */
int idmap_userns(const struct id_map *uids, const struct id_map *gids, int *ret_fd,
		 struct err *e) MUST_CHECK;
/* What the caller may map without anybody's help but newuidmap's: itself as 0, and from 1 on its
 * ranges of /etc/subuid and /etc/subgid if both have some and newuidmap and newgidmap are there. */
void idmap_own(struct arena *a, struct id_map *ret_uids, struct id_map *ret_gids);
/* The first range of this user in /etc/subuid or /etc/subgid, by name or number. -ENOENT: none. */
int idmap_subid(const char *file, uid_t uid, uint32_t *ret_first, uint32_t *ret_count);

#endif
