# Two commands on a fresh machine with Python 3.11: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-extras test-long lint pictures

demo: .venv/installed
	$(BIN)/ttur run demo
	$(BIN)/ttur report runs/demo --out runs/demo/report.png --html runs/demo/page.html
	@echo "Open runs/demo/page.html in a browser. Next:"
	@echo "  $(BIN)/ttur experiments"
	@echo "  $(BIN)/ttur watch runs"
	@echo "  $(BIN)/ttur theory all"

# One thread per worker: the two share the cores instead of fighting for them. By worksteal a
# file stays with one of them, and so does what its tests share.
test: .venv/installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -q -m "not extras and not long"

# What takes minutes, kills at random moments, or other tools beside ours. Of the files that have such
# tests: to collect the others takes half a minute.
test-extras: .venv/installed-extras
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -q -m "extras and not long" $$(grep -rl --include='*.py' mark.extras tests)

# What a shorter test says already, at length: more kills, every precision to the bit.
test-long: .venv/installed-extras
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -q -m long

# Pictures of README and docs that the present code would draw otherwise: minutes, for the theory.
pictures: .venv/installed
	$(BIN)/python tools/pictures.py

lint: .venv/installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --constraint constraints.txt --editable .
	touch $@

.venv/installed-extras: .venv/installed-test
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[peers,browser]'
	sh tests/browser/install.sh
	touch $@

.venv/installed-test: .venv/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@
