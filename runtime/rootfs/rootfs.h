/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/rootfs: from config to a mounted, pivoted root. First a plan (plain data, printable, made
 * in the parent before the fork), then functions that the init child calls in this order:
 *
 *   root_attach()   own mount namespace made slave/private, rootfs cloned detached and attached
 *   root_mount_all()   every mount of the config, in order
 *   root_devices()  default and listed devices, symlinks, ptmx
 *   root_console()  /dev/console over the pty (terminal only)
 *   ... createContainer hooks (still before the pivot) ...
 *   root_pivot()    pivot_root, or MS_MOVE + chroot with --no-pivot
 *   root_seal()     masked and read-only paths, rootfsPropagation, read-only root
 *
 * Every path inside the container's tree is resolved by base/path under the root fd, once; mounts
 * are made detached with their final flags and attached by fd (security.md rules P1, P3).
 */
#ifndef STIVA_ROOTFS_ROOTFS_H
#define STIVA_ROOTFS_ROOTFS_H

#include <stdbool.h>
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "spec/spec.h"

struct root_host {
	int bundle_fd;		 /* borrowed: relative rootfs and bind sources start here */
	const char *bundle;	 /* absolute path, for messages */
	const char *cgroup_path; /* "/a/b" from the cgroup2 root, for binds without a cgroup
				    namespace */
	bool is_privileged;	 /* the parent may mount in its own namespace */
	bool no_pivot;
	const char
		*notify_socket_dir; /* host directory holding sd_notify's proxy socket, or NULL */
	const char *userns;	    /* of a running container, or NULL: that of the config */
	const char *view; /* lxcfs, see lxcfs below; "" = wherever it is mounted, NULL = none */
};

struct root_plan; /* owned by the arena it was made in; its fds are closed by root_plan_close() */

/* Pure: checks and orders. Errors name the property ("mounts[3].options: ..."). */
int root_plan_make(const struct spec_config *conf, const struct root_host *host, struct arena *a,
		   struct root_plan **ret, struct err *e) MUST_CHECK;
/* In the parent: opens the rootfs (O_PATH, must be a directory; its real path is then known), host
 * devices for binds, and, when the container has a new user namespace and we are privileged, the
 * bind sources as detached trees (open_tree), since mapped root may not reach them later. */
int root_plan_open(struct root_plan *p, struct err *e) MUST_CHECK;
/* Of very many such sources the rest is opened when the child asks: how many, and one of them. */
size_t root_plan_n_wanted(const struct root_plan *p);
int root_plan_tree(struct root_plan *p, size_t i, int *ret_fd, struct err *e) MUST_CHECK;
/* Whether something is mounted of lxcfs: its place, or NULL, and then what stands in the way of a
 * view that was wanted, or NULL. Valid after root_plan_open(). */
const char *root_plan_view(const struct root_plan *p, const char **ret_why);
/* What is, as paths of the container, in the plan's arena. */
struct strvec root_plan_view_paths(const struct root_plan *p);
/* How the child asks. */
void root_plan_fetcher(struct root_plan *p,
		       int (*fetch)(void *ctx, size_t i, int *ret_fd, struct err *e), void *ctx);
/* The rootfs's absolute host path (for state), valid after root_plan_open(). */
const char *root_plan_rootfs(const struct root_plan *p);
void root_plan_close(struct root_plan *p);
/* One line per planned mount: "mount 3: tmpfs tmpfs -> /dev nosuid,... data=mode=755". */
void root_plan_print(const struct root_plan *p, struct buf *out);

int root_attach(struct root_plan *p, struct err *e) MUST_CHECK;
int root_mount_all(struct root_plan *p, struct err *e) MUST_CHECK;
int root_devices(struct root_plan *p, struct err *e) MUST_CHECK;
/* Opens a pty in the container's devpts (or the host's when it has none): master CLOEXEC, slave
 * opened by TIOCGPTPEER; binds the slave on /dev/console. */
int root_console(struct root_plan *p, int *ret_master_fd, int *ret_slave_fd,
		 struct err *e) MUST_CHECK;
/* Makes the root-to-be the working directory (createContainer hooks). */
int root_chdir(const struct root_plan *p, struct err *e) MUST_CHECK;
int root_pivot(struct root_plan *p, struct err *e) MUST_CHECK;
int root_seal(struct root_plan *p, struct err *e) MUST_CHECK;

/*
 * stage: what a container is restored from by CRIU, in a mount namespace of its maker: a tmpfs over
 * `dir` (absolute) with the rootfs at ROOT_STAGE_ROOT, and, named by its index in config.mounts,
 * the source of each bind and of the cgroup file system. Mount points that the rootfs does not have
 * are made. place: NULL, or where all of that is in the end, open to every user.
 */
#define ROOT_STAGE_ROOT "root"
int root_stage(struct root_plan *p, const char *dir, const char *place, struct err *e) MUST_CHECK;
/* The source of what the config mounts at `from`, in the arena; NULL when it is none of those
 * above. Masked files: the host's null device. In the parent. */
const char *root_stage_source(const struct root_plan *p, const char *dir, const char *from,
			      const char *below);

/*
 * live: mounts of a running container. The caller reads the plan from the container's config with
 * its mounts replaced, opens in its own namespaces what only they have, and forks; the child enters
 * the container's mount namespace (and those of its user and its file systems) and goes through the
 * mounts one by one, so that each is on record by its id before it is attached.
 */
int root_live_plan(const struct spec_config *conf, const struct root_host *host, struct arena *a,
		   struct root_plan **ret, struct err *e) MUST_CHECK;
/* In the parent: bind sources and file systems as detached trees, the host's procfs. */
int root_live_open(struct root_plan *p, struct err *e) MUST_CHECK;
/* The same for a removal: names the mount of ids[i] at the i-th destination. */
int root_live_open_remove(struct root_plan *p, const uint64_t *ids, struct err *e) MUST_CHECK;
size_t root_live_count(const struct root_plan *p);
/* The clean destination of a mount, as it is recorded. */
const char *root_live_dest(const struct root_plan *p, size_t i);

/* In the child, whose root is the container's. */
int root_live_enter(struct root_plan *p, struct err *e) MUST_CHECK;
/* Makes the i-th mount, still detached, and its mount point; *ret_id names it. */
int root_live_make(struct root_plan *p, size_t i, uint64_t *ret_id, struct err *e) MUST_CHECK;
int root_live_attach(struct root_plan *p, size_t i, struct err *e) MUST_CHECK;
/* After the last one: what had to be writable until now. */
int root_live_seal(struct root_plan *p, struct err *e) MUST_CHECK;
/* Takes away what was attached, last first, and the mount points made for it. */
void root_live_undo(struct root_plan *p);
/* Finds all mounts by their ids, then takes them away, last first. */
int root_live_remove(struct root_plan *p, struct err *e) MUST_CHECK;

/*
 * lxcfs: a file system of a daemon, with files of /proc and /sys as the cgroup of whoever reads
 * them has it: memory, CPUs, load. Looked for by a child with a deadline, since the daemon may be
 * dead or stuck. Return: 0 and where it is mounted (PATH_MAX bytes), -ENOENT when it is not, or
 * what is wrong with it.
 */
int root_lxcfs_find(char *ret_place, struct err *e) MUST_CHECK;

/* live: opens a pty for exec inside an already entered container (its /dev/pts/ptmx, verified). */
int root_exec_pty(int *ret_master_fd, int *ret_slave_fd, struct err *e) MUST_CHECK;

#endif
