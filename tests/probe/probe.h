/* SPDX-License-Identifier: Apache-2.0 */
/* probe: the faces of the subcommands' files. Test code only: nothing of the runtime is used here.
 */
#ifndef STIVA_TESTS_PROBE_H
#define STIVA_TESTS_PROBE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One subcommand: argv[0] is its name. Return: the exit status. */
typedef int probe_fn(int argc, char **argv);

struct probe_command {
	const char *name;
	probe_fn *run;
	const char *help;
};

/* Each file's commands, ended by a row without a name. */
extern const struct probe_command commands_ids[], commands_sys[], commands_proc[], commands_tty[],
	commands_pty[], commands_sock[], commands_mem[], commands_load[], commands_lead[],
	commands_oracle[], commands_wire[], commands_frames[], commands_slow[];

/* Prints "probe: WHAT: errno text" and exits 1. */
void die(const char *what) __attribute__((noreturn));
/* The number in text (any base), or exit 1. */
long number(const char *text);
/* Writes all n bytes, or exit 1. */
void write_all(int fd, const void *data, size_t n);
/* Exit status of a waited child as a shell tells it: n, or 128 + signal. */
int shell_status(int wait_status);

/* ---- frames of checkpoint/mig_link.h, in p_frames.c ---- */

/* 0: there is none. */
unsigned frame_type(const char *name, size_t n);
const char *frame_name(unsigned type);
/* n bytes at p, little-endian. */
uint64_t frame_field(const char *p, unsigned n);

#endif
