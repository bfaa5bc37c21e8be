# make run         install what is missing, then open the window; the demo where there is no display
# make demo        install what is missing, then make shapes, learn from them and generate new ones, without a window
# make test        install what is missing, then style, types, import contracts and the quick tests
# make check-data  the tests that need the real data set; fail where it is absent
# make nightly     the slow tests
# make bench       the quicker benchmarks, one after another; `BENCHMARKS="methods text"` are some of those that train for hours
# make models      the models that come with the program, trained anew, hours on a CPU; `CATEGORIES=chair` makes some
# make pictures    screenshots of the window, dark and light, in build/pictures
# make monkey      ten minutes of chance clicks, keys, drops and kills before the window; `SEED=7` is another monkey
# make judges      exported files before Blender, the Khronos validator, trimesh and manifold3d, in an environment of their own
# make format      put the source into its one style
# make clean       remove the environment and caches; projects stay

PYTHON ?=
OUT ?= out
BENCHMARKS ?= fit extract metrics sample watch
CATEGORIES ?=

# The environment is renewed when its recipe or the checkout's place changes.
STAMP := .venv/stamp-$(shell (pwd; cat pyproject.toml constraints.txt) | cksum | cut -d' ' -f1)
PY := .venv/bin/python

.PHONY: run demo pictures monkey test check-data nightly bench models judges format clean

# A Mac needs no such variable; nor does Windows, whose make has no uname.
DISPLAYS := $(DISPLAY)$(WAYLAND_DISPLAY)$(filter-out Linux,$(shell uname -s))

ifneq ($(DISPLAYS),)
run: $(STAMP)
	$(PY) -m studio $(PROJECT)
else
run: demo
endif

demo: $(STAMP)
	$(PY) -m engine demo $(OUT)

pictures: $(STAMP)
	xvfb-run -a -s "-screen 0 2600x1600x24" $(PY) -m tests.studio.pictures build/pictures

# One thread per test process: results are compared bit for bit, and two processes share two cores.
test: export OMP_NUM_THREADS := 1
test: $(STAMP)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports --no-cache
	$(PY) -m pytest -n 2 --dist worksteal --durations 40 --durations-min 3 -m "not slow"

SEED ?= 1
monkey: $(STAMP)
	xvfb-run -a -s "-screen 0 2600x1600x24" $(PY) -m tests.studio.monkey --seconds 600 --seed $(SEED)

check-data: export SHAPESTUDIO_REQUIRE_DATA := 1
check-data: $(STAMP)
	$(PY) -m pytest -m data

nightly: $(STAMP)
	$(PY) -m pytest -m slow

bench: $(STAMP)
	set -e; for name in $(BENCHMARKS); do $(PY) -m engine bench $$name; done

models: $(STAMP)
	$(PY) -m engine models $(addprefix --category ,$(CATEGORIES))

JUDGES := build/judges/stamp-$(shell cat tests/judges/requirements.txt tests/judges/package.json | cksum | cut -d' ' -f1)

judges: $(STAMP) $(JUDGES)
	$(PY) -m tests.judges.make build/judges
	build/judges/venv/bin/python tests/judges/judge.py build/judges >build/judges/log

$(JUDGES):
	PYTHON="$(PYTHON)" tests/judges/setup $@

format: $(STAMP)
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

$(STAMP):
	PYTHON="$(PYTHON)" .ci/setup $@

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find engine tests -name __pycache__ -type d -prune -exec rm -rf {} +
