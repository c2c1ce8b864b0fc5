/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/manifest: see manifest.h. It proves that nothing was cut off or damaged. The proof of
 * memory takes its time, and ends beside CRIU's work. Called by image.c, dump.c and restore.c.
 */
#include "checkpoint/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/path.h"
#include "checkpoint/internal.h"
#include "base/ban.h"

static const struct word where_rows[] = {{"here", 0}, {"page-server", 0}, {"source", 0}};
WORDS_COMPLETE(where_rows, CKPT_MEMORY_N);
static const struct word_list where_words = {"place of memory", where_rows, CKPT_MEMORY_N, ""};

/* What only processes make of it, raw memory, has a digest that is quick to make; all else, which
 * CRIU reads and acts by, is proven before it does. */
struct manifest_file {
	char *name, *digest, *memory; /* one of both */
	struct opt_u64 size;
	int dir_fd; /* borrowed */
};
OBJ_VEC(manifest_file);
struct manifest {
	struct opt_u32 schema;
	struct ckpt_memory memory;
	struct manifest_file_vec files;
};

/* clang-format off */
static const struct json_row file_rows[] = {
	J_STR(struct manifest_file, name, "name", JF_REQ | JF_NONEMPTY),
	J_U64(struct manifest_file, size, "size", JF_REQ),
	J_STR(struct manifest_file, digest, "sha256", 0),
	J_STR(struct manifest_file, memory, "blake3", 0),
};
static J_TABLE(file_table, manifest_file, file_rows);
static const struct json_row parent_rows[] = {
	J_STR(struct ckpt_parent, path, "path", JF_REQ | JF_NONEMPTY),
	J_STR(struct ckpt_parent, digest, "sha256", JF_REQ | JF_NONEMPTY),
};
static J_TABLE(parent_table, ckpt_parent, parent_rows);
static const struct json_row manifest_rows[] = {
	J_U32(struct manifest, schema, "schema", JF_REQ),
	J_BOOL(struct manifest, memory.is_pre_dump, "preDump", 0),
	J_ENUM(struct manifest, memory.where, "memory", 0, &where_words),
	J_OBJ(struct manifest, memory.parent, "parent", 0, ckpt_parent, &parent_table),
	J_STR(struct manifest, memory.tracked, "tracked", 0),
	J_OBJS(struct manifest, files, "files", JF_REQ | JF_NONEMPTY, manifest_file, &file_table),
};
static J_TABLE(manifest_table, manifest, manifest_rows);
/* clang-format on */

/* ---- what is there ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct manifest_file *)a)->name,
		      ((const struct manifest_file *)b)->name);
}

/* What a page server writes: of such no digest is made here. */
static bool is_of_server(const struct ckpt_memory *at, const char *name)
{
	return at->where.v == CKPT_MEMORY_SERVER &&
	       (ckpt_image_is_memory(name) || str_starts(name, "pagemap-"));
}

/* Every file that a manifest of this directory would cover, without sizes and digests. */
static int list_files(int dir_fd, struct arena *a, struct manifest *m, struct err *e)
{
	AUTO_DIR d = NULL;
	size_t cap = 0;
	int r = ckpt_image_list(dir_fd, &d);

	if (r < 0)
		return err_sys(e, r, "list the images");
	for (struct dirent *de; errno = 0, (de = readdir(d));) {
		if (!ckpt_image_is_ours(de->d_name) || is_of_server(&m->memory, de->d_name))
			continue;
		if (m->files.n == cap) {
			struct manifest_file *v = arena_array(a, cap * 2 + 32, sizeof(*v));

			if (cap)
				memcpy(v, m->files.v, cap * sizeof(*v));
			m->files.v = v;
			cap = cap * 2 + 32;
		}
		m->files.v[m->files.n++] = (struct manifest_file){
			.name = arena_strdup(a, de->d_name), .dir_fd = dir_fd};
	}
	if (errno)
		return err_sys(e, errno, "list the images");
	if (m->files.n)
		qsort(m->files.v, m->files.n, sizeof(*m->files.v), by_name);
	return 0;
}

/* ---- writing ---- */

/* Sizes of all, digests of what is not memory. */
static int measure(int dir_fd, struct manifest *m, struct arena *a, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->files.n; i++) {
		struct manifest_file *f = &m->files.v[i];
		struct stat st;

		f->size.has = true;
		if (ckpt_image_is_memory(f->name)) {
			r = fstatat(dir_fd, f->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
			f->size.v = r == 0 ? (uint64_t)st.st_size : 0;
		} else {
			f->digest = arena_alloc(a, CKPT_DIGEST_TEXT);
			r = ckpt_image_digest(dir_fd, f->name, &f->size.v, f->digest);
		}
		if (r < 0)
			err_sys(e, r, "read the image \"%s\"", f->name);
	}
	return r < 0 ? -e->code : 0;
}

/* The digests of memory, now. */
static int digest_memory(struct manifest *m, struct arena *a, struct err *e)
{
	AUTO(ckpt_proof) proof = CKPT_PROOF_NONE;
	struct ckpt_proof_file *v = arena_array(a, m->files.n + 1, sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < m->files.n; i++)
		if (ckpt_image_is_memory(m->files.v[i].name))
			v[n++] = (struct ckpt_proof_file){.name = m->files.v[i].name,
							  .dir_fd = m->files.v[i].dir_fd,
							  .size = m->files.v[i].size.v};
	int r = ckpt_proof_start(&proof, v, n, false, e);

	if (r == 0)
		r = ckpt_proof_end(&proof, FD_NONE, e);
	n = 0;
	for (size_t i = 0; r == 0 && i < m->files.n; i++)
		if (ckpt_image_is_memory(m->files.v[i].name))
			m->files.v[i].memory = v[n++].digest;
	return r;
}

int ckpt_manifest_write(int dir_fd, const struct ckpt_memory *at, struct err *e)
{
	AUTO(arena) a = {0};
	AUTO(buf) text = {0};
	struct manifest m = {.schema = {true, CKPT_SCHEMA}};

	if (at)
		m.memory = *at;
	int r = list_files(dir_fd, &a, &m, e);

	if (r == 0)
		r = measure(dir_fd, &m, &a, e);
	if (r == 0)
		r = digest_memory(&m, &a, e);
	if (r < 0)
		return r;
	json_print(&manifest_table, &m, 1, &text);
	buf_addc(&text, '\n');
	r = file_replace_at(dir_fd, CKPT_MANIFEST, text.data, text.len, 0600);
	return r < 0 ? err_sys(e, r, "write \"%s\"", CKPT_MANIFEST) : 0;
}

/* ---- reading ---- */

static int load(int dir_fd, struct arena *a, struct manifest **ret, struct err *e)
{
	void *obj;
	int r = ckpt_image_load(dir_fd, CKPT_MANIFEST, &manifest_table, a, &obj, e);

	if (r == -ENOENT)
		return err_set(e, ERR_INPUT, ENOENT,
			       "there is no complete checkpoint: it has no \"%s\"", CKPT_MANIFEST);
	if (r == 0)
		*ret = obj;
	return r;
}

int ckpt_manifest_look(int dir_fd, struct arena *a, char ret[CKPT_DIGEST_TEXT],
		       struct ckpt_memory **ret_memory, struct err *e)
{
	struct manifest *m;
	uint64_t size;
	int r = load(dir_fd, a, &m, e);

	if (r < 0)
		return r;
	*ret_memory = &m->memory;
	r = ckpt_image_digest(dir_fd, CKPT_MANIFEST, &size, ret);
	return r < 0 ? err_sys(e, r, "\"%s\"", CKPT_MANIFEST) : 0;
}

int ckpt_manifest_open_parent(int dir_fd, const char *name, const char *what, int *ret_fd,
			      struct err *e)
{
	struct stat st;
	AUTO_FD fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "the parent \"%.200s\" of the images", what);
	if (st.st_uid != geteuid() || (st.st_mode & 0022))
		return err_set(e, ERR_INPUT, EPERM,
			       "the parent \"%.200s\" of the images: others may write in it (uid "
			       "%u, mode %04o)",
			       what, st.st_uid, st.st_mode & 07777);
	*ret_fd = fd_take(&fd);
	return 0;
}

static int was_changed(const char *name, struct err *e)
{
	return err_set(e, ERR_INPUT, EBADMSG,
		       "the image \"%.100s\" was changed: its digest is not that of the manifest",
		       name);
}

/* Of memory only its size. */
static int check_file(const struct manifest_file *f, struct err *e)
{
	char digest[CKPT_DIGEST_TEXT];
	uint64_t size;
	int r = -EINVAL;

	if (path_is_name(f->name))
		r = ckpt_image_is_memory(f->name)
			    ? ckpt_image_size(f->dir_fd, f->name, &size)
			    : ckpt_image_digest(f->dir_fd, f->name, &size, digest);
	if (r < 0)
		return err_sys(e, r, "the image \"%.100s\" of its manifest", f->name);
	if (size != f->size.v)
		return err_set(e, ERR_INPUT, EBADMSG,
			       "the image \"%.100s\" has %llu bytes, not the %llu of its manifest",
			       f->name, (unsigned long long)size, (unsigned long long)f->size.v);
	if (ckpt_image_is_memory(f->name))
		return f->memory ? 0
				 : err_set(e, ERR_INPUT, EBADMSG,
					   CKPT_MANIFEST ": \"%.100s\" has no blake3", f->name);
	return f->digest && str_eq(digest, f->digest) ? 0 : was_changed(f->name, e);
}

/* Of a process's mm image there is a pagemap image too; segments have theirs alone. */
static int check_server_files(int dir_fd, const struct manifest *m, struct err *e)
{
	AUTO_DIR d = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->files.n; i++) {
		const char *number = str_after(m->files.v[i].name, "mm-");
		char name[300];

		if (!number)
			continue;
		snprintf(name, sizeof(name), "pagemap-%s", number);
		r = ckpt_pagemap_check(dir_fd, name, e);
	}
	if (r < 0)
		return r;
	r = ckpt_image_list(dir_fd, &d);
	if (r < 0)
		return err_sys(e, r, "list the images");
	for (struct dirent *de; r == 0 && (errno = 0, de = readdir(d));)
		if (str_starts(de->d_name, "pagemap-shmem-"))
			r = ckpt_pagemap_check(dir_fd, de->d_name, e);
	return r;
}

/* All that is in one directory. */
static int check_files(int dir_fd, struct manifest *m, struct arena *a, struct err *e)
{
	struct manifest here = {.memory = m->memory};
	int r = list_files(dir_fd, a, &here, e);

	if (r < 0)
		return r;
	qsort(m->files.v, m->files.n, sizeof(*m->files.v), by_name);
	for (size_t i = 0; r == 0 && i < m->files.n; i++) {
		m->files.v[i].dir_fd = dir_fd;
		r = check_file(&m->files.v[i], e);
	}
	for (size_t i = 0; r == 0 && i < here.files.n; i++)
		if (!bsearch(&here.files.v[i], m->files.v, m->files.n, sizeof(*m->files.v),
			     by_name))
			r = err_set(e, ERR_INPUT, EBADMSG,
				    "the image \"%.100s\" is not in the manifest",
				    here.files.v[i].name);
	if (r == 0 && m->memory.where.v == CKPT_MEMORY_SERVER && !m->memory.is_pre_dump.v)
		r = check_server_files(dir_fd, m, e);
	return r;
}

/* The images that these build on: criu follows the link, so it must be the one of then. *ret_fd:
 * FD_NONE, or owned. */
static int open_link(int dir_fd, const struct manifest *m, struct arena *a, int *ret_fd,
		     struct err *e)
{
	const struct ckpt_parent *p = m->memory.parent;
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir_fd, CKPT_PARENT, target, sizeof(target) - 1);

	*ret_fd = FD_NONE;
	if (n < 0 && errno == ENOENT && !p)
		return 0;
	if (n < 0)
		return err_sys(e, errno, "the link \"" CKPT_PARENT "\" of the images");
	target[n] = '\0';
	if (!p || !str_eq(p->path, target))
		return err_set(e, ERR_INPUT, EBADMSG,
			       "the link \"" CKPT_PARENT
			       "\" leads to \"%.200s\": the manifest says "
			       "%s%.200s%s",
			       target, p ? "\"" : "", p ? p->path : "nothing of it", p ? "\"" : "");
	char digest[CKPT_DIGEST_TEXT];
	struct ckpt_memory *ignored;
	int r = ckpt_manifest_open_parent(dir_fd, CKPT_PARENT, p->path, ret_fd, e);

	if (r == 0)
		r = ckpt_manifest_look(*ret_fd, a, digest, &ignored, e);
	if (r == 0 && !str_eq(digest, p->digest))
		r = was_changed(CKPT_MANIFEST, e);
	return r < 0 && *ret_fd >= 0 ? err_prefix(e, "the parent \"%.150s\"", p->path) : r;
}

/* ---- the memory of all of them ---- */

struct collected {
	struct ckpt_proof_file *v;
	char **wants;
	size_t n, cap;
	int *parents;
	size_t n_parents, cap_parents;
};

static void *larger(struct arena *a, void *old, size_t n, size_t cap, size_t size)
{
	void *v = arena_array(a, cap, size);

	if (n)
		memcpy(v, old, n * size);
	return v;
}

static void collect(struct collected *c, const struct manifest *m, struct arena *a)
{
	for (size_t i = 0; i < m->files.n; i++) {
		const struct manifest_file *f = &m->files.v[i];

		if (!ckpt_image_is_memory(f->name))
			continue;
		if (c->n == c->cap) {
			c->cap = c->cap * 2 + 32;
			c->v = larger(a, c->v, c->n, c->cap, sizeof(*c->v));
			c->wants = larger(a, c->wants, c->n, c->cap, sizeof(*c->wants));
		}
		c->v[c->n] = (struct ckpt_proof_file){
			.name = f->name, .dir_fd = f->dir_fd, .size = f->size.v};
		c->wants[c->n++] = f->memory;
	}
}

static void collect_parent(struct collected *c, int fd, struct arena *a)
{
	if (c->n_parents == c->cap_parents) {
		c->cap_parents = c->cap_parents * 2 + 8;
		c->parents =
			larger(a, c->parents, c->n_parents, c->cap_parents, sizeof(*c->parents));
	}
	c->parents[c->n_parents++] = fd;
}

/* A chain has no end only if a manifest had its own digest in it. */
static int walk(int dir_fd, struct arena *a, struct collected *c, struct ckpt_memory **ret,
		struct err *e)
{
	const char *owner = NULL;

	for (int at = dir_fd, next; at >= 0; at = next) {
		struct manifest *m;
		int r = load(at, a, &m, e);

		next = FD_NONE;
		if (r == 0)
			r = check_files(at, m, a, e);
		if (r == 0 && !*ret)
			*ret = &m->memory;
		if (r == 0) {
			collect(c, m, a);
			r = open_link(at, m, a, &next, e);
		}
		if (next >= 0)
			collect_parent(c, next, a);
		if (r < 0)
			return owner ? err_prefix(e, "the parent \"%.150s\"", owner) : r;
		owner = m->memory.parent ? m->memory.parent->path : NULL;
	}
	return 0;
}

void ckpt_image_proof_done(struct ckpt_image_proof *p)
{
	ckpt_proof_done(&p->proof);
	for (; p->n_parents; p->n_parents--)
		auto_fd_done(&p->parents[p->n_parents - 1]);
}

int ckpt_image_prove(struct ckpt_image_proof *p, int abort_fd, const char *path, struct err *e)
{
	int r = p->proof.shared ? ckpt_proof_end(&p->proof, abort_fd, e) : 0;

	for (size_t i = 0; r == 0 && i < p->proof.n_files; i++)
		if (!str_eq(p->proof.files[i].digest, p->wants[i]))
			r = was_changed(p->proof.files[i].name, e);
	return r < 0 ? err_prefix(e, "image directory \"%.150s\"", path) : 0;
}

int ckpt_manifest_check(int dir_fd, struct arena *a, struct ckpt_image_proof *proof, struct err *e)
{
	struct collected c = {0};
	struct ckpt_memory *memory = NULL;
	int r = walk(dir_fd, a, &c, &memory, e);

	proof->parents = c.parents;
	proof->n_parents = c.n_parents;
	if (r < 0)
		return r;
	if (memory->is_pre_dump.v)
		return err_set(
			e, ERR_INPUT, EINVAL,
			"these are the images of a pre-dump, which are memory alone: restore "
			"takes those of the checkpoint after it");
	proof->memory = memory;
	proof->wants = c.wants;
	return ckpt_proof_start(&proof->proof, c.v, c.n, true, e);
}
