/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/rootfs/plan: turns a config into the ordered mount plan and prints it. Pure: no system
 * call, so that `--plan` and the unit tests see exactly what would be mounted. It must not know how
 * anything is mounted. Called by runtime/life in the parent.
 */
#include <sys/sysmacros.h>
#include "base/path.h"
#include "runtime/rootfs/plan.h"
#include "base/ban.h"

#define DEST_MAX 4096

struct type_row {
	const char *type;
	enum root_kind kind;
};

static const struct type_row type_rows[] = {{"proc", ROOT_PROC},     {"sysfs", ROOT_SYSFS},
					    {"tmpfs", ROOT_TMPFS},   {"devpts", ROOT_DEVPTS},
					    {"mqueue", ROOT_MQUEUE}, {"cgroup", ROOT_CGROUP},
					    {"cgroup2", ROOT_CGROUP}};

static enum root_kind kind_of(const char *type)
{
	for (size_t i = 0; i < sizeof(type_rows) / sizeof(type_rows[0]); i++)
		if (str_eq(type, type_rows[i].type))
			return type_rows[i].kind;
	return ROOT_FS;
}

static int has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return 1;
	return 0;
}

/* The clean form of a container path in the arena, or NULL with the error set. */
static const char *clean_path(struct root_plan *p, const char *path, const char *what, size_t index,
			      struct err *e)
{
	char buf[DEST_MAX];
	int r = path_clean(path, buf, sizeof(buf));

	if (r < 0) {
		err_set(e, ERR_INPUT, -r, "%s[%zu]: %s", what, index, err_words(r));
		return NULL;
	}
	return arena_strdup(p->arena, buf);
}

/* security.md C6: what lies in /proc decides over sysctls and labels, so it is procfs or nothing.
 */
static int check_proc(const struct root_mount *m, struct err *e)
{
	const char *below = str_after(m->dest, "/proc");

	if (!below || (*below != '\0' && *below != '/'))
		return 0;
	if (*below == '\0') {
		/* A bind is checked when its source is open: it must be the root of a procfs. */
		if (m->kind == ROOT_PROC || m->kind == ROOT_BIND || m->kind == ROOT_REMOUNT)
			return 0;
		return err_set(
			e, ERR_INPUT, EINVAL,
			"mounts[%zu].destination: only a proc file system may be mounted on /proc",
			m->index);
	}
	if (m->kind == ROOT_BIND && root_target_is_proc_file(m->dest))
		return 0;
	return err_set(
		e, ERR_INPUT, EINVAL,
		"mounts[%zu].destination: \"%s\" is inside /proc, where nothing may be mounted",
		m->index, m->dest);
}

static int read_dest(struct root_plan *p, struct root_mount *m, const struct spec_mount *c,
		     struct err *e)
{
	if (!c->destination || !*c->destination)
		return err_set(e, ERR_INPUT, EINVAL, "mounts[%zu].destination: must not be empty",
			       m->index);
	m->dest = clean_path(p, c->destination, "mounts", m->index, e);
	return m->dest ? 0 : -e->code;
}

/* Absolute host path of a bind source: a relative one starts at the bundle (config.md "mounts"). */
static const char *host_path(const struct root_plan *p, const char *source)
{
	if (source[0] == '/')
		return source;
	return arena_printf(p->arena, "%s/%s", p->host.bundle, source);
}

static int plan_mount(struct root_plan *p, struct root_mount *m, const struct spec_mount *c,
		      struct err *e)
{
	bool has_type = c->type && *c->type;
	int r = read_dest(p, m, c, e);

	if (r < 0)
		return r;
	m->options = c->options;
	m->kind = ROOT_KIND_N;
	if (has_type)
		m->kind = str_eq(c->type, "bind") || str_eq(c->type, "rbind") ? ROOT_BIND
									      : kind_of(c->type);
	if (has_type && str_eq(c->type, "rbind"))
		m->is_rec = true;
	r = root_options_read(p, m, c, e);
	if (r < 0)
		return r;
	if (m->kind == ROOT_KIND_N)
		return err_set(e, ERR_INPUT, EINVAL,
			       "mounts[%zu].type: missing, and no \"bind\" option is given",
			       m->index);
	m->type = m->kind == ROOT_BIND ? "bind" : has_type ? c->type : "none";
	m->source = c->source && *c->source ? c->source : "none";
	if (has_control(m->type) || has_control(m->source))
		return err_set(e, ERR_INPUT, EINVAL,
			       "mounts[%zu]: type and source must not hold control bytes",
			       m->index);
	if (m->kind == ROOT_BIND) {
		if (!c->source || !*c->source)
			return err_set(e, ERR_INPUT, EINVAL,
				       "mounts[%zu].source: a bind mount needs a source", m->index);
		m->host_path = host_path(p, c->source);
	}
	m->is_ro_late = m->kind == ROOT_TMPFS && (root_attr_fresh(m) & MOUNT_ATTR_RDONLY);
	return check_proc(m, e);
}

/* A03: which option of the file systems takes linux.mountLabel. */
static int plan_label(const struct root_plan *p, struct err *e)
{
	static const char *const keys[] = {"context", "fscontext", "defcontext", "rootcontext"};
	const char *key = spec_annotation(p->conf, "run.oci.mount_context_type");

	if (!key)
		return 0;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (str_eq(key, keys[i]))
			return 0;
	return err_set(e, ERR_INPUT, EINVAL,
		       "annotations[\"run.oci.mount_context_type\"]: \"%.64s\" must be context, "
		       "fscontext, defcontext or rootcontext",
		       key);
}

/* The proxy socket of sd_notify, as a mount of ours after those of the config. */
static void plan_notify(struct root_plan *p, struct root_mount *m)
{
	*m = (struct root_mount){.tree_fd = FD_NONE,
				 .target_fd = FD_NONE,
				 .index = ROOT_NO_INDEX,
				 .kind = ROOT_BIND,
				 .type = "bind",
				 .source = p->host.notify_socket_dir,
				 .host_path = p->host.notify_socket_dir,
				 .dest = "/run/notify",
				 .is_rec = true,
				 .is_optional = true};
	/* A socket in a read-only mount can still be connected to. */
	m->rec.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
}

int root_plan_mounts(struct root_plan *p, struct err *e)
{
	const struct spec_mount_vec *v = &p->conf->mounts;

	p->mounts = arena_array(p->arena, v->n + 1 + (p->host.view ? ROOT_VIEW_MAX : 0),
				sizeof(*p->mounts));
	for (size_t i = 0; i < v->n; i++) {
		struct root_mount *m = &p->mounts[p->n_mounts++];

		m->tree_fd = m->target_fd = FD_NONE;
		m->index = i;
		int r = plan_mount(p, m, &v->v[i], e);
		if (r < 0)
			return r;
		if (str_eq(m->dest, "/dev"))
			p->is_dev_bind = m->kind == ROOT_BIND;
		if (str_eq(m->dest, "/dev/pts"))
			p->has_pts = true;
		for (size_t k = 0; k < m->n_prop; k++)
			p->wants_events |= (m->prop[k] & (MS_SHARED | MS_SLAVE)) != 0;
	}
	if (p->host.notify_socket_dir)
		plan_notify(p, &p->mounts[p->n_mounts++]);
	return 0;
}

bool root_plan_is_covered(const struct root_plan *p, size_t i)
{
	for (size_t k = i + 1; k < p->n_mounts; k++) {
		const char *below = str_after(p->mounts[i].dest, p->mounts[k].dest);

		if (below && (*below == '\0' || *below == '/'))
			return true;
	}
	return false;
}

static int plan_paths(struct root_plan *p, const struct strvec *in, const char *what,
		      struct strvec *out, struct err *e)
{
	out->v = arena_array(p->arena, in->n + 1, sizeof(*out->v));
	for (size_t i = 0; i < in->n; i++) {
		char buf[DEST_MAX];

		if (in->v[i][0] != '/')
			return err_set(e, ERR_INPUT, EINVAL, "%s[%zu]: \"%s\" is not absolute",
				       what, i, in->v[i]);
		int r = path_clean(in->v[i], buf, sizeof(buf));
		if (r < 0)
			return err_set(e, ERR_INPUT, -r, "%s[%zu]: %s", what, i, err_words(r));
		if (str_eq(buf, "/"))
			return err_set(e, ERR_INPUT, EINVAL, "%s[%zu]: must not be the root", what,
				       i);
		/* Most are clean already: then the config's own string does. */
		out->v[out->n++] = str_eq(buf, in->v[i]) ? in->v[i] : arena_strdup(p->arena, buf);
	}
	return 0;
}

void root_plan_init(struct root_plan *p, const struct spec_config *c, const struct root_host *host,
		    struct arena *a)
{
	p->rootfs_fd = p->clone_fd = p->root_fd = p->null_fd = p->host_proc_fd = FD_NONE;
	p->conf = c;
	p->host = *host;
	p->arena = a;
	p->has_userns = spec_ns(c, SPEC_NS_USER) != NULL;
	p->is_new_userns = spec_ns_is_new(c, SPEC_NS_USER);
	p->is_new_pidns = spec_ns_is_new(c, SPEC_NS_PID);
	p->has_cgroupns = spec_ns(c, SPEC_NS_CGROUP) != NULL;
}

static int check_namespaces(const struct root_plan *p, struct err *e)
{
	if (spec_ns(p->conf, SPEC_NS_MOUNT))
		return 0;
	return err_set(e, ERR_INPUT, EINVAL,
		       "linux.namespaces: a \"mount\" namespace is needed: mounting the root "
		       "would change the host's own mounts");
}

static void plan_propagation(struct root_plan *p)
{
	const struct opt_enum *v = &p->conf->linux_->rootfs_propagation;

	if (!v->has)
		return;
	p->is_shared = v->v == SPEC_PROP_SHARED || v->v == SPEC_PROP_RSHARED;
	p->wants_events |= p->is_shared || v->v == SPEC_PROP_SLAVE || v->v == SPEC_PROP_RSLAVE;
}

int root_plan_make(const struct spec_config *conf, const struct root_host *host, struct arena *a,
		   struct root_plan **ret, struct err *e)
{
	struct root_plan *p = arena_alloc(a, sizeof(*p));

	root_plan_init(p, conf, host, a);
	if (!conf->root || !conf->root->path || !*conf->root->path)
		return err_set(e, ERR_INPUT, EINVAL, "root.path: must not be empty");
	int r = check_namespaces(p, e);
	if (r < 0)
		return r;
	r = plan_label(p, e);
	if (r == 0)
		r = root_plan_mounts(p, e);
	if (r < 0)
		return r;
	r = root_devices_plan(p, e);
	if (r < 0)
		return r;
	const struct spec_linux *l = conf->linux_;
	r = plan_paths(p, &l->masked_paths, "linux.maskedPaths", &p->masked, e);
	if (r < 0)
		return r;
	r = plan_paths(p, &l->readonly_paths, "linux.readonlyPaths", &p->readonly, e);
	if (r < 0)
		return r;
	plan_propagation(p);
	if (p->host.view)
		root_view_plan(p);
	*ret = p;
	return 0;
}

const char *root_plan_rootfs(const struct root_plan *p)
{
	return p->path;
}

static const char *prop_word(uint64_t prop)
{
	static const struct {
		uint64_t flag;
		const char *words[2];
	} rows[] = {{MS_SHARED, {"shared", "rshared"}},
		    {MS_SLAVE, {"slave", "rslave"}},
		    {MS_PRIVATE, {"private", "rprivate"}},
		    {MS_UNBINDABLE, {"unbindable", "runbindable"}}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (prop & rows[i].flag)
			return rows[i].words[(prop & MS_REC) != 0];
	return "?";
}

/* clang-format off */
static const struct {
	uint64_t flag;
	const char *set, *clear;
} attr_words[] = {
	{MOUNT_ATTR_RDONLY,	 "ro",		"rw"},
	{MOUNT_ATTR_NOSUID,	 "nosuid",	"suid"},
	{MOUNT_ATTR_NODEV,	 "nodev",	"dev"},
	{MOUNT_ATTR_NOEXEC,	 "noexec",	"exec"},
	{MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow", "symfollow"},
	{MOUNT_ATTR_NODIRATIME,	 "nodiratime",	"diratime"},
};
/* clang-format on */

static void print_word(struct buf *out, bool *any, const char *prefix, const char *word)
{
	buf_printf(out, "%s%s%s", *any ? "," : " ", prefix, word);
	*any = true;
}

static void print_attr(struct buf *out, bool *any, const struct root_attr *a, const char *prefix)
{
	for (size_t i = 0; i < sizeof(attr_words) / sizeof(attr_words[0]); i++) {
		if (a->set & attr_words[i].flag)
			print_word(out, any, prefix, attr_words[i].set);
		else if (a->clr & attr_words[i].flag)
			print_word(out, any, prefix, attr_words[i].clear);
	}
	if (!(a->clr & MOUNT_ATTR__ATIME))
		return;
	uint64_t t = a->set & MOUNT_ATTR__ATIME;
	print_word(out, any, prefix,
		   t == MOUNT_ATTR_NOATIME	 ? "noatime"
		   : t == MOUNT_ATTR_STRICTATIME ? "strictatime"
						 : "relatime");
}

static void print_mount(const struct root_mount *m, struct buf *out)
{
	bool any = false;

	if (m->index == ROOT_NO_INDEX)
		buf_adds(out, "mount -: ");
	else
		buf_printf(out, "mount %zu: ", m->index);
	buf_printf(out, "%s%s %s -> %s", m->kind == ROOT_REMOUNT ? "remount " : "",
		   m->kind == ROOT_BIND && m->is_rec ? "rbind" : m->type,
		   m->host_path ? m->host_path : m->source, m->dest);
	print_attr(out, &any, &m->top, "");
	print_attr(out, &any, &m->rec, "r");
	for (size_t i = 0; i < m->n_prop; i++)
		print_word(out, &any, "", prop_word(m->prop[i]));
	if (m->is_idmap)
		print_word(out, &any, "", m->is_idmap_rec ? "ridmap" : "idmap");
	if (m->is_copy_up)
		print_word(out, &any, "", "tmpcopyup");
	for (size_t i = 0; i < m->n_data; i++)
		buf_printf(out, "%s%s%s%s", i ? "," : " data=", m->data[i].key,
			   m->data[i].value ? "=" : "", m->data[i].value ? m->data[i].value : "");
	buf_addc(out, '\n');
}

void root_plan_print(const struct root_plan *p, struct buf *out)
{
	for (size_t i = 0; i < p->n_mounts; i++)
		print_mount(&p->mounts[i], out);
	for (size_t i = 0; i < p->n_devices; i++) {
		const struct root_device *d = &p->devices[i];
		char type = S_ISBLK(d->mode) ? 'b' : S_ISFIFO(d->mode) ? 'p' : 'c';

		buf_printf(out, "device %s %c %u:%u mode=%04o uid=%u gid=%u\n", d->path, type,
			   major(d->rdev), minor(d->rdev), d->mode & 07777, d->uid, d->gid);
	}
	for (size_t i = 0; i < p->masked.n; i++)
		buf_printf(out, "mask %s\n", p->masked.v[i]);
	for (size_t i = 0; i < p->readonly.n; i++)
		buf_printf(out, "readonly %s\n", p->readonly.v[i]);
}
