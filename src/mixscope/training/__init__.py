"""From batches to a trained model: building, optimising, looping, saving and judging."""
