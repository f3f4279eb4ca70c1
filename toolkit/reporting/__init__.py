"""Pictures and documents made from finished runs; nothing in training knows of it."""
