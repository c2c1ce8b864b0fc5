/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/init/internal: what the files of this room share, and nobody else sees. */
#ifndef STIVA_INIT_INTERNAL_H
#define STIVA_INIT_INTERNAL_H

#include "base/step.h"
#include "runtime/init/init.h"

/* enter.c: identity in the user namespace, joins, unshares, names */
/* A04: the caller's supplementary groups are the program's as well. */
bool init_keeps_groups(const struct init_job *j);
int init_enter_hello(struct init_job *j, struct err *e) MUST_CHECK;
int init_enter_join(struct init_job *j, struct err *e) MUST_CHECK;
/* Joins what an exec or `mounts` joins, of a container that is there. */
int init_enter_running(struct init_job *j, struct err *e) MUST_CHECK;
int init_enter_names(struct init_job *j, struct err *e) MUST_CHECK;
/* Opens j->proc_fd if it is not open yet. */
int init_enter_proc(struct init_job *j, struct err *e) MUST_CHECK;

/* ids.c: what the container's own files say, read through base/path under its root */
/* HOME of uid from etc/passwd under root_fd, into the arena; "/" when there is none. */
const char *init_ids_home(int root_fd, uint32_t uid, struct arena *a);
/* Fills j->env: process.env, last duplicate wins, HOME, NOTIFY_SOCKET, LISTEN_*. */
void init_ids_env(struct init_job *j, int root_fd);
/* Fills j->program: args[0] looked up as execvp(3) would, under root_fd, with PATH of j->env.
 * Texts of conformance E01-E03. */
int init_ids_program(struct init_job *j, int root_fd, struct err *e) MUST_CHECK;

/* launch.c: from the gate to execve */
int init_launch_workdir(struct init_job *j, int root_fd, struct err *e) MUST_CHECK;
extern const struct step_list init_launch_steps;
_Noreturn void init_launch_exec(struct init_job *j);
/* Gives a new console its first size, before anybody else has its master and may resize it. */
MUST_CHECK int init_launch_console_size(struct init_job *j, struct err *e);

/* Makes the console 0, 1 and 2. */
MUST_CHECK int init_launch_console_stdio(struct init_job *j, struct err *e);

/* Closes every fd but stdio, the preserved ones and what the job still needs. */
void init_launch_sweep(struct init_job *j);

/* mounts.c */
extern const struct step_list init_mounts_add_steps, init_mounts_remove_steps;

#endif
