/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroups/manager: who makes the cgroups, as one table: cgroupfs (we do), systemd (a unit of its),
 * disabled (nobody). Owns the annotations that decide the place, and the delegated sub-cgroup below
 * any manager's. It must not know limits. Called by runtime/life.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/path.h"
#include "base/str.h"
#include "cgroups/internal.h"
#include "cgroups/knobs.h"
#include "cgroups/systemd.h"
#include "base/ban.h"

/* ---- cgroupfs ---- */

static int cgroupfs_make(const struct cg_place *p, const struct spec_config *conf, struct cg *ret,
			 struct err *e)
{
	return cg_tree_make(p->path, conf->linux_->resources, ret, e);
}

static int cgroupfs_remove(const struct cg_place *p, uint64_t ino, unsigned made_levels,
			   struct err *e)
{
	return cg_tree_remove(p->path, ino, made_levels, e);
}

/* ---- the table ---- */

static const struct manager {
	/* NULL: nothing to do. */
	int (*choose)(const struct cg_wish *w, struct cg_place *ret, struct err *e);
	int (*make)(const struct cg_place *p, const struct spec_config *conf, struct cg *ret,
		    struct err *e);
	int (*remove)(const struct cg_place *p, uint64_t ino, unsigned made_levels, struct err *e);
	int (*admit)(const struct cg *c, const struct spec_resources *res, struct err *e);
	int (*settle)(struct cg *c, const struct spec_resources *res, struct err *e);
	int (*attach)(const struct cg *c, const char *path, pid_t pid, struct err *e);
	int (*set)(const struct cg *c, struct knob_plan *p, enum cg_when when, struct err *e);
	int (*devices)(const struct cg *c, const struct spec_config *before,
		       const struct spec_config *now, struct err *e);
} managers[CG_MANAGER_N] = {
	[CG_CGROUPFS] = {cg_where_choose, cgroupfs_make, cgroupfs_remove, NULL, NULL, NULL, NULL,
			 NULL},
	[CG_SYSTEMD] = {cg_systemd_choose, cg_systemd_make, cg_systemd_remove, cg_systemd_admit,
			cg_systemd_settle, cg_systemd_attach, cg_systemd_set, cg_systemd_devices},
};

/* Of a cgroup that exists: its unit says it. */
static const struct manager *manager_of(const struct cg *c)
{
	return &managers[c->unit[0] ? CG_SYSTEMD : CG_CGROUPFS];
}

/* ---- the wish ---- */

static int check_sub(const char *key, const char *name, struct err *e)
{
	if (!name || !name[0] ||
	    (path_is_name(name) && strlen(name) < CG_UNIT_MAX && !str_starts(name, "cgroup.")))
		return 0;
	return err_set(e, ERR_INPUT, EINVAL,
		       "annotations[\"%s\"]: \"%.128s\" is not a cgroup's name", key, name);
}

int cg_wish_read(const struct spec_config *conf, const char *id, bool is_rootless,
		 struct cg_wish *ret, struct err *e)
{
	static const char sub[] = "run.oci.systemd.subgroup", inner[] = "run.oci.delegate-cgroup";

	*ret = (struct cg_wish){
		.cgroups_path = conf->linux_->cgroups_path,
		.id = id,
		.subgroup = spec_annotation(conf, sub),
		.delegated = spec_annotation(conf, inner),
		.is_rootless = is_rootless,
	};
	if (!ret->subgroup)
		ret->subgroup = "container";
	int r = check_sub(sub, ret->subgroup, e);

	return r < 0 ? r : check_sub(inner, ret->delegated, e);
}

int cg_choose(enum cg_manager m, const struct cg_wish *w, struct cg_place *ret, struct err *e)
{
	*ret = (struct cg_place){.manager = m, .id = w->id};
	if (!managers[m].choose)
		return 0;
	int r = managers[m].choose(w, ret, e);

	if (r == 0 && w->delegated)
		str_copy(ret->inner, sizeof(ret->inner), w->delegated);
	return r;
}

/* ---- making and removing ---- */

/* The container's own part below the limits, so that it cannot raise them (A06). */
static int make_inner(struct cg *c, const char *inner, struct err *e)
{
	static const struct knob_needs none;
	int r = cg_enable(c->dir_fd, c->path, &none, e);

	if (r < 0)
		return r;
	if (mkdirat(c->dir_fd, inner, 0755) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make cgroup \"%s/%s\"", c->path, inner);
	return cg_open_inner(c, inner, e);
}

int cg_open_inner(struct cg *c, const char *inner, struct err *e)
{
	int fd = inner[0] ? cg_tree_open(c->dir_fd, inner) : FD_NONE;

	if (inner[0] && fd < 0)
		return err_sys(e, fd, "open cgroup \"%s/%s\"", c->path, inner);
	fd_replace(&c->into_fd, fd);
	return 0;
}

int cg_make(const struct cg_place *p, const struct spec_config *conf, struct cg *ret, struct err *e)
{
	struct err ignored = ERR_INIT;

	if (!managers[p->manager].make)
		return 0;
	int r = managers[p->manager].make(p, conf, ret, e);

	if (r < 0 || !p->inner[0])
		return r;
	r = make_inner(ret, p->inner, e);
	if (r < 0) {
		uint64_t ino = ret->ino;

		cg_done(ret);
		(void)!cg_remove(p, ino, ret->made_levels, &ignored);
	}
	return r;
}

int cg_remove(const struct cg_place *p, uint64_t ino, unsigned made_levels, struct err *e)
{
	const struct manager *m = &managers[p->manager];

	return m->remove ? m->remove(p, ino, made_levels, e) : 0;
}

int cg_admit(const struct cg *c, const struct spec_resources *res, struct err *e)
{
	const struct manager *m = manager_of(c);

	return m->admit ? m->admit(c, res, e) : 0;
}

int cg_settle(struct cg *c, const struct spec_resources *res, struct err *e)
{
	const struct manager *m = manager_of(c);

	return m->settle ? m->settle(c, res, e) : 0;
}

int cg_attach(const struct cg *c, int fd, pid_t pid, struct err *e)
{
	const struct manager *m = manager_of(c);
	int r = cg_join(fd, pid, e);

	if (r >= 0 || !m->attach || (e->code != EACCES && e->code != EPERM))
		return r;
	char path[CG_PATH_MAX + 64];

	/* The kernel wants the right to move from the common ancestor down; the manager has it. */
	r = cg_tree_path(fd, path, sizeof(path));
	if (r < 0)
		return err_sys(e, r, "find the path of cgroup \"%s\"", c->path);
	err_clear(e);
	return m->attach(c, path, pid, e);
}

int cg_set_plan(const struct cg *c, struct knob_plan *p, enum cg_when when, struct err *e)
{
	const struct manager *m = manager_of(c);

	return m->set ? m->set(c, p, when, e) : 0;
}

int cg_set(const struct cg *c, const struct spec_resources *res, enum cg_when when, struct err *e)
{
	AUTO(arena) a = {0};
	struct knob_plan plan = {.arena = &a, .is_update = true};

	if (!manager_of(c)->set)
		return 0;
	int r = cg_knobs_plan(res, &plan, e);

	return r < 0 ? r : cg_set_plan(c, &plan, when, e);
}

int cg_set_devices(const struct cg *c, const struct spec_config *before,
		   const struct spec_config *now, struct err *e)
{
	const struct manager *m = manager_of(c);

	return m->devices ? m->devices(c, before, now, e) : 0;
}
