# hospes: `make help` lists the targets.

GO          ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
CROSS       := darwin/arm64 linux/arm64 windows/amd64
FUZZTIME    ?= 20s
SEED        ?= 1
LDFLAGS     ?= -T=0x600000001000

export CGO_ENABLED = 0

.PHONY: help build dist demo deps test test-mappings test-optimised check format vet lint generated cross race fuzz fuzz-programs bench userland userland-fast userland-interpreted userland-at-once userland-small-cache userland-optimised userland-optimised-fast userland-table userland-direct userland-host-pages userland-check userland-check-fast storm report clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build ./hospes, one static binary, and ./hospes-image and ./hospes-explore, which it starts
	$(GO) build -trimpath -ldflags='$(LDFLAGS)' -o hospes ./cmd/hospes
	@# What the linker has written, by a mapping, the kernel keeps page by page, and maps so: a start would take a fifth longer.
	cp hospes hospes.new && mv hospes.new hospes
	$(GO) build -trimpath -o hospes-image ./cmd/hospes-image
	$(GO) build -trimpath -o hospes-explore ./cmd/hospes-explore

dist: ## build/dist: a tar of both commands, the same bytes wherever it is made; checksums and bill of materials
	$(GO) run ./internal/release -ldflags='$(LDFLAGS)' -out build/dist

demo: build ## run the embedded riscv64 program
	./hospes --demo

deps: ## install what the tests use beyond Go (as root or with sudo; otherwise report)
	@scripts/install-deps.sh

test: deps ## run all tests
	$(GO) test -timeout 20m ./...

check: format vet lint generated cross test ## formatting, linters, fresh generated files, other hosts, all tests

format:
	@out=$$(gofmt -l .); [ -z "$$out" ] || { echo "not formatted:"; echo "$$out"; exit 1; }

vet:
	$(GO) vet ./...

lint:
	$(GO) run $(STATICCHECK) ./...

# The tests of generated files, by name, in the packages that have some.
generated:
	$(GO) test -count=1 -run 'Fresh|Generated' ./internal/... ./test/command ./test/userland

cross:
	@for host in $(CROSS); do \
		echo "build for $$host"; \
		GOOS=$${host%/*} GOARCH=$${host#*/} $(GO) build ./... || exit 1; \
	done

race: ## run the tests with the race detector where it works
	CGO_ENABLED=1 $(GO) test -race -short $$($(GO) list ./... | scripts/race-packages.sh)

fuzz: ## run each fuzz target for FUZZTIME (20s)
	@scripts/fuzz.sh $(FUZZTIME)

fuzz-programs: deps ## random programs of many blocks in all configurations, for FUZZTIME (20s), from SEED (1) on
	$(GO) test -count=1 -timeout 0 -v -run '^TestFlows$$' ./internal/difftest -flows $(FUZZTIME) -seed $(SEED)

bench: build deps ## measure hospes beside native code and QEMU; BENCH="-rounds 1 -run ^real/" are its flags
	$(GO) run ./cmd/hospes-bench $(BENCH)

storm: build deps ## 5,000 forks and 2,000 spawns beside threads at work, five times, also under GOGC=5
	@scripts/storm.sh

userland: build deps ## run real programs of a Debian riscv64 system
	$(GO) run ./test/userland -doc $(ROWS)

userland-fast: ROWS = -slow=false -jobs=2
userland-fast: userland ## those of them that CI runs: none takes minutes or needs packages of its own

userland-interpreted: ROWS = -translate=off
userland-interpreted: userland ## all of them without the translator

userland-at-once: build deps ## those that CI runs, everything translated when it is first executed
	$(GO) run ./test/userland -slow=false -jobs=2 -hospes "$(CURDIR)/hospes --threshold=0"

userland-optimised: build deps ## the same with everything optimised at once, too
	$(GO) run ./test/userland -slow=false -jobs=2 -hospes "$(CURDIR)/hospes --threshold=0 --optimise-threshold=0"

userland-optimised-fast: build deps ## those of them that take seconds
	$(GO) run ./test/userland -quick -jobs=2 -execs=false -hospes "$(CURDIR)/hospes --threshold=0 --optimise-threshold=0"

userland-small-cache: build deps ## the same with a code cache of 256 KiB
	$(GO) run ./test/userland -slow=false -jobs=2 -hospes "$(CURDIR)/hospes --threshold=0 --code-cache=256K"

userland-table: build deps ## the same by the page table
	$(GO) run ./test/userland -slow=false -jobs=2 -hospes "$(CURDIR)/hospes --mapping=table"

userland-direct: build deps ## the same with guest memory at the guest's own addresses
	$(GO) run ./test/userland -slow=false -jobs=2 -hospes "$(CURDIR)/hospes --mapping=direct"

userland-host-pages: build deps ## rows that take seconds, as if the host's pages had 16 and 64 KiB
	$(GO) run ./test/userland -quick -jobs=2 -hospes "$(CURDIR)/hospes --host-page-size=16K"
	$(GO) run ./test/userland -quick -jobs=2 -hospes "$(CURDIR)/hospes --host-page-size=64K"

test-mappings: deps ## the programs of test/syscalls under each memory mapping, with large pages of the host, interpreted and translated at once
	$(GO) test -count=1 -timeout 60m ./test -matrix

test-optimised: deps ## programs of test/, optimised at once and left at random places, under each memory mapping
	$(GO) test -count=1 -timeout 60m -run '//optimised' ./test/machine -matrix
	$(GO) test -count=1 -timeout 60m -run '//optimised' ./test -matrix
	HOSPES_THRESHOLD=0 HOSPES_OPTIMISE_THRESHOLD=0 HOSPES_OPTIMISE_CHANCE=1 $(GO) test -count=1 ./test/signals

CHECKED = ^(busybox|bash|dash|coreutils|sqlite3|perl|lua|python|go/(context|os/exec|os/signal|internal/poll|syscall|net|net/rpc|encoding/json|strings|sync|compress/flate))(/|$$)

userland-check: build deps ## shells, sqlite3, Python and Go programs, each translated block compared with the interpreter
	$(GO) run ./test/userland -slow=false -jobs=2 -translate=check -run '$(CHECKED)'

userland-check-fast: build deps ## those of them that take seconds
	$(GO) run ./test/userland -quick -jobs=2 -translate=check -skip '^go/sync'

report: build deps ## count what works: instructions, system calls, programs, packages
	@$(GO) test -count=1 -v ./internal/difftest | sed -n 's/.*difftest: /instructions: /p'
	@sed -n '$$s/^/system calls: /p' docs/syscalls.md
	@$(GO) run ./test/userland $(ROWS) | grep -v '^ok '

clean: ## remove what was built
	rm -rf hospes hospes-image hospes-explore build
