/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/migrate: the verbs migrate and migrate-recv, as runtime/cli calls them.
 */
#ifndef STIVA_CHECKPOINT_MIGRATE_H
#define STIVA_CHECKPOINT_MIGRATE_H

#include "checkpoint/checkpoint.h"

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
