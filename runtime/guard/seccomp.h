/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/guard/seccomp: what its files share: compiler, ENOSYS prologue, cache. Private to this
 * room. */
#ifndef STIVA_GUARD_SECCOMP_H
#define STIVA_GUARD_SECCOMP_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/mem.h"
#include "spec/spec.h"

/* Architectures of a filter, as libseccomp's tokens; the native one is first. */
#define GUARD_ARCHES_MAX 32
struct guard_arches {
	uint32_t v[GUARD_ARCHES_MAX];
	size_t n;
};

/* A whole program: prologue and libseccomp's part. insns is in the arena. */
struct guard_program {
	struct sock_filter *insns;
	size_t n;
};

/* seccomp.c: compiles the profile, without any cache. */
int guard_seccomp_compile(const struct spec_seccomp *s, struct arena *a, struct guard_program *ret,
			  struct err *e) MUST_CHECK;

/* seccomp_compact.c: a shorter program of the same meaning; p as it is when there is none. */
void guard_seccomp_compact(struct guard_program *p, struct arena *a);

/* seccomp_enosys.c: writes the prologue that answers ENOSYS to system calls newer than the profile
 * (conformance S11). Return: the number of instructions, 0 when the profile needs none. */
#define GUARD_PROLOGUE_MAX (8 * GUARD_ARCHES_MAX + 1)
size_t guard_seccomp_prologue(const struct spec_seccomp *s, const struct guard_arches *arches,
			      struct sock_filter ret[GUARD_PROLOGUE_MAX]);

/* seccomp_cache.c: programs by profile in a directory. */
#define GUARD_CACHE_NAME_MAX 32
struct guard_cache_key {
	struct buf canon; /* the profile's whole canonical form; owned */
	uint64_t hash;	  /* of canon */
	char name[GUARD_CACHE_NAME_MAX];
};
void guard_cache_key_make(const struct spec_seccomp *s, struct guard_cache_key *ret);
void guard_cache_key_done(struct guard_cache_key *k);
/* Return: true when the directory has a whole program of exactly this profile. */
bool guard_cache_load(int dir_fd, const struct guard_cache_key *k, struct arena *a,
		      struct guard_program *ret);
/* Best effort. */
void guard_cache_store(int dir_fd, const struct guard_cache_key *k, const struct guard_program *p);

#endif
