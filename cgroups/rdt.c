// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups/rdt: Intel RDT by resctrl (Documentation/filesystems/resctrl.rst; runtime-spec
 * "IntelRdt"; conformance L09 to L14). Owns where resctrl is mounted and what is done with a group
 * there; the text of schemata is rdt_schema.c's. It must not know of cgroups: it is in this room
 * because a group of resctrl is made, limited, joined and removed at the same points of a
 * container's life. Called by runtime/life.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/file.h"
#include "base/mountinfo.h"
#include "base/path.h"
#include "base/str.h"
#include "cgroups/internal.h"
#include "base/ban.h"

#define AT	  "linux.intelRdt"
#define TEXT_MAX  8192
#define PATH_ROOM (NAME_MAX + 32) /* mon_groups/ID/tasks */

/* A cached probe, as in where.c. */
static struct {
	int fd;
	bool is_fixture;
} root = {FD_NONE, false};

void cg_rdt_root_for_test(int fd)
{
	root.fd = fd >= 0 ? fd : FD_NONE;
	root.is_fixture = fd >= 0;
}

/* ---- where it is ---- */

int cg_rdt_find_mount(const char *mountinfo, char *ret, size_t size)
{
	struct mountinfo m;

	while (mountinfo_next(&mountinfo, &m))
		if (mountinfo_is(&m, "resctrl"))
			return str_copy(ret, size, m.at) < 0 ? -ENAMETOOLONG : 0;
	return -ENOENT;
}

static int not_mounted(struct err *e)
{
	return err_set(e, ERR_MISSING, ENOENT,
		       AT ": no resctrl file system is mounted (mount -t resctrl resctrl "
			  "/sys/fs/resctrl; the processor must have RDT)");
}

static int find_root(struct err *e)
{
	AUTO(buf) text = {0};
	char path[PATH_MAX];

#ifdef STIVA_FAULTS
	/* No machine of ours has RDT: a test build takes a folder for it. */
	const char *fixture = getenv("STIVA_RESCTRL");

	if (root.fd < 0 && fixture)
		cg_rdt_root_for_test(open(fixture, O_PATH | O_DIRECTORY | O_CLOEXEC));
#endif
	if (root.fd >= 0)
		return root.fd;
	int r = file_read_path("/proc/self/mountinfo", 16u << 20, &text);

	if (r < 0)
		return err_sys(e, r, AT ": read /proc/self/mountinfo");
	if (!text.data || cg_rdt_find_mount(text.data, path, sizeof(path)) < 0)
		return not_mounted(e);
	root.fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root.fd < 0 ? err_sys(e, errno, AT ": open \"%s\"", path) : root.fd;
}

/* The group's directory; -ENOENT without a text when it is not there. */
static int open_group(const char *group, int *ret_fd, struct err *e)
{
	int root_fd = find_root(e);

	if (root_fd < 0)
		return root_fd;
	int fd = openat(root_fd, str_eq(group, "/") ? "." : group,
			O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0)
		return err_sys(e, errno, AT ": open the group \"%s\"", group);
	*ret_fd = fd;
	return 0;
}

/* ---- reading and writing ---- */

/* What resctrl says of the last refusal ("Mask out of range", ...); "" when it says nothing. */
static void last_status(char *ret, size_t size)
{
	ret[0] = '\0';
	if (root.fd >= 0 && file_read_kernel(root.fd, "info/last_cmd_status", ret, size) > 0)
		ret[strcspn(ret, "\n")] = '\0';
	if (str_eq(ret, "ok"))
		ret[0] = '\0';
}

static int write_file(int dir_fd, const char *file, const char *text, size_t n)
{
	int more = root.is_fixture ? O_CREAT | O_APPEND : 0;
	AUTO_FD fd = openat(dir_fd, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | more, 0600);

	if (fd < 0)
		return -errno;
	ssize_t w = write(fd, text, n);

	if (w < 0)
		return -errno;
	return (size_t)w == n ? 0 : -EIO;
}

static int write_schemata(int dir_fd, const char *text, size_t n, const char *what, struct err *e)
{
	char why[256];
	AUTO(buf) line = {0};

	/* The kernel takes whole lines only. */
	buf_add(&line, text, n);
	if (!n || text[n - 1] != '\n')
		buf_addc(&line, '\n');
	int r = write_file(dir_fd, "schemata", line.data, line.len);

	if (r == 0)
		return 0;
	last_status(why, sizeof(why));
	return err_set(e, ERR_KERNEL, -r, AT ".%s: write \"%.*s\" to schemata: %s", what,
		       n > 128 ? 128 : (int)n, text, why[0] ? why : err_words(-r));
}

/* ---- what the config wants ---- */

static bool has_text(const char *s)
{
	return s && *s;
}

static bool has_schema(const struct spec_intel_rdt *rdt)
{
	return has_text(rdt->l3_cache_schema) || has_text(rdt->mem_bw_schema) || rdt->schemata.n;
}

/* The lines of l3CacheSchema; with a memBwSchema beside it those of MB: are its business. Calls
 * `line` for each. */
static int each_l3_line(const struct spec_intel_rdt *rdt,
			int (*line)(void *ctx, const char *text, size_t n), void *ctx)
{
	int r = 0;

	for (const char *s = rdt->l3_cache_schema; r == 0 && s && *s;) {
		size_t n = strcspn(s, "\n");

		if (n && !(has_text(rdt->mem_bw_schema) && str_starts(s, "MB:")))
			r = line(ctx, s, n);
		s += n + (s[n] == '\n');
	}
	return r;
}

static int add_line(void *ctx, const char *text, size_t n)
{
	buf_add(ctx, text, n);
	buf_addc(ctx, '\n');
	return 0;
}

static int write_all(int dir_fd, const struct spec_intel_rdt *rdt, struct err *e)
{
	AUTO(buf) both = {0};
	int r = each_l3_line(rdt, add_line, &both);

	if (has_text(rdt->mem_bw_schema))
		add_line(&both, rdt->mem_bw_schema, strlen(rdt->mem_bw_schema));
	if (both.len)
		r = write_schemata(dir_fd, both.data, both.len,
				   has_text(rdt->l3_cache_schema) ? "l3CacheSchema" : "memBwSchema",
				   e);
	/* L11: last, line by line. */
	for (size_t i = 0; r == 0 && i < rdt->schemata.n; i++) {
		const char *text = rdt->schemata.v[i];

		if (*text)
			r = write_schemata(dir_fd, text, strlen(text), "schemata", e);
	}
	return r;
}

/* ---- the compare (L10) ---- */

struct compare {
	const char *group, *what, *text;
	struct err *e;
};

static int compare_line(void *ctx, const char *line, size_t n)
{
	const struct compare *c = ctx;
	int r = cg_rdt_compare(line, n, c->text);

	if (r == 0)
		return 0;
	return err_set(c->e, ERR_STATE, EEXIST, AT ".%s: the group \"%s\" exists and %s \"%.*s\"",
		       c->what, c->group,
		       r == -ENOENT ? "has no such domain as in" : "its schemata are not",
		       n > 128 ? 128 : (int)n, line);
}

static int compare_all(int dir_fd, const struct spec_intel_rdt *rdt, const char *group,
		       struct err *e)
{
	char text[TEXT_MAX];
	int r = file_read_kernel(dir_fd, "schemata", text, sizeof(text));
	struct compare c = {group, "l3CacheSchema", text, e};

	if (r < 0)
		return err_sys(e, r, AT ": read the schemata of the group \"%s\"", group);
	r = each_l3_line(rdt, compare_line, &c);
	c.what = "memBwSchema";
	if (r == 0 && has_text(rdt->mem_bw_schema))
		r = compare_line(&c, rdt->mem_bw_schema, strlen(rdt->mem_bw_schema));
	c.what = "schemata";
	for (size_t i = 0; r == 0 && i < rdt->schemata.n; i++)
		if (rdt->schemata.v[i][0])
			r = compare_line(&c, rdt->schemata.v[i], strlen(rdt->schemata.v[i]));
	return r;
}

/* ---- the life of a group ---- */

int cg_rdt_plan(const struct spec_intel_rdt *rdt, const char *id, struct cg_rdt *ret, struct err *e)
{
	AUTO_FD fd = FD_NONE;

	*ret = (struct cg_rdt){.group = rdt->clos_id ? rdt->clos_id : id,
			       .id = id,
			       .is_own = !rdt->clos_id,
			       .is_monitored = rdt->enable_monitoring.v};
	int r = open_group(ret->group, &fd, e);

	if (r < 0 && e->code)
		return r;
	if (r == -ENOENT && !ret->is_own && !has_schema(rdt))
		return err_set(e, ERR_INPUT, ENOENT,
			       AT ".closID: there is no group \"%s\", and without a schema none "
				  "can be made",
			       ret->group);
	if (r == -ENOENT)
		return 0;
	if (ret->is_own)
		return err_set(e, ERR_STATE, EEXIST,
			       AT ": a group \"%s\" exists already (name it in closID to use it)",
			       ret->group);
	return has_schema(rdt) ? compare_all(fd, rdt, ret->group, e) : 0;
}

static int make_monitor(struct cg_rdt *r, int dir_fd, struct err *e)
{
	char path[PATH_ROOM];

	snprintf(path, sizeof(path), "mon_groups/%s", r->id);
	if (root.is_fixture)
		(void)!mkdirat(dir_fd, "mon_groups", 0700);
	if (mkdirat(dir_fd, path, 0700) < 0)
		return err_sys(e, errno, AT ".enableMonitoring: make \"%s\" in the group \"%s\"%s",
			       path, r->group,
			       errno == ENOSPC ? " (the processor has no monitoring id left)" : "");
	r->has_monitor = true;
	return 0;
}

int cg_rdt_make(struct cg_rdt *r, const struct spec_intel_rdt *rdt, struct err *e)
{
	AUTO_FD fd = FD_NONE;
	int root_fd = find_root(e);

	if (root_fd < 0)
		return root_fd;
	if (!str_eq(r->group, "/") && mkdirat(root_fd, r->group, 0700) == 0)
		r->has_made = true;
	else if (!str_eq(r->group, "/") && (errno != EEXIST || r->is_own))
		return err_sys(e, errno, AT ".closID: make the group \"%s\"%s", r->group,
			       errno == ENOSPC ? " (the processor has no class of service left)"
					       : "");
	int ret = open_group(r->group, &fd, e);

	if (ret < 0)
		return e->code ? ret : err_sys(e, ret, AT ": open the group \"%s\"", r->group);
	if (r->has_made)
		ret = write_all(fd, rdt, e);
	if (ret == 0 && r->is_monitored)
		ret = make_monitor(r, fd, e);
	return ret;
}

static int join_at(int dir_fd, const char *file, const char *group, pid_t pid, struct err *e)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d\n", (int)pid);
	int r = write_file(dir_fd, file, text, (size_t)n);

	return r < 0 ? err_sys(e, r, AT ": put process %d into the group \"%s\" (%s)", (int)pid,
			       group, file)
		     : 0;
}

int cg_rdt_join(const struct cg_rdt *r, pid_t pid, struct err *e)
{
	char path[PATH_ROOM];
	AUTO_FD fd = FD_NONE;
	int ret = open_group(r->group, &fd, e);

	if (ret < 0)
		return e->code ? ret
			       : err_sys(e, ret, AT ": the container's group \"%s\"", r->group);
	/* The group first: its monitoring groups take only what is in it. */
	ret = join_at(fd, "tasks", r->group, pid, e);
	if (ret < 0 || !r->is_monitored)
		return ret;
	snprintf(path, sizeof(path), "mon_groups/%s/tasks", r->id);
	return join_at(fd, path, r->group, pid, e);
}

/* A directory of the kernel's goes with its files; a fixture's has them as files. */
static int remove_dir(int at_fd, const char *path)
{
	static const char *const files[] = {"tasks", "schemata", "mon_groups"};

	if (root.is_fixture) {
		AUTO_FD fd = openat(at_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);

		for (size_t i = 0; fd >= 0 && i < sizeof(files) / sizeof(files[0]); i++)
			(void)!unlinkat(fd, files[i], i == 2 ? AT_REMOVEDIR : 0);
	}
	return unlinkat(at_fd, path, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

int cg_rdt_remove(const struct cg_rdt *r, bool made, struct err *e)
{
	char path[PATH_ROOM];
	AUTO_FD fd = FD_NONE;
	int ret = open_group(r->group, &fd, e);

	if (ret < 0 && e->code)
		return ret;
	if (ret == -ENOENT)
		return 0;
	snprintf(path, sizeof(path), "mon_groups/%s", r->id);
	if (r->is_monitored && (!made || r->has_monitor))
		ret = remove_dir(fd, path);
	if (ret < 0)
		return err_sys(e, ret, AT ": remove \"%s\" of the group \"%s\"", path, r->group);
	if (made ? !r->has_made : !r->is_own)
		return 0;
	ret = remove_dir(root.fd, r->group);
	return ret < 0 ? err_sys(e, ret, AT ": remove the group \"%s\"", r->group) : 0;
}

int cg_rdt_update(const struct cg_rdt *r, const char *l3_cache_schema, const char *mem_bw_schema,
		  struct err *e)
{
	const struct spec_intel_rdt rdt = {.l3_cache_schema = (char *)l3_cache_schema,
					   .mem_bw_schema = (char *)mem_bw_schema};
	AUTO_FD fd = FD_NONE;

	if (!has_schema(&rdt))
		return 0;
	if (!r || !r->group)
		return err_set(e, ERR_INPUT, EINVAL,
			       "the container was made without linux.intelRdt: it has no group "
			       "whose schemata could be changed");
	if (has_text(mem_bw_schema) && !str_starts(mem_bw_schema, "MB:"))
		return err_set(e, ERR_INPUT, EINVAL, AT ".memBwSchema: must start with \"MB:\"");
	int ret = open_group(r->group, &fd, e);

	if (ret < 0)
		return e->code ? ret
			       : err_sys(e, ret, AT ": the container's group \"%s\"", r->group);
	return write_all(fd, &rdt, e);
}
