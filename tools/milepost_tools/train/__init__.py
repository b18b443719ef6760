"""Training of what ships trained: reproducible, on our own simulator, with numpy alone."""
