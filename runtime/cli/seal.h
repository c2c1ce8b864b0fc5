/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/seal: keeps the host's binary out of the container (security.md P8; CVE-2019-5736). A
 * process of ours that sits in a container shows its program as /proc/PID/exe, and what is opened
 * there could be written once the program has ended. So the verbs that put a process of ours into a
 * container first become a copy of themselves which nobody can write: a sealed memfd. Called by
 * main.c.
 */
#ifndef STIVA_CLI_SEAL_H
#define STIVA_CLI_SEAL_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

/*
 * The verbs of the launch image: a second, smaller program inside the binary, made of the same
 * objects without what the other verbs need. Only it is copied for these verbs, so that a launch
 * does not become dearer with every verb that is added (the copy costs 0.4 us for each KiB).
 */
#define CMD_LAUNCH_VERBS(X) X(create) X(run) X(exec)

/* Returns 0 when the caller runs from a sealed copy; else execs argv again from one, and returns
 * only when that fails. Must be called before any side effect. is_launch: the launch image will do.
 */
int cmd_seal(char *const argv[], bool is_launch, struct err *e) MUST_CHECK;

/* ---- seal_start.c: safe before the C library is, as is seal_image.c ---- */
/* True when argv, from the word after the program's name on, is plainly a command line of the
 * launch image: nothing but well-known global options before one of its verbs. */
bool cmd_seal_is_launch(char *const argv[]);

/* ---- the same, for cmd_seal alone ---- */
#define CMD_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
struct cmd_seal_image { /* bytes of the running binary's file */
	size_t from, size;
};
/* True when self_fd, the running binary, is a memfd that nobody can write. */
bool cmd_seal_is(int self_fd);
/* A sealed copy of that part of self_fd. *ret_step: what was tried last. Return: fd (owned by the
 * caller) or -errno. */
int cmd_seal_memfd(int self_fd, const struct cmd_seal_image *image, const char **ret_step);

/* ---- seal_image.c: for cmd_seal alone ---- */
/* Where the launch image lies in the file of the running program, whose headers are phdr; false in
 * the launch image itself. */
bool cmd_seal_image_launch(const ElfW(Phdr) * phdr, unsigned long n_phdr,
			   struct cmd_seal_image *ret);
/* All that is loaded of it. What follows are symbols and debug information. */
void cmd_seal_image_whole(const ElfW(Phdr) * phdr, unsigned long n_phdr,
			  struct cmd_seal_image *ret);

/* ---- seal_overlay.c: for cmd_seal alone; leaf functions ---- */
/* True when self_fd, the running binary, is on a mount that cmd_seal_overlay() made. */
bool cmd_seal_overlay_is(int self_fd);
/* An O_PATH fd of the running binary on a detached overlay without an upper layer. Return: fd
 * (owned by the caller) or -errno. */
int cmd_seal_overlay(int self_fd);

#endif
