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

/* Returns 0 when the caller runs from a sealed copy; else execs argv again from one, and returns
 * only when that fails. Must be called before any side effect. */
int cmd_seal(char *const argv[], struct err *e) MUST_CHECK;

/* ---- seal_start.c: for cmd_seal alone; safe before the C library is ---- */
#define CMD_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
struct cmd_seal_image {
	const ElfW(Phdr) * phdr; /* the running program's; NULL: copy `size` bytes */
	unsigned long n_phdr;
	size_t size;
};
/* True when self_fd, the running binary, is a memfd that nobody can write. */
bool cmd_seal_is(int self_fd);
/* A sealed copy of self_fd, read from its current offset on. *ret_step: what was tried last.
 * Return: fd (owned by the caller) or -errno. */
int cmd_seal_memfd(int self_fd, const struct cmd_seal_image *image, const char **ret_step);

/* ---- seal_overlay.c: for cmd_seal alone; leaf functions ---- */
/* True when self_fd, the running binary, is on a mount that cmd_seal_overlay() made. */
bool cmd_seal_overlay_is(int self_fd);
/* An O_PATH fd of the running binary on a detached overlay without an upper layer. Return: fd
 * (owned by the caller) or -errno. */
int cmd_seal_overlay(int self_fd);

#endif
