/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_place: what stands ready on the destination before anything of a container comes:
 * the bundle, the places of its trees, room for images in memory, the files its streams lead to.
 * What did not exist is noted in the record before it is made, so that it goes again if the
 * container never runs here; what existed is never removed. Called by mig_target.c and
 * mig_recover.c.
 */
#include "checkpoint/mig_target.h"
#include "checkpoint/mig_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/file.h"
#include "base/num.h"
#include "base/path.h"
#include "base/sys.h"
#include "checkpoint/internal.h"
#include "base/ban.h"

/* It may grow while it is moved, and there are other images. */
#define IMAGE_SPARE (256ull << 20)
#define DEPTH_MAX   256
#define CONFIG	    "config.json"

void mig_place_done(struct mig_place *p)
{
	for (size_t i = 0; p->tree_fd && i < p->offer->trees.n; i++) {
		mig_sink_free(p->sink[i]);
		auto_fd_done(&p->tree_fd[i]);
	}
	free(ptr_take(&p->sink));
	free(ptr_take(&p->tree_fd));
	for (int i = 0; i < 3; i++)
		auto_fd_done(&p->stream_fd[i]);
	auto_fd_done(&p->image_fd);
}

/* ---- removing ---- */

static int empty_dir(int fd, dev_t dev, int depth)
{
	AUTO_FD own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR d = own >= 0 ? fdopendir(own) : NULL;
	int first = 0;

	if (!d)
		return -errno;
	(void)fd_take(&own);
	for (struct dirent *de; errno = 0, (de = readdir(d));) {
		struct stat st;
		int r = 0;

		if (str_eq(de->d_name, ".") || str_eq(de->d_name, ".."))
			continue;
		if (fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			r = -errno;
		/* Never into what is mounted there. */
		else if (S_ISDIR(st.st_mode) && st.st_dev == dev && depth < DEPTH_MAX) {
			AUTO_FD sub = openat(fd, de->d_name,
					     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			r = sub < 0 ? -errno : empty_dir(sub, dev, depth + 1);
		}
		if (unlinkat(fd, de->d_name, r == 0 && S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) <
			    0 &&
		    r == 0)
			r = -errno;
		if (first == 0)
			first = r;
	}
	return first ? first : -errno;
}

static int empty_fd(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? -errno : empty_dir(fd, st.st_dev, 0);
}

/* What is at a path of ours; is_whole: with the path itself. */
static int remove_path(const char *path, bool is_whole)
{
	AUTO_FD slash = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char name[NAME_MAX + 1];
	AUTO_FD parent = slash < 0 ? FD_NONE : path_parent_in(slash, path, false, name);

	if (parent == -ENOENT)
		return 0;
	if (parent < 0)
		return parent;
	AUTO_FD fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOTDIR && is_whole)
		return unlinkat(parent, name, 0) < 0 ? -errno : 0;
	if (fd < 0 && errno == ENOTDIR) {
		AUTO_FD file = openat(parent, name, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);

		return file < 0 ? -errno : 0;
	}
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	int r = empty_fd(fd);

	if (r == 0 && is_whole && unlinkat(parent, name, AT_REMOVEDIR) < 0)
		r = -errno;
	return r;
}

int mig_place_discard(const struct life_host *h, int rec_fd, const struct mig_record *rec,
		      struct err *e)
{
	const struct strvec *lists[] = {&rec->filled, &rec->made};
	int r = rec->dir_ino.has ? life_delete_made(h, rec->id, rec->dir_ino.v, e) : 0;

	if (r < 0)
		return r;
	for (int k = 0; k < 2; k++)
		for (size_t i = lists[k]->n; i-- > 0;) {
			int n = remove_path(lists[k]->v[i], k == 1);

			if (n < 0 && r == 0)
				r = err_sys(e, n, "remove \"%.200s\"", lists[k]->v[i]);
		}
	if (r == 0)
		mig_record_remove(h, rec->epoch, rec_fd);
	return r;
}

/* ---- making ---- */

static int note(struct mig_place *p, struct strvec *v, const char *path, struct err *e)
{
	char **more = arena_array(p->arena, v->n + 2, sizeof(char *));

	for (size_t i = 0; i < v->n; i++)
		more[i] = v->v[i];
	more[v->n] = arena_strdup(p->arena, path);
	*v = (struct strvec){more, v->n + 1};
	return mig_record_write(p->rec_fd, &p->rec, e);
}

/* The longest part of a clean path that exists ends where *ret_end points; the whole: NULL. */
static int missing_from(const char *path, const char **ret_end)
{
	char part[PATH_MAX];

	*ret_end = NULL;
	for (const char *at = path + 1; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL) {
		const char *end = strchrnul(at, '/');
		struct stat st;

		memcpy(part, path, (size_t)(end - path));
		part[end - path] = '\0';
		if (stat(part, &st) == 0)
			continue;
		if (errno != ENOENT)
			return -errno;
		*ret_end = end;
		return 0;
	}
	return 0;
}

/* A directory, or an empty file, with its parents. *ret_fd: open for reading. */
static int make_at(struct mig_place *p, const char *path, bool is_file, int *ret_fd, struct err *e)
{
	char clean[PATH_MAX], first[PATH_MAX], link[FD_PROC_MAX];
	const char *end;
	AUTO_FD slash = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = slash < 0 ? -errno : path_clean(path, clean, sizeof(clean));

	if (r == 1)
		return err_set(e, ERR_INPUT, EINVAL, "\"/\" cannot be the place of a container");
	if (r >= 0)
		r = missing_from(clean, &end);
	if (r < 0)
		return err_sys(e, r, "\"%.200s\"", path);
	if (end) {
		memcpy(first, clean, (size_t)(end - clean));
		first[end - clean] = '\0';
		r = note(p, &p->rec.made, first, e);
		if (r < 0)
			return r;
	}
	AUTO_FD fd =
		is_file ? path_mkfile_in(slash, clean, 0600) : path_mkdirs_in(slash, clean, 0755);

	if (fd < 0)
		return err_sys(e, fd, "make \"%.200s\"", path);
	*ret_fd = open(fd_proc_path(fd, link),
		       O_RDONLY | O_CLOEXEC | (is_file ? O_NONBLOCK : O_DIRECTORY));
	return *ret_fd < 0 ? err_sys(e, errno, "open \"%.200s\"", path) : 0;
}

/* ---- one tree ---- */

static bool is_empty(int fd, bool is_file)
{
	struct stat st;

	if (is_file)
		return fstat(fd, &st) == 0 && st.st_size == 0;
	AUTO_FD own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR d = own >= 0 ? fdopendir(own) : NULL;

	if (!d)
		return false;
	(void)fd_take(&own);
	for (struct dirent *de = readdir(d); de; de = readdir(d))
		if (!str_eq(de->d_name, ".") && !str_eq(de->d_name, ".."))
			return false;
	return true;
}

/* The source has put a file of random name and contents there: do we see it? */
static bool sees_probe(const struct mig_plan *t)
{
	struct mig_probe probe;
	AUTO_FD dir = open(t->path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return dir >= 0 && t->probe && t->probe_text &&
	       str_copy(probe.name, sizeof(probe.name), t->probe) >= 0 &&
	       str_copy(probe.text, sizeof(probe.text), t->probe_text) >= 0 &&
	       mig_tree_probe_look(dir, &probe);
}

static int check_room(const struct mig_plan *t, int fd, struct err *e)
{
	struct statvfs v;

	if (fstatvfs(fd, &v) < 0)
		return err_sys(e, errno, "\"%.200s\"", t->path);
	uint64_t free_bytes = (uint64_t)v.f_bavail * v.f_frsize;

	if (t->bytes.v > free_bytes)
		return err_set(e, ERR_STATE, ENOSPC,
			       "\"%.200s\" takes %llu MiB, and only %llu MiB are free there",
			       t->path, (unsigned long long)(t->bytes.v >> 20),
			       (unsigned long long)(free_bytes >> 20));
	if (v.f_files && t->entries.v > v.f_favail)
		return err_set(e, ERR_STATE, ENOSPC,
			       "\"%.200s\" has %llu files, and there are only %llu inodes free",
			       t->path, (unsigned long long)t->entries.v,
			       (unsigned long long)v.f_favail);
	return 0;
}

static int share(struct mig_place *p, uint32_t stream)
{
	struct u32vec *v = &p->reserved.shared;

	v->v[v->n++] = stream;
	return 0;
}

static int place_tree(struct mig_place *p, size_t i, struct err *e)
{
	const struct mig_plan *t = &p->offer->trees.v[i];
	struct stat st;

	if (sees_probe(t))
		return share(p, t->stream.v);
	if (t->kind.v == MIG_TREE_SHARED) {
		/* What cannot be probed (a device, a socket, a place that is read only) must be. */
		if (t->probe)
			return err_set(e, ERR_INPUT, EXDEV,
				       "\"%.200s\", mounted at \"%.200s\", is not the same storage "
				       "on both "
				       "hosts: --volume %.100s=copy takes it along",
				       t->path, t->where, t->where);
		if (stat(t->path, &st) < 0)
			return err_sys(e, errno, "\"%.200s\", mounted at \"%.200s\"", t->path,
				       t->where);
		return share(p, t->stream.v);
	}
	int r = make_at(p, t->path, t->is_file.v, &p->tree_fd[i], e);

	if (r == 0 && !p->offer->is_replace.v && !is_empty(p->tree_fd[i], t->is_file.v))
		return err_set(e, ERR_INPUT, EEXIST,
			       "\"%.200s\" is there already, and is not the source's: --replace "
			       "takes its place, --bundle DIR another one",
			       t->path);
	return r == 0 ? check_room(t, p->tree_fd[i], e) : r;
}

/* Only once nothing stands in the way any more. */
static int open_sinks(struct mig_place *p, struct err *e)
{
	const struct mig_plan_vec *v = &p->offer->trees;

	for (size_t i = 0; i < v->n; i++) {
		const struct mig_plan *t = &v->v[i];

		if (p->tree_fd[i] < 0)
			continue;
		int r = note(p, &p->rec.filled, t->path, e);

		if (r == 0 && !t->is_file.v) {
			r = empty_fd(p->tree_fd[i]);
			if (r < 0)
				return err_sys(e, r, "empty \"%.200s\"", t->path);
		}
		if (r == 0)
			r = mig_sink_open(p->tree_fd[i], t->stream.v, t->path, &p->sink[i], e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- the rest ---- */

static int make_bundle(struct mig_place *p, struct err *e)
{
	const struct mig_offer *o = p->offer;
	struct stat st;
	bool is_new = stat(o->bundle, &st) < 0 && errno == ENOENT;
	AUTO_FD fd = FD_NONE;
	int r = make_at(p, o->bundle, false, &fd, e);

	if (r == 0)
		r = file_replace_at(p->rec_fd, CONFIG, o->config, strlen(o->config), 0600);
	/* For who looks for it there; what is used is the other one. */
	if (r == 0 && is_new)
		r = file_replace_at(fd, CONFIG, o->config, strlen(o->config), 0644);
	return r < 0 && !e->code ? err_sys(e, r, "write \"%.200s/" CONFIG "\"", o->bundle) : r;
}

static int check_memory(uint64_t wanted, struct err *e)
{
	AUTO(buf) text = {0};
	uint64_t kib = 0;

	if (file_read_path("/proc/meminfo", 1u << 20, &text) < 0 || !text.data)
		return 0;
	const char *at = strstr(text.data, "MemAvailable:");

	if (!at)
		return 0;
	at += strlen("MemAvailable:");
	at += strspn(at, " ");
	if (num_u64n(at, strspn(at, "0123456789"), &kib) == 0 && kib < wanted >> 10)
		return err_set(e, ERR_STATE, ENOMEM,
			       "the container takes %llu MiB of memory here while it is moved, "
			       "twice its own, and only %llu MiB are free",
			       (unsigned long long)(wanted >> 20), (unsigned long long)(kib >> 10));
	return 0;
}

/* In no namespace's tree: it is gone with its last descriptor, whatever happens to us. */
int mig_place_images(uint64_t bytes, int *ret_fd, struct err *e)
{
	char size[32];
	AUTO_FD fs = sys_fsopen("tmpfs", FSOPEN_CLOEXEC);
	int r = fs < 0 ? fs : 0;

	snprintf(size, sizeof(size), "%llu", (unsigned long long)bytes);
	if (r == 0)
		r = sys_fsconfig(fs, FSCONFIG_SET_STRING, "size", size, 0);
	if (r == 0)
		r = sys_fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0700", 0);
	if (r == 0)
		r = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	AUTO_FD mount_fd =
		r < 0 ? FD_NONE
		      : sys_fsmount(fs, FSMOUNT_CLOEXEC,
				    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);

	if (r == 0 && mount_fd < 0)
		r = mount_fd;
	if (r == 0) {
		*ret_fd = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = *ret_fd < 0 ? -errno : 0;
	}
	return r < 0 ? err_sys(e, r, "make room for the images") : 0;
}

static int open_streams(struct mig_place *p, struct err *e)
{
	const struct strvec *v = &p->offer->streams;

	if (v->n != 3)
		return err_set(e, ERR_INPUT, EBADMSG, "RESERVE: there are not three streams");
	for (int i = 0; i < 3; i++) {
		bool is_null = str_eq(v->v[i], "null");
		struct stat st;
		int r = 0;

		/* What a program has written to its log stays on the source. */
		int flags = i == 0 ? O_RDONLY : O_WRONLY | O_CREAT | O_APPEND;

		if (!is_null && i > 0 && lstat(v->v[i], &st) < 0 && errno == ENOENT)
			r = note(p, &p->rec.made, v->v[i], e);
		if (r < 0)
			return r;
		p->stream_fd[i] = is_null ? open("/dev/null", O_RDWR | O_CLOEXEC)
					  : open(v->v[i], flags | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (p->stream_fd[i] < 0)
			return err_sys(e, errno, "the container's standard stream %d: \"%.200s\"",
				       i, v->v[i]);
	}
	return 0;
}

int mig_place_make(struct mig_place *p, struct err *e)
{
	const struct mig_offer *o = p->offer;
	char now[40];

	num_now_rfc3339(now);
	p->rec = (struct mig_record){.epoch = o->epoch,
				     .id = o->id,
				     .made_at = arena_strdup(p->arena, now),
				     .phase = {true, MIG_PHASE_RECEIVING}};
	p->reserved.epoch = o->epoch;
	p->reserved.shared.v = arena_array(p->arena, o->trees.n + 1, sizeof(uint32_t));
	p->tree_fd = mem_realloc(NULL, o->trees.n + 1, sizeof(int));
	p->sink = mem_realloc(NULL, o->trees.n + 1, sizeof(*p->sink));
	for (size_t i = 0; i <= o->trees.n; i++) {
		p->tree_fd[i] = FD_NONE;
		p->sink[i] = NULL;
	}
	int r = mig_record_write(p->rec_fd, &p->rec, e);

	if (r == 0)
		r = check_memory(2 * o->memory.v, e);
	if (r == 0)
		r = make_bundle(p, e);
	for (size_t i = 0; r == 0 && i < o->trees.n; i++)
		r = place_tree(p, i, e);
	if (r == 0)
		r = mig_place_images(2 * o->memory.v + IMAGE_SPARE, &p->image_fd, e);
	if (r == 0)
		r = open_streams(p, e);
	return r == 0 && !o->is_check.v ? open_sinks(p, e) : r;
}
