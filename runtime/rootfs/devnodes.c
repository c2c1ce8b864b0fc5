/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/rootfs/devnodes: nodes of linux.devices for a new user namespace. Its root may make none,
 * and the host's own nodes have other owners and modes, or other paths (conformance D04, R34). A
 * privileged parent makes them instead: in a tmpfs of its own, which a helper process mounts in a
 * mount namespace that ends with it, so that nothing is ever to be seen on the host. What remains
 * are detached mounts of single nodes, that the child inherits and attaches (dev.c). Without them
 * the child binds the host's.
 */
#include "base/sys.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include "base/fd.h"
#include "base/idmap.h"
#include "base/log.h"
#include "base/proc.h"
#include "runtime/rootfs/plan.h"
#include "base/ban.h"

/* Each is an open file until the child has attached it: RLIMIT_NOFILE is often 1024. */
#define NODES_MAX 256

/* ---- the helper ---- */

static int make_tmpfs(int *ret_fd)
{
	const struct mount_attr private = {.propagation = MS_PRIVATE};
	const struct root_fs fs = {.type = "tmpfs", .attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC};
	AUTO_FD fd = FD_NONE;
	/* Else what is attached here would be attached on the host as well. */
	int r = sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &private, sizeof(private));

	if (r == 0)
		r = root_fs_make(&fs, &fd, NULL, 0);
	/* A detached mount can be cloned since 6.15 only. */
	if (r == 0)
		r = sys_move_mount(fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
	if (r == 0)
		*ret_fd = fd_take(&fd);
	return r;
}

static int send_node(const struct root_device *d, uint32_t i, uid_t uid, gid_t gid, int fs_fd,
		     int sock_fd)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", i);
	if (mknodat(fs_fd, name, d->mode, d->rdev) < 0 ||
	    fchownat(fs_fd, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	AUTO_FD fd = sys_open_tree(fs_fd, name,
				   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);

	return fd < 0 ? fd : fd_send(sock_fd, &i, sizeof(i), &fd, 1);
}

struct owner {
	uid_t uid;
	gid_t gid;
	bool is_wanted;
};

static _Noreturn void helper(const struct root_plan *p, const struct owner *owners, int sock_fd)
{
	AUTO_FD fs_fd = FD_NONE;
	int r = make_tmpfs(&fs_fd);

	umask(0);
	for (size_t i = 0; r == 0 && i < p->n_devices; i++)
		if (owners[i].is_wanted)
			r = send_node(&p->devices[i], (uint32_t)i, owners[i].uid, owners[i].gid,
				      fs_fd, sock_fd);
	if (r < 0)
		log_debug("device nodes for the user namespace: %s", err_words(-r));
	_exit(r < 0);
}

/* ---- the parent ---- */

static int find_owner(const struct root_device *d, const struct id_map *uids,
		      const struct id_map *gids, struct owner *ret, struct err *e)
{
	uint32_t uid, gid;
	bool no_uid = idmap_to_host(uids, d->uid, &uid) < 0;

	if (no_uid || idmap_to_host(gids, d->gid, &gid) < 0)
		return err_set(e, ERR_INPUT, EINVAL,
			       "linux.devices[%zu].%s: %u is not mapped into the user namespace",
			       d->index, no_uid ? "uid" : "gid", no_uid ? d->uid : d->gid);
	*ret = (struct owner){uid, gid, true};
	return 0;
}

static void receive(struct root_plan *p, int sock_fd)
{
	for (;;) {
		uint32_t i;
		size_t n = 1;
		int fd = FD_NONE;

		if (fd_recv(sock_fd, &i, sizeof(i), &fd, &n) != (ssize_t)sizeof(i) || n != 1)
			return;
		if (i < p->n_devices)
			fd_replace(&p->devices[i].tree_fd, fd);
		else
			close(fd);
	}
}

int root_devnodes_open(struct root_plan *p, struct err *e)
{
	const struct spec_linux *l = p->conf->linux_;
	struct owner *owners = arena_array(p->arena, p->n_devices + 1, sizeof(*owners));
	struct id_map uids = spec_id_map(&l->uid_mappings, p->arena);
	struct id_map gids = spec_id_map(&l->gid_mappings, p->arena);
	AUTO_FD pidfd = FD_NONE;
	size_t n = 0;
	int ends[2], status;

	for (size_t i = 0; i < p->n_devices; i++) {
		const struct root_device *d = &p->devices[i];

		/* The default ones are the host's: everybody's, and one bind cheaper. */
		if (d->index == ROOT_NO_INDEX || S_ISFIFO(d->mode) || n >= NODES_MAX)
			continue;
		int r = find_owner(d, &uids, &gids, &owners[i], e);

		if (r < 0)
			return r;
		n++;
	}
	if (!n || fd_seqpacket_pair(ends) < 0)
		return 0;
	AUTO_FD ours = ends[0];
	AUTO_FD theirs = ends[1];
	pid_t pid = proc_clone(CLONE_NEWNS, FD_NONE, &pidfd);

	if (pid == 0)
		helper(p, owners, theirs);
	auto_fd_done(&theirs);
	if (pid < 0) {
		log_debug("device nodes for the user namespace: %s", err_words(-pid));
		return 0;
	}
	receive(p, ours);
	(void)proc_wait(pidfd, -1, &status);
	return 0;
}
