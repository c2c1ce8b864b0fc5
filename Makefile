# SPDX-License-Identifier: Apache-2.0
# stiva: one non-recursive Makefile. `make help` lists the targets.
Q := $(if $(V),,@)
comma := ,
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

VARIANT := $(CC)$(if $(SANITIZE),-san)$(if $(FAULTS),-faults)$(if $(filter 0,$(STATIC)),-dyn)
# One tree per variant, so that they never mix.
B	:= build/obj/$(VARIANT)

ROOMS := base spec cgroups netns image checkpoint runtime/rootfs runtime/guard runtime/init \
	 runtime/life runtime/cli

PKGS	 := libseccomp libcap yajl
WARN	 := -Wall -Wextra -Werror -Wshadow -Wvla -Wmissing-prototypes -Wstrict-prototypes -Wformat=2 \
	    -Wswitch-enum -Wimplicit-fallthrough -Wundef -Wwrite-strings -Wframe-larger-than=16384 \
	    -Wpointer-arith -Wold-style-definition
HARDEN	 := -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -fno-common \
	    -fno-strict-aliasing -fno-delete-null-pointer-checks $(if $(findstring clang,$(CC)),,-ftrivial-auto-var-init=zero)
# Each launch copies the binary into a sealed memfd: 100 KB less are 40 us less. No exceptions here to
# unwind for; debuggers have .debug_frame.
SMALL	 := -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -fno-unwind-tables
CPPFLAGS := -D_GNU_SOURCE -I. $(shell pkg-config --cflags $(PKGS)) $(if $(SANITIZE),-DSTIVA_ONE_ALLOC) \
	    $(if $(FAULTS),-DSTIVA_FAULTS)
CFLAGS	 := -std=gnu17 -g -fPIE $(WARN) $(HARDEN) \
	    $(if $(SANITIZE),-O1 -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=all, \
	    -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 $(SMALL)) $(CFLAGS_EXTRA)
LDFLAGS	 := -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed \
	    $(if $(SANITIZE),-fsanitize=$(SANITIZE),-Wl$(comma)--gc-sections) \
	    $(if $(filter 1,$(STATIC)),-static-pie -Wl$(comma)-z$(comma)pack-relative-relocs,-pie)
LDLIBS	 := -Wl,-Bstatic -lseccomp -lcap -lyajl_s -Wl,-Bdynamic
ifeq ($(STATIC),1)
LDLIBS	 := -lseccomp -lcap -lyajl_s
endif

src_of = $(sort $(wildcard $(1)/*.c))
SRCS  := $(foreach r,$(ROOMS),$(call src_of,$(r)))
OBJS  := $(SRCS:%.c=$(B)/%.o)
lib_of = $(B)/lib$(subst /,-,$(1)).a
# Highest rank first: a stray upward call fails to link in the unit tests.
ARCHIVES := $(foreach r,checkpoint runtime/life runtime/init runtime/rootfs runtime/guard cgroups netns \
	    image spec base,$(call lib_of,$(r)))

BIN := $(if $(SANITIZE)$(FAULTS),$(B)/stiva,build/stiva)

.PHONY: all
all: $(BIN) $(if $(SANITIZE)$(FAULTS),,build/tools/mig_memory)

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@
-include $(OBJS:.o=.d)

# What runs before relocation and without a thread pointer (see the files).
BARE := -ffreestanding -fno-stack-protector -ftrivial-auto-var-init=uninitialized -U_FORTIFY_SOURCE
$(B)/runtime/cli/seal_start.o: CFLAGS += $(BARE)
ENTRY := $(if $(filter 1-x86_64,$(STATIC)-$(shell uname -m)),-Xlinker -e -Xlinker cmd_seal_start)

$(B)/runtime/cli/%.o: CPPFLAGS += -DSTIVA_VERSION='"$(VERSION)"' -DSTIVA_COMMIT='"$(COMMIT)"'
$(B)/checkpoint/image.o $(B)/checkpoint/mig_say.o: CPPFLAGS += -DSTIVA_VERSION='"$(VERSION)"'
$(B)/runtime/cli/main.o $(B)/runtime/cli/global.o $(B)/runtime/cli/cmd_features.o: VERSION $(wildcard .git/HEAD .git/logs/HEAD)

define room_archive
$(call lib_of,$(1)): $$(patsubst %.c,$(B)/%.o,$$(call src_of,$(1)))
	@rm -f $$@
	$$(Q)ar rcs $$@ $$^
endef
$(foreach r,$(filter-out runtime/cli,$(ROOMS)),$(eval $(call room_archive,$(r))))

# The launch image: the same objects with a shorter list of verbs, inside the binary (runtime/cli/seal.h). It
# throws and cancels nothing, so that it needs no unwind tables: 85 KB.
CLI_OBJS := $(patsubst %.c,$(B)/%.o,$(call src_of,runtime/cli))
TWICE	 := verbs seal_image
LAUNCH	 := $(B)/launch/stiva
$(TWICE:%=$(B)/launch/%.o): $(B)/launch/%.o: runtime/cli/%.c Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -DSTIVA_LAUNCH $(CFLAGS) -MMD -MP -c $< -o $@
-include $(TWICE:%=$(B)/launch/%.d)
$(B)/launch/cli.a: $(filter-out %/main.o $(TWICE:%=$(B)/runtime/cli/%.o),$(CLI_OBJS)) $(TWICE:%=$(B)/launch/%.o)
	@rm -f $@
	$(Q)ar rcs $@ $^
$(LAUNCH): $(B)/runtime/cli/main.o $(B)/launch/cli.a $(ARCHIVES) runtime/cli/launch.ld
	$(Q)$(CC) $(LDFLAGS) $(if $(SANITIZE),,-Wl$(comma)--no-eh-frame-hdr -Wl$(comma)-T$(comma)runtime/cli/launch.ld) \
		$(ENTRY) $(filter-out %.ld,$^) $(LDLIBS) -o $@
	$(Q)strip $(if $(SANITIZE),-g,-s) -o $@.image $@
$(B)/runtime/cli/seal_image.o $(B)/launch/seal_image.o: private CFLAGS += $(BARE)
$(B)/runtime/cli/seal_image.o: private CPPFLAGS += -DLAUNCH_IMAGE='"$(LAUNCH).image"'
$(B)/runtime/cli/seal_image.o: $(LAUNCH)

$(BIN): $(CLI_OBJS) $(ARCHIVES)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $(ENTRY) $^ $(LDLIBS) -o $@

# Tests are one file each and may hold their tables on the stack.
TEST_CFLAGS = $(filter-out -Wmissing-prototypes -Wframe-larger-than=%,$(CFLAGS))
build/tools/%: tests/tools/%.c $(ARCHIVES) ; $(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(TEST_CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

# ---- unit tests: each links its room and the rooms of lower rank, nothing else ----
rank_base		:= base
rank_spec		:= spec base
rank_cgroups		:= cgroups spec base
rank_netns		:= netns spec base
rank_image		:= image spec base
rank_runtime-rootfs	:= runtime/rootfs spec base
rank_runtime-guard	:= runtime/guard spec base
rank_runtime-init	:= runtime/init runtime/rootfs runtime/guard spec base
rank_runtime-life	:= runtime/life runtime/init runtime/rootfs runtime/guard cgroups netns spec base
rank_checkpoint		:= checkpoint $(rank_runtime-life)
rank_runtime-cli	:= $(rank_checkpoint) image

UNIT_SRCS := $(wildcard tests/unit/*/*_test.c)
UNIT_BINS := $(UNIT_SRCS:tests/unit/%.c=$(B)/unit/%)
define unit_room
$(B)/unit/$(1)/%: tests/unit/$(1)/%.c $(foreach r,$(rank_$(1)),$(call lib_of,$(r)))
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CPPFLAGS) $$(TEST_CFLAGS) -Itests/unit/$(1) \
		-pie -MMD -MP -MF $$@.d $$< $$(UNIT_EXTRA_$(1)) $$(filter %.a,$$^) -Wl,-Bstatic -lseccomp -lcap -lyajl_s \
		-Wl,-Bdynamic -lcmocka -o $$@
endef
$(foreach r,$(sort $(notdir $(patsubst %/,%,$(dir $(UNIT_SRCS))))),$(eval $(call unit_room,$(r))))
-include $(wildcard $(B)/unit/*/*.d)
# The command line's rows are objects, not an archive.
UNIT_EXTRA_runtime-cli = $(filter-out %/main.o,$(CLI_OBJS))
$(filter $(B)/unit/runtime-cli/%,$(UNIT_BINS)): $(filter-out %/main.o,$(CLI_OBJS))

.PHONY: unit-bins unit
unit-bins: $(UNIT_BINS)
unit: ## unit tests (cmocka), under ASan and UBSan
	@$(MAKE) SANITIZE=address,undefined unit-bins
	@tests/unit/run build/obj/$(CC)-san-dyn/unit

# ---- fuzz ----
FUZZ_LIBS = $(call lib_of,spec) $(call lib_of,base)
.PHONY: fuzz-bin fuzz-smoke fuzz
fuzz-bin: $(B)/fuzz/config
$(B)/fuzz/config: $(wildcard tests/fuzz/*.c) $(FUZZ_LIBS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(TEST_CFLAGS) -pie $^ -Wl,-Bstatic -lyajl_s -Wl,-Bdynamic -o $@
fuzz-smoke: ## 12,000 mutated documents under ASan and UBSan
	@$(MAKE) SANITIZE=address,undefined fuzz-bin
	@tests/fuzz/run build/obj/$(CC)-san-dyn/fuzz/config 12000
fuzz: ## the same with libFuzzer (clang), 10 minutes
	@$(MAKE) CC=clang SANITIZE=address,undefined,fuzzer-no-link build/obj/clang-san-dyn/libspec.a build/obj/clang-san-dyn/libbase.a
	clang $(CPPFLAGS) -g -fsanitize=fuzzer,address,undefined tests/fuzz/config_fuzz.c build/obj/clang-san-dyn/libspec.a \
		build/obj/clang-san-dyn/libbase.a -lyajl -o build/obj/clang-san-dyn/config_fuzz
	mkdir -p build/fuzz-corpus
	build/obj/clang-san-dyn/config_fuzz -max_total_time=600 build/fuzz-corpus tests/fuzz/corpus/config

# ---- gates ----
.PHONY: check check-native check-peers outside conformance claims lint fault-smoke kill-points bench demo docs deps schema-paths
deps:
	@scripts/deps build
check: ## everything: lint, unit, fuzz, faults, bats in three tiers; installs what it needs
	@scripts/deps all
	@$(MAKE) all
	@scripts/check
check-native: all ## the bats files that need no Debian 13 root and no virtual machine
	@TIERS=native tests/run
check-peers: all ## the same bats cases on Debian 13's crun and runc: they test the specification, not stiva
	@RUNTIME=crun TIERS=deb13 tests/run
	@RUNTIME=runc TIERS=deb13 tests/run
outside: all ## the test suites of runc, crun and runtime-tools on stiva and on their own runtimes (docs/outside.md)
	@scripts/outside-suites all
conformance: all ## every row's tests on stiva, crun and runc; prints the table, writes docs/conformance.md
	@scripts/conformance
claims: all ## what stiva does and its rivals do not, side by side
	@scripts/claims
lint: ## layers, names, sizes, format, schema drift, shell
	@$(MAKE) $(B)/lint/spec_paths all
	@tests/lint/run $(B)/lint/spec_paths
$(B)/lint/spec_paths: tests/lint/spec_paths.c $(FUZZ_LIBS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(TEST_CFLAGS) -pie $^ -Wl,-Bstatic -lyajl_s -Wl,-Bdynamic -o $@
fault-smoke: ## fails and kills every row of the step lists; 1,000 cycles; nothing may stay
	@$(MAKE) FAULTS=1 all
	@tests/faults/run build/obj/$(CC)-faults/stiva
kill-points: all ## SIGKILL, EIO, ENOMEM, EMFILE at every system call of the verbs; nothing may stay
	@tests/faults/kill-points build/stiva
bench: ## stiva, crun, runc and the bare system calls, side by side in one run
	@scripts/deps all
	@$(MAKE) all build/floor build/stopwatch build/heartbeat
	@bench/run
build/floor build/stopwatch build/heartbeat: build/%: bench/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -static-pie -fPIE $< -o $@
demo: ## builds, makes a bundle from a real root file system and walks through a container's life
	@scripts/deps build
	@$(MAKE) $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc)) all
	@scripts/demo

# ---- what is generated from tables ----
docs: all ## man pages, completions, the message ladder
	@scripts/gen-docs $(BIN)

# ---- install ----
.PHONY: install clean distclean help
install: all ## PREFIX (/usr/local), DESTDIR
	install -D -m 0755 build/stiva $(DESTDIR)$(PREFIX)/bin/stiva
	for m in man/*.[1-8]; do install -D -m 0644 $$m $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/}; done
	install -D -m 0644 contrib/completion/stiva.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/stiva
	install -D -m 0644 contrib/completion/_stiva $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_stiva
	install -D -m 0644 contrib/completion/stiva.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/stiva.fish
clean: ## objects and the binary; the cached roots and images stay
	rm -rf build/obj build/stiva build/floor
distclean: clean ## the caches too
	rm -rf build
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 18
