# SPDX-License-Identifier: Apache-2.0
# stiva: one non-recursive Makefile. `make help` lists the targets.
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := all
SHELL := /bin/bash

PREFIX	 ?= /usr/local
DESTDIR	 ?=
CC	 := $(if $(filter default undefined,$(origin CC)),gcc,$(CC))
SANITIZE ?=
FAULTS	 ?=
# The launch binary is a static-pie: an empty static program starts 0.2 ms sooner than a dynamic one.
STATIC	 ?= $(if $(SANITIZE),0,1)
VERSION	 := $(shell cat VERSION)
COMMIT	 := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)

# One build tree per variant, so that they never mix.
VARIANT := $(CC)$(if $(SANITIZE),-san)$(if $(FAULTS),-faults)$(if $(filter 0,$(STATIC)),-dyn)
B	:= build/obj/$(VARIANT)

ROOMS := base spec cgroups netns image checkpoint runtime/rootfs runtime/guard runtime/init \
	 runtime/life runtime/cli

PKGS	 := libseccomp libcap yajl
WARN	 := -Wall -Wextra -Werror -Wshadow -Wvla -Wmissing-prototypes -Wstrict-prototypes -Wformat=2 \
	    -Wswitch-enum -Wimplicit-fallthrough -Wundef -Wwrite-strings -Wframe-larger-than=16384 \
	    -Wpointer-arith -Wold-style-definition
HARDEN	 := -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -fno-common \
	    -fno-strict-aliasing -fno-delete-null-pointer-checks -ftrivial-auto-var-init=zero
CPPFLAGS := -D_GNU_SOURCE -I. $(shell pkg-config --cflags $(PKGS)) $(if $(SANITIZE),-DSTIVA_ONE_ALLOC) \
	    $(if $(FAULTS),-DSTIVA_FAULTS)
CFLAGS	 := -std=gnu17 -g -fPIE $(WARN) $(HARDEN) \
	    $(if $(SANITIZE),-O1 -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=all, \
	    -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3) $(CFLAGS_EXTRA)
LDFLAGS	 := -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed \
	    $(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(if $(filter 1,$(STATIC)),-static-pie,-pie)
LDLIBS	 := -Wl,-Bstatic -lseccomp -lcap -lyajl_s -Wl,-Bdynamic
ifeq ($(STATIC),1)
LDLIBS	 := -lseccomp -lcap -lyajl_s
endif

src_of = $(sort $(wildcard $(1)/*.c))
SRCS  := $(foreach r,$(ROOMS),$(call src_of,$(r)))
OBJS  := $(SRCS:%.c=$(B)/%.o)
lib_of = $(B)/lib$(subst /,-,$(1)).a
# Highest rank first: a stray upward call fails to link in the unit tests.
ARCHIVES := $(foreach r,runtime/life runtime/init runtime/rootfs runtime/guard checkpoint cgroups netns \
	    image spec base,$(call lib_of,$(r)))

BIN := $(if $(SANITIZE)$(FAULTS),$(B)/stiva,build/stiva)

.PHONY: all
all: $(BIN)

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@
-include $(OBJS:.o=.d)
