/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_plan: see mig_plan.h. */
#include "checkpoint/mig_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/num.h"
#include "base/ban.h"

#define MAPS_MAX (64u << 20)

static const struct word volume_rows[] = {{"copy", 0}, {"shared", 0}, {"fail", 0}};
WORDS_COMPLETE(volume_rows, CKPT_VOLUME_N);
const struct word_list ckpt_words_volume = {"--volume", volume_rows, CKPT_VOLUME_N, ""};

void mig_trees_unprobe(struct mig_trees *t)
{
	for (size_t i = 0; t->v && i < t->plans.n; i++) {
		if (t->v[i].has_probe)
			mig_tree_probe_remove(t->v[i].fd, &t->v[i].probe);
		t->v[i].has_probe = false;
	}
}

void mig_trees_done(struct mig_trees *t)
{
	mig_trees_unprobe(t);
	for (size_t i = 0; t->v && i < t->plans.n; i++) {
		mig_tree_free(t->v[i].tree);
		auto_fd_done(&t->v[i].fd);
	}
	free(ptr_take(&t->v));
}

/* ---- what the user says of a mount ---- */

/* "WHERE=WORD". Return: index into the words, -ENOENT nothing is said. Story otherwise. */
static int choice(const struct ckpt_migrate_args *a, const char *where)
{
	for (size_t i = a->volumes.n; i-- > 0;) {
		const char *rest = str_after(a->volumes.v[i], where);

		if (rest && *rest == '=')
			return word_find(&ckpt_words_volume, rest + 1);
	}
	return -ENOENT;
}

static bool is_bind(const struct spec_mount *m)
{
	if (m->type && (str_eq(m->type, "bind") || str_eq(m->type, "rbind")))
		return true;
	for (size_t i = 0; i < m->options.n; i++)
		if (str_eq(m->options.v[i], "bind") || str_eq(m->options.v[i], "rbind"))
			return true;
	return false;
}

static int check_volumes(const struct life_held *x, const struct ckpt_migrate_args *a,
			 struct err *e)
{
	for (size_t i = 0; i < a->volumes.n; i++) {
		const char *text = a->volumes.v[i], *sign = strrchr(text, '=');
		bool is_known = false;

		if (!sign || sign == text || word_find(&ckpt_words_volume, sign + 1) < 0)
			return err_set(e, ERR_INPUT, EINVAL,
				       "--volume \"%.200s\": it is DESTINATION=copy, =shared or "
				       "=fail",
				       text);
		for (size_t k = 0; k < x->conf->mounts.n; k++) {
			const struct spec_mount *m = &x->conf->mounts.v[k];
			const char *rest = str_after(text, m->destination);

			is_known = is_known || (is_bind(m) && rest == sign);
		}
		if (!is_known)
			return err_set(e, ERR_INPUT, EINVAL,
				       "--volume \"%.200s\": config.json binds nothing at "
				       "\"%.*s\"",
				       text, (int)(sign - text), text);
	}
	return 0;
}

/* ---- one tree ---- */

/* A random name, and random contents: who sees it sees the same storage. Where it cannot be made,
 * nothing is proved. */
static void probe(struct mig_source_tree *t, struct mig_plan *p, struct arena *a)
{
	struct err ignored = ERR_INIT;

	if (mig_tree_probe_write(t->fd, &t->probe, &ignored) < 0)
		return;
	t->has_probe = true;
	p->probe = arena_strdup(a, t->probe.name);
	p->probe_text = arena_strdup(a, t->probe.text);
}

/* What it would be to copy it: only where that is asked for. */
static int estimate(struct mig_source_tree *s, struct mig_plan *p, struct err *e)
{
	struct mig_tree_count all;
	int r = mig_tree_open(s->fd, p->stream.v, p->path, &s->tree, e);

	if (r == 0)
		r = mig_tree_estimate(s->tree, &all, e);
	if (r < 0)
		return r;
	p->bytes = (struct opt_u64){true, all.bytes};
	p->entries = (struct opt_u64){true, all.entries};
	return 0;
}

static int add(struct mig_trees *t, const char *where, const char *source, const char *path,
	       int said, struct arena *a, struct err *e)
{
	struct mig_plan *p = &t->plans.v[t->plans.n];
	struct mig_source_tree *s = &t->v[t->plans.n];
	struct stat st;

	if (stat(source, &st) < 0)
		return err_sys(e, errno, "\"%.200s\", mounted at \"%.200s\"", source, where);
	*p = (struct mig_plan){
		.stream = {true, (uint32_t)t->plans.n + 1},
		.where = arena_strdup(a, where),
		.path = arena_strdup(a, path),
		.is_file = {true, !S_ISDIR(st.st_mode)},
		.kind = {true, said == CKPT_VOLUME_COPY ? MIG_TREE_COPY : MIG_TREE_SHARED}};
	/* Neither is opened: that can have effects. */
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) {
		if (said == CKPT_VOLUME_COPY)
			return err_set(e, ERR_INPUT, EINVAL,
				       "--volume %.200s=copy: \"%.200s\" is neither a directory "
				       "nor a file",
				       where, source);
		s->fd = FD_NONE;
		p->kind.v = MIG_TREE_SHARED;
		t->plans.n++;
		return 0;
	}
	s->fd = open(source,
		     (S_ISDIR(st.st_mode) ? O_DIRECTORY : 0) | O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (s->fd < 0)
		return err_sys(e, errno, "\"%.200s\", mounted at \"%.200s\"", source, where);
	t->plans.n++;
	if (S_ISDIR(st.st_mode))
		probe(s, p, a);
	/* A file cannot be probed: either is for the user to say. */
	if (said == -ENOENT && !p->probe)
		return err_set(
			e, ERR_INPUT, EINVAL,
			"config.json: mounts: \"%.200s\" at \"%.200s\" may be another one on the "
			"destination: --volume %.200s=copy or =shared says what to do",
			source, where, where);
	return p->kind.v == MIG_TREE_COPY ? estimate(s, p, e) : 0;
}

static int add_mount(struct mig_trees *t, const struct life_held *x,
		     const struct ckpt_migrate_args *a, const struct spec_mount *m,
		     struct arena *arena, struct err *e)
{
	int said = choice(a, m->destination);
	const char *source = m->source[0] == '/'
				     ? m->source
				     : arena_printf(arena, "%s/%s", x->bundle, m->source);
	/* What is the kernel's is there on every host. */
	static const char *const kernel[] = {"/dev", "/proc", "/sys", "/run/systemd"};

	for (size_t i = 0; said == -ENOENT && i < sizeof(kernel) / sizeof(kernel[0]); i++) {
		const char *rest = str_after(source, kernel[i]);

		if (rest && (*rest == '/' || *rest == '\0'))
			said = CKPT_VOLUME_SHARED;
	}
	if (said == CKPT_VOLUME_FAIL)
		return err_set(e, ERR_INPUT, EINVAL,
			       "--volume %.200s=fail: it is mounted from \"%.200s\"",
			       m->destination, source);
	return add(t, m->destination, source, source, said, arena, e);
}

int mig_trees_plan(struct mig_trees *t, const struct life_held *x,
		   const struct ckpt_migrate_args *a, const char *bundle, struct arena *arena,
		   struct err *e)
{
	const struct spec_mount_vec *v = &x->conf->mounts;
	const char *root = x->conf->root->path;
	int r = check_volumes(x, a, e);

	t->plans.v = arena_array(arena, v->n + 1, sizeof(*t->plans.v));
	t->v = mem_realloc(NULL, v->n + 1, sizeof(*t->v));
	for (size_t i = 0; i <= v->n; i++)
		t->v[i] = (struct mig_source_tree){.fd = FD_NONE};
	if (r == 0)
		r = add(t, "/", x->rootfs,
			root[0] == '/' ? root : arena_printf(arena, "%s/%s", bundle, root),
			CKPT_VOLUME_COPY, arena, e);
	for (size_t i = 0; r == 0 && i < v->n; i++)
		if (is_bind(&v->v[i]))
			r = add_mount(t, x, a, &v->v[i], arena, e);
	return r;
}

/* ---- moving them ---- */

int mig_trees_choose(struct mig_trees *t, const struct u32vec *shared, struct err *e)
{
	for (size_t i = 0; i < t->plans.n; i++) {
		const struct mig_plan *p = &t->plans.v[i];
		bool is_there = false;

		for (size_t k = 0; k < shared->n; k++)
			is_there = is_there || shared->v[k] == p->stream.v;
		t->v[i].is_moved = !is_there;
		/* What was to be shared and is not, was refused there. */
		if (!is_there && !t->v[i].tree)
			return err_set(
				e, ERR_INPUT, EBADMSG,
				"protocol error: the destination does not say what it does about "
				"\"%.200s\"",
				p->path);
	}
	return 0;
}

/* "from-to rw-s offset major:minor inode path": written to without a trace in the file's times. */
static void suspect_line(struct mig_trees *t, const char *s, size_t n)
{
	static const char blank[] = " ";
	const char *end = s + n, *at = s;
	uint64_t ino;

	for (int field = 0; field < 4; field++) {
		at = memchr(at, *blank, (size_t)(end - at));
		if (!at)
			return;
		at++;
		if (field == 0 && (end - at < 4 || at[1] != 'w' || at[3] != 's'))
			return;
	}
	size_t digits = 0;

	while (at + digits < end && at[digits] >= '0' && at[digits] <= '9')
		digits++;
	if (num_u64n(at, digits, &ino) < 0 || ino == 0)
		return;
	for (size_t i = 0; i < t->plans.n; i++)
		if (t->v[i].is_moved)
			mig_tree_suspect(t->v[i].tree, ino);
}

/* What a process of it has mapped shared. One that has ended meanwhile has nothing any more. */
static void suspect(struct mig_trees *t, pid_t pid)
{
	AUTO(buf) maps = {0};
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	if (file_read_path(path, MAPS_MAX, &maps) < 0)
		return;
	for (const char *s = maps.data, *all = s + maps.len; s && s < all;) {
		const char *end = memchr(s, '\n', (size_t)(all - s));

		end = end ? end : all;
		suspect_line(t, s, (size_t)(end - s));
		s = end + 1;
	}
}

int mig_trees_round(struct mig_trees *t, struct mig_link *l, const struct cg *cg, bool is_final,
		    struct mig_tree_count *ret, struct err *e)
{
	AUTO_FREE pid_t *pids = NULL;
	size_t n = 0;
	bool is_any = false;
	int r = 0;

	*ret = (struct mig_tree_count){0};
	for (size_t i = 0; i < t->plans.n; i++) {
		is_any = is_any || t->v[i].is_moved;
		if (t->v[i].is_moved)
			mig_tree_mark(t->v[i].tree);
	}
	if (!is_any)
		return 0;
	r = cg_pids(cg, &pids, &n, e);
	for (size_t i = 0; r == 0 && i < n; i++)
		suspect(t, pids[i]);
	for (size_t i = 0; r == 0 && i < t->plans.n; i++) {
		struct mig_tree_count one;

		if (!t->v[i].is_moved)
			continue;
		r = mig_tree_round(t->v[i].tree, l, is_final, &one, e);
		if (r < 0)
			break;
		ret->entries += one.entries;
		ret->removed += one.removed;
		ret->files += one.files;
		ret->bytes += one.bytes;
		ret->unsettled += one.unsettled;
	}
	return r;
}

/* ---- memory ---- */

/* "Name:\t  123 kB" of /proc/PID/status. */
static uint64_t status_bytes(const char *status, const char *name)
{
	const char *at = strstr(status, name);
	uint64_t kib = 0;

	if (!at)
		return 0;
	at += strlen(name);
	at += strspn(at, " \t");
	if (num_u64n(at, strspn(at, "0123456789"), &kib) < 0)
		return 0;
	return kib << 10;
}

int mig_memory_estimate(const struct cg *cg, uint64_t *ret, struct err *e)
{
	AUTO_FREE pid_t *pids = NULL;
	size_t n = 0;
	int r = cg_pids(cg, &pids, &n, e);

	*ret = 0;
	for (size_t i = 0; r == 0 && i < n; i++) {
		char path[64], status[4096];

		snprintf(path, sizeof(path), "/proc/%d/status", (int)pids[i]);
		if (file_read_kernel(AT_FDCWD, path, status, sizeof(status)) < 0)
			continue;
		*ret += status_bytes(status, "RssAnon:") + status_bytes(status, "RssShmem:") +
			status_bytes(status, "VmSwap:");
	}
	return r;
}
