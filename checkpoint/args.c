/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/args: the rules of the two verbs' arguments, and the doors to the engine. It must not
 * know the command line's spelling beyond the names of options. Called by runtime/cli.
 */
#include "checkpoint/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include "base/num.h"
#include "base/ban.h"

static const struct word cgroups_rows[] = {{"soft", 0}, {"full", 0}, {"strict", 0}, {"ignore", 0}};
WORDS_COMPLETE(cgroups_rows, CKPT_CG_N);
const struct word_list ckpt_words_cgroups = {"cgroups mode", cgroups_rows, CKPT_CG_N, ""};

static const struct word lock_rows[] = {{"iptables", 0}, {"nftables", 0}, {"skip", 0}};
WORDS_COMPLETE(lock_rows, CKPT_LOCK_N);
const struct word_list ckpt_words_lock = {"network lock", lock_rows, CKPT_LOCK_N, ""};

static const struct word empty_rows[] = {{"network", 0}};
WORDS_COMPLETE(empty_rows, CKPT_EMPTY_N);
const struct word_list ckpt_words_empty = {"namespace", empty_rows, CKPT_EMPTY_N, ""};

bool ckpt_is_built_in(void)
{
	return false;
}

/* "ADDRESS:PORT"; an IPv6 address holds colons itself, the last one divides. */
static int check_page_server(const char *text, struct err *e)
{
	const char *colon = strrchr(text, ':');
	uint32_t port;

	if (colon && colon != text && num_u32(colon + 1, &port) == 0 && port > 0 && port < 65536)
		return 0;
	return err_set(e, ERR_INPUT, EINVAL, "--page-server: \"%.200s\" is not ADDRESS:PORT", text);
}

static int check_common(const struct ckpt_common *c, struct err *e)
{
	if (c->image_path && *c->image_path == '\0')
		return err_set(e, ERR_INPUT, EINVAL, "--image-path is empty");
	if (c->work_path && *c->work_path == '\0')
		return err_set(e, ERR_INPUT, EINVAL, "--work-path is empty");
	if (c->parent_path && *c->parent_path == '/')
		return err_set(e, ERR_INPUT, EINVAL,
			       "--parent-path \"%.200s\" is absolute: it is relative to "
			       "--image-path",
			       c->parent_path);
	if (c->parent_path && *c->parent_path == '\0')
		return err_set(e, ERR_INPUT, EINVAL, "--parent-path is empty");
	if (c->page_server && check_page_server(c->page_server, e) < 0)
		return -e->code;
	if (c->status_fd && fcntl((int)c->status_fd, F_GETFD) < 0)
		return err_set(e, ERR_INPUT, EBADF, "--status-fd %u: bad file descriptor",
			       c->status_fd);
	if (c->tcp_established && c->tcp_close)
		return err_set(e, ERR_INPUT, EINVAL,
			       "--tcp-established and --tcp-close exclude each other");
	return 0;
}

/* "selinux:LABEL" or "apparmor:PROFILE", as CRIU takes it. */
static int check_lsm(const char *text, struct err *e)
{
	const char *rest = str_after(text, "selinux:");

	if (!rest)
		rest = str_after(text, "apparmor:");
	if (rest && *rest)
		return 0;
	return err_set(e, ERR_INPUT, EINVAL,
		       "--lsm-profile: \"%.200s\" is neither selinux:LABEL nor apparmor:PROFILE",
		       text);
}

static int not_built_in(const char *what, struct err *e)
{
	return err_set(e, ERR_MISSING, ENOTSUP,
		       "%s is not built into this version of stiva: nothing was done", what);
}

int ckpt_dump(const struct life_host *h, const char *id, const struct ckpt_dump_args *a,
	      struct err *e)
{
	AUTO(arena) arena = {0};
	struct life_view view = {0};
	int r = check_common(&a->common, e);

	if (r < 0)
		return r;
	if (a->pre_dump && a->common.lazy_pages)
		return err_set(e, ERR_INPUT, EINVAL,
			       "--pre-dump and --lazy-pages exclude each other");
	r = life_state(h, id, &arena, &view, e);
	if (r < 0)
		return r;
	if (view.state.status.v != SPEC_RUNNING && view.state.status.v != SPEC_PAUSED)
		return err_set(e, ERR_STATE, ESRCH,
			       "container not running (no such process): it is %s",
			       word_text(&spec_words_status, view.state.status.v));
	return not_built_in("checkpoint", e);
}

int ckpt_restore(const struct life_host *h, const struct ckpt_restore_args *a, int *ret_status,
		 struct err *e)
{
	int r = check_common(&a->common, e);

	(void)h;
	*ret_status = 0;
	if (r < 0)
		return r;
	if (a->lsm_profile && check_lsm(a->lsm_profile, e) < 0)
		return -e->code;
	return not_built_in("restore", e);
}
