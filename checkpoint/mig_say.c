/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_say: see mig_say.h. */
#include "checkpoint/mig_say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/ban.h"

#define ABORT_MS 5000

static const struct word phase_rows[] = {
	{"none", 0}, {"receiving", 0}, {"committed", 0}, {"lost", 0}};
WORDS_COMPLETE(phase_rows, MIG_PHASE_N);
const struct word_list mig_words_phase = {"phase", phase_rows, MIG_PHASE_N, ""};

static const struct word tree_rows[] = {{"copy", 0}, {"shared", 0}};
WORDS_COMPLETE(tree_rows, MIG_TREE_N);
static const struct word_list tree_words = {"kind of tree", tree_rows, MIG_TREE_N, ""};

/* clang-format off */
static const struct json_row host_rows[] = {
	J_U32(struct mig_host, major, "major", JF_REQ),
	J_U32(struct mig_host, minor, "minor", JF_REQ),
	J_STR(struct mig_host, stiva, "stiva", JF_REQ),
	J_STR(struct mig_host, criu, "criu", 0),
	J_STR(struct mig_host, problem, "problem", 0),
	J_STR(struct mig_host, kernel, "kernel", JF_REQ),
	J_STR(struct mig_host, arch, "arch", JF_REQ),
	J_STR(struct mig_host, boot_id, "bootId", JF_REQ),
	J_U32(struct mig_host, page_size, "pageSize", JF_REQ),
	J_U64(struct mig_host, time, "time", JF_REQ),
	J_BOOL(struct mig_host, has_lazy, "lazyPages", 0),
};
J_TABLE(mig_table_host, mig_host, host_rows);
static const struct json_row plan_rows[] = {
	J_ENUM(struct mig_plan, kind, "kind", JF_REQ, &tree_words),
	J_U32(struct mig_plan, stream, "stream", JF_REQ),
	J_STR(struct mig_plan, where, "where", JF_REQ | JF_ABS),
	J_STR(struct mig_plan, path, "path", JF_REQ | JF_ABS),
	J_STR(struct mig_plan, probe, "probe", JF_NONEMPTY),
	J_STR(struct mig_plan, probe_text, "probeText", JF_NONEMPTY),
	J_BOOL(struct mig_plan, is_file, "isFile", 0),
	J_U64(struct mig_plan, bytes, "bytes", 0),
	J_U64(struct mig_plan, entries, "entries", 0),
};
static J_TABLE(plan_table, mig_plan, plan_rows);
static const struct json_row offer_rows[] = {
	J_STR(struct mig_offer, epoch, "epoch", JF_REQ),
	J_STR(struct mig_offer, id, "id", JF_REQ | JF_NONEMPTY),
	J_STR(struct mig_offer, bundle, "bundle", JF_REQ | JF_ABS),
	J_STR(struct mig_offer, config, "config", JF_REQ | JF_NONEMPTY),
	J_STR(struct mig_offer, console_socket, "consoleSocket", JF_NONEMPTY),
	J_OBJ(struct mig_offer, resources, "resources", 0, spec_resources, &spec_table_resources),
	J_BOOL(struct mig_offer, tcp_established, "tcpEstablished", 0),
	J_BOOL(struct mig_offer, tcp_close, "tcpClose", 0),
	J_BOOL(struct mig_offer, tcp_skip_in_flight, "tcpSkipInFlight", 0),
	J_BOOL(struct mig_offer, ext_unix_sk, "extUnixSk", 0),
	J_BOOL(struct mig_offer, shell_job, "shellJob", 0),
	J_BOOL(struct mig_offer, file_locks, "fileLocks", 0),
	J_BOOL(struct mig_offer, link_remap, "linkRemap", 0),
	J_BOOL(struct mig_offer, is_check, "check", 0),
	J_BOOL(struct mig_offer, is_replace, "replace", 0),
	J_BOOL(struct mig_offer, is_lazy, "lazy", 0),
	J_U64(struct mig_offer, memory, "memory", JF_REQ),
	J_U32(struct mig_offer, silence_ms, "silence", JF_REQ),
	J_STRS(struct mig_offer, streams, "streams", JF_REQ),
	J_OBJS(struct mig_offer, trees, "trees", JF_REQ, mig_plan, &plan_table),
};
J_TABLE(mig_table_offer, mig_offer, offer_rows);
static const struct json_row note_rows[] = {
	J_STR(struct mig_note, epoch, "epoch", 0),
	J_STR(struct mig_note, reason, "reason", 0),
	J_STR(struct mig_note, digest, "digest", 0),
	J_STR(struct mig_note, boot_id, "bootId", 0),
	J_ENUM(struct mig_note, phase, "phase", 0, &mig_words_phase),
	J_U64(struct mig_note, time, "time", 0),
	J_U64(struct mig_note, bytes, "bytes", 0),
	J_U64(struct mig_note, pid, "pid", 0),
	J_U64(struct mig_note, round, "round", 0),
	J_U64(struct mig_note, ms, "ms", 0),
	J_U32S(struct mig_note, shared, "shared", 0),
};
J_TABLE(mig_table_note, mig_note, note_rows);
/* clang-format on */

/* ---- frames ---- */

int mig_say(struct mig_link *l, enum mig_frame_type type, const struct json_table *t,
	    const void *obj, struct err *e)
{
	AUTO(buf) text = {0};

	json_print(t, obj, 0, &text);
	return mig_link_say(l, type, 0, text.data, text.len, e);
}

int mig_say_note(struct mig_link *l, enum mig_frame_type type, const struct mig_note *n,
		 struct err *e)
{
	return mig_say(l, type, &mig_table_note, n, e);
}

int mig_say_parse(const struct mig_link *l, const struct mig_frame *f, const struct json_table *t,
		  struct arena *a, void *ret, struct err *e)
{
	struct json_errors errs = {.arena = a};
	char what[160];
	void *obj;

	/* The errors quote the frame by its sender. */
	snprintf(what, sizeof(what), "%s of %.100s", mig_link_name(f->type), l->peer);
	if (json_parse(t, f->data, f->n, a, &errs, &obj) < 0)
		return spec_errors_to_err(&errs, what, e);
	*(void **)ret = obj;
	return 0;
}

int mig_say_hear(struct mig_link *l, enum mig_frame_type type, int timeout_ms,
		 const struct json_table *t, struct arena *a, void *ret, struct err *e)
{
	struct mig_frame f;
	int r = mig_link_expect(l, type, timeout_ms, &f, e);

	return r == 0 ? mig_say_parse(l, &f, t, a, ret, e) : r;
}

bool mig_say_abort(struct mig_link *l, const char *why)
{
	struct err ignored = ERR_INIT;
	struct mig_frame f = {0};
	int r;

	l->abort_fd = FD_NONE;
	l->end_usec = 0;
	l->silence_ms = ABORT_MS;
	r = mig_link_say(l, MIG_ABORT, 0, why, strlen(why), &ignored);
	while (r == 0 && f.type != MIG_ABORTED)
		r = mig_link_hear(l, ABORT_MS, &f, &ignored);
	return r == 0;
}

int mig_say_tick(struct mig_link *l, struct err *e)
{
	const uint64_t ping[2] = {0, proc_now_usec()};
	int r = mig_link_say(l, MIG_PING, 0, ping, sizeof(ping), e);

	while (r == 0) {
		struct mig_frame f;

		r = mig_link_hear(l, 0, &f, e);
		if (r == -ETIMEDOUT) {
			err_clear(e);
			return 0;
		}
		if (r == 0 && f.type != MIG_PONG)
			r = err_set(e, ERR_INPUT, EBADMSG,
				    "protocol error: %.100s sent %s where nothing is due", l->peer,
				    mig_link_name(f.type));
	}
	return r;
}

/* ---- hosts ---- */

uint64_t mig_say_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

int mig_say_host(const struct ckpt_criu_info *criu, struct arena *a, struct mig_host *ret,
		 struct err *e)
{
	struct utsname u;
	char boot[64];

	if (uname(&u) < 0)
		return err_sys(e, errno, "name of the kernel");
	int n = file_read_kernel(AT_FDCWD, "/proc/sys/kernel/random/boot_id", boot, sizeof(boot));

	if (n < 0)
		return err_sys(e, n, "the boot id");
	boot[strcspn(boot, "\n")] = '\0';
	*ret = (struct mig_host){.major = {true, MIG_PROTOCOL_MAJOR},
				 .minor = {true, MIG_PROTOCOL_MINOR},
				 .page_size = {true, (uint32_t)sysconf(_SC_PAGESIZE)},
				 .stiva = (char *)STIVA_VERSION,
				 .kernel = arena_strdup(a, u.release),
				 .arch = arena_strdup(a, u.machine),
				 .boot_id = arena_strdup(a, boot),
				 .time = {true, mig_say_now()}};
	if (criu) {
		ret->criu = arena_printf(a, "%u.%u.%u", criu->major, criu->minor, criu->sublevel);
		ret->has_lazy = (struct opt_bool){true, criu->has_lazy_pages};
	}
	return 0;
}

/* The first two numbers of a version. */
static int version_of(const char *text, uint64_t v[2])
{
	for (int i = 0; i < 2; i++) {
		size_t n = strcspn(text, ".");

		if (num_u64n(text, n, &v[i]) < 0)
			return -EINVAL;
		text += n + (text[n] == '.');
	}
	return 0;
}

int mig_say_check_host(const struct mig_host *from, const struct mig_host *to, const char *them,
		       struct err *e)
{
	uint64_t a[2], b[2];

	if (from->major.v != to->major.v)
		return err_set(e, ERR_MISSING, EPROTONOSUPPORT,
			       "%.100s speaks another protocol of migration (%u.%u and %u.%u): "
			       "install the same version of stiva on both hosts",
			       them, from->major.v, from->minor.v, to->major.v, to->minor.v);
	if (!str_eq(from->arch, to->arch))
		return err_set(e, ERR_INPUT, ENOEXEC,
			       "the hosts are of different architectures: %.40s and %.40s",
			       from->arch, to->arch);
	if (from->page_size.v != to->page_size.v)
		return err_set(e, ERR_INPUT, ENOEXEC,
			       "the hosts have pages of different sizes: %u and %u bytes",
			       from->page_size.v, to->page_size.v);
	if (!to->criu && to->problem)
		return err_set(e, ERR_MISSING, ENOENT, "%.100s: %.300s", them, to->problem);
	if (!from->criu || !to->criu || version_of(from->criu, a) < 0 ||
	    version_of(to->criu, b) < 0)
		return err_set(e, ERR_INPUT, EBADMSG, "%.100s does not say which criu it has",
			       them);
	/* An older criu does not know what a later one writes. */
	if (a[0] > b[0] || (a[0] == b[0] && a[1] > b[1]))
		return err_set(e, ERR_MISSING, ENOTSUP,
			       "criu %.20s on the source is newer than criu %.20s on the "
			       "destination, which could not read its images",
			       from->criu, to->criu);
	return 0;
}

int mig_say_epoch(char ret[MIG_EPOCH_SIZE], struct err *e)
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		return err_sys(e, errno, "random bytes");
	for (size_t i = 0; i < sizeof(b); i++)
		snprintf(ret + 2 * i, 3, "%02x", b[i]);
	return 0;
}

bool mig_say_is_epoch(const char *text)
{
	return strlen(text) == MIG_EPOCH_SIZE - 1 &&
	       strspn(text, "0123456789abcdef") == MIG_EPOCH_SIZE - 1;
}
