/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/guard/sysctl: linux.sysctl: which names belong to a namespace of the container's own
 * (conformance L01, L02, N12; security.md C13), and writing them (C6). Called by runtime/life or
 * runtime/init; the check before any namespace is joined, the writes inside them.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/str.h"
#include "runtime/guard/guard.h"
#include "runtime/guard/procfs.h"
#include "base/ban.h"

#define SYSCTL_NAME_MAX 256

/* What the kernel keeps per namespace. `is_tree`: everything below the name as well. */
static const struct sysctl_row {
	const char *path;
	bool is_tree;
	enum spec_ns_type ns;
} rows[] = {
	/* clang-format off */
	{"kernel/msgmax",          false, SPEC_NS_IPC},
	{"kernel/msgmnb",          false, SPEC_NS_IPC},
	{"kernel/msgmni",          false, SPEC_NS_IPC},
	{"kernel/sem",             false, SPEC_NS_IPC},
	{"kernel/shmall",          false, SPEC_NS_IPC},
	{"kernel/shmmax",          false, SPEC_NS_IPC},
	{"kernel/shmmni",          false, SPEC_NS_IPC},
	{"kernel/shm_rmid_forced", false, SPEC_NS_IPC},
	{"fs/mqueue/",             true,  SPEC_NS_IPC},
	{"net/",                   true,  SPEC_NS_NETWORK},
	{"kernel/domainname",      false, SPEC_NS_UTS},
	{"user/",                  true,  SPEC_NS_USER},
	/* clang-format on */
};

/*
 * "net.ipv4.ip_forward", "net/ipv4/ip_forward", "net.ipv4.conf.eth0/100.mtu" (a dot of a name is
 * written as a slash) and "net/ipv4/conf/eth0.100/mtu", as sysctl(8): the first separator tells
 * which of the two spellings it is.
 */
static int name_to_path(const char *name, char ret[SYSCTL_NAME_MAX])
{
	size_t n = strlen(name);
	size_t first = strcspn(name, "./");
	bool is_dotted = name[first] == '.';

	if (n == 0 || n >= SYSCTL_NAME_MAX || first == n)
		return -EINVAL;
	for (size_t i = 0; i <= n; i++) {
		unsigned char c = (unsigned char)name[i];
		if (i < n && (c <= ' ' || c >= 0x7f))
			return -EINVAL;
		if (is_dotted && c == '.')
			c = '/';
		else if (is_dotted && c == '/')
			c = '.';
		ret[i] = (char)c;
	}
	for (const char *part = ret; part;) {
		size_t len = strcspn(part, "/");
		if (len == 0 || (len == 1 && part[0] == '.') ||
		    (len == 2 && part[0] == '.' && part[1] == '.'))
			return -EINVAL;
		part = part[len] ? part + len + 1 : NULL;
	}
	return 0;
}

static const struct sysctl_row *row_of(const char *path)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].is_tree ? str_starts(path, rows[i].path) : str_eq(path, rows[i].path))
			return &rows[i];
	}
	return NULL;
}

/* True when the namespace file is the one that this process lives in. */
static bool is_own_ns(const char *path, enum spec_ns_type t)
{
	char self[64];
	struct stat there, here;

	(void)snprintf(self, sizeof(self), "/proc/self/ns/%s",
		       word_text(&spec_words_ns_proc, (int)t));
	return stat(path, &there) == 0 && stat(self, &here) == 0 && there.st_ino == here.st_ino &&
	       there.st_dev == here.st_dev;
}

static int check_ns(const struct spec_config *conf, const char *name, enum spec_ns_type t,
		    struct err *e)
{
	const struct spec_namespace *ns = spec_ns(conf, t);
	const char *type = word_text(&spec_words_ns, (int)t);

	if (!ns)
		return err_set(e, ERR_INPUT, EINVAL,
			       "linux.sysctl.%s: needs a %s namespace of its own (it would change "
			       "the host)",
			       name, type);
	if (ns->path && ns->path[0] && is_own_ns(ns->path, t))
		return err_set(e, ERR_INPUT, EINVAL,
			       "linux.sysctl.%s: the %s namespace \"%s\" is the host's", name, type,
			       ns->path);
	return 0;
}

static int check_value(const char *name, const char *value, struct err *e)
{
	/* A tab separates the numbers of a row in what sysctl(8) prints. */
	for (const char *p = value; *p; p++) {
		if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
			return err_set(e, ERR_INPUT, EINVAL,
				       "linux.sysctl.%s: the value has a control character", name);
	}
	return 0;
}

static int check_one(const struct spec_config *conf, const struct strpair *s, struct err *e)
{
	char path[SYSCTL_NAME_MAX];

	if (name_to_path(s->key, path) < 0)
		return err_set(
			e, ERR_INPUT, EINVAL,
			"linux.sysctl: \"%s\" is not a sysctl's name: contains an invalid path",
			s->key);
	if (str_eq(path, "kernel/hostname"))
		return err_set(e, ERR_INPUT, EINVAL,
			       "linux.sysctl.%s: use the \"hostname\" property instead", s->key);
	const struct sysctl_row *row = row_of(path);
	if (!row)
		return err_set(
			e, ERR_INPUT, EINVAL,
			"linux.sysctl.%s: belongs to no namespace (it would change the host)",
			s->key);
	if (str_eq(path, "kernel/domainname") && conf->domainname &&
	    !str_eq(conf->domainname, s->value))
		return err_set(e, ERR_INPUT, EINVAL,
			       "linux.sysctl.%s: \"%s\" is not the domainname \"%s\"", s->key,
			       s->value, conf->domainname);
	int r = check_value(s->key, s->value, e);
	return r < 0 ? r : check_ns(conf, s->key, row->ns, e);
}

int guard_sysctl_check(const struct spec_config *conf, struct err *e)
{
	const struct strmap *m = &conf->linux_->sysctl;

	for (size_t i = 0; i < m->n; i++) {
		int r = check_one(conf, &m->v[i], e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int apply_one(const struct strpair *s, int root_fd, struct err *e)
{
	char path[SYSCTL_NAME_MAX + 4] = "sys/";
	AUTO_FD fd = FD_NONE;
	size_t n = strlen(s->value);

	if (name_to_path(s->key, path + 4) < 0 || !row_of(path + 4))
		return err_set(e, ERR_INPUT, EINVAL, "linux.sysctl: \"%s\" may not be set", s->key);
	fd = guard_proc_file(root_fd, path, O_WRONLY);
	if (fd == -ENOENT)
		return err_set(e, ERR_MISSING, ENOENT,
			       "linux.sysctl.%s: the kernel does not have it in this namespace",
			       s->key);
	if (fd < 0)
		return err_sys(e, fd, "linux.sysctl.%s: open \"/proc/%s\"", s->key, path);
	/* The kernel takes a value in one write. */
	ssize_t w = write(fd, s->value, n);
	if (w < 0)
		return err_sys(e, errno, "linux.sysctl.%s: write \"%s\"", s->key, s->value);
	if ((size_t)w != n)
		return err_set(e, ERR_KERNEL, EIO,
			       "linux.sysctl.%s: the kernel took %zd of %zu bytes", s->key, w, n);
	return 0;
}

int guard_sysctl_apply(const struct spec_config *conf, int proc_fd, struct err *e)
{
	const struct strmap *m = &conf->linux_->sysctl;
	AUTO_FD own = FD_NONE;

	if (m->n == 0)
		return 0;
	int root = guard_proc_root(proc_fd, &own, e);
	if (root < 0)
		return root;
	for (size_t i = 0; i < m->n; i++) {
		int r = apply_one(&m->v[i], root, e);
		if (r < 0)
			return r;
	}
	return 0;
}
