/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/life/internal: what the files of this room share, and nobody else sees. */
#ifndef STIVA_LIFE_INTERNAL_H
#define STIVA_LIFE_INTERNAL_H

#include "base/idmap.h"
#include "base/step.h"
#include "netns/netns.h"
#include "runtime/init/init.h"
#include "runtime/life/life.h"

#define LIFE_SCHEMA	    1 /* of the record; raised by a change that an older stiva could misread */
#define LIFE_ID_MAX	    255		  /* NAME_MAX: it names directories */
#define LIFE_GATE	    "gate"	  /* the start gate's socket in the state directory */
#define LIFE_CONFIG	    "config.json" /* the copy that exec, start and delete read (G13) */
#define LIFE_MIGRATIONS_DIR ".migrations" /* what came from other hosts, beside them */
#define LIFE_SECCOMP_DIR    ".seccomp"	  /* compiled filters, beside the containers */
#define LIFE_NOTIFY_DIR	    "notify"
#define LIFE_NOTIFY_ENV	    "/run/notify/notify.sock"
#define LIFE_WAIT_MS	    10000 /* for locks and for a killed init to be gone */

/* ---- record.c: the state record, a field table (design.md 1.6) ---- */
enum life_stage { LIFE_STAGE_CREATING, LIFE_STAGE_CREATED, LIFE_STAGE_N };

struct life_rec_process {
	struct opt_i64 pid;
	struct opt_u64 start; /* clock ticks since boot, /proc/PID/stat field 22 */
};
struct life_rec_cgroup {
	struct opt_enum manager; /* cg_words_manager */
	char *path;
	struct opt_u64 ino;
	struct opt_u32 made_levels;
	char *unit; /* of systemd, in the user's instance or the system's */
	struct opt_bool is_user_unit;
};
struct life_rec_rdt {
	char *group; /* of resctrl; "/" is its root */
	struct opt_bool is_own, is_monitored;
};
/* A resize that takes memory back, or was killed while it did. */
struct life_rec_shrink {
	struct life_rec_process *by; /* the command */
	char *high, *swap;	     /* what memory.high is to be put back to, and the swap limit */
};
/* autosize holds memory.high below the limit for as long as it lives. */
struct life_rec_guard {
	struct life_rec_process *by;
	char *high; /* what it is to be put back to */
};
struct life_rec_view {
	char *from;	     /* where lxcfs is mounted */
	struct strvec paths; /* what of it lies over files of the container */
};
/* An update that is between its first write and its record, or was killed there (settle.c). */
struct life_rec_undo {
	struct strvec files; /* of cg_update_notes() */
	struct opt_bool has_devices;
};
/* A checkpoint that holds it still, or was killed while it did (settle.c). */
struct life_rec_held {
	struct life_rec_process *by, *maker; /* the command, and the criu it has started */
	struct opt_bool is_paused;	     /* as it was before */
	/* Handed over to another host, by the migration of this name: it must not run here again
	 * unless that host says that it never did there. */
	char *epoch;
	struct strvec peer; /* the command that leads there */
};
struct life_record {
	struct opt_u32 schema;
	char *sum; /* over the rest of the file, set by the writer: 16 hex digits */
	char *id, *oci_version, *boot_id, *bundle, *rootfs, *created, *owner;
	struct opt_enum stage;
	struct life_rec_process *init, *creator;
	struct life_rec_cgroup *cgroup;
	struct life_rec_rdt *rdt;	  /* NULL: no linux.intelRdt */
	struct life_rec_view *view;	  /* NULL: nothing of lxcfs is mounted in it */
	struct spec_resources *resources; /* the limits in force, once an update changed them */
	struct life_rec_shrink *shrink;
	struct life_rec_guard *guard;
	struct life_rec_undo *undo;
	struct life_rec_held *held;
	struct opt_bool no_pivot, no_keyring, has_process, has_poststart, has_poststop, has_notify;
	struct strmap net_devices; /* linux.netDevices: host name, name inside */
	char *net_path;		   /* the network namespace that they were moved to, if joined */
	struct strmap annotations;
};
extern const struct json_table life_table_record, life_table_view;

/* ---- store.c: directories, locks, atomic writes ---- */
/* One container's state directory. rec is NULL when its record cannot be read: then why says so. */
struct life_box {
	int root_fd, dir_fd; /* owned */
	struct arena arena;  /* owned; holds rec */
	struct life_record *rec;
	struct life_record
		*intent; /* when the state is missing or broken: what create set out to make */
	struct err why;
	bool is_locked;
	bool was_in_making; /* its creator lived when we looked, whatever became of it since */
	uint64_t dev, ino;  /* of dir_fd, once locked: what the cgroup's mark names */
	char id[LIFE_ID_MAX + 1];
};
#define LIFE_BOX_INIT                                                                              \
	{                                                                                          \
		.root_fd = FD_NONE, .dir_fd = FD_NONE                                              \
	}
void life_box_done(struct life_box *b);

int life_store_id_check(const char *id, struct err *e) MUST_CHECK;
/* Where the state root is, made or not: --root, or the default for this caller. */
int life_store_root_path(const struct life_host *h, char *ret, size_t size,
			 struct err *e) MUST_CHECK;
/* Opens (and makes, 0700, if `make`) the state root. -ENOENT without a message when it is not
 * there. */
int life_store_root(const struct life_host *h, bool make, int *ret_fd, struct err *e) MUST_CHECK;
/* Claims a new id: directory made and locked. EEXIST: the text of U53. On failure nothing stays. */
int life_store_claim(const struct life_host *h, const char *id, struct life_box *ret,
		     struct err *e) MUST_CHECK;
/* Opens an existing one; locked exclusively if is_locked (deadline LIFE_WAIT_MS), else a consistent
 * snapshot: where no record is to be read, whoever holds the lock is waited for first. Missing:
 * "container does not exist", code ENOENT, class ERR_STATE. */
int life_store_open(const struct life_host *h, const char *id, bool is_locked, struct life_box *ret,
		    struct err *e) MUST_CHECK;
/* Lets others lock it while we only wait; what was read stays. */
void life_store_unlock(struct life_box *b);
/* Locks it again, and reads what others may have written. Missing: as life_store_open(). */
int life_store_relock(struct life_box *b, struct err *e) MUST_CHECK;
int life_store_write(struct life_box *b, const struct life_record *rec, struct err *e) MUST_CHECK;
/* Removes every file of the directory, then itself. Idempotent. */
int life_store_remove(struct life_box *b, struct err *e) MUST_CHECK;
/* Loads the copy of the config into the box's arena. */
int life_store_config(struct life_box *b, struct spec_config **ret, struct err *e) MUST_CHECK;

/* ---- settle.c ---- */
/* Puts back what an update or a checkpoint that was killed left half done. Without such, which is
 * nearly always, nothing. */
void life_settle(const struct life_host *h, struct life_box *b);
/* Refuses what a migration has handed over to another host. */
int life_settle_check(const struct life_record *rec, struct err *e) MUST_CHECK;
/* Makes cg, which a checkpoint held still, run or be paused as the record's note says, once criu is
 * gone, and takes the note out. The box must be locked. */
void life_settle_held(struct life_box *b, const struct cg *cg);

/* ---- machine.c: state x verb ---- */
enum life_verb {
	LIFE_START,
	LIFE_KILL,
	LIFE_DELETE,
	LIFE_EXEC,
	LIFE_PAUSE,
	LIFE_RESUME,
	LIFE_PS,
	LIFE_UPDATE,
	LIFE_EVENTS,
	LIFE_MOUNTS,
	LIFE_WAIT,
	LIFE_VERB_N
};
/* The live status, from the record and the kernel. */
enum spec_status life_machine_status(const struct life_box *b);
/* The refusals do not name the container: the command line's prefix does. */
int life_machine_check(enum life_verb v, enum spec_status s, struct err *e) MUST_CHECK;
bool life_machine_is_of_this_boot(const struct life_record *rec);
/* What a record calls a process that lives, and is ours or us. Leaf. */
int life_machine_mark(pid_t pid, struct life_rec_process *ret) MUST_CHECK;
/* True when this process of this boot still lives. */
bool life_machine_lives(const struct life_record *rec, const struct life_rec_process *p);
/* A checked pidfd of the container's init, or -ESRCH. */
int life_machine_pidfd(const struct life_box *b);
/* The OCI state of a box with this status; strings borrowed from the record. */
void life_machine_state(const struct life_box *b, enum spec_status s, struct spec_state *ret);
/* Opens the container's own cgroup. ENOENT when it has none, or when another one has its name. */
int life_machine_cgroup(const struct life_box *b, struct cg *ret, struct err *e) MUST_CHECK;

/* ---- owner.c: which cgroup is whose ---- */
/* How many levels of `path` a create is to make: the missing parents and the leaf. */
unsigned life_owner_levels(const char *path);
/* Marks a new cgroup as that of this box (locked). Where the kernel refuses: a debug line. */
void life_owner_mark(const struct life_box *b, const struct cg *cg);
/* For a delete: completes *c with the inode of the cgroup that is ours; path NULL when none is, or
 * none that may be touched. */
void life_owner_settle(const struct life_box *b, struct life_rec_cgroup *c);
/* The place that a record names; manager disabled when it names none. */
void life_owner_place(const struct life_rec_cgroup *c, struct cg_place *ret);
/* Without any record: looks where create would have put it, and fills *c if that one is ours. */
void life_owner_guess(const struct life_host *h, struct life_box *b, struct life_rec_cgroup *c,
		      struct cg_place *place);

/* ---- spawn.c: clone, namespaces, id maps ---- */
struct life_child {
	pid_t pid;
	int pidfd;    /* owned */
	int sock_fd;  /* owned; our end */
	int abort_fd; /* borrowed, of life_wait_signals(); FD_NONE: none */
};
#define LIFE_CHILD_INIT                                                                            \
	{                                                                                          \
		.pid = -1, .pidfd = FD_NONE, .sock_fd = FD_NONE, .abort_fd = FD_NONE               \
	}
void life_child_done(struct life_child *c); /* closes; does not kill */
/* Opens and proves the namespaces to join; fills flags. */
int life_spawn_plan(const struct spec_config *conf, struct init_ns *ret, struct err *e) MUST_CHECK;
void life_spawn_plan_done(struct init_ns *ns);
/* Where a child is born. */
struct life_seat {
	const struct cg *cg;
	int fd;	      /* borrowed: cg's or below it; FD_NONE = none */
	pid_t beside; /* when fd cannot have processes (any more): into this one's cgroup; 0 = none
		       */
};
/* Clones the child into its seat and, through S if it must, brings it to the point where its maps
 * are written. entry as init_main. */
int life_spawn(struct init_job *job, const struct life_seat *seat, void (*entry)(struct init_job *),
	       struct life_child *ret, struct err *e) MUST_CHECK;
/* SIGKILL and reap, as often as one likes. */
void life_spawn_kill(struct life_child *c);
/* When *e says that the child vanished (EPIPE), says how it died instead. */
int life_spawn_explain(struct life_child *c, const struct cg *cg, struct err *e);

/* ---- update.c: shared with resize.c ---- */
/* A living container, and the limits that are to change. */
struct life_limits {
	struct life_box box;
	struct spec_config *conf;
	struct cg cg;
	struct life_rec_shrink *shrink; /* of a resize that is at its last step */
	const char *guard;		/* of the args; borrowed */
	/* The caller's; then what is in force, and both in one. */
	struct spec_resources want, in_force, merged;
};
#define LIFE_LIMITS_INIT                                                                           \
	{                                                                                          \
		.box = LIFE_BOX_INIT, .cg = CG_NONE                                                \
	}
void life_limits_done(struct life_limits *l);
/* Opens it, refuses what may not be changed now, puts back what a killed resize or autosize left.
 */
int life_limits_open(const struct life_host *h, const char *id, bool is_locked,
		     struct life_limits *l, struct err *e) MUST_CHECK;
/* Only that. */
int life_limits_settle(const struct life_host *h, const char *id, struct err *e) MUST_CHECK;
/* Opens the cgroup and lays want over what is in force. */
int life_limits_merge(struct life_limits *l, struct err *e) MUST_CHECK;
/* What cg_update() is to get; the caller's to end. */
struct cg_update life_limits_update(const struct life_host *h, const struct life_limits *l);
/* Writes the limits and the record, all or nothing. */
int life_limits_write(struct life_limits *l, struct cg_update *up, struct err *e) MUST_CHECK;

/* ---- wait.c: waits that a signal ends ---- */
/* Blocks the signals that ask a command to end, and opens a signalfd for them. */
int life_wait_signals(int *ret_fd, struct err *e) MUST_CHECK;
/* Says which signal it was: EINTR. 0 when there is none. */
int life_wait_tell(int abort_fd, struct err *e) MUST_CHECK;
/* 0 when sock_fd is readable; EINTR "interrupted by SIGTERM"; ETIMEDOUT. */
int life_wait_readable(int sock_fd, int abort_fd, int timeout_ms, struct err *e) MUST_CHECK;
/* As init_proto_expect(), on the child's socket. */
int life_wait_expect(const struct life_child *c, enum init_message want, int timeout_ms,
		     struct msg *m, struct err *e) MUST_CHECK;

/* ---- create.c ---- */
struct life_create;
/* What restore.c does in the place of some rows of create's. */
struct life_revive_rows {
	int (*spawn)(struct life_create *c, struct err *e); /* fills c->child */
	void (*undo)(struct life_create *c);		    /* before the child is waited for */
	int (*limits)(struct life_create *c, struct err *e);
	int (*commit)(struct life_create *c, struct err *e);
};
struct life_create {
	const struct life_host *h;
	const struct life_create_args *a;
	bool is_run, is_rootless;
	struct arena arena;
	struct life_box box;
	int bundle_fd;
	char *bundle;
	struct buf text; /* of config.json */
	struct spec_config *conf;
	struct root_plan *plan;
	struct cg cg;
	struct cg_place place;
	struct init_job job;
	struct spec_state state;
	struct life_record rec;
	struct life_rec_process rec_init, rec_creator;
	struct life_rec_cgroup rec_cgroup;
	struct life_rec_rdt rec_rdt;
	struct life_rec_view rec_view;
	struct cg_rdt rdt;
	struct life_child child;
	struct net_move netdev;	  /* owned */
	int net_fd;		  /* owned: the container's network namespace, once it is needed */
	int gate_fd;		  /* ours, until the child has it */
	int abort_fd;		  /* owned */
	int console_fd;		  /* master, for run in the foreground */
	const char *pidfd_socket; /* --pidfd-socket, or the annotation (A13) */
	char boot_id[37], created[40], owner[16];
	struct err undo_err; /* first failure of an undo: the state then stays for a later delete */
	bool is_delete, ran_hooks;
	const struct life_revive_rows *revive; /* a restore; NULL: a create */
};
void life_create_init(struct life_create *c);
void life_create_done(struct life_create *c);
/* Everything before the first side effect. */
int life_create_prepare(struct life_create *c, struct err *e) MUST_CHECK;
extern const struct step_list life_create_steps;
/* Once it is prepared: runs the steps; on failure nothing is left but what c owns. */
int life_create_go(struct life_create *c, struct err *e) MUST_CHECK;
/* Both. */
int life_create_run(struct life_create *c, struct err *e) MUST_CHECK;
/* Once, when all went well (the error of a command that fails is its only line): what the container
 * does without. */
void life_create_tell(const struct life_create *c);
/* Undoes, by the rows of life_create_steps, what is on disk; runs poststop hooks. The box must be
 * locked. is_forced: tolerate a broken record. */
int life_delete_box(const struct life_host *h, struct life_box *b, bool is_forced,
		    struct err *e) MUST_CHECK;
/* For the supervisor: deletes what it made itself, not what took the id afterwards. own_ino: of its
 * state directory. Success when it is gone already. */
int life_delete_own(const struct life_host *h, const struct life_record *own, uint64_t own_ino,
		    struct err *e) MUST_CHECK;

/* ---- run.c: shared with restore.c ---- */
/* Waits for the end of a container that runs in the foreground, and deletes it. The box is given
 * up. notify_fd as in struct life_relay. */
int life_run_supervise(struct life_create *c, int notify_fd, int signal_fd, int *ret_status,
		       struct err *e) MUST_CHECK;

/* ---- filter.c: linux.seccomp, or the annotations in its place (A11, A12) ---- */
bool life_filter_is_wanted(const struct spec_config *conf);
/* Only if it is wanted. cache_fd and the rest as guard_seccomp_prepare(). */
int life_filter_make(const struct spec_config *conf, int cache_fd, struct arena *a,
		     struct guard_filter *ret, struct err *e) MUST_CHECK;

/* ---- delegate.c: the cgroup becomes the container user's where the spec says so (C13) ---- */
int life_delegate(const struct spec_config *conf, const struct cg *cg, struct err *e) MUST_CHECK;

/* ---- netdev.c: linux.netDevices ---- */
/* Refuses what cannot be; finds the devices. Nothing to do without any. */
int life_netdev_plan(struct life_create *c, struct err *e) MUST_CHECK;
/* The row between the spawn and GO: nothing of the container looks at its network before. */
int life_netdev_move(struct life_create *c, struct err *e) MUST_CHECK;
void life_netdev_undo(struct life_create *c);

/* ---- rdt.c: linux.intelRdt ---- */
int life_rdt_plan(struct life_create *c, struct err *e) MUST_CHECK;
/* The rows: the group before the spawn, init into it after. */
int life_rdt_make(struct life_create *c, struct err *e) MUST_CHECK;
int life_rdt_join(struct life_create *c, struct err *e) MUST_CHECK;
void life_rdt_undo(struct life_create *c);
/* The group of a container; strings borrowed from its record. group NULL: it has none. */
struct cg_rdt life_rdt_of(const struct life_record *rec);

/* ---- start.c ---- */
/* What the launch may ask of us: the seccomp agent (conf, state), a place for the console's master.
 */
struct life_launch {
	const struct spec_config *conf;
	const struct spec_state *state;
	int *ret_console_fd; /* NULL: none is expected */
	int abort_fd;	     /* borrowed, of life_wait_signals(); FD_NONE: none */
	pid_t pid;	     /* of the process that is launched; 0: the container's init */
};
/* Says RUN on sock_fd, then waits. */
int life_start_run(int sock_fd, const struct life_launch *l, struct err *e) MUST_CHECK;
/* Answers the child until its end of the socket closes: by execve, which is success, or by its
 * death after a FAIL, or, before it said LAUNCH, without a word: code EPIPE. */
int life_start_wait(int sock_fd, const struct life_launch *l, struct err *e) MUST_CHECK;
int life_hooks_outside(const struct spec_config *conf, enum spec_hook_kind kind,
		       const struct spec_state *state, enum spec_status status, const char *bundle,
		       struct err *e) MUST_CHECK;

/* ---- tty.c, relay.c, notify.c ---- */
/* Sends fd to a unix stream socket with a payload of its name (U42, U43). */
int life_tty_send(const char *socket_path, int fd, const char *name, const char *what,
		  struct err *e) MUST_CHECK;
struct life_relay {
	int pidfd;     /* borrowed */
	int master_fd; /* FD_NONE: no terminal */
	int notify_fd; /* FD_NONE, or the proxy socket of sd_notify */
	int signal_fd; /* owned by the caller of life_relay_signals() */
	pid_t pid;
	bool reaps; /* we are a subreaper: orphans of the container become our children */
};
/* Blocks all signals that are to be forwarded and opens a signalfd; *ret_old is the mask before. */
int life_relay_signals(int *ret_fd, struct err *e) MUST_CHECK;
/* Relays bytes, signals and window sizes until the process ends. The terminal is restored on each
 * way out. Reaps it: *ret_status as proc_wait(). */
int life_relay(struct life_relay *r, int *ret_status, struct err *e) MUST_CHECK;
/* sd_notify: binds the proxy socket in the container's state directory; waits for READY=1. */
int life_notify_bind(int state_dir_fd, int *ret_fd, struct err *e) MUST_CHECK;
int life_notify_wait(int notify_fd, int pidfd, pid_t pid, struct err *e) MUST_CHECK;
/* Forwards one datagram if it says READY=1. Return: 1 when it did. */
int life_notify_forward(int notify_fd, pid_t pid);

#endif
