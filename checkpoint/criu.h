/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/criu: the only door to CRIU: finds the program, starts `criu swrk`, speaks its RPC
 * (one protobuf message a packet over a SOCK_SEQPACKET pair; migration.md 6.1), and puts what goes
 * wrong into words. It must not know a container. No other room includes it; what they may ask is
 * in checkpoint.h.
 */
#ifndef STIVA_CHECKPOINT_CRIU_H
#define STIVA_CHECKPOINT_CRIU_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "checkpoint/checkpoint.h"

/* enum criu_req_type of rpc.proto */
enum ckpt_criu_type {
	CKPT_CRIU_EMPTY = 0,
	CKPT_CRIU_DUMP = 1,
	CKPT_CRIU_RESTORE = 2,
	CKPT_CRIU_PRE_DUMP = 4,
	CKPT_CRIU_NOTIFY = 6,
	CKPT_CRIU_FEATURE_CHECK = 9,
	CKPT_CRIU_VERSION = 10,
	CKPT_CRIU_SINGLE_PRE_DUMP = 13
};

/* Something else that criu has to be served with while it is heard: its pages (mig_ps.h). */
struct ckpt_criu_aside {
	int fd; /* borrowed; FD_NONE: none, also from where serve() says that it is over */
	/* fd is readable. 1: there may be more, 0: it is over, or story. */
	int (*serve)(void *ctx, struct err *e);
	void *ctx;
};
/* One `criu swrk` that waits for requests. */
struct ckpt_criu {
	int fd;	   /* owned: the connection */
	int pidfd; /* owned */
	pid_t pid;
	const char *path;	       /* borrowed */
	struct ckpt_criu_aside *aside; /* borrowed; NULL: none */
};
#define CKPT_CRIU_NONE                                                                             \
	{                                                                                          \
		.fd = FD_NONE, .pidfd = FD_NONE                                                    \
	}
/* Hangs up, ends it if that does not, and reaps it. */
void ckpt_criu_done(struct ckpt_criu *c);

struct ckpt_criu_answer {
	enum ckpt_criu_type type;
	bool is_success;
	int cr_errno;
	unsigned major, minor, sublevel;
	bool has_mem_track, has_lazy_pages, has_pidfd_store;
	const char *errmsg; /* CRIU's first error, in the arena; NULL = none */
	/* of a NOTIFY: the stage, in the arena, the pid of the first task, an fd that came along */
	const char *script;
	pid_t pid; /* also of a restore's answer */
	int fd;	   /* owned by the caller of hear, FD_NONE = none */
};

/* Where and how it is started; all borrowed. */
struct ckpt_criu_seat {
	int cgroup_fd;	/* FD_NONE: ours */
	const int *fds; /* descriptors (above 2) that it keeps, by the same numbers */
	size_t n_fds;
	/* In the child, the last thing before the exec. NULL: nothing. Story. */
	int (*prepare)(void *ctx, struct err *e);
	void *ctx;
};
/* Starts path; seat NULL: none of it. Its standard streams are /dev/null; it ends when the
 * connection does. Story. */
int ckpt_criu_start(const char *path, const struct ckpt_criu_seat *seat, struct ckpt_criu *ret,
		    struct err *e) MUST_CHECK;
/* Sends one request: `more` (may be NULL) are encoded fields of criu_req beside the type. Story. */
int ckpt_criu_ask(const struct ckpt_criu *c, enum ckpt_criu_type type, const struct buf *more,
		  struct err *e) MUST_CHECK;
/* Lets a NOTIFY go on, or not. Story. */
int ckpt_criu_allow(const struct ckpt_criu *c, bool is_right, struct err *e) MUST_CHECK;
/* Waits for one message. ERR_KERNEL class when CRIU ends instead, ETIMEDOUT; EINTR when abort_fd
 * (FD_NONE: none) becomes readable. The aside is served meanwhile; when it fails -ECANCELED is
 * returned, whatever e says. Story. */
int ckpt_criu_hear(const struct ckpt_criu *c, int abort_fd, int timeout_ms, struct arena *a,
		   struct ckpt_criu_answer *ret, struct err *e) MUST_CHECK;
/* Decodes one criu_resp. Return: 0 or -EBADMSG. Pure. */
int ckpt_criu_decode(const void *p, size_t n, struct arena *a, struct ckpt_criu_answer *ret);
/* False for what CRIU says even when all is well: without CAP_SYS_RESOURCE it cannot raise its own
 * limit of open files, and goes on (migration.md 3). */
bool ckpt_criu_is_error(const char *errmsg);

#endif
