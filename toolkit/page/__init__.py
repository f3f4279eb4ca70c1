"""The browser's view of the toolkit: every step is a call of what the command line calls."""
