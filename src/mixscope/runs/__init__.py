"""One run: setup, execution, records, evaluation."""
