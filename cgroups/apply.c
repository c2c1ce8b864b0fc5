// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups/apply: writes the plan of knobs.c into a new cgroup. Owns the errors of those writes; it
 * must not know what a value means. Called by runtime/life after cg_make() and, for the late ones,
 * once init is inside; its single write and its errors also by update.c.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"
#include "base/str.h"
#include "cgroups/internal.h"
#include "cgroups/knobs.h"
#include "base/ban.h"

#define LIST_BITS 8192 /* CPUs or nodes */
#define LIST_MAX  4096 /* bytes of a list file */

/* The page sizes that this cgroup has files for: "2MB, 1GB". */
static void list_page_sizes(int dir_fd, char *ret, size_t size)
{
	size_t len = 0;
	struct dirent *ent;
	AUTO_DIR d = NULL;
	AUTO_FD fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ret[0] = '\0';
	d = fd >= 0 ? fdopendir(fd) : NULL;
	if (!d)
		return;
	fd_take(&fd);
	while ((ent = readdir(d))) {
		const char *s = str_after(ent->d_name, "hugetlb.");
		size_t n = s ? strcspn(s, ".") : 0;
		if (!n || !str_eq(s + n, ".max") || len + n + 3 > size)
			continue;
		len += (size_t)snprintf(ret + len, size - len, "%s%.*s", len ? ", " : "", (int)n,
					s);
	}
}

static int no_file(const struct cg *c, const struct knob_write *w, struct err *e)
{
	char sizes[128], on[1024];

	if (file_read_kernel(c->dir_fd, "cgroup.controllers", on, sizeof(on)) >= 0 &&
	    !cg_enable_list_has(on, w->ctrl))
		return err_set(
			e, ERR_MISSING, ENOENT,
			"%s: the requested cgroup controller `%s` is not available in cgroup "
			"\"%s\"",
			w->prop, w->ctrl, c->path);
	if (!str_eq(w->ctrl, "hugetlb") || !str_starts(w->prop, "linux.resources.hugepageLimits"))
		return err_set(e, ERR_MISSING, ENOENT,
			       "%s: this kernel has no %s%s%s (cgroup \"%s\"): no such file or "
			       "directory",
			       w->prop, w->file, w->alt_file ? " or " : "",
			       w->alt_file ? w->alt_file : "", c->path);
	list_page_sizes(c->dir_fd, sizes, sizeof(sizes));
	return err_set(e, ERR_INPUT, ENOENT, "%s.pageSize: no such page size here (there is: %s)",
		       w->prop, sizes[0] ? sizes : "none");
}

int cg_apply_refused(const struct cg *c, const struct knob_write *w, int r, struct err *e)
{
	const char *file = w->file, *text = w->text;

	if (w->alt_file && faccessat(c->dir_fd, w->file, F_OK, 0) < 0) {
		file = w->alt_file;
		text = w->alt_text;
	}
	if (r == -ENOENT)
		return no_file(c, w, e);
	if ((r == -ENODEV || r == -ENXIO) && str_eq(w->ctrl, "io"))
		return err_set(e, ERR_INPUT, -r, "%s: write \"%.64s\" to %s: no such whole disk",
			       w->prop, text, file);
	if (r == -EOPNOTSUPP && w->alt_file)
		return err_set(
			e, ERR_MISSING, EOPNOTSUPP,
			"%s: write \"%.64s\" to %s: neither BFQ nor iocost is at work on this disk",
			w->prop, text, file);
	return err_sys(e, r, "%s: write \"%.64s\" to %s of cgroup \"%s\"", w->prop, text, file,
		       c->path);
}

int cg_apply_write(const struct cg *c, const struct knob_write *w)
{
	int r = file_write_kernel(c->dir_fd, w->file, w->text);

	if (r == -ENOENT && w->alt_file)
		r = file_write_kernel(c->dir_fd, w->alt_file, w->alt_text);
	if (r == -ENOENT && (w->flags & (KNOB_LIFT | KNOB_FILE_OPTIONAL))) {
		log_debug("%s: no %s: nothing to do", w->prop, w->file);
		return 0;
	}
	return r;
}

static int write_all(const struct cg *c, const struct knob_plan *p, struct err *e)
{
	const struct knob_write *again = NULL;

	for (size_t i = 0; i < p->n; i++) {
		const struct knob_write *w = &p->v[i];
		if (w->flags & KNOB_LATE)
			continue;
		int r = cg_apply_write(c, w);
		if (r == -EINVAL && (w->flags & KNOB_AGAIN) && i + 1 < p->n) {
			again = w;
			continue;
		}
		if (r < 0)
			return cg_apply_refused(c, w, r, e);
		if (again)
			r = cg_apply_write(c, again);
		if (r < 0)
			return cg_apply_refused(c, again, r, e);
		again = NULL;
	}
	return 0;
}

/* In v2 a list without one usable member is taken, and then the parent's whole set is used: a
 * limit that silently is none. */
static int check_list(const struct cg *c, const char *prop, const char *list, const char *file,
		      struct err *e)
{
	uint64_t want[LIST_BITS / 64] = {0}, have[LIST_BITS / 64] = {0};
	char text[LIST_MAX];

	if (!list || !*list || file_read_kernel(c->dir_fd, file, text, sizeof(text)) <= 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	/* Grammars that only the kernel knows ("0-31:2/4") are left to it. */
	if (num_list(list, want, LIST_BITS) < 0 || num_list(text, have, LIST_BITS) < 0)
		return 0;
	for (size_t i = 0; i < LIST_BITS / 64; i++)
		if (want[i] & have[i])
			return 0;
	return err_set(e, ERR_INPUT, EINVAL, "%s: none of \"%.64s\" is available (there is: %.64s)",
		       prop, list, text);
}

int cg_apply_check_lists(const struct cg *c, const struct spec_resources *res, struct err *e)
{
	if (!res || !res->cpu)
		return 0;
	int r = check_list(c, "linux.resources.cpu.cpus", res->cpu->cpus, "cpuset.cpus.effective",
			   e);
	return r < 0 ? r
		     : check_list(c, "linux.resources.cpu.mems", res->cpu->mems,
				  "cpuset.mems.effective", e);
}

int cg_apply(const struct cg *c, const struct spec_resources *res, struct err *e)
{
	AUTO(arena) a = {0};
	struct knob_plan plan = {.arena = &a};

	int r = cg_knobs_plan(res, &plan, e);
	if (r == 0)
		r = write_all(c, &plan, e);
	return r < 0 ? r : cg_apply_check_lists(c, res, e);
}

int cg_apply_late(const struct cg *c, const struct spec_resources *res, struct err *e)
{
	AUTO(arena) a = {0};
	struct knob_plan plan = {.arena = &a};

	if (!cg_knobs_has_late(res))
		return 0;
	int r = cg_knobs_plan(res, &plan, e);
	for (size_t i = 0; r == 0 && i < plan.n; i++) {
		if (!(plan.v[i].flags & KNOB_LATE))
			continue;
		r = cg_apply_write(c, &plan.v[i]);
		if (r < 0)
			r = cg_apply_refused(c, &plan.v[i], r, e);
	}
	return r;
}
