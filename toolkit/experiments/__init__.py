"""What recipes and commands do, step by step: everything to its left put to work."""
