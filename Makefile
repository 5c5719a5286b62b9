# kvmweb: `make run` and `make test` are all that is needed; `make help` lists the rest.

VENV ?= .venv
PYTHON = $(VENV)/bin/python
export VENV

.DEFAULT_GOAL := help
.PHONY: help run test demo bench lint format e2e messages install

help: ## This list
	@sed -n 's/^\([a-z0-9]*\):.*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

run: install ## Install what is missing, then serve https://localhost:9090 until Ctrl+C
	@exec $(PYTHON) manage.py serve

test: ## Every check and every suite, as the continuous integration does
	@exec deploy/test.sh all

demo: install ## Build a tiny Linux and define three guests on this machine's libvirt
	@exec $(PYTHON) deploy/demo/define_guests.py

bench: ## Measure speed and memory, print a table
	@deploy/install.sh test
	@exec $(PYTHON) -m bench

lint: ## Style, types, layers, templates, migrations
	@exec deploy/test.sh lint

format: ## Let ruff arrange the code
	@deploy/install.sh test
	@$(VENV)/bin/ruff check --fix --quiet . ; $(VENV)/bin/ruff format .

e2e: ## Only the browser tests
	@exec deploy/test.sh e2e

messages: ## Collect translatable sentences into locale/, then compile
	@deploy/install.sh test
	@$(PYTHON) manage.py makemessages --locale zh_Hans --no-wrap --no-obsolete \
	  --ignore .venv --ignore node_modules --ignore static/vendor
	@$(PYTHON) manage.py compilemessages --verbosity 0 --ignore .venv --ignore node_modules

install:
	@deploy/install.sh run
