"""What to run: settings of one run, and studies that expand into many."""
