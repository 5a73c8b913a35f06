# Every target is one call of dev.py, which works without make: `python dev.py test`.
PYTHON ?= python3
.PHONY: run setup test lint bench bundle release prices screenshots lock
run setup test lint bench bundle release prices screenshots lock:
	@$(PYTHON) dev.py $@
