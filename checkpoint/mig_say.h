/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_say: what the two ends of a migration say in words: the control frames of
 * mig_link.h as JSON documents, their tables, and how they are sent and heard. It knows no
 * container. Called by mig_source.c, mig_target.c and mig_recover.c. (migration.md 8.)
 */
#ifndef STIVA_CHECKPOINT_MIG_SAY_H
#define STIVA_CHECKPOINT_MIG_SAY_H

#include "base/json.h"
#include "checkpoint/criu.h"
#include "checkpoint/mig_link.h"
#include "spec/spec.h"

#define MIG_PROTOCOL_MAJOR 1 /* another one is refused */
#define MIG_PROTOCOL_MINOR 0
#define MIG_EPOCH_SIZE	   33 /* 32 lower-case hex digits and the NUL */

/* HELLO and CAPS: one side's host. */
struct mig_host {
	struct opt_u32 major, minor, page_size;
	char *stiva, *criu, *kernel, *arch, *boot_id;
	char *problem;	     /* why there is no criu */
	struct opt_u64 time; /* CLOCK_REALTIME in microseconds */
	struct opt_bool has_lazy;
};

enum mig_tree_kind { MIG_TREE_COPY, MIG_TREE_SHARED, MIG_TREE_N };
/* A tree of files outside the images: the rootfs, a bind mount's source. */
struct mig_plan {
	struct opt_enum kind; /* what is wanted; shared is proved by the probe */
	struct opt_u32 stream;
	char *where; /* in the container: "/" is the root file system */
	char *path;  /* on both hosts */
	char *probe; /* a file that the source has put there: name, and its contents */
	char *probe_text;
	struct opt_bool is_file;
	struct opt_u64 bytes, entries; /* estimate */
};
OBJ_VEC(mig_plan);

/* RESERVE. Options as of struct ckpt_common. */
struct mig_offer {
	char *epoch, *id, *bundle, *config, *console_socket;
	struct spec_resources *resources; /* in force; NULL: the config's */
	struct opt_bool tcp_established, tcp_close, tcp_skip_in_flight, ext_unix_sk, shell_job;
	struct opt_bool file_locks, link_remap;
	struct opt_bool is_check, is_replace, is_lazy;
	struct opt_u64 memory;	   /* bytes that the images may take */
	struct opt_u32 silence_ms; /* of the source, while it stands still */
	struct strvec streams;	   /* three: "null", or the path of a file */
	struct mig_plan_vec trees;
};

/* Every other control frame has some of these. */
struct mig_note {
	char *epoch, *reason, *digest, *boot_id;
	struct opt_enum phase;
	struct opt_u64 time, bytes, pid, round, ms;
	struct u32vec shared; /* RESERVED: streams of trees that are the same storage */
};
/* What a destination answers to STATUS. */
enum mig_phase {
	MIG_PHASE_NONE,	     /* it has never run there, and never will */
	MIG_PHASE_RECEIVING, /* not decided: its engine is still at work */
	MIG_PHASE_COMMITTED, /* it is the destination's: it runs, or ran */
	MIG_PHASE_LOST, /* it was the destination's, and is gone without having been seen to run */
	MIG_PHASE_N
};
extern const struct word_list mig_words_phase;

extern const struct json_table mig_table_host, mig_table_offer, mig_table_note;

/* Story, all of them; -e->code. */
int mig_say(struct mig_link *l, enum mig_frame_type type, const struct json_table *t,
	    const void *obj, struct err *e) MUST_CHECK;
int mig_say_note(struct mig_link *l, enum mig_frame_type type, const struct mig_note *n,
		 struct err *e) MUST_CHECK;
/* Reads a frame's document; into the arena. */
int mig_say_parse(const struct mig_link *l, const struct mig_frame *f, const struct json_table *t,
		  struct arena *a, void *ret, struct err *e) MUST_CHECK;
/* Waits for that frame, and reads it. ret: address of a pointer to t's struct. */
int mig_say_hear(struct mig_link *l, enum mig_frame_type type, int timeout_ms,
		 const struct json_table *t, struct arena *a, void *ret, struct err *e) MUST_CHECK;
/* Before COMMIT: tells why, and waits until the other side has put everything away. Return: false
 * when it does not say so. */
bool mig_say_abort(struct mig_link *l, const char *why);

/* While we wait for something else: shows that we live, and hears whether the other side does.
 * Story: as mig_link_hear(); what may not come now is an error. */
int mig_say_tick(struct mig_link *l, struct err *e) MUST_CHECK;

/* This host. criu NULL: none is looked for yet. */
int mig_say_host(const struct ckpt_criu_info *criu, struct arena *a, struct mig_host *ret,
		 struct err *e) MUST_CHECK;
/* Whether what is dumped on `from` can be restored on `to`; them: the other one, for the message.
 */
int mig_say_check_host(const struct mig_host *from, const struct mig_host *to, const char *them,
		       struct err *e) MUST_CHECK;
/* 128 bits that no other migration has. */
int mig_say_epoch(char ret[MIG_EPOCH_SIZE], struct err *e) MUST_CHECK;
bool mig_say_is_epoch(const char *text);
/* CLOCK_REALTIME in microseconds. */
uint64_t mig_say_now(void);

#endif
