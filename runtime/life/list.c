/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/list: what is there: state, list, ps, ids by pattern. Reads consistent snapshots
 * without locks, so that a hook may ask for the state of the container that is being created.
 */
#include "runtime/life/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/ban.h"

static char *copy(struct arena *a, const char *s)
{
	return s ? arena_strdup(a, s) : NULL;
}

/* The view outlives the box: every string moves to the caller's arena. */
static void view_of(const struct life_box *b, struct arena *a, struct life_view *ret)
{
	struct spec_state *s = &ret->state;

	life_machine_state(b, life_machine_status(b), s);
	s->id = copy(a, s->id);
	s->oci_version = copy(a, s->oci_version ? s->oci_version : SPEC_VERSION);
	s->bundle = copy(a, s->bundle ? s->bundle : "");
	s->rootfs = copy(a, s->rootfs);
	s->created = copy(a, s->created);
	s->owner = copy(a, s->owner);
	ret->is_handed_over = b->rec && b->rec->held && b->rec->held->epoch;
	struct strpair *pairs = s->annotations.v;

	if (!pairs)
		return;
	s->annotations.v = arena_array(a, s->annotations.n + 1, sizeof(*pairs));
	for (size_t i = 0; i < s->annotations.n; i++)
		s->annotations.v[i] =
			(struct strpair){copy(a, pairs[i].key), copy(a, pairs[i].value)};
}

/* By way of their text, since every string has to move. */
static int copy_resources(const struct spec_resources *res, struct arena *a, struct spec_state *ret,
			  struct err *e)
{
	AUTO(buf) text = {0};
	struct json_errors errs = {.arena = a};
	void *copied;

	json_print(&spec_table_resources, res, 0, &text);
	if (json_parse(&spec_table_resources, text.data, text.len, a, &errs, &copied) < 0)
		return spec_errors_to_err(&errs, "its record", e);
	ret->resources = copied;
	return 0;
}

int life_state(const struct life_host *h, const char *id, struct arena *a, struct life_view *ret,
	       struct err *e)
{
	AUTO(life_box) b = LIFE_BOX_INIT;
	int r = life_store_open(h, id, false, &b, e);

	if (r < 0)
		return r;
	*ret = (struct life_view){0};
	view_of(&b, a, ret);
	return b.rec && b.rec->resources ? copy_resources(b.rec->resources, a, &ret->state, e) : 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the containers' directories, sorted. */
static int read_ids(const struct life_host *h, struct life_ids *ret, struct err *e)
{
	int fd = FD_NONE, r = life_store_root(h, false, &fd, e);

	if (r == -ENOENT && !e->code)
		return 0;
	if (r < 0)
		return r;
	AUTO_DIR d = fdopendir(fd);

	if (!d)
		return err_sys(e, errno, "read the state directory");
	for (struct dirent *de = readdir(d); de; de = readdir(d)) {
		struct err bad = ERR_INIT;
		struct stat st;

		if (life_store_id_check(de->d_name, &bad) < 0 ||
		    fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISDIR(st.st_mode))
			continue;
		ret->v = mem_realloc(ret->v, ret->n + 1, sizeof(char *));
		ret->v[ret->n++] = mem_strdup(de->d_name);
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(char *), compare_names);
	return 0;
}

void life_ids_done(struct life_ids *ids)
{
	for (size_t i = 0; i < ids->n; i++)
		free(ids->v[i]);
	free(ids->v);
	*ids = (struct life_ids){0};
}

int life_ids_find(const struct life_host *h, const char *regex, struct life_ids *ret, struct err *e)
{
	regex_t re;
	size_t kept = 0;
	int r = read_ids(h, ret, e);

	if (r < 0 || !regex)
		return r;
	if (regcomp(&re, regex, REG_EXTENDED | REG_NOSUB) != 0)
		return err_set(e, ERR_INPUT, EINVAL, "not a regular expression: \"%.100s\"", regex);
	for (size_t i = 0; i < ret->n; i++) {
		if (regexec(&re, ret->v[i], 0, NULL, 0) == 0)
			ret->v[kept++] = ret->v[i];
		else
			free(ret->v[i]);
	}
	ret->n = kept;
	regfree(&re);
	return 0;
}

int life_list(const struct life_host *h, bool with_broken, struct arena *a,
	      struct life_view_vec *ret, struct err *e)
{
	AUTO(life_ids) ids = {0};
	int r = read_ids(h, &ids, e);

	if (r < 0)
		return r;
	ret->v = arena_array(a, ids.n + 1, sizeof(*ret->v));
	for (size_t i = 0; i < ids.n; i++) {
		AUTO(life_box) b = LIFE_BOX_INIT;
		struct err gone = ERR_INIT;

		if (life_store_open(h, ids.v[i], false, &b, &gone) < 0)
			continue;
		if (!b.rec) {
			log_warn("container \"%s\": %s (use delete --force)", ids.v[i], b.why.text);
			if (!with_broken)
				continue;
		}
		view_of(&b, a, &ret->v[ret->n++]);
	}
	return 0;
}

int life_ps(const struct life_host *h, const char *id, pid_t **ret_pids, size_t *ret_n,
	    struct err *e)
{
	AUTO(life_box) b = LIFE_BOX_INIT;
	AUTO(cg) cg = CG_NONE;
	enum spec_status s;
	int r = life_store_open(h, id, false, &b, e);

	if (r < 0)
		return r;
	s = life_machine_status(&b);
	r = life_machine_check(LIFE_PS, s, e);
	if (r < 0)
		return r;
	r = life_machine_cgroup(&b, &cg, e);
	if (r == 0)
		return cg_pids(&cg, ret_pids, ret_n, e);
	if (r != -ENOENT)
		return r;
	/* No cgroup: init is all that we can be sure of. */
	err_clear(e);
	*ret_pids = mem_alloc(sizeof(pid_t));
	(*ret_pids)[0] = (pid_t)b.rec->init->pid.v;
	*ret_n = s == SPEC_STOPPED ? 0 : 1;
	return 0;
}
