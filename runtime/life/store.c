/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/store: the state directories: claim, lock, atomic record, removal. Everything goes
 * through directory fds opened once. The lock is flock(2) on the container's directory itself, so
 * it can never outlive it; who waited for it and then holds a removed directory sees that in
 * st_nlink.
 *
 * No fsync: the state describes processes of this boot. After a power cut they are gone, and a torn
 * record is "broken", which delete --force removes.
 */
#include "runtime/life/internal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/sys.h"
#include "base/ban.h"

/* The intent is written before the first side effect, the state when all is made. A state that
 * cannot be read leaves the intent to say what must be cleaned. */
#define INTENT_NAME "intent.json"
#define RECORD_NAME "state.json"
#define RECORD_MAX  (4u << 20)
/* The container may have made directories in its notify directory: each level costs an fd. */
#define DEPTH_MAX 64
/* Milliseconds for a create to come from mkdir to its lock. */
#define SETTLE_TRIES 20

void life_store_unlock(struct life_box *b)
{
	/* Not by close alone: a child that was just forked still holds a copy of the fd. */
	if (b->is_locked && b->dir_fd >= 0)
		(void)flock(b->dir_fd, LOCK_UN);
	b->is_locked = false;
}

void life_box_done(struct life_box *b)
{
	life_store_unlock(b);
	auto_fd_done(&b->dir_fd);
	auto_fd_done(&b->root_fd);
	arena_done(&b->arena);
	b->rec = NULL;
}

/* runc's set: letters, digits, and _ + - . (conformance G15). */
static bool is_id_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '+' || c == '-' || c == '.';
}

int life_store_id_check(const char *id, struct err *e)
{
	size_t n = strlen(id);

	if (n == 0)
		return err_set(e, ERR_INPUT, EINVAL, "container id must not be empty");
	if (n > LIFE_ID_MAX)
		return err_set(e, ERR_INPUT, EINVAL, "container id too long (max %d)", LIFE_ID_MAX);
	for (size_t i = 0; i < n; i++)
		if (!is_id_char(id[i]))
			return err_set(
				e, ERR_INPUT, EINVAL,
				"invalid container id \"%.64s\": invalid character `%c` in the ID "
				"(letters, digits and _ + - . are)",
				id, id[i]);
	if (str_eq(id, ".") || str_eq(id, "..") || str_eq(id, LIFE_SECCOMP_DIR) ||
	    str_eq(id, LIFE_MIGRATIONS_DIR))
		return err_set(e, ERR_INPUT, EINVAL, "invalid container id \"%s\": it is reserved",
			       id);
	return 0;
}

/* ---- the state root ---- */

/* A user's runtime directory, or NULL where the system's is right. Root of a user namespace is a
 * user in it (rootless podman) unless the environment calls him root: then it is the root of a
 * container of other users' ids, where /run is his own (U01). */
static const char *user_run_dir(const struct life_host *h)
{
	const char *run = getenv("XDG_RUNTIME_DIR"), *user = getenv("USER");

	if (geteuid() == 0 && !h->rootless.has) {
		if (!run || run[0] != '/' || (user && str_eq(user, "root")) || !life_is_rootless(h))
			return NULL;
	} else if (!life_is_rootless(h)) {
		return NULL;
	}
	return run && run[0] == '/' ? run : "";
}

int life_store_root_path(const struct life_host *h, char *ret, size_t size, struct err *e)
{
	if (h->root) {
		if (h->root[0] != '/')
			return err_set(e, ERR_INPUT, EINVAL,
				       "--root \"%s\": must be an absolute path", h->root);
		if (path_clean(h->root, ret, size) <= 1)
			return err_set(e, ERR_INPUT, EINVAL,
				       "--root \"%s\": must be a directory of its own", h->root);
		return 0;
	}
	const char *run = user_run_dir(h);
	int n;

	if (run && !run[0])
		return err_set(e, ERR_INPUT, EINVAL,
			       "no state directory: set XDG_RUNTIME_DIR or give --root DIR");
	if (run)
		n = snprintf(ret, size, "%s/stiva", run);
	else
		n = snprintf(ret, size, "/run/stiva");
	return n < (int)size ? 0
			     : err_set(e, ERR_INPUT, ENAMETOOLONG, "state directory path too long");
}

/* sticky: systemd-tmpfiles leaves such a directory alone, whatever its age (XDG specification). */
static int make_root(const char *path, bool is_sticky, struct err *e)
{
	AUTO_FD slash = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (slash < 0)
		return err_sys(e, errno, "open /");
	AUTO_FD fd = path_mkdirs_in(slash, path, 0700);
	char link[FD_PROC_MAX];

	if (fd < 0)
		return err_sys(e, fd, "make the state directory \"%s\"", path);
	/* By its fd: a user's runtime directory may hold another one under this name by now. */
	if (is_sticky && fchmodat(AT_FDCWD, fd_proc_path(fd, link), 01700, 0) < 0)
		return err_sys(e, errno, "make the state directory \"%s\" sticky", path);
	return 0;
}

/* A root that others can write, or that is not ours, would let them plant state (security.md C24).
 */
static int check_root(int fd, const char *path, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "state directory \"%s\"", path);
	if (st.st_uid != geteuid())
		return err_set(e, ERR_INPUT, EPERM,
			       "state directory \"%s\": owned by uid %u, not by us (%u)", path,
			       st.st_uid, geteuid());
	if (st.st_mode & 0022)
		return err_set(
			e, ERR_INPUT, EPERM,
			"state directory \"%s\": others may write in it (mode %04o): chmod 0700 it",
			path, st.st_mode & 07777);
	return 0;
}

int life_store_root(const struct life_host *h, bool make, int *ret_fd, struct err *e)
{
	char path[PATH_MAX];
	int r = life_store_root_path(h, path, sizeof(path), e);

	if (r < 0)
		return r;
	AUTO_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT && make) {
		r = make_root(path, !h->root && !str_eq(path, "/run/stiva"), e);
		if (r < 0)
			return r;
		fd_replace(&fd, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
	}
	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0)
		return err_sys(e, errno, "state directory \"%s\"", path);
	r = check_root(fd, path, e);
	if (r < 0)
		return r;
	*ret_fd = fd_take(&fd);
	return 0;
}

int life_migrations_open(const struct life_host *h, bool make, int *ret_fd, struct err *e)
{
	AUTO_FD root = FD_NONE;
	int r = life_store_root(h, make, &root, e);

	if (r < 0)
		return r;
	if (make && mkdirat(root, LIFE_MIGRATIONS_DIR, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make the directory of migrations");
	int fd = openat(root, LIFE_MIGRATIONS_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0)
		return err_sys(e, errno, "the directory of migrations");
	*ret_fd = fd;
	return 0;
}

/* ---- one container ---- */

static int tell_missing(struct err *e)
{
	return err_set(e, ERR_STATE, ENOENT, "container does not exist");
}

/* Locks the directory and proves that it is still the one under that name. */
static int lock_box(struct life_box *b, struct err *e)
{
	struct stat st;
	int r = file_lock(b->dir_fd, true, LIFE_WAIT_MS);

	if (r == -EBUSY)
		return err_set(e, ERR_BUSY, EBUSY,
			       "container is busy: another command has held it for %d s",
			       LIFE_WAIT_MS / 1000);
	if (r < 0)
		return err_sys(e, r, "lock the container's state");
	b->is_locked = true;
	if (fstat(b->dir_fd, &st) < 0)
		return err_sys(e, errno, "the container's state");
	if (st.st_nlink == 0)
		return tell_missing(e);
	b->dev = st.st_dev;
	b->ino = st.st_ino;
	return 0;
}

int life_store_claim(const struct life_host *h, const char *id, struct life_box *b, struct err *e)
{
	int r = life_store_root(h, true, &b->root_fd, e);

	if (r < 0)
		return r;
	str_copy(b->id, sizeof(b->id), id);
	if (mkdirat(b->root_fd, id, 0700) < 0) {
		if (errno == EEXIST)
			return err_set(
				e, ERR_STATE, EEXIST,
				"container with given ID already exists: \"%s\" (delete it first)",
				id);
		return err_sys(e, errno, "make the container's state directory");
	}
	b->dir_fd = openat(b->root_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	r = b->dir_fd < 0 ? err_sys(e, errno, "open the container's state directory")
			  : lock_box(b, e);
	if (r == 0)
		return 0;
	if (r == -ENOENT)
		return err_set(e, ERR_STATE, EBUSY,
			       "another command deleted the container while it was being made");
	/* Empty still, or another's who knows what to do about it. */
	life_store_unlock(b);
	auto_fd_done(&b->dir_fd);
	(void)unlinkat(b->root_fd, id, AT_REMOVEDIR);
	return r;
}

/* ---- records ---- */

/*
 * The record's own checksum (FNV-1a, 64 bits: each single changed byte changes it): a damaged
 * record must be known as such, or it would name another pid, another cgroup. It is no protection
 * against who may write here: that is root, or the user himself.
 */
static const char sum_none[] = "0000000000000000";
#define SUM_LEN (sizeof(sum_none) - 1)

/* Where the digits stand: the writer puts them before any text of the caller's. */
static char *find_sum(const struct buf *text)
{
	static const char key[] = "\"sum\":\"";
	char *at = text->data ? strstr(text->data, key) : NULL;

	if (!at || (size_t)(text->data + text->len - at) < sizeof(key) + SUM_LEN)
		return NULL;
	return at + sizeof(key) - 1;
}

static void compute_sum(const struct buf *text, char *digits, char ret[SUM_LEN + 1])
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	memcpy(digits, sum_none, SUM_LEN);
	for (size_t i = 0; i < text->len; i++)
		h = (h ^ (unsigned char)text->data[i]) * UINT64_C(0x100000001b3);
	snprintf(ret, SUM_LEN + 1, "%016llx", (unsigned long long)h);
}

static bool is_whole(const struct buf *text)
{
	char was[SUM_LEN + 1] = "", now[SUM_LEN + 1];
	char *digits = find_sum(text);

	if (!digits)
		return false;
	memcpy(was, digits, SUM_LEN);
	compute_sum(text, digits, now);
	return str_eq(was, now);
}

static int load_record(struct life_box *b, const char *name, struct life_record **ret)
{
	AUTO(buf) text = {0};
	struct json_errors errs = {.arena = &b->arena};
	void *rec;
	int r = file_read_at(b->dir_fd, name, RECORD_MAX, &text);

	if (r < 0)
		return err_sys(&b->why, r, "its record %s", name);
	if (json_parse(&life_table_record, text.data, text.len, &b->arena, &errs, &rec) < 0)
		return spec_errors_to_err(&errs, name, &b->why);
	if (((struct life_record *)rec)->schema.v != LIFE_SCHEMA)
		return err_set(&b->why, ERR_STATE, EPROTONOSUPPORT,
			       "its record %s is of another version of stiva (schema %u, not %d)",
			       name, ((struct life_record *)rec)->schema.v, LIFE_SCHEMA);
	if (!is_whole(&text))
		return err_set(&b->why, ERR_STATE, EBADMSG, "its record %s is damaged", name);
	if (!str_eq(((struct life_record *)rec)->id, b->id))
		return err_set(&b->why, ERR_STATE, EINVAL, "its record %s is of \"%.100s\"", name,
			       ((struct life_record *)rec)->id);
	*ret = rec;
	return 0;
}

static void load_records(struct life_box *b)
{
	struct err why;

	if (load_record(b, RECORD_NAME, &b->rec) == 0)
		return;
	/* No state yet: the intent is the record. A broken state: it only tells what to clean. */
	bool is_missing = b->why.code == ENOENT;

	why = b->why;
	if (load_record(b, INTENT_NAME, &b->intent) == 0 && is_missing)
		b->rec = b->intent;
	b->why = why;
}

static int lock_and_load(struct life_box *b, struct err *e)
{
	int r = lock_box(b, e);

	if (r < 0)
		return r;
	b->rec = b->intent = NULL;
	err_clear(&b->why);
	load_records(b);
	return 0;
}

int life_store_relock(struct life_box *b, struct err *e)
{
	int r = lock_and_load(b, e);

	if (r < 0 || b->rec)
		return r;
	*e = b->why;
	return -e->code;
}

static int load_locked(struct life_box *b, struct err *e)
{
	int r = lock_and_load(b, e);

	if (r == 0)
		life_store_unlock(b);
	return r;
}

/* Without a lock we may meet a create before its first record, or between its last and its end, or
 * a delete after its last: what it is, is known when they let go. A create that made its directory
 * and has not locked it yet gets a moment for that. */
static int load_settled(struct life_box *b, struct err *e)
{
	load_records(b);
	if (b->is_locked || (b->rec != b->intent && b->rec))
		return 0;
	b->was_in_making = life_machine_status(b) == SPEC_CREATING;
	if (b->was_in_making)
		return 0;
	for (int i = 0; i < SETTLE_TRIES; i++) {
		const struct timespec pause = {0, 1000000};
		int r = load_locked(b, e);

		if (r < 0 || b->rec || b->intent || b->why.code != ENOENT)
			return r;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int life_store_open(const struct life_host *h, const char *id, bool is_locked, struct life_box *b,
		    struct err *e)
{
	char boot[37];
	int r = life_store_id_check(id, e);

	if (r < 0)
		return r;
	/* Not known would look like another boot: a stopped container, nothing to end. */
	r = sys_boot_id(boot);
	if (r < 0)
		return err_sys(e, r, "read the kernel's boot id");
	r = life_store_root(h, false, &b->root_fd, e);
	if (r == -ENOENT && !e->code)
		return tell_missing(e);
	if (r < 0)
		return r;
	str_copy(b->id, sizeof(b->id), id);
	b->dir_fd = openat(b->root_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (b->dir_fd < 0 && errno == ENOENT)
		return tell_missing(e);
	if (b->dir_fd < 0)
		return err_sys(e, errno, "open the container's state directory");
	if (is_locked) {
		r = lock_box(b, e);
		if (r < 0)
			return r;
	}
	r = load_settled(b, e);
	if (r == 0)
		life_settle(h, b);
	return r;
}

int life_store_write(struct life_box *b, const struct life_record *rec, struct err *e)
{
	AUTO(buf) out = {0};
	struct life_record with_sum = *rec;
	char sum[SUM_LEN + 1];

	with_sum.sum = (char *)sum_none;
	json_print(&life_table_record, &with_sum, 0, &out);
	buf_addc(&out, '\n');
	char *digits = find_sum(&out);

	if (!digits)
		return err_set(e, ERR_BUG, EBADMSG, "the record has no place for its checksum");
	compute_sum(&out, digits, sum);
	memcpy(digits, sum, SUM_LEN);
	const char *name = rec->stage.v == LIFE_STAGE_CREATING ? INTENT_NAME : RECORD_NAME;
	int r = file_replace_at(b->dir_fd, name, out.data, out.len, 0600);

	if (r < 0)
		return err_sys(e, r, "write the container's state (is the state directory full?)");
	return 0;
}

int life_store_config(struct life_box *b, struct spec_config **ret, struct err *e)
{
	AUTO(buf) text = {0};
	struct json_errors errs = {.arena = &b->arena};
	int r = file_read_at(b->dir_fd, LIFE_CONFIG, JSON_DOCUMENT_MAX, &text);

	if (r < 0)
		return err_sys(e, r, "the container's saved %s", LIFE_CONFIG);
	if (spec_load(text.data, text.len, &b->arena, &errs, ret) < 0)
		return spec_errors_to_err(&errs, "saved " LIFE_CONFIG, e);
	return 0;
}

/* ---- removal ---- */

static int empty_dir(int dir_fd, unsigned depth);

static int remove_entry(int dir_fd, const char *name, unsigned depth)
{
	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	AUTO_FD sub = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (sub < 0)
		return -errno;
	int r = depth ? empty_dir(sub, depth - 1) : -ENOTEMPTY;

	if (r == 0 && unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		r = -errno;
	return r;
}

static int empty_dir(int dir_fd, unsigned depth)
{
	int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR d = copy >= 0 ? fdopendir(copy) : NULL;
	int first = 0;

	if (!d)
		return -errno;
	for (struct dirent *de = readdir(d); de; de = readdir(d)) {
		if (str_eq(de->d_name, ".") || str_eq(de->d_name, ".."))
			continue;
		if (depth == DEPTH_MAX &&
		    (str_eq(de->d_name, INTENT_NAME) || str_eq(de->d_name, RECORD_NAME)))
			continue;
		int r = remove_entry(dir_fd, de->d_name, depth);

		if (r < 0 && first == 0)
			first = r;
	}
	return first;
}

int life_store_remove(struct life_box *b, struct err *e)
{
	static const char *const last[] = {INTENT_NAME, RECORD_NAME};

	if (b->dir_fd < 0)
		return 0;
	/* The records go last: killed in between, it is still known what to clean. The state after
	 * the intent: who looks meanwhile finds a stopped container, not an unfinished one. */
	int r = empty_dir(b->dir_fd, DEPTH_MAX);

	for (size_t i = 0; r == 0 && i < sizeof(last) / sizeof(last[0]); i++)
		r = remove_entry(b->dir_fd, last[i], DEPTH_MAX);
	if (r < 0)
		return err_sys(e, r, "empty the container's state directory");
	if (unlinkat(b->root_fd, b->id, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove the container's state directory");
	return 0;
}
