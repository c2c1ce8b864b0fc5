/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/criu_probe: which criu there is, how old it is, and what it can do on this kernel.
 * Called by doctor, and before anything is asked of it.
 */
#include "checkpoint/criu.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/proc.h"
#include "base/str.h"
#include "checkpoint/wire.h"
#include "base/ban.h"

#define PROBE_MS 10000
#define WANTED	 "criu 4.1 or later"

/* Fields of criu_req. */
enum { REQ_FEATURES = 5 };

static int find(const char *named, struct ckpt_criu_info *ret, struct err *e)
{
	const char *from = named ? "--criu" : "STIVA_CRIU";
	const char *path = named ? named : getenv("STIVA_CRIU");
	struct stat st;

	if (!path || !*path) {
		if (proc_find_program("criu", ret->path, sizeof(ret->path)) < 0)
			return err_set(e, ERR_MISSING, ENOENT,
				       "there is no criu: wanted is " WANTED);
		return 0;
	}
	if (*path != '/')
		return err_set(e, ERR_INPUT, EINVAL, "%s: \"%.200s\" is no absolute path", from,
			       path);
	if (str_copy(ret->path, sizeof(ret->path), path) < 0)
		return err_set(e, ERR_INPUT, ENAMETOOLONG, "%s: the path is too long", from);
	if (stat(path, &st) < 0)
		return err_sys(e, errno, "%s: \"%.200s\"", from, path);
	if (!S_ISREG(st.st_mode) || access(path, X_OK) < 0)
		return err_set(e, ERR_INPUT, EACCES, "%s: \"%.200s\" is no program", from, path);
	return 0;
}

/* One question and its answer, with a criu of its own: after a failed one it hangs up. */
static int ask(const char *path, enum ckpt_criu_type type, const struct buf *more, struct arena *a,
	       struct ckpt_criu_answer *ret, struct err *e)
{
	AUTO(ckpt_criu) c = CKPT_CRIU_NONE;
	int r = ckpt_criu_start(path, NULL, &c, e);

	if (r == 0)
		r = ckpt_criu_ask(&c, type, more, e);
	if (r == 0)
		r = ckpt_criu_hear(&c, FD_NONE, PROBE_MS, a, ret, e);
	if (r < 0 || (ret->type == type && ret->is_success))
		return r;
	return err_set(e, ERR_KERNEL, EIO, "\"%s\" does not work here%s%s", path,
		       ckpt_criu_is_error(ret->errmsg) ? ": " : "",
		       ckpt_criu_is_error(ret->errmsg) ? ret->errmsg : "");
}

int ckpt_criu_find(const char *named, struct ckpt_criu_info *ret, struct err *e)
{
	struct ckpt_criu_info info = {0};
	struct ckpt_criu_answer answer = {0};
	AUTO(arena) arena = {0};
	int r = find(named, &info, e);

	if (r == 0)
		r = ask(info.path, CKPT_CRIU_VERSION, NULL, &arena, &answer, e);
	if (r < 0)
		return r;
	info.major = answer.major;
	info.minor = answer.minor;
	info.sublevel = answer.sublevel;
	if (info.major < CKPT_CRIU_MAJOR ||
	    (info.major == CKPT_CRIU_MAJOR && info.minor < CKPT_CRIU_MINOR))
		return err_set(e, ERR_MISSING, ENOTSUP,
			       "\"%s\" is version %u.%u.%u: wanted is " WANTED, info.path,
			       info.major, info.minor, info.sublevel);
	*ret = info;
	return 0;
}

int ckpt_criu_probe(const char *named, struct ckpt_criu_info *ret, struct err *e)
{
	struct ckpt_criu_info info = {0};
	struct ckpt_criu_answer answer = {0};
	AUTO(arena) arena = {0};
	AUTO(buf) features = {0}, more = {0};
	int r = ckpt_criu_find(named, &info, e);

	if (r < 0)
		return r;
	/* Their numbers are 1 to 3, as in the answer. */
	for (unsigned i = 1; i <= 3; i++)
		ckpt_wire_number(&features, i, true);
	ckpt_wire_bytes(&more, REQ_FEATURES, features.data, features.len);
	r = ask(info.path, CKPT_CRIU_FEATURE_CHECK, &more, &arena, &answer, e);
	if (r < 0)
		return r;
	info.has_mem_track = answer.has_mem_track;
	info.has_lazy_pages = answer.has_lazy_pages;
	info.has_pidfd_store = answer.has_pidfd_store;
	*ret = info;
	return 0;
}
