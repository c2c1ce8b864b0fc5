// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups/systemd_set: a live update under the systemd manager: the properties of the unit, told in
 * two halves around the writes to the files below it, so that the two together are never tighter
 * than both what was and what is to be; and back again. It must not know a container. Called
 * through manager.c.
 */
#include <string.h>
#include "base/fd.h"
#include "base/str.h"
#include "cgroups/internal.h"
#include "cgroups/systemd.h"
#include "base/ban.h"

static int open_unit(const char *path, int *ret_fd, struct err *e)
{
	int root_fd = cg_where_root(e);
	int fd = root_fd < 0 ? root_fd : cg_tree_open(root_fd, path + 1);

	if (root_fd < 0)
		return root_fd;
	if (fd < 0)
		return err_sys(e, fd, "open cgroup \"%s\"", path);
	fd_replace(ret_fd, fd);
	return 0;
}

/*
 * What goes to the unit before the files below it are written: a set of CPUs, which is cut by that
 * of the unit; and what becomes wider there, or memory that is to move into swap below would find
 * no swap above. What becomes narrower goes last, when the files below already are.
 */
static bool is_early(const struct knob_write *w, const char *to, const char *from)
{
	return str_eq(w->ctrl, "cpuset") || cg_before_compare(w->file, to, from) > 0;
}

/* Which of these writes, with which text. Return: false = not this one. */
static bool choose_write(int unit_fd, const struct knob_write *w, enum cg_when when,
			 struct arena *a, struct knob_write *ret)
{
	*ret = *w;
	if (when == CG_BACK_BEFORE || when == CG_BACK_AFTER) {
		if (!w->was || (when == CG_BACK_BEFORE && !is_early(w, w->was, w->text)))
			return false;
		ret->text = w->was;
		ret->alt_text = NULL;
	} else if (when == CG_BEFORE && !is_early(w, w->text, w->was)) {
		return false;
	}
	/* systemd would write an empty list, which the kernel does not take (ENOSPC). */
	ret->text = cg_before_full_list(unit_fd, w->file, ret->text, a);
	return true;
}

static void note_before(int unit_fd, struct knob_plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct knob_write *w = &p->v[i];
		int r = cg_before_read(unit_fd, w->file, w->text, p->arena, &w->was);

		if (r == -ENOENT && w->alt_file)
			r = cg_before_read(unit_fd, w->alt_file, w->alt_text, p->arena, &w->was);
		if (r < 0)
			w->was = NULL;
	}
}

/* Opens the call; the caller puts properties. */
static size_t begin_call(const struct cg *c, struct cg_bus *bus, struct buf *body)
{
	bus->unit = c->unit;
	dbus_put_str(body, c->unit);
	dbus_put_u32(body, true); /* runtime: gone with the unit */
	return dbus_put_array(body, '(');
}

static int end_call(struct cg_bus *bus, struct buf *body, size_t mark, struct err *e)
{
	dbus_put_end(body, mark);
	return cg_bus_call(bus, "SetUnitProperties", "sba(sv)", body, NULL, e);
}

int cg_systemd_set(const struct cg *c, struct knob_plan *p, enum cg_when when, struct err *e)
{
	char dir[CG_PATH_MAX];
	AUTO(cg_bus) bus = {.d = DBUS_INIT};
	AUTO(buf) body = {0};
	AUTO_FD unit_fd = FD_NONE;
	struct knob_plan part = {.arena = p->arena};

	if (p->n == 0)
		return 0;
	cg_systemd_unit_path(c->path, c->unit, dir);
	int r = open_unit(dir, &unit_fd, e);

	if (r < 0)
		return r;
	if (when == CG_BEFORE)
		note_before(unit_fd, p);
	part.v = arena_array(p->arena, p->n, sizeof(*part.v));
	for (size_t i = 0; i < p->n; i++)
		part.n += choose_write(unit_fd, &p->v[i], when, p->arena, &part.v[part.n]);
	if (part.n == 0)
		return 0;
	r = cg_bus_open(&bus, c->is_user_unit, NULL, e);
	if (r < 0)
		return r;
	size_t mark = begin_call(c, &bus, &body);

	r = cg_systemd_put_limits(&bus, &part, &body, e);
	return r < 0 ? r : end_call(&bus, &body, mark, e);
}

int cg_systemd_devices(const struct cg *c, const struct spec_config *before,
		       const struct spec_config *now, struct err *e)
{
	AUTO(arena) a = {0};
	AUTO(cg_bus) bus = {.d = DBUS_INIT};
	AUTO(buf) body = {0};

	/* A user's instance may load no device filter. */
	if (c->is_user_unit)
		return 0;
	int r = cg_bus_open(&bus, false, NULL, e);

	if (r < 0)
		return r;
	size_t mark = begin_call(c, &bus, &body), empty = body.len;

	r = before ? cg_props_devices_wider(before, now, &a, &body, e)
		   : cg_props_devices(now, &a, &body, e);
	return r < 0 || body.len == empty ? r : end_call(&bus, &body, mark, e);
}
