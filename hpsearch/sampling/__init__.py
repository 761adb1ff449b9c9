"""Which settings to try: coarse random first, then finer around the best."""
