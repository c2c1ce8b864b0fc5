// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups/enable: gives a cgroup's children their controllers (cgroup.subtree_control). Owns the
 * set that we want even when nobody asks, and the explanations for a controller that is not to be
 * had. It must not know of limits: needs are names. Called by tree.c on its way down.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "cgroups/internal.h"
#include "cgroups/knobs.h"
#include "base/ban.h"

#define WORDS_MAX 1024 /* of a cgroup.controllers file */

/* All that the kernel has for a domain (perf_event is always on): so that a later `update` finds
 * its files, statistics their counters, and the container hands on what it was given. */
static const char *const usual[] = {"cpu",     "cpuset", "io",	 "memory", "pids",
				    "hugetlb", "rdma",	 "misc", "dmem",   NULL};

/* A space-separated list of names of controllers, as the kernel prints it. */
struct words {
	char text[WORDS_MAX];
};

bool cg_enable_list_has(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *s = list; *s;) {
		s += strspn(s, " \n");
		size_t len = strcspn(s, " \n");
		if (len == n && memcmp(s, name, n) == 0)
			return true;
		s += len;
	}
	return false;
}

static int read_words(int dir_fd, const char *file, const char *path, struct words *ret,
		      struct err *e)
{
	int r = file_read_kernel(dir_fd, file, ret->text, sizeof(ret->text));
	return r < 0 ? err_sys(e, r, "read %s of cgroup \"%s\"", file, path) : 0;
}

static const char *needed_by(const struct knob_needs *needs, const char *ctrl)
{
	for (size_t i = 0; i < needs->n; i++)
		if (str_eq(needs->v[i].ctrl, ctrl))
			return needs->v[i].prop;
	return NULL;
}

/* Calls for each controller that we would like here: the needed ones, then the usual ones. */
static const char *wanted_at(const struct knob_needs *needs, size_t i)
{
	if (i < needs->n)
		return needs->v[i].ctrl;
	i -= needs->n;
	/* On a hybrid host the few controllers of the v2 tree are there by chance: that host's
	 * own tree is left as it is unless a limit needs one. */
	if (cg_where_is_hybrid() || i >= sizeof(usual) / sizeof(usual[0]))
		return NULL;
	return usual[i];
}

/* "+a +b" of what is wanted, available and not yet on. Return: how many. */
static size_t collect(const struct knob_needs *needs, const char *on, const char *avail,
		      struct words *ret)
{
	size_t n = 0, len = 0;

	ret->text[0] = '\0';
	for (size_t i = 0;; i++) {
		const char *c = wanted_at(needs, i);
		if (!c)
			return n;
		if (cg_enable_list_has(on, c) || (avail && !cg_enable_list_has(avail, c)))
			continue;
		if (i >= needs->n && needed_by(needs, c))
			continue; /* is in as a needed one */
		if (len + strlen(c) + 3 > sizeof(ret->text))
			return n;
		len += (size_t)snprintf(ret->text + len, sizeof(ret->text) - len, "%s+%s",
					n ? " " : "", c);
		n++;
	}
}

static int refused(int r, const char *path, const char *ctrl, const char *prop, struct err *e)
{
	switch (-r) {
	case EBUSY:
		return err_set(e, ERR_STATE, EBUSY,
			       "%s: the %s controller cannot be enabled in cgroup \"%s\": it has "
			       "processes of its own",
			       prop, ctrl, path);
	case EOPNOTSUPP:
		return err_set(e, ERR_STATE, EOPNOTSUPP,
			       "%s: the %s controller cannot be enabled in cgroup \"%s\": it is a "
			       "threaded cgroup",
			       prop, ctrl, path);
	case EACCES:
	case EPERM:
	case EROFS:
		/* Not EACCES as code: a caller may go on without a cgroup, but not without a limit.
		 */
		return err_set(
			e, ERR_MISSING, ENOTSUP,
			"%s: the %s controller cannot be enabled in cgroup \"%s\": %s (it is not "
			"delegated to this user)",
			prop, ctrl, path, err_words(r));
	default:
		return err_sys(e, r, "%s: enable the %s controller in cgroup \"%s\"", prop, ctrl,
			       path);
	}
}

/* The error for the first needed one that is still off; none needed: a debug line, and success. */
static int refuse(int r, const char *path, const char *on, const char *avail,
		  const struct knob_needs *needs, struct err *e)
{
	for (size_t i = 0; i < needs->n; i++)
		if (!cg_enable_list_has(on, needs->v[i].ctrl) &&
		    cg_enable_list_has(avail, needs->v[i].ctrl))
			return refused(r, path, needs->v[i].ctrl, needs->v[i].prop, e);
	log_debug("cgroup \"%s\": controllers not enabled: %s", path, err_words(r));
	return 0;
}

/*
 * A cgroup with processes takes cpu, cpuset and pids for its children, but becomes by that the root
 * of a threaded subtree, and its children invalid as a place for a container
 * (cgroup-v2.rst, "Threads"). Takes them back then. Return: 0 or -EBUSY.
 */
static int undo_threaded(int dir_fd, struct words *todo)
{
	char type[32];
	int r = file_read_kernel(dir_fd, "cgroup.type", type, sizeof(type));

	if (r <= 0 || !str_starts(type, "domain threaded"))
		return 0; /* the root has no such file */
	for (char *s = todo->text; *s; s++)
		if (*s == '+')
			*s = '-';
	r = file_write_kernel(dir_fd, "cgroup.subtree_control", todo->text);
	if (r < 0)
		log_debug("cgroup.subtree_control: %s: %s", todo->text, err_words(r));
	return -EBUSY;
}

/* One write for all; one by one when the kernel does not know one of them (it takes all or none).
 */
static int enable_all(int dir_fd, const char *path, const char *on, const char *avail,
		      const struct knob_needs *needs, struct err *e)
{
	struct words todo;
	char one[64];

	if (collect(needs, on, avail, &todo) == 0)
		return 0;
	int r = file_write_kernel(dir_fd, "cgroup.subtree_control", todo.text);
	if (r >= 0)
		r = undo_threaded(dir_fd, &todo);
	if (r == -EBUSY && needs->n && cg_evacuate(dir_fd, path) == 0 &&
	    collect(needs, on, avail, &todo) > 0)
		r = file_write_kernel(dir_fd, "cgroup.subtree_control", todo.text);
	if (r >= 0)
		return 0;
	if (r == -EBUSY || r == -EOPNOTSUPP || r == -EACCES || r == -EPERM || r == -EROFS)
		return refuse(r, path, on, avail, needs, e);
	for (size_t i = 0;; i++) {
		const char *c = wanted_at(needs, i);
		if (!c)
			return 0;
		if (cg_enable_list_has(on, c) || !cg_enable_list_has(avail, c))
			continue;
		snprintf(one, sizeof(one), "+%s", c);
		r = file_write_kernel(dir_fd, "cgroup.subtree_control", one);
		if (r < 0 && i < needs->n)
			return refused(r, path, c, needs->v[i].prop, e);
		if (r < 0)
			log_debug("cgroup \"%s\": controller %s not enabled: %s", path, c,
				  err_words(r));
	}
}

int cg_enable(int dir_fd, const char *path, const struct knob_needs *needs, struct err *e)
{
	struct words on, avail, todo;

	if (!wanted_at(needs, 0))
		return 0;
	int r = read_words(dir_fd, "cgroup.subtree_control", path, &on, e);
	if (r < 0)
		return r;
	/* The common launch ends here, or after the next read. */
	if (collect(needs, on.text, NULL, &todo) == 0)
		return 0;
	r = read_words(dir_fd, "cgroup.controllers", path, &avail, e);
	if (r < 0)
		return r;
	r = enable_all(dir_fd, path, on.text, avail.text, needs, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < needs->n; i++)
		if (!cg_enable_list_has(avail.text, needs->v[i].ctrl) &&
		    !cg_enable_list_has(on.text, needs->v[i].ctrl))
			return 1;
	return 0;
}

/* ---- why not ---- */

bool cg_enable_is_v1(const char *proc_cgroup, const char *ctrl)
{
	/* v1's name for io was blkio; a line is "ID:controller,controller:PATH". */
	const char *name = str_eq(ctrl, "io") ? "blkio" : ctrl;
	size_t n = strlen(name);

	for (const char *s = proc_cgroup; s && *s; s = strchr(s, '\n'), s = s ? s + 1 : NULL) {
		s += strcspn(s, ":\n");
		while (*s == ':' || *s == ',') {
			s++;
			size_t len = strcspn(s, ",:\n");
			if (len == n && memcmp(s, name, n) == 0)
				return true;
			s += len;
			if (*s == ':')
				break;
		}
	}
	return false;
}

int cg_enable_missing(int dir_fd, const char *path, const struct knob_needs *needs, struct err *e)
{
	struct words avail;
	char own[2 * CG_PATH_MAX];
	const char *why = "this kernel does not have it, or it is in use elsewhere";

	int r = read_words(dir_fd, "cgroup.controllers", path, &avail, e);
	if (r < 0)
		return r;
	int root_fd = cg_where_root(e);
	if (root_fd < 0)
		return root_fd;
	for (size_t i = 0; i < needs->n; i++) {
		const char *ctrl = needs->v[i].ctrl;
		struct words at_root;
		if (cg_enable_list_has(avail.text, ctrl))
			continue;
		r = read_words(root_fd, "cgroup.controllers", "/", &at_root, e);
		if (r < 0)
			return r;
		if (cg_enable_list_has(at_root.text, ctrl))
			return err_set(
				e, ERR_MISSING, ENOENT,
				"%s: the requested cgroup controller `%s` is not available in "
				"cgroup \"%s\": its parents do not give it",
				needs->v[i].prop, ctrl, path);
		if (file_read_kernel(AT_FDCWD, "/proc/self/cgroup", own, sizeof(own)) > 0 &&
		    cg_enable_is_v1(own, ctrl))
			why = "it is bound to cgroup v1";
		return err_set(
			e, ERR_MISSING, ENOENT,
			"%s: the requested cgroup controller `%s` is not available in the cgroup2 "
			"tree (%s): %s",
			needs->v[i].prop, ctrl, cg_where_root_name(), why);
	}
	return 0;
}
