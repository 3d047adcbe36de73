"""From bytes on disk to batches: downloads, archives, the packed store and the loader."""
