/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint: the room of checkpoint, restore and migration over CRIU. Its engine comes with its
 * issue. What stands here is the command line's side of it: the arguments, their rules, and one
 * place that says what this build can do.
 */
#ifndef STIVA_CHECKPOINT_CHECKPOINT_H
#define STIVA_CHECKPOINT_CHECKPOINT_H

#include <stdbool.h>
#include "base/err.h"
#include "base/json.h"
#include "runtime/life/life.h"

/* False until the engine exists: features' annotation org.opencontainers.runc.checkpoint.enabled
 * and the refusal text of the verbs ask this one place. */
bool ckpt_is_built_in(void);

/* ---- criu_probe.c: the criu program of this host ---- */
#define CKPT_CRIU_MAJOR 4 /* the oldest that will do */
#define CKPT_CRIU_MINOR 1
struct ckpt_criu_info {
	char path[4096];
	unsigned major, minor, sublevel;
	/* What the kernel lets it do: soft-dirty bits, userfaultfd, pidfds in sockets. */
	bool has_mem_track, has_lazy_pages, has_pidfd_store;
};
/*
 * Asks the program `named`, or that of $STIVA_CRIU, or of $PATH (NULL), for its version and
 * features. ERR_MISSING: there is none, or it is too old; ERR_INPUT: `named` is no program; other
 * classes: it does not work here, in its own words.
 */
int ckpt_criu_probe(const char *named, struct ckpt_criu_info *ret, struct err *e) MUST_CHECK;
/* The same without its features, which takes half the time. */
int ckpt_criu_find(const char *named, struct ckpt_criu_info *ret, struct err *e) MUST_CHECK;

/* Who restores the cgroups: CRIU in one of its modes, or we (ignore). */
enum ckpt_cgroups { CKPT_CG_SOFT, CKPT_CG_FULL, CKPT_CG_STRICT, CKPT_CG_IGNORE, CKPT_CG_N };
extern const struct word_list ckpt_words_cgroups;

/* How connections are held while there is no process. */
enum ckpt_lock { CKPT_LOCK_IPTABLES, CKPT_LOCK_NFTABLES, CKPT_LOCK_SKIP, CKPT_LOCK_N };
extern const struct word_list ckpt_words_lock;

/* Namespaces that are made empty instead of being restored. */
enum ckpt_empty { CKPT_EMPTY_NETWORK, CKPT_EMPTY_N };
extern const struct word_list ckpt_words_empty;

/* What both verbs take (conformance.md U120, U123 to U130); borrowed for the call. */
struct ckpt_common {
	const char *image_path;	 /* NULL = "checkpoint" */
	const char *work_path;	 /* NULL = the image path */
	const char *parent_path; /* relative to the image path */
	const char *page_server; /* ADDRESS:PORT */
	unsigned status_fd;	 /* 0 = none */
	bool tcp_established, tcp_close, tcp_skip_in_flight, ext_unix_sk, shell_job, file_locks;
	bool link_remap, lazy_pages, auto_dedup;
	struct opt_enum cgroups;  /* enum ckpt_cgroups */
	struct opt_enum lock;	  /* enum ckpt_lock */
	struct opt_enum empty_ns; /* enum ckpt_empty */
};

struct ckpt_dump_args {
	struct ckpt_common common;
	bool leave_running, pre_dump, check;
};
/* Writes the container's processes to the image path; they end unless they are to go on. check:
 * only says what would be in the way, one a line in out. */
int ckpt_dump(const struct life_host *h, const char *id, const struct ckpt_dump_args *a,
	      struct buf *out, struct err *e) MUST_CHECK;

struct ckpt_restore_args {
	struct ckpt_common common;
	struct life_create_args life; /* id, bundle, pid_file, console_socket, detach, ... */
	const char *lsm_profile, *lsm_mount_context;
};
/* Makes the container life.id again from the images. *ret_status as life_run(). */
int ckpt_restore(const struct life_host *h, const struct ckpt_restore_args *a, int *ret_status,
		 struct err *e) MUST_CHECK;

/* ---- migrate: mig_source.c, mig_target.c, mig_fate.c ---- */
enum ckpt_volume { CKPT_VOLUME_COPY, CKPT_VOLUME_SHARED, CKPT_VOLUME_FAIL, CKPT_VOLUME_N };
extern const struct word_list ckpt_words_volume;

/* What happens when the destination cannot be asked whether the container runs there. */
enum ckpt_doubt { CKPT_DOUBT_WAIT, CKPT_DOUBT_SOURCE, CKPT_DOUBT_DESTINATION, CKPT_DOUBT_N };
extern const struct word_list ckpt_words_doubt;

/* Memory while the container runs, or only once it stands still. */
enum ckpt_mode { CKPT_MODE_PRECOPY, CKPT_MODE_STOP, CKPT_MODE_N };
extern const struct word_list ckpt_words_mode;
/* A container that writes faster than the line carries: rows as of enum mig_stall. */
extern const struct word_list ckpt_words_stall;

struct ckpt_migrate_args {
	struct ckpt_common common;  /* tcp_established and the like; paths are not used */
	const char *host;	    /* [USER@]HOST */
	const char *rsh;	    /* NULL: "ssh -T -e none" */
	const char *remote_stiva;   /* NULL: "stiva" */
	const char *bundle;	    /* on the destination; NULL: as here */
	const char *console_socket; /* on the destination */
	struct strvec volumes;	    /* WHERE=copy|shared|fail */
	struct opt_enum mode;	    /* enum ckpt_mode */
	struct opt_enum on_stall;   /* enum mig_stall */
	uint32_t max_downtime_ms;   /* the target; 0: 100 */
	uint32_t max_iterations;    /* rounds; 0: 30 */
	uint64_t bandwidth;	    /* bytes per second; 0: no limit */
	uint32_t silence_ms;	    /* how long the other side may be silent; 0: 5000 */
	uint32_t max_frozen_ms;	    /* 0: no limit */
	uint32_t doubt_ms;	  /* how long to ask a destination that does not answer; 0: 60000 */
	struct opt_enum on_doubt; /* enum ckpt_doubt */
	bool is_check, is_replace, is_json, is_quiet;
};
/*
 * Moves a container to another host. 0: it runs there, and is deleted here. Else e says why and the
 * container goes on here as if nothing had happened; but with EINPROGRESS it stands still, since
 * whether it runs there could not be found out. Progress and the report go to out_fd, a line each.
 */
int ckpt_migrate(const struct life_host *h, const char *id, const struct ckpt_migrate_args *a,
		 int out_fd, struct err *e) MUST_CHECK;
/*
 * Finishes what a migration that was cut off has left: of the container id that was handed over, or
 * (NULL) of all, and what came to this host and never ran. One line each in out.
 */
int ckpt_migrate_recover(const struct life_host *h, const char *id,
			 const struct ckpt_migrate_args *a, struct buf *out,
			 struct err *e) MUST_CHECK;
/* The other side: the link on these two descriptors (taken). */
int ckpt_migrate_receive(const struct life_host *h, int in_fd, int out_fd, int *ret_status,
			 struct err *e) MUST_CHECK;

#endif
