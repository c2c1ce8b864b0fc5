/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/internal: what the files of this room share, and nobody else sees. */
#ifndef STIVA_CHECKPOINT_INTERNAL_H
#define STIVA_CHECKPOINT_INTERNAL_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/criu.h"
#include "checkpoint/digest.h"
#include "checkpoint/manifest.h"
#include "checkpoint/proof.h"

/* ---- request.c: what is asked of criu, in its fields and as the command line that would ask the
 * same (for --debug) ---- */
struct ckpt_request {
	struct buf opts; /* criu_opts */
	struct buf line;
	struct buf more; /* criu_req, made by ckpt_request_end() */
};
void ckpt_request_done(struct ckpt_request *r);
void ckpt_request_begin(struct ckpt_request *r, const char *verb);
/* option NULL: it has no spelling there. */
void ckpt_request_number(struct ckpt_request *r, unsigned field, uint64_t v, const char *option);
/* A flag, when it is on. */
void ckpt_request_flag(struct ckpt_request *r, unsigned field, bool on, const char *option);
void ckpt_request_text(struct ckpt_request *r, unsigned field, const char *text,
		       const char *option);
/* The descriptor number fd of criu's own is what the images call key. */
void ckpt_request_inherit(struct ckpt_request *r, int fd, const char *key);
/* Pages go into the socket that criu has as descriptor number fd (mig_ps.h). */
void ckpt_request_pages(struct ckpt_request *r, int fd);
/* Pages go to this page server. */
struct ckpt_server;
void ckpt_request_server(struct ckpt_request *r, const struct ckpt_server *server);
/* What dump and restore have in common. */
void ckpt_request_common(struct ckpt_request *r, const struct ckpt_common *c, const char *log_name);
/* images_fd and work_fd are ours; criu opens them by our pid. */
void ckpt_request_dirs(struct ckpt_request *r, int images_fd, int work_fd);
void ckpt_request_end(struct ckpt_request *r);

/* Numbers of criu_opts' fields. */
enum ckpt_field {
	CKPT_F_IMAGES_DIR_FD = 1,
	CKPT_F_PID = 2,
	CKPT_F_LEAVE_RUNNING = 3,
	CKPT_F_EXT_UNIX_SK = 4,
	CKPT_F_TCP_ESTABLISHED = 5,
	CKPT_F_SHELL_JOB = 7,
	CKPT_F_FILE_LOCKS = 8,
	CKPT_F_LOG_LEVEL = 9,
	CKPT_F_LOG_FILE = 10,
	CKPT_F_PS = 11,
	CKPT_F_NOTIFY_SCRIPTS = 12,
	CKPT_F_ROOT = 13,
	CKPT_F_WORK_DIR_FD = 17,
	CKPT_F_LINK_REMAP = 18,
	CKPT_F_FORCE_IRMAP = 21,
	CKPT_F_RST_SIBLING = 26,
	CKPT_F_INHERIT_FD = 27,
	CKPT_F_MANAGE_CGROUPS_MODE = 34,
	CKPT_F_GHOST_LIMIT = 35,
	CKPT_F_EXTERNAL = 37,
	CKPT_F_EMPTY_NS = 38,
	CKPT_F_FREEZE_CGROUP = 44,
	CKPT_F_TCP_SKIP_IN_FLIGHT = 46,
	CKPT_F_LAZY_PAGES = 48,
	CKPT_F_ORPHAN_PTS_MASTER = 50,
	CKPT_F_TCP_CLOSE = 52,
	CKPT_F_LSM_PROFILE = 53,
	CKPT_F_LSM_MOUNT_CONTEXT = 63,
	CKPT_F_NETWORK_LOCK = 64
};
#define CKPT_NET_KEY "extNetNS" /* as runc and crun call it */

/* ---- words.c: what criu says when it fails ---- */
/*
 * The error of a failed request: the first line of its log (log_name in work_fd) that is one, else
 * errmsg (may be NULL), and what can be done about it. verb: "dump" or "restore". Return: -e->code.
 */
int ckpt_words_fail(const char *verb, int work_fd, const char *work_path, const char *log_name,
		    const char *errmsg, struct err *e);
/* The first line of such a log that is an error, without its time and place; NULL: none. In the
 * arena. Pure. */
const char *ckpt_words_first(const char *log, size_t n, struct arena *a);
/* What can be done, or NULL. Pure. */
const char *ckpt_words_remedy(const char *words);

/* ---- image.c: what stands beside criu's images ---- */
#define CKPT_SCHEMA	 2
#define CKPT_META	 "stiva.json"
#define CKPT_DESCRIPTORS "descriptors.json" /* as runc and crun write it */

struct ckpt_mount {
	char *path, *key;   /* where it is in the container, what criu calls it */
	char *from, *below; /* the destination in config.json, and what is below it */
};
OBJ_VEC(ckpt_mount);
enum ckpt_stream_kind {
	CKPT_STREAM_INSIDE, /* a file of the container's own, a terminal of it */
	CKPT_STREAM_NULL,
	CKPT_STREAM_PIPE,
	CKPT_STREAM_FILE, /* a regular file of the host */
	CKPT_STREAM_OTHER,
	CKPT_STREAM_N
};
struct ckpt_stream {
	struct opt_enum kind;
	char *key, *target;
};
OBJ_VEC(ckpt_stream);
struct ckpt_meta {
	struct opt_u32 schema, page_size;
	char *version, *criu, *arch, *kernel, *id, *created;
	char *config; /* SHA-256 of the config.json that it ran by */
	struct opt_bool has_net, has_terminal, has_notify, has_user;
	struct ckpt_mount_vec mounts;
	struct ckpt_stream_vec streams; /* fds 0 to 2 of the first process */
	struct spec_resources *resources;
};
extern const struct json_table ckpt_table_meta;

/* Opens the directory of images (made, 0700, if `make`) and proves that nobody else may write
 * there. */
int ckpt_image_open(const char *path, bool make, int *ret_fd, struct err *e) MUST_CHECK;
/* Whether such a file belongs to a checkpoint. */
bool ckpt_image_is_ours(const char *name);
/* Removes what an earlier checkpoint has left there. */
int ckpt_image_clear(int dir_fd, struct err *e) MUST_CHECK;
/* Fills what is of this host. Strings in the arena. */
int ckpt_image_host(struct ckpt_meta *m, const struct ckpt_criu_info *criu, struct arena *a,
		    struct err *e) MUST_CHECK;
/* SHA-256 of a file. Leaf. */
int ckpt_image_digest(int dir_fd, const char *name, uint64_t *ret_size, char ret[CKPT_DIGEST_TEXT]);
/* Writes stiva.json, descriptors.json, and last the manifest over all. at: as there. */
int ckpt_image_write(int dir_fd, const struct ckpt_meta *m, const struct ckpt_memory *at,
		     struct err *e) MUST_CHECK;
/* Leaves: the files of the directory; the size of a regular one; whether it is raw memory. */
int ckpt_image_list(int dir_fd, DIR **ret);
int ckpt_image_size(int dir_fd, const char *name, uint64_t *ret);
bool ckpt_image_is_memory(const char *name);
/* A JSON document of ours. Story. */
int ckpt_image_load(int dir_fd, const char *name, const struct json_table *t, struct arena *a,
		    void **ret, struct err *e) MUST_CHECK;
/* Proves by the manifest that every image is as it was written, and none is there beside; then
 * reads stiva.json and checks that this host can take it. Of memory only the sizes: *proof is begun
 * and must be ended before a process runs by it. It borrows dir_fd and the arena. path: for
 * messages. */
int ckpt_image_read(int dir_fd, const char *path, const struct ckpt_criu_info *criu,
		    struct arena *a, struct ckpt_meta **ret, struct ckpt_image_proof *proof,
		    struct err *e) MUST_CHECK;
/* Bytes of memory in them. Leaf. */
int ckpt_image_memory(int dir_fd, uint64_t *ret) MUST_CHECK;
/* Only the last, of images that are proven in another way. */
int ckpt_image_meta(int dir_fd, const struct ckpt_criu_info *criu, struct arena *a,
		    struct ckpt_meta **ret, struct err *e) MUST_CHECK;

/* ---- outside.c: what of a running container is not in its images ---- */
/* Its mounts that are not its own, and where its first process's streams lead. */
int ckpt_outside_find(const struct life_held *x, struct ckpt_meta *m, struct arena *a,
		      struct err *e) MUST_CHECK;

/* ---- dump.c: a checkpoint that somebody else wants: a migration ---- */
enum ckpt_fate {
	CKPT_GOES_ON, /* here, as it was */
	CKPT_IS_OVER, /* it runs elsewhere: it ends here */
	CKPT_IN_DOUBT /* it stands still, handed over, until that is known */
};
struct ckpt_dump_by {
	void *ctx;
	int image_fd, work_fd; /* borrowed: directories */
	const char *work_path; /* for messages */
	int max_frozen_ms;     /* then it goes on, whatever we do; -1: no limit */
	/* Borrowed, up to `frozen`: the end of a socket that criu writes its pages into, and what
	 * serves the other one. FD_NONE: they go into files. */
	int pages_fd;
	struct ckpt_criu_aside *aside;
	/* In this order; whatever fails up to `offer` leaves it as it was. */
	int (*begin)(void *ctx, const struct life_held *x, struct err *e); /* it runs yet */
	void (*freezing)(void *ctx); /* the next thing is the freeze */
	int (*frozen)(void *ctx, struct err *e);
	int (*tick)(void *ctx, struct err *e);	 /* criu is at work; at least twice a second */
	int (*sealed)(void *ctx, struct err *e); /* criu holds all, its images are complete */
	int (*offer)(void *ctx, struct err *e);	 /* criu has ended, all stands still */
	/* It is handed over: only what the other side says decides from here on. */
	const char *epoch;
	const struct strvec *peer;
	enum ckpt_fate (*commit)(void *ctx, struct err *e);
};
/* Return: 0 when it is over here; else it goes on or is in doubt, as e says. */
int ckpt_dump_for(const struct life_host *h, const char *id, const struct ckpt_common *c,
		  const struct ckpt_dump_by *by, struct err *e) MUST_CHECK;

/* ---- restore.c: the same ---- */
struct ckpt_restore_by {
	void *ctx;
	int image_fd, work_fd; /* borrowed */
	const char *work_path;
	const int *stream_fds; /* borrowed, three: what the container's streams become */
	const struct spec_resources *limits; /* in force; NULL: the config's */
	/* Everything but the processes is made: 0 once the images are there, and proven. */
	int (*fill)(void *ctx, struct life_revival *r, struct err *e);
	/* Whether the memory comes after the processes, and then who brings it: as in lazy.h. */
	bool (*is_lazy)(void *ctx);
	int (*serve)(void *ctx, int work_fd, int keeper_fd);
	int serve_fd; /* borrowed: what serve uses; set by `fill` */
	/* criu is at work; called at least twice a second. */
	int (*tick)(void *ctx, struct err *e);
	/* Restored, audited, recorded, held and frozen: 0 lets them run. criu_pidfd: who holds
	 * them; once it has ended nobody can let them run as they should. */
	int (*held)(void *ctx, pid_t pid, int criu_pidfd, struct err *e);
	/* In the watchdog, when we have died: may they run? */
	bool (*may_run)(void *ctx);
	const int *keep; /* borrowed: descriptors that may_run() uses */
	size_t n_keep;
};
int ckpt_restore_for(const struct life_host *h, const struct ckpt_restore_args *a,
		     const struct ckpt_restore_by *by, struct err *e) MUST_CHECK;

/* ---- preflight.c ---- */
#define CKPT_GHOST_MAX (256u << 20) /* of a deleted file */
struct ckpt_blockers {
	struct arena *arena; /* borrowed */
	const char *first;
	size_t n;
	struct buf all; /* one a line */
};
void ckpt_blockers_done(struct ckpt_blockers *b);
/* Adds what stands in the way of a checkpoint with these options. */
int ckpt_preflight(const struct life_held *x, const struct ckpt_common *c, struct ckpt_blockers *b,
		   struct err *e) MUST_CHECK;
/* Only what may have come since: processes that exec put into it. */
int ckpt_preflight_again(const struct life_held *x, struct ckpt_blockers *b,
			 struct err *e) MUST_CHECK;

/* ---- patch.c ---- */
/* Changes files.img, which is complete, to what a restore needs. */
int ckpt_patch_files(int dir_fd, struct err *e) MUST_CHECK;
/* The same of one image's bytes. Return: 0 or -EBADMSG. Pure. */
int ckpt_patch_image(const char *p, size_t n, struct buf *out);

/* ---- audit.c ---- */
/* Every process in the cgroup may do no more than config.json says (security.md C17). */
int ckpt_audit(const struct spec_config *conf, const struct cg *cg, pid_t init, int net_fd,
	       struct err *e) MUST_CHECK;

/* ---- fits.c ---- */
/* The images are of a container with these namespaces and this terminal. */
int ckpt_fits_config(const struct ckpt_meta *m, const struct spec_config *conf,
		     struct err *e) MUST_CHECK;

/* ---- userns.c: a container with a user namespace of its own ---- */
/* Whether its network namespace belongs to it: then criu makes it, and it is empty at first. */
bool ckpt_userns_makes_net(const struct spec_config *conf);
/* A network namespace that is joined is not its own: criu can only be in it from the start, and
 * takes it for the host's. False: not with this config. */
bool ckpt_userns_is_in_net(const struct spec_config *conf);
/* Whether CRIU can do it: the namespace must have a root. */
int ckpt_userns_check(const struct spec_config *conf, struct err *e) MUST_CHECK;
/* The same of what is mounted in one that lives. */
int ckpt_userns_below(const struct life_held *x, struct err *e) MUST_CHECK;
/* The maps that a process has are those of the config. */
int ckpt_userns_audit(const struct spec_config *conf, pid_t pid, struct err *e) MUST_CHECK;
/* The directory of images as the root of the new user namespace may read it too; *ret_fd: owned,
 * FD_NONE when it is image_fd itself. is_ours: made for this restore alone. */
int ckpt_userns_images(const struct spec_config *conf, int image_fd, bool is_ours, int *ret_fd,
		       struct err *e) MUST_CHECK;
/* The same of a standard stream: *fd is replaced when it must be. */
int ckpt_userns_stream(const struct spec_config *conf, int *fd, struct err *e) MUST_CHECK;

/* ---- args.c ---- */
int ckpt_args_check(const struct ckpt_common *c, struct err *e) MUST_CHECK;
struct ckpt_server {
	char host[256];
	uint32_t port;
};
/* Of --page-server. Pure. */
int ckpt_args_page_server(const char *text, struct ckpt_server *ret, struct err *e) MUST_CHECK;
/* What one of the verbs cannot follow. */
int ckpt_args_dump(const struct ckpt_dump_args *a, struct err *e) MUST_CHECK;
int ckpt_args_restore(const struct ckpt_common *c, struct err *e) MUST_CHECK;
int ckpt_args_lsm(const char *text, struct err *e) MUST_CHECK;

#endif
