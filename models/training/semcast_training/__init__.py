"""Training and export of semcast model bundles (PyTorch lives only here)."""
