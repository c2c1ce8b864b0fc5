/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/userns: what CRIU needs when the container has a user namespace of its own: the root
 * of that namespace, to whom no file of the host belongs, opens the images, and files that were
 * streams. Called by dump.c and restore.c.
 */
#include "checkpoint/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/idmap.h"
#include "base/log.h"
#include "base/sys.h"
#include "checkpoint/mig_store.h"
#include "base/ban.h"

bool ckpt_userns_makes_net(const struct spec_config *conf)
{
	return spec_ns_is_new(conf, SPEC_NS_USER) && spec_ns_is_new(conf, SPEC_NS_NETWORK);
}

bool ckpt_userns_is_in_net(const struct spec_config *conf)
{
	const struct spec_namespace *net = spec_ns(conf, SPEC_NS_NETWORK);

	return spec_ns_is_new(conf, SPEC_NS_USER) && net && net->path;
}

/* ---- what must hold before and after ---- */

/* Only the user namespace that a network namespace is of may mount its sysfs: the container has one
 * that was bound from the host, which CRIU takes for one that it can make again. */
static int check_sysfs(const struct spec_config *conf, struct err *e)
{
	if (spec_ns_is_new(conf, SPEC_NS_NETWORK))
		return 0;
	for (size_t i = 0; i < conf->mounts.n; i++)
		if (str_eq(conf->mounts.v[i].type, "sysfs"))
			return err_set(e, ERR_MISSING, ENOTSUP,
				       "mounts[%zu]: CRIU cannot make a sysfs again in a user "
				       "namespace without a new network namespace: bind it from "
				       "the host's /sys",
				       i);
	return 0;
}

int ckpt_userns_check(const struct spec_config *conf, struct err *e)
{
	AUTO(arena) a = {0};
	uint32_t id;

	if (!spec_ns_is_new(conf, SPEC_NS_USER))
		return 0;
	const struct id_map uids = spec_id_map(&conf->linux_->uid_mappings, &a),
			    gids = spec_id_map(&conf->linux_->gid_mappings, &a);
	bool has_uid = idmap_to_host(&uids, 0, &id) == 0;

	if (has_uid && idmap_to_host(&gids, 0, &id) == 0)
		return check_sysfs(conf, e);
	return err_set(e, ERR_MISSING, ENOTSUP,
		       "linux.%cidMappings: no mapping of the id 0: CRIU cannot restore a user "
		       "namespace without a root",
		       has_uid ? 'g' : 'u');
}

/* CRIU clones each mount by itself, which the kernel does not let the root of another user
 * namespace do where something is mounted below. */
int ckpt_userns_below(const struct life_held *x, struct err *e)
{
	AUTO(arena) a = {0};
	struct ckpt_meta m = {0};
	int r = 0;

	if (spec_ns_is_new(x->conf, SPEC_NS_USER))
		r = ckpt_outside_find(x, &m, &a, e);
	for (size_t i = 0; r == 0 && i < m.mounts.n; i++)
		if (m.mounts.v[i].below && *m.mounts.v[i].below)
			r = err_set(
				e, ERR_MISSING, ENOTSUP,
				"\"%.200s\" is a mount of the host below that at \"%.200s\": "
				"with a user namespace CRIU cannot restore it (\"bind\" instead "
				"of \"rbind\" leaves it out)",
				m.mounts.v[i].path, m.mounts.v[i].from);
	return r;
}

int ckpt_userns_audit(const struct spec_config *conf, pid_t pid, struct err *e)
{
	AUTO(arena) a = {0};
	const struct spec_id_mapping_vec *v[2] = {&conf->linux_->uid_mappings,
						  &conf->linux_->gid_mappings};

	for (int i = 0; spec_ns_is_new(conf, SPEC_NS_USER) && i < 2; i++) {
		const struct id_map want = spec_id_map(v[i], &a);
		struct id_map has;
		int r = idmap_read(pid, i, &a, &has, e);

		if (r < 0)
			return r;
		if (!idmap_equal(&want, &has))
			return err_set(e, ERR_INPUT, EINVAL,
				       "linux.%cidMappings: the images are of a container with "
				       "other mappings: nothing of it has run",
				       i ? 'g' : 'u');
	}
	return 0;
}

/* A detached clone of the mount at fd whose owners are those that the maps say. Leaf. */
static int clone_mapped(int fd, int ns_fd, uint64_t attrs, int *ret_fd)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP | attrs,
				  .userns_fd = (uint64_t)ns_fd};
	AUTO_FD tree_fd =
		sys_open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	int r = tree_fd < 0 ? tree_fd
			    : sys_mount_setattr(tree_fd, "", AT_EMPTY_PATH, &attr, sizeof(attr));

	if (r == 0)
		*ret_fd = fd_take(&tree_fd);
	return r;
}

/* An fd of a user namespace in which this owner is the root of the container's, and this group the
 * host's gid. */
static int make_map(const struct spec_config *conf, const struct stat *st, gid_t gid, int *ret_fd,
		    struct err *e)
{
	AUTO(arena) a = {0};
	struct id_map maps = spec_id_map(&conf->linux_->uid_mappings, &a);
	struct id_range uid = {st->st_uid, 0, 1}, group = {st->st_gid, gid, 1};

	if (idmap_to_host(&maps, 0, &uid.host_id) < 0)
		return err_set(e, ERR_BUG, EINVAL, "linux.uidMappings: no mapping of the id 0");
	const struct id_map uids = {&uid, 1}, gids = {&group, 1};

	return idmap_userns(&uids, &gids, ret_fd, e);
}

/* ---- images ---- */

static int add_mode(int fd, mode_t bit)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	return st.st_mode & bit || fchmod(fd, (st.st_mode & 07777) | bit) == 0 ? 0 : -errno;
}

/* One kind of image CRIU opens before the maps are written, at times: the process has still our ids
 * then, but in a user namespace that knows none of them; the group's bits are all that it has. */
static int open_to_group(int image_fd)
{
	AUTO_DIR d = NULL;
	AUTO_FD own = openat(image_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = own < 0 ? -errno : add_mode(own, S_IXGRP);

	d = r == 0 ? fdopendir(own) : NULL;
	if (!d)
		return r < 0 ? r : -errno;
	(void)fd_take(&own);
	for (struct dirent *de = readdir(d); r == 0 && de; de = readdir(d)) {
		if (!str_starts(de->d_name, "timens-"))
			continue;
		AUTO_FD fd = openat(image_fd, de->d_name,
				    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

		r = fd < 0 ? -errno : add_mode(fd, S_IRGRP);
	}
	return r;
}

static int give_dir(int dir_fd, const char *name, uid_t uid)
{
	AUTO_FD own = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_DIR d = own < 0 ? NULL : fdopendir(own);

	if (!d)
		return -errno;
	(void)fd_take(&own);
	int r = fchown(dirfd(d), uid, (gid_t)-1) < 0 ? -errno : 0;

	for (struct dirent *de = readdir(d); r == 0 && de; de = readdir(d))
		if (de->d_type == DT_REG &&
		    fchownat(dirfd(d), de->d_name, uid, (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0)
			r = -errno;
	return r;
}

/* Those that stiva made for this restore in a file system of its own, which may not be cloned:
 * their owner is the root of the container's. */
static int give_own(const struct spec_config *conf, int image_fd, struct err *e)
{
	AUTO(arena) a = {0};
	const struct id_map uids = spec_id_map(&conf->linux_->uid_mappings, &a);
	uint32_t uid;
	int r = idmap_to_host(&uids, 0, &uid);

	if (r == 0)
		r = give_dir(image_fd, ".", uid);
	if (r == 0)
		r = give_dir(image_fd, MIG_STORE_BASE, uid);
	return r < 0 ? err_sys(e, r, "give the images to the root of the user namespace") : 0;
}

int ckpt_userns_images(const struct spec_config *conf, int image_fd, bool is_ours, int *ret_fd,
		       struct err *e)
{
	AUTO_FD ns_fd = FD_NONE;
	struct stat st;

	*ret_fd = FD_NONE;
	if (!spec_ns_is_new(conf, SPEC_NS_USER))
		return 0;
	if (fstat(image_fd, &st) < 0)
		return err_sys(e, errno, "the directory of images");
	int r = open_to_group(image_fd);

	if (r < 0)
		return err_sys(e, r, "let the group read the images of the time namespace");
	if (is_ours)
		return give_own(conf, image_fd, e);
	r = make_map(conf, &st, getegid(), &ns_fd, e);
	if (r < 0)
		return r;
	r = clone_mapped(image_fd, ns_fd,
			 MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				 MOUNT_ATTR_NOEXEC,
			 ret_fd);
	return r < 0 ? err_sys(e, r,
			       "give the images to the root of the user namespace (their file "
			       "system must take id-mapped mounts)")
		     : 0;
}

/* ---- streams ---- */

int ckpt_userns_stream(const struct spec_config *conf, int *fd, struct err *e)
{
	AUTO_FD ns_fd = FD_NONE;
	AUTO_FD mapped = FD_NONE;
	struct stat st;

	if (!spec_ns_is_new(conf, SPEC_NS_USER))
		return 0;
	if (fstat(*fd, &st) < 0)
		return err_sys(e, errno, "a standard stream");
	if (!S_ISREG(st.st_mode))
		return 0;
	int r = make_map(conf, &st, st.st_gid, &ns_fd, e);

	if (r < 0)
		return r;
	r = clone_mapped(*fd, ns_fd, 0, &mapped);
	/* Everybody may open it, perhaps; CRIU says so if not. */
	if (r < 0)
		log_debug("map the owner of a standard stream: %s", err_words(-r));
	else
		fd_replace(fd, fd_take(&mapped));
	return 0;
}
