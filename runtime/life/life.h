/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life: the parent side: the life of a container, verb by verb. runtime/cli fills one of
 * the structs below from the command line and calls life_<verb>(). Nothing here prints (but
 * warnings); all text goes through struct err or a buffer.
 */
#ifndef STIVA_LIFE_LIFE_H
#define STIVA_LIFE_LIFE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "cgroups/cgroups.h"
#include "runtime/life/autosize.h"
#include "spec/spec.h"

/* What the global options say; borrowed by every call. */
struct life_host {
	const char *root; /* --root, or NULL for the default: /run/stiva, $XDG_RUNTIME_DIR/stiva */
	enum cg_manager manager;
	struct opt_bool rootless; /* --rootless; absent = auto: by uid and user namespace */
	const char *criu;	  /* --criu, NULL = look for it; checkpoint/ asks */
};

/* True when the caller cannot act as the host's root: another user, or root of a user namespace, as
 * rootless podman calls its runtime. */
bool life_is_rootless(const struct life_host *h);

/* ---- create, run ---- */
struct life_create_args {
	const char *id;
	const char *bundle;	    /* NULL = "." */
	const char *config;	    /* --config FILE, NULL = bundle/config.json */
	const char *console_socket; /* NULL = none */
	const char *pid_file;	    /* NULL = none */
	const char *pidfd_socket;   /* NULL = none */
	unsigned preserve_fds;
	bool no_pivot, no_new_keyring;
	struct opt_bool view;  /* absent: as the annotation says */
	const char *view_from; /* where lxcfs is mounted; NULL = wherever that is */
	/* run only */
	bool detach, keep, no_subreaper;
};
int life_create(const struct life_host *h, const struct life_create_args *a,
		struct err *e) MUST_CHECK;
/* *ret_status: the program's exit code or 128 + signal; 0 with detach. */
int life_run(const struct life_host *h, const struct life_create_args *a, int *ret_status,
	     struct err *e) MUST_CHECK;
int life_start(const struct life_host *h, const char *id, struct err *e) MUST_CHECK;

/* ---- exec ---- */
struct life_exec_args {
	const char *id;
	const char
		*process_file; /* --process FILE, or NULL: from the members below and the config */
	char *const *argv;     /* NULL-terminated */
	struct strvec env;     /* added to the config's */
	const char *cwd;
	const char *user;     /* "UID[:GID]" or NULL */
	struct strvec groups; /* --additional-gids */
	struct strvec caps;   /* --cap, added to every set but ambient */
	struct opt_bool tty;  /* -t, --tty=false; absent = the process file's word, else false */
	struct opt_bool no_new_privs;
	const char *apparmor, *process_label;
	const char *console_socket, *pid_file, *pidfd_socket;
	const char *cgroup; /* --cgroup SUB */
	unsigned preserve_fds;
	bool detach, ignore_paused;
};
int life_exec(const struct life_host *h, const struct life_exec_args *a, int *ret_status,
	      struct err *e) MUST_CHECK;

/* ---- kill, delete, pause, resume ---- */
/* signal NULL: the image's stop signal (org.opencontainers.image.stopSignal), else TERM. */
int life_kill(const struct life_host *h, const char *id, const char *signal, bool all,
	      struct err *e) MUST_CHECK;
int life_delete(const struct life_host *h, const char *id, bool force, struct err *e) MUST_CHECK;
/* As delete --force, but only if its state directory is that inode: success when it is not. */
int life_delete_made(const struct life_host *h, const char *id, uint64_t dir_ino,
		     struct err *e) MUST_CHECK;
int life_pause(const struct life_host *h, const char *id, struct err *e) MUST_CHECK;
int life_resume(const struct life_host *h, const char *id, struct err *e) MUST_CHECK;
/* ---- update ---- */
struct life_update_args {
	const char *id;
	const char *resources; /* a LinuxResources document, "-" = standard input; NULL = none */
	const struct spec_resources *on_top; /* of the options: over the document; NULL = none */
	const char *l3_cache_schema, *mem_bw_schema; /* NULL = as they are */
	/* memory.high of the change is only for as long as this process lives; what it is to be
	 * afterwards. NULL: it is what is wanted. */
	const char *guard;
};
/* Changes limits, all or none, and records what is in force then. */
int life_update(const struct life_host *h, const struct life_update_args *a,
		struct err *e) MUST_CHECK;
/* ---- resize ---- */
struct life_resize_args {
	const char *id;
	const struct spec_resources *want; /* absolute values, as of update */
	bool is_forced;			   /* lowers the memory limit even if it does not fit */
	int deadline_ms;		   /* for taking memory back; 0: 30 s */
	const char *guard;		   /* as of update */
	void (*progress)(void *arg, const struct cg_shrink_step *s); /* NULL: none */
	void *arg;
	/* out */
	uint64_t floor; /* bytes the memory could go down to, when it did not fit; else 0 */
	uint64_t taken; /* bytes that were taken back */
};
/*
 * As life_update(), but a memory limit that shrinks is lowered only once the memory is taken back
 * (cg_shrink): nothing is killed. EBUSY (ERR_STATE): it does not fit, and all is as it was. Other
 * commands may work on the container while it waits; another update or resize is refused.
 */
int life_resize(const struct life_host *h, struct life_resize_args *a, struct err *e) MUST_CHECK;
/* What is in force, and what is used; strings in the arena. */
struct life_size {
	enum spec_status status;
	struct cg_limits limits;
	struct cg_stats stats;
	uint64_t floor; /* an estimate: cg_limits_floor() */
};
int life_resize_look(const struct life_host *h, const char *id, struct arena *a,
		     struct life_size *ret, struct err *e) MUST_CHECK;
/* What life_resize() would write, in its order; nothing is changed. In the arena. */
struct life_resize_plan {
	struct cg_write *v;
	size_t n;
	uint64_t target; /* memory.max that is to be lowered to this; 0: it is not lowered */
};
int life_resize_plan(const struct life_host *h, const struct life_resize_args *args,
		     struct arena *a, struct life_resize_plan *ret, struct err *e) MUST_CHECK;
/* Ids that match an extended regular expression, malloc'ed vector of malloc'ed strings
 * (life_ids_done). regex NULL: all. */
struct life_ids {
	char **v; /* owned */
	size_t n;
};
int life_ids_find(const struct life_host *h, const char *regex, struct life_ids *ret,
		  struct err *e) MUST_CHECK;
void life_ids_done(struct life_ids *ids);

/* ---- mounts of a running container ---- */
/* file: a JSON list of mounts as in config.json, "-" for standard input. All of them or none. */
int life_mounts_add(const struct life_host *h, const char *id, const char *file,
		    struct err *e) MUST_CHECK;
/* Takes away what life_mounts_add() put at the destinations of the file, and nothing else. */
int life_mounts_remove(const struct life_host *h, const char *id, const char *file,
		       struct err *e) MUST_CHECK;

/* ---- state, list, ps ---- */
struct life_view {
	struct spec_state state; /* status is the live one; strings in the arena */
	uint64_t created_sort;
	bool is_handed_over; /* to another host by a migration, and held still */
};
OBJ_VEC(life_view);
int life_state(const struct life_host *h, const char *id, struct arena *a, struct life_view *ret,
	       struct err *e) MUST_CHECK;
/* All containers, by id. One whose record cannot be read is a warning, and in the list only
 * with_broken, with the status "broken". */
int life_list(const struct life_host *h, bool with_broken, struct arena *a,
	      struct life_view_vec *ret, struct err *e) MUST_CHECK;
/* Pids of the whole container in the caller's pid namespace; malloc'ed. */
int life_ps(const struct life_host *h, const char *id, pid_t **ret_pids, size_t *ret_n,
	    struct err *e) MUST_CHECK;

/* ---- events, stats ---- */
/* What happens at a limit, as "memory.max": the controller's file, and the line of its .events. */
enum life_limit {
	LIFE_LIMIT_MEMORY_HIGH,
	LIFE_LIMIT_MEMORY_MAX,
	LIFE_LIMIT_MEMORY_OOM,
	LIFE_LIMIT_MEMORY_OOM_KILL,
	LIFE_LIMIT_MEMORY_OOM_GROUP_KILL,
	LIFE_LIMIT_SWAP_HIGH,
	LIFE_LIMIT_SWAP_MAX,
	LIFE_LIMIT_SWAP_FAIL,
	LIFE_LIMIT_PIDS_MAX,
	LIFE_LIMIT_N
};
extern const struct word_list life_words_limit;
/* A living container that is looked at. */
struct life_watch {
	struct cg cg;		 /* owned */
	int pidfd;		 /* owned; of init */
	int events_fd, oom_fd;	 /* owned; oom_fd FD_NONE: no memory controller */
	int swap_fd, pids_fd;	 /* owned; by life_watch_limits(), as far as they are there */
	uint64_t ooms;		 /* told so far */
	uint64_t start_ticks;	 /* of init, since boot */
	enum spec_status status; /* when it was opened */
	/* with life_watch_limits() */
	bool has_limits;
	uint64_t told[LIFE_LIMIT_N];  /* of each so far */
	uint64_t risen[LIFE_LIMIT_N]; /* since the event before: of LIFE_EVENT_LIMIT */
	uint64_t quiet_until_usec;    /* proc_now_usec(): until then no further such event */
};
#define LIFE_WATCH_INIT                                                                            \
	{                                                                                          \
		.cg = CG_NONE, .pidfd = FD_NONE, .events_fd = FD_NONE, .oom_fd = FD_NONE,          \
		.swap_fd = FD_NONE, .pids_fd = FD_NONE                                             \
	}
void life_watch_done(struct life_watch *w);
int life_watch_open(const struct life_host *h, const char *id, struct life_watch *ret,
		    struct err *e) MUST_CHECK;
/* From now on LIFE_EVENT_LIMIT comes too, for what happens after this call. */
void life_watch_limits(struct life_watch *w);
enum life_event {
	LIFE_EVENT_TICK,  /* the time is there */
	LIFE_EVENT_OOM,	  /* the kernel ended a process for want of memory */
	LIFE_EVENT_LIMIT, /* limits were met: at once, then what came in a second together */
	LIFE_EVENT_END,	  /* the container has stopped */
};
/* Waits for the next event, until proc_now_usec() is until_usec. */
int life_watch_wait(struct life_watch *w, uint64_t until_usec, enum life_event *ret,
		    struct err *e) MUST_CHECK;
/* All that is known of one container, as one line of JSON (inspect.c has the table). */
int life_inspect(const struct life_host *h, const char *id, struct buf *out,
		 struct err *e) MUST_CHECK;

/* ---- wait ---- */
struct life_end {
	bool is_known; /* whether the kernel tells how it ended */
	int status;    /* exit code or 128 + signal */
};
/* Waits until the container's first process has ended; at once when it has. */
int life_await(const struct life_host *h, const char *id, struct life_end *ret,
	       struct err *e) MUST_CHECK;

/* ---- hold.c: a container that is held while checkpoint/ writes it ---- */
struct life_held {
	void *box; /* owned: the lock and the record, from which the strings are borrowed */
	const struct spec_config *conf;
	const char *id, *bundle, *rootfs;
	const struct spec_resources *resources; /* in force after an update; NULL: the config's */
	bool has_notify;			/* it was given a proxy of sd_notify's socket */
	const char *epoch; /* of the migration that has handed it over to peer; NULL: it is ours */
	const struct strvec *peer;
	enum spec_status status; /* running or paused; stopped: life_held_open_any() */
	int dir_fd;		 /* borrowed: the state directory */
	struct cg cg;		 /* owned */
	pid_t pid;
	int pidfd;    /* owned */
	int abort_fd; /* owned: readable once a signal asks us to end; they are blocked */
};
#define LIFE_HELD_INIT                                                                             \
	{                                                                                          \
		.dir_fd = FD_NONE, .cg = CG_NONE, .pidfd = FD_NONE, .abort_fd = FD_NONE            \
	}
void life_held_done(struct life_held *x);
/* Locks it. Refuses what is neither running nor paused, what has no cgroup of its own, and what was
 * handed over to another host. */
int life_held_open(const struct life_host *h, const char *id, struct life_held *ret,
		   struct err *e) MUST_CHECK;
/* Also what was handed over, and what has ended since: it has neither pid nor cgroup then. */
int life_held_open_any(const struct life_host *h, const char *id, struct life_held *ret,
		       struct err *e) MUST_CHECK;
/* Before it is held still: who dies from here on without one of the next two leaves a note, by
 * which the next command puts the container back (settle.c). maker: criu, which is waited for
 * first. */
int life_held_note(struct life_held *x, pid_t maker, struct err *e) MUST_CHECK;
/* Running or paused as it was, and without the note. Also in a watchdog: held is a struct
 * life_held, of which it needs dir_fd and cg.dir_fd. */
void life_held_back(void *held);
/* Only takes the note out. */
void life_held_forget(struct life_held *x);
/* It is another host's from now on: neither the next command nor resume lets it run again, but
 * life_held_back(). */
int life_held_commit(struct life_held *x, const char *epoch, const struct strvec *peer,
		     struct err *e) MUST_CHECK;
/* Ends every process of it, and waits for that. */
int life_held_end(struct life_held *x, struct err *e) MUST_CHECK;
/* ---- restore.c: a container whose processes another one makes: checkpoint/, by CRIU ---- */
struct life_revival; /* one restore, private to life */
struct life_reviver {
	void *ctx;
	/* Once the config is read and the plans are made, before any side effect. *ret_limits: the
	 * limits in force, NULL for the config's. */
	int (*check)(void *ctx, struct life_revival *r, const struct spec_resources **ret_limits,
		     struct err *e);
	/* Makes the processes in the cgroup seat_fd (FD_NONE: ours), up to the point where they
	 * would run on. */
	int (*make)(void *ctx, struct life_revival *r, int seat_fd, pid_t *ret_pid, struct err *e);
	/* Lets them run on. */
	int (*release)(void *ctx, struct life_revival *r, struct err *e);
	/* A directory of the host that the maker does without: with a user namespace what the
	 * processes are made from is there, in the maker's mount namespace. */
	const char *place;
};
/* As life_run(). */
int life_restore(const struct life_host *h, const struct life_create_args *a,
		 const struct life_reviver *by, int *ret_status, struct err *e) MUST_CHECK;
/* What the reviver may ask. */
const struct spec_config *life_revival_config(const struct life_revival *r);
const struct cg *life_revival_cgroup(const struct life_revival *r);
/* The state directory, and its lock. */
int life_revival_dir_fd(const struct life_revival *r);
/* Readable once a signal asks us to end. */
int life_revival_abort_fd(const struct life_revival *r);
/* The network namespace that was made or is joined; FD_NONE: the host's. */
int life_revival_net_fd(const struct life_revival *r);
/* Where the root is mounted in the namespace of life_revival_enter(). */
const char *life_revival_root(struct life_revival *r);
/* Where the source of a mount is there: of the mount that config.json has at `from` ("/": the
 * root), below it `below` ("" or "/..."). NULL: config.json has no such mount that may be given. In
 * the arena of the restore. */
const char *life_revival_source(struct life_revival *r, const char *from, const char *below);
/* In the child that becomes the maker: its mount namespace with all of it, and the container's
 * cgroup namespace. */
int life_revival_enter(void *revival, struct err *e) MUST_CHECK;
/* The namespaces are there, and pid is the first process: runs prestart and createRuntime hooks. */
int life_revival_hooks(struct life_revival *r, pid_t pid, struct err *e) MUST_CHECK;
/* The terminal's master (taken), for --console-socket or for our relay. */
int life_revival_console(struct life_revival *r, int master_fd, struct err *e) MUST_CHECK;

/* ---- what a migration keeps beside the containers ---- */
/* -ENOENT without a message when it is not there, and not to be made. */
int life_migrations_open(const struct life_host *h, bool make, int *ret_fd,
			 struct err *e) MUST_CHECK;

/* ---- for tests and docs ---- */
/* Prints "list.row" of every step list, one a line (test builds: what STIVA_FAULT may name). */
void life_faults_print(struct buf *out);

/* The plan of a bundle's mounts, namespaces and cgroup, as text: `create --plan`. No side effect.
 */
int life_plan_print(const struct life_host *h, const struct life_create_args *a, struct buf *out,
		    struct err *e) MUST_CHECK;

#endif
