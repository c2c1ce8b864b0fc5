/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/args: the rules of the two verbs' arguments, and the doors to the engine. It must not
 * know the command line's spelling beyond the names of options. Called by runtime/cli.
 */
#include "checkpoint/internal.h"

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
	return true;
}

/* "ADDRESS:PORT"; an IPv6 address holds colons itself, the last one divides, and it may stand in
 * brackets. */
int ckpt_args_page_server(const char *text, struct ckpt_server *ret, struct err *e)
{
	const char *colon = strrchr(text, ':');
	const char *from = text, *to = colon;

	if (colon && *from == '[' && colon > from && colon[-1] == ']') {
		from++;
		to--;
	}
	if (colon && to > from && (size_t)(to - from) < sizeof(ret->host) &&
	    num_u32(colon + 1, &ret->port) == 0 && ret->port > 0 && ret->port < 65536) {
		memcpy(ret->host, from, (size_t)(to - from));
		ret->host[to - from] = '\0';
		return 0;
	}
	return err_set(e, ERR_INPUT, EINVAL, "--page-server: \"%.200s\" is not ADDRESS:PORT", text);
}

int ckpt_args_check(const struct ckpt_common *c, struct err *e)
{
	struct ckpt_server server;

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
	if (c->page_server && ckpt_args_page_server(c->page_server, &server, e) < 0)
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
int ckpt_args_lsm(const char *text, struct err *e)
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

/* The first of these that is given, which this version cannot follow. */
struct missing {
	bool is_given;
	const char *option;
};
static int refuse_missing(const char *verb, const struct missing *v, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].is_given)
			return err_set(e, ERR_MISSING, ENOTSUP,
				       "%s %s is not built into this version of stiva: nothing was "
				       "done",
				       verb, v[i].option);
	return 0;
}

int ckpt_args_dump(const struct ckpt_dump_args *a, struct err *e)
{
	const struct ckpt_common *c = &a->common;
	const struct missing rows[] = {{a->pre_dump, "--pre-dump"},
				       {c->parent_path, "--parent-path"},
				       {c->lazy_pages, "--lazy-pages"},
				       {c->status_fd, "--status-fd"},
				       {c->auto_dedup, "--auto-dedup"}};

	return refuse_missing("checkpoint", rows, sizeof(rows) / sizeof(rows[0]), e);
}

int ckpt_args_restore(const struct ckpt_common *c, struct err *e)
{
	const struct missing rows[] = {{c->lazy_pages, "--lazy-pages"},
				       {c->auto_dedup, "--auto-dedup"}};

	if (c->page_server && !c->lazy_pages)
		return err_set(e, ERR_INPUT, EINVAL,
			       "--page-server is for restore --lazy-pages: memory that a page "
			       "server has taken is restored from its files, beside the images");
	return refuse_missing("restore", rows, sizeof(rows) / sizeof(rows[0]), e);
}
