/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/num: the only place that turns text into numbers (no strtol elsewhere). Whole-string, no
 * leading blanks or '+', no partial parses. All leaf: 0 or -EINVAL (not that grammar) or -ERANGE.
 */
#ifndef STIVA_BASE_NUM_H
#define STIVA_BASE_NUM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

int num_u64(const char *s, uint64_t *ret);
int num_i64(const char *s, int64_t *ret);
int num_u64n(const char *s, size_t n, uint64_t *ret); /* first n bytes */
int num_i64n(const char *s, size_t n, int64_t *ret);
int num_u32(const char *s, uint32_t *ret);
int num_int(const char *s, int *ret);
/* A uid or gid: decimal, 4294967295 refused (-ERANGE), digits only ("01" is refused). */
int num_id(const char *s, uint32_t *ret);
/* "UID" or "UID:GID", both num_id. *ret_gid untouched when absent; *ret_has_gid says. */
int num_user(const char *s, uint32_t *ret_uid, uint32_t *ret_gid, int *ret_has_gid);
/* A size: 4096, 512k, 1M, 2GiB, 1.5G (binary multiples); -1 and "max" give -1. */
int num_size(const char *s, int64_t *ret);
/* A length of time as Go writes it, in microseconds: 5s, 500ms, 1.5s, 1h30m; 0 needs no unit. */
int num_duration(const char *s, uint64_t *ret_usec);
/* A signal: 9, KILL, SIGKILL, kill, RTMIN+3, SIGRTMAX-1; 0 is allowed. */
int num_signal(const char *s, int *ret);
/* "SIGKILL" etc. into buf (16 bytes). Return: buf. */
char *num_signal_name(int sig, char buf[16]);
/* A cpu or node list "0-3,7" into a bit vector of n_bits. */
int num_list(const char *s, uint64_t *bits, size_t n_bits);
/* RFC 3339 with nanoseconds, UTC, of CLOCK_REALTIME now, into buf (40 bytes). Return: buf. */
char *num_now_rfc3339(char buf[40]);

#endif
