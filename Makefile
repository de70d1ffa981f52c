# libsymo.  `make help` lists what there is.  Needs GNU make 3.81 or newer.
#
# Variables: CC CFLAGS CPPFLAGS LDFLAGS (added after ours), OPT (-O3), NATIVE=1 (-march=native),
# WERROR=1 (warnings are errors), V=1 (whole commands), MPI=1, BUILD (build), PREFIX (/usr/local), DESTDIR.

VERSION_HEADER := include/symo/version.h
version_part = $(shell sed -n 's/^.define SYMO_VERSION_$(1) //p' $(VERSION_HEADER))
MAJOR   := $(call version_part,MAJOR)
VERSION := $(MAJOR).$(call version_part,MINOR).$(call version_part,PATCH)

# MPI=1: the command works in several processes (mpirun -n N build-mpi/symo train ..).
MPI     ?= 0
BUILD   ?= build$(if $(filter 1,$(MPI)),-mpi)
PREFIX  ?= /usr/local
DESTDIR ?=
OPT     ?= -O3
NATIVE  ?= 0
WERROR  ?= 0
SANITIZE ?=
CLANG_FORMAT ?= clang-format
CLANG_TIDY   ?= clang-tidy
UNAME   := $(shell uname -s)
ifneq ($(words $(BUILD)),1)
  $(error BUILD is "$(BUILD)": make takes no blanks in it (name a directory without))
endif
ifneq ($(V),1)
  Q := @
  say = @echo '  $(1)  $@'
endif

BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR    ?= $(PREFIX)/share/symo/data
PCDIR      ?= $(LIBDIR)/pkgconfig
CMAKEDIR   ?= $(LIBDIR)/cmake/symo
MANDIR     ?= $(PREFIX)/share/man
BASHDIR    ?= $(PREFIX)/share/bash-completion/completions
EXAMPLEDIR ?= $(PREFIX)/share/doc/symo/examples

# ---- flags --------------------------------------------------------------------------------------

PKG_CONFIG ?= pkg-config
ifeq ($(UNAME),Darwin)
  # Homebrew keeps OpenBLAS, which has LAPACKE inside, out of the way of Apple's.
  BLAS_PC := $(shell brew --prefix openblas)/lib/pkgconfig
  PKG_CONFIG := PKG_CONFIG_PATH="$(BLAS_PC):$$PKG_CONFIG_PATH" pkg-config
  LAPACKE := $(shell $(PKG_CONFIG) --exists lapacke && echo -llapacke)
else
  LAPACKE := -llapacke
endif

# Other people's headers are system headers: our warnings are not for them.
PACKAGES := gsl openblas jansson zlib $(if $(LAPACKE),lapacke)
package_flags = $(foreach p,$(PACKAGES),$(shell $(PKG_CONFIG) $(1) $(p) 2>/dev/null))
PACKAGE_INCLUDES := $(patsubst -I%,-isystem %,$(sort $(filter-out -I/usr/include \
  -I/usr/include/%-linux-gnu,$(call package_flags,--cflags-only-I))))
PACKAGE_PATHS := $(sort $(call package_flags,--libs-only-L))

# GSL comes first and gslcblas never: it would take the place of OpenBLAS, twenty times slower.
# Each library stands before those that it uses: linkers read archives once, from left to right.
LIBS     := $(PACKAGE_PATHS) -lgsl $(LAPACKE) -lopenblas -ljansson -lm
# The command lends its functions to the plugins that it loads.
EXE_LIBS := $(PACKAGE_PATHS) -rdynamic -lgsl $(LAPACKE) -lopenblas -ljansson -lz -lm -ldl
# A static OpenBLAS that holds compiled Fortran needs its run time, as far as it is there.
FORTRAN   = $(if $(filter -lgfortran,$(call package_flags,--static --libs-only-l)),$(foreach \
  l,gfortran quadmath,$(if $(filter /%,$(shell $(CC) -print-file-name=lib$(l).a)),-l$(l))))

# What MPI needs, by pkg-config or, where that knows none, by the compilers of Open MPI and MPICH.
ifeq ($(MPI),1)
  MPICC ?= mpicc
  MPI_PC := $(firstword $(foreach p,mpi-c ompi-c mpich,$(shell $(PKG_CONFIG) --exists $(p) && echo $(p))))
  mpi_flags = $(if $(MPI_PC),$(shell $(PKG_CONFIG) $(1) $(MPI_PC)),$(shell $(MPICC) $(2) 2>/dev/null || \
    $(MPICC) $(3) 2>/dev/null))
  MPI_CFLAGS := $(patsubst -I%,-isystem %,$(filter -I% -D%,$(call mpi_flags,--cflags,-showme:compile,-compile_info)))
  MPI_LIBS := $(filter -L% -l% -Wl%,$(call mpi_flags,--libs,-showme:link,-link_info))
  ifeq ($(MPI_LIBS),)
    $(error MPI=1: neither $(PKG_CONFIG) nor $(MPICC) knows an MPI (./bootstrap deps --mpi installs one))
  endif
  EXE_LIBS += $(MPI_LIBS)
endif
RANKS := cli/ranks_$(if $(filter 1,$(MPI)),mpi,one).c

# Functions in tables take what the table says, needed or not.
WARNINGS := -Wall -Wextra -Wno-unused-parameter -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
ifeq ($(WERROR),1)
  WARNINGS += -Werror
endif
ifeq ($(NATIVE),1)
  OPT += -march=native
endif
ALL_CPPFLAGS = -Iinclude -I. -D_POSIX_C_SOURCE=200809L $(PACKAGE_INCLUDES) $(CPPFLAGS)
# Numbers stay what they are: nothing is contracted (so that they do not depend on the instruction
# set), but nobody reads errno or exception flags after arithmetic, which would keep loops scalar.
MATH := -ffp-contract=off -fno-math-errno -fno-trapping-math
ALL_CFLAGS   = -std=c11 $(OPT) $(MATH) -fPIC -pthread $(WARNINGS) $(SANITIZE) $(CFLAGS)
ALL_LDFLAGS  = -pthread $(SANITIZE) $(LDFLAGS)

CRITERION_CFLAGS = $(shell $(PKG_CONFIG) --cflags criterion 2>/dev/null)
CRITERION_LIBS   = $(shell $(PKG_CONFIG) --libs criterion 2>/dev/null || echo -lcriterion)

# ---- what there is ------------------------------------------------------------------------------

LIB_DIRS := core groups hessian optim io
LIB_SRC  := $(sort $(foreach d,$(LIB_DIRS),$(wildcard $(d)/*.c) $(wildcard $(d)/*/*.c)))
EXAMPLE_SRC := $(sort $(wildcard experiments/examples/*.c))
CMD_DIRS := net cli experiments
CMD_SRC  := $(filter-out $(EXAMPLE_SRC) $(filter-out $(RANKS),cli/ranks_one.c cli/ranks_mpi.c),$(sort $(foreach d,$(CMD_DIRS),$(wildcard $(d)/*.c) \
  $(wildcard $(d)/*/*.c))))
# TEST_DIRS='core groups' builds the tests of these folders only.
TEST_DIRS ?= *
SUPPORT_SRC := $(sort $(wildcard tests/support/*.c))
TEST_SRC := $(filter-out $(SUPPORT_SRC) $(wildcard tests/programs/*.c),$(sort $(foreach d,$(TEST_DIRS),$(wildcard tests/$(d)/*.c) \
  $(wildcard tests/$(d)/*/*.c))))
HEADERS  := $(sort $(wildcard include/symo/*.h))
DATA     := $(sort $(wildcard experiments/data/files/*))
OUR_CODE := $(sort $(LIB_SRC) $(CMD_SRC) cli/ranks_one.c cli/ranks_mpi.c $(TEST_SRC) $(SUPPORT_SRC) $(EXAMPLE_SRC) $(HEADERS) \
  $(foreach d,$(LIB_DIRS) $(CMD_DIRS) tests,$(wildcard $(d)/*.h $(d)/*/*.h $(d)/*/*/*.h \
  $(d)/*.inc $(d)/*/*.inc)))

OBJ      := $(BUILD)/obj
LIB_OBJ  := $(LIB_SRC:%.c=$(OBJ)/%.o)
CMD_OBJ  := $(CMD_SRC:%.c=$(OBJ)/%.o)
TEST_OBJ := $(TEST_SRC:%.c=$(OBJ)/%.o) $(OBJ)/tests/support/testing.o
SUPPORT_OBJ := $(SUPPORT_SRC:%.c=$(OBJ)/%.o)
PROGRAMS := $(patsubst tests/programs/%.c,$(BUILD)/tests/%,$(wildcard tests/programs/*.c))
EXAMPLES := $(EXAMPLE_SRC:experiments/examples/%.c=$(BUILD)/examples/%)

STATIC := $(BUILD)/libsymo.a
KIT    := $(OBJ)/libkit.a
SYMO   := $(BUILD)/symo
TESTS  := $(BUILD)/tests/symo-tests
ifeq ($(UNAME),Darwin)
  SHARED_NAME := libsymo.dylib
  SHARED_SO   := libsymo.$(MAJOR).dylib
  SHARED_FULL := libsymo.$(VERSION).dylib
  SHARED_FLAGS = -dynamiclib -install_name $(LIBDIR)/$(SHARED_SO) \
    -exported_symbols_list $(BUILD)/symo.map
  MAP_LINE := s/.*/_&/
  MAP_HEAD := true
  MAP_TAIL := true
else
  SHARED_NAME := libsymo.so
  SHARED_SO   := libsymo.so.$(MAJOR)
  SHARED_FULL := libsymo.so.$(VERSION)
  SHARED_FLAGS = -shared -Wl,-soname,$(SHARED_SO) -Wl,--version-script=$(BUILD)/symo.map
  ifeq ($(SANITIZE),)
    SHARED_FLAGS += -Wl,-z,defs
  endif
  MAP_LINE := s/.*/    &;/
  MAP_HEAD := echo 'SYMO_$(MAJOR) {'; echo '  global:'
  MAP_TAIL := echo '  local: *;'; echo '};'
endif
SHARED := $(BUILD)/$(SHARED_FULL)

.PHONY: all lib test check test-torch test-kernels test-mpi test-kill asan valgrind coverage format format-check tidy bench peers results examples \
  install uninstall clean help FORCE
.DELETE_ON_ERROR:
.SUFFIXES:

all: lib $(SYMO)
lib: $(STATIC) $(BUILD)/$(SHARED_NAME)

# ---- building -----------------------------------------------------------------------------------

# A file that changes only when its text does: what depends on it is made again with new flags, or
# when a source file comes or goes.
define stamp
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(1))' >$@.new
	@if cmp -s $@.new $@; then rm -f $@.new; else mv -f $@.new $@; fi
endef

$(BUILD)/flags: FORCE
	$(call stamp,$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS))
$(BUILD)/link: FORCE
	$(call stamp,$(CC) $(ALL_LDFLAGS) $(SHARED_FLAGS) $(EXE_LIBS))
$(BUILD)/datadir: FORCE
	$(call stamp,$(DATADIR) $(CURDIR) $(SOURCE_DATA))
$(BUILD)/lib-list: FORCE
	$(call stamp,$(LIB_OBJ))
$(BUILD)/cmd-list: FORCE
	$(call stamp,$(CMD_OBJ) $(SUPPORT_OBJ))
$(BUILD)/test-list: FORCE
	$(call stamp,$(TEST_OBJ))

$(OBJ)/tests/%.o: tests/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC  )
	$(Q)$(CC) $(ALL_CPPFLAGS) $(CRITERION_CFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# Where the command looks for its data last: as installed, and in this tree, unless SOURCE_DATA=0.
SOURCE_DATA ?= 1
$(OBJ)/experiments/data/data.o: $(BUILD)/datadir
$(OBJ)/experiments/data/data.o: OWN_FLAGS := -DSYMO_DATADIR='"$(DATADIR)"' \
  $(if $(filter 1,$(SOURCE_DATA)),-DSYMO_SOURCE_DATADIR='"$(CURDIR)/experiments/data/files"')

$(OBJ)/cli/ranks_mpi.o: OWN_FLAGS := $(MPI_CFLAGS)

$(OBJ)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC  )
	$(Q)$(CC) $(ALL_CPPFLAGS) $(OWN_FLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(STATIC): $(LIB_OBJ) $(BUILD)/lib-list
	@rm -f $@
	$(call say,AR  )
	$(Q)$(AR) rcs $@ $(LIB_OBJ)

# The command without its main, and what tests share: for the tests.
KIT_OBJ := $(filter-out $(OBJ)/experiments/main.o,$(CMD_OBJ)) \
  $(filter-out $(OBJ)/tests/support/testing.o,$(SUPPORT_OBJ))
$(KIT): $(KIT_OBJ) $(BUILD)/cmd-list
	@rm -f $@
	$(call say,AR  )
	$(Q)$(AR) rcs $@ $(KIT_OBJ)

# Exported: the functions and objects declared in the public headers, nothing else.
$(BUILD)/symo.map: $(HEADERS) Makefile
	@mkdir -p $(@D)
	@{ $(MAP_HEAD); for h in $(HEADERS); do \
	    $(CC) -Iinclude -E -P -x c $$h; done | tr '\n' ' ' | tr ';{}' '\n\n\n' | \
	  sed -n -e '/^ *static /d' -e 's/^.*[ *]\(symo_[a-z0-9_]*\) *([^*].*$$/\1/p' \
	    -e 's/^ *extern .*[ *]\(symo_[a-z0-9_]*\)[][ 0-9]*$$/\1/p' | \
	  sort -u | sed '$(MAP_LINE)'; $(MAP_TAIL); } >$@

$(SHARED): $(LIB_OBJ) $(BUILD)/lib-list $(BUILD)/link $(BUILD)/symo.map
	$(call say,LINK)
	$(Q)$(CC) $(SHARED_FLAGS) -o $@ $(LIB_OBJ) $(ALL_LDFLAGS) $(LIBS)
$(BUILD)/$(SHARED_SO): $(SHARED)
	$(Q)ln -sf $(SHARED_FULL) $@
$(BUILD)/$(SHARED_NAME): $(BUILD)/$(SHARED_SO)
	$(Q)ln -sf $(SHARED_SO) $@

$(SYMO): $(CMD_OBJ) $(STATIC) $(BUILD)/cmd-list $(BUILD)/link
	$(call say,LINK)
	$(Q)$(CC) -o $@ $(CMD_OBJ) $(STATIC) $(ALL_LDFLAGS) $(EXE_LIBS)

$(TESTS): $(TEST_OBJ) $(KIT) $(STATIC) $(BUILD)/test-list $(BUILD)/link
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) -o $@ $(TEST_OBJ) $(KIT) $(STATIC) $(ALL_LDFLAGS) $(CRITERION_LIBS) $(EXE_LIBS)

examples: $(EXAMPLES)
$(BUILD)/examples/%: $(OBJ)/experiments/examples/%.o $(STATIC) $(BUILD)/link
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) -o $@ $< $(STATIC) $(ALL_LDFLAGS) $(LIBS)
.SECONDARY: $(EXAMPLE_SRC:%.c=$(OBJ)/%.o) $(patsubst %,$(OBJ)/tests/programs/%.o,$(notdir $(PROGRAMS)))

-include $(LIB_OBJ:.o=.d) $(CMD_OBJ:.o=.d) $(TEST_OBJ:.o=.d) $(SUPPORT_OBJ:.o=.d) \
  $(EXAMPLE_SRC:%.c=$(OBJ)/%.d) $(patsubst %,$(OBJ)/tests/programs/%.d,$(notdir $(PROGRAMS)))

# ---- checking -----------------------------------------------------------------------------------

RUN = BUILD='$(BUILD)' CC='$(CC)' TEST_FLAGS='$(SANITIZE)' tests/run.sh
SELF = $(MAKE) --no-print-directory

test check: all examples $(TESTS) $(PROGRAMS)
	@$(RUN) $(TESTS)

# FAMILY:THREADS of BLAS; what the machine does not have is left out.
KERNELS ?= Prescott:1 Haswell:2 SkylakeX:1
# The Python package with torch, and a wheel with a BLAS of its own, in a virtual environment outside.
test-torch: all
	@BUILD='$(BUILD)' tests/torch.sh

test-kernels: all examples $(TESTS) $(PROGRAMS)
	@KERNELS='$(KERNELS)' BUILD='$(BUILD)' CC='$(CC)' TEST_FLAGS='$(SANITIZE)' tests/kernels.sh \
	  $(TESTS)

# The command in several processes, in a build of its own.
test-mpi: all
	+@$(SELF) MPI=1 BUILD=$(BUILD)-mpi all
	@work=$$(mktemp -d); SOURCE='$(CURDIR)' BUILD='$(abspath $(BUILD))' CC='$(CC)' WORK=$$work \
	  MPI_SYMO='$(abspath $(BUILD)-mpi/symo)' SYMO='$(abspath $(SYMO))' \
	  bash -c 'bash tests/experiments/mpi.sh && bash tests/experiments/mpi_kill.sh'; status=$$?; rm -rf "$$work"; \
	  [ $$status -ne 0 ] || echo 'passed: test-mpi'; exit $$status

# Instrumented code draws false warnings from gcc, so they are no errors here.
asan:
	+@$(SELF) BUILD=$(BUILD)/asan WERROR=0 OPT='-O1 -g -fno-omit-frame-pointer' \
	  SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all' sanitized-test
.PHONY: sanitized-test
sanitized-test: all examples $(TESTS) $(PROGRAMS)
	@SANITIZED=1 $(RUN) $(TESTS)

# Slow: about a second a test and more, so only some suites (a Criterion filter SUITE/TEST).
VALGRIND_SUITES := alloc|context|closed_forms|groups|estimate*|operations*|strided
VALGRIND_FILTER ?= @($(VALGRIND_SUITES)|io_hessian|io_tensors|net_api)/*
valgrind:
	+@$(SELF) BUILD=$(BUILD)/valgrind OPT='-O1 -g' valgrind-test
.PHONY: valgrind-test
valgrind-test: $(TESTS)
	@VALGRIND='$(VALGRIND_FILTER)' $(RUN) $(TESTS)

# kill -9 at random moments of training: KILLS (100) times over all tasks.
test-kill: all
	@SYMO='$(abspath $(SYMO))' tests/kill.sh

# Programs of their own (tests/programs): several threads under ThreadSanitizer, whose BLAS has one; a
# million steps.  LONG_STEPS, TSAN_ROUNDS.
$(BUILD)/tests/%: $(OBJ)/tests/programs/%.o $(STATIC) $(BUILD)/link
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) -o $@ $< $(STATIC) $(ALL_LDFLAGS) $(LIBS)
TSAN_ROUNDS ?= 20
LONG_STEPS ?= 1000000
test-tsan:
	+@$(SELF) BUILD=$(BUILD)/tsan WERROR=0 OPT='-O1 -g' SANITIZE='-fsanitize=thread' \
	  $(BUILD)/tsan/tests/threads
	TSAN_OPTIONS='suppressions=tests/programs/tsan.supp halt_on_error=1' OPENBLAS_NUM_THREADS=1 \
	  $(BUILD)/tsan/tests/threads $(TSAN_ROUNDS)
test-long: $(BUILD)/tests/long_run
	OPENBLAS_NUM_THREADS=1 $< $(LONG_STEPS)
.PHONY: test-tsan test-long
# libFuzzer with the sanitizers: each of FUZZ_TARGETS for FUZZ_SECONDS, from the seeds of tests/fuzz
# and what was found before (build/fuzz/corpus), FUZZ_JOBS of them at once.  FUZZ_RUNS=10000000: in
# rounds, until each has had so many executions in all, those of earlier campaigns among them
# (build/fuzz/executions.txt; fuzz-table prints them).  fuzz-merge makes the corpus smaller.
FUZZ_CC ?= clang
FUZZ_SECONDS ?= 60
FUZZ_JOBS ?= 1
FUZZ_TARGETS ?= $(shell sed -n 's/^  X(\([a-z_]*\)).*/\1/p' tests/fuzz/targets.h)
FUZZ_RUN = BUILD='$(BUILD)/fuzz' FUZZ_SECONDS='$(FUZZ_SECONDS)' FUZZ_RUNS='$(FUZZ_RUNS)' \
  FUZZ_JOBS='$(FUZZ_JOBS)' tests/fuzz/run.sh
FUZZ_OPT ?= -O2 -g1 -fno-omit-frame-pointer -Wno-pass-failed
fuzz fuzz-merge:
	+@$(SELF) BUILD=$(BUILD)/fuzz WERROR=0 CC='$(FUZZ_CC)' OPT='$(FUZZ_OPT)' \
	  CPPFLAGS='$(strip -DSYMO_ONE_TARGET $(CPPFLAGS))' \
	  SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined' \
	  fuzzers
	@$(FUZZ_RUN) $(if $(filter fuzz-merge,$@),--merge) $(FUZZ_TARGETS)
fuzz-table:
	@$(FUZZ_RUN) --table
.PHONY: fuzz fuzzers fuzz-merge fuzz-table
fuzzers: $(FUZZ_TARGETS:%=$(BUILD)/fuzz-%)
FUZZ_OBJ := $(patsubst %.c,$(OBJ)/%.o,$(filter-out tests/fuzz/driver.c tests/fuzz/test_fuzz.c,$(wildcard tests/fuzz/*.c)))
$(BUILD)/fuzz-%: tests/fuzz/driver.c $(FUZZ_OBJ) $(KIT) $(STATIC)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -fsanitize=fuzzer -DFUZZ_TARGET=fuzz_$* -o $@ $< \
	  $(FUZZ_OBJ) $(KIT) $(STATIC) $(ALL_LDFLAGS) $(EXE_LIBS)

coverage:
	@mkdir -p $(BUILD)/coverage && find $(BUILD)/coverage -name '*.gcda' -exec rm -f {} +
	+@$(SELF) BUILD=$(BUILD)/coverage OPT='-O1 -g -fno-inline' SANITIZE=--coverage \
	  CPPFLAGS='-DSYMO_ONE_TARGET $(CPPFLAGS)' test; status=$$?; \
	  tests/coverage.py $(BUILD)/coverage --least 95 85 && exit $$status

# Operators, constants and flags of closed forms, solvers and the optimizer are changed, one at a time:
# do tests fail?  MUTANTS of them, the same ones for the same MUTANT_SEED; what was tried stays tried, but
# for survivors with MUTANT_AGAIN=survived.  Which suites reach which lines is found out first, and
# again when a source has changed (ten minutes).  MUTANT_SECONDS: of suites, for one.
MUTANTS     ?= 300
MUTANT_SEED ?= 1
MUTANT_JOBS ?= 1
MUTANT_SECONDS ?= 40
MUTANT_AGAIN ?=
.PHONY: mutants
mutants: all $(TESTS)
	+@$(SELF) BUILD=$(BUILD)/coverage OPT='-O1 -g -fno-inline' SANITIZE=--coverage \
	  CPPFLAGS='-DSYMO_ONE_TARGET $(CPPFLAGS)' $(BUILD)/coverage/tests/symo-tests
	@MUTANT_LIBRARIES='$(ALL_LDFLAGS) $(CRITERION_LIBS) $(EXE_LIBS)' python3 tests/mutation/mutants.py \
	  --build $(BUILD) --coverage $(BUILD)/coverage --results $(BUILD)/mutants \
	  --count $(MUTANTS) --seed $(MUTANT_SEED) --jobs $(MUTANT_JOBS) --most $(MUTANT_SECONDS) \
	  $(if $(MUTANT_AGAIN),--again $(MUTANT_AGAIN))

format:
	$(CLANG_FORMAT) -i $(OUR_CODE)
format-check:
	$(CLANG_FORMAT) --dry-run -Werror $(OUR_CODE)
TIDY := $(addprefix tidy/,$(LIB_SRC) $(CMD_SRC))
.PHONY: $(TIDY)
tidy: $(TIDY)
tidy/core/context.c: TIDY_FLAGS := -DSYMO_ERROR_DEFINES
tidy/cli/output.c: TIDY_FLAGS := -DCLI_ERROR_DEFINES
$(TIDY): tidy/%: %
	@echo '  TIDY  $<'
	@$(CLANG_TIDY) --quiet --warnings-as-errors='*' $< -- $(ALL_CPPFLAGS) $(TIDY_FLAGS) \
	  -std=c11 2>&1 | { ! grep -v ' warnings* generated\.$$'; }

# cppcheck on everything, and gcc's analyzer on the library, the networks and the command's frame.
LINT_DIRS := $(LIB_DIRS) $(CMD_DIRS) tests/support tests/programs
ANALYZED := $(filter-out cli/ranks_mpi.c,$(LIB_SRC) $(wildcard net/*.c net/*/*.c cli/*.c))
.PHONY: lint cppcheck $(ANALYZED:%=analyze/%)
lint: cppcheck $(ANALYZED:%=analyze/%)
cppcheck:
	cppcheck -q --std=c11 --enable=warning,performance,portability -Iinclude -I. \
	  -D_POSIX_C_SOURCE=200809L --include=tests/lint.h --suppressions-list=tests/lint.supp \
	  --suppress=missingIncludeSystem --error-exitcode=1 $(LINT_DIRS)
analyze/core/context.c: TIDY_FLAGS := -DSYMO_ERROR_DEFINES
analyze/cli/output.c: TIDY_FLAGS := -DCLI_ERROR_DEFINES
$(ANALYZED:%=analyze/%): analyze/%: %
	@echo '  LINT  $<'
	@$(CC) $(ALL_CPPFLAGS) $(TIDY_FLAGS) -D__clang_analyzer__ -std=c11 -O1 -fanalyzer -Werror -c $< \
	  -o /dev/null

bench: all
	$(SYMO) bench

# Beside PyTorch, JAX and others, from the package index in an environment outside the tree.
peers: all
	experiments/peers/run.sh --symo $(SYMO) --library $(BUILD)/libsymo.so

# Ten minutes: all that docs/results shows.
results: all
	SYMO=$(SYMO) experiments/results/run.sh

# ---- installing ---------------------------------------------------------------------------------

EXAMPLE_FILES := $(filter-out %/README.md,$(sort $(wildcard experiments/examples/*)))
COMMANDS := $(shell sed -n 's/^  X(\([a-z]*\)).*/\1/p' experiments/commands/commands.h)
PAGES    := symo.1 $(COMMANDS:%=symo-%.1)
SYMO_PC_LIBS = $(filter-out -lm,$(LIBS)) $(FORTRAN) -lm
# INCLUDEDIR as seen from LIBDIR, where both lie under PREFIX: the tree may then be moved.
EMPTY :=
BLANK := $(EMPTY) $(EMPTY)
LIB_BELOW := $(patsubst $(PREFIX)/%,%,$(LIBDIR))
INCLUDE_BELOW := $(patsubst $(PREFIX)/%,%,$(INCLUDEDIR))
UPWARDS := $(subst $(BLANK),,$(patsubst %,../,$(subst /, ,$(LIB_BELOW))))
INCLUDE_FROM_LIB := $(if $(filter /%,$(LIB_BELOW) $(INCLUDE_BELOW)),$(INCLUDEDIR),$(UPWARDS)$(INCLUDE_BELOW))
# fill TEMPLATE,FOLDER: the file of that name in the folder, readable by all.
fill = sed -e 's|@prefix@|$(PREFIX)|' \
	  -e 's|@libdir@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))|' \
	  -e 's|@version@|$(VERSION)|' -e 's|@major_minor@|$(basename $(VERSION))|' \
	  -e 's|@shared@|$(SHARED_FULL)|' -e 's|@soname@|$(SHARED_SO)|' $(3) \
	  packaging/$(1).in >$(DESTDIR)$(2)/$(1) && chmod 644 $(DESTDIR)$(2)/$(1)

# A page for each header, and for each function one that refers to it.
MAN3 := $(BUILD)/man3
.PHONY: man
man: $(MAN3)/symo.3
$(MAN3)/symo.3: packaging/man.awk $(HEADERS)
	@rm -rf $(MAN3) && mkdir -p $(MAN3)
	@awk -v out=$(MAN3) -v version=$(VERSION) -f packaging/man.awk include/symo/symo.h \
	  $(filter-out include/symo/symo.h,$(HEADERS))

install: all man
	install -d $(addprefix $(DESTDIR),$(BINDIR) $(LIBDIR) $(INCLUDEDIR)/symo $(PCDIR) $(CMAKEDIR) \
	  $(DATADIR) $(MANDIR)/man1 $(MANDIR)/man3 $(BASHDIR) $(EXAMPLEDIR))
	install -m 755 $(SYMO) $(DESTDIR)$(BINDIR)/symo
	install -m 644 $(STATIC) $(DESTDIR)$(LIBDIR)/libsymo.a
	install -m 755 $(SHARED) $(DESTDIR)$(LIBDIR)/$(SHARED_FULL)
	ln -sf $(SHARED_FULL) $(DESTDIR)$(LIBDIR)/$(SHARED_SO)
	ln -sf $(SHARED_SO) $(DESTDIR)$(LIBDIR)/$(SHARED_NAME)
	install -m 644 $(HEADERS) $(DESTDIR)$(INCLUDEDIR)/symo
	$(if $(DATA),install -m 644 $(DATA) $(DESTDIR)$(DATADIR))
	install -m 644 $(EXAMPLE_FILES) $(DESTDIR)$(EXAMPLEDIR)
	$(call fill,symo.pc,$(PCDIR),-e 's|@libs@|$(SYMO_PC_LIBS)|' \
	  -e 's|@includedir@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(INCLUDEDIR))|')
	$(call fill,symoConfig.cmake,$(CMAKEDIR),-e 's|@includedir@|$(INCLUDE_FROM_LIB)|' \
	  -e 's|@libs@|$(subst $(BLANK),;,$(strip $(SYMO_PC_LIBS)))|')
	$(call fill,symoConfigVersion.cmake,$(CMAKEDIR))
	$(SYMO) help --man >$(DESTDIR)$(MANDIR)/man1/symo.1
	for c in $(COMMANDS); do $(SYMO) help --man $$c >$(DESTDIR)$(MANDIR)/man1/symo-$$c.1 || exit 1; done
	install -m 644 $(MAN3)/*.3 $(DESTDIR)$(MANDIR)/man3
	$(SYMO) help --completion >$(DESTDIR)$(BASHDIR)/symo
	chmod 644 $(addprefix $(DESTDIR)$(MANDIR)/man1/,$(PAGES)) $(DESTDIR)$(BASHDIR)/symo

uninstall: man
	for page in $(MAN3)/*.3; do rm -f "$(DESTDIR)$(MANDIR)/man3/$${page##*/}"; done
	rm -f $(addprefix $(DESTDIR),$(BINDIR)/symo $(PCDIR)/symo.pc $(BASHDIR)/symo \
	  $(CMAKEDIR)/symoConfig.cmake $(CMAKEDIR)/symoConfigVersion.cmake \
	  $(addprefix $(LIBDIR)/,libsymo.a $(SHARED_FULL) $(SHARED_SO) $(SHARED_NAME)) \
	  $(addprefix $(INCLUDEDIR)/symo/,$(notdir $(HEADERS))) \
	  $(addprefix $(DATADIR)/,$(notdir $(DATA))) $(addprefix $(MANDIR)/man1/,$(PAGES)) \
	  $(addprefix $(EXAMPLEDIR)/,$(notdir $(EXAMPLE_FILES))))
	rmdir $(addprefix $(DESTDIR),$(INCLUDEDIR)/symo $(DATADIR) $(dir $(DATADIR)) $(CMAKEDIR) \
	  $(EXAMPLEDIR) $(dir $(EXAMPLEDIR))) || true

# The manual and the interface as a site.  Undocumented functions and types are errors; members of a
# structure may be told by its own comment.
.PHONY: docs
docs:
	@command -v doxygen >/dev/null || { echo 'make docs: doxygen is missing (apt-get install doxygen)'; exit 1; }
	@rm -rf $(BUILD)/docs && mkdir -p $(BUILD)/docs
	@{ cat packaging/Doxyfile; echo 'OUTPUT_DIRECTORY = $(BUILD)/docs'; \
	  echo 'PROJECT_NUMBER = $(VERSION)'; } | doxygen - 2>$(BUILD)/docs/warnings
	@! grep -vE 'Member .*\(variable\) of struct' $(BUILD)/docs/warnings
	@mkdir -p $(BUILD)/docs/html/results
	@(cd docs/results && find . -name '*.png' -exec tar cf - {} +) | tar xf - -C $(BUILD)/docs/html/results
	@echo '  DOCS  $(BUILD)/docs/html/index.html'

# What the shared library exports, each with the version that it came with.
SYMBOLS := packaging/debian/libsymo0.symbols
.PHONY: symbols
symbols: $(SHARED)
	@touch $(SYMBOLS)
	@nm -D --defined-only $(SHARED) | awk -v version=$(VERSION) \
	  'BEGIN { while ((getline line <"$(SYMBOLS)") > 0) { split(line, w, " "); since[w[1]] = w[2] } \
	     print "$(SHARED_SO) libsymo$(MAJOR) #MINVER#"; fflush() } \
	   { sub(/@@/, "@", $$3); if ($$2 == "A") $$3 = $$3 "@" $$3; print " " $$3, since[$$3] ? since[$$3] : version | "LC_ALL=C sort" }' \
	  >$(BUILD)/symbols && mv $(BUILD)/symbols $(SYMBOLS)

# Debian packages in $(BUILD)/deb, by a copy of the sources.  DEBFULLNAME and DEBEMAIL: who makes them;
# SOURCE_DATE_EPOCH: the date that they bear.
DEBFULLNAME ?= The libsymo authors
DEBEMAIL    ?= libsymo@users.noreply.github.com
DEB_SOURCE  := $(BUILD)/deb/symo-$(VERSION)
DEB_DATE     = $(shell date -uR -d @$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || date +%s)})
.PHONY: deb
deb:
	@command -v dh >/dev/null || { echo 'make deb: debhelper is missing (apt-get install debhelper)'; exit 1; }
	rm -rf $(BUILD)/deb
	mkdir -p $(DEB_SOURCE)
	cp -R Makefile LICENSE README.md CHANGELOG.md packaging include $(LIB_DIRS) $(CMD_DIRS) $(DEB_SOURCE)
	cp -R packaging/debian $(DEB_SOURCE)
	sed -i -e 's|@maintainer@|$(DEBFULLNAME) <$(DEBEMAIL)>|' -e 's|@version@|$(VERSION)|' \
	  -e 's|@date@|$(DEB_DATE)|' $(DEB_SOURCE)/debian/control $(DEB_SOURCE)/debian/changelog
	cd $(DEB_SOURCE) && env -u BUILD -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u DESTDIR -u PREFIX \
	  dpkg-buildpackage -b -us -uc
.PHONY: test-deb
test-deb:
	@mkdir -p $(BUILD)/deb-test
	DEB=1 SYMO=$(firstword $(wildcard $(SYMO)) /bin/true) WORK=$(abspath $(BUILD))/deb-test CC='$(CC)' bash tests/experiments/deb.sh

clean:
	rm -rf $(BUILD)

help:
	@echo 'make [all]     $(SYMO), $(STATIC), $(BUILD)/$(SHARED_NAME)'
	@echo 'make test      the whole test suite (check is the same); WERROR=1 as in CI; FILTER=SUITE/TEST for some'
	@echo '               of the tests in C, SHELL_TESTS="cli train*" for some of those in shell'
	@echo 'make test-kernels  the same with each kernel family of OpenBLAS that the machine has, and'
	@echo '               with one and two BLAS threads: KERNELS=FAMILY:THREADS ($(KERNELS))'
	@echo 'make test-torch  the Python tests with torch, in a virtual environment outside the tree (2 to 3 GB)'
	@echo 'make MPI=1     the command for several processes in build-mpi: mpirun -n N build-mpi/symo train ..'
	@echo 'make test-mpi  builds that in $(BUILD)-mpi, and tests what it does in several processes: KILLS=4'
	@echo 'make test-kill  kill -9 at random moments of training: KILLS=100'
	@echo 'make asan      the same under AddressSanitizer, LeakSanitizer and UBSan (FILTER and SHELL_TESTS too)'
	@echo 'make valgrind  some suites under valgrind: VALGRIND_FILTER=SUITE/TEST'
	@echo 'make test-tsan  optimizers and estimates in several threads under ThreadSanitizer'
	@echo 'make test-long  a million steps of small models: LONG_STEPS'
	@echo 'make fuzz      libFuzzer on all that is read: FUZZ_SECONDS=60 for each of FUZZ_TARGETS, or FUZZ_RUNS in all'
	@echo 'make coverage  the tests with gcov: lines and branches that they reach'
	@echo 'make mutants   do tests fail where the code is changed? MUTANTS=300 MUTANT_SEED MUTANT_JOBS MUTANT_AGAIN=survived'
	@echo 'make format    clang-format on all sources; format-check only looks'
	@echo 'make lint      cppcheck, and gcc -fanalyzer on the library, the networks and cli'
	@echo 'make tidy      clang-tidy on the library and the command'
	@echo 'make bench     speed against limits and peers'
	@echo 'make peers     the same work by PyTorch, JAX, curvlinops and heavyball, in one run'
	@echo 'make results   makes docs/results again'
	@echo 'make examples  the programs of experiments/examples'
	@echo 'make install | uninstall   under PREFIX ($(PREFIX)), with DESTDIR'
	@echo 'make man       manual pages of the interface, section 3, in $$(BUILD)/man3'
	@echo 'make docs      the manual and the interface as a site, by Doxygen'
	@echo 'make deb       Debian packages in $(BUILD)/deb, where debhelper is installed; test-deb looks at them'
	@echo 'make symbols   the list of what the library exports, after the interface has grown'
	@echo 'make clean     removes $(BUILD)'
	@echo 'Variables: CC CFLAGS CPPFLAGS LDFLAGS OPT NATIVE=1 WERROR=1 V=1 MPI=1 BUILD PREFIX DESTDIR'
