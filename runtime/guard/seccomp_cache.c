/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/guard/seccomp_cache: compiled programs in the runtime's own directory (conformance S12).
 *
 * A file is named after a hash, but what decides is its content: the profile's whole canonical
 * form, compared byte by byte, so that no collision and no renamed file can give another profile's
 * program. The sum over the instructions is against broken files, not against someone who may write
 * there: the directory is the runtime's (0700), and a file of another owner, or that others may
 * write, is not read.
 *
 * It knows neither libseccomp nor what a program means. Called by guard_seccomp_prepare().
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "runtime/guard/guard.h"
#include "runtime/guard/seccomp.h"
#include "base/ban.h"

/* Raise it when the compiler or the prologue makes another program of the same profile, when the
 * order of an enum of spec/seccomp.h changes, or when the form below does. */
#define CACHE_FORMAT "stiva-seccomp 1"
#define CACHE_PREFIX "seccomp-"
#define CACHE_FILES  64 /* more profiles than that make the oldest file go */

struct cache_head {
	char magic[8];
	uint32_t n_canon, n_insns;
	uint64_t sum;
};
static const char cache_magic[8] = {'s', 't', 'v', 's', 'c', 'm', 'p', '2'};

/* Eight bytes a step: the whole of an engine's profile costs 2 microseconds. */
static uint64_t hash_bytes(uint64_t h, const void *p, size_t n)
{
	const unsigned char *b = p;
	uint64_t w;

	for (; n >= 8; n -= 8, b += 8) {
		memcpy(&w, b, 8);
		h = (h ^ w) * 0x9e3779b97f4a7c15ULL;
		h ^= h >> 32;
	}
	w = n;
	for (; n; n--)
		w = w << 8 | b[n - 1];
	h = (h ^ w) * 0xff51afd7ed558ccdULL;
	return h ^ h >> 29;
}

/* ---- the canonical form ---- */

static void add_u32(struct buf *b, uint32_t v)
{
	buf_add(b, &v, sizeof(v));
}

static void add_u64(struct buf *b, uint64_t v)
{
	buf_add(b, &v, sizeof(v));
}

/* With its NUL: no text can run into the next. */
static void add_text(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s) + 1);
}

static void add_action(struct buf *b, const struct opt_enum *act, const struct opt_u32 *errno_ret)
{
	add_u32(b, (uint32_t)act->v);
	add_u32(b, errno_ret->has);
	add_u32(b, errno_ret->has ? errno_ret->v : 0);
}

static void add_syscall(struct buf *b, const struct spec_syscall *sc)
{
	add_action(b, &sc->action, &sc->errno_ret);
	add_u32(b, (uint32_t)sc->args.n);
	for (size_t i = 0; i < sc->args.n; i++) {
		const struct spec_seccomp_arg *arg = &sc->args.v[i];
		add_u32(b, arg->index.v);
		add_u32(b, (uint32_t)arg->op.v);
		add_u64(b, arg->value.v);
		add_u64(b, arg->value_two.v);
	}
	add_u32(b, (uint32_t)sc->names.n);
	for (size_t i = 0; i < sc->names.n; i++)
		add_text(b, sc->names.v[i]);
}

/* The flags and the listener are not in it: they do not change the program. */
void guard_cache_key_make(const struct spec_seccomp *s, struct guard_cache_key *ret)
{
	struct buf b = {NULL, 0, 0};

	(void)buf_room(&b, 16384);
	add_text(&b, CACHE_FORMAT);
	add_text(&b, guard_seccomp_version());
	add_action(&b, &s->default_action, &s->default_errno_ret);
	add_u32(&b, (uint32_t)s->architectures.n);
	for (size_t i = 0; i < s->architectures.n; i++)
		add_text(&b, word_text(&spec_words_arch, s->architectures.v[i]));
	add_u32(&b, (uint32_t)s->syscalls.n);
	for (size_t i = 0; i < s->syscalls.n; i++)
		add_syscall(&b, &s->syscalls.v[i]);
	ret->canon = b;
	ret->hash = hash_bytes(b.len, b.data, b.len);
	(void)snprintf(ret->name, sizeof(ret->name), CACHE_PREFIX "%016llx",
		       (unsigned long long)ret->hash);
}

void guard_cache_key_done(struct guard_cache_key *k)
{
	buf_done(&k->canon);
}

static uint64_t sum_of(const struct guard_cache_key *k, const struct guard_program *p)
{
	return hash_bytes(k->hash, p->insns, p->n * sizeof(p->insns[0]));
}

/* ---- files ---- */

/* Return: the number of instructions that a file of this size has after our canonical form. */
static size_t insns_in(const struct stat *st, const struct guard_cache_key *k)
{
	size_t fixed = sizeof(struct cache_head) + k->canon.len;

	if (!S_ISREG(st->st_mode) || st->st_uid != geteuid() || (st->st_mode & 022) ||
	    st->st_size < 0 || (size_t)st->st_size <= fixed)
		return 0;
	size_t rest = (size_t)st->st_size - fixed;
	size_t n = rest / sizeof(struct sock_filter);
	return rest % sizeof(struct sock_filter) == 0 && n <= BPF_MAXINSNS ? n : 0;
}

static bool load_file(int fd, const struct guard_cache_key *k, struct arena *a,
		      struct guard_program *ret)
{
	struct cache_head head;
	struct stat st;
	AUTO_FREE char *canon = NULL;

	if (fstat(fd, &st) < 0)
		return false;
	size_t n = insns_in(&st, k);
	if (n == 0)
		return false;
	canon = mem_alloc(k->canon.len);
	struct guard_program p = {arena_array(a, n, sizeof(struct sock_filter)), n};
	struct iovec v[] = {{&head, sizeof(head)},
			    {canon, k->canon.len},
			    {p.insns, n * sizeof(struct sock_filter)}};
	if (readv(fd, v, 3) != st.st_size)
		return false;
	if (memcmp(head.magic, cache_magic, sizeof(head.magic)) != 0 ||
	    head.n_canon != k->canon.len || head.n_insns != n ||
	    memcmp(canon, k->canon.data, k->canon.len) != 0 || head.sum != sum_of(k, &p))
		return false;
	*ret = p;
	return true;
}

bool guard_cache_load(int dir_fd, const struct guard_cache_key *k, struct arena *a,
		      struct guard_program *ret)
{
	AUTO_FD fd = openat(dir_fd, k->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (load_file(fd, k, a, ret))
		return true;
	log_debug("seccomp cache: %s is not usable and is made anew", k->name);
	return false;
}

/* One more file came: when there are too many, the oldest goes. */
static void trim(int dir_fd)
{
	char oldest[NAME_MAX + 1] = "";
	struct timespec age = {0, 0};
	size_t n = 0;
	struct dirent *d;
	AUTO_FD fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (!dir)
		return;
	(void)fd_take(&fd);
	while ((d = readdir(dir))) {
		struct stat st;
		if (!str_starts(d->d_name, CACHE_PREFIX) ||
		    fstatat(dir_fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		n++;
		bool is_older =
			st.st_mtim.tv_sec < age.tv_sec ||
			(st.st_mtim.tv_sec == age.tv_sec && st.st_mtim.tv_nsec < age.tv_nsec);
		if (n > 1 && !is_older)
			continue;
		age = st.st_mtim;
		(void)str_copy(oldest, sizeof(oldest), d->d_name);
	}
	if (n > CACHE_FILES)
		(void)unlinkat(dir_fd, oldest, 0);
}

void guard_cache_store(int dir_fd, const struct guard_cache_key *k, const struct guard_program *p)
{
	struct cache_head head = {.n_canon = (uint32_t)k->canon.len, .n_insns = (uint32_t)p->n};
	AUTO(buf) b = {NULL, 0, 0};

	memcpy(head.magic, cache_magic, sizeof(head.magic));
	head.sum = sum_of(k, p);
	buf_add(&b, &head, sizeof(head));
	buf_add(&b, k->canon.data, k->canon.len);
	buf_add(&b, p->insns, p->n * sizeof(p->insns[0]));
	int r = file_replace_at(dir_fd, k->name, b.data, b.len, 0600);
	if (r < 0) {
		log_debug("seccomp cache: cannot write %s: %s", k->name, err_words(-r));
		return;
	}
	trim(dir_fd);
}
