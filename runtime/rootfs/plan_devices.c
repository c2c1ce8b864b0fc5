/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/rootfs/plan_devices: which device nodes the container gets: the default ones of
 * config-linux.md "Default Devices" and linux.devices, which wins on the same path. Pure. Called by
 * plan.c.
 */
#include <sys/sysmacros.h>
#include "base/path.h"
#include "runtime/rootfs/plan.h"
#include "base/ban.h"

/* clang-format off */
static const struct {
	const char *name;
	unsigned major, minor;
} default_devices[] = {
	{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
};
/* clang-format on */
#define N_DEFAULT (sizeof(default_devices) / sizeof(default_devices[0]))

static int bad(size_t i, const char *property, const char *why, struct err *e)
{
	return err_set(e, ERR_INPUT, EINVAL, "linux.devices[%zu].%s: %s", i, property, why);
}

static bool has_dotdot(const char *path)
{
	for (const char *s = path; *s;) {
		size_t n = strcspn(s, "/");
		if (n == 2 && s[0] == '.' && s[1] == '.')
			return true;
		s += n + (s[n] == '/');
	}
	return false;
}

static int read_path(struct root_plan *p, struct root_device *d, const char *path, struct err *e)
{
	char buf[4096];

	if (!path || path[0] != '/')
		return bad(d->index, "path", "must be absolute", e);
	if (has_dotdot(path))
		return bad(d->index, "path", "must not hold \"..\"", e);
	if (path_clean(path, buf, sizeof(buf)) < 2)
		return bad(d->index, "path", "not a path of a file", e);
	if (str_eq(buf, "/proc") || str_starts(buf, "/proc/") || str_eq(buf, "/sys") ||
	    str_starts(buf, "/sys/"))
		return bad(d->index, "path", "no device can be made below /proc or /sys", e);
	d->path = arena_strdup(p->arena, buf);
	const char *name = str_after(d->path, "/dev/");
	d->name = name && !strchr(name, '/') ? name : NULL;
	return 0;
}

static int read_type(struct root_device *d, const char *type, struct err *e)
{
	static const struct {
		const char *word;
		mode_t mode;
	} rows[] = {{"c", S_IFCHR}, {"u", S_IFCHR}, {"b", S_IFBLK}, {"p", S_IFIFO}};

	for (size_t i = 0; type && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (str_eq(type, rows[i].word)) {
			d->mode = rows[i].mode;
			return 0;
		}
	return bad(d->index, "type", "must be c, b, u or p", e);
}

static int read_device(struct root_plan *p, struct root_device *d, const struct spec_device *c,
		       struct err *e)
{
	int r = read_path(p, d, c->path, e);

	if (r == 0)
		r = read_type(d, c->type, e);
	if (r < 0)
		return r;
	if (!S_ISFIFO(d->mode)) {
		/* Linux has 12 bits of major and 20 of minor (include/linux/kdev_t.h). */
		if (!c->major.has || c->major.v < 0 || c->major.v > 0xfff)
			return bad(d->index, "major", "must be between 0 and 4095", e);
		if (!c->minor.has || c->minor.v < 0 || c->minor.v > 0xfffff)
			return bad(d->index, "minor", "must be between 0 and 1048575", e);
		d->rdev = makedev((unsigned)c->major.v, (unsigned)c->minor.v);
	}
	uint32_t mode = c->file_mode.has ? c->file_mode.v : 0666;
	/* podman --privileged passes st_mode as it is: the type's own bits say nothing new. */
	if ((mode & S_IFMT) == (d->mode & S_IFMT))
		mode &= ~(uint32_t)S_IFMT;
	if (mode > 0777)
		return bad(d->index, "fileMode", "only permission bits (0777) are allowed", e);
	d->mode |= mode;
	d->uid = c->uid.has ? c->uid.v : 0;
	d->gid = c->gid.has ? c->gid.v : 0;
	return 0;
}

/* A mount of the config right at this path is what the user wants there. */
static bool is_mounted_over(const struct root_plan *p, const char *path)
{
	for (size_t i = 0; i < p->n_mounts; i++)
		if (str_eq(p->mounts[i].dest, path))
			return true;
	return false;
}

static struct root_device *find(struct root_plan *p, const char *path)
{
	for (size_t i = 0; i < p->n_devices; i++)
		if (str_eq(p->devices[i].path, path))
			return &p->devices[i];
	return NULL;
}

int root_devices_plan(struct root_plan *p, struct err *e)
{
	const struct spec_device_vec *v = &p->conf->linux_->devices;

	p->devices = arena_array(p->arena, v->n + N_DEFAULT, sizeof(*p->devices));
	for (size_t i = 0; i < v->n; i++) {
		struct root_device d = {.index = i, .tree_fd = FD_NONE};
		int r = read_device(p, &d, &v->v[i], e);

		if (r < 0)
			return r;
		const struct root_device *old = find(p, d.path);
		if (old && (old->rdev != d.rdev || ((old->mode ^ d.mode) & S_IFMT)))
			return bad(i, "path", "listed twice as different devices", e);
		if (!old && !is_mounted_over(p, d.path))
			p->devices[p->n_devices++] = d;
	}
	for (size_t i = 0; i < N_DEFAULT; i++) {
		const char *path = arena_printf(p->arena, "/dev/%s", default_devices[i].name);

		if (find(p, path) || is_mounted_over(p, path))
			continue;
		p->devices[p->n_devices++] = (struct root_device){
			.path = path,
			.name = default_devices[i].name,
			.mode = S_IFCHR | 0666,
			.rdev = makedev(default_devices[i].major, default_devices[i].minor),
			.index = ROOT_NO_INDEX,
			.tree_fd = FD_NONE};
	}
	return 0;
}
