/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_record: see mig_record.h. */
#include "checkpoint/mig_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/ban.h"

#define NAME	   "migration.json"
#define COMMITTED  "committed" /* beside it: the fact alone, for who may not allocate */
#define RELEASED   "released"
#define NEW	   "new-"
#define GONE	   "gone-" /* an epoch that is being removed */
#define SIZE_MAX_  (1u << 20)
#define MAKE_TRIES 5
#define MAKE_MS	   1000

/* clang-format off */
static const struct json_row rows[] = {
	J_STR(struct mig_record, epoch, "epoch", JF_REQ),
	J_STR(struct mig_record, id, "id", JF_REQ | JF_NONEMPTY),
	J_STR(struct mig_record, made_at, "begun", JF_REQ),
	J_ENUM(struct mig_record, phase, "phase", JF_REQ, &mig_words_phase),
	J_U64(struct mig_record, dir_ino, "directory", 0),
	J_STRS(struct mig_record, made, "made", 0),
	J_STRS(struct mig_record, filled, "filled", 0),
};
/* clang-format on */
static J_TABLE(table, mig_record, rows);

static int lock(int dir_fd, unsigned wait_ms, struct err *e)
{
	struct stat st;
	int r = file_lock(dir_fd, true, wait_ms);

	if (r == -EBUSY)
		return err_set(e, ERR_BUSY, EBUSY, "another process is at work on this migration");
	if (r < 0 || fstat(dir_fd, &st) < 0)
		return err_sys(e, r < 0 ? r : errno, "lock the migration");
	/* Who had it has removed it. */
	return st.st_nlink == 0 ? -ENOENT : 0;
}

static int open_one(int all_fd, const char *epoch, unsigned wait_ms, int *ret_fd, struct err *e)
{
	AUTO_FD fd = openat(all_fd, epoch, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0)
		return err_sys(e, errno, "the migration \"%.40s\"", epoch);
	int r = lock(fd, wait_ms, e);

	if (r == 0)
		*ret_fd = fd_take(&fd);
	return r;
}

int mig_record_make(const struct life_host *h, const char *epoch, int *ret_fd, struct err *e)
{
	char new[sizeof(NEW) + MIG_EPOCH_SIZE] = NEW;
	AUTO_FD all = FD_NONE;
	AUTO_FD fd = FD_NONE;
	int r = life_migrations_open(h, true, &all, e);

	if (r < 0)
		return r;
	if (str_copy(new + sizeof(NEW) - 1, MIG_EPOCH_SIZE, epoch) < 0)
		return err_set(e, ERR_BUG, EINVAL, "no epoch");
	/* Locked before anybody can find it; who sweeps may be faster, each time. */
	for (int i = 0; i < MAKE_TRIES; i++) {
		err_clear(e);
		if (mkdirat(all, new, 0700) < 0 && errno != EEXIST)
			return err_sys(e, errno, "make the directory of the migration");
		r = open_one(all, new, MAKE_MS, &fd, e);
		if (r != -ENOENT)
			break;
	}
	if (r < 0)
		return e->code ? r : err_sys(e, r, "make the directory of the migration");
	if (renameat2(all, new, all, epoch, RENAME_NOREPLACE) < 0) {
		int code = errno;

		(void)unlinkat(all, new, AT_REMOVEDIR);
		return code == EEXIST
			       ? err_set(e, ERR_STATE, EEXIST,
					 "the migration \"%.40s\" was begun before: a new one has "
					 "an epoch of its own",
					 epoch)
			       : err_sys(e, code, "make the directory of the migration");
	}
	*ret_fd = fd_take(&fd);
	return 0;
}

int mig_record_open(const struct life_host *h, const char *epoch, unsigned wait_ms, int *ret_fd,
		    struct err *e)
{
	AUTO_FD all = FD_NONE;
	int r = life_migrations_open(h, false, &all, e);

	return r == 0 ? open_one(all, epoch, wait_ms, ret_fd, e) : r;
}

int mig_record_write(int dir_fd, const struct mig_record *r, struct err *e)
{
	AUTO(buf) text = {0};

	json_print(&table, r, 1, &text);
	buf_addc(&text, '\n');
	int n = file_replace_at(dir_fd, NAME, text.data, text.len, 0600);

	/* The moment itself: a file that is there or is not. */
	if (n == 0 && r->phase.v == MIG_PHASE_COMMITTED)
		n = file_replace_at(dir_fd, COMMITTED, "", 0, 0600);
	return n < 0 ? err_sys(e, n, "write the record of the migration") : 0;
}

bool mig_record_is_committed(int dir_fd)
{
	return faccessat(dir_fd, COMMITTED, F_OK, 0) == 0;
}

int mig_record_read(int dir_fd, struct arena *a, struct mig_record **ret, struct err *e)
{
	AUTO(buf) text = {0};
	struct json_errors errs = {.arena = a};
	void *obj;
	int n = file_read_at(dir_fd, NAME, SIZE_MAX_, &text);

	/* Killed before it was written: nothing has been made yet. */
	if (n == -ENOENT)
		return n;
	if (n < 0)
		return err_sys(e, n, "the record of the migration");
	if (json_parse(&table, text.data, text.len, a, &errs, &obj) < 0)
		return spec_errors_to_err(&errs, NAME, e);
	*ret = obj;
	/* Between the two files of a commit nothing has been decided. */
	if ((*ret)->phase.v == MIG_PHASE_COMMITTED && !mig_record_is_committed(dir_fd))
		(*ret)->phase.v = MIG_PHASE_RECEIVING;
	return 0;
}

void mig_record_released(int dir_fd)
{
	(void)!file_replace_at(dir_fd, RELEASED, "", 0, 0600);
}

bool mig_record_is_released(int dir_fd)
{
	return faccessat(dir_fd, RELEASED, F_OK, 0) == 0;
}

void mig_record_unlock(int dir_fd)
{
	(void)flock(dir_fd, LOCK_UN);
}

static void empty(int dir_fd)
{
	AUTO_FD own = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR d = own >= 0 ? fdopendir(own) : NULL;

	if (d)
		(void)fd_take(&own);
	for (struct dirent *de = d ? readdir(d) : NULL; de; de = readdir(d))
		if (!str_eq(de->d_name, ".") && !str_eq(de->d_name, ".."))
			(void)unlinkat(dir_fd, de->d_name, 0);
}

void mig_record_remove(const struct life_host *h, const char *epoch, int dir_fd)
{
	struct err ignored = ERR_INIT;
	char gone[sizeof(GONE) + MIG_EPOCH_SIZE] = GONE;
	AUTO_FD all = FD_NONE;

	/* Who finds a half of it would take it for a migration that was never committed. */
	if (life_migrations_open(h, false, &all, &ignored) < 0 ||
	    str_copy(gone + sizeof(GONE) - 1, MIG_EPOCH_SIZE, epoch) < 0 ||
	    file_lock(dir_fd, true, 0) < 0 || renameat(all, epoch, all, gone) < 0)
		return;
	/* Of a restore that failed: somebody was told where it is. */
	(void)renameat(dir_fd, MIG_RECORD_LOG, all, MIG_RECORD_LOG);
	empty(dir_fd);
	(void)unlinkat(all, gone, AT_REMOVEDIR);
}

/* What a maker or a remover left that was killed. */
static void sweep(int all_fd, const char *name)
{
	struct err ignored = ERR_INIT;
	AUTO_FD fd = FD_NONE;

	if (open_one(all_fd, name, 0, &fd, &ignored) < 0)
		return;
	empty(fd);
	(void)unlinkat(all_fd, name, AT_REMOVEDIR);
}

int mig_record_each(const struct life_host *h,
		    int (*one)(void *ctx, const char *epoch, struct err *e), void *ctx,
		    struct err *e)
{
	int fd = FD_NONE, r = life_migrations_open(h, false, &fd, e), first = 0;

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	AUTO_DIR d = fdopendir(fd);

	if (!d)
		return err_sys(e, errno, "read the directory of migrations");
	for (struct dirent *de = readdir(d); de; de = readdir(d)) {
		struct err its = ERR_INIT;

		if (str_starts(de->d_name, NEW) || str_starts(de->d_name, GONE))
			sweep(dirfd(d), de->d_name);
		if (!mig_say_is_epoch(de->d_name) || one(ctx, de->d_name, &its) == 0)
			continue;
		if (!first)
			*e = its;
		first = -1;
	}
	return first ? -e->code : 0;
}
