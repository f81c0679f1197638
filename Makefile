.PHONY: all build test race rewrite fuzz sim conformance differential crash bench mesh lint vuln tidy help
.DEFAULT_GOAL := all

T ?= 60s
SEEDS ?= 1000
SEED ?= 1
KILLS ?= 300
REF ?= main
TOOL := go tool -modfile=tools/go.mod

all: build lint test ## Before each commit: build, house rules, tests

build: ## The binary, as ./hortus
	CGO_ENABLED=0 go build -trimpath -o hortus ./cmd/hortus

test: ## All tests
	go test ./...

race: ## All tests with the race detector and costly assertions (needs a C compiler)
	go test -race ./...

rewrite: ## Write the goldens and docs/COMPATIBILITY.md anew; then read the diff
	go test $$(go list -f '{{.ImportPath}} {{.TestImports}} {{.XTestImports}}' ./... | awk '/datadriven/{print $$1}') ./conformance/compatibility -rewrite
	git diff --stat -- '*/testdata/*' docs/COMPATIBILITY.md

fuzz: ## Each fuzz target in turn, for T=60s each
	./tools/fuzz.sh $(T)

sim: ## The simulator over SEEDS=1000 seeds from SEED=1 on, on all processors
	go test -count=1 -timeout 24h -run '^TestSwarm$$' -v ./sim -seeds $(SEEDS) -first $(SEED)

conformance: ## The built binary under real clients, kills and oracles, as far as they are installed
	go test -count=1 -tags conformance ./conformance/...

differential: ## Hortus beside DynamoDB Local, 21,000 requests with each of SEEDS=1000 seeds from SEED=1 on
	go test -count=1 -timeout 24h -tags conformance -run TestDifferential -v ./conformance/differential -seed $(SEED) -seeds $(SEEDS)

crash: ## The built binary killed KILLS=300 times under load, every acknowledged write checked
	HORTUS_KILLS=$(KILLS) go test -count=1 -timeout 60m -tags conformance -run 'TestCrash' -v ./conformance

bench: ## Ten runs of the benchmarks here and at REF=main, compared
	./tools/bench.sh $(REF)

mesh: ## What replication between three processes costs, in figures (Linux; wants a quiet machine)
	HORTUS_MEASURE=1 go test -count=1 -timeout 2h -tags conformance -run TestMeasureMesh -v ./conformance

lint: ## House rules: linters, floors, sizes, package comments, go.mod
	$(TOOL) golangci-lint run --allow-parallel-runners --build-tags conformance ./...
	go test -run 'Test(Floors|Sizes|PackageDocs|NoMachinePaths)$$' .
	go mod tidy -diff

vuln: ## Known vulnerabilities in what we depend on (asks vuln.go.dev)
	$(TOOL) govulncheck ./...

tidy: ## Format, and mend go.mod
	$(TOOL) golangci-lint fmt ./...
	go mod tidy

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
