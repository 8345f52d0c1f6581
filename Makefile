# `make run` plays, `make test` checks everything; both do all their set-up.
# `make help` lists the rest.

MAKEFLAGS += --no-builtin-rules
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := $(CURDIR)/.bin
STAMPS := .cache/stamps

FUZZTIME ?= 10s
CHAOS ?= 5m
SEED ?= 1
BENCH ?= .
BENCHTIME ?= 1s
URL ?= http://127.0.0.1:8080
LOADTEST ?= --game arena --mode ffa --players 400 --per-match 16 --duration 30s

# What the page and the SDK are built from; the rules of the games are in it as
# WebAssembly.
CLIENT_SOURCES = $(shell find client-js/src client-js/arena client-js/scripts game cmd/arenawasm protocol -type f \
	-not -name '*_test.go' -not -path '*/node_modules/*' 2>/dev/null) \
	$(wildcard client-js/*.json client-js/*.mjs client-js/*.js client-js/*.ts)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile

## Playing

.PHONY: run
run: build ## play: matchmaker, game server and page on http://localhost:8080/; LAN=1: for your network, too
	bin/tactus dev $(if $(LAN),--lan)

.PHONY: build
build: client ## bin/tactus, with the page in it
	go build -trimpath -o bin/tactus ./cmd/tactus

.PHONY: client
client: $(STAMPS)/client ## the TypeScript SDK, the arena page and its WebAssembly

$(STAMPS)/client: $(STAMPS)/npm $(CLIENT_SOURCES)
	cd client-js && npm run --silent build
	@touch $@

$(STAMPS)/npm: client-js/package-lock.json
	@mkdir -p $(STAMPS)
	cd client-js && npm ci --no-audit --no-fund
	@touch $@

## Set-up

# Programs in docs/ that a test runs, with packages of their own.
EXAMPLES = $(patsubst docs/examples/%/package-lock.json,$(STAMPS)/example-%,$(wildcard docs/examples/*/package-lock.json))

.PHONY: setup
setup: tools $(STAMPS)/npm $(EXAMPLES) ## tools and packages that building and testing need
	go mod download

$(STAMPS)/example-%: docs/examples/%/package-lock.json
	@mkdir -p $(STAMPS)
	cd docs/examples/$* && npm ci --no-audit --no-fund
	@touch $@

.PHONY: tools
tools: $(STAMPS)/tools

$(STAMPS)/tools: tools/go.mod tools/go.sum $(wildcard tools/protoc-gen-tactus-ts/*.go)
	@mkdir -p $(STAMPS) $(BIN)
	cd tools && GOBIN=$(BIN) go install tool
	@touch $@

## Checking

.PHONY: test
test: ## everything: lint, generated code, tests, race, client, browser
	.ci/test

.PHONY: test-crowd
test-crowd: ## 500 players behind one address, beside 2,100 silent sockets
	ulimit -n 16384 && CROWD=500 go test -count=1 -run TestPublicPort_crowd -v ./cmd

.PHONY: test-short
test-short: ## the same without race detector and browser
	.ci/test --short

.PHONY: client-test
client-test: client ## type check, unit tests and size limits of the client
	cd client-js && npm run --silent check && npm test --silent

.PHONY: client-size
client-size: $(STAMPS)/npm ## bytes of the client after gzip
	cd client-js && node scripts/size.mjs

.PHONY: browser-test
browser-test: build ## plays in a real Chromium
	.ci/require chromium chromium fonts-dejavu-core
	.ci/require openssl openssl
	cd client-js && npm run --silent e2e

.PHONY: lint
lint: golangci vocabulary client-lint markdown vet-systems ## golangci-lint and biome: style, mistakes and allowed imports; words of names; pages; go vet for other systems

.PHONY: golangci
golangci: tools
	$(BIN)/golangci-lint run ./...

# The directories whose declared names the vocabulary check reads. Words and
# exceptions are in tools/vocabulary.
VOCABULARY = server protocol game internal loadtest matchmaker cmd tools docs

.PHONY: vocabulary
vocabulary: ## words that declared names do not use (tools/vocabulary/words.txt)
	cd tools && go run ./vocabulary -root .. $(VOCABULARY)

.PHONY: client-lint
client-lint: $(STAMPS)/npm ## biome: style and mistakes of the client's TypeScript
	cd client-js && npm run --silent lint

.PHONY: markdown
markdown: $(STAMPS)/npm ## format, headings, code, tables, space and links of all pages in Markdown
	cd tools && go run ./markdown -root ..
	client-js/node_modules/.bin/markdownlint-cli2

# Other systems that the code is vetted for. 386 covers 64-bit atomics and
# constants that no int there can hold, wasip1 the rules that browsers run.
SYSTEMS = linux/386 linux/arm64 windows/amd64 darwin/arm64 freebsd/amd64 wasip1/wasm

.PHONY: vet-systems
vet-systems: $(SYSTEMS:%=vet-%) ## go vet for each system in SYSTEMS

.PHONY: $(SYSTEMS:%=vet-%)
$(SYSTEMS:%=vet-%):
	CGO_ENABLED=0 GOOS=$(word 2,$(subst -, ,$(subst /, ,$@))) GOARCH=$(notdir $@) go vet ./...

.PHONY: fmt
fmt: tools $(STAMPS)/npm ## gofumpt on Go code, biome on TypeScript, generated code excepted; wraps Markdown
	$(BIN)/golangci-lint fmt ./...
	cd tools && $(BIN)/gofumpt -w vocabulary plot protoc-gen-tactus-ts markdown && go run ./markdown -root .. -w
	cd client-js && npm run --silent fmt

.PHONY: gen
gen: tools ## generate code and tables of the docs: the .proto contracts and go:generate
	.ci/require protoc protobuf-compiler
	protocol/rpc/generate.sh
	go generate ./...

.PHONY: gen-check
gen-check: tools ## fail when generated code, or a generated table of the docs, is out of date
	.ci/require protoc protobuf-compiler
	protocol/rpc/generate.sh --check
	DOCBLOCK=check go generate -run docblock ./...

.PHONY: test-chaos
test-chaos: ## kills matchmakers, servers and NATS for CHAOS (5m) in the order of SEED (1) while players play
	go test -count=1 -timeout 30m -run '^TestChaos$$' -v ./matchmaker -chaos $(CHAOS) -chaos-seed $(SEED)

.PHONY: test-upgrade
test-upgrade: ## upgrades an installation of the last release, or of FROM, while 200 bots play
	go test -count=1 -timeout 30m -run '^TestUpgrade_' -v ./matchmaker -upgrade-from $(or $(FROM),$$(sed -n 's/^Commit: //p' CHANGELOG.md | head -n 1))

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (10s)
	@for package in $$(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "== $$package $$target"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

.PHONY: bench
bench: ## Go benchmarks: ns, bytes and allocations per operation
	go test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -benchmem ./...

.PHONY: loadtest
loadtest: build ## bots against a running server: URL=..., LOADTEST="--players ..."
	bin/tactus loadtest --url $(URL) $(LOADTEST)

# The tools run at their own versions, so that they are no dependency of anything.
CYCLONEDX = github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0

.PHONY: sbom
sbom: ## bills of materials of the program and the SDK (CycloneDX) in bin/sbom
	@mkdir -p bin/sbom
	go run $(CYCLONEDX) mod -json -output bin/sbom/tactus.cdx.json
	cd client-js && npm sbom --sbom-format cyclonedx --package-lock-only > ../bin/sbom/client-js.cdx.json

.PHONY: vulncheck
vulncheck: ## known vulnerabilities of code that is called, where https://vuln.go.dev answers
	@if curl --silent --fail --max-time 10 --output /dev/null https://vuln.go.dev/index/db.json; then \
		go run $(GOVULNCHECK) ./...; \
	else \
		echo "vulncheck: https://vuln.go.dev does not answer; nothing was checked"; \
	fi

## Releasing

.PHONY: release
release: ## tag and files of VERSION=v0.1.0 in bin/release; pushes nothing (docs/releasing.md)
	@.ci/release $(VERSION)

## Benchmarks

# Whole servers against the workloads of docs/bench.md. Each prints one table
# and leaves JSON in .cache/bench. BENCH_SECONDS=5 BENCH_REPEATS=1 is quick;
# BENCH_SIZES=400,800 sets the numbers of clients of w3, w5 and the sweep.
BENCH_SECONDS ?= 20
BENCH_REPEATS ?= 3
BENCH_SIZES ?=
BENCH_RUN = bin/bench -seconds $(BENCH_SECONDS) -repeats $(BENCH_REPEATS) -sizes "$(BENCH_SIZES)"

.PHONY: bench-w1 bench-w2 bench-w3 bench-w4 bench-w5 bench-slow bench-sweep bench-profile
bench-w1: bench-programs bin/floor ## 25 matches of 16, everybody moves
bench-w2: bench-programs bin/floor ## one match of 200
bench-w3: bench-programs ## 10,000 silent clients
bench-w4: bench-programs ## the matchmaker
bench-w5: bench-programs ## one world of 3,000, interest management
bench-slow: bench-programs ## what clients notice of slow ones
bench-sweep: bench-programs bin/floor $(STAMPS)/peers ## cost and capacity as clients grow
bench-profile: bench-programs ## where the server's time goes (perf)
bench-w1 bench-w2 bench-w3 bench-w4 bench-w5 bench-slow bench-sweep bench-profile:
	$(BENCH_RUN) $(@:bench-%=%)

.PHONY: bench-tls bench-tls-ab bench-storm
bench-tls: bench-programs bench-proxies ## W1 over TLS: in the process, and behind nginx, HAProxy and Caddy
	$(BENCH_RUN) tls

.PHONY: bench-proxies
bench-proxies:
	.ci/require nginx nginx
	.ci/require haproxy haproxy
	.ci/require caddy caddy

bench-tls-ab: bench-programs ## CPU of W1 over TLS over that without, PAIRS pairs at the same time
	bin/bench -seconds $(SECONDS) ab -tls -pairs $(PAIRS)

bench-storm: bench-programs ## 2,000 players lose their connections and come back at once, over TLS
	$(BENCH_RUN) storm

.PHONY: bench-floor
bench-floor: bench-programs bin/floor ## what the operating system asks for, and nothing else
	$(BENCH_RUN) floor

.PHONY: bench-peers
bench-peers: bench-programs $(STAMPS)/peers ## Socket.IO and Colyseus under the same load
	$(BENCH_RUN) peers

# Two builds in alternation. BEFORE is an older build of cmd/tactusbench. Every
# window is kept in .cache/bench/ab-*.json. The machine has to be idle.
PAIRS ?= 40
SECONDS ?= 10
.PHONY: bench-ab
bench-ab: bench-programs ## CPU of this build over that of BEFORE=path/to/tactusbench, W1, with a 95 % interval
	@test -n "$(BEFORE)" || { echo "BEFORE=path/to/tactusbench: an older build to compare with" >&2; exit 2; }
	bin/bench -seconds $(SECONDS) ab -before $(BEFORE) -pairs $(PAIRS) -before-aa

.PHONY: bench-report
bench-report: bench-programs bench-proxies bin/floor $(STAMPS)/peers bin/plot ## all of them into docs/bench.md, in half an hour
	$(BENCH_RUN) -keep-going w1 w2 w3 w4 w5 slow tls storm peers sweep profile
	bin/plot .cache/bench docs/img
	bin/bench report

.PHONY: bench-programs
bench-programs:
	go build -o bin/bench ./loadtest/bench
	go build -trimpath -o bin/tactusbench ./cmd/tactusbench

bin/floor: loadtest/floor/floor.c
	@command -v cc >/dev/null || { echo "the floor is a C program and there is no cc: install a C compiler (on Debian: apt-get install gcc libc6-dev)" >&2; exit 1; }
	@mkdir -p bin
	cc -O2 -Wall -Wextra -o $@ $<

bin/plot: $(wildcard tools/plot/*.go) tools/plot/go.mod tools/plot/go.sum
	@mkdir -p bin
	cd tools/plot && go build -o ../../bin/plot .

# Not `npm ci`: it wants the optional packages of every platform, which not every
# registry has. The versions are those of the lock file all the same.
$(STAMPS)/peers: loadtest/peers/package-lock.json
	@mkdir -p $(STAMPS)
	cd loadtest/peers && npm install --no-save --no-audit --no-fund
	@touch $@

.PHONY: clean
clean: ## remove what was built and what tests left behind
	rm -rf bin .cache .bin client-js/node_modules docs/examples/*/node_modules loadtest/peers/node_modules
	find client-js/dist -mindepth 1 -not -name .keep -delete
