# Sluice: one non-recursive Makefile; `make help` lists the targets.
# Sources and tests are found by name, so adding a file needs no change here.

MAKEFLAGS += --no-builtin-rules --no-print-directory
SHELL := /bin/bash
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := build

VERSION := 0.1.0
PREFIX ?= /usr/local
BUILD ?= build
WERROR ?= 1
WITH_MYSQL ?= auto
WITH_POSTGRES ?= auto
FUZZ_SECONDS ?= 60
ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang
JOBS ?= $(shell nproc)
export JOBS

ifeq ($(V),1)
Q :=
say := @:
else
Q := @
say := @printf '  %-7s %s\n'
endif

# --- packages ------------------------------------------------------------------------------------
PKGS := rdkafka lmdb sqlite3 jansson yaml-0.1 libxxhash zlib libzstd libdeflate gmp libpcre2-8 libcurl libmicrohttpd libarchive
ifeq ($(WITH_MYSQL),auto)
MYSQL := $(shell pkg-config --exists libmariadb 2>/dev/null && echo yes || echo no)
else
MYSQL := $(WITH_MYSQL)
endif
ifeq ($(MYSQL),yes)
PKGS += libmariadb
endif
ifeq ($(WITH_POSTGRES),auto)
POSTGRES := $(shell pkg-config --exists libpq 2>/dev/null && echo yes || echo no)
else
POSTGRES := $(WITH_POSTGRES)
endif
ifeq ($(POSTGRES),yes)
PKGS += libpq
endif
PKG_MISSING := $(shell pkg-config --print-errors --exists $(PKGS) >/dev/null 2>&1 || echo yes)
PKG_CFLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(PKGS) cmocka 2>/dev/null))
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm -pthread
TEST_LIBS := $(shell pkg-config --libs cmocka 2>/dev/null)

# --- files ---------------------------------------------------------------------------------------
FOLDERS := base config schema sql lake warehouse jobs orchestrator
find_c = $(sort $(shell find $(1) -name '$(2)' 2>/dev/null))
LIB_SRC := $(call find_c,$(FOLDERS),*.c)
HEADERS := $(call find_c,$(FOLDERS) tests bench,*.h)
ifneq ($(MYSQL),yes)
LIB_SRC := $(filter-out warehouse/mysql/%,$(LIB_SRC))
endif
ifneq ($(POSTGRES),yes)
LIB_SRC := $(filter-out warehouse/postgres/%,$(LIB_SRC))
endif
SUPPORT_SRC := $(filter-out tests/support/fuzz_main.c,$(wildcard tests/support/*.c))
TEST_SRC := $(call find_c,tests/unit,test_*.c) $(sort $(foreach d,contract golden fault sim,\
    $(wildcard tests/$(d)/test_*.c)))
ifneq ($(MYSQL),yes)
TEST_SRC := $(filter-out tests/unit/warehouse/mysql/%,$(TEST_SRC))
endif
TEST_SH := $(sort $(shell find tests/unit tests/golden tests/sim -name 'test_*.sh' 2>/dev/null))
INTEG_SRC := $(sort $(wildcard tests/integration/test_*.c))
INTEG_SH := $(sort $(wildcard tests/integration/*.sh tests/crash/*.sh))
PLANTS := $(sort $(wildcard tests/sim/plants/*.patch))
POWER_PLANTS := $(sort $(wildcard tests/crash/plants/*.patch))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
BENCH_SRC := $(sort $(wildcard bench/*.c))
ALL_SRC := $(LIB_SRC) main.c $(SUPPORT_SRC) $(TEST_SRC) $(INTEG_SRC) $(FUZZ_SRC) $(BENCH_SRC) \
    $(wildcard tests/support/fuzz_main.c tests/crash/shim.c tests/integration/clock_shim.c)
SCRIPTS := $(wildcard .ci/run) $(sort $(shell find tests bench examples -name '*.sh' 2>/dev/null))

# --- flags ---------------------------------------------------------------------------------------
CPPFLAGS_ALL := -I. -D_GNU_SOURCE -DSLUICE_VERSION='"$(VERSION)"' \
    -DSLUICE_WITH_MYSQL=$(if $(filter yes,$(MYSQL)),1,0) \
    -DSLUICE_WITH_POSTGRES=$(if $(filter yes,$(POSTGRES)),1,0) $(PKG_CFLAGS) $(CPPFLAGS)
WARN := -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
    -Wmissing-prototypes -Wold-style-definition -Wvla -Wformat=2 -Wundef -Wcast-qual -Wcast-align \
    -Wpointer-arith -Wwrite-strings -Wswitch-enum -Wimplicit-fallthrough -Wnull-dereference \
    -Wdouble-promotion
WARN_FRAME := -Wframe-larger-than=8192
WARN_GCC := -Wduplicated-cond -Wlogical-op
ifneq ($(filter-out 0,$(WERROR))$(filter true,$(CI)),)
WARN += -Werror
endif
CFLAGS_BASE := -std=gnu17 -g -ffp-contract=off -fno-common -fstack-protector-strong \
    -fstack-clash-protection -fcf-protection -fPIE $(WARN)
# assert(!"text") is how unreachable places are written; NAN is a float in the system's header.
WARN_CLANG := -Wno-string-conversion -Wno-double-promotion
IS_CLANG := $(findstring clang,$(shell $(CC) --version 2>/dev/null | head -n 1))
CFLAGS_ALL := $(CFLAGS_BASE) $(if $(IS_CLANG),$(WARN_CLANG),$(WARN_GCC))
LDFLAGS_ALL := -pie -Wl,-z,relro,-z,now $(LDFLAGS)

# Sanitizers widen every stack frame and confuse flow warnings: limits and errors hold in the plain modes.
MODES := debug release asan tsan cov
CFLAGS_debug := -O1 $(WARN_FRAME)
CFLAGS_release := -O2 -D_FORTIFY_SOURCE=3 $(WARN_FRAME)
CFLAGS_asan := -O1 -Wno-error -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
CFLAGS_tsan := -O1 -Wno-error -fno-omit-frame-pointer -fsanitize=thread
CFLAGS_cov := -O0 -Wno-error --coverage
LDFLAGS_asan := -fsanitize=address,undefined
LDFLAGS_tsan := -fsanitize=thread
LDFLAGS_cov := --coverage
FUZZ_CFLAGS := $(CFLAGS_BASE) $(WARN_CLANG) -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
    -fno-sanitize-recover=all
TIDY_FLAGS := -std=gnu17 $(filter-out -Werror,$(WARN)) $(WARN_CLANG) $(CPPFLAGS_ALL)
export TIDY_FLAGS

# --- rules, once per mode ------------------------------------------------------------------------
# A stamp changes when its text does: other flags or a removed source rebuild what they concern.
# $(1) stamp file, $(2) text
define stamp
$(1): FORCE
	@mkdir -p $$(@D)
	@printf '%s\n' '$(subst ','\'',$(2))' | cmp -s - $$@ || printf '%s\n' '$(subst ','\'',$(2))' >$$@
endef

# $(1) mode, $(2) compiler, $(3) compile flags, $(4) link flags
define mode_rules
$(call stamp,$(BUILD)/$(1)/flags,$(filter-out ccache,$(2)) $(3) $(CPPFLAGS_ALL) $(CFLAGS) $(4))
$(call stamp,$(BUILD)/$(1)/sources,$(LIB_SRC) $(SUPPORT_SRC))

$(BUILD)/$(1)/%.o: %.c $(BUILD)/$(1)/flags | libraries
	$$(say) CC $$@
	@mkdir -p $$(@D)
	$$(Q)$(2) $$(CPPFLAGS_ALL) $(3) $$(CFLAGS) -MMD -MP -c -o $$@ $$<

$(BUILD)/$(1)/libsluice.a: $(LIB_SRC:%.c=$(BUILD)/$(1)/%.o) $(BUILD)/$(1)/sources
	$$(say) AR $$@
	$$(Q)rm -f $$@ && ar rcs $$@ $$(filter %.o,$$^)

$(BUILD)/$(1)/libtest.a: $(SUPPORT_SRC:%.c=$(BUILD)/$(1)/%.o) $(BUILD)/$(1)/sources
	$$(Q)rm -f $$@ && ar rcs $$@ $$(filter %.o,$$^)

$(BUILD)/$(1)/sluice: $(BUILD)/$(1)/main.o $(BUILD)/$(1)/libsluice.a
	$$(say) LD $$@
	$$(Q)$(2) $(4) -o $$@ $$(filter %.o %.a,$$^) $$(PKG_LIBS)

$(TEST_SRC:%.c=$(BUILD)/$(1)/%) $(INTEG_SRC:%.c=$(BUILD)/$(1)/%): %: %.o \
    $(BUILD)/$(1)/libtest.a $(BUILD)/$(1)/libsluice.a
	$$(say) LD $$@
	$$(Q)$(2) $(4) -o $$@ $$(filter %.o %.a,$$^) $$(TEST_LIBS) $$(PKG_LIBS)

# The crash harness (stream_*: of endless runs, replay_*: of replays, behind_*: of outputs that are behind, rejected_*: of refused rows) over one source with a planted bug: tests/sim/test_plants.sh.
$(PLANTS:tests/sim/plants/%.patch=$(BUILD)/$(1)/plants/%): $(BUILD)/$(1)/plants/%: \
    tests/sim/plants/%.patch $(BUILD)/$(1)/tests/sim/test_crash.o \
    $(BUILD)/$(1)/tests/sim/test_stream.o $(BUILD)/$(1)/tests/sim/test_replay.o \
    $(BUILD)/$(1)/tests/sim/test_behind.o $(BUILD)/$(1)/tests/sim/test_rejected.o \
    $(BUILD)/$(1)/libtest.a $(BUILD)/$(1)/libsluice.a
	$$(say) PLANT $$@
	$$(Q)tests/sim/plants/apply.sh $$< $$@.c
	$$(Q)$(2) $$(CPPFLAGS_ALL) $(3) $$(CFLAGS) -w -c -o $$@.o $$@.c
	$$(Q)$(2) $(4) -o $$@ $(BUILD)/$(1)/tests/sim/$$(if $$(findstring /stream_,$$@),test_stream,$$(if \
	    $$(findstring /replay_,$$@),test_replay,$$(if $$(findstring /behind_,$$@),test_behind,$$(if \
	    $$(findstring /rejected_,$$@),test_rejected,test_crash)))).o \
	    $$@.o $(BUILD)/$(1)/libtest.a $(BUILD)/$(1)/libsluice.a $$(TEST_LIBS) $$(PKG_LIBS)

# The program with a planted bug, for the harness on real servers: tests/crash/plants/run.sh.
$(PLANTS:tests/sim/plants/%.patch=$(BUILD)/$(1)/plants/%.sluice): %.sluice: % $(BUILD)/$(1)/main.o
	$$(say) LD $$@
	$$(Q)$(2) $(4) -o $$@ $(BUILD)/$(1)/main.o $$<.o $(BUILD)/$(1)/libsluice.a $$(PKG_LIBS)

# The same with what only a power cut shows: tests/crash/power.sh.
$(POWER_PLANTS:tests/crash/plants/%.patch=$(BUILD)/$(1)/power/%): $(BUILD)/$(1)/power/%: \
    tests/crash/plants/%.patch $(BUILD)/$(1)/main.o $(BUILD)/$(1)/libsluice.a
	$$(say) PLANT $$@
	$$(Q)tests/sim/plants/apply.sh $$< $$@.c
	$$(Q)$(2) $$(CPPFLAGS_ALL) $(3) $$(CFLAGS) -w -c -o $$@.o $$@.c
	$$(Q)$(2) $(4) -o $$@ $(BUILD)/$(1)/main.o $$@.o $(BUILD)/$(1)/libsluice.a $$(PKG_LIBS)

$(BENCH_SRC:%.c=$(BUILD)/$(1)/%): %: %.o $(BUILD)/$(1)/libsluice.a
	$$(say) LD $$@
	$$(Q)$(2) $(4) -o $$@ $$(filter %.o %.a,$$^) $$(PKG_LIBS)
endef
$(foreach m,$(MODES),$(eval $(call mode_rules,$(m),$$(CC),$$(CFLAGS_ALL) $$(CFLAGS_$(m)),$$(LDFLAGS_ALL) $$(LDFLAGS_$(m)))))
$(eval $(call mode_rules,fuzz,$$(CLANG),$$(FUZZ_CFLAGS),$$(LDFLAGS_ALL) -fsanitize=address,undefined))

# Texts that are built into the program.
$(foreach m,$(MODES) fuzz,$(BUILD)/$(m)/orchestrator/demo/files.o): orchestrator/demo/sluice.yaml \
    examples/transactions/sql/transactions.sql
$(foreach m,$(MODES) fuzz,$(BUILD)/$(m)/orchestrator/admin/files.o): $(wildcard orchestrator/admin/page/*)

# Fuzzers: with a small driver that replays the corpus (a normal test), and for real with libFuzzer.
replay_rule = $(FUZZ_SRC:%.c=$(BUILD)/$(1)/%): %: %.o $(BUILD)/$(1)/tests/support/fuzz_main.o \
    $(BUILD)/$(1)/libsluice.a ; $$(Q)$$(CC) $$(LDFLAGS_ALL) $$(LDFLAGS_$(1)) -o $$@ $$(filter %.o %.a,$$^) $$(PKG_LIBS)
$(foreach m,$(MODES),$(eval $(call replay_rule,$(m))))
$(FUZZ_SRC:%.c=$(BUILD)/fuzz/%): %: %.o $(BUILD)/fuzz/libsluice.a
	$(Q)$(CLANG) $(LDFLAGS_ALL) -fsanitize=fuzzer,address,undefined -o $@ $(filter %.o %.a,$^) $(PKG_LIBS)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: FORCE libraries
libraries:
	$(if $(PKG_MISSING),$(error libraries are missing: `make packages` installs them or says how))
.SECONDARY:
FORCE:

# --- building ------------------------------------------------------------------------------------
.PHONY: build
build: sluice ## build ./sluice (release)
sluice: $(BUILD)/release/sluice
	@cp -f $< $@

.PHONY: install uninstall clean
install: build ## install into $(DESTDIR)$(PREFIX)
	install -D -m 755 sluice $(DESTDIR)$(PREFIX)/bin/sluice
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's,@PREFIX@,$(PREFIX),' docs/sluice.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/sluice.service
uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/sluice $(DESTDIR)$(PREFIX)/lib/systemd/system/sluice.service
clean: ## remove everything that was built
	rm -rf $(BUILD) sluice compile_commands.json

.PHONY: packages packages-check
packages: ## install the Debian packages that building and testing need
	@tests/support/packages.sh build
packages-check:
	@tests/support/packages.sh check

.PHONY: demo
demo: packages ## build and run `./sluice demo`: no server, no network
	@$(sub) build
	@./sluice demo

# --- tests ---------------------------------------------------------------------------------------
# T=unit/base/test_err picks tests by a part of their path; MODE=asan picks how they are built.
MODE ?= debug
RUN := SLUICE_BIN=$(abspath $(BUILD))/$(MODE)/sluice tests/support/run_tests.sh
SHORT := $(TEST_SRC) $(FUZZ_SRC)
pick = $(if $(T),$(foreach s,$(1),$(if $(findstring $(T),$(s)),$(s))),$(1))
built = $(patsubst %.c,$(BUILD)/$(MODE)/%,$(1))
PICKED := $(call built,$(call pick,$(SHORT)))
PICKED_SH := $(call pick,$(TEST_SH))
PLANTED := $(PLANTS:tests/sim/plants/%.patch=$(BUILD)/$(MODE)/plants/%)
POWER_PLANTED := $(if $(filter %/power.sh,$(call pick,$(INTEG_SH))),\
    $(POWER_PLANTS:tests/crash/plants/%.patch=$(BUILD)/$(MODE)/power/%))
LONG := $(call built,$(filter tests/fault/% tests/sim/%,$(TEST_SRC)))
THREADED := $(call built,$(if $(TEST_SRC),$(shell grep -lE 'pthread_|pool_|thread' $(TEST_SRC))))
INTEG := $(call built,$(call pick,$(INTEG_SRC)))
PROGRAM := $(BUILD)/$(MODE)/sluice
# A make of our own builds on all processors unless the caller said how many.
sub = $(MAKE) $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS))

.PHONY: golden-update qtt-update test check asan tsan valgrind long integration fuzz coverage bench
test: packages ## unit, contract, golden, fault, short simulation; T=unit/base/test_err runs one
	@$(sub) run-picked
golden-update: ## let golden tests rewrite what they expect, and show the difference
	@SLUICE_GOLDEN_UPDATE=1 $(sub) run-picked T=golden/ || true
	@git --no-pager diff --stat -- tests/golden
qtt-update: ## add ksqlDB's cases that pass now to tests/golden/qtt
	@SLUICE_QTT_UPDATE=1 $(sub) run-picked T=golden/test_qtt || true
	@git --no-pager diff --stat -- tests/golden/qtt
check: packages-check ## lint, sanitizers, long fault and simulation, integration with real servers
	@tests/support/check.sh $(LINTS)
asan: ## the tests under AddressSanitizer and UBSan
	@$(sub) run-picked MODE=asan
tsan: ## tests with threads under ThreadSanitizer
	@$(sub) run-threaded MODE=tsan
valgrind: packages-check ## the tests under valgrind
	@WRAP="valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite" \
	    $(sub) run-picked
long: ## fault and simulation tests with many seeds
	@SLUICE_TEST_LONG=1 TEST_TIMEOUT=1800 $(sub) run-long
integration: packages-check ## tests/integration and tests/crash with a real Kafka and MariaDB
	@$(sub) run-integration

.PHONY: run-picked run-threaded run-long run-integration
run-picked: $(PICKED) $(PROGRAM) $(if $(filter %/test_plants.sh,$(PICKED_SH)),$(PLANTED))
	$(if $(T),$(if $(PICKED)$(PICKED_SH),,$(error no test matches T=$(T))))
	@$(RUN) $(PICKED) $(PICKED_SH)
run-threaded: $(THREADED) $(PROGRAM)
	@$(RUN) $(THREADED)
run-long: $(LONG) $(PROGRAM)
	@$(RUN) $(LONG)
run-integration: $(INTEG) $(PROGRAM) $(POWER_PLANTED)
	@SLUICE_TEST_LONG=1 JOBS=1 TEST_TIMEOUT=2400 $(if $(INTEG)$(INTEG_SH),tests/servers/with_servers.sh) \
	    env SLUICE_POWER_PLANTS="$(abspath $(POWER_PLANTED))" $(RUN) $(INTEG) $(call pick,$(INTEG_SH))

FUZZERS := $(FUZZ_SRC:%.c=$(BUILD)/fuzz/%)
fuzz: $(FUZZERS) ## every fuzzer for FUZZ_SECONDS each; T=name picks
	@set -e; $(foreach f,$(call pick,$(FUZZERS)),tests/support/fuzz.sh $(f) $(FUZZ_SECONDS);)
coverage: ## line coverage of the tests, per file
	@$(sub) run-picked MODE=cov
	@tests/support/coverage.sh $(BUILD)/cov $(LIB_SRC)
bench: build $(BENCH_SRC:%.c=$(BUILD)/release/%) ## benchmarks; bench/run.sh says how
	@BENCH_DIR=$(BUILD)/release/bench bench/run.sh

# --- lint ----------------------------------------------------------------------------------------
LINTS := lint-format lint-source lint-headers lint-globals lint-banned lint-clang lint-cppcheck lint-shell \
    lint-docs lint-tidy
.PHONY: lint lint-all lint-tidy-all headers format docs $(LINTS)
lint: packages-check ## every check of the house rules; clang-tidy on changed files
	@$(MAKE) -k $(LINTS) && echo "lint: ok"
lint-all: packages-check ## the same with clang-tidy over the whole tree
	@$(MAKE) -k $(filter-out lint-tidy,$(LINTS)) lint-tidy-all && echo "lint: ok"

each = printf '%s\0' $(1) | xargs -0 -n 1 -P $(JOBS)
DEBUG_OBJS := $(LIB_SRC:%.c=$(BUILD)/debug/%.o) $(BUILD)/debug/main.o
lint-format:
	@clang-format --dry-run -Werror $(ALL_SRC) $(HEADERS)
lint-source:
	@tests/lint/source.py $(ALL_SRC) $(HEADERS)
headers lint-headers: ## every header compiles alone
	@$(call each,$(HEADERS)) $(CC) $(CPPFLAGS_ALL) $(filter-out -fPIE,$(CFLAGS_ALL)) -fsyntax-only -x c
lint-globals: $(DEBUG_OBJS)
	@tests/lint/objects.sh globals $(BUILD)/debug $(LIB_SRC) main.c
lint-banned: $(DEBUG_OBJS)
	@tests/lint/objects.sh banned $(BUILD)/debug $(LIB_SRC) main.c
lint-clang:
	@$(call each,$(ALL_SRC)) $(CLANG) $(CPPFLAGS_ALL) $(CFLAGS_BASE) $(WARN_CLANG) -fsyntax-only
lint-cppcheck:
	@mkdir -p $(BUILD)/cppcheck
	@cppcheck --quiet --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	    --std=c11 --cppcheck-build-dir=$(BUILD)/cppcheck -j $(JOBS) --suppressions-list=tests/lint/cppcheck.allow \
	    -I. -D_GNU_SOURCE -DSLUICE_WITH_MYSQL=1 -DSLUICE_WITH_POSTGRES=1 -DSLUICE_VERSION='"x"' $(LIB_SRC) main.c
lint-shell:
	@shellcheck -x $(SCRIPTS)
lint-docs: sluice
	@tests/lint/docs_diff.sh
lint-tidy:
	@tests/lint/tidy.sh changed $(LIB_SRC) main.c
lint-tidy-all:
	@tests/lint/tidy.sh all $(LIB_SRC) main.c

format: ## format every source with clang-format
	@clang-format -i $(ALL_SRC) $(HEADERS)
docs: sluice ## regenerate the pages that the program prints about itself
	@tests/lint/docs_diff.sh --write
compile_commands.json: FORCE ## for editors and clang tools
	@tests/support/compile_commands.sh $(ALL_SRC) >$@

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z_.-]+( [a-z_.-]+)*:.*## / {printf "  %-22s %s\n", $$1, $$2}' Makefile | sort
	@echo "  variables: V=1 T=part/of/path CC= MODE=debug|release|asan|tsan|cov WERROR=0 WITH_MYSQL=auto|yes|no WITH_POSTGRES="
	@echo "             BUILD=dir JOBS=n FUZZ_SECONDS=n PREFIX= DESTDIR="
