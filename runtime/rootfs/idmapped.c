/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/rootfs/idmapped: id-mapped bind mounts (conformance M18, M19): their maps from the config
 * or from the option "idmap=uids=C-H-S#...;gids=...", a user namespace that carries them,
 * MOUNT_ATTR_IDMAP on the detached tree. Works in the parent, which alone has the right over the
 * source's file system. Called by plan_options.c and attach.c.
 */
#include "base/sys.h"

#include <fcntl.h>
#include <linux/mount.h>
#include "base/idmap.h"
#include "base/num.h"
#include "runtime/rootfs/plan.h"
#include "base/ban.h"

static const char *const kind_words[2] = {"uids", "gids"};

void root_idmap_read(struct root_plan *p, struct root_mount *m, const struct spec_mount *c)
{
	const struct spec_id_mapping_vec *in[2] = {&c->uid_mappings, &c->gid_mappings};

	for (int k = 0; k < 2; k++) {
		if (in[k]->n == 0)
			continue;
		/* Mappings alone ask for it too; the spec says that the option SHOULD be there. */
		m->is_idmap = true;
		m->n_id_maps[k] = in[k]->n;
		m->id_maps[k] = spec_id_map(in[k], p->arena).v;
	}
}

static int container_map(const struct root_plan *p, int kind, struct id_map *ret)
{
	const struct spec_linux *l = p->conf->linux_;

	*ret = spec_id_map(kind ? &l->gid_mappings : &l->uid_mappings, p->arena);
	return ret->n ? 0 : -ENOENT;
}

/* "C-H-S", "@C-H-S": with @ the host id is an id of the container. */
static int parse_range(const struct root_plan *p, int kind, const char *s, size_t n,
		       struct id_range *ret)
{
	uint32_t *out[3] = {&ret->container_id, &ret->host_id, &ret->size};
	bool is_relative = n > 0 && *s == '@';
	struct id_map map;

	s += is_relative;
	n -= is_relative;
	for (int i = 0; i < 3; i++) {
		size_t k = 0;
		uint64_t v;

		while (k < n && s[k] != '-')
			k++;
		if (num_u64n(s, k, &v) < 0 || v >= UINT32_MAX || (i < 2) != (k < n))
			return -EINVAL;
		*out[i] = (uint32_t)v;
		k += k < n;
		s += k;
		n -= k;
	}
	if (!is_relative)
		return 0;
	if (container_map(p, kind, &map) < 0 || ret->size == 0)
		return -EINVAL;
	/* The whole range must be in one line of the container's map. */
	uint32_t last = ret->host_id + ret->size - 1, host_last;

	if (last < ret->host_id || idmap_to_host(&map, last, &host_last) < 0 ||
	    idmap_to_host(&map, ret->host_id, &ret->host_id) < 0)
		return -EINVAL;
	return host_last - ret->host_id == ret->size - 1 ? 0 : -EINVAL;
}

static int parse_kind(struct root_plan *p, struct root_mount *m, int kind, const char *s, size_t n)
{
	size_t cap = 1;

	for (size_t i = 0; i < n; i++)
		cap += s[i] == '#';
	struct id_range *v = arena_array(p->arena, cap, sizeof(*v));

	m->id_maps[kind] = v;
	m->n_id_maps[kind] = 0;
	while (n > 0) {
		size_t k = 0;

		while (k < n && s[k] != '#')
			k++;
		int r = parse_range(p, kind, s, k, &v[m->n_id_maps[kind]++]);
		if (r < 0)
			return r;
		k += k < n;
		s += k;
		n -= k;
	}
	return 0;
}

int root_idmap_parse(struct root_plan *p, struct root_mount *m, const char *text, struct err *e)
{
	int r = 0;

	for (const char *s = text; r == 0 && *s;) {
		size_t n = strcspn(s, ";");
		const char *eq = memchr(s, '=', n);
		int kind = -1;

		for (int k = 0; eq && k < 2; k++)
			if ((size_t)(eq - s) == 4 && strncmp(s, kind_words[k], 4) == 0)
				kind = k;
		r = kind < 0 ? -EINVAL : parse_kind(p, m, kind, eq + 1, n - (size_t)(eq + 1 - s));
		s += n + (s[n] == ';');
	}
	if (r == 0 && m->n_id_maps[0] && m->n_id_maps[1])
		return 0;
	return err_set(e, ERR_INPUT, EINVAL,
		       "mounts[%zu].options: \"idmap=%s\": not of the form "
		       "uids=C-H-S#C-H-S;gids=C-H-S",
		       m->index, text);
}

int root_idmap_userns(const struct root_plan *p, const struct root_mount *m, int *ret_fd,
		      struct err *e)
{
	const struct spec_namespace *ns = spec_ns(p->conf, SPEC_NS_USER);
	struct id_map maps[2];

	if (m->n_id_maps[0]) {
		for (int k = 0; k < 2; k++)
			maps[k] = (struct id_map){m->id_maps[k], m->n_id_maps[k]};
		return idmap_userns(&maps[0], &maps[1], ret_fd, e);
	}
	/* Without maps of its own: those of the container's user namespace (config.md, idmap). */
	if (ns && ns->path && *ns->path) {
		/* The config's path may be gone meanwhile, or lead to another's. */
		const char *path = p->host.userns ? p->host.userns : ns->path;
		AUTO_FD fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return err_sys(e, errno, "open \"%s\"", path);
		*ret_fd = fd_take(&fd);
		return 0;
	}
	for (int k = 0; k < 2; k++)
		if (container_map(p, k, &maps[k]) < 0)
			return err_set(e, ERR_INPUT, EINVAL, "the user namespace has no mappings");
	return idmap_userns(&maps[0], &maps[1], ret_fd, e);
}

int root_idmap_apply(const struct root_plan *p, const struct root_mount *m, int tree_fd,
		     struct err *e)
{
	AUTO_FD ns_fd = FD_NONE;
	int r = root_idmap_userns(p, m, &ns_fd, e);

	if (r < 0)
		return err_prefix(e, "mounts[%zu]: id-mapped mount \"%s\"", m->index, m->dest);
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)ns_fd};
	r = sys_mount_setattr(tree_fd, "", AT_EMPTY_PATH | (m->is_idmap_rec ? AT_RECURSIVE : 0),
			      &attr, sizeof(attr));
	if (r == -EINVAL)
		return root_mount_fail(m, r, "its file system cannot be id-mapped", e);
	if (r == -EPERM)
		return root_mount_fail(m, r,
				       "no right to id-map this file system, or it is already", e);
	return r < 0 ? root_mount_fail(m, r, "id-mapping", e) : 0;
}
