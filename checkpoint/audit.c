/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/audit: a restored container before it runs: whoever could change the images chose its
 * registers and its rights, so every process is compared with config.json by what the kernel says
 * (security.md C17): capabilities, no_new_privs, seccomp, ids, cgroup, namespaces. Called by
 * restore.c while CRIU holds all of them still.
 */
#include "checkpoint/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/num.h"
#include "base/ban.h"

#define STATUS_MAX 8192

struct audit {
	const struct spec_config *conf;
	uint64_t bounding; /* all that the config ever lets a process have */
	bool wants_nnp, wants_filter, may_change_ids;
	pid_t init;
	int net_fd;
};

/* The rest of the line "NAME:\t..." of /proc/PID/status, or NULL. */
static const char *value_of(const char *status, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = status; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, name, n) == 0 && at[n] == ':')
			return at + n + 1 + strspn(at + n + 1, " \t");
	}
	return NULL;
}

static bool read_hex(const char *s, uint64_t *ret)
{
	size_t n = strspn(s, "0123456789abcdef");

	*ret = 0;
	for (size_t i = 0; i < n; i++)
		*ret = *ret << 4 | (uint64_t)(s[i] <= '9' ? s[i] - '0' : s[i] - 'a' + 10);
	return n > 0 && n <= 16;
}

static bool is_number(const char *s, uint64_t want)
{
	uint64_t v;

	return s && num_u64n(s, strspn(s, "0123456789"), &v) == 0 && v == want;
}

static uint64_t mask_of(const struct enumvec *v)
{
	uint64_t mask = 0;

	for (size_t i = 0; v && i < v->n; i++)
		mask |= UINT64_C(1) << word_value(&spec_words_capability, v->v[i]);
	return mask;
}

static int blame(pid_t pid, const char *what, struct err *e)
{
	return err_set(e, ERR_STATE, EPERM,
		       "the images were changed: process %d has %s that config.json does not give "
		       "it: nothing of it has run",
		       (int)pid, what);
}

static int check_caps(const struct audit *a, pid_t pid, const char *status, struct err *e)
{
	static const char *const sets[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		const char *text = value_of(status, sets[i]);
		uint64_t has;

		if (!text || !read_hex(text, &has) || (has & ~a->bounding))
			return blame(pid, "capabilities", e);
	}
	return 0;
}

static int check_ids(const struct audit *a, pid_t pid, const char *status, struct err *e)
{
	const struct spec_user *u = a->conf->process->user;
	const char *uid = value_of(status, "Uid"), *gid = value_of(status, "Gid");

	/* With a user namespace the numbers here are others; setuid programs may change them. */
	if (a->may_change_ids)
		return 0;
	if (!is_number(uid, u ? u->uid.v : 0) || !is_number(gid, u ? u->gid.v : 0))
		return blame(pid, "a user", e);
	return 0;
}

static int check_status(const struct audit *a, pid_t pid, struct err *e)
{
	char path[64], status[STATUS_MAX];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	int r = file_read_kernel(AT_FDCWD, path, status, sizeof(status));

	if (r < 0)
		return err_sys(e, r, "read \"%s\"", path);
	const char *state = value_of(status, "State");
	const char *nnp = value_of(status, "NoNewPrivs");
	const char *filter = value_of(status, "Seccomp");

	/* Nothing that could do anything. */
	if (state && *state == 'Z')
		return 0;
	r = check_caps(a, pid, status, e);
	if (r == 0)
		r = check_ids(a, pid, status, e);
	if (r == 0 && a->wants_nnp && (!nnp || *nnp != '1'))
		r = blame(pid, "a chance of new privileges (no noNewPrivileges)", e);
	if (r == 0 && a->wants_filter && (!filter || *filter != '2'))
		r = blame(pid, "system calls (no seccomp filter)", e);
	return r;
}

static bool is_same_ns(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

/* Every namespace of the config is one of the container's, not that of the host. */
static int check_namespaces(const struct audit *a, pid_t pid, struct err *e)
{
	static const struct {
		enum spec_ns_type type;
		const char *name;
	} rows[] = {{SPEC_NS_PID, "pid"},   {SPEC_NS_NETWORK, "net"}, {SPEC_NS_IPC, "ipc"},
		    {SPEC_NS_UTS, "uts"},   {SPEC_NS_MOUNT, "mnt"},   {SPEC_NS_CGROUP, "cgroup"},
		    {SPEC_NS_USER, "user"}, {SPEC_NS_TIME, "time"}};
	char path[64], own[64], net[64];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!spec_ns(a->conf, rows[i].type))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, rows[i].name);
		snprintf(own, sizeof(own), "/proc/self/ns/%s", rows[i].name);
		if (spec_ns_is_new(a->conf, rows[i].type) && is_same_ns(path, own))
			return blame(pid, "a namespace of the host", e);
		if (rows[i].type != SPEC_NS_NETWORK || a->net_fd < 0 || pid != a->init)
			continue;
		snprintf(net, sizeof(net), "/proc/self/fd/%d", a->net_fd);
		if (!is_same_ns(path, net))
			return blame(pid, "a network namespace", e);
	}
	return 0;
}

/* CRIU itself, and what it started, sit in the cgroup as well: no process of the container's. */
static bool is_inside(pid_t pid, pid_t init)
{
	char a[64], b[64];

	snprintf(a, sizeof(a), "/proc/%d/ns/mnt", (int)pid);
	snprintf(b, sizeof(b), "/proc/%d/ns/mnt", (int)init);
	if (pid == init || is_same_ns(a, b))
		return true;
	snprintf(a, sizeof(a), "/proc/%d/ns/pid", (int)pid);
	snprintf(b, sizeof(b), "/proc/self/ns/pid");
	return !is_same_ns(a, b);
}

int ckpt_audit(const struct spec_config *conf, const struct cg *cg, pid_t init, int net_fd,
	       struct err *e)
{
	const struct spec_process *p = conf->process;
	struct audit a = {.conf = conf, .init = init, .net_fd = net_fd};
	AUTO_FREE pid_t *pids = NULL;
	size_t n = 0;
	bool has_init = false;
	int r = cg_pids(cg, &pids, &n, e);

	a.bounding = p->capabilities ? mask_of(&p->capabilities->bounding) : 0;
	a.wants_nnp = p->no_new_privileges.v;
	a.wants_filter = conf->linux_->seccomp != NULL;
	a.may_change_ids = spec_ns(conf, SPEC_NS_USER) || !a.wants_nnp ||
			   (a.bounding >> 6 & 3); /* CAP_SETGID, CAP_SETUID */
	for (size_t i = 0; r == 0 && i < n; i++) {
		has_init |= pids[i] == init;
		if (!is_inside(pids[i], init))
			continue;
		r = check_status(&a, pids[i], e);
		if (r == 0)
			r = check_namespaces(&a, pids[i], e);
		if (r == 0 && pids[i] == init)
			r = ckpt_userns_audit(conf, init, e);
	}
	if (r == 0 && !has_init)
		r = err_set(e, ERR_BUG, ESRCH, "the restored process is not in its cgroup");
	return r;
}
