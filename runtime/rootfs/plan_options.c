/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/rootfs/plan_options: one mount's option words into attributes, superblock flags,
 * propagation and data. The words themselves are rows of spec_mount_opt_find(); what has no row is
 * data for the file system. Pure. Called by plan.c.
 */
#include "base/log.h"
#include "base/num.h"
#include "runtime/rootfs/plan.h"
#include "base/ban.h"

struct reading {
	struct root_plan *p;
	struct root_mount *m;
	struct err *e;
};

static int bad(const struct reading *rd, const char *option, const char *why)
{
	return err_set(rd->e, ERR_INPUT, EINVAL, "mounts[%zu].options: \"%s\": %s", rd->m->index,
		       option, why);
}

/* The kernel wants the atime field cleared as a whole when any of it changes. */
static void attr_normal(struct root_attr *a)
{
	if ((a->clr | a->set) & MOUNT_ATTR__ATIME)
		a->clr |= MOUNT_ATTR__ATIME;
}

static void attr_set(struct root_attr *a, const struct spec_mount_opt *o)
{
	a->set = (a->set & ~o->mask) | o->attr;
	a->clr = (a->clr & ~o->attr) | o->mask;
	attr_normal(a);
}

static void attr_clear(struct root_attr *a, const struct spec_mount_opt *o)
{
	a->set &= ~(o->attr | o->mask);
	a->clr |= o->attr | o->mask;
	attr_normal(a);
}

static int add_propagation(const struct reading *rd, const struct spec_mount_opt *o)
{
	struct root_mount *m = rd->m;

	if (m->n_prop == ROOT_PROP_MAX)
		return bad(rd, o->name, "too many propagation options");
	m->prop[m->n_prop++] = (o->attr & ~(uint64_t)MS_REC) | (o->is_recursive ? MS_REC : 0);
	return 0;
}

static int apply_row(const struct reading *rd, const struct spec_mount_opt *o)
{
	struct root_mount *m = rd->m;
	struct root_attr *a = o->is_recursive ? &m->rec : &m->top;

	switch (o->kind) {
	case SPEC_MO_ATTR_SET:
		attr_set(a, o);
		return 0;
	case SPEC_MO_ATTR_CLEAR:
		attr_clear(a, o);
		return 0;
	case SPEC_MO_SB_SET:
		m->sb |= o->attr;
		return 0;
	case SPEC_MO_SB_CLEAR:
		m->sb &= ~o->attr;
		return 0;
	case SPEC_MO_PROPAGATION:
		return add_propagation(rd, o);
	case SPEC_MO_BIND:
		if (m->kind != ROOT_REMOUNT)
			m->kind = ROOT_BIND;
		m->is_rec |= o->is_recursive;
		return 0;
	case SPEC_MO_REMOUNT:
		m->kind = ROOT_REMOUNT;
		return 0;
	case SPEC_MO_IDMAP:
		m->is_idmap = true;
		m->is_idmap_rec |= o->is_recursive;
		return 0;
	case SPEC_MO_COPY_UP:
		m->is_copy_up = true;
		return 0;
	case SPEC_MO_NONE:
		return 0;
	case SPEC_MO_SRC_NOFOLLOW:
		m->is_src_nofollow = true;
		return 0;
	case SPEC_MO_DEST_NOFOLLOW:
		m->is_dest_nofollow = true;
		return 0;
	case SPEC_MO_COPY_SYMLINK:
		m->is_copy_symlink = true;
		return 0;
	}
	return bad(rd, o->name, "not supported");
}

/*
 * A comma would start another option where the file system takes one string, and so would a newline
 * in a log or mountinfo (security.md B58). SELinux contexts hold commas, inside double quotes.
 */
static int check_data_text(const struct reading *rd, const char *word)
{
	const char *value = strchr(word, '=');
	size_t n = value ? strlen(value + 1) : 0;
	bool is_quoted =
		n >= 2 && value[1] == '"' && value[n] == '"' && strcspn(value + 2, "\"") == n - 2;

	for (const char *s = word; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return bad(rd, word, "holds a control byte");
		if (*s == ',' && !is_quoted)
			return bad(rd, word, "holds a comma");
	}
	return 0;
}

static bool is_octal_mode(const char *s)
{
	size_t n = strspn(s, "01234567");

	if (n == 0 || s[n] != '\0')
		return false;
	while (*s == '0')
		s++;
	return strlen(s) <= 4;
}

/* 64k, 50%, 0x1000 is left out on purpose: nobody writes it. */
static bool is_tmpfs_size(const char *s)
{
	size_t n = strspn(s, "0123456789");

	if (n == 0 || n > 19)
		return false;
	return s[n] == '\0' || (strchr("kKmMgGtTpPeE%", s[n]) && s[n + 1] == '\0');
}

/* tmpfs reads numbers leniently ("size=-1" is huge): refuse here what cannot be meant. */
static int check_tmpfs(const struct reading *rd, const char *word, const struct root_data *d)
{
	uint32_t id;

	if (!d->value)
		return 0;
	if (str_eq(d->key, "mode") && !is_octal_mode(d->value))
		return bad(rd, word, "not an octal mode up to 7777");
	if ((str_eq(d->key, "size") || str_eq(d->key, "nr_inodes") ||
	     str_eq(d->key, "nr_blocks")) &&
	    !is_tmpfs_size(d->value))
		return bad(rd, word, "not a size");
	if ((str_eq(d->key, "uid") || str_eq(d->key, "gid")) && num_id(d->value, &id) < 0)
		return bad(rd, word, "not an id");
	return 0;
}

static int add_data(const struct reading *rd, const char *word)
{
	struct root_mount *m = rd->m;
	struct root_data *d = &m->data[m->n_data];
	const char *eq = strchr(word, '=');
	int r = check_data_text(rd, word);

	if (r < 0)
		return r;
	if (eq == word)
		return bad(rd, word, "an option needs a name");
	d->key = eq ? arena_strndup(rd->p->arena, word, (size_t)(eq - word)) : word;
	d->value = eq ? eq + 1 : NULL;
	/* fsconfig(2) takes the bare context; the quotes only shield its commas in mount(2)'s
	 * string. */
	if (d->value && d->value[0] == '"')
		d->value = arena_strndup(rd->p->arena, d->value + 1, strlen(d->value) - 2);
	m->n_data++;
	return 0;
}

static int read_word(const struct reading *rd, const char *word)
{
	const struct spec_mount_opt *o = spec_mount_opt_find(word);
	const char *map;

	if (o)
		return apply_row(rd, o);
	/* podman --systemd writes empty ones. */
	if (!*word)
		return 0;
	map = str_after(word, "idmap=");
	if (!map && (map = str_after(word, "ridmap=")))
		rd->m->is_idmap_rec = true;
	if (map) {
		rd->m->is_idmap = true;
		return root_idmap_parse(rd->p, rd->m, map, rd->e);
	}
	return add_data(rd, word);
}

/* What the well-known mounts get when the config gives them no options at all (conformance M27). */
/* clang-format off */
static const struct {
	enum root_kind kind;
	const char *dest; /* NULL = anywhere */
	const char *const words[8];
} default_rows[] = {
	{ROOT_SYSFS,  NULL,	      {"nosuid", "noexec", "nodev"}},
	{ROOT_MQUEUE, NULL,	      {"nosuid", "noexec", "nodev"}},
	{ROOT_CGROUP, NULL,	      {"nosuid", "noexec", "nodev", "relatime", "ro"}},
	{ROOT_DEVPTS, NULL,	      {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620",
				       "gid=5"}},
	{ROOT_TMPFS,  "/dev",	      {"nosuid", "strictatime", "mode=755", "size=65536k"}},
	{ROOT_TMPFS,  "/dev/shm",     {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
};
/* clang-format on */

static int read_defaults(const struct reading *rd)
{
	struct root_mount *m = rd->m;
	int r = 0;

	for (size_t i = 0; i < sizeof(default_rows) / sizeof(default_rows[0]); i++) {
		if (default_rows[i].kind != m->kind ||
		    (default_rows[i].dest && !str_eq(default_rows[i].dest, m->dest)))
			continue;
		for (size_t k = 0; r == 0 && k < 8 && default_rows[i].words[k]; k++)
			r = read_word(rd, default_rows[i].words[k]);
		return r;
	}
	return 0;
}

static bool is_gid_mapped(const struct root_plan *p, uint32_t gid)
{
	const struct spec_id_mapping_vec *v = &p->conf->linux_->gid_mappings;

	for (size_t i = 0; i < v->n; i++)
		if (gid >= v->v[i].container_id.v && gid - v->v[i].container_id.v < v->v[i].size.v)
			return true;
	return v->n == 0;
}

/* Drops data rows that cannot work, keeps the rest in order. */
static void drop_data(struct root_plan *p, struct root_mount *m)
{
	size_t n = 0;
	uint32_t gid;

	for (size_t i = 0; i < m->n_data; i++) {
		const struct root_data *d = &m->data[i];

		/* Engines ask for the tty group even where their map has no such id. */
		if (m->kind == ROOT_DEVPTS && p->is_new_userns && d->value &&
		    str_eq(d->key, "gid") && num_id(d->value, &gid) == 0 &&
		    !is_gid_mapped(p, gid)) {
			log_debug("mounts[%zu]: devpts gid=%u is not mapped: dropped", m->index,
				  gid);
			continue;
		}
		/* A mount option would change the one cgroup2 superblock of the whole host. */
		if (m->kind == ROOT_CGROUP) {
			log_debug("mounts[%zu]: cgroup option \"%s\" is not passed on", m->index,
				  d->key);
			continue;
		}
		m->data[n++] = *d;
	}
	m->n_data = n;
}

/*
 * A bind whose options name any flag gets those flags and no other, as the remount of mount(2) that
 * stood behind the words (runc and crun alike); one that names none keeps what its source has. The
 * access times are such a set of their own.
 */
static void imply_clears(struct root_mount *m)
{
	const uint64_t plain = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			       MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW;
	const uint64_t times = MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME;
	const struct root_attr *a = &m->top;

	if (!(a->set | a->clr))
		return;
	m->implied_clr = plain;
	if ((a->clr & MOUNT_ATTR__ATIME) || (a->set & MOUNT_ATTR_NODIRATIME))
		m->implied_clr |= times;
	m->implied_clr &= ~(a->set | a->clr | m->rec.set | m->rec.clr);
	/* The kernel wants the whole of the field or nothing. */
	if (m->implied_clr & MOUNT_ATTR__ATIME)
		m->implied_clr |= MOUNT_ATTR__ATIME;
}

/* The tmpfs of this very config that a remount means; other superblocks may be the host's. */
static struct root_mount *own_tmpfs(const struct root_plan *p, const struct root_mount *m)
{
	for (size_t i = p->n_mounts; i-- > 0;) {
		struct root_mount *o = &p->mounts[i];

		if (o != m && o->kind != ROOT_REMOUNT && str_eq(o->dest, m->dest))
			return o->kind == ROOT_TMPFS ? o : NULL;
	}
	return NULL;
}

static int check_whole(const struct reading *rd)
{
	struct root_mount *m = rd->m;
	bool is_tmpfs = m->kind == ROOT_TMPFS;

	if (m->kind == ROOT_REMOUNT && (m->n_data || m->sb)) {
		struct root_mount *o = own_tmpfs(rd->p, m);

		if (!o)
			return bad(rd, m->n_data ? m->data[0].key : "remount",
				   "a remount changes the flags of the mount, but its file system "
				   "only where this config has put a tmpfs");
		is_tmpfs = o->is_kept = true;
		m->remount_of = o;
	}

	if (m->kind == ROOT_BIND && m->n_data > 0)
		return bad(rd, m->data[0].key, "not known, and a bind mount takes no data");
	if (m->is_copy_up && m->kind != ROOT_TMPFS)
		return bad(rd, "tmpcopyup", "only a tmpfs can be filled");
	if (m->is_idmap && m->kind != ROOT_BIND)
		return bad(rd, "idmap", "only a bind mount can be id-mapped");
	if (m->is_idmap && m->n_id_maps[0] == 0 && !rd->p->has_userns)
		return bad(rd, "idmap", "needs uidMappings and gidMappings, or a user namespace");
	for (size_t i = 0; i < m->n_data; i++) {
		const struct root_data *d = &m->data[i];
		int r = is_tmpfs ? check_tmpfs(rd, d->key, d) : 0;

		if (r < 0)
			return r;
		m->has_mode |= str_eq(d->key, "mode");
	}
	return 0;
}

int root_options_read(struct root_plan *p, struct root_mount *m, const struct spec_mount *c,
		      struct err *e)
{
	struct reading rd = {p, m, e};
	int r = 0;

	m->data =
		arena_array(p->arena, (c->options.n > 8 ? c->options.n : 8) + 1, sizeof(*m->data));
	root_idmap_read(p, m, c);
	for (size_t i = 0; r == 0 && i < c->options.n; i++)
		r = read_word(&rd, c->options.v[i]);
	if (r == 0 && c->options.n == 0)
		r = read_defaults(&rd);
	if (r < 0)
		return r;
	if (m->kind == ROOT_FS && m->type && str_eq(m->type, "none"))
		m->kind = ROOT_KIND_N;
	drop_data(p, m);
	if (m->kind == ROOT_BIND)
		imply_clears(m);
	return check_whole(&rd);
}
