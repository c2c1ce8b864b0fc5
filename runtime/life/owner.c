/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/owner: which cgroup belongs to which state directory, when no record says it by
 * inode: a create that was cut off, a record that is damaged. The cgroup carries the identity of
 * the state directory as an extended attribute (cgroup2 takes user.* since 5.7), so that a delete
 * never ends what another container, or another runtime, runs under the same name (security.md
 * C28). Called by create.c and delete.c.
 */
#include "runtime/life/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/ban.h"

#define MARK	 "user.stiva.container"
#define MARK_MAX (LIFE_ID_MAX + 64)
/* A half-made init dies with its creator; the kernel takes its time over it. */
#define EMPTY_MS 2000

unsigned life_owner_levels(const char *path)
{
	char parent[CG_PATH_MAX];
	unsigned n = 1;

	if (str_copy(parent, sizeof(parent), path) < 0)
		return 1;
	for (char *cut = strrchr(parent, '/'); cut && cut != parent; cut = strrchr(parent, '/')) {
		AUTO(cg) cg = CG_NONE;
		struct err ignored = ERR_INIT;

		*cut = '\0';
		if (cg_open(parent, &cg, &ignored) != -ENOENT)
			break;
		n++;
	}
	return n;
}

static int mark_of(const struct life_box *b, char ret[MARK_MAX])
{
	return snprintf(ret, MARK_MAX, "%llx:%llx %s", (unsigned long long)b->dev,
			(unsigned long long)b->ino, b->id);
}

/* By the fd's own link in /proc: cg.dir_fd is an O_PATH fd, which fsetxattr(2) does not take. */
void life_owner_mark(const struct life_box *b, const struct cg *cg)
{
	char text[MARK_MAX], link[FD_PROC_MAX];
	int n = mark_of(b, text);

	if (setxattr(fd_proc_path(cg->dir_fd, link), MARK, text, (size_t)n, 0) < 0)
		log_debug("cgroup \"%s\": not marked as ours: %s", cg->path, err_words(errno));
}

static bool is_marked(const struct life_box *b, const struct cg *cg)
{
	char want[MARK_MAX], has[MARK_MAX], link[FD_PROC_MAX];
	int n = mark_of(b, want);

	return getxattr(fd_proc_path(cg->dir_fd, link), MARK, has, sizeof(has)) == n &&
	       memcmp(want, has, (size_t)n) == 0;
}

void life_owner_settle(const struct life_box *b, struct life_rec_cgroup *c)
{
	AUTO(cg) cg = CG_NONE;
	struct err e = ERR_INIT;

	if ((enum cg_manager)c->manager.v == CG_DISABLED || !life_machine_is_of_this_boot(b->rec))
		c->path = NULL;
	/* Gone already: its parents may still have to go. */
	if (!c->path || c->ino.has || cg_open(c->path, &cg, &e) < 0)
		return;
	/* Killed before it could be marked, it has nobody in it. */
	if (is_marked(b, &cg) || cg_wait_empty(&cg, EMPTY_MS, &e) == 0) {
		c->ino = (struct opt_u64){true, cg.ino};
		return;
	}
	log_warn("container \"%s\": cgroup \"%s\" is not its own and stays", b->id, c->path);
	c->path = NULL;
}

/* Strings of a guess are in *ret already. */
void life_owner_place(const struct life_rec_cgroup *c, struct cg_place *ret)
{
	ret->manager = c->path ? (enum cg_manager)c->manager.v : CG_DISABLED;
	if (c->path && c->path != ret->path && str_copy(ret->path, CG_PATH_MAX, c->path) < 0)
		ret->manager = CG_DISABLED;
	if (c->unit && c->unit != ret->unit && str_copy(ret->unit, CG_UNIT_MAX, c->unit) < 0)
		ret->manager = CG_DISABLED;
	ret->is_user_unit = c->is_user_unit.v;
}

void life_owner_guess(const struct life_host *h, struct life_box *b, struct life_rec_cgroup *c,
		      struct cg_place *place)
{
	AUTO(cg) cg = CG_NONE;
	struct spec_config *conf = NULL;
	struct err e = ERR_INIT;
	struct cg_wish w = {.id = b->id, .is_rootless = life_is_rootless(h)};
	int r = life_store_config(b, &conf, &e);

	/* Neither record nor config: nothing was made yet. */
	if (r == -ENOENT && b->why.code == ENOENT)
		return;
	if (r == 0)
		r = cg_wish_read(conf, b->id, w.is_rootless, &w, &e);
	else
		r = 0;
	err_clear(&e);
	if (r == 0)
		r = cg_choose(h->manager, &w, place, &e);
	if (r == 0 && place->path[0] && cg_open(place->path, &cg, &e) == 0 && is_marked(b, &cg)) {
		*c = (struct life_rec_cgroup){
			.manager = {true, (int)place->manager},
			.path = place->path,
			.ino = {true, cg.ino},
			.made_levels = {true, 1},
			.unit = place->unit[0] ? place->unit : NULL,
			.is_user_unit = {place->is_user_unit, place->is_user_unit},
		};
		return;
	}
	log_warn("container \"%s\": its records are lost and its cgroup is not found: a process of "
		 "it may still run",
		 b->id);
}
