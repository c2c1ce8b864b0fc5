/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/image: the files of ours in a directory of images: stiva.json (what was outside, what
 * was in force, made by whom), descriptors.json (as runc and crun have it), and last the manifest
 * (manifest.c). Who may write the directory is root alone, which is proved too. Called by dump.c
 * and restore.c.
 */
#include "checkpoint/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "base/file.h"
#include "base/num.h"
#include "base/path.h"
#include "base/ban.h"

#define CHUNK (1u << 20)

static const struct word stream_rows[] = {
	{"inside", 0}, {"null", 0}, {"pipe", 0}, {"file", 0}, {"other", 0}};
WORDS_COMPLETE(stream_rows, CKPT_STREAM_N);
static const struct word_list stream_words = {"kind of stream", stream_rows, CKPT_STREAM_N, ""};

/* clang-format off */
static const struct json_row mount_rows[] = {
	J_STR(struct ckpt_mount, path, "path", JF_REQ | JF_ABS),
	J_STR(struct ckpt_mount, key, "key", JF_REQ | JF_NONEMPTY),
	J_STR(struct ckpt_mount, from, "from", JF_REQ | JF_ABS),
	J_STR(struct ckpt_mount, below, "below", JF_ABS),
};
static J_TABLE(mount_table, ckpt_mount, mount_rows);
static const struct json_row stream_table_rows[] = {
	J_ENUM(struct ckpt_stream, kind, "kind", JF_REQ, &stream_words),
	J_STR(struct ckpt_stream, key, "key", 0),
	J_STR(struct ckpt_stream, target, "target", JF_REQ),
};
static J_TABLE(stream_table, ckpt_stream, stream_table_rows);
static const struct json_row meta_rows[] = {
	J_U32(struct ckpt_meta, schema, "schema", JF_REQ),
	J_STR(struct ckpt_meta, version, "stiva", JF_REQ),
	J_STR(struct ckpt_meta, criu, "criu", JF_REQ),
	J_STR(struct ckpt_meta, arch, "arch", JF_REQ),
	J_STR(struct ckpt_meta, kernel, "kernel", JF_REQ),
	J_U32(struct ckpt_meta, page_size, "pageSize", JF_REQ),
	J_STR(struct ckpt_meta, id, "id", JF_REQ),
	J_STR(struct ckpt_meta, created, "created", JF_REQ),
	J_STR(struct ckpt_meta, config, "configDigest", JF_REQ),
	J_BOOL(struct ckpt_meta, has_net, "network", 0),
	J_BOOL(struct ckpt_meta, has_terminal, "terminal", 0),
	J_BOOL(struct ckpt_meta, has_notify, "notify", 0),
	J_BOOL(struct ckpt_meta, has_user, "user", 0),
	J_OBJS(struct ckpt_meta, mounts, "mounts", 0, ckpt_mount, &mount_table),
	J_OBJS(struct ckpt_meta, streams, "streams", JF_REQ, ckpt_stream, &stream_table),
	J_OBJ(struct ckpt_meta, resources, "resources", 0, spec_resources, &spec_table_resources),
};
J_TABLE(ckpt_table_meta, ckpt_meta, meta_rows);
/* clang-format on */

/* ---- the directory ---- */

static int make_dir(const char *path, struct err *e)
{
	char abs[PATH_MAX];
	AUTO_FD slash = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (slash < 0)
		return err_sys(e, errno, "open \"/\"");
	if (*path == '/' ? str_copy(abs, sizeof(abs), path) < 0 : !getcwd(abs, sizeof(abs)))
		return err_set(e, ERR_INPUT, ENAMETOOLONG, "\"%.200s\": the path is too long",
			       path);
	size_t n = strlen(abs);

	if (*path != '/' &&
	    snprintf(abs + n, sizeof(abs) - n, "/%s", path) >= (int)(sizeof(abs) - n))
		return err_set(e, ERR_INPUT, ENAMETOOLONG, "\"%.200s\": the path is too long",
			       path);
	AUTO_FD fd = path_mkdirs_in(slash, abs, 0700);

	return fd < 0 ? err_sys(e, fd, "make the directory \"%.200s\"", path) : 0;
}

int ckpt_image_open(const char *path, bool make, int *ret_fd, struct err *e)
{
	struct stat st;
	AUTO_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && make) {
		if (make_dir(path, e) < 0)
			return -e->code;
		fd_replace(&fd, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "the directory \"%.200s\"", path);
	if (st.st_uid != geteuid())
		return err_set(e, ERR_INPUT, EPERM,
			       "the directory \"%.200s\": owned by uid %u, not by us (%u)", path,
			       st.st_uid, geteuid());
	if (st.st_mode & 0022)
		return err_set(e, ERR_INPUT, EPERM,
			       "the directory \"%.200s\": others may write in it (mode %04o): "
			       "chmod 0700 it",
			       path, st.st_mode & 07777);
	*ret_fd = fd_take(&fd);
	return 0;
}

/* Which files a manifest covers. The log and the statistics are written after it. */
bool ckpt_image_is_ours(const char *name)
{
	return str_ends(name, ".img") || str_eq(name, CKPT_META) || str_eq(name, CKPT_DESCRIPTORS);
}

int ckpt_image_list(int dir_fd, DIR **ret)
{
	AUTO_FD fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret = fdopendir(fd);
	if (!*ret)
		return -errno;
	(void)fd_take(&fd);
	return 0;
}

int ckpt_image_clear(int dir_fd, struct err *e)
{
	AUTO_DIR d = NULL;
	int r = ckpt_image_list(dir_fd, &d);

	/* First of all: without it the rest is no checkpoint. */
	if (r == 0 && unlinkat(dir_fd, CKPT_MANIFEST, 0) < 0 && errno != ENOENT)
		r = -errno;
	/* criu would leave it as it is. A directory of that name is none of ours. */
	if (r == 0 && unlinkat(dir_fd, CKPT_PARENT, 0) < 0 && errno != ENOENT && errno != EISDIR)
		r = -errno;
	for (struct dirent *de; r == 0 && (errno = 0, de = readdir(d));)
		if (ckpt_image_is_ours(de->d_name) && unlinkat(dir_fd, de->d_name, 0) < 0)
			r = -errno;
	if (r == 0)
		r = -errno;
	return r < 0 ? err_sys(e, r, "remove the images of an earlier checkpoint") : 0;
}

/* ---- digests ---- */

int ckpt_image_digest(int dir_fd, const char *name, uint64_t *ret_size, char ret[CKPT_DIGEST_TEXT])
{
	struct ckpt_digest d;
	struct stat st;
	AUTO_FD fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	AUTO_FREE char *chunk = mem_alloc(CHUNK);
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	ckpt_digest_begin(&d);
	while ((n = read(fd, chunk, CHUNK)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		ckpt_digest_add(&d, chunk, (size_t)n);
	}
	*ret_size = d.n;
	ckpt_digest_end(&d, ret);
	return 0;
}

bool ckpt_image_is_memory(const char *name)
{
	return str_starts(name, "pages-") && str_ends(name, ".img");
}

/* ---- writing ---- */

int ckpt_image_host(struct ckpt_meta *m, const struct ckpt_criu_info *criu, struct arena *a,
		    struct err *e)
{
	struct utsname u;
	char now[40];

	if (uname(&u) < 0)
		return err_sys(e, errno, "name of the kernel");
	num_now_rfc3339(now);
	m->schema = (struct opt_u32){true, CKPT_SCHEMA};
	m->page_size = (struct opt_u32){true, (uint32_t)sysconf(_SC_PAGESIZE)};
	m->version = (char *)STIVA_VERSION;
	m->criu = arena_printf(a, "%u.%u.%u", criu->major, criu->minor, criu->sublevel);
	m->arch = arena_strdup(a, u.machine);
	m->kernel = arena_strdup(a, u.release);
	m->created = arena_strdup(a, now);
	return 0;
}

static int write_descriptors(int dir_fd, const struct ckpt_meta *m, struct err *e)
{
	AUTO(buf) text = {0};

	buf_addc(&text, '[');
	for (size_t i = 0; i < m->streams.n; i++) {
		if (i)
			buf_addc(&text, ',');
		json_print_string(m->streams.v[i].target, &text);
	}
	buf_addc(&text, ']');
	int r = file_replace_at(dir_fd, CKPT_DESCRIPTORS, text.data, text.len, 0600);

	return r < 0 ? err_sys(e, r, "write \"%s\"", CKPT_DESCRIPTORS) : 0;
}

int ckpt_image_write(int dir_fd, const struct ckpt_meta *m, const struct ckpt_memory *at,
		     struct err *e)
{
	AUTO(buf) text = {0};
	int r = write_descriptors(dir_fd, m, e);

	if (r < 0)
		return r;
	json_print(&ckpt_table_meta, m, 1, &text);
	buf_addc(&text, '\n');
	r = file_replace_at(dir_fd, CKPT_META, text.data, text.len, 0600);
	if (r < 0)
		return err_sys(e, r, "write \"%s\"", CKPT_META);
	return ckpt_manifest_write(dir_fd, at, e);
}

/* ---- reading ---- */

int ckpt_image_load(int dir_fd, const char *name, const struct json_table *t, struct arena *a,
		    void **ret, struct err *e)
{
	AUTO(buf) text = {0};
	struct json_errors errs = {.arena = a};
	int r = file_read_at(dir_fd, name, JSON_DOCUMENT_MAX, &text);

	if (r < 0)
		return err_sys(e, r, "\"%s\"", name);
	return json_parse(t, text.data, text.len, a, &errs, ret) < 0
		       ? spec_errors_to_err(&errs, name, e)
		       : 0;
}

int ckpt_image_size(int dir_fd, const char *name, uint64_t *ret)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	*ret = (uint64_t)st.st_size;
	return S_ISREG(st.st_mode) ? 0 : -EINVAL;
}

static int check_host(const struct ckpt_meta *m, const struct ckpt_criu_info *criu, struct err *e)
{
	uint64_t v[2] = {0};
	struct utsname u;

	if (m->schema.v != CKPT_SCHEMA)
		return err_set(e, ERR_INPUT, EPROTONOSUPPORT,
			       "the images are of another version of stiva (schema %u, not %d)",
			       m->schema.v, CKPT_SCHEMA);
	if (uname(&u) < 0)
		return err_sys(e, errno, "name of the machine");
	if (!str_eq(u.machine, m->arch))
		return err_set(e, ERR_INPUT, ENOEXEC,
			       "the images are of a %.40s machine; this one is %s", m->arch,
			       u.machine);
	if (m->page_size.v != (uint32_t)sysconf(_SC_PAGESIZE))
		return err_set(e, ERR_INPUT, ENOEXEC,
			       "the images have pages of %u bytes; here they have %ld",
			       m->page_size.v, sysconf(_SC_PAGESIZE));
	/* An older criu does not know what a later one writes. */
	const char *at = m->criu;

	for (int i = 0; i < 2; i++) {
		size_t n = strcspn(at, ".");

		if (num_u64n(at, n, &v[i]) < 0)
			return err_set(e, ERR_INPUT, EBADMSG,
				       CKPT_META ": criu: \"%.20s\" is no version", m->criu);
		at += n + (at[n] == '.');
	}
	if (v[0] > criu->major || (v[0] == criu->major && v[1] > criu->minor))
		return err_set(
			e, ERR_MISSING, ENOTSUP,
			"the images are of criu %.20s; \"%.100s\" is %u.%u.%u: it takes that "
			"version or a later one",
			m->criu, criu->path, criu->major, criu->minor, criu->sublevel);
	return 0;
}

int ckpt_image_memory(int dir_fd, uint64_t *ret)
{
	AUTO_DIR d = NULL;
	int r = ckpt_image_list(dir_fd, &d);

	*ret = 0;
	for (struct dirent *de; r == 0 && (errno = 0, de = readdir(d));) {
		uint64_t size = 0;

		if (ckpt_image_is_memory(de->d_name))
			r = ckpt_image_size(dir_fd, de->d_name, &size);
		*ret += size;
	}
	return r < 0 ? r : -errno;
}

int ckpt_image_meta(int dir_fd, const struct ckpt_criu_info *criu, struct arena *a,
		    struct ckpt_meta **ret, struct err *e)
{
	void *obj;
	int r = ckpt_image_load(dir_fd, CKPT_META, &ckpt_table_meta, a, &obj, e);

	if (r == 0)
		r = check_host(obj, criu, e);
	if (r == 0)
		*ret = obj;
	return r;
}

int ckpt_image_read(int dir_fd, const char *path, const struct ckpt_criu_info *criu,
		    struct arena *a, struct ckpt_meta **ret, struct ckpt_image_proof *proof,
		    struct err *e)
{
	int r = ckpt_manifest_check(dir_fd, a, proof, e);

	if (r == 0)
		r = ckpt_image_meta(dir_fd, criu, a, ret, e);
	return r < 0 ? err_prefix(e, "image directory \"%.150s\"", path) : 0;
}
