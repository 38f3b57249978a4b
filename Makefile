# One command a verb; what it does is a program that can be called without make.

.PHONY: help setup up demo test lint bench chaos peers compose-check clean

help:           ## Tell the verbs
	@sed -n 's/^\([a-z-]*\): .*## /\1	/p' $(MAKEFILE_LIST) | expand -t 16

setup:          ## Make .venv/ with the remora command in it
	@deploy/setup

up: setup       ## Start everything on this machine; Ctrl-C ends it
	@.venv/bin/remora up

demo:           ## See it survive: cut connections, killed workers, true exit codes
	@deploy/setup --for demo
	@.venv/bin/python -m tests.acceptance.demo

test:           ## Run the tests; `make test ARGS="-k sshd"` runs some
	@deploy/setup --for test
	@.venv/bin/pytest $(ARGS)

lint:           ## Check style, imports and types
	@deploy/setup --for lint
	@deploy/lint

peers:          ## Run the same probes against other tools and print the table
	@deploy/setup --for test
	@tests/peers/run

bench:          ## Measure side by side and print the table; WORDS="output memory" chooses rows
	@deploy/setup --for test
	@.venv/bin/python -m bench.run $(WORDS)

chaos:          ## Hurt a whole system at random moments; FULL=1, SEED=n, PARTS="P1 P9"
	@deploy/setup --for test
	@.venv/bin/python -m tests.chaos.run $(if $(FULL),--full) $(if $(SEED),--seed $(SEED)) $(PARTS)

compose-check:  ## Build the image, bring the compose file up, run a job through it
	@deploy/setup --for test
	@deploy/compose-check

clean:          ## Remove what the verbs made
	@rm -rf .venv .peers .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
