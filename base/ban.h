/* SPDX-License-Identifier: Apache-2.0 */
/* base/ban: names that the compiler refuses. Included last by every .c file (-include in the
 * Makefile cannot be used: system headers mention them). */
#ifndef STIVA_BASE_BAN_H
#define STIVA_BASE_BAN_H

/* Unbounded copies and stack growth. */
#undef alloca
#undef strdupa
/* clang's fortified stdio.h has them as macros. */
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat sprintf vsprintf gets alloca strdupa
/* Hidden state. */
#pragma GCC poison strtok
/* Partial parses: use base/num. */
#pragma GCC poison atoi atol atoll strtol strtoul strtoll strtoull sscanf
/* Shells. */
#pragma GCC poison system popen execvp execlp
/* Name services would load code found by the container's files: use the passwd reader in init. */
#pragma GCC poison getpwnam getpwuid getgrnam getgrgid initgroups
/* Path races: use *at with a directory fd. */
#pragma GCC poison realpath tmpnam mktemp

#endif
